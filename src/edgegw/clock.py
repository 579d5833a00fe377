"""The gateway's own timeline: it never jumps, whatever happens to the wall clock.

Windows, deadlines and order use `now()`: seconds since 1970 as the wall clock had it at start, carried on by
the monotonic clock. When the wall clock is set later (a device without a battery boots in the past), only
the stamps change: `wall(t)` says what the present wall clock calls the moment `t`.
"""

from __future__ import annotations

import time


class Clock:
    """One per process. Methods are cheap enough for every batch of reads."""

    __slots__ = ("_anchor_s",)

    def __init__(self) -> None:
        self._anchor_s = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970 on the gateway's timeline; never runs backwards."""
        return time.monotonic() + self._anchor_s

    def wall_correction_s(self) -> float:
        """Add this to a `t` of the gateway's timeline to get the wall clock's time of that moment."""
        return time.time() - self.now()
