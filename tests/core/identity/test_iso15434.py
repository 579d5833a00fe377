"""ISO/IEC 15434 labels: which data identifiers name a unit."""

from __future__ import annotations

import pytest

from edgegw.core.identity import ScanRules, identify_scan
from tests.core.identity.support import identify_hex


def label(*fields: str) -> str:
    return "[)>\x1e06\x1d" + "\x1d".join(fields) + "\x1e\x04"


@pytest.mark.parametrize(
    ("fields", "unit"),
    [
        (("25SUN123456789A1B2",), "urn:jaif:id:obj:25SUN123456789A1B2"),
        (("JUN123456789A1B2",), "urn:jaif:id:obj:JUN123456789A1B2"),
        (("1JUN123456789A1B2", "Q40"), "urn:jaif:id:obj:JUN123456789A1B2"),
        (("6JUN123456789A1B2",), "urn:jaif:id:obj:JUN123456789A1B2"),
        (("18S1A2B3M37",), "urn:epc:id:adi:1A2B3..M37"),
        (("17V1A2B3", "1PPQ7VZ4", "SM37GXB92"), "urn:epc:id:adi:1A2B3.PQ7VZ4.M37GXB92"),
        (("SM37GXB92", "17V1A2B3"), "urn:epc:id:adi:1A2B3..M37GXB92"),
        (("7V1A2B3", "SM37"), "urn:epc:id:adi:1A2B3..M37"),
        (("9N111234567842", "1TLOT", "D271231", "S12345ABCDEF98765"), "urn:ifa:ppn:111234567842:12345ABCDEF98765"),
    ],
)
def test_units(fields: tuple[str, ...], unit: str) -> None:
    identity = identify_scan(label(*fields))
    assert (identity.kind, identity.scheme, identity.unit) == ("unit", "iso15434", unit)
    assert len(identity.ai) + len(identity.attributes) == len(fields)


def test_label_and_tag_of_an_aerospace_part_are_one_unit() -> None:
    tag = identify_hex("3B0E0CF5E76C9047759AD00373DC7602E7200")
    assert identify_scan(label("17V35962", "1PPQ7VZ4", "SM37GXB92")).unit == tag.unit


@pytest.mark.parametrize(
    "text",
    [
        "[)>\x1e06\x1d25SUN123456789A1B2",  # no trailer
        "[)>06\x1d25SUN123456789A1B2",  # no RS
        ">[)>06\x1d25SUN123456789A1B2\x1e\x04",  # both, and a leading >
        "[)>\x1e06\x1d\x1d25SUN123456789A1B2\x1dQ\x1d\x1e\x04",  # empty fields
        "]d1[)>\x1e06\x1d25SUN123456789A1B2\x1e\x04",
    ],
)
def test_what_labels_lack_in_practice(text: str) -> None:
    assert identify_scan(text).unit == "urn:jaif:id:obj:25SUN123456789A1B2"


def test_a_substitute_for_gs() -> None:
    assert identify_scan("[)>\x1e06|25SUN123456789A1B2|Q1", ScanRules(gs="|")).kind == "unit"


def test_what_is_not_identity_may_come_twice() -> None:
    identity = identify_scan(label("25SUN123456789A1B2", "Q1", "Q2"))
    assert (identity.kind, identity.attributes) == ("unit", (("Q", "1"), ("Q", "2")))


def test_format_05_holds_gs1_elements() -> None:
    identity = identify_scan("[)>\x1e05\x1d010950600013435221A1\x1e\x04")
    assert identity.unit == "https://id.gs1.org/01/09506000134352/21/A1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[)>", "format number"),
        ("[)>\x1e12\x1dSER 1\x1e\x04", "format 12"),
        (label("?"), "data identifier"),
        (label("25SUN11", "25SUN12"), "twice"),
        (label("25Sun1"), "capitals"),
        (label("17VIIIII", "S1"), "CAGE"),
        (label("17V1A2B3", "Sm37"), "6.3.18"),
        (label("9N111234567843", "S1"), "check digits"),
        ("[)>\x1e05\x1d0109506000134353\x1e\x04", "check digit"),
    ],
)
def test_refusals(text: str, why: str) -> None:
    identity = identify_scan(text)
    assert identity.kind == "invalid"
    assert why in identity.reason


@pytest.mark.parametrize("fields", [("PABC", "Q4"), ("SM37",), ("9N111234567842",), ("17V1A2B3", "1PX")])
def test_parts_without_serial_are_class_reads(fields: tuple[str, ...]) -> None:
    identity = identify_scan(label(*fields))
    assert (identity.kind, identity.unit) == ("class", "")
    assert len(identity.attributes) == len(fields)
