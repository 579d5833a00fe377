"""How often something may happen, when a device decides how often it does: a token bucket.

>>> allowance = Allowance(per_s=2, burst=3)
>>> [allowance.take(t) for t in (0.0, 0.0, 0.0, 0.0, 0.5, 0.6)]
[True, True, True, False, True, False]
"""

from __future__ import annotations


class Allowance:
    """`burst` at once, and `per_s` in the long run. Time is any clock's that does not run backwards."""

    __slots__ = ("_burst", "_left", "_per_s", "_t")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._t = float("-inf")

    def take(self, t: float) -> bool:
        """Whether it may happen at `t`, in seconds."""
        self._left = min(self._burst, self._left + (t - self._t) * self._per_s)
        self._t = max(self._t, t)
        if self._left < 1:
            return False
        self._left -= 1
        return True
