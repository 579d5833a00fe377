"""What one side of a door heard of a unit in one moment, and what it heard in all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from edgegw.core.model import Side, SideSight

CELL_S = 0.25


class Glimpse(NamedTuple):
    """Reads of one side in one moment. `weight`: their summed power, 1 = -60 dBm or a read without RSSI.

    t and weight of reads that were joined are those of their power-weighted mean and sum.
    """

    t: float
    side: Side
    weight: float
    reads: int
    peak_dbm: float | None

    def with_read(self, t: float, power: float, dbm: float | None) -> Glimpse:
        weight = self.weight + power
        at = self.t + (t - self.t) * power / weight
        peak_dbm = self.peak_dbm if dbm is None or (self.peak_dbm or -math.inf) > dbm else dbm
        return Glimpse(at, self.side, weight, self.reads + 1, peak_dbm)


@lru_cache(maxsize=1024)
def power_of(dbm: float | None) -> float:
    """1 = -60 dBm. Readers know a few hundred levels."""
    return 1.0 if dbm is None else 10.0 ** ((max(-120.0, min(60.0, dbm)) + 60.0) / 10.0)


class Balance:
    """Where the power of each side lies in time, kept up read by read.

    Its reads spread more than their glimpses, but in variance by no more than CELL_S squared: a read joins a glimpse
    only within CELL_S of its centre.
    """

    __slots__ = ("_inside", "_origin_t", "_outside")

    def __init__(self, glimpses: Sequence[Glimpse]) -> None:
        self._origin_t = glimpses[0].t
        self._inside = [0.0, 0.0, 0.0]
        self._outside = [0.0, 0.0, 0.0]
        for one in glimpses:
            self.add(one.t, one.side, one.weight)

    def add(self, t: float, side: Side, power: float) -> None:
        sums = self._inside if side == "inside" else self._outside
        moment = power * (t - self._origin_t)
        sums[0] += power
        sums[1] += moment
        sums[2] += moment * (t - self._origin_t)

    def order_s(self) -> float | None:
        """From the inside's centre to the outside's; None = one side has nothing."""
        if not self._inside[0] or not self._outside[0]:
            return None
        return self._outside[1] / self._outside[0] - self._inside[1] / self._inside[0]

    def least_variance_s2(self) -> float:
        """Of glimpses, the sum of both sides."""
        return _least_variance_s2(*self._inside) + _least_variance_s2(*self._outside)


def _least_variance_s2(weight: float, moment: float, square: float) -> float:
    return max(0.0, square / weight - (moment / weight) ** 2 - CELL_S**2)


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
    loudest_dbm = -math.inf
    origin_t = math.nan
    for t, at, power, count, dbm in glimpses:
        if at == side:
            if not reads:
                origin_t = t
            since_s = t - origin_t
            reads += count
            weight += power
            moment += power * since_s
            square += power * since_s * since_s
            if dbm is not None and dbm > loudest_dbm:
                loudest_dbm = dbm
    if not reads:
        return None
    centre_s = moment / weight
    variance_s2 = max(0.0, square / weight - centre_s**2)
    return Sum(reads, weight, origin_t + centre_s, variance_s2, None if loudest_dbm == -math.inf else loudest_dbm)
