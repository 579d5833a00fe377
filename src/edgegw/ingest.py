"""Sources -> pipeline -> journal: where reads become decisions and decisions become safe.

Everything between a batch of reads and the journal's open group happens without an await: the event, the new
place of the unit and the end of the episode that led to it are one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from edgegw.clock import Clock
from edgegw.core.event import Origin, describe, encode
from edgegw.core.model import Decision, Scan, TagRead
from edgegw.core.pipeline import Pipeline
from edgegw.core.whereabouts import MAX_UNITS, Whereabout
from edgegw.store.group import UnitState
from edgegw.store.journal import Journal
from edgegw.supervise import LinkState

TICK_S = 0.25
"""How often silence is weighed."""
MEMORY_S = 30 * 86_400.0
"""Units that moved longer ago are not loaded at start."""


class Ingest:
    """Takes what the sources yield. `decided` hears every decision, for those who watch."""

    def __init__(
        self,
        pipeline: Pipeline,
        journal: Journal,
        origin: Origin,
        clock: Clock,
        decided: Callable[[Decision], None],
    ) -> None:
        self._pipeline = pipeline
        self._journal = journal
        self._origin = origin
        self._clock = clock
        self._decided = decided
        self.rounds = 0  # of weighing silence: a sign of life for the watchdog

    async def restore(self, doors: Sequence[str]) -> None:
        """Rebuild from the journal what was known and what was being weighed when the program stopped.

        A time in the future was written under a wrong clock, since set back: it counts as now, or every later
        read of that unit would be late.
        """
        now = self._clock.now()
        for state in reversed(await self._journal.recent_units(now - MEMORY_S, MAX_UNITS)):
            self._pipeline.restore_unit(state.unit, Whereabout(state.place, state.read_point, min(state.t, now)))
        for door in doors:
            for unit, saved in await self._journal.states(_scope(door)):
                self._pipeline.restore_episode(door, unit, saved, now)

    def tags(self, reads: list[TagRead]) -> None:
        self._record(self._pipeline.tags(reads, self._clock.now()))

    def scan(self, scan: Scan) -> None:
        """A scan is not repeated by itself as a tag read is: it goes to disk at once."""
        self._record(self._pipeline.scan(scan, self._clock.now()))
        self._journal.hasten()

    async def room(self) -> None:
        """Back-pressure: returns when the journal can take more."""
        await self._journal.room()

    def reader_link(self, state: LinkState) -> None:
        """A reader that is away may bring its reads later: silence means nothing until it is back."""
        if state.status == "up":
            self._pipeline.watermarks.up(state.link, self._clock.now())
        else:
            self._pipeline.watermarks.down(state.link, self._clock.now())

    async def run(self) -> None:
        """Let silence decide, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            self.rounds += 1
            await self._journal.room()
            self._record(self._pipeline.advance(self._clock.now()))

    def _record(self, decisions: list[Decision]) -> None:
        correction_s = self._clock.wall_correction_s() if decisions else 0.0
        for decision in decisions:
            event = describe(decision, lambda t: rfc3339(t + correction_s))
            if event is not None:
                self._journal.add_event(partial(encode, event, self._origin, self._journal.epoch))
            self._decided(decision)
        units, episodes = self._pipeline.take_changes()
        for unit, (place, read_point, t) in units.items():
            self._journal.put_unit(UnitState(unit, place, read_point, t))
        for door, changed in episodes.items():
            for unit, saved in changed.items():
                self._journal.put_state(_scope(door), unit, saved)


def rfc3339(t: float) -> str:
    """Seconds since 1970 -> `2026-11-21T10:00:03.120Z`."""
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _scope(door: str) -> str:
    return f"door/{door}"
