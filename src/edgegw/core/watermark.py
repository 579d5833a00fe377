"""How far each reader has been heard: silence decides nothing about a time that a reader may still report.

A reader that is up and has no backlog has told everything until now. One that is down has told everything until
it went down; one that delivers a backlog, until the read that it just delivered; and after a time in which nobody
listened, all of them only until it began.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SETTLE_S = 1.0
"""A backlog starts within this long after the link is up, and has no longer gaps."""
HOLD_S = 120.0
"""A reader that stays away longer, or needs longer for its backlog, holds decisions back no more than so far: the
rest of the door is worth more than it."""


class _Up(NamedTuple):
    """A reader whose link is up. From `since` to `settled_at` what it tells may be a backlog."""

    since: float
    settled_at: float


class Watermarks:
    """Times on the gateway's timeline. A reader is down until `up` is called."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._up: dict[str, _Up] = {}

    def up(self, reader: str, now: float) -> None:
        self._up[reader] = _Up(now, now + SETTLE_S)

    def down(self, reader: str, now: float) -> None:
        link = self._up.pop(reader, None)
        if link is not None and link.settled_at < now:
            self._heard[reader] = now

    def deaf(self, since: float, now: float) -> None:
        """Nobody listened from `since` until now: what the readers said meanwhile is still to be heard."""
        for reader, link in self._up.items():
            if link.settled_at <= since:
                self._heard[reader] = since
            self.up(reader, now)

    def late(self, reader: str, t: float, now: float) -> None:
        """The reader reported a read of the time `t` only now."""
        link = self._up.get(reader)
        if link is not None:
            self._up[reader] = _Up(now if link.settled_at <= now else link.since, now + SETTLE_S)
            self._heard[reader] = max(t, self._heard.get(reader, t))

    def through(self, readers: Iterable[str], now: float) -> float:
        """The time until which all these readers have told what they saw."""
        return min((self._through(reader, now) for reader in readers), default=now)

    def _through(self, reader: str, now: float) -> float:
        link, heard = self._up.get(reader), self._heard.get(reader, 0.0)
        if link is not None and link.settled_at <= now:
            return now
        if link is not None and now <= link.since + HOLD_S:
            return heard
        return max(heard, now - HOLD_S)
