"""The journal: nothing leaves the gateway that is not safe here first.

What the program decides is collected without waiting (`add_event`, `put_unit`, `put_state`, `grow_state`,
`mark_published`, `park`) and committed in groups by one writer (`run`): one fsync for many events is what an SD card
can bear.
Whatever is collected in one step without an await lands in one transaction: an event, the unit's new place
and the end of the weighing that led to it are together on disk or not at all.

The numbers of events have no gaps and are never used twice: a number is given when the event is collected and
its counter is part of the event's transaction. A group that cannot be written (disk full, file locked) is
kept and tried again as it is; `failing` says why, and `room()` holds the sources back meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.core.logbook import Note
from edgegw.errors import StoreFailed
from edgegw.store.connection import Connection, Value, unbroken
from edgegw.store.decisions import LAST_SEQ, forget_decisions
from edgegw.store.epochs import ALL, Epoch, Epochs, new_epoch
from edgegw.store.group import Event, Group, Parking, UnitState
from edgegw.store.growth import OF_SCOPE, Growth, put_together
from edgegw.store.migrate import shipped_migrations
from edgegw.store.opening import Birth, Found, open_file, real_path
from edgegw.store.ownership import Ownership, Witness, held
from edgegw.store.retention import Retention
from edgegw.store.space import Ballast, Space
from edgegw.store.trouble import is_full, is_of_the_world, is_past_waiting, sentence

RETRY_S = 1.0
"""Pause before a failed commit is tried again."""

EVENT_S = 0.02
"""An event waits so long for others, at most; under load groups grow while the disk is busy with the one before."""

RETENTION_S = 60.0
"""How often old events and units are looked for."""

EPOCH_S = 3600.0
"""Between two epochs that begin because of what somebody says: a lie must not begin one at every start."""

LOOK_S = 5.0
"""How often an idle writer looks whether the file is still there."""

ROOM_GROUPS = 4
"""`room()` holds back while this many full groups wait: one being written, one collecting, two to spare."""

_BEGUN = ("epoch", "begun")
BEHIND = (
    "central systems have acknowledged later events than the journal has: it was restored from a copy, or somebody who"
    " should not writes acknowledgements; a new epoch has begun"
)

Encode = Callable[[int], tuple[str, bytes]]
"""Topic and payload of an event, given its number, which is part of its id."""


# CROSS JOIN: walk the outbox, not the history before it.
_PENDING = """
    SELECT outbox.seq, topic, payload, again FROM outbox CROSS JOIN event ON event.seq = outbox.seq
    WHERE outbox.seq > ? ORDER BY outbox.seq LIMIT ?
"""
_PARKED = """
    SELECT seq, t, CAST(reason AS TEXT), CAST(topic AS TEXT), CAST(payload AS BLOB)
    FROM parked WHERE seq > ? ORDER BY seq LIMIT ?
"""
_PUT_BACK = """
    INSERT OR IGNORE INTO outbox (seq, again) SELECT seq, 1 FROM event WHERE seq BETWEEN ? AND ?
"""
_UNIT = "SELECT unit, place, read_point, t FROM whereabouts WHERE unit = ?"
_RECENT_UNITS = """
    SELECT unit, place, read_point, CAST(t AS REAL) FROM whereabouts WHERE t >= ? ORDER BY t DESC LIMIT ?
"""
_BACKLOG = """
    SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM parked),
           (SELECT CAST(t AS REAL) FROM event WHERE seq = (SELECT min(seq) FROM outbox)),
           (SELECT ifnull(min(seq), ?) FROM outbox WHERE seq > ? AND NOT again)
"""


class Row(NamedTuple):
    """A committed event that waits for the broker. again: it was delivered before, and is wanted once more."""

    seq: int
    topic: str
    payload: bytes
    again: bool = False


class Parked(NamedTuple):
    """An event that the broker did not take. t: since when; reason: the broker's."""

    seq: int
    t: float
    reason: str
    topic: str
    payload: bytes


class Backlog(NamedTuple):
    """oldest_age_s: how long the oldest pending event has waited; 0 = nothing is pending. first: number of the first
    event of the present epoch that has yet to be delivered for the first time; the next one to come when all are.
    """

    pending: int
    parked: int
    oldest_age_s: float
    first: int


class Journal:
    """Made by `Journal.opened`. Collecting is for the event loop's thread; reading sees committed rows only."""

    def __init__(
        self,
        connection: Connection,
        ownership: Ownership,
        settings: JournalSettings,
        epochs: Epochs,
        last_seq: int,
        remarks: dict[str, str],
        counters: Counters,
        now: Callable[[], float],
    ) -> None:
        self.last_seq = last_seq  # row of the last committed event; 0 = none yet
        self.failing: str | None = None  # why nothing can be written, a sentence; None = all is well
        self._connection = connection
        self._ownership = ownership
        self._settings = settings
        self._epochs = epochs
        self._remarks = remarks
        self._found_seq = last_seq
        self._counters = counters
        self._now = now
        self._space = Space(connection, real_path(settings.path))
        self._retention = Retention(connection, settings, now)
        self._growth = Growth(connection)
        self._next_seq = last_seq + 1
        self._damage: str | None = None  # why it must be looked at as a whole, and nothing may be written
        self._confirmed = 0  # by a central system, since the start
        self._open = Group()
        self._writing = Group()
        self._turn = asyncio.Lock()
        self._window: asyncio.Timeout | None = None  # until the open group is committed
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
        with held(path) as ownership:
            try:
                birth = Birth(gateway, new_epoch(now()))
                remarks = await unbroken(connection.open(lambda: _open(path, birth, steps, ownership.witness)))
                epochs = Epochs([Epoch(*row) for row in await connection.read(ALL)])
                ((last_seq,),) = await connection.read("SELECT last_seq FROM meta")
                ownership.watch()
                journal = cls(connection, ownership, settings, epochs, last_seq, remarks, counters, now)
                journal._bear_witness()
                if ownership.witness.epoch != journal.epoch:
                    await asyncio.to_thread(ownership.force_witness)
                try:
                    yield journal
                finally:
                    await unbroken(journal.flush())
            finally:
                await unbroken(connection.close())

    @property
    def epoch(self) -> str:
        return self._epochs.present.epoch

    @property
    def last_number(self) -> int:
        """Of the last committed event, in the present epoch; 0 = none yet."""
        return max(0, self.last_seq - self._epochs.present.base)

    # --- collecting: goes into the open group, costs microseconds ---

    def add_event(self, encode: Encode) -> int:
        """Take an event in; returns its number in this epoch. Nothing is taken when `encode` raises."""
        seq = self._next_seq
        number = seq - self._epochs.present.base
        self._open.events.append(Event(seq, self._now(), *encode(number)))
        self._next_seq += 1
        if len(self._open.events) == 1:
            self._hurry()
        self._wake()
        return number

    def put_unit(self, state: UnitState) -> None:
        self._open.units[state.unit] = state
        self._wake()

    def put_state(self, scope: str, key: str, state: str | None) -> None:
        """Remember what is being decided, opaque text; None forgets it."""
        self._open.put_state(scope, key, state)
        self._wake()

    def drop_foreign(self, scope: str, key: str) -> None:
        """Forget a state that no edgegw has written, and count it."""
        self._counters.add("journal", "foreign_rows")
        self.put_state(scope, key, None)

    def grow_state(self, scope: str, key: str, addition: str) -> None:
        """Append to what was put: far cheaper than putting it anew."""
        self._open.grow_state(scope, key, addition)
        self._wake()

    def add_decision(self, note: Note) -> None:
        """Keep a decision for `edgegw why`."""
        self._open.decisions.append(note.entry)
        if note.instead_of:
            self._open.replaced.append(note.instead_of)
        self._wake()

    def mark_published(self, *seqs: int) -> None:
        """The broker has taken these events. Whoever marks many awaits `room` as the sources do."""
        if seqs:
            self._open.published.update(seqs)
            self._wake()
            self._enough.set()

    def row_of(self, epoch: str, seq: int) -> int | None:
        """The number of the row of that event, or of the place before the first; None: no such event."""
        return self._epochs.row_of(epoch, seq, self.last_seq)

    def confirm(self, upto: int) -> None:
        """A central system has all rows up to this one."""
        if upto > self._confirmed:
            self._confirmed = self._open.confirmed = upto
            self._wake()
            self._enough.set()

    def park(self, seq: int, reason: str, note: tuple[str, bytes] | None = None) -> None:
        """The broker does not take event `seq`: keep it aside, and have `note` (topic, payload) sent in its place."""
        self._open.parked[seq] = Parking(self._now(), reason, note)
        self._wake()

    def unpark(self, seq: int) -> None:
        """Event `seq` was added anew, or is given up."""
        self._open.unparked.add(seq)
        self._wake()

    def hasten(self) -> None:
        """Commit what is collected now, without waiting for more: a person stands there, and cannot repeat it."""
        if self._open:
            self._enough.set()

    async def room(self) -> None:
        """Return at once, unless so much waits for the disk that its memory must not grow."""
        if len(self._open) + len(self._writing) >= ROOM_GROUPS * self._settings.commit_rows:
            self._counters.add("journal", "held_back")
        while len(self._open) + len(self._writing) >= ROOM_GROUPS * self._settings.commit_rows:
            await self._committed.wait()

    def _hurry(self) -> None:
        """Somebody waits for an event: its window is shorter."""
        window = self._window
        if window is None or window.expired():
            return
        closes_at, hurry_at = window.when(), asyncio.get_running_loop().time() + EVENT_S
        if closes_at is not None and hurry_at < closes_at:
            window.reschedule(hurry_at)

    def _wake(self) -> None:
        self._some.set()
        if len(self._open) >= self._settings.commit_rows:
            self._enough.set()

    # --- writing ---

    async def run(self) -> None:
        """The writer: one task, for ever. Commits when commit_rows wait, or commit_ms after the first of them, or at
        once after a delivery: what is not noted is sent again after a kill, and what is acknowledged during one commit
        goes into the next. Tries again what failed, and forgets old things in between. Flushes when cancelled; raises
        StoreFailed in place of the cancellation when that fails."""
        loop = asyncio.get_running_loop()
        tidy_at = loop.time()
        try:
            while True:
                await self._group_or(tidy_at)
                await self._commit()
                if self._damage:
                    raise StoreFailed(self._damage)
                if self._space.is_short or loop.time() >= tidy_at:
                    await unbroken(self._look_at_disk())
                if loop.time() >= tidy_at or self._growth.is_long:
                    more = await unbroken(self.tidy())
                    tidy_at = loop.time() + (0 if more else RETENTION_S)
        except asyncio.CancelledError:
            await self.flush()
            raise

    async def _look_at_disk(self) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):
            await self._space.look()

    async def may_begin_epoch(self) -> bool:
        """Whether `begin_epoch` was not done within EPOCH_S from now."""
        begun = dict(await self.states(_BEGUN[0])).get(_BEGUN[1])
        return begun is None or not abs(self._now() - _moment(begun)) < EPOCH_S

    async def begin_epoch(self) -> None:
        """Central systems know later events of this epoch than we do: it was restored from a copy.

        What was accepted since the start gets numbers of a new epoch, so it must not have been sent yet. What was
        waiting before keeps its own: it may have been sent before the copy was made. Raises StoreFailed.
        """
        epoch = Epoch(new_epoch(self._now()), self._found_seq, self._next_seq - 1)
        self._epochs.begin(epoch)
        self._open.epochs.append(epoch)
        self._open.put_state(*_BEGUN, f"{self._now():.3f}")
        self._remarks["restored"] = BEHIND
        await self.flush()

    def _bear_witness(self, suspect: bool = False) -> None:
        self._ownership.bear_witness(Witness(self.epoch, self.last_seq, suspect))

    async def flush(self) -> None:
        """Return when everything collected so far is on disk. Raises StoreFailed when it cannot be written."""
        for _ in range(2):  # the group that is being written, or failed, and then the open one
            rows = len(self._open) + len(self._writing)
            if not await self._commit() and rows:
                raise StoreFailed(f"journal {self._settings.path}: {rows} rows not written: {self.failing}")

    async def _group_or(self, tidy_at: float) -> None:
        """Wait for a group worth committing, for `tidy_at`, or for a look at the file."""
        if self.failing:
            await asyncio.sleep(RETRY_S)
            return
        look_at = asyncio.get_running_loop().time() + LOOK_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(min(tidy_at, look_at)):
                await self._some.wait()
            await self._collect()

    async def _collect(self) -> None:
        """Until the group is large enough, or its window closes: TimeoutError."""
        try:
            async with asyncio.timeout(self._settings.commit_ms / 1000) as self._window:
                if self._open.events:
                    self._hurry()
                await self._enough.wait()
        finally:
            self._window = None

    async def _commit(self) -> bool:
        """Write the group that failed before, else the open one. False: it is kept, `failing` says why."""
        return await unbroken(self._commit_next())

    async def _commit_next(self) -> bool:
        async with self._turn:
            if not self._writing:
                self._writing, self._open = self._open, Group()
                self._some.clear()
                self._enough.clear()
            lost = self._damage or self._ownership.lost()
            if lost or not self._writing:
                self.failing = lost
                return not lost
            while True:
                try:
                    await self._connection.write(*self._writing.statements())
                except sqlite3.Error as error:
                    self._keep(error)
                    if not (is_full(error) and await self._make_room()):
                        return False
                else:
                    self._settle()
                    return True

    async def _make_room(self) -> bool:
        """On a full disk: what is delivered is marked, though nothing else can be written, and the oldest of it is
        forgotten. Whether that made any room."""
        try:
            await self._space.save()
            for group in (self._writing, self._open):
                relief = group.relief()
                await self._connection.write(*relief.statements())
                group.drop(relief)
            forgotten = await self._retention.forget_events(disk_full=True)
        except sqlite3.Error:
            return False
        self._counters.add("journal", "events_forgotten", forgotten)
        return forgotten > 0

    def _keep(self, error: sqlite3.Error) -> None:
        if not is_of_the_world(error):
            raise error
        self.failing = sentence(error)
        if is_past_waiting(error):
            self._suspect(error)
        self._counters.add("journal", "failed_commits")

    def _suspect(self, error: sqlite3.Error) -> StoreFailed:
        """Waiting cures nothing: the program ends, and its next start sets aside what is not whole."""
        self._damage = (
            f"journal {self._settings.path}: {sentence(error)}: it is looked at, and set aside, at the next start"
        )
        self._bear_witness(suspect=True)
        self._enough.set()
        self._some.set()
        return StoreFailed(self._damage)

    def _settle(self) -> None:
        if self._writing.events:
            self.last_seq = self._writing.events[-1].seq
            self._counters.add("journal", "events", len(self._writing.events))
            self._bear_witness()
        self._growth.appended(len(self._writing.grown))
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
            if self._growth.is_long:
                await self._growth.fold()
            decisions = await forget_decisions(self._connection, self._now(), self._settings.max_mb)
        except sqlite3.Error as error:
            if not is_of_the_world(error):
                raise
            self._counters.add("journal", "failed_tidyings")
            return False
        self._counters.add("journal", "events_forgotten", events)
        self._counters.add("journal", "units_forgotten", units)
        return events > 0 or decisions > 0

    def troubles(self) -> dict[str, str]:
        """What a person should know although everything can be written: a sentence by its cause."""
        troubles = dict(self._remarks)
        if self._space.is_short:
            free = f"free {self._space.wanted_bytes >> 20} MB"
            troubles["disk"] = f"the disk is full: delivered events are forgotten early to make room; {free}"
        if self._retention.overfull:
            troubles["overfull"] = self._retention.overfull
        return troubles

    async def coming_again(self) -> int:
        """How many rows that were put back wait to be delivered."""
        await self.flush()
        ((count,),) = await self._read("SELECT count(*) FROM outbox WHERE again")
        return int(count)

    async def put_back(self, first: int, last: int) -> int:
        """Have the rows of this range sent once more that are still kept; how many were not waiting anyway."""
        await self.flush()  # what is delivered, but not yet marked on disk, could not be put back
        try:
            (changed,) = await self._connection.write((_PUT_BACK, [(first, last)]))
        except sqlite3.Error as error:
            raise StoreFailed(f"journal {self._settings.path}: {sentence(error)}") from error
        return changed

    # --- reading ---

    async def pending(self, after_seq: int, limit: int) -> list[Row]:
        """The oldest events after `after_seq` that are not delivered, at most `limit`; notes in place of parked ones.

        Empty only when there are none. Raises StoreFailed, as every reading here.
        """
        while True:
            found = await self._read(_PENDING, after_seq, limit)
            rows = [self._as_sent(row) for row in map(Row._make, found) if not self._is_settled(row)]
            rows = [row for row in rows if self._is_ours(row)]
            if rows or len(found) < limit:
                return rows
            after_seq = found[-1][0]

    def _is_ours(self, row: Row) -> bool:
        """A row that another program wrote wrongly is parked: SQLite holds columns to no type."""
        if isinstance(row.topic, str) and isinstance(row.payload, bytes):
            return True
        self._counters.add("journal", "foreign_rows")
        self.park(row.seq, "not written by edgegw")
        return False

    def _is_settled(self, row: Row) -> bool:
        """Delivered or put aside, but not yet committed."""
        return self._open.settles(row.seq, row.again) or self._writing.settles(row.seq, row.again)

    def _as_sent(self, row: Row) -> Row:
        payload = self._epochs.as_sent(row.seq, row.payload)
        if payload is not row.payload:
            row = row._replace(payload=payload)
        parking = self._open.parked.get(row.seq) or self._writing.parked.get(row.seq)
        return Row(row.seq, *parking.note, row.again) if parking and parking.note else row

    async def wait_committed(self, after_seq: int) -> None:
        """Return when an event after `after_seq` is on disk."""
        while self.last_seq <= after_seq:
            await self._committed.wait()

    async def parked(self, after_seq: int, limit: int) -> list[Parked]:
        """The first parked events after `after_seq`."""
        rows = await self._read(_PARKED, after_seq, limit)
        return [Parked(*row) for row in rows]

    async def oldest(self, epoch: str) -> int:
        """The first number of that epoch which is still kept; the next one when there are none."""
        ((seq,),) = await self._read("SELECT ifnull(min(seq), ?) FROM event", self.last_seq + 1)
        return max(1, int(seq) - self._epochs.base_of(epoch))

    async def states(self, scope: str) -> list[tuple[str, str]]:
        """Key and state of everything that was being decided in `scope`."""
        rows = await self._read(OF_SCOPE, scope)
        return [(key, state) for _, key, state in put_together(rows) if self._are_texts(key, state)]

    async def unit(self, unit: str) -> UnitState | None:
        rows = await self._read(_UNIT, unit)
        return UnitState(*rows[0]) if rows else None

    async def recent_units(self, since_t: float, limit: int) -> list[UnitState]:
        """Units seen at or after `since_t`, latest first. Reads the whole table: for the start."""
        rows = await self._read(_RECENT_UNITS, since_t, limit)
        return [UnitState(*row) for row in rows if self._are_texts(*row[:3])]

    def _are_texts(self, *values: object) -> bool:
        if all(isinstance(value, str) for value in values):
            return True
        self._counters.add("journal", "foreign_rows")
        return False

    async def last_decision(self) -> int:
        """The number of the newest entry in the log of decisions; 0 = none."""
        ((last_seq,),) = await self._read(LAST_SEQ)
        return int(last_seq)

    async def backlog(self) -> Backlog:
        """How much is still to be delivered. 10 ms for a million events: for the status, not for each event."""
        base = self._epochs.present.base
        ((pending, parked, oldest_t, first),) = await self._read(_BACKLOG, self.last_seq + 1, base)
        age_s = 0.0 if oldest_t is None else round(max(0.0, self._now() - oldest_t), 1)
        return Backlog(pending, parked, age_s, first - base)

    async def _read(self, sql: str, *values: Value) -> list[Any]:
        try:
            return await self._connection.read(sql, *values)
        except sqlite3.Error as error:
            if is_past_waiting(error):
                raise self._suspect(error) from error
            raise StoreFailed(f"journal {self._settings.path}: {sentence(error)}") from error


def _moment(text: str) -> float:
    """Not a number for what edgegw did not write."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _open(path: Path, birth: Birth, migrations: Sequence[str], witness: Witness) -> Found:
    """On a full disk even reading needs some room, for what SQLite keeps beside the file: the ballast gives it."""
    try:
        return open_file(path, birth, migrations, witness)
    except StoreFailed as failed:
        no_room = isinstance(failed.__cause__, sqlite3.Error) and is_full(failed.__cause__)
        if not no_room or not Ballast(path).drop():
            raise
    return open_file(path, birth, migrations, witness)
