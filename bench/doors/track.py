"""A labelled track: what the readers reported when, and which tag really crossed when and which way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from edgegw.config.antennas import parse_antenna
from edgegw.core.model import TagRead
from edgegw.errors import EdgegwError
from simulators.dock_door.scenario import Dock
from simulators.dock_door.tracks import Outage, Span


class BadTrack(EdgegwError):
    """A track cannot be used: says which, and what helps."""


class Arrival(NamedTuple):
    """When a read reached the gateway, in seconds since 1970."""

    t: float
    read: TagRead


class Sighting(NamedTuple):
    """What a door's rule sees of a read. `antenna`: reader and number."""

    t: float
    epc: str
    is_inside: bool
    antenna: tuple[str, int]
    rssi_dbm: float


@dataclass(frozen=True)
class Track:
    """pool: what it is counted with. site: where it was recorded; what was learned elsewhere may be tried on it.

    arrivals     in order of arrival
    slack_s      an event that far outside a window of the truth still belongs to it
    tolerance_s  the windows of the truth reach so far beyond the crossings; None = nobody knows how far
    """

    name: str
    pool: str
    site: str
    dock: Dock
    arrivals: tuple[Arrival, ...]
    truth: tuple[Span, ...]
    slack_s: float = 0.0
    tolerance_s: float | None = None
    outages: tuple[Outage, ...] = ()

    @cached_property
    def sightings(self) -> dict[str, list[Sighting]]:
        """By door, in order of time, as if nothing had come late."""
        sides: dict[tuple[str, int], tuple[str, bool]] = {
            parse_antenna(antenna): (door.name, is_inside)
            for door in self.dock.doors
            for is_inside, antennas in ((True, door.inside), (False, door.outside))
            for antenna in antennas
        }
        found: dict[str, list[Sighting]] = {door.name: [] for door in self.dock.doors}
        for read in sorted((arrival.read for arrival in self.arrivals), key=lambda read: read.t):
            place = sides.get((read.reader, read.antenna))
            if place:
                antenna = read.reader, read.antenna
                sighting = Sighting(read.t, read.epc.hex().upper(), place[1], antenna, read.rssi_dbm or 0.0)
                found[place[0]].append(sighting)
        return found

    def through_t(self, span: Span) -> float:
        """When that crossing was over: in the middle of its window, or later when it took long."""
        over_t = span.t1 - self.tolerance_s if self.tolerance_s else span.t0
        return max(middle(span), over_t)


def middle(span: Span) -> float:
    return (span.t0 + span.t1) / 2


def crossings(truth: tuple[Span, ...]) -> list[Span]:
    """In order of time."""
    return sorted(span for span in truth if span.label != "none")
