"""The simulator's codec against bytes: written by hand from the standard, recorded from a reader, made by others."""

from __future__ import annotations

import base64
import doctest
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llrpkit.protocol import decode_message
from sllurp.llrp import LLRPMessage

from simulators.llrp_reader import codec, load
from simulators.llrp_reader.capabilities import PERSONALITIES, air_protocol, general, llrp, regulatory
from simulators.llrp_reader.codec import Bits, Element, Message, decode, encode, parameter
from simulators.llrp_reader.conversation import status
from simulators.llrp_reader.layouts import MESSAGES, PARAMETERS
from simulators.llrp_reader.status import Refusal, Status

CAPTURES = Path(__file__).parents[1] / "data" / "readers"
BODIES = {
    "CloseConnectionResponse": "CLOSE_CONNECTION_RESPONSE",
    "GetAccessSpecsResponse": "GET_ACCESSSPECS_RESPONSE",
    "GetROSpecsResponse": "GET_ROSPECS_RESPONSE",
    "GetReaderCapabilitiesResponse": "GET_READER_CAPABILITIES_RESPONSE",
    "GetReaderConfigResponse": "GET_READER_CONFIG_RESPONSE",
    "ROAccessReport": "RO_ACCESS_REPORT",
    "ReaderEventNotification": "READER_EVENT_NOTIFICATION",
}


def success() -> Element:
    return parameter("LLRPStatus", StatusCode=0, ErrorDescription="")


def event(*children: Element) -> Message:
    stamp = parameter("UTCTimestamp", Microseconds=0x0005AC35BD20D1DA)
    return Message("READER_EVENT_NOTIFICATION", {}, [parameter("ReaderEventNotificationData", stamp, *children)], id=1)


EVENT_HEAD = "0080000c0005ac35bd20d1da"

#: Written by hand from the bit layouts of LLRP 1.1, chapter 17.
GOLDEN = {
    "keepalive": (Message("KEEPALIVE", id=0x01020304), "043e 0000000a 01020304"),
    "keepalive of LLRP 1.1": (Message("KEEPALIVE", id=1, version=2), "083e 0000000a 00000001"),
    "success": (Message("ADD_ROSPEC_RESPONSE", {}, [success()], id=5), "041e 00000012 00000005 011f 0008 0000 0000"),
    "version": (
        Message("GET_SUPPORTED_VERSION_RESPONSE", {"CurrentVersion": 1, "SupportedVersion": 2}, [success()], 9, 2),
        "0838 00000014 00000009 01 02 011f 0008 0000 0000",
    ),
    "refused power": (
        Message(
            "ADD_ROSPEC_RESPONSE",
            {},
            [status(Refusal(Status.A_OUT_OF_RANGE, "no", (177, 183, 224), field=2))],
            id=5,
        ),
        "041e 00000034 00000005  011f 002a 0064 0002 6e6f  0121 0020 00b1 00c8  0121 0018 00b7 00c8"
        "  0121 0010 00e0 00c9  0120 0008 0002 012d",
    ),
    "unknown message": (
        Message("ERROR_MESSAGE", {}, [status(Refusal(Status.M_UNSUPPORTED_MESSAGE, ""))], id=7),
        "0464 00000012 00000007 011f 0008 006d 0000",
    ),
    "greeting": (
        event(parameter("ConnectionAttemptEvent", Status=2)),
        f"043f 00000020 00000001 00f6 0016 {EVENT_HEAD} 0100 0006 0002",
    ),
    "close": (
        event(parameter("ConnectionCloseEvent")),
        f"043f 0000001e 00000001 00f6 0014 {EVENT_HEAD} 0101 0004",
    ),
    "hopping": (
        event(parameter("HoppingEvent", HopTableID=1, NextChannelIndex=7)),
        f"043f 00000022 00000001 00f6 0018 {EVENT_HEAD} 00f7 0008 0001 0007",
    ),
    "GPI": (
        event(parameter("GPIEvent", GPIPortNumber=2, GPIEvent=1)),
        f"043f 00000021 00000001 00f6 0017 {EVENT_HEAD} 00f8 0007 0002 80",
    ),
    "ROSpec started": (
        event(parameter("ROSpecEvent", EventType=0, ROSpecID=1, PreemptingROSpecID=0)),
        f"043f 00000027 00000001 00f6 001d {EVENT_HEAD} 00f9 000d 00 00000001 00000000",
    ),
    "buffer level": (
        event(parameter("ReportBufferLevelWarningEvent", ReportBufferPercentageFull=80)),
        f"043f 0000001f 00000001 00f6 0015 {EVENT_HEAD} 00fa 0005 50",
    ),
    "buffer overflow": (
        event(parameter("ReportBufferOverflowErrorEvent")),
        f"043f 0000001e 00000001 00f6 0014 {EVENT_HEAD} 00fb 0004",
    ),
    "exception on antenna 3": (
        event(parameter("ReaderExceptionEvent", parameter("AntennaID", AntennaID=3), Message="hot")),
        f"043f 00000026 00000001 00f6 001c {EVENT_HEAD} 00fc 000c 0003 686f74 81 0003",
    ),
    "AISpec ended, with details": (
        event(
            parameter(
                "AISpecEvent",
                parameter("C1G2SingulationDetails", NumCollisionSlots=1, NumEmptySlots=2),
                EventType=0,
                ROSpecID=1,
                SpecIndex=1,
            )
        ),
        f"043f 0000002a 00000001 00f6 0020 {EVENT_HEAD} 00fe 0010 00 00000001 0001 92 0001 0002",
    ),
    "antenna gone": (
        event(parameter("AntennaEvent", EventType=0, AntennaID=4)),
        f"043f 00000021 00000001 00f6 0017 {EVENT_HEAD} 00ff 0007 00 0004",
    ),
    "EPC-96, antenna, RSSI, time": (
        Message(
            "RO_ACCESS_REPORT",
            {},
            [
                parameter(
                    "TagReportData",
                    parameter("EPC-96", EPC=bytes.fromhex("3000abcdef00000000000003")),
                    parameter("AntennaID", AntennaID=1),
                    parameter("PeakRSSI", PeakRSSI=-48),
                    parameter("FirstSeenTimestampUTC", Microseconds=0x0005A9E4BEF862E0),
                )
            ],
        ),
        "043d 00000029 00000000 00f0 001f 8d 3000abcdef00000000000003 81 0001 86 d0 82 0005a9e4bef862e0",
    ),
    "EPC of 20 bits, all of the vendor's": (
        Message(
            "RO_ACCESS_REPORT",
            {},
            [
                parameter(
                    "TagReportData",
                    parameter("EPCData", EPC=Bits(20, bytes.fromhex("abcde0"))),
                    parameter("ImpinjRFPhaseAngle", PhaseAngle=4095),
                    parameter("ImpinjPeakRSSI", RSSI=-5275),
                    parameter("ImpinjRFDopplerFrequency", DopplerFrequency=-32),
                )
            ],
        ),
        "043d 00000041 00000000 00f0 0037 00f1 0009 0014 abcde0"
        " 03ff 000e 0000651a 00000038 0fff  03ff 000e 0000651a 00000039 eb65  03ff 000e 0000651a 00000044 ffe0",
    ),
    "bit fields": (
        Message(
            "SET_READER_CONFIG",
            {"ResetToFactoryDefault": 1},
            [
                parameter("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=10_000),
                parameter("GPOWriteData", GPOPortNumber=1, GPOData=1),
                parameter("EventsAndReports", HoldEventsAndReportsUponReconnect=1),
            ],
            id=1,
        ),
        "0403 00000020 00000001 80 00dc 0009 01 00002710 00db 0007 0001 80 00e2 0005 80",
    ),
    "extensions": (
        Message("IMPINJ_ENABLE_EXTENSIONS", {"Reserved": 0}, id=1),
        "07ff 00000013 00000001 0000651a 15 00000000",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_message_is_the_bytes_of_the_standard(name: str) -> None:
    message, text = GOLDEN[name]
    assert encode(message).hex() == text.replace(" ", "")
    assert decode(encode(message)) == message


@pytest.mark.parametrize("name", [name for name in GOLDEN if "1.1" not in name and name != "version"])
def test_llrpkit_reads_and_writes_the_same_bytes(name: str) -> None:
    data = encode(GOLDEN[name][0])
    assert decode_message(data).to_bytes() == data


SLLURP_CANNOT = {
    "AISpec ended, with details": "sllurp 3.0.5 dies on C1G2SingulationDetails",
    "bit fields": "sllurp decodes no client messages",
    "extensions": "sllurp decodes no client messages",
    "version": "sllurp knows LLRP 1.0.1 only",
    "keepalive of LLRP 1.1": "sllurp knows LLRP 1.0.1 only",
}


@pytest.mark.parametrize("name", GOLDEN.keys() - SLLURP_CANNOT.keys())
def test_sllurp_reads_the_message(name: str) -> None:
    message = GOLDEN[name][0]
    read = LLRPMessage(msgbytes=encode(message))
    assert read.getName() == message.name
    assert read.msgdict[message.name]["ID"] == message.id


def test_sllurp_reads_the_values_of_a_tag() -> None:
    (tag,) = LLRPMessage(msgbytes=encode(GOLDEN["EPC-96, antenna, RSSI, time"][0])).msgdict["RO_ACCESS_REPORT"][
        "TagReportData"
    ]
    assert (tag["EPC-96"], tag["AntennaID"], tag["PeakRSSI"]) == (b"3000abcdef00000000000003", 1, -48)
    assert tag["FirstSeenTimestampUTC"] == 0x0005A9E4BEF862E0


# -- recorded from a reader -----------------------------------------------------------------------------------


def leaves(value: Any) -> Iterator[int | str | bytes]:
    """The values of a recorded JSON in the order of the wire. What is not on the wire is null there, or 0."""
    if isinstance(value, dict):
        for key, inner in value.items():
            absent = inner is None or (key, inner) in (("Uptime", 0), ("EPCNumBits", 0))
            if key in ("ReaderID", "EPC", "AirProtocolIDs") and inner is not None:
                yield base64.b64decode(inner)
            elif not absent:
                yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def own_leaves(element: Element) -> Iterator[int | str | bytes]:
    for value in element.fields.values():
        if isinstance(value, tuple):
            yield from (part for part in value if isinstance(part, int | bytes))
        else:
            yield value
    for child in element.children:
        yield from own_leaves(child)


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.bytes")), ids=lambda path: path.stem)
def test_a_recorded_message_reads_as_recorded_and_writes_back(path: Path) -> None:
    name, body = BODIES[path.stem.split("-")[0]], path.read_bytes()
    message = codec.decode_body(name, body)
    assert list(own_leaves(message)) == list(leaves(json.loads(path.with_suffix(".json").read_text())))
    assert encode(message)[10:] == body


def test_the_impinj_personality_tells_what_the_recorded_reader_tells() -> None:
    body = (CAPTURES / "GetReaderCapabilitiesResponse-000.bytes").read_bytes()
    recorded = codec.decode_body("GET_READER_CAPABILITIES_RESPONSE", body)
    make = PERSONALITIES["impinj"]
    assert general(make, antennas=4, has_clock=True, version=1) == recorded.one("GeneralDeviceCapabilities")
    assert air_protocol(make) == [recorded.one("C1G2LLRPCapabilities")]
    band = recorded.one("RegulatoryCapabilities").one("UHFBandCapabilities")
    own = regulatory(make).one("UHFBandCapabilities")
    assert own.one("UHFC1G2RFModeTable") == band.one("UHFC1G2RFModeTable")
    assert own.all("TransmitPowerLevelTableEntry")[:81] == band.all("TransmitPowerLevelTableEntry")
    assert own.all("TransmitPowerLevelTableEntry")[-1].number("TransmitPowerValue") == 3250
    assert set(hops(own)) == set(hops(band))


def hops(band: Element) -> tuple[int, ...]:
    return band.one("FrequencyInformation").one("FrequencyHopTable").numbers("Frequency")


@pytest.mark.parametrize("name", PERSONALITIES)
@pytest.mark.parametrize("version", [1, 2])
def test_capabilities_of_every_personality_are_well_formed(name: str, version: int) -> None:
    make = PERSONALITIES[name]
    parts = [general(make, 2, True, version), llrp(make), regulatory(make), *air_protocol(make)]
    message = Message("GET_READER_CAPABILITIES_RESPONSE", {}, [success(), *parts], id=1, version=version)
    assert decode(encode(message)) == message


# -- strictness -----------------------------------------------------------------------------------------------


def refusal_of(text: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        decode(bytes.fromhex(text.replace(" ", "")))
    return caught.value


@pytest.mark.parametrize(
    ("text", "code", "path", "field"),
    [
        ("04bb 0000000a 00000001", Status.M_UNSUPPORTED_MESSAGE, (), None),
        ("0415 0000000c 00000001 0000", Status.M_FIELD_ERROR, (), 0),
        ("0415 0000000f 00000001 00000000 00", Status.M_FIELD_ERROR, (), None),
        ("0414 0000000a 00000001", Status.M_MISSING_PARAMETER, (177,), None),
        ("0403 0000000f 00000001 00 0084 0004", Status.M_UNKNOWN_PARAMETER, (132,), None),
        ("0403 0000000f 00000001 00 00e2 0005", Status.M_PARAMETER_ERROR, (226,), None),
        ("0403 0000000f 00000001 00 00e2 0004", Status.M_PARAMETER_ERROR, (226,), 0),
        ("0403 00000015 00000001 00 00e2 0005 80 00e2 0005 80", Status.M_DUPLICATE_PARAMETER, (226,), None),
        ("0403 00000010 00000001 00 00ef 0005", Status.M_PARAMETER_ERROR, (239,), None),
        ("0403 00000012 00000001 00 0163 0008 00000001", Status.M_UNKNOWN_PARAMETER, (355,), None),
        ("0803 00000013 00000001 00 0163 0008 00000001", Status.M_UNEXPECTED_PARAMETER, (355,), None),
    ],
)
def test_a_malformed_request_is_refused_with_its_place(
    text: str, code: Status, path: tuple[int, ...], field: int | None
) -> None:
    refusal = refusal_of(text)
    assert (refusal.status_code, refusal.path, refusal.field) == (code, path, field)


def test_a_gpi_trigger_under_the_wrong_type_is_refused_where_it_stands() -> None:
    """180 is PeriodicTriggerValue, eight bytes; a GPITriggerValue sent as 180 has seven."""
    boundary = "00b2 0019 00b3 0010 03 00b4 000b 0001 80 00000000"
    refusal = refusal_of(f"0414 0000002d 00000001 00b1 0023 00000001 00 00 {boundary} 00b6 0009 00 00000000")
    assert refusal.path[-2:] == (179, 180)
    assert refusal.field == 1
    assert refusal.status_code == Status.M_PARAMETER_ERROR


@given(st.binary(max_size=200), st.sampled_from(sorted(MESSAGES)))
def test_any_body_is_read_or_refused(body: bytes, name: str) -> None:
    number = MESSAGES[name].number
    data = codec.frame(number, body, id=1)
    try:
        message = decode(data)
    except Refusal as refusal:
        message = Message("ERROR_MESSAGE", {}, [status(refusal)], id=1)
    assert decode(encode(message)) == message


def test_frames_are_taken_off_whatever_the_pieces() -> None:
    stream = b"".join(encode(message) for message, _ in GOLDEN.values())
    for size in (1, 3, 10, len(stream)):
        buffer = bytearray()
        frames: list[bytes] = []
        for start in range(0, len(stream), size):
            buffer += stream[start : start + size]
            frames += codec.take_frames(buffer)
        assert b"".join(frames) == stream
        assert len(frames) == len(GOLDEN)
        assert not buffer


@pytest.mark.parametrize("length", [0, 9, 0xFFFFFFFF])
def test_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(Refusal, match="is not possible"):
        list(codec.take_frames(bytearray(codec.HEADER.pack(1 << 10 | 62, length, 1))))


def test_every_child_of_a_layout_has_a_layout() -> None:
    for layout in (*MESSAGES.values(), *PARAMETERS.values()):
        for slot in layout.slots:
            assert set(slot.names) <= PARAMETERS.keys(), layout.name


@pytest.mark.parametrize("module", [codec, load])
def test_the_examples_in_the_docstrings(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
