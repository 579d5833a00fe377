"""What clocks and networks do to a recording: same truth, worse reads."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from simulators.dock_door.tracks import Outage, Read, Track


def skew(track: Track, reader: str, ahead_s: float) -> Track:
    """The clock of one reader is ahead by what the gateway's correction left over."""
    return _with(track, (_stamped(read, ahead_s) if read.reader == reader else read for read in track.reads))


def interrupt(track: Track, outage: Outage) -> Track:
    """The gateway loses its link to a reader; on return the reader reports at once what it has read meanwhile."""
    broken = _with(track, (_held(read, outage) for read in track.reads))
    return replace(broken, outages=(*track.outages, outage))


def repeat(track: Track, share: float, within_s: float, rng: random.Random) -> Track:
    """Some reports come again, up to `within_s` later."""
    again = [read for read in track.reads if rng.random() < share]
    return _with(track, [*track.reads, *(_delayed(read, within_s, rng) for read in again)])


def delay(track: Track, up_to_s: float, rng: random.Random) -> Track:
    """Every report takes its own time, so that they overtake each other."""
    return _with(track, (_delayed(read, up_to_s, rng) for read in track.reads))


def _stamped(read: Read, ahead_s: float) -> Read:
    return read._replace(t=round(read.t + ahead_s, 4))


def _delayed(read: Read, up_to_s: float, rng: random.Random) -> Read:
    return read._replace(arrived_t=read.arrived_t + rng.uniform(0, up_to_s))


def _held(read: Read, outage: Outage) -> Read:
    held = read.reader == outage.reader and outage.from_t <= read.arrived_t < outage.to_t
    return read._replace(arrived_t=outage.to_t) if held else read


def _with(track: Track, reads: Iterable[Read]) -> Track:
    return replace(track, reads=tuple(sorted(reads)))
