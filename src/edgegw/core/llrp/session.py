"""The conversation with one LLRP reader: bytes in, values and bytes out. No socket, no clock, no waiting.

    phase        asks                              accepted ->   refused ->
    GREETING     (the reader speaks first)         VERSION       LinkDown, by name
    VERSION      GET_SUPPORTED_VERSION *           SET_VERSION   CAPABILITIES
    SET_VERSION  SET_PROTOCOL_VERSION *            CAPABILITIES  CAPABILITIES
    CAPABILITIES GET_READER_CAPABILITIES           EXTENSIONS    EXTENSIONS (a bare reader)
    EXTENSIONS   IMPINJ_ENABLE_EXTENSIONS *        CLEAN         CLEAN (not an Impinj)
    CLEAN        DELETE_ROSPEC 0                   CLEAN_ACCESS  STOP_OWN
    STOP_OWN     STOP_ROSPEC 1                     DELETE_OWN    DELETE_OWN
    DELETE_OWN   DELETE_ROSPEC 1                   CLEAN_ACCESS  CLEAN_ACCESS (had none)
    CLEAN_ACCESS DELETE_ACCESSSPEC 0               CONFIGURE     CONFIGURE (had none)
    CONFIGURE    SET_READER_CONFIG, all            ADD           KEEPALIVE
    KEEPALIVE    SET_READER_CONFIG, keepalive only ADD           ADD (we ask for signs of life)
    ADD          ADD_ROSPEC                        ENABLE        ADD with less, then LinkRefused
    ENABLE       ENABLE_ROSPEC                     START         LinkRefused
    START        START_ROSPEC *                    READING       READING (started by itself)
    READING      ENABLE_EVENTS_AND_REPORTS (it has no answer) and GET_READER_CONFIG for the state of the ports in use,
                 once, with or without an answer; then only signs of life
    STOPPING     STOP_ROSPEC                       DELETING      DELETING
    DELETING     DELETE_ROSPEC                     CLOSING       CLOSING
    CLOSING      CLOSE_CONNECTION                  CLOSED        CLOSED

    * only where it applies: 1.1 wanted, Impinj, immediate start.

Rules: an answer belongs to the request with its message id, an ERROR_MESSAGE too. Some readers number their answers
themselves: the awaited answer under another id is believed when the right one does not follow within STRAY_S, and
from such a reader at once from then on; an ERROR_MESSAGE under another id when the request's deadline comes.

Every request has a deadline. Where a refusal is survived, silence is taken for one (readers exist that pass over
what they do not know); twice in a row, or where the answer is needed, it ends the link.

Any message that can be decoded is a sign of life, and nothing else is; after one and a half keepalive periods without
one the reader is asked, and if still none comes the link ends. KEEPALIVE is acknowledged in every phase, reports are
taken in every phase.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from edgegw.core.counters import Counters
from edgegw.core.llrp import messages as llrp
from edgegw.core.llrp.decoder import BATCH_TAGS, ReportDecoder
from edgegw.core.llrp.frame import RO_ACCESS_REPORT, Frame, Framer
from edgegw.core.llrp.layout import TagBatch
from edgegw.core.llrp.parameters import Malformed
from edgegw.core.llrp.rospec import ROSPEC_ID, ReaderSettings, Refusal, plan_rospec, reductions, speaks_impinj
from edgegw.errors import LinkDown, LinkRefused

GREETING_S = 10.0
ANSWER_S = 10.0
SHRUG_S = 5.0
"""For an answer that we can do without."""
STRAY_S = 1.0
CLOSE_S = 1.5
STALL_S = 1.0
STALL_LIMIT_S = 10.0


class Phase(Enum):
    GREETING = auto()
    VERSION = auto()
    SET_VERSION = auto()
    CAPABILITIES = auto()
    EXTENSIONS = auto()
    CLEAN = auto()
    STOP_OWN = auto()
    DELETE_OWN = auto()
    CLEAN_ACCESS = auto()
    CONFIGURE = auto()
    KEEPALIVE = auto()
    ADD = auto()
    ENABLE = auto()
    START = auto()
    READING = auto()
    STOPPING = auto()
    DELETING = auto()
    CLOSING = auto()
    CLOSED = auto()


class Tags:
    """Tags in the reader's order, from one report or from several that came at once; of a long report, a part: who
    takes them can let others have a turn in between.
    """

    __slots__ = ("batches", "tags")
    __match_args__ = ("batches",)

    def __init__(self) -> None:
        self.batches: list[TagBatch] = []
        self.tags = 0

    def add(self, batch: TagBatch) -> None:
        self.tags += batch.tags
        if self.batches and self.batches[-1].layout is batch.layout:
            self.batches[-1].extend(batch)
        else:
            self.batches.append(batch)


class Stamp(NamedTuple):
    """The reader's clock as it sent an event just now. Exactly one of the two is set."""

    utc_us: int | None
    uptime_us: int | None


class Reading(NamedTuple):
    """The reader reads. `missing`: what it refused and we gave up, for health."""

    capabilities: llrp.Capabilities
    missing: tuple[str, ...]


class Event(NamedTuple):
    """Something that the reader noticed: antenna, GPI, exception, buffer."""

    event: llrp.ReaderEvent


Output = Tags | Stamp | Reading | Event


class Step(NamedTuple):
    """A row of the table. `ask` None or returning None: the phase does not apply and `accepted` follows at once."""

    ask: Callable[[Session], llrp.Request | None]
    accepted: Phase
    refused: Phase | None


class Session:
    """One conversation, for one TCP connection. Feed it bytes and the time; send what `outgoing` gives."""

    def __init__(self, settings: ReaderSettings, codec: llrp.Codec, counters: Counters, now: float) -> None:
        self._settings = settings
        self._codec = codec
        self._counters = counters
        self._framer = Framer(settings.name, counters)
        self._reports = ReportDecoder()
        self._outgoing = bytearray()
        self._version = 1
        self._message_id = 0
        self._said: set[int] = set()
        self._asked: llrp.Request | None = None
        self._stray: llrp.Answer | None = None
        self._numbers_itself = False
        self._ignored = False
        self._deadline = now + GREETING_S
        self._heard = now
        self._received = now
        self._undecodable = False
        self._stalled_since: float | None = None
        self._capabilities = llrp.Capabilities()
        self._negotiates = False
        self._impinj = False
        self._rospec: llrp.RoSpec | None = None
        self._less: list[tuple[llrp.RoSpec, str]] = []
        self._missing: list[str] = []
        self._outputs: list[Output] = []
        self.phase = Phase.GREETING

    # ------------------------------------------------------------ bytes and time

    def receive(self, data: bytes, now: float) -> list[Output]:
        """Take bytes from the reader. Raises LinkDown or LinkRefused when the conversation is over."""
        self._received = now
        self._undecodable = True
        self._framer.feed(data)
        if self._drain(now):
            self._stalled_since = None
        self._watch_for_stall(now)
        return self.outputs()

    def tick(self, now: float) -> list[Output]:
        """Call when `deadline` has passed. Raises LinkDown when the reader let it pass."""
        while self._lied(now):
            self._drain(now)
        self._watch_for_stall(now)
        if self._waiting and now >= self._deadline:
            self._give_up(now)
        if self.phase is Phase.READING and self._asked is None and now >= self._heard + self._silence_s:
            self._ask(llrp.GetReaderConfig(), now)
        return self.outputs()

    def outputs(self) -> list[Output]:
        """What the reader has said and nobody has taken: call once more after an error that ended it all."""
        outputs, self._outputs = self._outputs, []
        return outputs

    @property
    def deadline(self) -> float:
        """When `tick` must be called at the latest."""
        due = self._deadline if self._waiting else self._heard + self._silence_s
        return due if self._stalled_since is None else min(due, self._stalled_since + STALL_S)

    def outgoing(self) -> bytes:
        """Bytes to send now; each is given once."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def stop(self, now: float) -> None:
        """Leave the reader clean: stop and delete the ROSpec, close the connection. Done when phase is CLOSED."""
        if self.phase in (Phase.GREETING, Phase.CLOSED):
            self.phase = Phase.CLOSED
        elif self.phase not in (Phase.STOPPING, Phase.DELETING, Phase.CLOSING):
            self._enter(Phase.STOPPING, now)

    # ------------------------------------------------------------ frames

    def _drain(self, now: float) -> bool:
        """Take every message that has arrived; whether there was one that can be decoded."""
        decoded = False
        while (frame := self._framer.next_frame()) is not None:
            try:
                if frame.type == RO_ACCESS_REPORT:
                    self._reported(self._reports.decode(frame.body))
                    message = None
                else:
                    message = self._codec.decode(frame)
            except Malformed as malformed:
                self._framer.reject(frame, malformed.at)
                continue
            decoded = True
            self._live(now)
            if message is not None:
                self._take(message, frame, now)
        return decoded

    def _reported(self, batches: list[TagBatch]) -> None:
        last = self._outputs[-1] if self._outputs else None
        if not isinstance(last, Tags):
            self._outputs.append(last := Tags())
        for batch in batches:
            if last.tags + batch.tags > BATCH_TAGS:
                self._outputs.append(last := Tags())
            last.add(batch)

    def _live(self, now: float) -> None:
        self._heard = now
        self._undecodable = False
        if self.phase is Phase.READING:
            self._asked = None

    def _watch_for_stall(self, now: float) -> None:
        if not self._framer.incomplete:
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = now

    def _lied(self, now: float) -> bool:
        """Whether the length of a frame that stays incomplete was a lie; then what it had swallowed waits."""
        if self._stalled_since is None or now < self._stalled_since + STALL_S:
            return False
        if self._framer.stalled():
            return True
        if now >= self._received + STALL_LIMIT_S:
            raise LinkDown(
                self._settings.name, f"the reader stopped in the middle of a message for {STALL_LIMIT_S:g} s"
            )
        self._stalled_since = now
        return False

    def _take(self, message: llrp.Message, frame: Frame, now: float) -> None:
        match message:
            case llrp.KeepAlive(message_id):
                self._send(llrp.KeepAliveAck(), message_id)
            case llrp.Notification():
                self._notified(message, frame.version, now)
            case llrp.ConfigAnswer() if message.message_id in self._said:
                self._surveyed(message)
            case llrp.Response() | llrp.SupportedVersion() | llrp.CapabilitiesAnswer() | llrp.ConfigAnswer():
                self._answered(message, now)
            case llrp.Other():
                self._counters.add(self._settings.name, "other_messages")

    def _notified(self, notification: llrp.Notification, version: int, now: float) -> None:
        if notification.utc_us is not None or notification.uptime_us is not None:
            self._outputs.append(Stamp(notification.utc_us, notification.uptime_us))
        for event in notification.events:
            if event.kind == "connection":
                self._greeted(event, version, now)
            elif event.kind == "close" and self.phase in (Phase.CLOSING, Phase.CLOSED):
                self.phase = Phase.CLOSED
            elif event.kind == "close":
                raise LinkDown(self._settings.name, "the reader closed the connection by itself")
            else:
                self._outputs.append(Event(event))

    def _greeted(self, event: llrp.ReaderEvent, version: int, now: float) -> None:
        if self.phase is not Phase.GREETING:
            self._outputs.append(Event(event))
        elif event.number != 0:
            reason = llrp.CONNECTION_REFUSALS.get(event.number, f"the reader refused with status {event.number}")
            raise LinkDown(self._settings.name, reason)
        else:
            wanted = self._settings.version
            self._negotiates = wanted == "1.1" or (wanted == "auto" and version >= 2)
            self._enter(Phase.VERSION, now)

    # ------------------------------------------------------------ requests and answers

    @property
    def _waiting(self) -> bool:
        return self._asked is not None or self.phase is Phase.GREETING

    @property
    def _silence_s(self) -> float:
        return 1.5 * self._settings.keepalive_s

    def _overdue(self) -> str:
        if self.phase is Phase.GREETING:
            return (
                f"no LLRP greeting within {GREETING_S:g} s: this is not a reader, or it is in another mode "
                "(Impinj firmware from 8.2 ships with its IoT interface instead of LLRP)"
            )
        assert self._asked is not None
        overdue = f"no answer to {llrp.request_name(self._asked)} within {self._patience_s:g} s"
        return f"{overdue}, and what came cannot be decoded" if self._undecodable else overdue

    @property
    def _optional(self) -> bool:
        """Whether we go on without what this phase asks for."""
        step = _TABLE.get(self.phase)
        return step is not None and step.refused is not None

    @property
    def _patience_s(self) -> float:
        if self.phase in _ENDING:
            return CLOSE_S
        return SHRUG_S if self._optional else ANSWER_S

    def _give_up(self, now: float) -> None:
        if self._stray is not None:
            self._numbers_itself = self._stray.name != llrp.ERROR_MESSAGE
            self._conclude(self._stray, now)
        elif self._ignored or not self._optional:
            raise LinkDown(self._settings.name, self._overdue())
        else:
            self._counters.add(self._settings.name, "unanswered")
            self._refused(llrp.Status(False, f"no answer within {self._patience_s:g} s"), now)
            self._ignored = True

    def _send(self, request: llrp.Request, message_id: int) -> None:
        version_two = isinstance(request, llrp.GetSupportedVersion | llrp.SetProtocolVersion)
        self._outgoing += self._codec.encode(request, message_id, 2 if version_two else self._version)

    def _ask(self, request: llrp.Request, now: float) -> None:
        self._message_id += 1
        self._asked = request
        self._stray = None
        self._deadline = now + self._patience_s
        self._send(request, self._message_id)

    def _answered(self, answer: llrp.Answer, now: float) -> None:
        ours = answer.message_id == self._message_id
        if self.phase is Phase.READING and (ours or answer.message_id in self._said):
            return
        awaited = self._asked is not None and answer.name == self._asked.answer
        if self._asked is not None and (ours or (awaited and self._numbers_itself)):
            self._conclude(answer, now)
        else:
            self._counters.add(self._settings.name, "unmatched_answers")
            if awaited:
                self._deadline = min(self._deadline, now + STRAY_S)
            if awaited or answer.name == llrp.ERROR_MESSAGE:
                self._stray = answer

    def _conclude(self, answer: llrp.Answer, now: float) -> None:
        self._asked = None
        self._ignored = False
        if isinstance(answer, llrp.CapabilitiesAnswer) and answer.status.ok:
            self._capabilities = answer.capabilities
        accepted = answer.status.ok and answer.name != llrp.ERROR_MESSAGE
        if self.phase is Phase.VERSION:
            accepted = isinstance(answer, llrp.SupportedVersion) and accepted and answer.supported >= 2
        if accepted:
            self._accepted(now)
        else:
            self._refused(answer.status, now)

    def _accepted(self, now: float) -> None:
        if self.phase is Phase.SET_VERSION:
            self._version = 2
        elif self.phase is Phase.EXTENSIONS:
            self._impinj = True
        self._enter(_TABLE[self.phase].accepted, now)

    def _refused(self, status: llrp.Status, now: float) -> None:
        following = _TABLE[self.phase].refused
        if self.phase is Phase.CAPABILITIES:
            self._missing.append(f"capabilities: {status}")
        elif self.phase is Phase.CONFIGURE:
            self._missing.append(f"reader configuration: {status}")
        elif self.phase is Phase.KEEPALIVE:
            self._missing.append(f"keepalive: {status}")
        elif self.phase is Phase.ADD and self._less:
            self._rospec, left_out = self._less.pop(0)
            self._missing.append(f"{left_out}: {status}")
            following = Phase.ADD
        if following is None:
            verb = "ADD_ROSPEC" if self.phase is Phase.ADD else "ENABLE_ROSPEC"
            raise LinkRefused(self._settings.name, f"the reader refused {verb}: {status}")
        self._enter(following, now)

    def _enter(self, phase: Phase, now: float) -> None:
        """Go to `phase` and ask what it asks; phases that do not apply are passed over."""
        while True:
            self.phase = phase
            self._asked = None
            if phase is Phase.CLOSED:
                return
            if phase is Phase.READING:
                self._read()
                return
            step = _TABLE[phase]
            request = step.ask(self)
            if request is not None:
                self._ask(request, now)
                return
            phase = step.accepted

    def _read(self) -> None:
        self._say(llrp.EnableEventsAndReports())
        self._outputs.append(Reading(self._capabilities, tuple(self._missing)))
        self._say(llrp.GetReaderConfig("antennas"))  # events tell only what changes
        if self._settings.inputs:
            self._say(llrp.GetReaderConfig("inputs"))

    def _say(self, request: llrp.Request) -> None:
        """Send, and go on whatever the answer is."""
        self._message_id += 1
        self._said.add(self._message_id)
        self._send(request, self._message_id)

    def _surveyed(self, answer: llrp.ConfigAnswer) -> None:
        """What is true now, as if it had just changed. Antennas that nobody named may well be missing."""
        for number, connected in answer.antennas.items():
            if connected or number in self._settings.antennas:
                self._outputs.append(Event(llrp.ReaderEvent("antenna", number, connected)))
        for number, high in answer.inputs.items():
            if number in self._settings.inputs:
                self._outputs.append(Event(llrp.ReaderEvent("gpi", number, high)))

    # ------------------------------------------------------------ what the phases ask

    def _ask_version(self) -> llrp.Request | None:
        return llrp.GetSupportedVersion() if self._negotiates else None

    def _ask_set_version(self) -> llrp.Request | None:
        return llrp.SetProtocolVersion(2) if self._negotiates else None

    def _ask_extensions(self) -> llrp.Request | None:
        return llrp.EnableImpinjExtensions() if speaks_impinj(self._capabilities) else None

    def _ask_configure(self) -> llrp.Request:
        holds, ports = self._capabilities.holds_reports, self._settings.gpi_ports
        return llrp.SetReaderConfig(self._keepalive_ms, events=True, hold=holds, gpi_ports=ports)

    def _ask_keepalive(self) -> llrp.Request:
        return llrp.SetReaderConfig(self._keepalive_ms, events=False)

    def _ask_add(self) -> llrp.Request:
        if self._rospec is None:
            try:
                self._rospec = plan_rospec(self._settings, self._capabilities, self._impinj)
            except Refusal as refusal:
                raise LinkRefused(self._settings.name, str(refusal)) from None
            self._less = reductions(self._rospec, self._settings)
            if self._settings.power_dbm is not None and self._rospec.power_index is None:
                self._missing.append("power_dbm: the reader names no power table and keeps its own setting")
        return llrp.AddRoSpec(self._rospec)

    def _ask_start(self) -> llrp.Request | None:
        return llrp.RoSpecCommand("START_ROSPEC", ROSPEC_ID) if self._settings.start.immediate else None

    @property
    def _keepalive_ms(self) -> int:
        return round(self._settings.keepalive_s * 1000)


def _always(request: llrp.Request) -> Callable[[Session], llrp.Request | None]:
    return lambda _session: request


_TABLE: dict[Phase, Step] = {
    Phase.VERSION: Step(Session._ask_version, Phase.SET_VERSION, Phase.CAPABILITIES),
    Phase.SET_VERSION: Step(Session._ask_set_version, Phase.CAPABILITIES, Phase.CAPABILITIES),
    Phase.CAPABILITIES: Step(_always(llrp.GetReaderCapabilities()), Phase.EXTENSIONS, Phase.EXTENSIONS),
    Phase.EXTENSIONS: Step(Session._ask_extensions, Phase.CLEAN, Phase.CLEAN),
    Phase.CLEAN: Step(_always(llrp.RoSpecCommand("DELETE_ROSPEC", 0)), Phase.CLEAN_ACCESS, Phase.STOP_OWN),
    Phase.STOP_OWN: Step(_always(llrp.RoSpecCommand("STOP_ROSPEC", ROSPEC_ID)), Phase.DELETE_OWN, Phase.DELETE_OWN),
    Phase.DELETE_OWN: Step(
        _always(llrp.RoSpecCommand("DELETE_ROSPEC", ROSPEC_ID)), Phase.CLEAN_ACCESS, Phase.CLEAN_ACCESS
    ),
    Phase.CLEAN_ACCESS: Step(_always(llrp.DeleteAccessSpec(0)), Phase.CONFIGURE, Phase.CONFIGURE),
    Phase.CONFIGURE: Step(Session._ask_configure, Phase.ADD, Phase.KEEPALIVE),
    Phase.KEEPALIVE: Step(Session._ask_keepalive, Phase.ADD, Phase.ADD),
    Phase.ADD: Step(Session._ask_add, Phase.ENABLE, None),
    Phase.ENABLE: Step(_always(llrp.RoSpecCommand("ENABLE_ROSPEC", ROSPEC_ID)), Phase.START, None),
    Phase.START: Step(Session._ask_start, Phase.READING, Phase.READING),
    Phase.STOPPING: Step(_always(llrp.RoSpecCommand("STOP_ROSPEC", ROSPEC_ID)), Phase.DELETING, Phase.DELETING),
    Phase.DELETING: Step(_always(llrp.RoSpecCommand("DELETE_ROSPEC", ROSPEC_ID)), Phase.CLOSING, Phase.CLOSING),
    Phase.CLOSING: Step(_always(llrp.CloseConnection()), Phase.CLOSED, Phase.CLOSED),
}
_ENDING = (Phase.STOPPING, Phase.DELETING, Phase.CLOSING)
