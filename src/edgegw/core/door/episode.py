"""One unit in front of one door, from its first read until it is decided: what each side saw, and when.

Reads of one side within CELL_S are one glimpse: a dense stream says no more than its signal can change. An episode
holds at most MAX_GLIMPSES of them (about 5 kB), whatever the reader sends.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from edgegw.core.model import Evidence, Side, SideSight, TagRead

CELL_S = 0.25
MAX_GLIMPSES = 64
MAX_GROWN = 256
"""Of an episode, what is new is saved, read by read: after a crash it decides as before. After so many reads the
whole is saved anew, which is shorter."""


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


@lru_cache(maxsize=1024)
def _weight(dbm: float | None) -> float:
    """Readers know a few hundred levels."""
    return 1.0 if dbm is None else 10.0 ** ((max(-120.0, min(60.0, dbm)) + 60.0) / 10.0)


def glimpse(read: TagRead, side: Side) -> Glimpse:
    return Glimpse(read.t, side, _weight(read.rssi_dbm), 1, read.rssi_dbm)


class Seen(NamedTuple):
    """A read, and the side of its antenna."""

    read: TagRead
    side: Side


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
    reads, weight, moment, square = 0, 0.0, 0.0, 0.0
    peak_dbm: float | None = None
    origin_t = math.nan
    for t, at, power, count, dbm in glimpses:
        if at != side:
            continue
        if not reads:
            origin_t = t
        since_s = t - origin_t
        reads += count
        weight += power
        moment += power * since_s
        square += power * since_s * since_s
        if dbm is not None and (peak_dbm is None or dbm > peak_dbm):
            peak_dbm = dbm
    if not reads:
        return None
    centre_s = moment / weight
    return Sum(reads, weight, origin_t + centre_s, max(0.0, square / weight - centre_s**2), peak_dbm)


class Episode:
    """`follows`: the unit was in view before, so this is no new visit. `unsaved`: its reads since it was saved;
    None: it must be saved whole.
    """

    __slots__ = (
        "_grown", "antennas", "due_t", "first_t", "follows", "glimpses", "last_t", "late", "not_before_t",
        "peak_rssi_dbm", "read", "reads", "sides", "unsaved", "version",
    )  # fmt: skip

    def __init__(self, read: TagRead, follows: bool = False) -> None:
        self.glimpses: list[Glimpse] = []
        self.sides: set[Side] = set()
        self.antennas: dict[tuple[str, int], None] = {}
        self.first_t = read.t
        self.last_t = read.t
        self.peak_rssi_dbm: float | None = None
        self.late = False
        self.read = read
        self.reads = 0
        self.follows = follows
        self.version = 0  # of the glimpses
        self.unsaved: list[Seen] | None = None
        self._grown = 0  # reads since it was saved whole
        self.due_t = math.inf
        self.not_before_t = -math.inf

    def add(self, read: TagRead, side: Side) -> None:
        self._place(glimpse(read, side))
        self.note(read, side)
        self.sides.add(side)
        t, dbm = read.t, read.rssi_dbm
        self.antennas[read.reader, read.antenna] = None
        if dbm is not None and (self.peak_rssi_dbm is None or dbm > self.peak_rssi_dbm):
            self.peak_rssi_dbm = dbm
        self.reads += 1
        self.late = self.late or read.late
        if t >= self.last_t:
            self.last_t, self.read = t, read
        elif t < self.first_t:
            self.first_t = t

    def note(self, read: TagRead, side: Side) -> None:
        """For the journal. A unit has one tag, as a rule; another one of the same name is saved with the whole."""
        self._grown += 1
        if self._grown > MAX_GROWN or (read.epc, read.pc) != (self.read.epc, self.read.pc):
            self.unsaved = None
        elif self.unsaved is not None:
            self.unsaved.append(Seen(read, side))

    def take_unsaved(self) -> list[Seen] | None:
        """The reads since the last call; None: now it is saved whole."""
        unsaved, self.unsaved = self.unsaved, []
        if unsaved is None:
            self._grown = 0
        return unsaved

    def _place(self, new: Glimpse) -> None:
        """Into its place in time; a late report may belong in the middle."""
        self.version += 1
        glimpses = self.glimpses
        at = len(glimpses)
        if glimpses and new.t < glimpses[-1].t:
            at = bisect_right(glimpses, new.t, key=lambda one: one.t)
        before = glimpses[at - 1] if at else None
        if before and new.t - before.t < CELL_S and before.side == new.side:
            glimpses[at - 1] = before.join(new)
            return
        glimpses.insert(at, new)
        if len(glimpses) > MAX_GLIMPSES:
            del glimpses[0]

    def forget_before(self, t: float) -> list[Glimpse]:
        """Let go of what is too old to belong to the same movement, and return it; the newest glimpse always stays."""
        forgotten = [one for one in self.glimpses[:-1] if one.t < t]
        kept = [one for one in self.glimpses if one.t >= t] or self.glimpses[-1:]
        self.glimpses = kept
        self.version += 1
        self.sides = {one.side for one in kept}
        self.first_t = min(kept[0].t, self.last_t)
        self.reads = sum(one.reads for one in kept)
        self.unsaved = None
        self.follows = True
        return forgotten

    def power_around(self, t: float, reach_s: float) -> float:
        """Summed power of what was heard from `t - reach_s` to `t + reach_s`."""
        if self.last_t < t - reach_s or self.first_t > t + reach_s:
            return 0.0
        return sum([one.weight for one in self.glimpses if -reach_s <= one.t - t <= reach_s])

    def evidence(self) -> Evidence:
        return Evidence(
            tag=self.read.epc.hex().upper(),
            reads=self.reads,
            antennas=tuple(f"{reader}/{antenna}" for reader, antenna in self.antennas),
            first_t=self.first_t,
            last_t=self.last_t,
            peak_rssi_dbm=self.peak_rssi_dbm,
            reader_t=self.read.reader_t,
            late=self.late,
        )


def to_json(episode: Episode | None, known: object) -> str:
    """One line: what is being weighed of a unit, None = nothing, and what is `known` of it, in terms of JSON."""
    return line({"known": known} | (_fields(episode) if episode else {}))


def _fields(episode: Episode) -> dict[str, Any]:
    read = episode.read
    return {
        "glimpses": episode.glimpses,
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
    }


def growth(seen: Iterable[Seen]) -> str:
    """A line for each, to be appended to `to_json`."""
    return "".join(
        "\n" + line([read.t, side, read.reader, read.antenna, read.rssi_dbm, read.reader_t, read.late])
        for read, side in seen
    )


class Saved(NamedTuple):
    """What was saved: the episode, what was known, and the reads that both have not seen."""

    episode: Episode | None
    known: Any
    seen: list[Seen]


def from_json(state: str) -> Episode:
    """With all its reads. Raises ValueError for what is no state, and where nothing is being weighed."""
    episode, _, unseen = parse(state)
    if episode is None:
        raise ValueError("nothing is being weighed")
    for one in unseen:
        episode.add(*one)
    return episode


def parse(state: str) -> Saved:
    """Raises ValueError for anything that `to_json` and `growth` did not make."""
    first, *lines = state.split("\n")
    try:
        saved = json.loads(first)
        known = saved["known"]
        if "read" not in saved:
            return Saved(None, known, [])
        episode = _episode(saved)
        return Saved(episode, known, [_seen(episode.read, *json.loads(one)) for one in lines])
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a saved episode: {error!r}") from None


def _episode(saved: dict[str, Any]) -> Episode:
    reader, antenna, epc, epc_bits, t, rssi_dbm, pc, reader_t = saved["read"]
    signal = (number_or_none(rssi_dbm), None if pc is None else int(pc), number_or_none(reader_t))
    read = TagRead(str(reader), int(antenna), bytes.fromhex(epc), int(epc_bits), number(t), *signal)
    episode = Episode(read, bool(saved["follows"]))
    episode.glimpses = [_glimpse(*numbers) for numbers in saved["glimpses"]]
    episode.sides = {one.side for one in episode.glimpses}
    episode.first_t, episode.last_t = map(number, saved["span"])
    episode.antennas = dict.fromkeys((str(reader), int(antenna)) for reader, antenna in saved["antennas"])
    episode.peak_rssi_dbm = number_or_none(saved["peak"])
    episode.late = bool(saved["late"])
    episode.reads = int(saved["reads"])
    if not episode.glimpses:
        raise ValueError("not a saved episode: it has no reads")
    return episode


def line(content: object) -> str:
    """JSON without a line break in it."""
    return json.dumps(content, separators=(",", ":"))


def _seen(
    tag: TagRead, t: object, side: str, reader: str, antenna: int, rssi_dbm: object, reader_t: object, late: bool
) -> Seen:
    read = tag._replace(
        reader=str(reader),
        antenna=int(antenna),
        t=number(t),
        rssi_dbm=number_or_none(rssi_dbm),
        reader_t=number_or_none(reader_t),
        late=bool(late),
    )
    return Seen(read, side_of(side))


def _glimpse(t: float, side: str, weight: float, reads: int, peak_dbm: float | None) -> Glimpse:
    if not weight > 0 or not reads > 0:
        raise ValueError(f"not a saved episode: weight {weight!r}, reads {reads!r}")
    return Glimpse(number(t), side_of(side), number(weight), int(reads), number_or_none(peak_dbm))


def side_of(saved: object) -> Side:
    """Raises ValueError for what names no side."""
    if saved not in ("inside", "outside"):
        raise ValueError(f"not a saved episode: side {saved!r}")
    return "inside" if saved == "inside" else "outside"


def number(saved: object) -> float:
    """JSON knows Infinity and NaN in Python's hand: no time is that."""
    read = float(saved)  # type: ignore[arg-type]  # whatever is no number is a TypeError here
    if not math.isfinite(read):
        raise ValueError(f"not a saved episode: {read}")
    return read


def number_or_none(saved: object) -> float | None:
    return None if saved is None else number(saved)
