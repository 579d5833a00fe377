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
from edgegw.publish.answers import NOBODY, Outcome
from edgegw.publish.confirmation import Ack, Unconfirmed, parse_ack
from edgegw.publish.flow import Ailing, Flow, Stall, as_counter
from edgegw.publish.flow import Outbox as Source
from edgegw.publish.forms import Forms, Row
from edgegw.publish.mqtt import Connection, Message
from edgegw.publish.stream import LINK

ACK_WAIT_S: Final = 0.5
"""For the acknowledgement that the broker keeps (retained), when a connection begins."""
SETTLE_S: Final = 0.1
"""Of acknowledgements that follow each other faster, the last one counts: each says all that those before it said."""
REACH: Final = 10_000_000
"""So many events a journal may be behind what central systems know: months of a large site."""
_LOOK_S: Final = 0.02
_CURES: Final = {
    "packet too large": "raise the size of packets that it takes (Mosquitto: max_packet_size)",
    "quota exceeded": "raise its quota for this gateway, or make room on its disk",
    "not authorised": "allow this gateway to write there in the broker's access list",
}
"""By the reason in the broker's answer."""

log = structlog.get_logger("edgegw")


class Outbox(Source, Protocol):
    """What the drain needs of the journal. Changes reach the disk with the next group commit."""

    def mark_published(self, *seqs: int) -> None:
        """These events are delivered."""

    @property
    def epoch(self) -> str:
        """In which events are numbered."""

    async def may_begin_epoch(self) -> bool:
        """Whether the last such beginning is long enough ago."""

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
        self._unconfirmed = Unconfirmed(outbox.last_seq) if ack_topic else None
        self._acked = asyncio.Event()
        self._ack = Ack("", 0)  # the last one, in row numbers
        self._heard: Ack | None = None  # the next one
        self._settling: asyncio.TimerHandle | None = None
        self._settled_s = float("-inf")
        self._is_outdated = False  # a central system knows later events of this epoch than the journal
        self._disbelieved: int | None = None  # an event that it says to know, and cannot
        self._has_sent = False
        self._ailing: dict[int, Ailing] = {}
        self._flow: Flow | None = None
        self._last_stall: Stall | None = None  # when the link ended: that cures nothing
        self._parked_for: set[str] = set()

    async def serve(self, connection: Connection) -> None:
        """Publish on this connection until it is lost (raises LinkDown), denied (LinkRefused) or cancelled."""
        try:
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
            await self._flow.run()
        finally:
            self._last_stall = self._flow.stall if self._flow else self._last_stall
            self._flow = None
            self._settle()

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
        if self._disbelieved is not None:
            troubles["disbelieved"] = (
                f"on '{self._ack_topic}' the broker keeps an acknowledgement of event {self._disbelieved}, which this"
                " gateway has not sent, and which is not believed: who writes there? An empty retained message takes"
                " it away"
            )
        stall = self._flow.stall if self._flow else self._last_stall
        if stall and stall.answer is NOBODY:
            troubles["unheard"] = (
                f"nobody subscribes to '{stall.topic}': all events wait in the journal until a central system"
                " subscribes there"
            )
        elif stall:
            reason = stall.answer.reason
            cure = _CURES.get(reason, "see the broker's log")
            what = "some events" if stall.answer.outcome is Outcome.FAILED else "events now"
            troubles["unwanted"] = f"the broker does not take {what} ({reason}), so they wait in the journal: {cure}"
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
        self._is_outdated = False
        try:
            if not await self._outbox.may_begin_epoch():
                return
            log.error("the journal is an old copy: central systems know later events of its epoch; a new epoch begins")
            await self._outbox.begin_epoch()
            self._disbelieved = None
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
                self._doubt_journal(ack)
        else:
            self._counters.add(LINK, "acks")
            self._disbelieved = None
            self._heard = ours
            if self._settling is None:
                at_s = max(_now_s(), self._settled_s + SETTLE_S)
                self._settling = asyncio.get_running_loop().call_at(at_s, self._settle)

    def _doubt_journal(self, ack: Ack) -> None:
        """It knows later events than were here at the start: is the journal an old copy, or is that a lie?"""
        assert self._unconfirmed is not None
        base = self._outbox.row_of(ack.epoch, 0) or 0
        self._is_outdated = base + ack.highest - self._unconfirmed.sent_to <= REACH
        self._disbelieved = ack.highest  # until a new epoch has begun
        self._acked.set()

    def _in_rows(self, ack: Ack) -> Ack | None:
        """The acknowledgement in row numbers; None: it speaks of events that were not sent."""
        assert self._unconfirmed is not None
        row, last = (self._outbox.row_of(ack.epoch, seq) for seq in (ack.seq, ack.highest))
        if row is None or last is None or last > self._unconfirmed.sent_to:
            return None
        base = row - ack.seq
        return Ack(ack.epoch, row, tuple((base + first, base + last) for first, last in ack.beyond))

    def _settle(self) -> None:
        """What the last acknowledgement says, if it has not been done yet."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        ack, self._heard = self._heard, None
        if ack is None or self._unconfirmed is None:
            return
        self._settled_s = _now_s()
        self._ack = ack
        self._outbox.confirm(ack.seq)
        self._outbox.mark_published(*self._unconfirmed.confirm(ack, self._settled_s))
        self._acked.set()
        if self._flow is not None:
            self._flow.stir()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
