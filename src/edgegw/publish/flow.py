"""Journal -> broker on one connection: oldest first, a window in flight, the broker's answer marks the row.

It begins at the oldest row that is not marked, so what was in flight when a link broke may arrive twice, under
the same id. It sends in two ways:

* stream: rows in the order of their numbers, a window of them in flight;
* probe: one row alone. So begins every connection, and so the drain goes on, as soon as all that is in flight
  is answered, after a row that was not taken: nothing overtakes the oldest row, whatever its topic.

| answer                   | what follows                                                                   |
|--------------------------|--------------------------------------------------------------------------------|
| taken                    | the row is marked; after a probe, stream                                       |
| nobody subscribes, quota | probe with the oldest row every RETRY_S                                        |
| failed                   | the same, and after TRIES with the next row, and so on, to tell a sick row     |
|                          | from a sick broker: rows that failed where a younger one is taken are ailing   |
| failed, of an ailing row | it is passed over, tried every AILING_RETRY_S, and parked after PARK_AFTER_S   |
|                          | if others were taken since                                                     |
| larger than the broker's | parked at once                                                                 |
| limit, impossible        |                                                                                |
| denied (access list)     | the link ends when all in flight is answered: that must be cured at the        |
|                          | broker, and the supervisor tries again at its slow pace                        |

A stream sends waiting rows of one topic together where that is wanted (`forms.batch`). When such a message fails, or
is too large, its rows are sent alone: which of them is at fault?

With a limit for backlogs, what is decided after the stream began goes out at once, and the backlog beside it at that
pace: fresh events do not starve, and the order is that of the numbers in each of both.

While a chunk of rows is sent, the next one is read. Memory is bounded by two chunks a lane, the window and AILING_MAX.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Protocol

from edgegw.core.counters import Counters
from edgegw.errors import LinkDown, LinkRefused, StoreFailed
from edgegw.publish.answers import Answer, Outcome
from edgegw.publish.confirmation import Unconfirmed
from edgegw.publish.forms import Errand, Forms, Row
from edgegw.publish.mqtt import Connection
from edgegw.publish.stream import LINK

CHUNK: Final = 250
BATCH_BYTES: Final = 131_072
RETRY_S: Final = 1.0
TRIES: Final = 3
CANDIDATES: Final = 16
AILING_MAX: Final = 200
AILING_RETRY_S: Final = 20.0
PARK_AFTER_S: Final = 180.0


class Outbox(Protocol):
    """What the drain needs of the journal."""

    @property
    def last_seq(self) -> int:
        """Of the last committed row, published or not; 0 = none yet."""

    async def pending(self, after_seq: int, limit: int) -> Sequence[Row]:
        """The first committed rows with a higher `seq`, ascending; empty only when there are none.

        Rows that the journal has been told to be rid of are left out, even if that is not on disk yet.
        """

    async def wait_committed(self, after_seq: int) -> None:
        """Wait until a row with a higher `seq` is committed."""


@dataclass(slots=True)
class Ailing:
    """A row that fails while others are taken. since_s: its first failure."""

    row: Row
    since_s: float
    due_s: float


class Stall(NamedTuple):
    """The row that everything waits behind, the topic that it was sent to, and the broker's answer."""

    row: Row
    topic: str
    answer: Answer


@dataclass(slots=True, eq=False)
class Lane:
    """Rows that go out in the order of their numbers. read_to: looked at up to this one; last: where it ends."""

    read_to: int
    last: int | None = None
    ahead: deque[Row] = field(default_factory=deque)  # read, not yet sent
    reading: asyncio.Task[Sequence[Row]] | None = None  # the chunk after that


class Flow:
    """The life of the drain on one connection.

    What outlives the connection is handed in: rows that are ailing, and rows that wait for a central system's word
    (None: the broker's is enough). `take` and `park` hear of rows that the broker took, and will not take. `rate`:
    events per second of a backlog; None: no limit.
    """

    def __init__(
        self,
        outbox: Outbox,
        counters: Counters,
        connection: Connection,
        forms: Forms,
        *,
        ailing: dict[int, Ailing],
        unconfirmed: Unconfirmed | None,
        take: Callable[[Sequence[Row]], None],
        park: Callable[[Row, str], None],
        rate: float | None,
    ) -> None:
        self._outbox = outbox
        self._counters = counters
        self._connection = connection
        self._forms = forms
        self._ailing = ailing
        self._unconfirmed = unconfirmed
        self._take = take
        self._park = park
        self._rate = rate
        self._chunk = max(1, CHUNK // forms.batch) * forms.batch  # whole messages
        self._loop = asyncio.get_running_loop()
        self._taken_s = 0.0  # when the broker last took a row
        self._flying: set[int] = set()
        self._half_taken: dict[int, set[str]] = {}  # topics of the forms of a row that the broker took, not all
        self._stirred = asyncio.Event()  # something has changed what there is to do
        self._again = False  # rows before the last one read are to be sent
        self._denied: LinkRefused | None = None
        # stream
        self._lanes = self._new_lanes()
        self._paced_to_s = 0.0  # no backlog before
        self._alone_to = 0  # rows up to here go alone
        # probe
        self._probing = True
        self._probe: int | None = None
        self._probe_at_s = 0.0
        self._failures = 0  # of probes
        self._failed: dict[int, Ailing] = {}
        self.stall: Stall | None = None

    async def run(self) -> None:
        """Raises LinkDown or LinkRefused, sooner or later."""
        try:
            while self._denied is None:
                await self._connection.room()
                if self._unconfirmed is not None and self._unconfirmed.take_due(self._loop.time()):
                    self._again = True
                if self._again:
                    await self._begin_again()
                await (self._send_probe() if self._probing else self._send_next())
            await self._land()
            raise self._denied
        finally:
            await self._forget_lanes()

    def stir(self) -> None:
        """A central system has confirmed something: there may be room."""
        self._stirred.set()

    def rewind(self) -> None:
        """Rows have come back into the outbox."""
        self._again = True
        self._stirred.set()

    async def _begin_again(self) -> None:
        await self._land()
        self._again = False
        await self._forget_lanes()
        self._lanes = self._new_lanes()

    def _new_lanes(self) -> list[Lane]:
        """One for all rows; with a limit, one for what is decided from now on, and then one for the backlog."""
        if self._rate is None:
            return [Lane(0)]
        last_seq = self._outbox.last_seq
        return [Lane(last_seq), Lane(0, last_seq)]

    async def _forget_lanes(self) -> None:
        reading = [lane.reading for lane in self._lanes if lane.reading is not None]
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        self._lanes = []

    def _is_passed_over(self, seq: int) -> bool:
        return seq in self._ailing or (self._unconfirmed is not None and seq in self._unconfirmed)

    # --- stream ---

    async def _send_next(self) -> None:
        """Send one row, or several together, or read more, or wait for more."""
        self._stirred.clear()
        last_seq = self._outbox.last_seq  # before reading: what is committed meanwhile ends the wait
        if self._unconfirmed is not None and self._unconfirmed.is_full(len(self._flying)):
            await self._wait(last_seq)
            return
        now_s = self._loop.time()
        for lane in [lane for lane in self._lanes if lane.last is None or now_s >= self._paced_to_s]:
            picked = self._pick(lane.ahead)
            if picked:
                self._pace(lane, len(picked))
                await self._send(picked)
            if picked or await self._fill(lane):
                return
        await self._wait(last_seq)

    def _pace(self, lane: Lane, count: int) -> None:
        if lane.last is not None and self._rate is not None:
            self._paced_to_s = self._loop.time() + count / self._rate

    async def _fill(self, lane: Lane) -> bool:
        """Read more; whether there is more. A backlog's lane ends with it."""
        chunk = await self._next_chunk(lane)
        rows = [row for row in chunk if lane.last is None or row.seq <= lane.last]
        if rows:
            lane.ahead.extend(rows)
            lane.read_to = rows[-1].seq
            if len(rows) == self._chunk:
                lane.reading = asyncio.create_task(self._read(lane.read_to, self._chunk))
        elif lane.last is not None and lane in self._lanes:
            self._lanes.remove(lane)
        return bool(rows)

    async def _next_chunk(self, lane: Lane) -> Sequence[Row]:
        """What was read ahead. That there was nothing may be no longer true."""
        reading, lane.reading = lane.reading, None
        return (await reading if reading is not None else ()) or await self._read(lane.read_to, self._chunk)

    def _pick(self, ahead: deque[Row]) -> list[Row]:
        """An ailing row whose time has come, else the oldest that are not ailing."""
        due = self._due()
        if due is not None:
            return [due]
        picked: list[Row] = []
        left = min(BATCH_BYTES, (self._connection.packet_max or BATCH_BYTES) * 3 // 4)
        while ahead and (not picked or self._fits(ahead[0], picked, left)):
            row = ahead.popleft()
            if not self._is_passed_over(row.seq):
                picked.append(row)
                left -= len(row.payload) + 1
        return picked

    def _fits(self, row: Row, picked: list[Row], left: int) -> bool:
        """Whether it may go together with those that are picked."""
        wanted = len(picked) < self._forms.batch and row.topic == picked[0].topic and row.seq > self._alone_to
        return wanted and picked[0].seq > self._alone_to and len(row.payload) < left

    def _due(self) -> Row | None:
        now_s = self._loop.time()
        for ailing in self._ailing.values():
            if ailing.due_s <= now_s and ailing.row.seq not in self._flying:
                return ailing.row
        return None

    async def _wait(self, last_seq: int) -> None:
        """Until a row after `last_seq` is committed, something stirs, or a row is due to be sent again."""
        waits = [
            asyncio.ensure_future(self._outbox.wait_committed(last_seq)),
            asyncio.ensure_future(self._stirred.wait()),
        ]
        try:
            done, _ = await asyncio.wait(waits, timeout=self._until_due_s(), return_when=asyncio.FIRST_COMPLETED)
            for wait in done:
                wait.result()
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _until_due_s(self) -> float | None:
        due_s = [ailing.due_s for seq, ailing in self._ailing.items() if seq not in self._flying]
        if self._unconfirmed is not None and self._unconfirmed.resend_at_s is not None:
            due_s.append(self._unconfirmed.resend_at_s)
        if any(lane.last is not None for lane in self._lanes):
            due_s.append(self._paced_to_s)
        return max(0.0, min(due_s) - self._loop.time()) if due_s else None

    # --- probe ---

    async def _send_probe(self) -> None:
        """When everything in flight is answered and the time has come, send one row and wait for its answer."""
        await self._land()
        if self.stall and self.stall.row.seq in self._ailing:
            self._stop_probing()
            return
        await asyncio.sleep(self._probe_at_s - self._loop.time())
        last_seq = self._outbox.last_seq
        passed_over = len(self._ailing) + len(self._unconfirmed or ())
        rows = await self._read(0, CANDIDATES + passed_over)
        candidates = [row for row in rows if not self._is_passed_over(row.seq)][:CANDIDATES]
        row = candidates[self._failures // TRIES % len(candidates)] if candidates else self._due()
        if row is None:
            await self._wait(last_seq)
            return
        self._probe = row.seq
        await self._send([row])
        await self._land()

    def _stop_probing(self) -> None:
        """The stream begins again at the oldest row."""
        self._failures = 0
        self._probing, self._probe, self.stall = False, None, None
        self._again = True

    # --- both ---

    async def _send(self, rows: list[Row]) -> None:
        """Of one topic, in all forms that the broker has not taken yet."""
        seqs = [row.seq for row in rows]
        self._flying.update(seqs)
        if self._unconfirmed is not None:
            self._unconfirmed.sending(seqs)
        taken = set.intersection(*(self._half_taken.get(row.seq, set()) for row in rows)) if self._half_taken else ()
        postings = [posting for posting in self._forms.postings(rows) if posting.topic not in taken]
        errand = Errand(rows, len(postings), self._hear)
        for posting in postings:
            await self._connection.room()
            hear = partial(errand.hear, posting.topic)
            self._connection.publish(posting.topic, posting.payload, hear, content_type=posting.content_type)
        if not postings:
            self._hear(errand)

    async def _read(self, after_seq: int, limit: int) -> Sequence[Row]:
        """A journal that cannot be read now ends the link."""
        try:
            return await self._outbox.pending(after_seq, limit)
        except StoreFailed as failed:
            raise LinkDown(LINK, str(failed)) from failed

    async def _land(self) -> None:
        """Wait for the answers to what is in flight, or for the end of the connection."""
        while self._flying:
            self._stirred.clear()
            await self._stirred.wait()

    def _hear(self, errand: Errand) -> None:
        self._flying.difference_update(row.seq for row in errand.rows)
        self._stirred.set()
        if errand.refused is None:
            self._pass_on(errand.rows)
            return
        if errand.taken:
            for row in errand.rows:
                self._half_taken.setdefault(row.seq, set()).update(errand.taken)
        self._hear_refusal(errand.rows, *errand.refused)

    def _hear_refusal(self, rows: Sequence[Row], topic: str, answer: Answer) -> None:
        match answer.outcome:
            case Outcome.DENIED:
                self._count_kept(answer)
                self._denied = _denial(topic)
            case Outcome.REJECTED | Outcome.FAILED if len(rows) > 1:
                self._counters.add(LINK, f"batches_{as_counter(answer.reason)}")
                self._alone_to = max(self._alone_to, rows[-1].seq)
                self.rewind()
            case Outcome.REJECTED:
                self._give_up(rows[0], answer)
            case _:
                self._count_kept(answer)
                self._keep(rows[0], topic, answer)

    def _pass_on(self, rows: Sequence[Row]) -> None:
        self._counters.add(LINK, "published", len(rows))
        self._take(rows)
        self._taken_s = self._loop.time()
        for past in (self._ailing, self._failed, self._half_taken):
            if past:
                for row in rows:
                    past.pop(row.seq, None)
        self._blame_before(rows[-1].seq)
        if rows[0].seq == self._probe:
            self._stop_probing()

    def _blame_before(self, taken: int) -> None:
        """Rows that failed where a younger one is taken are at fault themselves."""
        for seq in [seq for seq in self._failed if seq < taken]:
            failed = self._failed.pop(seq)
            if len(self._ailing) < AILING_MAX:
                self._ailing[seq] = failed

    def _keep(self, row: Row, topic: str, answer: Answer) -> None:
        now_s = self._loop.time()
        ailing = self._ailing.get(row.seq)
        if ailing is not None:
            self._pass_over(ailing, answer, now_s)
            return
        if answer.outcome is Outcome.FAILED:
            self._failed.setdefault(row.seq, Ailing(row, now_s, now_s + RETRY_S))
            self._failures += row.seq == self._probe
        if self.stall is None or row.seq <= self.stall.row.seq:
            self.stall = Stall(row, topic, answer)
        self._probing = True
        self._probe_at_s = now_s + RETRY_S

    def _pass_over(self, ailing: Ailing, answer: Answer, now_s: float) -> None:
        ailing.due_s = now_s + AILING_RETRY_S
        if (
            answer.outcome is Outcome.FAILED
            and now_s - ailing.since_s >= PARK_AFTER_S
            and self._taken_s > ailing.since_s
        ):
            del self._ailing[ailing.row.seq]
            self._give_up(ailing.row, answer)

    def _give_up(self, row: Row, answer: Answer) -> None:
        """Something else will stand in its place."""
        self._half_taken.pop(row.seq, None)
        self._park(row, answer.reason)
        self.rewind()

    def _count_kept(self, answer: Answer) -> None:
        self._counters.add(LINK, f"kept_{as_counter(answer.reason)}")


def as_counter(reason: str) -> str:
    return reason.replace(" ", "_")


def _denial(topic: str) -> LinkRefused:
    cure = "allow this gateway's user to write there in the broker's access list; events wait in the journal"
    return LinkRefused(LINK, f"the broker does not let us publish to '{topic}': {cure}")
