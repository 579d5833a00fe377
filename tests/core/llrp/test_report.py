"""Tag reports, byte by byte."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
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


@pytest.mark.parametrize("bits", [1, 7, 8, 95, 96, 128, 496, 512])
def test_epcs_of_any_length(bits: int) -> None:
    size = (bits + 7) // 8
    epc = bytes(range(1, size + 1))
    (entry,) = decode_report(tlv(240, tlv(241, bits.to_bytes(2, "big") + epc)))
    assert (entry.epc, entry.epc_bits) == (epc, bits)


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
