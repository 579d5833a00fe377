"""Tag reports, byte by byte."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llrpkit.protocol import decode_message, messages
from sllurp.llrp import LLRPMessage

from edgegw.core.llrp.frame import HEADER
from edgegw.core.llrp.parameters import Malformed
from edgegw.core.llrp.report import TagEntry, decode_report

REAL = sorted((Path(__file__).parents[2] / "data" / "readers").glob("ROAccessReport-*.bytes"))


def tlv(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + (4 + len(content)).to_bytes(2, "big") + content


def custom(vendor: int, subtype: int, content: bytes) -> bytes:
    return tlv(1023, vendor.to_bytes(4, "big") + subtype.to_bytes(4, "big") + content)


EPC = bytes.fromhex("3066C4409047E140075BCD15")


def test_everything_that_a_reader_may_say() -> None:
    tag = (
        b"\x8d" + EPC
        + b"\x81\x00\x03"
        + b"\x86\xc4"
        + b"\x82" + (1_700_000_000_000_001).to_bytes(8, "big")
        + b"\x84" + (1_700_000_000_000_002).to_bytes(8, "big")
        + b"\x88\x00\x05"
        + b"\x8c\x30\x00"
        + b"\x87\x00\x07"
        + custom(25882, 56, b"\x0f\xff")
        + custom(25882, 57, (-5225 & 0xFFFF).to_bytes(2, "big"))
        + custom(25882, 68, (-3 & 0xFFFF).to_bytes(2, "big"))
        + custom(161, 57, b"other maker")
        + tlv(999, b"from the future")
    )  # fmt: skip
    assert decode_report(tlv(240, tag)) == [
        TagEntry(
            EPC,
            96,
            antenna=3,
            rssi_dbm=-52.25,
            first_utc_us=1_700_000_000_000_001,
            last_utc_us=1_700_000_000_000_002,
            seen=5,
            pc=0x3000,
            channel=7,
            phase=4095,
            doppler=-3,
        )
    ]


@pytest.mark.parametrize("bits", [1, 7, 8, 95, 96, 128, 496])
def test_epcs_of_any_length(bits: int) -> None:
    size = (bits + 7) // 8
    epc = bytes(range(1, size + 1))
    (entry,) = decode_report(tlv(240, tlv(241, bits.to_bytes(2, "big") + epc)))
    assert (entry.epc, entry.epc_bits) == (epc, bits)


@pytest.mark.parametrize("bits", [497, 512, 65_000])
def test_an_epc_longer_than_any_tag_is_none(bits: int) -> None:
    """Each of 65,000 bits would be a unit of 16 kB, in memory and in the journal."""
    parameter = tlv(241, bits.to_bytes(2) + bytes((bits + 7) // 8))
    (entry,) = decode_report(tlv(240, b"\x8d" + EPC + parameter))
    assert (entry.epc, entry.epc_bits) == (b"", bits)


def test_a_padded_epc_trusts_the_bit_count() -> None:
    (entry,) = decode_report(tlv(240, tlv(241, (16).to_bytes(2, "big") + b"\xab\xcd\0\0")))
    assert (entry.epc, entry.epc_bits) == (b"\xab\xcd", 16)


@pytest.mark.parametrize(
    "body",
    [
        tlv(240, b"\x8d" + EPC[:5]),
        tlv(240, b"\xfe\x00"),
        tlv(240, tlv(241, b"\x00")),
        tlv(240, tlv(241, b"\x02\x00abc")),
        tlv(240, b"\x8d" + EPC)[:-1],
        b"\x00\xf0\x00\x03",
        b"\x00",
    ],
    ids=["cut TV", "unknown TV", "no bit count", "fewer bits than said", "cut tag", "length 3", "one byte"],
)
def test_what_does_not_fit_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_report(body)


def test_an_empty_report_has_no_tags() -> None:
    assert decode_report(b"") == []


@given(st.binary(max_size=200))
def test_any_bytes_are_tags_or_malformed(body: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert all(isinstance(entry, TagEntry) for entry in decode_report(body))


def test_there_are_real_reports() -> None:
    assert len(REAL) == 9


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_reports_agree_with_two_other_decoders(path: Path) -> None:
    """Captured from an R420; the JSON is the Go peer's decoding, sllurp is the second opinion."""
    body = path.read_bytes()
    (entry,) = decode_report(body)
    (go,) = json.loads(path.with_suffix(".json").read_text())["TagReportData"]
    assert go["AntennaID"] == entry.antenna
    assert go["PeakRSSI"] == entry.rssi_dbm
    assert go["LastSeenUTC"] == entry.last_utc_us
    sllurp = LLRPMessage(msgbytes=HEADER.pack(1 << 10 | 61, 10 + len(body), 1) + body)
    (other,) = sllurp.msgdict["RO_ACCESS_REPORT"]["TagReportData"]
    assert bytes.fromhex(other["EPC"].decode()) == entry.epc
    assert other["AntennaID"] == entry.antenna


# A TagReportData in the standard's order: TV type -> size, in front of them the EPC, behind them what is TLV.
TV_IN_ORDER = {9: 4, 14: 2, 10: 2, 1: 2, 6: 1, 7: 2, 2: 8, 3: 8, 4: 8, 5: 8, 8: 2, 12: 2, 11: 2, 16: 4}


def random_tag(rng: random.Random) -> list[bytes]:
    """The parameters of one tag as some reader would send them: any EPC, any choice of the others."""
    bits = rng.choice((96, 96, rng.randint(1, 496)))
    epc = rng.randbytes((bits + 7) // 8)
    parts = [b"\x8d" + epc if bits == 96 else tlv(241, bits.to_bytes(2) + epc)]
    parts += [bytes([0x80 | kind]) + rng.randbytes(size) for kind, size in TV_IN_ORDER.items() if rng.random() < 0.6]
    if rng.random() < 0.3:
        parts.append(tlv(349, b"\0" + rng.randbytes(2) + b"\0\x02" + rng.randbytes(4)))  # C1G2ReadOpSpecResult
    parts += [custom(25882, subtype, rng.randbytes(2)) for subtype in (56, 57, 68) if rng.random() < 0.5]
    if rng.random() < 0.2:
        parts.append(custom(17996, rng.randrange(100), rng.randbytes(rng.randrange(20))))
    return parts


def by_sllurp(body: bytes) -> list[dict[str, Any]]:
    tags: list[dict[str, Any]] = LLRPMessage(msgbytes=HEADER.pack(1 << 10 | 61, 10 + len(body), 1) + body).msgdict[
        "RO_ACCESS_REPORT"
    ]["TagReportData"]
    return tags


def by_llrpkit(body: bytes) -> list[Any]:
    report = decode_message(HEADER.pack(1 << 10 | 61, 10 + len(body), 1) + body)
    assert isinstance(report, messages.RO_ACCESS_REPORT)
    return list(report.tag_report_datas)


def value(parameter: Any, field: str) -> Any:
    return None if parameter is None else getattr(parameter, field)


def agrees_with_sllurp(entry: TagEntry, tag: dict[str, Any]) -> None:
    assert entry.epc.hex() == tag["EPC"].decode()
    assert entry.antenna == tag.get("AntennaID", 0)
    fine = tag.get("ImpinjPeakRSSI")
    assert entry.rssi_dbm == (tag.get("PeakRSSI") if fine is None else fine / 100)
    assert entry.first_utc_us == tag.get("FirstSeenTimestampUTC")
    assert entry.last_utc_us == tag.get("LastSeenTimestampUTC")
    assert entry.first_uptime_us == tag.get("FirstSeenTimestampUptime")
    assert entry.last_uptime_us == tag.get("LastSeenTimestampUptime")
    assert entry.seen == tag.get("TagSeenCount", 1)
    assert entry.channel == tag.get("ChannelIndex")
    assert entry.pc == tag.get("C1G2PC")
    assert entry.phase == tag.get("ImpinjRFPhaseAngle")
    assert entry.doppler == tag.get("ImpinjRFDopplerFrequency")


def agrees_with_llrpkit(entry: TagEntry, tag: Any) -> None:
    epc = tag.epc_parameter.epc
    assert (entry.epc, entry.epc_bits) == ((epc, 96) if isinstance(epc, bytes) else (epc.data, epc.bit_len))
    assert entry.antenna == (value(tag.antenna_id, "antenna_id") or 0)
    assert entry.first_utc_us == value(tag.first_seen_timestamp_utc, "microseconds")
    assert entry.last_utc_us == value(tag.last_seen_timestamp_utc, "microseconds")
    assert entry.first_uptime_us == value(tag.first_seen_timestamp_uptime, "microseconds")
    assert entry.last_uptime_us == value(tag.last_seen_timestamp_uptime, "microseconds")
    assert entry.channel == value(tag.channel_index, "channel_index")
    assert tag.tag_seen_count is None or entry.seen == tag.tag_seen_count.tag_count


def test_five_thousand_reports_agree_with_two_other_decoders() -> None:
    rng = random.Random(1)
    for _ in range(5000):
        tags = [random_tag(rng) for _ in range(rng.randint(1, 4))]
        body = b"".join(tlv(240, b"".join(parts)) for parts in tags)
        entries = decode_report(body)
        for entry, tag in zip(entries, by_llrpkit(body), strict=True):
            agrees_with_llrpkit(entry, tag)
        for entry, other in zip(entries, by_sllurp(body), strict=True):
            agrees_with_sllurp(entry, other)
        shuffled = b"".join(tlv(240, b"".join(rng.sample(parts, len(parts)))) for parts in tags)
        assert decode_report(shuffled) == entries
