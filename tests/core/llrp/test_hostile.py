"""A megabyte that was made to keep us busy: work grows with the bytes that arrive, whatever their lengths say."""

from __future__ import annotations

import time
from struct import pack

import pytest

from edgegw.core.counters import Counters
from edgegw.core.llrp.frame import HEADER, MAX_REPORT_BYTES
from edgegw.core.llrp.rospec import ReaderSettings
from edgegw.core.llrp.session import Session
from edgegw.sources.sllurp_codec import SllurpCodec

LIMIT_S = 3.0
"""Of CPU time for a megabyte: 0.05 to 0.7 s on a desktop, and slow machines are slow. The shapes marked with a star
once took 20 s to minutes there."""
CHUNK_BYTES = 1 << 12
EPC = b"\x8d" + b"E" * 12


def header(kind: int, length: int) -> bytes:
    return HEADER.pack(1 << 10 | kind, length, 0)


def message(kind: int, body: bytes) -> bytes:
    return header(kind, 10 + len(body)) + body


def tlv(kind: int, content: bytes = b"") -> bytes:
    return pack(">HH", kind, 4 + len(content)) + content


def fill(unit: bytes, size: int = MAX_REPORT_BYTES - 10) -> bytes:
    """As often as it fits."""
    return unit * (size // len(unit))


def nested(step: bytes) -> bytes:
    """A header, `step`, and the same again inside, each with a length up to the end."""
    pitch = 10 + len(step)
    return b"".join(header(61, MAX_REPORT_BYTES - at) + step for at in range(0, MAX_REPORT_BYTES - pitch, pitch))


def nested_with_a_common_tail(kind: int, opening: int, nest: int, tail: bytes) -> bytes:
    """Messages inside each other whose first parameter jumps to what they have in common, which ends badly."""
    count = nest // 14
    length = 14 * count + len(tail)
    heads = (header(kind, length - at) + pack(">HH", opening, 14 * count - at - 10) for at in range(0, 14 * count, 14))
    return b"".join(heads) + tail


def nested_in_a_tag() -> bytes:
    """Messages that read as parameters of a tag, each with a tag of its own up to the same end."""
    count = 4300
    heads = (header(61, 0xF0000 | 5000) + pack(">HHx", 240, 15 * (count - at) - 10) for at in range(count))
    return fill(b"".join(heads))


def parameter_errors(depth: int) -> bytes:
    errors = b"".join(pack(">HHHH", 288, 8 * (depth - at), 1, 100) for at in range(depth))
    return message(100, tlv(287, pack(">HH", 100, 0) + errors))


def rospecs(depth: int) -> bytes:
    return b"".join(pack(">HH6x", 177, 10 * (depth - at)) for at in range(depth))


SHAPES = {
    "nested headers *": b"".join(header(61, 2**20 - 10 * at) for at in range(104856)),
    "nested reports": nested(tlv(240)),
    "nested, one byte apart": nested(tlv(240, b"\0")),
    "common tail *": nested_with_a_common_tail(61, 240, 64_000, fill(tlv(240), 980_000) + b"\xff" * 4),
    "common tail of events": fill(nested_with_a_common_tail(63, 246, 15_000, fill(tlv(246), 16_000) + b"\xff" * 4)),
    "common tail of an answer": fill(nested_with_a_common_tail(11, 287, 15_000, fill(tlv(999), 16_000))),
    "nested in a tag *": nested_in_a_tag(),
    "overlapping lengths": b"".join(header(61, 500_000 + at * 7919 % 400_000) for at in range(104856)),
    "nested custom messages": b"".join(header(1023, 32_000) for _ in range(104856)),
    "tiny custom messages": fill(message(1023, b"\0\0\x65\x1a\x16")),
    "empty tags": message(61, fill(tlv(240))),
    "tiny parameters": message(61, fill(tlv(240, tlv(999) * 16_000))),
    "TV parameters": message(61, fill(tlv(240, b"\x86\xc4" * 32_000))),
    "custom parameters": message(61, fill(tlv(240, tlv(1023, pack(">II", 25882, 57)) * 5_000))),
    "ROSpec in a report": message(61, fill(tlv(177, bytes(6) + tlv(178) * 16_000))),
    "ROSpecs nested in a tag": message(61, fill(tlv(240, rospecs(6_500)))),
    "sixty thousand tags": message(61, fill(tlv(240, EPC))),
    "a bad tag at the end": message(61, fill(tlv(240, EPC), 1_000_000) + tlv(240, b"\xff")),
    "nested errors": fill(parameter_errors(4_000)),
    "events of one notification": fill(message(63, tlv(246, tlv(248, b"\0\1\x80") * 4_000))),
    "tiny parameters of an answer": fill(message(12, tlv(287, bytes(4)) + tlv(999) * 8_000)),
    "headers everywhere": fill(b"\x04\x3d\0\0"),
    "headers in headers": fill(b"\x04\x3f\0\0\0\x0a"),
    "keepalives": fill(message(62, b"")),
    "zeros": bytes(MAX_REPORT_BYTES),
}


def greeted() -> tuple[Session, Counters]:
    counters = Counters()
    session = Session(ReaderSettings("dock-1"), SllurpCodec(), counters, 0.0)
    session.receive(message(63, tlv(246, tlv(128, pack(">Q", 10**15)) + tlv(256, bytes(2)))), 0.0)
    return session, counters


@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_is_less_than_a_second_of_work(shape: str) -> None:
    data = SHAPES[shape]
    assert len(data) > 900_000
    session, _ = greeted()
    began_s = time.thread_time()
    for at in range(0, len(data), CHUNK_BYTES):
        session.receive(data[at : at + CHUNK_BYTES], 1.0)
        session.outgoing()
    for now in (2.0, 3.0, 4.0):
        session.tick(now)
    assert time.thread_time() - began_s < LIMIT_S


@pytest.mark.parametrize("shape", ["nested headers *", "common tail *", "nested in a tag *", "overlapping lengths"])
def test_what_follows_is_heard(shape: str) -> None:
    session, counters = greeted()
    session.receive(SHAPES[shape], 1.0)
    session.outgoing()
    session.receive(bytes(64) + message(62, b""), 1.0)
    for now in (2.0, 3.0, 4.0):
        session.tick(now)
    assert session.outgoing()[:2] == b"\x04\x48"
    assert counters.get("dock-1", "bad_frames") > 0
