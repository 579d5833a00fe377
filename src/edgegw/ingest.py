"""Sources -> pipeline -> journal: where reads become decisions and decisions become safe.

Everything between a batch of reads and the journal's open group happens without an await: the event, the new
place of the unit and the end of the episode that led to it are one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from edgegw.clock import Clock
from edgegw.core.documents import PlaceDocument
from edgegw.core.epcis.meaning import NOTHING, Meanings, add_meaning
from edgegw.core.event import Origin, describe, encode, event_id, last_seen, outage_places
from edgegw.core.llrp.messages import ReaderEvent
from edgegw.core.logbook import Logbook
from edgegw.core.model import Decision, Movement, Scan, TagRead
from edgegw.core.outage import GATEWAY_DOWN
from edgegw.core.packed import Logged
from edgegw.core.pipeline import Pipeline
from edgegw.core.whereabouts import MAX_UNITS, Whereabout
from edgegw.store.group import UnitState
from edgegw.store.journal import Journal
from edgegw.supervise import LinkState

TICK_S = 0.25
"""How often silence is weighed."""
PAUSE_S = 1.0
"""When rounds are further apart, the whole program stood still, and what the devices said meanwhile is unheard."""
KEPT_S = 0.5
"""Reads that are so much older than their arrival were kept by the reader while nobody listened."""
MEMORY_S = 30 * 86_400.0
"""Units that moved longer ago are not loaded at start."""
ALIVE_S = 60.0
"""How often the journal hears that the gateway lives: after a kill, its downtime began at most so long before."""
_OUTAGES = "outage"
_ALIVE = ("gateway", "alive")


class Ingest:
    """Takes what the sources yield. `decided` hears every decision, for those who watch."""

    def __init__(
        self,
        pipeline: Pipeline,
        journal: Journal,
        origin: Origin,
        clock: Clock,
        decided: Callable[[Decision], None],
        meanings: Meanings = NOTHING,
    ) -> None:
        self._pipeline = pipeline
        self._journal = journal
        self._origin = origin
        self._clock = clock
        self._decided = decided
        self._meanings = meanings
        self._logbook = Logbook()
        self._round_t = clock.now()
        self._alive_t = float("-inf")
        self.last_seen: dict[str, PlaceDocument] = {}  # by door or station, since the start
        self.rounds = 0  # of weighing silence: a sign of life for the watchdog

    async def restore(self, doors: Sequence[str]) -> None:
        """Rebuild from the journal what was known and what was being weighed when the program stopped.

        A time in the future was written under a wrong clock, since set back: it counts as now, or every later
        read of that unit would be late.
        """
        self._logbook = Logbook(await self._journal.last_decision())
        now = self._clock.now()
        for state in reversed(await self._journal.recent_units(now - MEMORY_S, MAX_UNITS)):
            self._pipeline.restore_unit(state.unit, Whereabout(state.place, state.read_point, min(state.t, now)))
        for door in doors:
            for unit, saved in await self._journal.states(_scope(door)):
                if not self._pipeline.restore_episode(door, unit, saved, now):
                    self._journal.put_state(_scope(door), unit, None)
            for number, saved in await self._journal.states(self._passages(door)):
                if not self._pipeline.restore_passage(door, number, saved, now):
                    self._journal.put_state(self._passages(door), number, None)
        for port, saved in await self._journal.states(_OUTAGES):
            if not self._pipeline.restore_outage(port, saved, now):
                self._journal.put_state(_OUTAGES, port, None)
        self._pipeline.started(await self._alive_until(now))

    def tags(self, reads: list[TagRead]) -> None:
        """What a reader kept for us it has forgotten now: a backlog goes to disk at once."""
        now = self._clock.now()
        self._record(self._pipeline.tags(reads, now))
        if reads and reads[0].t < now - KEPT_S:
            self._journal.hasten()

    def scan(self, scan: Scan) -> None:
        """A scan is not repeated by itself as a tag read is: it goes to disk at once."""
        self._record(self._pipeline.scan(scan, self._clock.now()))
        self._journal.hasten()

    async def room(self) -> None:
        """Back-pressure: returns when the journal can take more."""
        await self._journal.room()

    def device_link(self, state: LinkState) -> None:
        """A reader that is away may bring its reads later: silence means nothing until it is back."""
        now = self._notice_pause()
        match state.status:
            case "up":
                self._pipeline.link_up(state.link, now)
            case "down" | "refused":
                self._pipeline.link_down(state.link, "link", state.reason, now)
            case "stopped":
                self._pipeline.link_down(state.link, "gateway", GATEWAY_DOWN, now)
        self._record([])

    def event(self, reader: str, event: ReaderEvent, t: float) -> None:
        """An antenna or an input changed at `t`."""
        self._pipeline.reader_event(reader, event, t)
        self._record([])

    def outages(self) -> list[dict[str, Any]]:
        """What cannot be heard now, for the status. `since` null: nothing has been heard there yet."""
        correction_s = self._clock.wall_correction_s()
        return [
            {**outage_places(one), "since": None if one.since_t is None else rfc3339(one.since_t + correction_s)}
            for one in self._pipeline.outages
        ]

    def troubles(self) -> dict[str, str]:
        """Photo-eyes that contradict what crosses, in sentences."""
        faults = [one for one in self._pipeline.outages if one.cause == "photo-eye"]
        return {
            f"photo-eye {one.port}": f"photo-eye {one.port} of {one.doors[0]} is ignored: {one.reason}"
            for one in faults
        }

    async def run(self) -> None:
        """Let silence decide, for ever."""
        try:
            while True:
                await asyncio.sleep(TICK_S)
                self.rounds += 1
                await self._journal.room()
                now = self._notice_pause()
                self._round_t = now
                self._record(self._pipeline.advance(now))
                if now >= self._alive_t + ALIVE_S:
                    self._say_alive(now)
        finally:
            self._say_alive(self._clock.now())

    async def _alive_until(self, now: float) -> float | None:
        """When the gateway last ran; None = never with this journal."""
        said = dict(await self._journal.states(_ALIVE[0])).get(_ALIVE[1])
        if said is None:
            return None
        if (t := seconds(said)) is None:
            self._journal.drop_foreign(*_ALIVE)
            return None
        return min(t, now)

    def _say_alive(self, now: float) -> None:
        self._alive_t = now
        self._journal.put_state(*_ALIVE, str(now))

    def _notice_pause(self) -> float:
        """Now. If the program stood still or was held back until now, the silence before was its own."""
        now = self._clock.now()
        if now - self._round_t > PAUSE_S:
            self._pipeline.watermarks.deaf(self._round_t, now)
        return now

    def _record(self, decisions: list[Decision]) -> None:
        correction_s = self._clock.wall_correction_s() if decisions else 0.0
        name = partial(event_id, self._origin.gateway, self._journal.epoch)
        for decision in decisions:
            event = describe(decision, lambda t: rfc3339(t + correction_s), name)
            if event is not None:
                event = add_meaning(event, self._meanings)
                seq = self._journal.add_event(partial(encode, event, self._origin, self._journal.epoch))
                if seen := last_seen(event, name(seq)):
                    self.last_seen[seen[0]] = seen[1]
                if isinstance(decision, Movement):
                    self._pipeline.reported(decision, seq)
            if isinstance(decision, Logged) and (note := self._logbook.note(decision, correction_s)):
                self._journal.add_decision(note)
            self._decided(decision)
        changes = self._pipeline.take_changes()
        for unit, (place, read_point, t) in changes.units.items():
            self._journal.put_unit(UnitState(unit, place, read_point, t))
        for door, episodes in changes.episodes.items():
            self._put_states(_scope(door), episodes)
        for door, grown in changes.grown.items():
            for unit, addition in grown.items():
                self._journal.grow_state(_scope(door), unit, addition)
        for door, crossings in changes.passages.items():
            self._put_states(self._passages(door), crossings)
        self._put_states(_OUTAGES, changes.outages)

    def _passages(self, door: str) -> str:
        """The numbers of its movements mean nothing in another epoch."""
        return f"passage/{self._journal.epoch}/{door}"

    def _put_states(self, scope: str, states: Mapping[str, str | None]) -> None:
        for key, state in states.items():
            self._journal.put_state(scope, key, state)


def rfc3339(t: float) -> str:
    """Seconds since 1970 -> `2026-11-21T10:00:03.120Z`."""
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(text: str) -> float | None:
    """Seconds since 1970, as the journal keeps them; None: it says none.

    >>> seconds("1763719200.5"), seconds("abc"), seconds("nan"), seconds("-1e300")
    (1763719200.5, None, None, None)
    """
    try:
        t = float(text)
    except ValueError:
        return None
    return t if t >= 0.0 else None


def _scope(door: str) -> str:
    return f"door/{door}"
