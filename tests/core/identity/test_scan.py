"""How a scan is understood: AIM identifiers, proof, settings of a scanner, vendor rules."""

from __future__ import annotations

import time

import pytest

from edgegw.core.identity import ScanRules, VendorRule, identify_scan
from edgegw.core.identity.scan import LONGEST

GTIN = "09506000134352"
UNIT = f"https://id.gs1.org/01/{GTIN}/21/A1"
BOXES = VendorRule.parse(r"CB-(?P<number>[A-Z0-9/]+)", "https://hire.example/box/{number}")


@pytest.mark.parametrize("symbol", ["]C1", "]d2", "]Q3", "]J1", "]e0"])
def test_gs1_symbols(symbol: str) -> None:
    assert identify_scan(f"{symbol}01{GTIN}21A1").unit == UNIT
    assert identify_scan(symbol).kind == "invalid"
    assert identify_scan(f"{symbol}https://a/01/{GTIN}/21/A1").kind == "invalid"


@pytest.mark.parametrize("symbol", ["]Q1", "]d1", "]J0", "]C0", "]A0", "]L0", ""])
def test_links_in_other_symbols(symbol: str) -> None:
    assert identify_scan(f"{symbol}https://shop.example/x/01/{GTIN}/21/A1?17=271231").unit == UNIT


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("]E05901234123457", "05901234123457"),
        ("]E0012345678905", "00012345678905"),
        ("]E496385074", "00000096385074"),
        ("]E3590123412345701", "05901234123457"),
        ("]I110614141999993", "10614141999993"),
    ],
)
def test_retail_symbols_are_class_reads(text: str, gtin: str) -> None:
    identity = identify_scan(text)
    assert (identity.kind, identity.ai) == ("class", (("01", gtin),))
    assert "no serial" in identity.reason


def test_composites_of_retail_symbols() -> None:
    identity = identify_scan("]E02112345678900|]e010LOT\x1d21A1")
    assert (identity.unit, identity.attributes) == ("https://id.gs1.org/01/02112345678900/21/A1", (("10", "LOT"),))
    assert identify_scan("]E402345673|]e099X").ai == (("01", "00000002345673"),)


@pytest.mark.parametrize("text", ["]E02112345678900|]e089X", "]E05901234123458", "]E4123", "]E0", "]X", "]", "]]]"])
def test_broken_symbols(text: str) -> None:
    assert identify_scan(text).kind == "invalid"


@pytest.mark.parametrize(
    "text",
    ["21ABC123", "99123456", "4006381333931", "15210527", "SN-4711", f"01{GTIN}21A1", "0109506000134353", "]C0ABC", ""],
)
def test_nothing_is_guessed_without_proof(text: str) -> None:
    identity = identify_scan(text)
    assert identity.kind == "raw"
    assert identity.reason
    assert identity.unit == ("" if not text else identity.unit)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"01{GTIN}", "class"),
        ("00106141412345678908", "unit"),
        (f"01{GTIN}10L\x1d21A1", "unit"),
        (f"\x1d01{GTIN}21A1", "unit"),
        (f"(01){GTIN}(21)A1", "unit"),
        (f"]Q1(01){GTIN}(21)A1", "unit"),
        (f"\ufeff(01){GTIN}(21)A1\r\n", "unit"),
        ("(01)09506000134353", "invalid"),
        ("urn:epc:id:sgtin:0614141.812345.6789", "unit"),
    ],
)
def test_what_the_text_proves(text: str, kind: str) -> None:
    assert identify_scan(text).kind == kind


def test_assume_gs1() -> None:
    rules = ScanRules(assume="gs1")
    assert identify_scan(f"01{GTIN}21A1", rules).unit == UNIT
    assert identify_scan(f"\x1d01{GTIN}21A1", rules).unit == UNIT
    assert identify_scan(f"(01){GTIN}(21)A1", rules).unit == UNIT
    assert identify_scan("541234500015", rules).ai == (("01", "00541234500015"),)
    assert identify_scan("nonsense", rules).kind == "invalid"


def test_assume_digital_link_and_15434_and_plain() -> None:
    assert identify_scan(f"https://a/01/{GTIN}/21/A1", ScanRules(assume="digital-link")).unit == UNIT
    assert identify_scan("http://a/b/", ScanRules(assume="digital-link")).kind == "invalid"
    assert identify_scan("X", ScanRules(assume="15434")).kind == "invalid"
    assert identify_scan(f"01{GTIN}\x1d21A1", ScanRules(assume="plain")).kind == "raw"


@pytest.mark.parametrize("gs", ["|", "^", "<GS>", "\u00ed"])
def test_substitutes_for_gs(gs: str) -> None:
    text = f"01{GTIN}10L{gs}21A1"
    assert identify_scan(f"]C1{text}", ScanRules(gs=gs)).unit == UNIT
    assert identify_scan(text, ScanRules(gs=gs)).unit == UNIT


def test_prefixes_are_stripped_once() -> None:
    rules = ScanRules(prefixes=("XX", "X"), serials=(BOXES,))
    assert identify_scan("XXCB-7", rules).unit == "https://hire.example/box/7"
    assert identify_scan("XXXCB-7", rules).kind == "raw"


@pytest.mark.parametrize("symbol", ["", "]C0", "]Q1", "]A0"])
def test_vendor_serials(symbol: str) -> None:
    identity = identify_scan(f"{symbol}CB-17/4", ScanRules(serials=(BOXES,)))
    assert (identity.kind, identity.scheme, identity.unit) == ("unit", "vendor", "https://hire.example/box/17%2F4")


def test_a_vendor_rule_does_not_beat_proof_but_beats_a_whole_key() -> None:
    everything = ScanRules(serials=(VendorRule.parse("(?P<all>.+)", "https://v.example/{all}"),))
    assert identify_scan(f"]C101{GTIN}21A1", everything).unit == UNIT
    assert identify_scan(f"01{GTIN}10L\x1d21A1", everything).unit == UNIT
    assert identify_scan(f"https://a/01/{GTIN}/21/A1", everything).unit == UNIT
    assert identify_scan("00106141412345678908", everything).unit == "https://v.example/00106141412345678908"
    assert identify_scan("https://v.example/00/red", everything).scheme == "vendor"


def test_the_first_vendor_rule_that_fits_counts() -> None:
    rules = ScanRules(serials=(BOXES, VendorRule.parse("(?P<n>.+)", "https://b.example/{n}")))
    assert identify_scan("CB-1", rules).unit == "https://hire.example/box/1"
    assert identify_scan("cb-1", rules).unit == "https://b.example/cb-1"


def test_endless_scans_are_refused() -> None:
    assert identify_scan("9" * (LONGEST + 1)).kind == "invalid"


@pytest.mark.parametrize(
    "text",
    ["]C121", "(01)", "]C1[)>", "[)>\x1e06\x1dS", "[)>\x1e06\x1d25S", "https://a/01/", "urn:epc:id:adi:", "]E0", "]Q1"],
)
def test_long_scans_take_no_time_and_make_no_long_reasons(text: str) -> None:
    start = time.process_time()
    identity = identify_scan((text + "(" * LONGEST)[:LONGEST])
    identify_scan((text * LONGEST)[:LONGEST])
    assert time.process_time() - start < 1
    assert len(identity.reason) < 500


def test_lone_surrogates_are_text_too() -> None:
    assert identify_scan("\udce9").unit == "data:,%ED%B3%A9"
