"""Columns of tags become reads: each on the gateway's timeline, in the reader's order."""

from __future__ import annotations

import random
from struct import pack

import pytest

from bench.decode import mixed_report, plain_tag, tlv
from edgegw.core.counters import Counters
from edgegw.core.llrp.decoder import ReportDecoder
from edgegw.core.llrp.reads import ReadMaker
from edgegw.core.llrp.report import decode_report
from edgegw.core.model import TagRead

NOW = 1_800_000_000.0
EPC = bytes.fromhex("3066C4409047E140075BCD15")
LATE_AFTER_S = 5.0


class Reader:
    """One whose reports arrive when they are told to."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.decoder = ReportDecoder()
        self.maker = ReadMaker("dock-1", LATE_AFTER_S, self.counters)

    def reads(self, *tags: bytes, arrival: float = NOW) -> list[TagRead]:
        return self.maker.reads(self.decoder.decode(b"".join(tlv(240, tag) for tag in tags)), arrival)

    def count(self, reason: str) -> int:
        return self.counters.get("dock-1", reason)


def tag(*parameters: bytes, epc: bytes = EPC) -> bytes:
    return b"\x8d" + epc + b"".join(parameters)


def utc(kind: int, t: float) -> bytes:
    return bytes([0x80 | kind]) + pack(">Q", round(t * 1e6))


def test_what_the_reader_says_of_a_tag() -> None:
    reader = Reader()
    (read,) = reader.reads(tag(b"\x81\0\3", b"\x86\xc4", utc(4, NOW - 0.01), b"\x8c\x30\0"))
    assert read == TagRead("dock-1", 3, EPC, 96, NOW, -60.0, 0x3000, NOW - 0.01, False)
    assert type(read) is TagRead
    assert isinstance(read.rssi_dbm, float)


def test_what_it_does_not_say() -> None:
    (read,) = Reader().reads(tag())
    assert read == TagRead("dock-1", 0, EPC, 96, NOW)


@pytest.mark.parametrize("tags", [1, 2, 100])
def test_the_offset_of_the_clock_is_taken_out_of_every_tag(tags: int) -> None:
    reader = Reader()
    assert reader.maker.stamped_t(round((NOW + 14) * 1e6), None, NOW) == NOW
    sent = [NOW + 14 + 0.5 + n / 1000 for n in range(tags)]
    reads = reader.reads(*(tag(utc(4, t)) for t in sent), arrival=NOW + 0.7)
    assert [read.t for read in reads] == pytest.approx([t - 14 for t in sent], abs=1e-6)
    assert [read.reader_t for read in reads] == pytest.approx(sent, abs=1e-6)
    assert reader.maker.offset_s == pytest.approx(-14)


def test_last_seen_is_the_reads_time_and_utc_goes_before_uptime() -> None:
    reader = Reader()
    reader.maker.stamped_t(round(NOW * 1e6), None, NOW)
    reader.maker.stamped_t(None, 77_000_000, NOW)
    uptime = b"\x85" + pack(">Q", 76_500_000)
    (both,) = reader.reads(tag(utc(2, NOW - 0.9), utc(4, NOW - 0.1), uptime))
    (first,) = reader.reads(tag(utc(2, NOW - 0.9), uptime))
    (only_uptime,) = reader.reads(tag(uptime))
    assert [read.t for read in (both, first, only_uptime)] == pytest.approx([NOW - 0.1, NOW - 0.9, NOW - 0.5], abs=1e-5)
    assert only_uptime.reader_t == 76.5


def test_what_was_kept_for_long_is_late_and_what_follows_is_not() -> None:
    reader = Reader()
    reader.maker.stamped_t(round(NOW * 1e6), None, NOW)
    ago_s = [LATE_AFTER_S + 30, LATE_AFTER_S + 1, LATE_AFTER_S - 1, 0.2, 0.1]
    reads = reader.reads(*(tag(utc(4, NOW - ago)) for ago in ago_s))
    assert [read.late for read in reads] == [True, True, False, False, False]
    assert [read.t for read in reads] == pytest.approx([NOW - ago for ago in ago_s], abs=1e-5)
    assert reader.count("late_reads") == 2


def test_tags_without_an_epc_are_counted() -> None:
    reader = Reader()
    reads = reader.reads(tag(), b"", tlv(241, b"\0\0"), b"\x81\0\1", tag())
    assert [read.epc for read in reads] == [EPC, EPC]
    assert (reader.count("reads"), reader.count("empty_epc")) == (5, 3)


@pytest.mark.parametrize("known", [False, True], ids=["general", "by layout"])
def test_what_no_tag_can_hold_is_no_read(known: bool) -> None:
    reader = Reader()
    long = tlv(241, pack(">H", 497) + bytes(63)) + b"\x81\0\1"
    sent = 20 if known else 1
    reads = [read for _ in range(sent) for read in reader.reads(tag(), b"", long)]
    assert [read.epc for read in reads] == [EPC] * sent
    assert (reader.count("empty_epc"), reader.count("impossible_epc")) == (sent, sent)


@pytest.mark.parametrize("tags", [1, 2, 100])
@pytest.mark.parametrize("loud", [b"\x86\x01", tlv(1023, pack(">IIh", 25882, 57, 1)), b"\x86\x7f"])
def test_a_signal_above_0_dbm_is_no_measurement(loud: bytes, tags: int) -> None:
    """Alike whether a tag is read in general or by its layout, alone or among others."""
    reader = Reader()
    for _ in range(10):
        reads = reader.reads(*[tag(loud), tag(b"\x86\x00"), tag(b"\x86\xc4"), tag()] * tags)
        assert [read.rssi_dbm for read in reads] == [None, 0.0, -60.0, None] * tags
    assert reader.count("impossible_rssi") == 10 * tags


def test_a_mixed_report_keeps_its_order() -> None:
    reader, rng = Reader(), random.Random(2)
    for tags in [*range(1, 9)] * 20:
        body = mixed_report(rng, tags)
        reads = reader.maker.reads(reader.decoder.decode(body), NOW)
        expected = [(one.epc, one.epc_bits, one.antenna, one.rssi_dbm, one.pc) for one in decode_report(body)]
        assert [(one.epc, one.epc_bits, one.antenna, one.rssi_dbm, one.pc) for one in reads] == expected


def test_a_batch_is_made_as_its_tags_would_be_one_by_one() -> None:
    together, apart, rng = Reader(), Reader(), random.Random(3)
    for number in range(50):
        tags = [plain_tag(rng)[4:] for _ in range(20)]
        arrival = NOW + number * 0.05
        assert together.reads(*tags, arrival=arrival) == [
            read for one in tags for read in apart.reads(one, arrival=arrival)
        ]
    assert together.counters.snapshot() == apart.counters.snapshot()


def test_a_new_connection_measures_the_clock_anew() -> None:
    reader = Reader()
    reader.maker.stamped_t(round((NOW + 14) * 1e6), None, NOW)
    reader.maker.reset()
    assert reader.maker.offset_s is None
    assert reader.maker.stamped_t(None, None, NOW) is None
