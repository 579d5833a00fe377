"""The conversation, without a socket and without time: what is asked, in which order, and what a refusal changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from edgegw.core.counters import Counters
from edgegw.core.llrp import session as conversation
from edgegw.core.llrp.decoder import BATCH_TAGS
from edgegw.core.llrp.frame import HEADER
from edgegw.core.llrp.messages import Capabilities, ReaderEvent
from edgegw.core.llrp.rospec import ReaderSettings
from edgegw.core.llrp.session import Event, Output, Phase, Reading, Session, Stamp, Tags
from edgegw.errors import LinkDown, LinkRefused
from edgegw.sources.sllurp_codec import SllurpCodec

NAMES = {
    46: "GET_SUPPORTED_VERSION", 47: "SET_PROTOCOL_VERSION", 1: "GET_READER_CAPABILITIES", 2: "GET_READER_CONFIG",
    3: "SET_READER_CONFIG", 20: "ADD_ROSPEC", 21: "DELETE_ROSPEC", 22: "START_ROSPEC", 23: "STOP_ROSPEC",
    24: "ENABLE_ROSPEC", 41: "DELETE_ACCESSSPEC", 64: "ENABLE_EVENTS_AND_REPORTS", 72: "KEEPALIVE_ACK",
    14: "CLOSE_CONNECTION", 1023: "IMPINJ_ENABLE_EXTENSIONS",
}  # fmt: skip
ANSWERS = {46: 56, 47: 57, 1: 11, 2: 12, 3: 13, 20: 30, 21: 31, 22: 32, 23: 33, 24: 34, 41: 51, 14: 4}
OK = bytes.fromhex("011f000800000000")
REFUSED = bytes.fromhex("011f00100064000001210008 00e00064".replace(" ", ""))  # ParameterError: RFTransmitter
HANDSHAKE = [
    "GET_READER_CAPABILITIES", "DELETE_ROSPEC", "DELETE_ACCESSSPEC", "SET_READER_CONFIG", "ADD_ROSPEC",
    "ENABLE_ROSPEC", "START_ROSPEC", "ENABLE_EVENTS_AND_REPORTS", "GET_READER_CONFIG",
]  # fmt: skip

PORTS = {1: 0x80, 2: 0, 3: 0}
"""Antenna -> its flags in AntennaProperties: the highest bit says that it is connected."""

Answer = Callable[[int, bytes], bytes | None]


def message(kind: int, body: bytes, message_id: int, version: int = 1) -> bytes:
    return HEADER.pack(version << 10 | kind, 10 + len(body), message_id) + body


def greeting(status: int = 0, version: int = 1) -> bytes:
    utc = b"\x00\x80\x00\x0c" + (1_800_000_000_000_000).to_bytes(8, "big")
    attempt = b"\x01\x00\x00\x06" + status.to_bytes(2, "big")
    return message(63, b"\x00\xf6" + (4 + len(utc + attempt)).to_bytes(2, "big") + utc + attempt, 0, version)


def capabilities(manufacturer: int = 161, powers: tuple[int, ...] = (1000, 2000, 3000)) -> bytes:
    general = b"\x00\x04\x40\x00" + manufacturer.to_bytes(4, "big") + b"\0\0\0\x07" + b"\x00\x03fw1"
    general_part = b"\x00\x89" + (4 + len(general)).to_bytes(2, "big") + general
    entries = b"".join(
        b"\x00\x91\x00\x08" + index.to_bytes(2, "big") + level.to_bytes(2, "big", signed=True)
        for index, level in enumerate(powers, 1)
    )
    band = b"\x00\x90" + (4 + len(entries)).to_bytes(2, "big") + entries
    regulatory = b"\x00\x8f" + (8 + len(band)).to_bytes(2, "big") + b"\x03\x48\x00\x01" + band
    return OK + general_part + regulatory


class Reader:
    """Answers what a session asks.

    refuse     a request's name -> how many times it is refused
    mute       requests that are passed over
    numbering  the first id of answers that do not carry the request's
    """

    def __init__(
        self,
        settings: ReaderSettings,
        refuse: dict[str, int] | None = None,
        mute: set[str] | None = None,
        numbering: int | None = None,
        **powers: bytes,
    ) -> None:
        self.counters = Counters()
        self.session = Session(settings, SllurpCodec(), self.counters, now=0.0)
        self.refuse = dict(refuse or {})
        self.mute = set(mute or ())
        self.numbering = numbering
        self.capabilities = powers.get("capabilities", capabilities())
        self.asked: list[str] = []
        self.frames: list[bytes] = []
        self.outputs: list[Output] = []
        self.version = 1

    def greet(self, status: int = 0, version: int = 1) -> Reader:
        self.hear(greeting(status, version))
        return self

    def hear(self, data: bytes, now: float = 0.0) -> None:
        self.outputs += self.session.receive(data, now)
        self._answer_all(now)

    def stands(self, phase: Phase) -> bool:
        return self.session.phase is phase

    def wait(self) -> None:
        """Let the session's deadline pass."""
        now = self.session.deadline
        self.outputs += self.session.tick(now)
        self._answer_all(now)

    def _answer_all(self, now: float) -> None:
        while sent := self.session.outgoing():
            self._answer(sent, now)

    def _answer(self, sent: bytes, now: float) -> None:
        while sent:
            word, length, message_id = HEADER.unpack_from(sent)
            frame, sent = sent[:length], sent[length:]
            kind = word & 0x3FF
            name = NAMES[kind]
            self.asked.append(name)
            self.frames.append(frame)
            if kind in (64, 72) or name in self.mute:
                continue
            if self.numbering is not None:
                message_id = self.numbering = self.numbering + 1
            self.outputs += self.session.receive(self._reply(kind, name, message_id), now)

    def _reply(self, kind: int, name: str, message_id: int) -> bytes:
        if self.refuse.get(name, 0) > 0:
            self.refuse[name] -= 1
            return message(100 if kind in (46, 1023) else ANSWERS[kind], REFUSED, message_id)
        if kind == 1:
            return message(11, self.capabilities, message_id)
        if kind == 46:
            return message(56, b"\x01\x02" + OK, message_id, 2)
        if kind == 1023:
            return message(1023, b"\x00\x00\x65\x1a\x16" + OK, message_id)
        return message(ANSWERS[kind], OK, message_id)


def settings(**changes: object) -> ReaderSettings:
    return ReaderSettings(name="dock-1", antennas=(1, 2), **changes)  # type: ignore[arg-type]  # names of the fields


def test_the_whole_handshake() -> None:
    reader = Reader(settings()).greet()
    assert reader.asked == HANDSHAKE
    assert reader.session.phase is Phase.READING
    assert reader.outputs[0] == Stamp(1_800_000_000_000_000, None)
    reading = reader.outputs[-1]
    assert isinstance(reading, Reading)
    assert reading.missing == ()
    assert reading.capabilities.powers_dbm == {1: 10.0, 2: 20.0, 3: 30.0}


def test_the_handshake_byte_by_byte_chunks() -> None:
    reader = Reader(settings())
    for byte in greeting():
        reader.hear(bytes([byte]))
    assert reader.session.phase is Phase.READING


@pytest.mark.parametrize(
    ("status", "words"),
    [(1, "reader-initiated"), (2, "another client holds this reader"), (3, "without a reason"), (9, "status 9")],
)
def test_a_refused_connection_is_named(status: int, words: str) -> None:
    with pytest.raises(LinkDown, match=words):
        Reader(settings()).greet(status)


def test_no_greeting_is_no_reader() -> None:
    reader = Reader(settings())
    with pytest.raises(LinkDown, match="no LLRP greeting"):
        reader.session.tick(conversation.GREETING_S)


def test_every_request_has_a_deadline() -> None:
    reader = Reader(settings())
    reader.session.receive(greeting(), 0.0)
    assert reader.session.tick(conversation.SHRUG_S - 0.1) == []
    reader.session.tick(conversation.SHRUG_S)
    assert reader.stands(Phase.CLEAN)
    with pytest.raises(LinkDown, match=r"no answer to DELETE_ROSPEC within 5 s"):
        reader.session.tick(2 * conversation.SHRUG_S)


@pytest.mark.parametrize("name", ["ADD_ROSPEC", "ENABLE_ROSPEC"])
def test_without_these_answers_nothing_is_read(name: str) -> None:
    reader = Reader(settings(), mute={name}).greet()
    with pytest.raises(LinkDown, match=f"no answer to {name} within 10 s"):
        reader.wait()


def test_a_reader_that_passes_over_what_it_does_not_know() -> None:
    """llrpjs's example reader knows neither of these, and would be down for ever."""
    reader = Reader(settings(), mute={"GET_READER_CAPABILITIES", "DELETE_ACCESSSPEC", "STOP_ROSPEC"}).greet()
    reader.wait()
    reader.wait()
    assert reader.stands(Phase.READING)
    assert reader.counters.get("dock-1", "unanswered") == 2
    reader.session.stop(20.0)
    reader.hear(b"", 20.0)
    reader.wait()
    assert reader.stands(Phase.CLOSED)


def test_answers_belong_to_their_message_id() -> None:
    reader = Reader(settings())
    reader.session.receive(greeting(), 0.0)
    reader.session.receive(message(11, capabilities(), 4711), 0.0)
    assert reader.stands(Phase.CAPABILITIES)
    assert reader.counters.get("dock-1", "unmatched_answers") == 1
    _, _, message_id = HEADER.unpack_from(reader.session.outgoing())
    reader.session.receive(message(11, capabilities(25882), message_id), 0.5)
    assert reader.stands(Phase.EXTENSIONS)


def test_a_reader_that_numbers_its_answers_itself() -> None:
    reader = Reader(settings(), numbering=1000).greet()
    assert reader.stands(Phase.CAPABILITIES)
    assert reader.session.deadline == conversation.STRAY_S
    reader.wait()
    assert reader.stands(Phase.READING)
    reader.session.stop(20.0)
    reader.hear(b"", 20.0)
    assert reader.stands(Phase.CLOSED)


def test_an_error_message_without_an_id_refuses_when_the_deadline_comes() -> None:
    reader = Reader(settings(), mute={"ADD_ROSPEC"}).greet()
    reader.hear(message(100, REFUSED, 0))
    assert reader.stands(Phase.ADD)
    reader.mute.clear()
    reader.wait()
    reading = reader.outputs[-1]
    assert isinstance(reading, Reading)
    assert reading.missing == ("PC bits: ParameterError in RFTransmitter (ParameterError)",)


def test_an_error_message_that_says_success_is_no_acceptance() -> None:
    reader = Reader(settings(), mute={"ENABLE_ROSPEC"}).greet()
    _, _, message_id = HEADER.unpack_from(reader.frames[-1])
    with pytest.raises(LinkRefused, match="the reader refused ENABLE_ROSPEC"):
        reader.hear(message(100, OK, message_id))


@pytest.mark.parametrize("answer_id", [None, 0, "ours"])
def test_a_goodbye_in_the_readers_own_words(answer_id: object) -> None:
    """Rifidi's emulator answers CLOSE_CONNECTION under id 0, then sends the event, then waits a second."""
    reader = Reader(settings(), mute={"CLOSE_CONNECTION"}).greet()
    reader.session.stop(0.0)
    reader.hear(b"")
    assert reader.stands(Phase.CLOSING)
    _, _, asked_id = HEADER.unpack_from(reader.frames[-1])
    response = b"" if answer_id is None else message(4, OK, asked_id if answer_id == "ours" else 0)
    reader.hear(response + message(63, b"\x00\xf6\x00\x08\x01\x01\x00\x04", 0))
    assert reader.stands(Phase.CLOSED)


@pytest.mark.parametrize(
    "name", ["DELETE_ACCESSSPEC", "DELETE_ROSPEC", "SET_READER_CONFIG", "START_ROSPEC", "GET_READER_CAPABILITIES"]
)
def test_what_one_reader_refuses_and_another_lacks_is_survived(name: str) -> None:
    reader = Reader(settings(), {name: 99}).greet()
    assert reader.session.phase is Phase.READING


def test_delete_all_refused_deletes_our_own() -> None:
    reader = Reader(settings(), {"DELETE_ROSPEC": 1}).greet()
    assert reader.asked[1:4] == ["DELETE_ROSPEC", "STOP_ROSPEC", "DELETE_ROSPEC"]
    deletes = [frame for name, frame in zip(reader.asked, reader.frames, strict=True) if name == "DELETE_ROSPEC"]
    assert [frame[-4:] for frame in deletes] == [b"\0\0\0\0", b"\0\0\0\x01"]


def test_a_refused_rospec_is_asked_for_with_less_then_refused_by_name() -> None:
    reader = Reader(settings(), {"ADD_ROSPEC": 1}).greet()
    (reading,) = [output for output in reader.outputs if isinstance(output, Reading)]
    assert reading.missing == ("PC bits: ParameterError in RFTransmitter (ParameterError)",)
    with pytest.raises(LinkRefused, match="refused ADD_ROSPEC: ParameterError in RFTransmitter"):
        Reader(settings(), {"ADD_ROSPEC": 99}).greet()


def test_a_reader_that_only_claims_to_be_impinj() -> None:
    reader = Reader(settings(), {"IMPINJ_ENABLE_EXTENSIONS": 1}, capabilities=capabilities(25882)).greet()
    assert reader.session.phase is Phase.READING
    add = reader.frames[reader.asked.index("ADD_ROSPEC")]
    assert (25882).to_bytes(4, "big") not in add


def test_a_real_impinj_is_asked_for_its_extensions() -> None:
    reader = Reader(settings(), capabilities=capabilities(25882)).greet()
    assert "IMPINJ_ENABLE_EXTENSIONS" in reader.asked
    add = reader.frames[reader.asked.index("ADD_ROSPEC")]
    for subtype in (50, 52, 53, 67):
        assert (25882).to_bytes(4, "big") + subtype.to_bytes(4, "big") in add


@pytest.mark.parametrize(("power_dbm", "index"), [(10.0, 1), (20.0, 2), (30.0, 3)])
def test_the_power_asked_for_is_the_power_sent(power_dbm: float, index: int) -> None:
    reader = Reader(settings(power_dbm=power_dbm)).greet()
    add = reader.frames[reader.asked.index("ADD_ROSPEC")]
    assert add.count(b"\x00\xe0\x00\x0a\x00\x00\x00\x01" + index.to_bytes(2, "big")) == 2


@pytest.mark.parametrize("power_dbm", [5.0, 30.25, 33.0, 10.5])
def test_any_other_power_is_refused_with_the_range(power_dbm: float) -> None:
    with pytest.raises(LinkRefused, match=r"power_dbm: .* \(10 to 30 dBm\): write"):
        Reader(settings(power_dbm=power_dbm)).greet()


@pytest.mark.parametrize("powers", [(), (0, 0, 0)], ids=["no table", "all zero"])
def test_a_reader_without_a_power_table_reads_at_its_own(powers: tuple[int, ...]) -> None:
    reader = Reader(settings(power_dbm=30.0), capabilities=capabilities(powers=powers)).greet()
    reading = reader.outputs[-1]
    assert isinstance(reading, Reading)
    assert "power_dbm" in reading.missing[0]


@pytest.mark.parametrize("holds", [True, False])
def test_a_reader_that_cannot_hold_reports_is_not_asked_to(holds: bool) -> None:
    llrp_part = b"\x00\x8e\x00\x1c" + (b"\x08" if holds else b"\0") + bytes(23)
    reader = Reader(settings(), capabilities=capabilities() + llrp_part).greet()
    config = reader.frames[reader.asked.index("SET_READER_CONFIG")]
    assert config.endswith(b"\x00\xe2\x00\x05\x80") is holds


def test_antennas_that_do_not_exist_are_refused() -> None:
    with pytest.raises(LinkRefused, match="antenna 7 is configured and the reader has 4"):
        Reader(ReaderSettings(name="dock-1", antennas=(1, 7))).greet()


def test_version_1_1_is_negotiated_when_wanted() -> None:
    reader = Reader(settings(version="1.1")).greet()
    assert reader.asked[:3] == ["GET_SUPPORTED_VERSION", "SET_PROTOCOL_VERSION", "GET_READER_CAPABILITIES"]
    versions = [HEADER.unpack_from(frame)[0] >> 10 for frame in reader.frames]
    assert set(versions) == {2}


def test_a_1_0_1_reader_refuses_the_negotiation_and_reads() -> None:
    reader = Reader(settings(version="1.1"), {"GET_SUPPORTED_VERSION": 1}).greet()
    assert reader.session.phase is Phase.READING
    assert HEADER.unpack_from(reader.frames[-1])[0] >> 10 == 1


def test_keepalives_are_answered_in_every_phase() -> None:
    reader = Reader(settings())
    reader.hear(message(62, b"", 77))
    assert reader.frames[-1] == message(72, b"", 77)
    reader.greet().hear(message(62, b"", 78))
    assert reader.frames[-1] == message(72, b"", 78)


def test_silence_is_asked_about_and_then_the_link_is_down() -> None:
    reader = Reader(settings(keepalive_s=10.0)).greet()
    assert reader.session.deadline == 15.0
    reader.session.tick(15.0)
    assert HEADER.unpack_from(reader.session.outgoing())[0] & 0x3FF == 2
    with pytest.raises(LinkDown, match="no answer to GET_READER_CONFIG"):
        reader.session.tick(25.0)


def test_a_silent_reader_that_answers_stays() -> None:
    reader = Reader(settings(keepalive_s=10.0)).greet()
    reader.session.tick(15.0)
    _, _, message_id = HEADER.unpack_from(reader.session.outgoing())
    reader.hear(message(12, OK, message_id), 16.0)
    assert reader.session.deadline == 31.0


@pytest.mark.parametrize(
    "noise",
    [b"\xff", b"\0" * 40, message(63, b"\x00\xf6\x00\x06\xff\xff", 0), HEADER.pack(1 << 10 | 61, 500_000, 1)],
    ids=["noise", "zeros", "undecodable", "headers without an end"],
)
def test_noise_is_no_sign_of_life(noise: bytes) -> None:
    reader = Reader(settings(keepalive_s=10.0)).greet()
    for tenth in range(1, 250):
        reader.session.receive(noise, tenth / 10)
        if tenth / 10 >= reader.session.deadline:
            reader.session.tick(tenth / 10)
    with pytest.raises(LinkDown, match=r"no answer to GET_READER_CONFIG within 10 s, and what came cannot be decoded"):
        reader.session.tick(25.0)


def test_a_message_that_drips_in_for_ever_is_no_sign_of_life() -> None:
    """Byte by byte, each in time: a report of 256 tags would be at its end after an hour."""
    reader = Reader(settings(keepalive_s=10.0)).greet()
    report = message(61, (b"\x00\xf0\x00\x11\x8d" + b"E" * 12) * 256, 5)
    for second in range(25):
        reader.session.receive(report[second : second + 1], float(second))
        if second >= reader.session.deadline:
            reader.session.tick(float(second))
    with pytest.raises(LinkDown, match="no answer to GET_READER_CONFIG"):
        reader.session.tick(25.0)


def test_a_slow_message_is_awaited_while_others_came_before() -> None:
    reader = Reader(settings(keepalive_s=10.0)).greet()
    report = message(61, b"\x00\xf0\x00\x11\x8d" + b"E" * 12, 5)
    for at, second in zip(range(len(report)), range(14), strict=False):
        reader.session.receive(report[at : at + 1], float(second))
        reader.session.tick(float(second))
    assert reader.session.receive(report[14:], 14.0) != []
    assert reader.session.deadline == 29.0


def test_a_long_report_comes_in_parts() -> None:
    reader = Reader(settings()).greet()
    reader.outputs.clear()
    reader.hear(message(61, (b"\x00\xf0\x00\x11\x8d" + b"E" * 12) * 300, 5))
    parts = [output.tags for output in reader.outputs if isinstance(output, Tags)]
    assert (sum(parts), max(parts)) == (300, BATCH_TAGS)


def test_reports_that_come_at_once_are_taken_together_and_events_keep_their_place() -> None:
    reader = Reader(settings()).greet()
    reader.outputs.clear()
    one = message(61, b"\x00\xf0\x00\x11\x8d" + b"E" * 12, 5)
    for _ in range(2):
        reader.session.receive(one, 1.0)
    event = message(63, b"\x00\xf6\x00\x0b\x00\xf8\x00\x07\x00\x01\x80", 0)
    reader.hear(one * (BATCH_TAGS - 28) + event + one * (BATCH_TAGS + 5))
    tags = [output for output in reader.outputs if isinstance(output, Tags)]
    assert [type(output) for output in reader.outputs] == [Tags, Event, Tags, Tags]
    assert [output.tags for output in tags] == [BATCH_TAGS - 28, BATCH_TAGS, 5]
    assert [len(output.batches) for output in tags] == [1, 1, 1]
    entries = tags[0].batches[0].entries()
    assert (len(entries), {entry.epc for entry in entries}) == (BATCH_TAGS - 28, {b"E" * 12})


def test_what_was_said_before_the_goodbye_is_not_lost_with_it() -> None:
    reader = Reader(settings()).greet()
    tag = message(61, b"\x00\xf0\x00\x11\x8d" + b"E" * 12, 5)
    with pytest.raises(LinkDown, match="closed the connection by itself"):
        reader.session.receive(tag + message(63, b"\x00\xf6\x00\x08\x01\x01\x00\x04", 0), 1.0)
    (said,) = reader.session.outputs()
    assert isinstance(said, Tags)
    assert reader.session.outputs() == []


def test_reports_are_taken_and_bad_frames_counted() -> None:
    reader = Reader(settings()).greet()
    reader.outputs.clear()
    reader.hear(message(61, b"\x00\xf0\x00\x11\x8d" + b"E" * 12, 5) + message(61, b"\x00\xf0\x00\x03", 6))
    assert [type(output) for output in reader.outputs] == [Tags]
    assert reader.counters.get("dock-1", "bad_frames") == 1


def test_an_error_message_to_enable_events_is_survived() -> None:
    reader = Reader(settings()).greet()
    _, _, message_id = HEADER.unpack_from(reader.frames[-1])
    reader.hear(message(100, REFUSED, message_id))
    assert reader.session.phase is Phase.READING


def test_events_are_told_and_close_ends() -> None:
    reader = Reader(settings()).greet()
    antenna_down = b"\x00\xf6\x00\x0b\x00\xff\x00\x07\x00\x00\x02"
    reader.hear(message(63, antenna_down, 0))
    assert isinstance(reader.outputs[-1], Event)
    assert reader.outputs[-1].event.kind == "antenna"
    with pytest.raises(LinkDown, match="closed the connection by itself"):
        reader.hear(message(63, b"\x00\xf6\x00\x08\x01\x01\x00\x04", 0))


def test_the_state_of_the_ports_is_asked_for_once_and_told_like_events() -> None:
    """Antenna 1 is there, 2 is missing, 3 is nobody's and missing; input 1 is high, input 2 was not asked for."""
    reader = Reader(replace(settings(), antennas=(1, 2), inputs=(1,)), mute={"GET_READER_CONFIG"}).greet()
    assert reader.asked[-2:] == ["GET_READER_CONFIG"] * 2
    wanted = [frame[12] for frame in reader.frames[-2:]]
    assert wanted == [2, 9]
    antennas = b"".join(b"\x00\xdd\x00\x09" + bytes([flag]) + b"\0" + bytes([n, 0, 0]) for n, flag in PORTS.items())
    inputs = b"\x00\xe1\x00\x08\x00\x01\x80\x01" + b"\x00\xe1\x00\x08\x00\x02\x80\x01"
    for sent, answer in zip(reader.frames[-2:], (antennas, inputs), strict=True):
        reader.hear(message(12, OK + answer, HEADER.unpack_from(sent)[2]))
    told = [output.event for output in reader.outputs if isinstance(output, Event)]
    assert told == [
        ReaderEvent("antenna", 1, True),
        ReaderEvent("antenna", 2, False),
        ReaderEvent("gpi", 1, True),
    ]
    assert reader.counters.get("dock-1", "unmatched_answers") == 0


def test_stop_leaves_the_reader_clean() -> None:
    reader = Reader(settings()).greet()
    reader.asked.clear()
    reader.session.stop(0.0)
    reader.hear(b"")
    assert reader.asked == ["STOP_ROSPEC", "DELETE_ROSPEC", "CLOSE_CONNECTION"]
    assert reader.session.phase is Phase.CLOSED


def test_bare_capabilities_are_defaults() -> None:
    reader = Reader(settings(), capabilities=OK).greet()
    reading = reader.outputs[-1]
    assert isinstance(reading, Reading)
    assert reading.capabilities == Capabilities()
