"""What a client and a reader say to each other, as frozen values, and the interface of the codec.

Names and numbers follow LLRP 1.0.1/1.1. Requests are what edgegw asks; messages are what it understands of the
answers. How they look on the wire is the codec's business (`edgegw.sources.sllurp_codec`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from edgegw.core.llrp.frame import Frame

# ---------------------------------------------------------------- answers


class Status(NamedTuple):
    """LLRPStatus (13.2.8.1). `refused` names the parameter and field that the reader did not accept."""

    ok: bool
    code: str = "Success"
    description: str = ""
    refused: str = ""

    def __str__(self) -> str:
        parts = [self.code]
        if self.refused:
            parts.append(f"in {self.refused}")
        if self.description:
            parts.append(f"({self.description})")
        return " ".join(parts)


ERROR_MESSAGE = "ERROR_MESSAGE"


class Response(NamedTuple):
    """An answer with a status. `name` as in the standard; ERROR_MESSAGE answers any request."""

    name: str
    message_id: int
    status: Status


class SupportedVersion(NamedTuple):
    """GET_SUPPORTED_VERSION_RESPONSE (1.1, 9.1.2): 1 = LLRP 1.0.1, 2 = 1.1."""

    message_id: int
    status: Status
    current: int
    supported: int
    name: str = "GET_SUPPORTED_VERSION_RESPONSE"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a reader says it can do (GET_READER_CAPABILITIES_RESPONSE). 0 or empty = it did not say.

    powers_dbm maps TransmitPowerLevelTableEntry index -> dBm.
    """

    manufacturer: int = 0
    model: int = 0
    firmware: str = ""
    antennas: int = 0
    gpis: int = 0
    has_utc_clock: bool = True
    holds_reports: bool = True
    powers_dbm: dict[int, float] = field(default_factory=dict)
    rf_modes: tuple[int, ...] = ()
    hopping: bool = True
    hop_table_id: int = 0


class CapabilitiesAnswer(NamedTuple):
    message_id: int
    status: Status
    capabilities: Capabilities
    name: str = "GET_READER_CAPABILITIES_RESPONSE"


class ConfigAnswer(NamedTuple):
    """How the reader's ports are: antenna -> connected, input -> high, as far as it was asked and knows."""

    message_id: int
    status: Status
    antennas: dict[int, bool]
    inputs: dict[int, bool]
    name: str = "GET_READER_CONFIG_RESPONSE"


Answer = Response | SupportedVersion | CapabilitiesAnswer | ConfigAnswer


class KeepAlive(NamedTuple):
    message_id: int


EventKind = Literal[
    "connection",
    "close",
    "gpi",
    "antenna",
    "exception",
    "buffer-warning",
    "buffer-overflow",
    "rospec",
    "other",
]


class ReaderEvent(NamedTuple):
    """One event of a READER_EVENT_NOTIFICATION (13.2.6).

    number  antenna or GPI port, percentage of the buffer, ROSpec id, or the status of a connection attempt
    on      antenna connected, GPI high, ROSpec started
    """

    kind: EventKind
    number: int = 0
    on: bool = False
    text: str = ""


class Notification(NamedTuple):
    """READER_EVENT_NOTIFICATION. Exactly one of utc_us and uptime_us, or none where the reader sent none."""

    utc_us: int | None
    uptime_us: int | None
    events: tuple[ReaderEvent, ...]


class Other(NamedTuple):
    """A message that is understood well enough to be passed over."""

    type: int


Message = Answer | KeepAlive | Notification | Other

CONNECTION_REFUSALS = {
    1: "a reader-initiated connection exists: another system is configured to be called by this reader",
    2: "another client holds this reader: close it there, or wait until the reader drops its dead session",
    3: "the reader refused the connection without a reason",
}
"""ConnectionAttemptEvent.Status (LLRP 1.0.1, 13.2.6.11). 4, "another connection attempted", goes to the client
that holds the reader and is an event, not a refusal."""

# ---------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True)
class GetSupportedVersion:
    answer = "GET_SUPPORTED_VERSION_RESPONSE"


@dataclass(frozen=True, slots=True)
class SetProtocolVersion:
    version: int
    answer = "SET_PROTOCOL_VERSION_RESPONSE"


@dataclass(frozen=True, slots=True)
class GetReaderCapabilities:
    answer = "GET_READER_CAPABILITIES_RESPONSE"


@dataclass(frozen=True, slots=True)
class GetReaderConfig:
    """identification: a sign of life from a reader that sends no keepalives. The others: how its ports are now."""

    wanted: Literal["identification", "antennas", "inputs"] = "identification"
    answer = "GET_READER_CONFIG_RESPONSE"


@dataclass(frozen=True, slots=True)
class EnableImpinjExtensions:
    answer = "IMPINJ_ENABLE_EXTENSIONS_RESPONSE"


@dataclass(frozen=True, slots=True)
class SetReaderConfig:
    """keepalive_ms: period. events: also subscribe to reader events. hold: hold reports upon reconnect."""

    keepalive_ms: int
    events: bool
    hold: bool = False
    gpi_ports: tuple[int, ...] = ()
    answer = "SET_READER_CONFIG_RESPONSE"


@dataclass(frozen=True, slots=True)
class DeleteAccessSpec:
    """0 = all."""

    access_spec_id: int
    answer = "DELETE_ACCESSSPEC_RESPONSE"


RoSpecVerb = Literal["DELETE_ROSPEC", "ENABLE_ROSPEC", "START_ROSPEC", "STOP_ROSPEC"]


@dataclass(frozen=True, slots=True)
class RoSpecCommand:
    """One of the requests that carry nothing but a ROSpec id; 0 = all."""

    verb: RoSpecVerb
    rospec_id: int

    @property
    def answer(self) -> str:
        return f"{self.verb}_RESPONSE"


@dataclass(frozen=True, slots=True)
class GpiTrigger:
    """GPITriggerValue (13.2.1.1.1.2): `high` is the level that fires; timeout_ms only for stop triggers."""

    port: int
    high: bool
    timeout_ms: int = 0


@dataclass(frozen=True, slots=True)
class StartTrigger:
    """Nothing set = immediate."""

    gpi: GpiTrigger | None = None
    period_ms: int = 0

    @property
    def immediate(self) -> bool:
        return self.gpi is None and not self.period_ms


@dataclass(frozen=True, slots=True)
class StopTrigger:
    """Nothing set = never."""

    duration_ms: int = 0
    gpi: GpiTrigger | None = None


@dataclass(frozen=True, slots=True)
class RoSpec:
    """The ROSpec that edgegw asks for (11.2.1). None = left to the reader.

    power_index    index into the reader's TransmitPowerLevelTable
    hop_table_id   sent with the power; ignored by readers that do not hop
    mode           RF mode identifier from the reader's table
    search_mode    ImpinjInventorySearchMode: 0 reader's choice, 1 single target, 2 dual target
    report_every   tags per report
    pc_bits        ask for the Gen2 protocol-control word
    impinj         ask for 1/100 dB RSSI, phase and Doppler
    """

    id: int
    start: StartTrigger
    stop: StopTrigger
    antennas: tuple[int, ...]
    power_index: int | None = None
    hop_table_id: int = 0
    mode: int | None = None
    session: int | None = None
    population: int = 32
    search_mode: int | None = None
    report_every: int = 1
    pc_bits: bool = True
    impinj: bool = False


@dataclass(frozen=True, slots=True)
class AddRoSpec:
    rospec: RoSpec
    answer = "ADD_ROSPEC_RESPONSE"


@dataclass(frozen=True, slots=True)
class EnableEventsAndReports:
    """Has no answer (LLRP 1.0.1, 12.1.4)."""

    answer = ""


@dataclass(frozen=True, slots=True)
class KeepAliveAck:
    answer = ""


@dataclass(frozen=True, slots=True)
class CloseConnection:
    answer = "CLOSE_CONNECTION_RESPONSE"


Request = (
    GetSupportedVersion
    | SetProtocolVersion
    | GetReaderCapabilities
    | GetReaderConfig
    | EnableImpinjExtensions
    | SetReaderConfig
    | DeleteAccessSpec
    | RoSpecCommand
    | AddRoSpec
    | EnableEventsAndReports
    | KeepAliveAck
    | CloseConnection
)


def request_name(request: Request) -> str:
    """The standard's name of a request, for messages to people."""
    match request:
        case RoSpecCommand(verb=verb):
            return verb
        case _:
            return request.answer.removesuffix("_RESPONSE") or type(request).__name__


class Codec(Protocol):
    """Requests to bytes, frames to messages. RO_ACCESS_REPORT is not its business (`report`)."""

    def encode(self, request: Request, message_id: int, version: int) -> bytes: ...

    def decode(self, frame: Frame) -> Message:
        """Raises Malformed for anything that cannot be decoded."""
        ...
