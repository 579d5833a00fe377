"""What edgegw puts on the air, byte for byte, and what it makes of the answers. Layouts: LLRP 1.0.1, 16."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.core.llrp import messages as llrp
from edgegw.core.llrp.frame import HEADER, Frame
from edgegw.core.llrp.parameters import Malformed
from edgegw.core.llrp.rospec import IMMEDIATELY, NEVER
from edgegw.sources.sllurp_codec import SllurpCodec

CODEC = SllurpCodec()
REAL = Path(__file__).parents[1] / "data" / "readers"


def tlv(kind: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return kind.to_bytes(2, "big") + (4 + len(content)).to_bytes(2, "big") + content


def impinj(subtype: int, *contents: bytes) -> bytes:
    return tlv(1023, (25882).to_bytes(4, "big"), subtype.to_bytes(4, "big"), *contents)


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def message(kind: int, *contents: bytes, version: int = 1) -> bytes:
    body = b"".join(contents)
    return HEADER.pack(version << 10 | kind, 10 + len(body), 258) + body


REQUESTS = [
    (llrp.GetSupportedVersion(), message(46)),
    (llrp.SetProtocolVersion(2), message(47, b"\x02")),
    (llrp.GetReaderCapabilities(), message(1, b"\0")),
    (llrp.GetReaderConfig(), message(2, u16(0), b"\x01", u16(0), u16(0))),
    (llrp.GetReaderConfig("antennas"), message(2, u16(0), b"\x02", u16(0), u16(0))),
    (llrp.GetReaderConfig("inputs"), message(2, u16(0), b"\x09", u16(0), u16(0))),
    (llrp.EnableImpinjExtensions(), message(1023, u32(25882), b"\x15", u32(0))),
    (llrp.DeleteAccessSpec(0), message(41, u32(0))),
    (llrp.RoSpecCommand("DELETE_ROSPEC", 0), message(21, u32(0))),
    (llrp.RoSpecCommand("START_ROSPEC", 1), message(22, u32(1))),
    (llrp.RoSpecCommand("STOP_ROSPEC", 1), message(23, u32(1))),
    (llrp.RoSpecCommand("ENABLE_ROSPEC", 1), message(24, u32(1))),
    (llrp.EnableEventsAndReports(), message(64)),
    (llrp.KeepAliveAck(), message(72)),
    (llrp.CloseConnection(), message(14)),
    (
        llrp.SetReaderConfig(10_000, events=False),
        message(3, b"\0", tlv(220, b"\x01", u32(10_000))),
    ),
    (
        llrp.SetReaderConfig(10_000, events=True, hold=True, gpi_ports=(1, 2)),
        message(
            3,
            b"\0",
            tlv(244, *(tlv(245, u16(kind), b"\x80") for kind in (1, 2, 3, 4, 8))),
            tlv(220, b"\x01", u32(10_000)),
            tlv(225, u16(1), b"\x80\x00"),
            tlv(225, u16(2), b"\x80\x00"),
            tlv(226, b"\x80"),
        ),
    ),
]


@pytest.mark.parametrize(("request_", "expected"), REQUESTS, ids=lambda value: type(value).__name__)
def test_requests_byte_for_byte(request_: llrp.Request, expected: bytes) -> None:
    assert CODEC.encode(request_, 258, 1).hex() == expected.hex()


def test_version_1_1_stands_in_the_header() -> None:
    assert CODEC.encode(llrp.KeepAliveAck(), 258, 2) == message(72, version=2)


def rospec_frame(boundary: bytes, ai_spec: bytes, report: bytes) -> bytes:
    return message(20, tlv(177, u32(1), b"\0\0", boundary, ai_spec, report))


CONTENT = tlv(238, u16(0x1780), tlv(348, b"\x40"))


def test_a_plain_rospec_reports_every_tag() -> None:
    rospec = llrp.RoSpec(id=1, start=IMMEDIATELY, stop=NEVER, antennas=(1, 3))
    expected = rospec_frame(
        tlv(178, tlv(179, b"\x01"), tlv(182, b"\0", u32(0))),
        tlv(183, u16(2), u16(1), u16(3), tlv(184, b"\0", u32(0)), tlv(186, u16(1), b"\x01")),
        tlv(237, b"\x01", u16(1), CONTENT),
    )
    assert CODEC.encode(llrp.AddRoSpec(rospec), 258, 1).hex() == expected.hex()


def test_a_rospec_with_everything() -> None:
    rospec = llrp.RoSpec(
        id=1,
        start=llrp.StartTrigger(gpi=llrp.GpiTrigger(1, high=True)),
        stop=llrp.StopTrigger(gpi=llrp.GpiTrigger(2, high=False, timeout_ms=5000)),
        antennas=(2,),
        power_index=81,
        hop_table_id=1,
        mode=1002,
        session=2,
        population=64,
        search_mode=2,
        report_every=10,
        impinj=True,
    )
    command = tlv(330, b"\0", tlv(335, u16(1002), u16(0)), tlv(336, b"\x80", u16(64), u32(0)), impinj(23, u16(2)))
    antenna = tlv(222, u16(2), tlv(224, u16(1), u16(1), u16(81)), command)
    expected = rospec_frame(
        tlv(
            178,
            tlv(179, b"\x03", tlv(181, u16(1), b"\x80", u32(0))),
            tlv(182, b"\x02", u32(0), tlv(181, u16(2), b"\x00", u32(5000))),
        ),
        tlv(183, u16(1), u16(2), tlv(184, b"\0", u32(0)), tlv(186, u16(1), b"\x01", antenna)),
        tlv(
            237,
            b"\x01",
            u16(10),
            CONTENT,
            impinj(50, impinj(52, u16(1)), impinj(53, u16(1)), impinj(67, u16(1))),
        ),
    )
    assert CODEC.encode(llrp.AddRoSpec(rospec), 258, 1).hex() == expected.hex()


def test_periodic_start_and_stop_after_a_time() -> None:
    rospec = llrp.RoSpec(1, llrp.StartTrigger(period_ms=10_000), llrp.StopTrigger(duration_ms=2_500), (0,))
    frame = CODEC.encode(llrp.AddRoSpec(rospec), 258, 1)
    assert tlv(178, tlv(179, b"\x02", tlv(180, u32(0), u32(10_000))), tlv(182, b"\x01", u32(2_500))) in frame


# ---------------------------------------------------------------- answers


def frame(kind: int, *contents: bytes) -> Frame:
    return Frame(kind, 1, 9, b"".join(contents))


def status(code: int, text: bytes = b"", *details: bytes) -> bytes:
    return tlv(287, u16(code), u16(len(text)), text, *details)


def test_real_capabilities_of_an_r420() -> None:
    answer = CODEC.decode(frame(11, (REAL / "GetReaderCapabilitiesResponse-000.bytes").read_bytes()))
    assert isinstance(answer, llrp.CapabilitiesAnswer)
    capabilities = answer.capabilities
    assert (capabilities.manufacturer, capabilities.model) == (25882, 2001002)
    assert capabilities.firmware == "5.14.0.240"
    assert (capabilities.antennas, capabilities.gpis) == (4, 4)
    assert min(capabilities.powers_dbm.values()) == 10.0
    assert max(capabilities.powers_dbm.values()) == 30.0
    assert 1000 in capabilities.rf_modes
    assert capabilities.hopping


def test_a_power_below_zero_dbm_is_signed() -> None:
    body = status(0) + tlv(143, u16(0), u16(0), tlv(144, tlv(145, u16(1), (-500 & 0xFFFF).to_bytes(2, "big"))))
    answer = CODEC.decode(frame(11, body))
    assert isinstance(answer, llrp.CapabilitiesAnswer)
    assert answer.capabilities.powers_dbm == {1: -5.0}


def test_a_refusal_names_the_parameter_down_to_the_field() -> None:
    detail = tlv(289, u16(177), u16(200), tlv(289, u16(183), u16(200), tlv(288, u16(1), u16(301))))
    answer = CODEC.decode(frame(30, status(100, b"bad antenna\x07", detail)))
    assert isinstance(answer, llrp.Response)
    assert str(answer.status) == ("ParameterError in ROSpec > AISpec > field 1 (A_OutOfRange) (bad antenna?)")
    assert not answer.status.ok


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (tlv(255, b"\x00", u16(3)), llrp.ReaderEvent("antenna", 3, False)),
        (tlv(255, b"\x01", u16(3)), llrp.ReaderEvent("antenna", 3, True)),
        (tlv(248, u16(1), b"\x80"), llrp.ReaderEvent("gpi", 1, True)),
        (tlv(250, b"\x50"), llrp.ReaderEvent("buffer-warning", 80)),
        (tlv(251), llrp.ReaderEvent("buffer-overflow")),
        (tlv(252, u16(4), b"hot!", b"\x81\x00\x02"), llrp.ReaderEvent("exception", 2, text="hot!")),
        (tlv(249, b"\x00", u32(1), u32(0)), llrp.ReaderEvent("rospec", 1, True)),
        (tlv(256, u16(2)), llrp.ReaderEvent("connection", 2)),
        (tlv(256, u16(77)), llrp.ReaderEvent("connection", 77)),
        (tlv(257), llrp.ReaderEvent("close")),
    ],
    ids=lambda value: value.kind if isinstance(value, llrp.ReaderEvent) else "",
)
def test_events(content: bytes, expected: llrp.ReaderEvent) -> None:
    utc = tlv(128, (1_800_000_000_000_000).to_bytes(8, "big"))
    notification = CODEC.decode(frame(63, tlv(246, utc, content)))
    assert notification == llrp.Notification(1_800_000_000_000_000, None, (expected,))


def test_an_ai_spec_event_with_singulation_details_kills_nothing() -> None:
    uptime = tlv(129, (5).to_bytes(8, "big"))
    ai_spec_event = tlv(254, b"\0", u32(1), u16(1), b"\x92\x00\x01\x00\x02")
    assert CODEC.decode(frame(63, tlv(246, uptime, ai_spec_event))) == llrp.Notification(None, 5, ())


def test_version_answers() -> None:
    assert CODEC.decode(frame(56, b"\x01\x02", status(0))) == llrp.SupportedVersion(9, llrp.Status(True), 1, 2)
    answer = CODEC.decode(frame(57, status(110)))
    assert isinstance(answer, llrp.Response)
    assert answer.status.code == "UnsupportedVersion"


def test_what_nobody_asked_for_is_passed_over() -> None:
    assert CODEC.decode(frame(36, b"")) == llrp.Other(36)
    assert CODEC.decode(frame(1023, u32(161), b"\x01", b"moto")) == llrp.Other(1023)


@pytest.mark.parametrize(
    "bad",
    [
        frame(63, tlv(246, tlv(256, b"\x00"))),
        frame(30, b""),
        frame(30, status(0)[:-1]),
        frame(11, b"\x01\x1f\x00\x03"),
        frame(56, b"\x01"),
        frame(1023, b"\0\0"),
        frame(63, tlv(246, tlv(248, u16(1), b"\x80\x00"))),
    ],
    ids=["cut", "empty", "short", "length 3", "one byte", "no vendor", "long GPI"],
)
def test_undecodable_is_malformed(bad: Frame) -> None:
    with pytest.raises(Malformed):
        CODEC.decode(bad)


@given(st.sampled_from([4, 11, 12, 13, 30, 31, 36, 51, 56, 57, 62, 63, 100, 999, 1023]), st.binary(max_size=300))
def test_any_bytes_are_a_message_or_malformed(kind: int, body: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(CODEC.decode(frame(kind, body)), llrp.Message)


def test_deep_nesting_is_refused_not_crashed() -> None:
    nested = b""
    while len(nested) < 30_000:
        nested = tlv(289, u16(1), u16(100), nested)
    answer = CODEC.decode(frame(30, tlv(287, u16(100), u16(0), nested)))
    assert answer == llrp.Response("ADD_ROSPEC_RESPONSE", 9, llrp.Status(False, "ParameterError"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (status(0, b"", tlv(288, u16(3), u16(201), b"\0")), llrp.Status(True)),
        (status(777, b"own words"), llrp.Status(False, "status code 777", "own words")),
        (status(112), llrp.Status(False, "UnexpectedMessage")),
        (status(100, b"\xff\x00"), llrp.Status(False, "ParameterError", "\ufffd?")),
        (tlv(1023, u32(161), u32(7)) + status(0) + b"\x89" + u32(1), llrp.Status(True)),
        (tlv(287, u16(100), u16(50), b"cut"), llrp.Status(False, "ParameterError", "cut")),
    ],
    ids=["longer field", "own code", "code of 1.1", "no text", "own parameters", "text shorter than said"],
)
def test_the_status_of_an_odd_answer_is_read(body: bytes, expected: llrp.Status) -> None:
    assert CODEC.decode(frame(30, body)) == llrp.Response("ADD_ROSPEC_RESPONSE", 9, expected)


def test_the_ports_of_a_real_reader() -> None:
    """An R420 with one antenna plugged in and nothing on its inputs."""
    answer = CODEC.decode(frame(12, (REAL / "GetReaderConfigResponse-000.bytes").read_bytes()))
    assert isinstance(answer, llrp.ConfigAnswer)
    assert answer.status.ok
    assert answer.antennas == {1: True, 2: False, 3: False, 4: False}
    assert set(answer.inputs) <= {1, 2, 3, 4}


def test_inputs_that_the_reader_does_not_know_are_left_out() -> None:
    states = [tlv(225, u16(port), b"\x80", bytes([state])) for port, state in ((1, 0), (2, 1), (3, 2))]
    answer = CODEC.decode(frame(12, status(0) + b"".join(states)))
    assert isinstance(answer, llrp.ConfigAnswer)
    assert answer.inputs == {1: False, 2: True}


def test_undecodable_capabilities_are_none() -> None:
    entry_with_three_bytes = tlv(143, u16(0), u16(0), tlv(144, tlv(145, b"\0\0\0")))
    answer = CODEC.decode(frame(11, status(0) + entry_with_three_bytes))
    assert answer == llrp.CapabilitiesAnswer(9, llrp.Status(True), llrp.Capabilities())


def test_odd_power_tables() -> None:
    """FR900: from index 0; xPortal: 0.1 dB steps, unsorted, with a custom parameter between."""
    entries = [tlv(145, u16(index), u16(level)) for index, level in ((7, 2550), (0, 1010), (3, 3000), (9, 2550))]
    entries.insert(2, tlv(1023, u32(161), u32(7), b"?"))
    answer = CODEC.decode(frame(11, status(0) + tlv(143, u16(0), u16(0), tlv(144, *entries))))
    assert isinstance(answer, llrp.CapabilitiesAnswer)
    assert answer.capabilities.powers_dbm == {7: 25.5, 0: 10.1, 3: 30.0, 9: 25.5}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ((), ()),
        ((tlv(247, u16(1), u16(2)), tlv(253, b"\0", u32(1), u16(1)), tlv(900, b"?")), ()),
        (
            (tlv(255, b"\0", u16(1)), tlv(255, b"\0", u16(2)), tlv(256, u16(0))),
            (
                llrp.ReaderEvent("antenna", 1),
                llrp.ReaderEvent("antenna", 2),
                llrp.ReaderEvent("connection", 0),
            ),
        ),
        ((tlv(1023, u32(161), u32(7), b"?"), tlv(256, u16(0), b"\0\0")), (llrp.ReaderEvent("connection", 0),)),
    ],
    ids=["none", "of no interest", "several", "longer than it should be"],
)
def test_notifications_of_many_shapes(content: tuple[bytes, ...], expected: tuple[llrp.ReaderEvent, ...]) -> None:
    assert CODEC.decode(frame(63, tlv(246, *content))) == llrp.Notification(None, None, expected)
