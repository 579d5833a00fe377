"""Units that cross together are a load. It knows more than any of its units alone.

A load is found where enough units crossed the same way at about the same time. Its members show how *this* load
looks at *this* door: which share of the reads came from the far side before the crossing and after it. Every other
unit that was there is compared with that: does it look like one of the load, or like itself? A tag that was read
only on one side, or twice in a confusing order, then goes with its load; a tag that lies beside the door does not,
because its own habits explain its reads as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from edgegw.core.door.glimpse import Glimpse
from edgegw.core.door.order import OTHER
from edgegw.core.model import LoadVote, Side

TOGETHER_S = 2.5
"""Units of one load cross within so long of its middle."""
AROUND_S = 6.0
"""Reads so long before and after the crossing belong to it."""
NEAR_S = 1.0
"""Closer to the crossing, either side sees a unit."""
MAX_ODDS = 15.0
OTHERS_ODDS = 1 / 1.6
"""Of what is there and does not move by itself."""
DOUBT = 0.7
"""What only one side has ever seen lies there: how much that counts (an exponent of `both_sides`)."""
ECHO = 0.1
"""Share of reads that come by the wrong side."""
PASSAGE = (0.05, 0.3, 0.7, 0.95)
"""Share of the far side's reads more than NEAR_S before a crossing, just before, just after and later."""
FAINT = 0.05
"""Units fainter than this share of the load's own are not of it."""


class Load:
    """Found around `t`, coming from `origin`."""

    def __init__(self, t: float, origin: Side, members: Sequence[Sequence[Glimpse]]) -> None:
        self.t = t
        self.origin: Side = origin
        self.agreed = 0
        self.of = 0
        self.odds = 1.0
        self._profile = self._learn(members)
        self.faint_dbm = _faintest(members)

    @property
    def vote(self) -> LoadVote:
        return LoadVote(self.t, self.agreed, self.of)

    def likeness(self, glimpses: Iterable[Glimpse], habits: Mapping[Side, float]) -> float:
        """Log of how much better the load explains these reads than the unit's own habits do. 0 without reads."""
        return likeness(self._around(glimpses), self.t, self.origin, habits, self._profile)

    def takes(self, glimpses: Sequence[Glimpse], habits: Mapping[Side, float], odds: float = OTHERS_ODDS) -> bool:
        """`odds`: how many of its kind crossed with the load, to one that did not."""
        odds *= both_sides(glimpses, habits) ** DOUBT
        return self.likeness(glimpses, habits) > -math.log(odds)

    def is_faint(self, glimpses: Iterable[Glimpse]) -> bool:
        peak_dbm = _peak(self._around(glimpses))
        return self.faint_dbm is not None and peak_dbm is not None and peak_dbm < self.faint_dbm

    def _around(self, glimpses: Iterable[Glimpse]) -> list[Glimpse]:
        return [one for one in glimpses if abs(one.t - self.t) <= AROUND_S]

    def _learn(self, members: Sequence[Sequence[Glimpse]]) -> list[float]:
        """Share of the far side in each phase; never certain, for any read may be a reflection."""
        far, all_ = [0.5] * 4, [1.0] * 4
        for glimpses in members:
            for one in self._around(glimpses):
                phase = _phase(one.t - self.t)
                far[phase] += one.side != self.origin
                all_[phase] += 1
        return [min(1 - ECHO, max(ECHO, a / b)) for a, b in zip(far, all_, strict=True)]


def both_sides(glimpses: Sequence[Glimpse], habits: Mapping[Side, float]) -> float:
    """How likely, by its habits, the side that these reads lack sees this unit at all; 1 = as likely as the other."""
    sides = {one.side for one in glimpses}
    if len(sides) == 2:
        return 1.0
    (side,) = sides
    lacking, seeing = habits.get(OTHER[side], 0.0), habits.get(side, 0.0)
    return min(1.0, 2 * (lacking + 0.5) / (lacking + seeing + 1))


def likeness(
    glimpses: Iterable[Glimpse],
    t: float,
    origin: Side,
    habits: Mapping[Side, float],
    passage: Sequence[float] = PASSAGE,
) -> float:
    """Log of how much better a crossing at `t` explains the sides of these reads than the unit's own habits do.

    The habits are learned on the way: each read is foretold by all reads before it (rule of succession, with half
    a read of each side to begin with).
    """
    counts: dict[Side, float] = {side: 0.5 + habits.get(side, 0.0) for side in OTHER}
    total = 0.0
    for one in glimpses:
        share = passage[_phase(one.t - t)]
        like = share if one.side != origin else 1 - share
        total += math.log(like * (counts["inside"] + counts["outside"]) / counts[one.side])
        counts[one.side] += 1
    return total


def pool(members: Iterable[Sequence[Glimpse]]) -> list[Glimpse]:
    """All reads of a load as if one tag had given them; every member counts the same."""
    pooled: list[Glimpse] = []
    for glimpses in members:
        weight = sum(one.weight for one in glimpses)
        pooled += [one._replace(weight=one.weight / weight) for one in glimpses]
    return sorted(pooled)


def _phase(since_s: float) -> int:
    return (since_s >= -NEAR_S) + (since_s >= 0) + (since_s >= NEAR_S)


def _peak(glimpses: Iterable[Glimpse]) -> float | None:
    return max((one.peak_dbm for one in glimpses if one.peak_dbm is not None), default=None)


def _faintest(members: Sequence[Sequence[Glimpse]]) -> float | None:
    peaks = sorted(peak for glimpses in members if (peak := _peak(glimpses)) is not None)
    return peaks[int(len(peaks) * FAINT)] if peaks else None
