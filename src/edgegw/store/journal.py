"""The journal: nothing leaves the gateway that is not safe here first.

What the program decides is collected without waiting (`add_event`, `put_unit`, `put_state`, `mark_published`,
`park`) and committed in groups by one writer (`run`): one fsync for many events is what an SD card can bear.
Whatever is collected in one step without an await lands in one transaction: an event, the unit's new place
and the end of the weighing that led to it are together on disk or not at all.

The numbers of events have no gaps and are never used twice: a number is given when the event is collected and
its counter is part of the event's transaction. A group that cannot be written (disk full, file locked) is
kept and tried again as it is; `failing` says why, and `room()` holds the sources back meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.errors import StoreFailed
from edgegw.store.connection import Connection, Value, unbroken
from edgegw.store.group import Event, Group, Parking, UnitState
from edgegw.store.migrate import shipped_migrations
from edgegw.store.opening import held, open_file, real_path
from edgegw.store.retention import Retention
from edgegw.store.trouble import is_of_the_world, sentence

RETRY_S = 1.0
"""Pause before a failed commit is tried again."""

RETENTION_S = 60.0
"""How often old events and units are looked for."""

ROOM_GROUPS = 4
"""`room()` holds back while this many full groups wait: one being written, one collecting, two to spare."""

Encode = Callable[[int], tuple[str, bytes]]
"""Topic and payload of an event, given its number, which is part of its id."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# CROSS JOIN: walk the outbox, not the history before it.
_PENDING = """
    SELECT outbox.seq, topic, payload FROM outbox CROSS JOIN event ON event.seq = outbox.seq
    WHERE outbox.seq > ? ORDER BY outbox.seq LIMIT ?
"""
_UNIT = "SELECT unit, place, read_point, t FROM whereabouts WHERE unit = ?"
_RECENT_UNITS = "SELECT unit, place, read_point, t FROM whereabouts WHERE t >= ? ORDER BY t DESC LIMIT ?"
_BACKLOG = """
    SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM parked),
           (SELECT t FROM event WHERE seq = (SELECT min(seq) FROM outbox))
"""


class Row(NamedTuple):
    """A committed event that waits for the broker."""

    seq: int
    topic: str
    payload: bytes


class Backlog(NamedTuple):
    """oldest_age_s: how long the oldest pending event has waited; 0 = nothing is pending."""

    pending: int
    parked: int
    oldest_age_s: float


class Journal:
    """Made by `Journal.opened`. Collecting is for the event loop's thread; reading sees committed rows only."""

    def __init__(
        self,
        connection: Connection,
        settings: JournalSettings,
        epoch: str,
        last_seq: int,
        counters: Counters,
        now: Callable[[], float],
    ) -> None:
        self.epoch = epoch
        self.last_seq = last_seq  # of the last committed event; 0 = none yet
        self.failing: str | None = None  # why nothing can be written, a sentence; None = all is well
        self._connection = connection
        self._settings = settings
        self._counters = counters
        self._now = now
        self._retention = Retention(connection, settings, now)
        self._next_seq = last_seq + 1
        self._open = Group()
        self._writing = Group()
        self._turn = asyncio.Lock()
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._committed = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls,
        settings: JournalSettings,
        gateway: str,
        counters: Counters,
        now: Callable[[], float],
        migrations: Sequence[str] | None = None,
    ) -> AsyncIterator[Journal]:
        """Open, create or upgrade the journal; flush and close it at the end. Starts no task.

        Raises StoreFailed, with a sentence and the cure, when it cannot be opened, and at the end when
        something collected could not be written.
        """
        path = real_path(settings.path)
        steps = shipped_migrations() if migrations is None else migrations
        connection = Connection()
        with held(path):
            try:
                epoch = _new_epoch(now())
                await unbroken(connection.open(lambda: open_file(path, gateway, epoch, steps)))
                ((epoch, last_seq),) = await connection.read("SELECT epoch, last_seq FROM meta")
                journal = cls(connection, settings, epoch, last_seq, counters, now)
                try:
                    yield journal
                finally:
                    await unbroken(journal.flush())
            finally:
                await unbroken(connection.close())

    # --- collecting: goes into the open group, costs microseconds ---

    def add_event(self, encode: Encode) -> int:
        """Take an event in; returns its number. Nothing is taken when `encode` raises."""
        seq = self._next_seq
        self._open.events.append(Event(seq, self._now(), *encode(seq)))
        self._next_seq += 1
        self._wake()
        return seq

    def put_unit(self, state: UnitState) -> None:
        self._open.units[state.unit] = state
        self._wake()

    def put_state(self, scope: str, key: str, state: str | None) -> None:
        """Remember what is being decided, opaque text; None forgets it."""
        self._open.states[scope, key] = state
        self._wake()

    def mark_published(self, seq: int) -> None:
        """The broker has taken event `seq`. Whoever marks many awaits `room` as the sources do."""
        self._open.published.add(seq)
        self._wake()

    def park(self, seq: int, reason: str) -> None:
        """The broker will never take event `seq`: keep it aside."""
        self._open.parked[seq] = Parking(self._now(), reason)
        self._wake()

    def hasten(self) -> None:
        """Commit what is collected now, without waiting for more: a person stands there, and cannot repeat it."""
        if self._open:
            self._enough.set()

    async def room(self) -> None:
        """Return at once, unless so much waits for the disk that its memory must not grow."""
        while len(self._open) + len(self._writing) >= ROOM_GROUPS * self._settings.commit_rows:
            await self._committed.wait()

    def _wake(self) -> None:
        self._some.set()
        if len(self._open) >= self._settings.commit_rows:
            self._enough.set()

    # --- writing ---

    async def run(self) -> None:
        """The writer: one task, for ever. Commits when commit_rows wait or commit_ms after the first of them,
        tries again what failed, and forgets old things in between. Flushes when cancelled; raises StoreFailed
        in place of the cancellation when that fails."""
        loop = asyncio.get_running_loop()
        tidy_at = loop.time()
        try:
            while True:
                await self._group_or(tidy_at)
                await self._commit()
                if loop.time() >= tidy_at:
                    more = await unbroken(self.tidy())
                    tidy_at = loop.time() + (0 if more else RETENTION_S)
        except asyncio.CancelledError:
            await self.flush()
            raise

    async def flush(self) -> None:
        """Return when everything collected so far is on disk. Raises StoreFailed when it cannot be written."""
        for _ in range(2):  # the group that is being written, or failed, and then the open one
            if not await self._commit():
                rows = len(self._open) + len(self._writing)
                raise StoreFailed(f"journal {self._settings.path}: {rows} rows not written: {self.failing}")

    async def _group_or(self, tidy_at: float) -> None:
        """Wait for a group worth committing, or for `tidy_at`."""
        if self.failing:
            await asyncio.sleep(RETRY_S)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(tidy_at):
                await self._some.wait()
            async with asyncio.timeout(self._settings.commit_ms / 1000):
                await self._enough.wait()

    async def _commit(self) -> bool:
        """Write the group that failed before, else the open one. False: it is kept, `failing` says why."""
        return await unbroken(self._commit_next())

    async def _commit_next(self) -> bool:
        async with self._turn:
            if not self._writing:
                self._writing, self._open = self._open, Group()
                self._some.clear()
                self._enough.clear()
            if not self._writing:
                return True
            try:
                await self._connection.write(*self._writing.statements())
            except sqlite3.Error as error:
                self._keep(error)
                return False
            self._settle()
            return True

    def _keep(self, error: sqlite3.Error) -> None:
        if not is_of_the_world(error):
            raise error
        self.failing = sentence(error)
        self._counters.add("journal", "failed_commits")

    def _settle(self) -> None:
        if self._writing.events:
            self.last_seq = self._writing.events[-1].seq
            self._counters.add("journal", "events", len(self._writing.events))
        self._counters.add("journal", "commits")
        self.failing = None
        self._writing = Group()
        self._committed.set()
        self._committed = asyncio.Event()

    async def tidy(self) -> bool:
        """One step of forgetting, which the writer takes every minute; whether there may be more.

        What fails now is done a minute later: only commits decide whether the journal is failing.
        """
        try:
            events = await self._retention.forget_events()
            units = await self._retention.forget_units()
            await self._retention.fold_units()
        except sqlite3.Error as error:
            if not is_of_the_world(error):
                raise
            self._counters.add("journal", "failed_tidyings")
            return False
        self._counters.add("journal", "events_forgotten", events)
        self._counters.add("journal", "units_forgotten", units)
        return events > 0

    # --- reading ---

    async def pending(self, after_seq: int, limit: int) -> list[Row]:
        """The oldest events after `after_seq` that nobody has marked or parked, at most `limit`.

        Empty only when there are none. Raises StoreFailed, as every reading here.
        """
        while True:
            found = await self._read(_PENDING, after_seq, limit)
            rows = [Row(*row) for row in found if not self._settled(row[0])]
            if rows or len(found) < limit:
                return rows
            after_seq = found[-1][0]

    def _settled(self, seq: int) -> bool:
        """Marked or parked, but not yet committed."""
        return self._open.settles(seq) or self._writing.settles(seq)

    async def wait_committed(self, after_seq: int) -> None:
        """Return when an event after `after_seq` is on disk."""
        while self.last_seq <= after_seq:
            await self._committed.wait()

    async def states(self, scope: str) -> list[tuple[str, str]]:
        """Key and state of everything that was being decided in `scope`."""
        return await self._read("SELECT key, state FROM state WHERE scope = ? ORDER BY key", scope)

    async def unit(self, unit: str) -> UnitState | None:
        rows = await self._read(_UNIT, unit)
        return UnitState(*rows[0]) if rows else None

    async def recent_units(self, since_t: float, limit: int) -> list[UnitState]:
        """Units seen at or after `since_t`, latest first. Reads the whole table: for the start."""
        rows = await self._read(_RECENT_UNITS, since_t, limit)
        return [UnitState(*row) for row in rows]

    async def backlog(self) -> Backlog:
        """How much is still to be delivered. 10 ms for a million events: for the status, not for each event."""
        ((pending, parked, oldest_t),) = await self._read(_BACKLOG)
        return Backlog(pending, parked, 0.0 if oldest_t is None else max(0.0, self._now() - oldest_t))

    async def _read(self, sql: str, *values: Value) -> list[Any]:
        try:
            return await self._connection.read(sql, *values)
        except sqlite3.Error as error:
            raise StoreFailed(f"journal {self._settings.path}: {sentence(error)}") from error


def _new_epoch(t: float) -> str:
    """A ULID (github.com/ulid/spec): 48 bits of milliseconds and 80 random ones as 26 Crockford digits."""
    value = round(t * 1000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))
