"""Has this unit been read here before? Per unit and read point, on corrected time, in bounded memory.

>>> seen = Dedupe(repeat_s=10)
>>> seen.judge("https://id.gs1.org/00/006141411234567890", 100.0)
'first'
>>> seen.judge("https://id.gs1.org/00/006141411234567890", 109.0)
'repeat'
>>> seen.judge("https://id.gs1.org/00/006141411234567890", 120.0)
'first'
>>> seen.judge("https://id.gs1.org/00/006141411234567890", 99.0)
'late'
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

MAX_UNITS = 65_536
"""Units remembered per read point; the one read longest ago is forgotten first (about 15 MB when full)."""

Verdict = Literal["first", "repeat", "late"]


class Dedupe:
    """The memory of one read point. A unit that stays in view is one `first` and then repeats, however long."""

    __slots__ = ("_max_units", "_repeat_s", "_seen")

    def __init__(self, repeat_s: float, max_units: int = MAX_UNITS) -> None:
        self._repeat_s = repeat_s
        self._max_units = max_units
        self._seen: OrderedDict[str, list[float]] = OrderedDict()  # read first, read last

    def judge(self, unit: str, t: float) -> Verdict:
        """`late`: read before the one that counted as first, and reported after it."""
        span = self._seen.get(unit)
        if span is None:
            self.remember(unit, t)
            return "first"
        since, last = span
        if t < since:
            return "late"
        if t - last > self._repeat_s:
            self.remember(unit, t)
            return "first"
        if t > last:
            span[1] = t
        self._seen.move_to_end(unit)
        return "repeat"

    def remember(self, unit: str, t: float) -> None:
        """Take `t` as the moment when the unit was first read here (also: rebuilt from the journal)."""
        self._seen[unit] = [t, t]
        self._seen.move_to_end(unit)
        if len(self._seen) > self._max_units:
            self._seen.popitem(last=False)
