"""What a tag may hold besides its scheme: padding, PC word, foreign headers, broken fields."""

from __future__ import annotations

import pytest

from edgegw.core.identity import identify_epc
from edgegw.core.identity.epc import SCHEMES, FixedScheme
from tests.core.identity.support import identify_hex

SGTIN = "3074257BF7194E4000001A85"
UNIT = "https://id.gs1.org/01/80614141123458/21/6789"
SIX_WORDS = 0x3000  # PC word: length 6, no toggle


def test_zeros_after_the_epc_are_padding() -> None:
    assert identify_hex(SGTIN + "00000000").unit == UNIT


def test_anything_else_after_the_epc_is_refused() -> None:
    identity = identify_hex(SGTIN + "0001")
    assert (identity.kind, identity.unit) == ("invalid", "")
    assert "18.1.2" in identity.reason
    assert identity.epc_uri == f"urn:epc:raw:112.x{SGTIN}0001"


def test_pc_length_trims_what_the_reader_added() -> None:
    assert identify_hex(SGTIN + "BEEF", SIX_WORDS).unit == UNIT


@pytest.mark.parametrize("pc", [0x0000, 0x0800 * 31])
def test_pc_length_that_cannot_be_does_not_count(pc: int) -> None:
    assert identify_hex(SGTIN, pc).unit == UNIT


def test_toggle_bit_makes_it_an_iso_tag() -> None:
    identity = identify_hex(SGTIN, SIX_WORDS | 0x01A1)
    assert identity.kind == "raw"
    assert identity.unit == identity.epc_uri == f"urn:epc:raw:96.xA1.x{SGTIN}"
    assert "AFI A1h" in identity.reason


def test_attribute_bits_without_toggle_change_nothing() -> None:
    assert identify_hex(SGTIN, SIX_WORDS | 0x00A1).unit == UNIT


def test_bits_beyond_the_count_do_not_matter() -> None:
    padded = bytes.fromhex(SGTIN) + b"\xff"
    assert identify_epc(padded, 96).unit == UNIT


@pytest.mark.parametrize(("digits", "why"), [("0" * 24, "never programmed"), ("E2" + "0" * 22, "header E2h")])
def test_unknown_headers_are_raw(digits: str, why: str) -> None:
    identity = identify_hex(digits)
    assert identity.kind == "raw"
    assert identity.unit == f"urn:epc:raw:96.x{digits}"
    assert why in identity.reason


@pytest.mark.parametrize(("epc", "bits"), [(b"", 0), (b"\x30", 16), (b"\x30", -1), (b"\x30", 3)])
def test_impossible_lengths_are_values_too(epc: bytes, bits: int) -> None:
    assert identify_epc(epc, bits).kind in ("invalid", "raw")


FIXED = {header: scheme for header, scheme in SCHEMES.items() if isinstance(scheme, FixedScheme)}


@pytest.mark.parametrize("header", FIXED)
def test_every_fixed_scheme_refuses_one_bit_less(header: int) -> None:
    bits = FIXED[header].bits - 1
    identity = identify_epc(bytes([header]) + bytes(40), bits)
    assert identity.kind == "invalid"
    assert f"takes {bits + 1} bits" in identity.reason


@pytest.mark.parametrize(
    ("digits", "why"),
    [
        ("301C" + "0" * 20, "partition 7"),
        ("3003FFFFFFFFFC0000000000", "company prefix"),
        ("30143FFFFFFFFFFFFFFFFFFF", "reference 1048575"),
        ("3194257BF4499602D2000001", "last 24 bits"),
        ("3614257BF7194E5B3770E60C20000000000000000000000004", "after the end of the string"),
        ("3614257BF7194E4000000000000000000000000000000000000", "empty"),
        ("3614257BF7194E4800000000000000000000000000000000000", "no character"),
        ("3F14257BF400000000000002", "TDS 14.4.6"),
        ("3F14257BF400000000000001", "TDS 14.4.6"),
        ("2F32043414745F5900000000", "CAGE"),
        ("3B00", "too early"),
        ("38886F515DBBBED58B25D197BDE3B563B5B3E93A78AA4D3A7C80", "longer than 30"),
    ],
)
def test_broken_fields_are_refused_with_the_paragraph(digits: str, why: str) -> None:
    identity = identify_hex(digits)
    assert identity.kind == "invalid"
    assert why in identity.reason


def test_extension_zero_is_the_place_itself() -> None:
    place = identify_hex("3274257BF460720000000000")
    assert (place.kind, place.unit) == ("location", "https://id.gs1.org/414/0614141123452")


def test_96_and_198_bits_are_one_unit() -> None:
    short = identify_hex("30340242201D8840009EFDF7")
    assert short.ai[1] == ("21", "10419703")
    longer = identify_hex("36340242201D8858B068C5CB760CC00000000000000000000000")
    assert longer.scheme == "sgtin-198"
    assert longer.unit == short.unit


@pytest.mark.parametrize("header", [0x30, 0xE6, 0xFF])
def test_more_bits_than_any_tag_holds_are_refused(header: int) -> None:
    most = bytes([header]) + bytes(61)
    assert "496" not in identify_epc(most, 496).reason
    for bits in (497, 65_528):
        identity = identify_epc(bytes([header]) + bytes((bits - 1) // 8), bits)
        assert (identity.kind, identity.unit) == ("invalid", "")
        assert f"{bits} EPC bits, and no tag holds more than 496" in identity.reason
