"""Tallies of everything that is not worth a log line: reads, bad frames, suppressed reads and why.

>>> counters = Counters()
>>> counters.add("dock-1", "reads", 3)
>>> counters.add("dock-1", "bad_frames")
>>> counters.snapshot()
{'dock-1': {'bad_frames': 1, 'reads': 3}}
"""

from __future__ import annotations


class Counters:
    """Counts by scope (a reader, scanner, door, station, `mqtt`, `journal`) and reason."""

    __slots__ = ("_tallies",)

    def __init__(self) -> None:
        self._tallies: dict[str, dict[str, int]] = {}

    def add(self, scope: str, reason: str, n: int = 1) -> None:
        tally = self._tallies.get(scope)
        if tally is None:
            tally = self._tallies[scope] = {}
        tally[reason] = tally.get(reason, 0) + n

    def get(self, scope: str, reason: str) -> int:
        return self._tallies.get(scope, {}).get(reason, 0)

    def snapshot(self) -> dict[str, dict[str, int]]:
        """A copy, sorted by scope and reason, ready for JSON."""
        return {scope: dict(sorted(tally.items())) for scope, tally in sorted(self._tallies.items())}
