"""One unit in front of one door, from its first read until it is decided: what each side saw, and when.

Reads of one side within CELL_S are one glimpse: a dense stream says no more than its signal can change. An episode
holds at most MAX_GLIMPSES of them (about 5 kB), whatever the reader sends.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from edgegw.core.model import Evidence, Side, SideSight, TagRead

CELL_S = 0.25
MAX_GLIMPSES = 64
SAVE_GROWTH = 1.125
"""An episode is saved again when its reads have grown by an eighth: after a crash it decides as before, and a
tag that stands there for hours costs the disk less and less."""


class Glimpse(NamedTuple):
    """Reads of one side in one moment. `weight`: their summed power, 1 = -60 dBm or a read without RSSI.

    t and weight of reads that were joined are those of their power-weighted mean and sum.
    """

    t: float
    side: Side
    weight: float
    reads: int
    peak_dbm: float | None

    def join(self, other: Glimpse) -> Glimpse:
        weight = self.weight + other.weight
        t = self.t + (other.t - self.t) * other.weight / weight
        peak_dbm = max((dbm for dbm in (self.peak_dbm, other.peak_dbm) if dbm is not None), default=None)
        return Glimpse(t, self.side, weight, self.reads + other.reads, peak_dbm)


def glimpse(read: TagRead, side: Side) -> Glimpse:
    dbm = read.rssi_dbm
    weight = 10.0 ** ((max(-120.0, min(60.0, dbm)) + 60.0) / 10.0) if dbm is not None else 1.0
    return Glimpse(read.t, side, weight, 1, dbm)


class Sum(NamedTuple):
    """Glimpses of one side taken together: number of reads, summed power, its centre and variance in time."""

    reads: int
    weight: float
    centre_t: float
    variance_s2: float
    peak_dbm: float | None

    def sight(self) -> SideSight:
        return SideSight(self.reads, self.centre_t, self.peak_dbm)


def add_up(glimpses: Iterable[Glimpse], side: Side) -> Sum | None:
    """None = this side saw nothing."""
    mine = [one for one in glimpses if one.side == side]
    if not mine:
        return None
    weight = math.fsum(one.weight for one in mine)
    origin_t = mine[0].t
    centre_s = math.fsum(one.weight * (one.t - origin_t) for one in mine) / weight
    variance_s2 = math.fsum(one.weight * (one.t - origin_t - centre_s) ** 2 for one in mine) / weight
    peaks = [one.peak_dbm for one in mine if one.peak_dbm is not None]
    return Sum(sum(one.reads for one in mine), weight, origin_t + centre_s, variance_s2, max(peaks, default=None))


class Episode:
    """`follows`: the unit was in view before, so this is no new visit."""

    __slots__ = (
        "antennas", "due_t", "first_t", "follows", "glimpses", "last_t", "late", "new_side", "not_before_t",
        "peak_rssi_dbm", "read", "reads", "saved_reads", "sides", "version",
    )  # fmt: skip

    def __init__(self, read: TagRead, follows: bool = False) -> None:
        self.glimpses: list[Glimpse] = []
        self.sides: set[Side] = set()
        self.antennas: dict[str, None] = {}
        self.first_t = read.t
        self.last_t = read.t
        self.peak_rssi_dbm: float | None = None
        self.late = False
        self.read = read
        self.reads = 0
        self.follows = follows
        self.new_side = True
        self.version = 0  # of the glimpses
        self.saved_reads = 0
        self.due_t = math.inf
        self.not_before_t = -math.inf

    def add(self, read: TagRead, side: Side) -> None:
        self._place(glimpse(read, side))
        self.new_side = self.new_side or side not in self.sides
        self.sides.add(side)
        self.antennas[f"{read.reader}/{read.antenna}"] = None
        if read.rssi_dbm is not None and (self.peak_rssi_dbm is None or read.rssi_dbm > self.peak_rssi_dbm):
            self.peak_rssi_dbm = read.rssi_dbm
        self.reads += 1
        self.late = self.late or read.late
        self.first_t = min(self.first_t, read.t)
        if read.t >= self.last_t:
            self.last_t, self.read = read.t, read

    def _place(self, new: Glimpse) -> None:
        """Into its place in time; a late report may belong in the middle."""
        self.version += 1
        at = bisect_right(self.glimpses, new.t, key=lambda one: one.t)
        before = self.glimpses[at - 1] if at else None
        if before and before.side == new.side and new.t - before.t < CELL_S:
            self.glimpses[at - 1] = before.join(new)
            return
        self.glimpses.insert(at, new)
        if len(self.glimpses) > MAX_GLIMPSES:
            del self.glimpses[0]

    def forget_before(self, t: float) -> list[Glimpse]:
        """Let go of what is too old to belong to the same movement, and return it; the newest glimpse always stays."""
        forgotten = [one for one in self.glimpses[:-1] if one.t < t]
        kept = [one for one in self.glimpses if one.t >= t] or self.glimpses[-1:]
        self.glimpses = kept
        self.version += 1
        self.sides = {one.side for one in kept}
        self.first_t = min(kept[0].t, self.last_t)
        self.reads = self.saved_reads = sum(one.reads for one in kept)
        self.follows = True
        return forgotten

    def power_around(self, t: float, reach_s: float) -> float:
        """Summed power of what was heard from `t - reach_s` to `t + reach_s`."""
        return math.fsum(one.weight for one in self.glimpses if abs(one.t - t) <= reach_s)

    @property
    def worth_saving(self) -> bool:
        """A side seen for the first time, or enough more reads than when it was last saved."""
        return self.new_side or self.reads >= self.saved_reads * SAVE_GROWTH

    def evidence(self) -> Evidence:
        return Evidence(
            tag=self.read.epc.hex().upper(),
            reads=self.reads,
            antennas=tuple(self.antennas),
            first_t=self.first_t,
            last_t=self.last_t,
            peak_rssi_dbm=self.peak_rssi_dbm,
            reader_t=self.read.reader_t,
            late=self.late,
        )


def to_json(episode: Episode) -> str:
    read = episode.read
    return json.dumps(
        {
            "glimpses": [[round(one.t, 6), one.side, one.weight, one.reads, one.peak_dbm] for one in episode.glimpses],
            "span": [episode.first_t, episode.last_t],
            "antennas": list(episode.antennas),
            "peak": episode.peak_rssi_dbm,
            "late": episode.late,
            "reads": episode.reads,
            "follows": episode.follows,
            "read": [
                read.reader,
                read.antenna,
                read.epc.hex(),
                read.epc_bits,
                read.t,
                read.rssi_dbm,
                read.pc,
                read.reader_t,
            ],
        },
        separators=(",", ":"),
    )


def from_json(state: str) -> Episode:
    """Raises ValueError for anything that `to_json` did not make."""
    try:
        saved = json.loads(state)
        reader, antenna, epc, epc_bits, t, rssi_dbm, pc, reader_t = saved["read"]
        signal = (_or_none(rssi_dbm), None if pc is None else int(pc), _or_none(reader_t))
        read = TagRead(str(reader), int(antenna), bytes.fromhex(epc), int(epc_bits), _number(t), *signal)
        episode = Episode(read, bool(saved["follows"]))
        episode.glimpses = [_glimpse(*numbers) for numbers in saved["glimpses"]]
        episode.sides = {one.side for one in episode.glimpses}
        episode.first_t, episode.last_t = map(_number, saved["span"])
        episode.antennas = dict.fromkeys(map(str, saved["antennas"]))
        episode.peak_rssi_dbm = _or_none(saved["peak"])
        episode.late = bool(saved["late"])
        episode.reads = episode.saved_reads = int(saved["reads"])
        episode.new_side = False
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a saved episode: {error!r}") from None
    if not episode.glimpses:
        raise ValueError("not a saved episode: it has no reads")
    return episode


def _glimpse(t: float, side: Side, weight: float, reads: int, peak_dbm: float | None) -> Glimpse:
    if side not in ("inside", "outside") or not weight > 0 or not reads > 0:
        raise ValueError(f"not a saved episode: side {side!r}, weight {weight!r}, reads {reads!r}")
    return Glimpse(_number(t), side, _number(weight), int(reads), _or_none(peak_dbm))


def _number(saved: object) -> float:
    """JSON knows Infinity and NaN in Python's hand: no time is that."""
    number = float(saved)  # type: ignore[arg-type]  # whatever is no number is a TypeError here
    if not math.isfinite(number):
        raise ValueError(f"not a saved episode: {number}")
    return number


def _or_none(saved: object) -> float | None:
    return None if saved is None else _number(saved)
