"""The only module that knows sllurp: requests to bytes, frames to values.

sllurp 3.0.5 is used as a codec alone; its threaded client and state machine are not. What it puts on the air
wrongly is corrected here, and `tests/sources/test_sllurp_codec.py` proves every request byte for byte:

* Power goes out as the index that the session found in the reader's table; sllurp's own mapping (index 0 = "max")
  is never called.
* GPITriggerValue is parameter 181 (LLRP 1.0.1, 16.2.4.1.1.1.2); sllurp sends 180, PeriodicTriggerValue.
* GET_READER_CONFIG begins with the AntennaID (LLRP 1.0.1, 16.1.36); sllurp puts RequestedData before it, so that the
  reader is asked for all of antenna 256.
* EventsAndReports has no encoder in sllurp and would be left out in silence.
* The ROSpec always says when to report: every N tags.
* GET_SUPPORTED_VERSION and SET_PROTOCOL_VERSION (LLRP 1.1) are unknown to sllurp.
* AISpecEvent with C1G2SingulationDetails, which a reader may send at any time, cannot be decoded by sllurp.
* A ConnectionAttemptEvent with a status that sllurp does not know is dropped by it in silence.
* Of several events of one kind in one notification sllurp keeps the last.
* An answer whose status it can read and whose rest it cannot (a longer field, an unknown table) is lost with it.
* TransmitPowerValue is signed (LLRP 1.0.1, 16.2.3.4.1); sllurp reads it unsigned.

This is also the last place where sllurp's dictionaries exist.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Any

from sllurp import llrp_proto
from sllurp.llrp import LLRPMessage

from edgegw.core.llrp import messages as llrp
from edgegw.core.llrp.frame import HEADER, HEADER_BYTES, KEEPALIVE, Frame
from edgegw.core.llrp.parameters import CUSTOM, Malformed, walk

Fields = Mapping[str, Any]

logging.getLogger("sllurp").setLevel(logging.CRITICAL)  # what it would log is a counter or an error here

_U8 = Struct(">B")
_U16 = Struct(">H")
_U16X2 = Struct(">HH")
_GET_CONFIG = Struct(">HBHH")
_AI_SPEC_EVENT = Struct(">BIH")
_DECODED = frozenset([4, 11, 12, 13, 30, 31, 32, 33, 34, 35, 50, 51, 52, 53, 63, 100, 1023])
_CAPABILITIES_ANSWER = 11
_SUPPORTED_VERSION_ANSWER = 56
_SET_VERSION_ANSWER = 57
_ERROR_MESSAGE = 100
_LLRP_STATUS = 287
_LOW, _HIGH = 0, 1
_EVENTS = (
    "ConnectionAttemptEvent",
    "ConnectionCloseEvent",
    "GPIEvent",
    "AntennaEvent",
    "ReaderExceptionEvent",
    "ReportBufferLevelWarning",
    "ReportBufferOverflowErrorEvent",
    "ROSpecEvent",
)
"""Events that say something about the dock; hopping, surveys and other makers' events do not."""


def _correct_sllurp() -> None:
    """Mend sllurp's tables, once per process."""
    parameters, names = llrp_proto.Param_struct, llrp_proto.Param_Type2Name
    parameters["GPITriggerValue"]["type"] = 181
    names[181, 0, 0] = "GPITriggerValue"
    names[180, 0, 0] = "PeriodicTriggerValue"
    parameters["EventsAndReports"]["encode"] = _encode_events_and_reports
    parameters["AISpecEvent"]["decode"] = _decode_ai_spec_event
    parameters["ConnectionAttemptEvent"]["decode"] = _decode_connection_attempt
    parameters["ReaderEventNotificationData"]["n_fields"] = list(_EVENTS)
    llrp_proto.Error_Type2Name[112] = "UnexpectedMessage"  # since LLRP 1.1
    requests, message_names = llrp_proto.Message_struct, llrp_proto.Message_Type2Name
    requests["GET_READER_CONFIG"]["encode"] = lambda fields, _info: _GET_CONFIG.pack(0, fields["RequestedData"], 0, 0)
    for name, number, encode in (
        ("GET_SUPPORTED_VERSION", 46, lambda _fields, _info: b""),
        ("SET_PROTOCOL_VERSION", 47, lambda fields, _info: _U8.pack(fields["ProtocolVersion"])),
    ):
        requests[name] = {"type": number, "fields": [], "o_fields": [], "n_fields": [], "encode": encode}
        message_names[number, 0, 0] = name


def _encode_events_and_reports(fields: Fields, _info: object) -> bytes:
    """LLRP 1.0.1, 16.2.6.10: one bit, HoldEventsAndReportsUponReconnect."""
    return _U8.pack(0x80 if fields["HoldEventsAndReportsUponReconnect"] else 0)


def _decode_ai_spec_event(data: bytes, _name: str | None = None) -> tuple[dict[str, Any], str]:
    """LLRP 1.0.1, 16.2.7.6.8: the singulation details behind the fixed part are of no use to us."""
    _, rospec, index = _AI_SPEC_EVENT.unpack_from(data)
    return {"EventType": "End_of_AISpec", "ROSpecID": rospec, "SpecIndex": index}, ""


def _decode_connection_attempt(data: bytes, _name: str | None = None) -> tuple[dict[str, Any], str]:
    """LLRP 1.0.1, 16.2.7.6.10: the number; sllurp drops the whole event when it has no name for it."""
    (status,) = _U16.unpack_from(data)
    return {"Status": status}, ""


_correct_sllurp()


class SllurpCodec:
    """`edgegw.core.llrp.messages.Codec` on top of sllurp. Stateless."""

    def encode(self, request: llrp.Request, message_id: int, version: int) -> bytes:
        """The whole message with its header. `version` 1 = LLRP 1.0.1, 2 = 1.1."""
        name, fields = _sllurp_request(request)
        message = LLRPMessage(msgdict={name: {"Ver": version, "Type": 0, "ID": message_id, **fields}})
        return bytes(message.msgbytes)

    def decode(self, frame: Frame) -> llrp.Message:
        """Raises Malformed."""
        if frame.type == KEEPALIVE:
            return llrp.KeepAlive(frame.id)
        if frame.type == _SUPPORTED_VERSION_ANSWER:
            return _supported_version(frame)
        _check_parameters(frame)
        if frame.type == _SET_VERSION_ANSWER:
            return llrp.Response("SET_PROTOCOL_VERSION_RESPONSE", frame.id, _status_alone(frame, frame.body))
        if frame.type not in _DECODED:
            return llrp.Other(frame.type)
        try:
            return _message(frame)
        except Malformed:
            return _bare_answer(frame)


def _check_parameters(frame: Frame) -> None:
    """Every parameter must lie inside the message: sllurp would read over the end of one that does not."""
    if frame.type == CUSTOM:
        if len(frame.body) < 5:
            raise Malformed("custom message without vendor and subtype")
        return
    for _ in walk(frame.body, 0, len(frame.body)):
        pass


def _message(frame: Frame) -> llrp.Message:
    name, fields = _decoded(frame)
    try:
        match name:
            case "READER_EVENT_NOTIFICATION":
                return _notification(fields["ReaderEventNotificationData"])
            case "GET_READER_CAPABILITIES_RESPONSE":
                return llrp.CapabilitiesAnswer(frame.id, _status(fields["LLRPStatus"]), _capabilities(fields))
            case "GET_READER_CONFIG_RESPONSE":
                return llrp.ConfigAnswer(frame.id, _status(fields["LLRPStatus"]), *_ports(fields))
            case "CUSTOM_MESSAGE":
                return llrp.Other(frame.type)
            case _:
                return llrp.Response(name, frame.id, _status(fields["LLRPStatus"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"{name}: {error!r} is missing or not what the standard says") from None


def _bare_answer(frame: Frame) -> llrp.Message:
    """The status of an answer that sllurp cannot decode whole. Raises Malformed where there is none."""
    name = llrp_proto.Message_Type2Name[frame.type, 0, 0]
    for kind, _, _, start, end in walk(frame.body, 0, len(frame.body)):
        if kind == _LLRP_STATUS and end - start >= _U16X2.size:
            code, size = _U16X2.unpack_from(frame.body, start)
            text = frame.body[start + _U16X2.size : min(start + _U16X2.size + size, end)]
            status = llrp.Status(code == 0, _code_name(code), _text(text))
            if frame.type == _CAPABILITIES_ANSWER:
                return llrp.CapabilitiesAnswer(frame.id, status, llrp.Capabilities())
            return llrp.Response(name, frame.id, status)
    raise Malformed(f"{name} cannot be decoded")


def _decoded(frame: Frame) -> tuple[str, Fields]:
    header = HEADER.pack(frame.version << 10 | frame.type, HEADER_BYTES + len(frame.body), frame.id)
    try:
        message = LLRPMessage(msgbytes=header + frame.body)
    except Exception as error:  # noqa: BLE001 - a foreign decoder on hostile bytes: struct, Key, Index, Recursion...
        raise Malformed(f"sllurp: {error!r}") from None
    name = message.getName()
    return name, message.msgdict[name]


# ---------------------------------------------------------------- answers


def _supported_version(frame: Frame) -> llrp.SupportedVersion:
    """GET_SUPPORTED_VERSION_RESPONSE (LLRP 1.1, 17.1.2): two bytes, then LLRPStatus."""
    if len(frame.body) < 2:
        raise Malformed("GET_SUPPORTED_VERSION_RESPONSE without versions")
    return llrp.SupportedVersion(frame.id, _status_alone(frame, frame.body[2:]), frame.body[0], frame.body[1])


def _status_alone(frame: Frame, body: bytes) -> llrp.Status:
    """The LLRPStatus of an answer that sllurp does not know, read as the body of an ERROR_MESSAGE."""
    as_error = frame._replace(type=_ERROR_MESSAGE, body=body)
    _check_parameters(as_error)
    answer = _message(as_error)
    if not isinstance(answer, llrp.Response):
        raise Malformed("answer without a status")
    return answer.status


def _status(fields: Fields) -> llrp.Status:
    code = fields["StatusCode"]
    return llrp.Status(code == "Success", code, _text(fields["ErrorDescription"]), _refused(fields))


def _code_name(code: int) -> str:
    return str(llrp_proto.Error_Type2Name.get(code, f"status code {code}"))


def _refused(fields: Fields, depth: int = 0) -> str:
    """The way down to what was refused: `ROSpec > AISpec > field 2 (A_OutOfRange)`."""
    if depth > 16:
        return "..."
    inner = fields.get("ParameterError")
    if isinstance(inner, Mapping):
        below = _refused(inner, depth + 1)
        parameter = _parameter_name(inner.get("ParameterType"))
        return f"{parameter} > {below}" if below else f"{parameter} ({inner.get('ErrorCode')})"
    field = fields.get("FieldError")
    return f"field {field.get('FieldNum')} ({field.get('ErrorCode')})" if isinstance(field, Mapping) else ""


def _parameter_name(name_or_type: object) -> str:
    return name_or_type if isinstance(name_or_type, str) else f"parameter {name_or_type}"


def _text(data: bytes) -> str:
    return "".join(char if char.isprintable() else "?" for char in bytes(data[:200]).decode("utf-8", "replace"))


def _capabilities(fields: Fields) -> llrp.Capabilities:
    general = fields.get("GeneralDeviceCapabilities", {})
    llrp_side = fields.get("LLRPCapabilities", {})
    band = fields.get("RegulatoryCapabilities", {}).get("UHFBandCapabilities", {})
    frequencies = band.get("FrequencyInformation", {})
    hop_tables = frequencies.get("FrequencyHopTable", [])
    return llrp.Capabilities(
        manufacturer=general.get("DeviceManufacturerName", 0),
        model=general.get("ModelName", 0),
        firmware=_text(general.get("ReaderFirmwareVersion", b""))[:64],
        antennas=general.get("MaxNumberOfAntennaSupported", 0),
        gpis=general.get("GPIOCapabilities", {}).get("NumGPIs", 0),
        has_utc_clock=general.get("HasUTCClockCapability", True),
        holds_reports=llrp_side.get("SupportsEventAndReportHolding", True),
        powers_dbm={
            entry["Index"]: _signed(entry["TransmitPowerValue"]) / 100
            for entry in band.get("TransmitPowerLevelTableEntry", [])
        },
        rf_modes=tuple(
            mode["ModeIdentifier"] for mode in band.get("UHFC1G2RFModeTable", {}).get("UHFC1G2RFModeTableEntry", [])
        ),
        hopping=bool(frequencies.get("Hopping", True)),
        hop_table_id=hop_tables[0]["HopTableId"] if hop_tables else 0,
    )


def _ports(fields: Fields) -> tuple[dict[int, bool], dict[int, bool]]:
    antennas = {one["AntennaID"]: one["AntennaConnected"] for one in fields.get("AntennaProperties", [])}
    states = {one["GPIPortNum"]: one["GPIState"] for one in fields.get("GPIPortCurrentState", [])}
    return antennas, {port: state == _HIGH for port, state in states.items() if state in (_LOW, _HIGH)}


def _signed(value: int) -> int:
    return value - 0x10000 if value & 0x8000 else value


def _notification(fields: Fields) -> llrp.Notification:
    stamp, uptime = fields.get("UTCTimestamp"), fields.get("Uptime")
    return llrp.Notification(
        utc_us=stamp["Microseconds"] if stamp else None,
        uptime_us=uptime["Microseconds"] if uptime else None,
        events=tuple(_events(fields)),
    )


def _events(fields: Fields) -> Iterator[llrp.ReaderEvent]:
    for name, values in fields.items():
        if name in _EVENTS:
            for value in values:
                yield _event(name, value)


def _event(name: str, value: Fields) -> llrp.ReaderEvent:
    match name:
        case "ConnectionAttemptEvent":
            return llrp.ReaderEvent("connection", value["Status"])
        case "ConnectionCloseEvent":
            return llrp.ReaderEvent("close")
        case "GPIEvent":
            return llrp.ReaderEvent("gpi", value["GPIPortNumber"], value["GPIEvent"])
        case "AntennaEvent":
            return llrp.ReaderEvent("antenna", value["AntennaID"], value["EventType"] == "Connected")
        case "ReaderExceptionEvent":
            return llrp.ReaderEvent("exception", int(value.get("AntennaID", 0)), text=_text(value["Message"]))
        case "ReportBufferLevelWarning":
            return llrp.ReaderEvent("buffer-warning", value["ReportBufferPercentageFull"])
        case "ReportBufferOverflowErrorEvent":
            return llrp.ReaderEvent("buffer-overflow")
        case _:
            return llrp.ReaderEvent("rospec", value["ROSpecID"], value["EventType"] == "Start_of_ROSpec")


# ---------------------------------------------------------------- requests


def _sllurp_request(request: llrp.Request) -> tuple[str, dict[str, Any]]:
    match request:
        case llrp.GetSupportedVersion():
            return "GET_SUPPORTED_VERSION", {}
        case llrp.SetProtocolVersion(version):
            return "SET_PROTOCOL_VERSION", {"ProtocolVersion": version}
        case llrp.GetReaderCapabilities():
            return "GET_READER_CAPABILITIES", {"RequestedData": 0}
        case llrp.GetReaderConfig(wanted):
            return "GET_READER_CONFIG", {"RequestedData": _REQUESTED_DATA[wanted]}
        case llrp.EnableImpinjExtensions():
            return "IMPINJ_ENABLE_EXTENSIONS", {}
        case llrp.SetReaderConfig():
            return "SET_READER_CONFIG", _reader_config(request)
        case llrp.DeleteAccessSpec(access_spec_id):
            return "DELETE_ACCESSSPEC", {"AccessSpecID": access_spec_id}
        case llrp.RoSpecCommand(verb, rospec_id):
            return verb, {"ROSpecID": rospec_id}
        case llrp.AddRoSpec(rospec):
            return "ADD_ROSPEC", {"ROSpec": _rospec(rospec)}
        case llrp.EnableEventsAndReports():
            return "ENABLE_EVENTS_AND_REPORTS", {}
        case llrp.KeepAliveAck():
            return "KEEPALIVE_ACK", {}
        case llrp.CloseConnection():
            return "CLOSE_CONNECTION", {}


_REQUESTED_DATA = {"identification": 1, "antennas": 2, "inputs": 9}
_SUBSCRIBED = ("GPIEvent", "ROSpecEvent", "ReportBufferFillWarning", "ReaderExceptionEvent", "AntennaEvent")


def _reader_config(request: llrp.SetReaderConfig) -> dict[str, Any]:
    config: dict[str, Any] = {
        "ResetToFactoryDefaults": False,
        "KeepaliveSpec": {"KeepaliveTriggerType": 1, "TimeInterval": request.keepalive_ms},
    }
    if request.events:
        config["ReaderEventNotificationSpec"] = {"EventNotificationState": dict.fromkeys(_SUBSCRIBED, True)}
        config["GPIPortCurrentState"] = [{"GPIPortNum": port, "GPIConfig": True} for port in request.gpi_ports]
    if request.hold:
        config["EventsAndReports"] = {"HoldEventsAndReportsUponReconnect": True}
    return config


def _rospec(rospec: llrp.RoSpec) -> dict[str, Any]:
    return {
        "ROSpecID": rospec.id,
        "Priority": 0,
        "CurrentState": "Disabled",
        "ROBoundarySpec": {
            "ROSpecStartTrigger": _start_trigger(rospec.start),
            "ROSpecStopTrigger": _stop_trigger(rospec.stop),
        },
        "AISpec": [_ai_spec(rospec)],
        "ROReportSpec": _report_spec(rospec),
    }


def _gpi(trigger: llrp.GpiTrigger) -> dict[str, Any]:
    return {"GPIPortNum": trigger.port, "GPIEvent": trigger.high, "Timeout": trigger.timeout_ms}


def _start_trigger(start: llrp.StartTrigger) -> dict[str, Any]:
    if start.gpi is not None:
        return {"ROSpecStartTriggerType": "GPI", "GPITriggerValue": _gpi(start.gpi)}
    if start.period_ms:
        return {
            "ROSpecStartTriggerType": "Periodic",
            "PeriodicTriggerValue": {"Offset": 0, "Period": start.period_ms},
        }
    return {"ROSpecStartTriggerType": "Immediate"}


def _stop_trigger(stop: llrp.StopTrigger) -> dict[str, Any]:
    if stop.gpi is not None:
        return {
            "ROSpecStopTriggerType": "GPI with timeout",
            "DurationTriggerValue": 0,
            "GPITriggerValue": _gpi(stop.gpi),
        }
    if stop.duration_ms:
        return {"ROSpecStopTriggerType": "Duration", "DurationTriggerValue": stop.duration_ms}
    return {"ROSpecStopTriggerType": "Null", "DurationTriggerValue": 0}


def _ai_spec(rospec: llrp.RoSpec) -> dict[str, Any]:
    inventory: dict[str, Any] = {"InventoryParameterSpecID": 1, "ProtocolID": 1}
    antennas = [_antenna(antenna, rospec) for antenna in rospec.antennas]
    if any(len(antenna) > 1 for antenna in antennas):
        inventory["AntennaConfiguration"] = antennas
    return {
        "AntennaID": list(rospec.antennas),
        "AISpecStopTrigger": {"AISpecStopTriggerType": "Null", "DurationTriggerValue": 0},
        "InventoryParameterSpec": [inventory],
    }


def _antenna(antenna: int, rospec: llrp.RoSpec) -> dict[str, Any]:
    fields: dict[str, Any] = {"AntennaID": antenna}
    if rospec.power_index is not None:
        fields["RFTransmitter"] = {
            "HopTableId": rospec.hop_table_id,
            "ChannelIndex": 1,
            "TransmitPower": rospec.power_index,
        }
    command = _inventory_command(rospec)
    if command:
        fields["C1G2InventoryCommand"] = [{"TagInventoryStateAware": False, **command}]
    return fields


def _inventory_command(rospec: llrp.RoSpec) -> dict[str, Any]:
    command: dict[str, Any] = {}
    if rospec.mode is not None:
        command["C1G2RFControl"] = {"ModeIndex": rospec.mode, "Tari": 0}
    if rospec.session is not None:
        command["C1G2SingulationControl"] = {
            "Session": rospec.session,
            "TagPopulation": rospec.population,
            "TagTransitTime": 0,
        }
    if rospec.search_mode is not None:
        command["ImpinjInventorySearchMode"] = {"InventorySearchMode": rospec.search_mode}
    return command


def _report_spec(rospec: llrp.RoSpec) -> dict[str, Any]:
    content: dict[str, Any] = dict.fromkeys(
        (
            "EnableAntennaID",
            "EnablePeakRSSI",
            "EnableFirstSeenTimestamp",
            "EnableLastSeenTimestamp",
            "EnableTagSeenCount",
        ),
        True,
    )
    if rospec.pc_bits:
        content["C1G2EPCMemorySelector"] = {"EnableCRC": False, "EnablePCBits": True}
    report: dict[str, Any] = {
        "ROReportTrigger": "Upon_N_Tags_Or_End_Of_AISpec",
        "N": rospec.report_every,
        "TagReportContentSelector": content,
    }
    if rospec.impinj:
        report["ImpinjTagReportContentSelector"] = {
            "ImpinjEnableRFPhaseAngle": {"RFPhaseAngleMode": 1},
            "ImpinjEnablePeakRSSI": {"PeakRSSIMode": 1},
            "ImpinjEnableRFDopplerFrequency": {"RFDopplerFrequencyMode": 1},
        }
    return report
