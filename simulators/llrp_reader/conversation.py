"""One client's connection as messages: greeting, version, requests in and answers out.

| what comes                                         | what goes out                                         |
|----------------------------------------------------|-------------------------------------------------------|
| connection, reader free                            | ConnectionAttemptEvent 0                              |
| connection, reader taken or stuck                  | ConnectionAttemptEvent 2, then the end                |
| a request the reader grants                        | its response, status 0, same message id               |
| a request the reader refuses                       | its response, the status naming parameter and field   |
| a type that does not exist or is not for a reader  | ERROR_MESSAGE 109                                     |
| another version than negotiated                    | ERROR_MESSAGE 110                                     |
| GET_SUPPORTED_VERSION                              | its response, stamped version 2                       |
| SET_PROTOCOL_VERSION                               | its response, stamped version 2; a second time 112    |
| CLOSE_CONNECTION                                   | CLOSE_CONNECTION_RESPONSE, then the end               |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from simulators.llrp_reader import capabilities, settings
from simulators.llrp_reader.codec import (
    Element,
    Header,
    Message,
    Value,
    decode,
    encode,
    frame,
    message_name,
    parameter,
    read_header,
)
from simulators.llrp_reader.outbox import Item
from simulators.llrp_reader.reader import Reader
from simulators.llrp_reader.status import Refusal, Status

GREETING_OK = 0
GREETING_CLIENT_EXISTS = 2
ANOTHER_CLIENT_TRIED = 4
NEWEST_VERSION = 2

_NEGOTIATION = ("GET_SUPPORTED_VERSION", "SET_PROTOCOL_VERSION")

Answer = tuple[list[Element], dict[str, Value]]


class _NotUnderstood(Refusal):
    """The reader does not know this message: ERROR_MESSAGE, whatever the message's own response would be."""


class Wire(Protocol):
    """The bytes below."""

    @property
    def clogged(self) -> bool:
        """No reports now: the client does not read, or the reader plays dead."""

    def send(self, data: bytes, item: Item | None = None) -> None: ...

    def finish(self) -> None:
        """Close when everything is out."""


def status(refusal: Refusal | None = None) -> Element:
    """LLRPStatus: success, or the refusal with the path to what was refused."""
    if refusal is None:
        return parameter("LLRPStatus", StatusCode=0, ErrorDescription="")
    cause = _field_error(refusal) if not refusal.path else _parameter_error(refusal, 0)
    children = [] if cause is None else [cause]
    return parameter("LLRPStatus", *children, StatusCode=int(refusal.status_code), ErrorDescription=refusal.text)


def _field_error(refusal: Refusal) -> Element | None:
    if refusal.field is None:
        return None
    return parameter("FieldError", FieldNum=refusal.field, ErrorCode=int(refusal.code))


def _parameter_error(refusal: Refusal, depth: int) -> Element:
    """The ParameterError of one level of the path, the next level inside."""
    number, last = refusal.path[depth], depth == len(refusal.path) - 1
    inner = _field_error(refusal) if last else _parameter_error(refusal, depth + 1)
    code = Status.P_PARAMETER_ERROR
    if last:
        code = refusal.code if refusal.field is None else Status.P_FIELD_ERROR
    children = [] if inner is None else [inner]
    return parameter("ParameterError", *children, ParameterType=number, ErrorCode=int(code))


class Conversation:
    """A `Client` of the reader. `heard` is called with each message that came, after it was answered."""

    def __init__(self, reader: Reader, wire: Wire, heard: Callable[[Message], None]) -> None:
        self.holding = reader.settings.hold
        self.polite_end = False
        self._reader = reader
        self._wire = wire
        self._heard = heard
        self._version = 1
        self._negotiated = False
        self._extensions = False
        self._next_id = 1
        self._queries: Mapping[str, Callable[[Message], Answer]] = {
            "GET_SUPPORTED_VERSION": self._get_supported_version,
            "GET_READER_CAPABILITIES": self._get_capabilities,
            "GET_READER_CONFIG": self._get_config,
            "GET_ROSPECS": lambda _: ([spec.render() for spec in reader.rospecs.values()], {}),
            "GET_ACCESSSPECS": lambda _: (list(reader.access_specs.values()), {}),
        }
        self._orders: Mapping[str, Callable[[Message], None]] = {
            "SET_PROTOCOL_VERSION": self._set_protocol_version,
            "SET_READER_CONFIG": lambda m: reader.configure(m, self._version, self._extensions),
            "ADD_ROSPEC": lambda m: reader.add_rospec(m, self._version, self._extensions),
            "DELETE_ROSPEC": lambda m: reader.delete_rospec(m.number("ROSpecID")),
            "START_ROSPEC": lambda m: reader.start_rospec(m.number("ROSpecID")),
            "STOP_ROSPEC": lambda m: reader.stop_rospec(m.number("ROSpecID")),
            "ENABLE_ROSPEC": lambda m: reader.enable_rospec(m.number("ROSpecID")),
            "DISABLE_ROSPEC": lambda m: reader.disable_rospec(m.number("ROSpecID")),
            "ADD_ACCESSSPEC": lambda m: reader.add_access_spec(m, self._extensions),
            "DELETE_ACCESSSPEC": lambda m: reader.delete_access_spec(m.number("AccessSpecID")),
            "ENABLE_ACCESSSPEC": lambda m: reader.set_access_spec(m.number("AccessSpecID"), True),
            "DISABLE_ACCESSSPEC": lambda m: reader.set_access_spec(m.number("AccessSpecID"), False),
            "CLOSE_CONNECTION": self._close,
            "IMPINJ_ENABLE_EXTENSIONS": self._enable_extensions,
        }
        self._notes: Mapping[str, Callable[[Message], None]] = {
            "KEEPALIVE_ACK": lambda _: None,
            "ENABLE_EVENTS_AND_REPORTS": self._enable_events,
            "GET_REPORT": self._get_report,
        }

    # -- to the client ----------------------------------------------------------------------------------------

    @property
    def wants_reports(self) -> bool:
        return not (self.holding or self._wire.clogged)

    def greet(self, greeting: int) -> None:
        """ConnectionAttemptEvent: the first message of every connection."""
        self.tell(parameter("ConnectionAttemptEvent", Status=greeting))

    def tell(self, event: Element) -> None:
        """An event of the connection itself: never held, never asked for."""
        self._send("READER_EVENT_NOTIFICATION", [self._reader.stamped(event)])

    def deliver(self, item: Item) -> None:
        """A report or an event from the outbox."""
        self._wire.send(frame(item.number, item.body, self._take_id(), self._version), item)

    def keepalive(self) -> None:
        self._send("KEEPALIVE", [])

    def _take_id(self) -> int:
        taken, self._next_id = self._next_id, self._next_id % 0xFFFFFFFF + 1
        return taken

    def _send(self, name: str, children: list[Element]) -> None:
        self._wire.send(encode(Message(name, {}, children, id=self._take_id(), version=self._version)))

    # -- from the client --------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """One frame."""
        header, name = read_header(data), message_name(data)
        message = Message(name, id=header.id, version=header.version)
        try:
            self._check(header, name)
            message = decode(data)
            self._answer(message)
        except _NotUnderstood as refusal:
            self._send_error(message, refusal)
        except Refusal as refusal:
            self._refuse(message, refusal)
        self._heard(message)

    def _check(self, header: Header, name: str) -> None:
        """Whether this is a message at all for a reader that speaks this version."""
        newest = NEWEST_VERSION if self._reader.faults.version_1_1 else 1
        expected = range(1, newest + 1) if name in _NEGOTIATION else (self._version,)
        if header.version not in expected:
            text = f"this connection speaks version {self._version}, the message is version {header.version}"
            raise _NotUnderstood(Status.M_UNSUPPORTED_VERSION, text)
        unknown = not any(name in table for table in (self._queries, self._orders, self._notes))
        if unknown or (name in _NEGOTIATION and newest == 1):
            raise _NotUnderstood(Status.M_UNSUPPORTED_MESSAGE, f"message type {header.number} is not supported")

    def _answer(self, message: Message) -> None:
        if message.name in self._notes:
            self._notes[message.name](message)
        elif message.name in self._orders:
            self._orders[message.name](message)
            self._respond(message, [status()])
        else:
            children, fields = self._queries[message.name](message)
            self._respond(message, [status(), *children], fields)

    def _respond(self, request: Message, children: list[Element], fields: dict[str, Value] | None = None) -> None:
        version = NEWEST_VERSION if request.name in _NEGOTIATION else self._version
        name = request.name + "_RESPONSE"
        self._wire.send(encode(Message(name, fields or {}, children, id=request.id, version=version)))
        if self.polite_end:
            self._wire.finish()

    def _refuse(self, message: Message, refusal: Refusal) -> None:
        """In the request's own response; in an ERROR_MESSAGE where the request has none."""
        if message.name in self._notes:
            self._send_error(message, refusal)
            return
        versions: dict[str, Value] = {"CurrentVersion": self._version, "SupportedVersion": NEWEST_VERSION}
        self._respond(message, [status(refusal)], versions if message.name == "GET_SUPPORTED_VERSION" else None)

    def _send_error(self, message: Message, refusal: Refusal) -> None:
        error = Message("ERROR_MESSAGE", {}, [status(refusal)], id=message.id, version=self._version)
        self._wire.send(encode(error))

    # -- requests ---------------------------------------------------------------------------------------------

    def _get_supported_version(self, _message: Message) -> Answer:
        return [], {"CurrentVersion": self._version, "SupportedVersion": NEWEST_VERSION}

    def _set_protocol_version(self, message: Message) -> None:
        wanted = message.number("ProtocolVersion")
        if self._negotiated:
            raise Refusal(Status.M_UNEXPECTED_MESSAGE, "the version of this connection was set before")
        if not 1 <= wanted <= NEWEST_VERSION:
            raise Refusal(Status.M_UNSUPPORTED_VERSION, f"version {wanted}: the reader knows 1 to {NEWEST_VERSION}")
        self._negotiated, self._version = True, wanted

    def _get_capabilities(self, message: Message) -> Answer:
        reader, wanted = self._reader, message.number("RequestedData")
        if wanted > 4:
            raise Refusal(Status.A_OUT_OF_RANGE, f"RequestedData {wanted}: 0 to 4", field=0)
        make, has_clock = reader.make, not reader.faults.uptime_only
        parts = {
            1: [capabilities.general(make, reader.antennas, has_clock, self._version)],
            2: [capabilities.llrp(make)],
            3: [capabilities.regulatory(make)],
            4: capabilities.air_protocol(make),
        }
        return [part for number in parts if wanted in (0, number) for part in parts[number]], {}

    def _get_config(self, message: Message) -> Answer:
        wanted = message.number("RequestedData")
        if wanted > 11:
            raise Refusal(Status.A_OUT_OF_RANGE, f"RequestedData {wanted}: 0 to 11", field=1)
        antenna, gpi, gpo = (message.number(field) for field in ("AntennaID", "GPIPortNum", "GPOPortNum"))
        have = (("AntennaID", antenna, self._reader.antennas, 0), ("GPIPortNum", gpi, self._reader.make.gpis, 2))
        for name, value, most, field in (*have, ("GPOPortNum", gpo, self._reader.make.gpos, 3)):
            if value > most:
                raise Refusal(Status.A_OUT_OF_RANGE, f"{name} {value}: the reader has {most}", field=field)
        parts = self._config_parts(antenna, gpi, gpo)
        return [part for number in parts if wanted in (0, number) for part in parts[number]], {}

    def _config_parts(self, antenna: int, gpi: int, gpo: int) -> dict[int, list[Element]]:
        """What GET_READER_CONFIG may ask for, by RequestedData, in wire order."""
        reader = self._reader
        now, make = reader.settings, reader.make
        air = [settings.render_air(a, one, make) for a, one in now.air.items() if antenna in (0, a)]
        events, keepalive = settings.render_events(now, self._version), settings.render_keepalive(now)
        access = parameter("AccessReportSpec", AccessReportTrigger=now.access_report_trigger)
        hold = parameter("EventsAndReports", HoldEventsAndReportsUponReconnect=int(now.hold))
        return {
            1: [parameter("Identification", IDType=0, ReaderID=_reader_id(reader.name))],
            2: [_antenna_properties(reader, a) for a in now.air if antenna in (0, a)],
            3: air,
            5: [events],
            4: [now.report.source],
            6: [access],
            7: [settings.state_value([*air, events, now.report.source, access, keepalive, hold])],
            8: [keepalive],
            9: [_gpi_state(reader, port) for port in range(1, make.gpis + 1) if gpi in (0, port)],
            10: [_gpo_data(reader, port) for port in range(1, make.gpos + 1) if gpo in (0, port)],
            11: [hold],
        }

    def _close(self, _message: Message) -> None:
        self.polite_end = True

    def _enable_extensions(self, _message: Message) -> None:
        if not self._reader.make.impinj or self._reader.faults.claims_impinj:
            raise _NotUnderstood(Status.M_UNSUPPORTED_MESSAGE, "this reader has no vendor extensions")
        self._extensions = True

    def _enable_events(self, _message: Message) -> None:
        if self._reader.faults.error_on_enable_events:
            raise Refusal(Status.M_UNSUPPORTED_MESSAGE, "ENABLE_EVENTS_AND_REPORTS is not supported")
        self.holding = False
        self._reader.flush()

    def _get_report(self, message: Message) -> None:
        for item in self._reader.take_reports():
            self._wire.send(frame(item.number, item.body, message.id, self._version), item)


def _reader_id(name: str) -> bytes:
    """A stable EUI-64 in the locally administered range."""
    return b"\x02" + name.encode()[:7].ljust(7, b"\0")


def _antenna_properties(reader: Reader, antenna: int) -> Element:
    connected = int(antenna not in reader.antennas_down)
    return parameter("AntennaProperties", AntennaConnected=connected, AntennaID=antenna, AntennaGain=0)


def _gpi_state(reader: Reader, port: int) -> Element:
    enabled, high = port in reader.settings.gpi_enabled, port in reader.gpi_high
    return parameter("GPIPortCurrentState", GPIPortNum=port, Config=int(enabled), State=int(high))


def _gpo_data(reader: Reader, port: int) -> Element:
    return parameter("GPOWriteData", GPOPortNumber=port, GPOData=int(port in reader.settings.gpo_high))
