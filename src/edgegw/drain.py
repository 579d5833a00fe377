"""Journal -> broker: oldest first, a window in flight, the broker's answer marks the row.

The journal is the only queue. On each new connection the drain starts again at the oldest row that is not
marked, so what was in flight when a link broke may arrive twice, under the same id. On one connection:

* Rows go out in the order of their numbers, and no row is in flight twice.
* A row that the broker does not take now (nobody subscribes, a quota) holds its topic, and only its topic:
  later rows of other topics, fresh ones included, go on. After `RETRY_S` that one row is tried again; once
  it is taken, the drain goes back to it and sends all that was passed over, in order.
* A row that fails `TRIES` times without a telling reason, and one that the broker rejects, is parked.
* A denied row (access list) ends the link, as soon as everything in flight is answered: that must be cured
  at the broker, nothing is parked for it, and the supervisor tries again at its slow pace.

Memory is bounded by one chunk of rows, the window, and one row per topic.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from edgegw.core.counters import Counters
from edgegw.errors import LinkDown, LinkRefused, StoreFailed
from edgegw.publish.answers import Answer, Outcome
from edgegw.publish.mqtt import Connection

CHUNK: Final = 500
RETRY_S: Final = 1.0
TRIES: Final = 3
_SCOPE: Final = "mqtt"
_LOOK_S: Final = 0.02


class Row(Protocol):
    """One outgoing event in the journal."""

    @property
    def seq(self) -> int: ...

    @property
    def topic(self) -> str: ...

    @property
    def payload(self) -> bytes: ...


class Outbox(Protocol):
    """What the drain needs of the journal."""

    @property
    def last_seq(self) -> int:
        """Of the last committed row, published or not; 0 = none yet."""

    async def pending(self, after_seq: int, limit: int) -> Sequence[Row]:
        """The first committed rows with a higher `seq`, ascending; empty only when there are none.

        Rows that `mark_published` or `park` has been told of are left out, even if that is not on disk yet.
        """

    async def wait_committed(self, after_seq: int) -> None:
        """Wait until a row with a higher `seq` is committed."""

    def mark_published(self, seq: int) -> None:
        """The broker has it. Reaches the disk with the next group commit."""

    def park(self, seq: int, reason: str) -> None:
        """The broker will never take it."""


class Drain:
    """One per gateway; `serve` is a service of the MQTT link."""

    def __init__(self, outbox: Outbox, counters: Counters) -> None:
        self._outbox = outbox
        self._counters = counters
        self._serving = False

    async def serve(self, connection: Connection) -> None:
        """Publish on this connection until it is lost (raises LinkDown), denied (LinkRefused) or cancelled."""
        self._serving = True
        try:
            await _Flow(self._outbox, self._counters, connection).run()
        finally:
            self._serving = False

    async def drained(self) -> None:
        """For the stop: wait until no committed row is unpublished, or no link is up. The caller's deadline."""
        while self._serving and await self._outbox.pending(0, 1):  # noqa: ASYNC110  # seconds, once in a life
            await asyncio.sleep(_LOOK_S)


@dataclass(slots=True)
class _Hold:
    """The oldest row of a topic that the broker did not take, and when it is tried again."""

    row: Row
    due_s: float
    failures: int = 0


class _Flow:
    """The life of the drain on one connection."""

    def __init__(self, outbox: Outbox, counters: Counters, connection: Connection) -> None:
        self._outbox = outbox
        self._counters = counters
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._read_to = 0  # rows up to here have been looked at
        self._ahead: deque[Row] = deque()  # read, not yet sent
        self._flying: set[int] = set()
        self._held: dict[str, _Hold] = {}
        self._denied: LinkRefused | None = None
        self._stirred = asyncio.Event()  # an answer changed what there is to do

    async def run(self) -> None:
        while self._denied is None:
            await self._connection.room()
            self._stirred.clear()
            row = self._pick()
            if row is not None:
                self._send(row)
                continue
            last_seq = self._outbox.last_seq  # before reading: what is committed meanwhile ends the wait
            if not await self._read():
                await self._wait(last_seq)
        await self._land()
        raise self._denied

    def _pick(self) -> Row | None:
        """The row to send now: one whose retry is due, else the oldest that nothing holds back."""
        now_s = self._loop.time()
        for hold in self._held.values():
            if hold.due_s <= now_s and hold.row.seq not in self._flying:
                return hold.row
        while self._ahead:
            row = self._ahead.popleft()
            if row.topic not in self._held and row.seq not in self._flying:
                return row
        return None

    def _send(self, row: Row) -> None:
        self._flying.add(row.seq)
        self._connection.publish(row.topic, row.payload, partial(self._hear, row))

    async def _read(self) -> bool:
        """Fetch the next chunk; whether there was one. A journal that cannot be read now ends the link."""
        start = self._read_to
        try:
            rows = await self._outbox.pending(start, CHUNK)
        except StoreFailed as failed:
            raise LinkDown(_SCOPE, str(failed)) from failed
        if rows and self._read_to == start:  # nothing has gone back meanwhile
            self._ahead.extend(rows)
            self._read_to = rows[-1].seq
        return bool(rows)

    async def _wait(self, last_seq: int) -> None:
        """Until a row after `last_seq` is committed, an answer stirs, or a retry is due."""
        waits = [
            asyncio.ensure_future(self._outbox.wait_committed(last_seq)),
            asyncio.ensure_future(self._stirred.wait()),
        ]
        try:
            timeout_s = self._until_due_s()
            done, _ = await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in done:
                wait.result()
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _until_due_s(self) -> float | None:
        due_s = [hold.due_s for hold in self._held.values() if hold.row.seq not in self._flying]
        return max(0.0, min(due_s) - self._loop.time()) if due_s else None

    async def _land(self) -> None:
        """Wait for the answers to what is in flight, or for the end of the connection."""
        while self._flying:
            self._stirred.clear()
            await self._stirred.wait()

    def _hear(self, row: Row, answer: Answer) -> None:
        self._flying.discard(row.seq)
        match answer.outcome:
            case Outcome.ACCEPTED:
                self._counters.add(_SCOPE, "published")
                self._outbox.mark_published(row.seq)
                self._release(row)
            case Outcome.REJECTED:
                self._park(row, answer)
            case Outcome.DENIED:
                self._count("kept", answer)
                self._denied = _denial(row)
            case Outcome.KEEP | Outcome.FAILED:
                self._count("kept", answer)
                self._hold(row, answer)
        if self._denied is not None:
            self._stirred.set()

    def _hold(self, row: Row, answer: Answer) -> None:
        """Remember the oldest row of the topic only: the younger ones are read again when it is taken."""
        hold = self._held.get(row.topic)
        if hold is None or row.seq < hold.row.seq:
            hold = self._held[row.topic] = _Hold(row, 0.0)
        if hold.row.seq == row.seq:
            hold.due_s = self._loop.time() + RETRY_S
            self._stirred.set()
            hold.failures += answer.outcome is Outcome.FAILED
            if hold.failures >= TRIES:
                self._park(row, answer)

    def _release(self, row: Row) -> None:
        """If this row held its topic, go back to it: what was passed over comes next."""
        hold = self._held.get(row.topic)
        if hold is not None and hold.row.seq == row.seq:
            del self._held[row.topic]
            self._stirred.set()
            self._ahead.clear()
            self._read_to = min(self._read_to, row.seq)

    def _park(self, row: Row, answer: Answer) -> None:
        self._count("parked", answer)
        self._outbox.park(row.seq, answer.reason)
        self._release(row)

    def _count(self, fate: str, answer: Answer) -> None:
        self._counters.add(_SCOPE, f"{fate}_{answer.reason.replace(' ', '_')}")


def _denial(row: Row) -> LinkRefused:
    cure = "allow this gateway's user to write there in the broker's access list; events wait in the journal"
    return LinkRefused("mqtt", f"the broker does not let us publish to '{row.topic}': {cure}")
