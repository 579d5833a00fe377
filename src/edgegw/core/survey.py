"""What a recording tells about one door: how passes look there, what lies there, and which movements are doubtful.

Nobody says what really happened, so two things count as doubt, because they cannot be: a unit that moves the same way
twice in a row, and one that lies on the same side before and after it moved.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from edgegw.core.door.order import OTHER
from edgegw.core.event import unit_key
from edgegw.core.model import DoorSide, Heard, Movement, Passed, ReadPoint, Side, TagRead

LIES_S = 60.0
"""A tag that is decided to lie there over a longer time than this lies there."""
AFTERWARDS_S = 60.0
NEAR_S = 1.0
"""Closer to the crossing, either side hears a unit."""
ENOUGH = 5
"""Fewer movements of a direction say nothing about clocks."""
ALL_ANTENNAS = 0
SAME_S = 3.0
"""A movement within so long of another of the same unit and direction is the same one."""
SOONER_S = 0.5
_LYING = frozenset(("steady", "parked"))


class Ear(NamedTuple):
    """What one antenna heard. `at`: the read point that it has; None = none."""

    reads: int
    at: ReadPoint | None


class Ears:
    """Counts reads as they pass, antenna by antenna."""

    def __init__(self, points: Mapping[tuple[str, int], ReadPoint]) -> None:
        self._points = points
        self._reads: Counter[tuple[str, int, bytes]] = Counter()
        self.total = self.late = self.without_rssi = 0
        self.first_t, self.last_t = math.inf, -math.inf

    def listen(self, reads: Iterable[TagRead]) -> Iterator[TagRead]:
        for read in reads:
            self._reads[read.reader, read.antenna, read.epc] += 1
            self.total += 1
            self.late += read.late
            self.without_rssi += read.rssi_dbm is None
            self.first_t, self.last_t = min(self.first_t, read.t), max(self.last_t, read.t)
            yield read

    @property
    def span_s(self) -> float:
        return max(0.0, self.last_t - self.first_t)

    def by_antenna(self, door: str) -> dict[str, Ear]:
        """`reader/antenna` -> what it heard, for all of the door's antennas and those without a read point."""
        used = {antenna: Ear(0, point) for antenna, point in self._points.items() if antenna[1] != ALL_ANTENNAS}
        for (reader, number, _), reads in self._reads.items():
            before = used.get((reader, number))
            used[reader, number] = Ear(reads + (before.reads if before else 0), self._at(reader, number))
        return {
            f"{reader}/{number}": ear
            for (reader, number), ear in sorted(used.items())
            if ear.at is None or (isinstance(ear.at, DoorSide) and ear.at.door == door)
        }

    def _at(self, reader: str, antenna: int) -> ReadPoint | None:
        return self._points.get((reader, antenna)) or self._points.get((reader, ALL_ANTENNAS))

    def by_tag(self, door: str) -> Counter[str]:
        """EPC in hex -> how often this door's antennas read it."""
        found: Counter[str] = Counter()
        for (reader, number, epc), reads in self._reads.items():
            at = self._at(reader, number)
            if isinstance(at, DoorSide) and at.door == door:
                found[epc.hex().upper()] += reads
        return found

    def reads_at(self, door: str) -> int:
        """By the antennas of this door."""
        return self.by_tag(door).total()


class Lying(NamedTuple):
    """A tag that lies at the door. spread_db: how its signal wanders. Its decisions may share reads, so they do not
    count them: `Ears` does."""

    unit: str
    tag: str
    seen_s: float
    side: Side
    spread_db: float | None


class Outcome(NamedTuple):
    """What one door decided, in order."""

    movements: tuple[Movement, ...]
    passed: tuple[Passed, ...]

    def directions(self) -> Counter[str]:
        return Counter(one.direction or "" for one in self.movements)

    def reasons(self) -> Counter[str]:
        return Counter(one.reason for one in self.passed)

    def told_after_s(self) -> float | None:
        """From the movement to its decision, in the middle; None without movements."""
        return median(one.decided_t - one.t for one in self.movements) if self.movements else None

    def lying(self) -> list[Lying]:
        """Tags that lie there, those seen longest first."""
        tags: defaultdict[str, list[Passed]] = defaultdict(list)
        for one in self.passed:
            if one.reason in _LYING:
                tags[unit_key(one.unit)].append(one)
        found = [_lying(unit, own) for unit, own in tags.items()]
        return sorted((one for one in found if one.seen_s >= LIES_S), key=lambda one: -one.seen_s)

    def steady_db(self) -> float | None:
        """What the door had learned at the end about what lies still."""
        known = [one.why.steady_db for one in self.passed if one.why and one.why.steady_db is not None]
        return known[-1] if known else None

    def doubtful(self) -> list[Movement]:
        """Movements that cannot all be true."""
        own: defaultdict[str, list[Movement | Passed]] = defaultdict(list)
        both: list[Movement | Passed] = [*self.movements, *self.passed]
        for one in sorted(both, key=lambda one: one.t):
            own[unit_key(one.unit)].append(one)
        return [one for decisions in own.values() for one in _doubtful(decisions)]


def _lying(unit: str, own: Sequence[Passed]) -> Lying:
    heard = [one for passed in own if passed.why for one in passed.why.heard]
    spreads = [one.why.spread_db for one in own if one.why and one.why.spread_db is not None]
    return Lying(
        unit,
        own[-1].evidence.tag,
        own[-1].evidence.last_t - own[0].evidence.first_t,
        _side(heard),
        spreads[-1] if spreads else None,
    )


def _side(heard: Iterable[Heard]) -> Side:
    """Where most of the reads came from."""
    balance = sum(one.reads if one.side == "inside" else -one.reads for one in heard)
    return "inside" if balance >= 0 else "outside"


def _doubtful(decisions: Sequence[Movement | Passed]) -> Iterator[Movement]:
    """Of one unit, in order of time."""
    before: Movement | None = None
    for n, one in enumerate(decisions):
        if not isinstance(one, Movement):
            continue
        if (before and before.direction == one.direction) or _lies_as_before(decisions, n):
            yield one
        before = one


def _lies_as_before(decisions: Sequence[Movement | Passed], n: int) -> bool:
    """Whether it lay on one side just before, and lies on the same side just after."""
    neighbours = (decisions[n - 1] if n else None, decisions[n + 1] if n + 1 < len(decisions) else None)
    sides = [
        _side(one.why.heard)
        for one in neighbours
        if isinstance(one, Passed) and one.why and one.reason in _LYING and abs(one.t - decisions[n].t) <= AFTERWARDS_S
    ]
    return len(sides) == 2 and sides[0] == sides[1]


def compared(now: Outcome, then: Outcome) -> tuple[list[Movement], list[Movement]]:
    """Movements that only the first has, and those that only the second has."""
    return _missing(now.movements, then.movements), _missing(then.movements, now.movements)


def _missing(these: Iterable[Movement], in_those: Iterable[Movement]) -> list[Movement]:
    times: defaultdict[tuple[str, str | None], list[float]] = defaultdict(list)
    for one in in_those:
        times[unit_key(one.unit), one.direction].append(one.t)
    return [
        one
        for one in these
        if not any(abs(one.t - t) <= SAME_S for t in times.get((unit_key(one.unit), one.direction), ()))
    ]


def is_better(now: Outcome, then: Outcome) -> bool:
    """No movement is lost that is not doubtful; and fewer are doubtful, or as many and all are told sooner."""
    doubtful = now.doubtful()
    lost, _ = compared(now, then)
    if any(one not in doubtful for one in lost):
        return False
    fewer = len(doubtful) - len(then.doubtful())
    sooner_s = (now.told_after_s() or 0.0) - (then.told_after_s() or 0.0)
    return fewer > 0 or (fewer == 0 and sooner_s >= SOONER_S)


class Passes(NamedTuple):
    """How the movements that the door saw with both sides look.

    reads         of one pass, in the middle
    one_sided     share of movements that only one side heard
    wrong_side    share of reads more than NEAR_S from the crossing that came by the side where the unit was not
    side_reads    reads by each side
    peak_dbm      of each side, in the middle; without a side that reports none
    skew_s        how much later the outside hears units than it should, if both ways take the same time; None = too
                  few movements of one direction
    gap_s         the longest pause between reads of one pass, but for one in a hundred
    """

    crossings: int
    reads: float
    one_sided: float
    wrong_side: float
    side_reads: dict[Side, int]
    peak_dbm: dict[Side, float]
    skew_s: float | None
    gap_s: float


def passes(movements: Sequence[Movement]) -> Passes | None:
    """None without a movement that both sides heard."""
    seen = [(one, one.why.heard) for one in movements if one.why and one.why.inside and one.why.outside]
    if not seen:
        return None
    heard = [one for _, own in seen for one in own]
    far = [(movement, one) for movement, own in seen for one in own if abs(one.t - movement.t) > NEAR_S]
    wrong = sum(one.reads for movement, one in far if one.side != _where(movement, one.t))
    gaps = sorted(then.t - first.t for _, own in seen for first, then in pairwise(own))
    return Passes(
        crossings=len(seen),
        reads=median(movement.evidence.reads for movement, _ in seen),
        one_sided=1 - len(seen) / len(movements),
        wrong_side=wrong / (sum(one.reads for _, one in far) or 1),
        side_reads={side: sum(one.reads for one in heard if one.side == side) for side in OTHER},
        peak_dbm={side: median(peaks) for side in OTHER if (peaks := list(_peaks(seen, side)))},
        skew_s=_skew_s(movements),
        gap_s=gaps[int(len(gaps) * 0.99)] if gaps else 0.0,
    )


def _where(movement: Movement, t: float) -> Side:
    """On which side the unit was at `t`, if it moved when the movement says."""
    origin: Side = "inside" if movement.direction == "out" else "outside"
    return origin if t < movement.t else OTHER[origin]


def _peaks(seen: Iterable[tuple[Movement, Sequence[Heard]]], side: Side) -> Iterator[float]:
    for movement, _ in seen:
        sight = movement.why and (movement.why.inside if side == "inside" else movement.why.outside)
        if sight and sight.peak_rssi_dbm is not None:
            yield sight.peak_rssi_dbm


def _skew_s(movements: Sequence[Movement]) -> float | None:
    orders: dict[str, list[float]] = {"in": [], "out": []}
    for one in movements:
        if one.why and one.why.order_s is not None and one.direction and one.why.code == "crossed":
            orders[one.direction].append(one.why.order_s)
    if min(map(len, orders.values())) < ENOUGH:
        return None
    return (median(orders["in"]) + median(orders["out"])) / 2
