"""The framer: one bad frame costs one frame."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.core.counters import Counters
from edgegw.core.llrp.frame import HEADER, MAX_REPORT_BYTES, Frame, Framer
from edgegw.core.llrp.parameters import Malformed, walk
from edgegw.core.llrp.report import decode_report


def message(kind: int, body: bytes = b"", message_id: int = 1, version: int = 1) -> bytes:
    return HEADER.pack(version << 10 | kind, 10 + len(body), message_id) + body


KEEPALIVE = message(62)
EVENT = message(63, bytes.fromhex("00f6001600800 00c0004ec8c00000000 0100000600 00".replace(" ", "")))


def framer() -> tuple[Framer, Counters]:
    counters = Counters()
    return Framer("dock-1", counters), counters


def frames(framer: Framer) -> list[Frame]:
    found = []
    while (frame := framer.next_frame()) is not None:
        found.append(frame)
    return found


@given(st.lists(st.sampled_from([KEEPALIVE, EVENT, message(61, b"\x00\xf0\x00\x04")]), max_size=20), st.data())
def test_any_chunking_gives_the_same_frames(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    taker, counters = framer()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        taker.feed(stream[start:end])
        found += frames(taker)
    assert [HEADER.pack(f.version << 10 | f.type, 10 + len(f.body), f.id) + f.body for f in found] == messages
    assert counters.snapshot() == {}
    assert not taker.incomplete


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 64,
        HEADER.pack(1 << 10 | 61, 0xFFFFFFFF, 7),
        HEADER.pack(1 << 10 | 61, MAX_REPORT_BYTES + 1, 7) + b"x" * 100,
        HEADER.pack(1 << 10 | 61, 5, 7),
        HEADER.pack(1 << 10 | 62, 11, 7) + b"\0",
        HEADER.pack(7 << 13 | 1 << 10 | 62, 10, 7),
        b"\0" * 23,
    ],
    ids=["noise", "length 4G", "oversized", "length 5", "long keepalive", "reserved bits", "zeros"],
)
def test_garbage_costs_itself_and_is_counted_once(garbage: bytes) -> None:
    taker, counters = framer()
    taker.feed(KEEPALIVE + garbage + EVENT + KEEPALIVE)
    assert [frame.type for frame in frames(taker)] == [62, 63, 62]
    assert counters.get("dock-1", "bad_frames") == 1


def test_a_truncated_frame_does_not_swallow_the_next() -> None:
    """The cut message's length reaches into the next one; what it took of it is given back."""
    report = message(61, b"\x00\xf0\x00\x14" + b"\x8d" + b"E" * 12 + b"\x81\x00\x01")
    taker, counters = framer()
    taker.feed(report[:-6] + EVENT + KEEPALIVE)
    swallowing = taker.next_frame()
    assert swallowing is not None
    taker.reject(swallowing)  # what the decoder says of it
    assert [frame.type for frame in frames(taker)] == [63, 62]
    assert counters.get("dock-1", "bad_frames") == 1


@pytest.mark.parametrize("cut", range(1, 39))
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_a_report_cut_anywhere_costs_nothing_but_itself(cut: int, chunk: int) -> None:
    """Also where it has swallowed so little of the next frame that it is still decodable."""
    report = message(61, b"\x00\xf0\x00\x1d\x8d" + b"E" * 12 + b"\x81\x00\x01" + b"\x84" + bytes(7) + b"\x05")
    taker, counters = framer()
    stream = report[:-cut] + EVENT + report + KEEPALIVE + EVENT + message(61)
    found = []
    for at in range(0, len(stream) + 1, chunk):
        taker.feed(stream[at : at + chunk])
        if at + chunk > len(stream):
            taker.stalled()
        while (frame := taker.next_frame()) is not None:
            try:
                decode_report(frame.body) if frame.type == 61 else list(walk(frame.body, 0, len(frame.body)))
                found.append(frame.type)
            except Malformed:
                taker.reject(frame)
    assert found[-5:] == [63, 61, 62, 63, 61]
    assert len(found) <= 6
    assert counters.get("dock-1", "bad_frames") >= 1


def test_another_makers_message_hides_nothing() -> None:
    taker, counters = framer()
    custom = message(1023, b"\x00\x00\x65\x1a\x16" + b"opaque")
    taker.feed(custom + custom[:4] + b"\x00\x25" + custom[6:] + EVENT + KEEPALIVE)
    assert [frame.type for frame in frames(taker)] == [1023, 63, 62]
    assert counters.get("dock-1", "bad_frames") == 1


def test_an_undecodable_frame_of_right_length_costs_itself_only() -> None:
    taker, counters = framer()
    taker.feed(message(63, b"\x00\xf6\x00\x06\xff\xff") + KEEPALIVE)
    undecodable = taker.next_frame()
    assert undecodable is not None
    taker.reject(undecodable)
    assert [frame.type for frame in frames(taker)] == [62]
    assert counters.get("dock-1", "bad_frames") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xff\xff\xff",  # no parameter
        b"\x00\xf0\x00\x04" + b"\x03\xff",  # cut off
        b"\x00\xf0\x00\x04" + b"\x00\xf0\x00\x03",  # too short for itself
        b"\x00\xf0\x00\x04" + b"\x00\xf0\x00\x05",  # reaches over the end
        b"\x00\xf0\x00\x04" + b"\x00\xf6\x00\x04",  # belongs into another message
        b"\x00\xf0\x00\x04" + b"\x04\xf0\x00\x04",  # reserved bits
    ],
)
def test_parameters_that_do_not_fill_their_message_are_no_message(body: bytes) -> None:
    taker, counters = framer()
    taker.feed(message(61, body) + EVENT + KEEPALIVE)
    assert [frame.type for frame in frames(taker)] == [63, 62]
    assert counters.get("dock-1", "bad_frames") == 1


def test_a_lying_length_is_found_at_the_first_parameter_that_is_none() -> None:
    """Not only when 50,000 bytes have come, or none for a second."""
    taker, counters = framer()
    tag = b"\x00\xf0\x00\x11\x8d" + b"E" * 12
    taker.feed(HEADER.pack(1 << 10 | 61, 50_000, 9) + tag + EVENT + KEEPALIVE)
    assert [frame.type for frame in frames(taker)] == [63, 62]
    assert counters.get("dock-1", "bad_frames") == 1


def test_a_lying_length_of_a_parameter_is_found_when_the_frame_stalls() -> None:
    taker, counters = framer()
    taker.feed(HEADER.pack(1 << 10 | 61, 50_000, 9) + b"\x00\xf0\xc0\x00" + EVENT + KEEPALIVE + KEEPALIVE)
    assert frames(taker) == []
    assert taker.incomplete
    assert taker.stalled()
    assert [frame.type for frame in frames(taker)] == [63, 62, 62]
    assert counters.get("dock-1", "bad_frames") == 1


def test_messages_swallowed_by_the_last_parameter_are_kept() -> None:
    """The tag had a hundred bytes more; the length of the frame fits by chance, its content does not."""
    taker, counters = framer()
    tag = b"\x00\xf0" + (4 + 13 + 100).to_bytes(2) + b"\x8d" + b"E" * 12
    following = (EVENT + KEEPALIVE) * 5
    taker.feed(HEADER.pack(1 << 10 | 61, 10 + 4 + 13 + 100, 9) + tag + following)
    found = []
    while (frame := taker.next_frame()) is not None:
        try:
            decode_report(frame.body) if frame.type == 61 else list(walk(frame.body, 0, len(frame.body)))
            found.append(frame.type)
        except Malformed as malformed:
            taker.reject(frame, malformed.at)
    assert found == [63, 62] * 5
    assert counters.get("dock-1", "bad_frames") == 1


def test_a_slow_frame_is_not_given_up() -> None:
    taker, counters = framer()
    report = message(61, b"\x00\xf0\x00\x11\x8d" + b"E" * 12)
    taker.feed(report[:20])
    assert not taker.stalled()
    taker.feed(report[20:])
    assert [frame.type for frame in frames(taker)] == [61]
    assert counters.snapshot() == {}


def test_memory_is_bounded_under_endless_noise() -> None:
    taker, _ = framer()
    noise = random.Random(1).randbytes(1 << 16)
    for _ in range(40):
        taker.feed(noise.replace(b"\x04", b"\x00").replace(b"\x05", b"\x00"))
        frames(taker)
        assert len(taker._buffer) <= MAX_REPORT_BYTES + (1 << 16)


@pytest.mark.parametrize(
    "filling", [message(63), message(63) + b"\0", message(61, b"\x00\xf0\x00\x04")[:-1]], ids=["empty", "gap", "cut"]
)
def test_a_megabyte_of_bad_frames_is_no_hang(filling: bytes) -> None:
    """A lie of a megabyte full of frames that are all undecodable: each costs itself, not a look at the rest."""
    taker, counters = framer()
    taker.feed(HEADER.pack(1 << 10 | 61, MAX_REPORT_BYTES, 9) + filling * (1_000_000 // len(filling)))
    began = time.thread_time()
    while taker.stalled():
        while (frame := taker.next_frame()) is not None:
            taker.reject(frame)
    while (frame := taker.next_frame()) is not None:
        taker.reject(frame)
    taker.feed(bytes(MAX_REPORT_BYTES))
    while (frame := taker.next_frame()) is not None:
        taker.reject(frame)
    assert time.thread_time() - began < 10
    assert counters.get("dock-1", "bad_frames") > 0


@given(st.binary(max_size=400))
def test_any_bytes_end(data: bytes) -> None:
    """Whatever comes, the framer gives frames or asks for more; the keepalives behind it are found."""
    taker, _ = framer()
    taker.feed(data)
    frames(taker)
    taker.stalled()
    frames(taker)
