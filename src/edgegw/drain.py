"""Journal -> broker -> central system: what becomes of each row, over all connections.

States of an event: accepted (committed in the journal), published (the broker took it), and with
`delivery.confirm: central` confirmed (a central system says that it has stored it). It leaves the outbox with
the last of these. `publish/flow.py` sends, `publish/confirmation.py` knows what to send again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from edgegw.core.counters import Counters
from edgegw.core.reissue import skipped
from edgegw.errors import LinkDown, LinkRefused, StoreFailed
from edgegw.publish.answers import NOBODY
from edgegw.publish.confirmation import Ack, Unconfirmed, parse_ack
from edgegw.publish.flow import Ailing, Flow, as_counter
from edgegw.publish.flow import Outbox as Source
from edgegw.publish.forms import Forms, Row
from edgegw.publish.mqtt import Connection, Message
from edgegw.publish.stream import LINK

ACK_WAIT_S: Final = 0.5
"""For the acknowledgement that the broker keeps (retained), when a connection begins."""
_LOOK_S: Final = 0.02

log = structlog.get_logger("edgegw")


class Outbox(Source, Protocol):
    """What the drain needs of the journal. Changes reach the disk with the next group commit."""

    def mark_published(self, *seqs: int) -> None:
        """These events are delivered."""

    @property
    def epoch(self) -> str:
        """In which events are numbered."""

    async def begin_epoch(self) -> None:
        """The journal is an old copy: give what was accepted since the start, and not sent, other numbers."""

    def row_of(self, epoch: str, seq: int) -> int | None:
        """The number of the row of that event, or of the place before the first; None: no such event."""

    def confirm(self, upto: int) -> None:
        """All rows up to this one are delivered."""

    def park(self, seq: int, reason: str, note: tuple[str, bytes] | None) -> None:
        """The broker will not take it: topic and payload of `note` go in its place."""


class Drain:
    """One per gateway; `serve` is a service of the MQTT link.

    `ack_topic`: where central systems confirm; None: the broker's word is enough. `forms`: how rows become messages.
    `rate`: events per second of a backlog; None: no limit.
    """

    def __init__(
        self,
        outbox: Outbox,
        counters: Counters,
        ack_topic: str | None = None,
        forms: Forms | None = None,
        rate: float | None = None,
    ) -> None:
        self._outbox = outbox
        self._counters = counters
        self._ack_topic = ack_topic
        self._forms = forms or Forms()
        self._rate = rate
        self._unconfirmed = Unconfirmed() if ack_topic else None
        self._acked = asyncio.Event()
        self._ack = Ack("", 0)  # the last one, in row numbers
        self._is_outdated = False  # a central system knows later events of this epoch than the journal
        self._has_sent = False
        self._ailing: dict[int, Ailing] = {}
        self._flow: Flow | None = None
        self._parked_for: set[str] = set()

    async def serve(self, connection: Connection) -> None:
        """Publish on this connection until it is lost (raises LinkDown), denied (LinkRefused) or cancelled."""
        await self._listen(connection)
        self._has_sent = True
        self._flow = Flow(
            self,
            self._counters,
            connection,
            self._forms,
            ailing=self._ailing,
            unconfirmed=self._unconfirmed,
            take=self._take,
            park=self._park,
            rate=self._rate,
        )
        try:
            await self._flow.run()
        finally:
            self._flow = None

    async def drained(self) -> None:
        """For the stop: wait until every committed row is published that the broker takes. The caller's deadline."""
        while self._flow and not self._is_held() and await self._waiting():  # noqa: ASYNC110  # once in a life
            await asyncio.sleep(_LOOK_S)

    def _is_held(self) -> bool:
        """Nothing more will be sent for now, by the broker's will or a central system's silence."""
        is_full = self._unconfirmed is not None and self._unconfirmed.is_full(0)
        return is_full or (self._flow is not None and self._flow.stall is not None)

    async def _waiting(self) -> bool:
        unconfirmed = self._unconfirmed or ()
        rows = await self.pending(0, len(self._ailing) + len(unconfirmed) + 1)
        return any(row.seq not in self._ailing and row.seq not in unconfirmed for row in rows)

    def send_again(self, first: int, last: int) -> None:
        """Rows of this range have come back into the outbox, or are wanted at once though they are unconfirmed."""
        if self._unconfirmed is not None:
            self._unconfirmed.release(first, last)
        if self._flow is not None:
            self._flow.rewind()

    def troubles(self) -> dict[str, str]:
        """What keeps events from being delivered though the link is up, in a sentence, by its cause."""
        troubles = {}
        if self._unconfirmed is not None and self._unconfirmed.is_silent:
            troubles["unconfirmed"] = (
                f"no central system confirms on '{self._ack_topic}' what was sent again: is one running, and may"
                " it write there?"
            )
        stall = self._flow and self._flow.stall
        if stall and stall.answer is NOBODY:
            troubles["unheard"] = (
                f"nobody subscribes to '{stall.topic}': all events wait in the journal until a central system"
                " subscribes there"
            )
        elif stall:
            reason = stall.answer.reason
            troubles["unwanted"] = f"the broker takes no events now ({reason}): they wait in the journal"
        return troubles

    # --- what the flow reads ---

    @property
    def last_seq(self) -> int:
        return self._outbox.last_seq

    async def wait_committed(self, after_seq: int) -> None:
        await self._outbox.wait_committed(after_seq)

    async def pending(self, after_seq: int, limit: int) -> Sequence[Row]:
        """The outbox without what a central system has beyond a gap, and confirmed when we had forgotten sending it."""
        while rows := await self._outbox.pending(after_seq, limit):
            if self._unconfirmed is None:
                return rows
            known = {row.seq for row in rows if self._ack.covers(row.seq) and not row.again}
            self._outbox.mark_published(*known)
            if len(known) < len(rows):
                return [row for row in rows if row.seq not in known]
            after_seq = rows[-1].seq
        return ()

    # --- what becomes of rows ---

    def _take(self, rows: Sequence[Row]) -> None:
        delivered = [row.seq for row in rows if self._unconfirmed is None or row.again]
        self._outbox.mark_published(*delivered)
        if self._unconfirmed is not None:
            for row in rows:
                if not row.again:
                    self._unconfirmed.add(row.seq, _now_s())

    def _park(self, row: Row, reason: str) -> None:
        """One log line for the first row of each reason; the counter tells of the others."""
        self._counters.add(LINK, f"parked_{as_counter(reason)}")
        self._outbox.park(row.seq, reason, skipped(row.topic, row.payload, reason))
        if reason not in self._parked_for:
            self._parked_for.add(reason)
            log.error("an event is parked, the broker does not take it", seq=row.seq, topic=row.topic, reason=reason)

    # --- what central systems say ---

    async def _listen(self, connection: Connection) -> None:
        """Hear acknowledgements, the one that the broker keeps before anything is sent."""
        if self._unconfirmed is None or self._ack_topic is None:
            return
        self._acked.clear()
        if not await connection.subscribe(self._ack_topic, self._hear):
            cure = "allow this gateway's user to read there in the broker's access list"
            raise LinkRefused(LINK, f"the broker does not let us subscribe to '{self._ack_topic}': {cure}")
        try:
            async with asyncio.timeout(ACK_WAIT_S):
                await self._acked.wait()
        except TimeoutError:
            pass  # nobody has ever confirmed anything
        if self._is_outdated:
            await self._begin_epoch()
        self._unconfirmed.connected(_now_s())

    async def _begin_epoch(self) -> None:
        log.error("the journal is an old copy: central systems know later events of its epoch; a new epoch begins")
        self._is_outdated = False
        try:
            await self._outbox.begin_epoch()
        except StoreFailed as failed:
            raise LinkDown(LINK, str(failed)) from failed

    def _hear(self, message: Message) -> None:
        """Anything may be published there: what is no acknowledgement of ours is counted."""
        ack = parse_ack(message.payload)
        ours = self._in_rows(ack) if ack else None
        if ack is None:
            self._counters.add(LINK, "acks_unreadable")
        elif ours is None:
            self._counters.add(LINK, "acks_of_unknown_events")
            if message.retain and ack.epoch == self._outbox.epoch and not self._has_sent:
                self._is_outdated = True
                self._acked.set()
        else:
            self._counters.add(LINK, "acks")
            self._settle(ours)

    def _in_rows(self, ack: Ack) -> Ack | None:
        """The acknowledgement in row numbers; None: it speaks of events that we do not know."""
        rows = [self._outbox.row_of(ack.epoch, seq) for seq in (ack.seq, *(seq for one in ack.beyond for seq in one))]
        known = [row for row in rows if row is not None]
        if len(known) < len(rows):
            return None
        return Ack(ack.epoch, known[0], tuple(zip(known[1::2], known[2::2], strict=True)))

    def _settle(self, ack: Ack) -> None:
        assert self._unconfirmed is not None
        self._acked.set()
        self._ack = ack
        self._outbox.confirm(ack.seq)
        self._outbox.mark_published(*self._unconfirmed.confirm(ack, _now_s()))
        if self._flow is not None:
            self._flow.stir()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
