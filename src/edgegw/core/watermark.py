"""How far each reader has been heard: silence decides nothing about a time that a reader may still report.

A reader that is up and has no backlog has told everything until now. One that is down has told everything until
it went down; one that delivers a backlog, until the read that it just delivered.
"""

from __future__ import annotations

from collections.abc import Iterable

SETTLE_S = 1.0
"""A backlog starts within this long after the link is up, and has no longer gaps."""
HOLD_S = 120.0
"""A reader that stays away longer holds decisions back no more: the rest of the door is worth more than it."""


class Watermarks:
    """Times on the gateway's timeline. A reader is down until `up` is called."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._settled_at: dict[str, float] = {}

    def up(self, reader: str, now: float) -> None:
        self._settled_at[reader] = now + SETTLE_S

    def down(self, reader: str, now: float) -> None:
        if self._settled_at.pop(reader, now) < now:
            self._heard[reader] = now

    def late(self, reader: str, t: float, now: float) -> None:
        """The reader reported a read of the time `t` only now."""
        if reader in self._settled_at:
            self._settled_at[reader] = now + SETTLE_S
            self._heard[reader] = max(t, self._heard.get(reader, t))

    def through(self, readers: Iterable[str], now: float) -> float:
        """The time until which all these readers have told what they saw."""
        return min((self._through(reader, now) for reader in readers), default=now)

    def _through(self, reader: str, now: float) -> float:
        settled_at = self._settled_at.get(reader)
        if settled_at is not None and settled_at <= now:
            return now
        return max(self._heard.get(reader, 0.0), now - HOLD_S)
