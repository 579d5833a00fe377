"""Tags of TDS 2.x: examples of annex E.3, data after the EPC, host names, broken fields."""

from __future__ import annotations

import pytest

from edgegw.core.identity import EncodedEpc, Refusal, encode_epc, identify_epc
from edgegw.core.identity.bits import Bits, Illegal, Writer
from edgegw.core.identity.epc_plus import PLUS_SCHEMES
from edgegw.core.identity.epc_values import FORMATS, read_value, write_value
from edgegw.core.identity.hostnames import read_hostname, write_hostname
from edgegw.core.identity.value import Pairs
from tests.core.identity.support import identify_hex

UNIT = "https://id.gs1.org/01/79521141123453/21/32a%2Fb"


@pytest.mark.parametrize(
    ("digits", "scheme", "unit"),
    [
        ("FD3795211411234538566CB0AFC525065F1876F0D996D800", "sgtin++", UNIT),
        ("FC342CDE795211411234538566CB0AFC525065F1876F0D996D80", "dsgtin++", UNIT),
        ("EF009520123456789123592832F8C3B786CCB6C0", "sscc++", "https://id.gs1.org/00/095201234567891235"),
        (
            "ED309521141123454010266AE27FDF3592832F8C3B786CCB6C00",
            "itip++",
            "https://id.gs1.org/8006/095211411234540102/21/rif981",
        ),
    ],
)
def test_examples_of_annex_e3(digits: str, scheme: str, unit: str) -> None:
    """With the errata of E.3 corrected: headers EF and ED, host name id.example.com."""
    identity = identify_hex(digits)
    assert (identity.scheme, identity.unit) == (scheme, unit)
    assert dict(identity.attributes)["hostname"] == "id.example.com"


def encoded(unit: str, scheme: str, more: Pairs = (), hostname: str = "") -> EncodedEpc:
    tag = encode_epc(unit, scheme, more=more, hostname=hostname)
    assert isinstance(tag, EncodedEpc), tag
    return tag


MORE = (("10", "LOT/7"), ("17", "271231"), ("3103", "000750"), ("7003", "2712312359"), ("8008", "271231235958"))


def test_data_after_the_epc_become_attributes() -> None:
    identity = identify_epc(*encoded(UNIT, "sgtin+", MORE))
    assert identity.unit == UNIT
    assert identity.attributes == (("filter", "0"), *MORE)


def test_bits_after_the_epc_without_toggle_are_refused() -> None:
    tag = encoded(UNIT, "sgtin+", MORE)
    without_toggle = bytes([tag.epc[0], tag.epc[1] & 0x7F]) + tag.epc[2:]
    assert identify_epc(without_toggle, tag.bits).kind == "invalid"


def test_data_that_contradict_the_epc_are_refused() -> None:
    tag = encoded(UNIT, "sgtin+", (("37", "5"),))
    assert identify_epc(*tag).reason == "(01) and (37) exclude each other"


@pytest.mark.parametrize(
    ("digits", "why"),
    [
        ("F73A5426297880640", "14.5.4"),  # a digit above 9
        ("FB373CDE795211411234538566CB0AFC4", "date type"),
        ("FB342DFE795211411234538566CB0AFC4", "does not exist"),
        ("F7309521234123453C0", "encoding indicator"),
        ("F73095212341234638566CB0AFC4", "check digit"),
        ("FA3C", "14.5.5"),
    ],
)
def test_broken_fields(digits: str, why: str) -> None:
    identity = identify_hex(digits)
    assert identity.kind == "invalid"
    assert why in identity.reason


VALUES = {
    "21": ["1", "007", "ABCDEF0", "abcdef0", "A.B:C-D", "A_b-9", "32a/b", "x" * 20],
    "253": ["9521141123454", "952114112345432a/b"],
    "255": ["9521141678909", "952114167890904711"],
    "8003": ["09521141123454", "0952114112345432a"],
    "8004": ["9521141", "9521141abc/9", "95211410000"],
    "8011": ["1", "123456789012"],
    "20": ["07"],
    "402": ["95211411234567890"],
    "3912": ["97812345"],
    "421": ["752ABC1"],
    "4330": ["001234", "001234-"],
    "4307": ["SE"],
    "4321": ["0", "1"],
    "7003": ["2712312359"],
    "7007": ["271231", "271201271231"],
    "7011": ["271231", "2712312359"],
    "8008": ["27123123", "2712312359", "271231235959"],
    "7258": ["1/3"],
}


@pytest.mark.parametrize(("ai", "value"), [(ai, value) for ai, values in VALUES.items() for value in values])
def test_values_survive_their_bits(ai: str, value: str) -> None:
    bits = Writer()
    write_value(ai, value, bits)
    cursor = Bits(bits.value, bits.size)
    assert read_value(ai, cursor) == value
    assert cursor.left == 0


@pytest.mark.parametrize(
    ("ai", "value"),
    [("8018", "12"), ("21", "x" * 21), ("8011", "12a"), ("4307", "se"), ("4321", "2"), ("7258", "0/1"), ("20", "123")],
)
def test_values_that_do_not_fit_are_refused(ai: str, value: str) -> None:
    with pytest.raises(Illegal):
        write_value(ai, value, Writer())


@pytest.mark.parametrize(
    "hostname", ["example.com", "id.example.com", "qr.shop.co.uk", "example.corp", "www.a-b.tech", "x.de", "y.com.au"]
)
def test_hostnames_survive_their_bits(hostname: str) -> None:
    bits = Writer()
    write_hostname(hostname, bits)
    assert read_hostname(Bits(bits.value, bits.size)) == hostname


def test_hostname_in_code_40() -> None:
    bits = Writer()
    bits.put(0, 1)
    bits.put(5, 6)
    for triple in ((1, 28, 3), (15, 13, 0)):  # A . C O M
        bits.put(1600 * triple[0] + 40 * triple[1] + triple[2] + 1, 16)
    assert read_hostname(Bits(bits.value, bits.size)) == "A.COM"


def test_every_scheme_writes_only_what_table_f_has() -> None:
    assert all(ai in FORMATS for scheme in PLUS_SCHEMES.values() for ai in scheme.ais)


def test_a_dated_tag_needs_a_date() -> None:
    refusal = encode_epc(UNIT, "dsgtin+")
    assert isinstance(refusal, Refusal)
    assert "needs a date" in refusal.reason
