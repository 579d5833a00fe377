"""In which order did the two sides of a door see a unit? The rule for one unit, on its own reads alone.

    reason       the evidence
    crossed      the power-weighted centres of the two sides follow each other by min_order_s, and clearly: by more
                 than the reads of each side spread in time; and the unit was not on its way back
    one-side     only one side saw it
    turned-back  both sides saw it, and it was last seen where it was first seen
    no-order     both sides saw it at about the same time: it lies between them or beside the door

Power-weighted centres do not mind that one side's antennas see more than the other's. Clarity separates a unit that
passes (the sides one after the other) from one that comes and goes back (one side around the other).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median
from typing import NamedTuple

from edgegw.core.door.glimpse import Balance, Glimpse, Sum, add_up
from edgegw.core.model import Side

CLEAR = 0.7
"""Least clarity of a crossing."""
PURE = 0.35
"""Least share of the near side's power before the crossing, and of the far side's after it."""
MOMENT_S = 0.3
"""Uncertainty of a centre that rests on one read."""
ROUNDING_S = 1e-3
"""Sums in another order differ by less."""
END_S = 1.5
"""The last so many seconds tell where a unit went."""
FADED = 4.0
FADE_S = 1.0
"""What the far side hears FADED times weaker (6 dB: twice the distance) within FADE_S has gone away."""
GAPS = 1.3
"""FADE_S is at least so many times the usual gap between two glimpses: what is read every two seconds has not gone
away after one."""
ARRIVED = 3
OTHER: dict[Side, Side] = {"inside": "outside", "outside": "inside"}


class Order(NamedTuple):
    """`origin` is the side it came from when `reason` is crossed; t the moment between the two sides."""

    reason: str
    t: float
    origin: Side | None
    inside: Sum | None
    outside: Sum | None
    order_s: float | None = None
    clarity: float | None = None

    def leaning(self, least_s: float) -> Side | None:
        """From where it came if a shift of `least_s` between the centres of the sides is enough to tell."""
        if self.order_s is None or abs(self.order_s) < least_s:
            return None
        return "inside" if self.order_s > 0 else "outside"


def weigh(glimpses: Sequence[Glimpse], min_order_s: float) -> Order:
    inside, outside = add_up(glimpses, "inside"), add_up(glimpses, "outside")
    if inside is None or outside is None:
        return Order("one-side", glimpses[-1].t, None, inside, outside)
    order_s = outside.centre_t - inside.centre_t
    clarity = abs(order_s) / math.sqrt(inside.variance_s2 + outside.variance_s2 + MOMENT_S**2)
    origin: Side = "inside" if order_s > 0 else "outside"
    t = (inside.centre_t + outside.centre_t) / 2
    reason = "crossed"
    if abs(order_s) < min_order_s or clarity < CLEAR or _purity(glimpses, origin, t) < PURE:
        reason = "turned-back" if glimpses[0].side == glimpses[-1].side else "no-order"
    elif _is_back(glimpses, origin):
        reason = "turned-back"
    return Order(reason, t, origin if reason == "crossed" else None, inside, outside, order_s, clarity)


def may_cross(balance: Balance, min_order_s: float) -> bool:
    """Whether `weigh` could say crossed: a glance at the centres, for each read of what both sides see."""
    order_s = balance.order_s()
    if order_s is None or abs(order_s) < min_order_s - ROUNDING_S:
        return False
    return (abs(order_s) + ROUNDING_S) ** 2 >= CLEAR**2 * (balance.least_variance_s2() + MOMENT_S**2)


def _purity(glimpses: Sequence[Glimpse], origin: Side, t: float) -> float:
    """The smaller of two shares of power: of the near side's before `t`, and of the far side's after it."""
    right, wrong = [0.0, 0.0], [0.0, 0.0]
    for one in glimpses:
        is_after = one.t >= t
        (wrong if (one.side == origin) == is_after else right)[is_after] += one.weight
    return min(fits / (fits + differs or 1.0) for fits, differs in zip(right, wrong, strict=True))


def has_left(glimpses: Sequence[Glimpse], origin: Side, now: float) -> bool:
    """Whether the far side hears it much weaker than at its best, or no more."""
    far = [one for one in glimpses if one.side != origin]
    heard = _Heard(far)
    span_s = max(FADE_S, GAPS * _usual_gap_s(glimpses))
    best = max(heard.until(one.t, span_s) for one in far)
    return heard.until(now, span_s) * FADED <= best


def _usual_gap_s(glimpses: Sequence[Glimpse]) -> float:
    return median(later.t - one.t for one, later in pairwise(glimpses)) if len(glimpses) > 1 else 0.0


def has_arrived(glimpses: Sequence[Glimpse], origin: Side, silent_t: float) -> bool:
    """Whether it came to the far side with ARRIVED reads, and its old side has not heard it since, nor after
    `silent_t`."""
    near_t = max((one.t for one in glimpses if one.side == origin), default=-math.inf)
    far = sum(one.reads for one in glimpses if one.side != origin and one.t > near_t)
    return near_t <= silent_t and far >= ARRIVED


def _is_back(glimpses: Sequence[Glimpse], origin: Side) -> bool:
    """Whether the far side saw at the end less than half of the share that it saw at its best."""
    far = [one for one in glimpses if one.side != origin]
    of_far, of_both = _Heard(far), _Heard(glimpses)
    ends = [*(one.t for one in far), glimpses[-1].t]
    shares = [of_far.until(t, END_S) / (of_both.until(t, END_S) or 1.0) for t in ends]
    return shares[-1] < max(shares[:-1]) / 2


class _Heard:
    """Power summed over time, so that a pooled load of thousands is weighed as quickly as one unit, read for read."""

    def __init__(self, glimpses: Sequence[Glimpse]) -> None:
        self._times = [one.t for one in glimpses]
        self._sums = [0.0, *accumulate(one.weight for one in glimpses)]

    def until(self, t: float, span_s: float) -> float:
        """What was heard in the span that ends at `t`."""
        first, end = bisect_right(self._times, t - span_s), bisect_right(self._times, t)
        return self._sums[end] - self._sums[first]
