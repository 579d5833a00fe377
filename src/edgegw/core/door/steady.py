"""Does a tag lie still? How far its signal wanders, antenna by antenna, and how far that is at this site.

What "still" means in decibels differs by reader and region (0.2 dB on a laboratory gate, 2.2 dB where a reader hops
over 50 channels), so each door learns it: 1.3 times the median of the tags that have been lying there.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any

from edgegw.core.door.saved import number

RESIDENT_S = 30.0
"""A tag in view for longer lies there, unless it was seen crossing."""
STEP_S = 0.8
MIN_STEPS = 5
"""Fewer steps say nothing."""
MAX_STEPS = 48
"""Older steps fade: a tag that lay still and is taken away soon looks like one that moves."""
FACTOR = 1.3
UNLEARNED_DB = 0.8
"""Until enough tags have been lying there to learn from: low, so that nothing that moves is taken for one that
lies."""
STILLER = 0.4
"""Until then also what wanders so much less than what has crossed with a load."""
SURE = 1.0
"""Standard errors."""
MIN_TAUGHT = 5
MAX_TAUGHT = 256


class Signal:
    """How far a tag's RSSI wanders from one second to the next, antenna by antenna.

    Steps do not mind a slow drift (a lorry docks, a stack grows), which a deviation from a long mean would take for
    movement. For noise alone the root mean square of the steps, divided by the square root of 2, is its deviation.
    """

    __slots__ = ("_last", "_squares", "_steps")

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], tuple[float, float]] = {}
        self._steps = 0.0
        self._squares = 0.0

    def add(self, antenna: tuple[str, int], t: float, dbm: float) -> None:
        last = self._last.get(antenna)
        if last is None:
            self._last[antenna] = t, dbm
        elif t - last[0] >= STEP_S:
            self._last[antenna] = t, dbm
            self._step(dbm - last[1])

    def _step(self, step_db: float) -> None:
        if self._steps >= MAX_STEPS:
            self._steps, self._squares = self._steps * 0.75, self._squares * 0.75
        self._steps += 1
        self._squares += step_db**2

    def saved(self) -> list[Any]:
        """In terms of JSON."""
        return [self._steps, self._squares, [[*antenna, *last] for antenna, last in self._last.items()]]

    @classmethod
    def restored(cls, steps: float, squares: float, last: Iterable[tuple[str, int, float, float]]) -> Signal:
        """Take back what `saved` gave. Raises ValueError, TypeError or OverflowError for anything else."""
        signal = cls()
        signal._steps, signal._squares = max(0.0, number(steps)), max(0.0, number(squares))
        signal._last = {(str(reader), int(antenna)): (number(t), number(dbm)) for reader, antenna, t, dbm in last}
        return signal

    def spread_db(self) -> float | None:
        """None = too few steps, or a reader that reports one number for everything."""
        if self._steps < MIN_STEPS or not self._squares:
            return None
        return math.sqrt(self._squares / self._steps / 2)

    def is_below(self, limit_db: float) -> bool:
        """Whether the spread is below the limit for sure: its own uncertainty (1 / sqrt(2n) of it) counts against."""
        spread_db = self.spread_db()
        return spread_db is not None and spread_db * (1 + SURE / math.sqrt(2 * self._steps)) < limit_db


class Threshold:
    """Learned from the door's own tags: halfway between those that lie there and those that crossed with a load."""

    def __init__(self) -> None:
        self._lying = _Spreads()
        self._moving = _Spreads()
        self.db = UNLEARNED_DB

    def lies(self, unit: str, spread_db: float) -> None:
        self._moving.drop(unit)
        self._lying.keep(unit, spread_db)
        self._learn()

    def moved(self, unit: str, spread_db: float | None) -> None:
        self._lying.drop(unit)
        if spread_db is not None:
            self._moving.keep(unit, spread_db)
            self._learn()

    def _learn(self) -> None:
        moving_db = self._moving.median_db if len(self._moving) >= MIN_TAUGHT else 0.0
        if len(self._lying) < MIN_TAUGHT:
            self.db = max(UNLEARNED_DB, STILLER * moving_db)
            return
        lying_db = self._lying.median_db
        self.db = max(FACTOR * lying_db, math.sqrt(lying_db * moving_db))


class _Spreads:
    """Of the units that taught last, each once, with their median at hand: every tag that lies there teaches."""

    def __init__(self) -> None:
        self._of: dict[str, float] = {}
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._sorted)

    @property
    def median_db(self) -> float:
        middle = len(self._sorted) // 2
        return (self._sorted[middle] + self._sorted[~middle]) / 2

    def keep(self, unit: str, spread_db: float) -> None:
        self.drop(unit)
        self._of[unit] = spread_db
        insort(self._sorted, spread_db)
        if len(self._of) > MAX_TAUGHT:
            self.drop(next(iter(self._of)))

    def drop(self, unit: str) -> None:
        spread_db = self._of.pop(unit, None)
        if spread_db is not None:
            del self._sorted[bisect_left(self._sorted, spread_db)]
