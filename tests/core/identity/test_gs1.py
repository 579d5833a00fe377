"""Element strings, the checks of the syntax dictionary, and what becomes a unit."""

from __future__ import annotations

import pytest

from edgegw.core.identity import Refusal
from edgegw.core.identity.gs1_checks import CHECKS
from edgegw.core.identity.gs1_identity import identify_elements
from edgegw.core.identity.gs1_message import Message, element_string, parse_bracketed, parse_element_string
from edgegw.core.identity.gs1_syntax import ENTRIES, check_associations

GTIN = "09506000134352"


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("cset64", "12=", "123="),
        ("csumalpha", "1987654Ad4X4bL5ttr2310c2K", "1987654Ad4X4bL5ttr2310cXK"),
        ("gcppos1", "0614", "061A"),
        ("gcppos2", "10614", "1061A"),
        ("hasnondigit", "12A", "123"),
        ("hh", "23", "24"),
        ("hhmi", "2359", "2360"),
        ("hyphen", "-", "+"),
        ("iban", "GB82WEST12345698765432", "GB83WEST12345698765432"),
        ("importeridx", "_", "/"),
        ("iso3166", "752", "753"),
        ("iso3166999", "999", "998"),
        ("iso3166alpha2", "SE", "ZZ"),
        ("iso4217", "978", "979X"),
        ("iso5218", "9", "3"),
        ("latitude", "1800000000", "1800000001"),
        ("longitude", "3600000000", "3600000001"),
        ("mediatype", "80", "11"),
        ("mi", "59", "60"),
        ("nonzero", "001", "000"),
        ("nozeroprefix", "0", "01"),
        ("packagetype", "APE", "AAA"),
        ("pcenc", "a%2Fb", "a%2Gb"),
        ("pieceoftotal", "0102", "0302"),
        ("posinseqslash", "1/3", "4/3"),
        ("ss", "59", "60"),
        ("winding", "9", "2"),
        ("yesno", "1", "2"),
        ("yymmd0", "240200", "241300"),
        ("yymmdd", "240229", "240200"),
        ("yyyymmdd", "20240229", "20230229"),
        ("zero", "0", "1"),
        ("couponposoffer", "001234561234560123456", "0012345612345601234567"),
        ("couponcode", "012345612345611110123", "01234561234561111012"),
    ],
)
def test_checks(check: str, good: str, bad: str) -> None:
    assert CHECKS[check](good) == ""
    assert CHECKS[check](bad)


def test_every_check_of_the_dictionary_is_implemented_and_used() -> None:
    used = {name for entry in ENTRIES.values() for part in entry.components for name in part.checks}
    assert used == set(CHECKS)


def test_coupon_with_every_optional_field() -> None:
    first = "0123456" + "123456" + "11" + "110123"
    options = "1" + "0" + "110123" + "9" + "2" + "110123" + "0123456"
    dates = "3" + "271231" + "4" + "270101"
    rest = "5" + "0123456" + "6" + "11234567" + "9" + "0001"
    assert CHECKS["couponcode"](first + options + dates + rest) == ""
    late = "3" + "270101" + "4" + "271231"
    assert "expires before it starts" in CHECKS["couponcode"](first + late)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (f"01{GTIN}\x1d21A", (("01", GTIN), ("21", "A"))),  # a superfluous GS after a predefined length
        (f"01{GTIN}21A\x1d", (("01", GTIN), ("21", "A"))),  # and at the end
        (f"21A\x1d01{GTIN}", (("21", "A"), ("01", GTIN))),
        ("10A\x1d10A", (("10", "A"),)),  # twice the same
    ],
)
def test_element_strings(text: str, elements: tuple[tuple[str, str], ...]) -> None:
    assert parse_element_string(text) == Message(elements)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no data"),
        (f"01{GTIN}\x1d\x1d21A", "no Application Identifier"),
        ("10A\x1d10B", "comes twice"),
        ("0109506000134353", "check digit 3 should be 2"),
        ("8018061414112345678902X", "is not 18 digits"),
        ("89X", "no Application Identifier"),
        ("21", "characters of GS1 set 82"),
        ("21a#b", "characters of GS1 set 82"),
        ("01٠٩٥٠٦٠٠٠١٣٤٣٥٢", "is not 14 digits"),
    ],
)
def test_broken_element_strings(text: str, why: str) -> None:
    refusal = parse_element_string(text)
    assert isinstance(refusal, Refusal)
    assert why in refusal.reason


def test_brackets_may_be_inside_values() -> None:
    assert parse_bracketed(f"(01){GTIN}(21)A(b)c") == Message((("01", GTIN), ("21", "A(b)c")))


def test_machine_form_of_a_message() -> None:
    message = parse_bracketed(f"(01){GTIN}(10)L(21)S")
    assert isinstance(message, Message)
    assert element_string(message.elements) == f"01{GTIN}10L\x1d21S"
    assert message.as_bracketed() == f"(01){GTIN}(10)L(21)S"


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"01": GTIN, "21": "A"}, ""),
        ({"01": GTIN, "37": "5"}, "(01) and (37) exclude each other"),
        ({"01": GTIN, "21": "A", "235": "B"}, "(21) and (235) exclude each other"),
        ({"01": GTIN, "3100": "000001", "3102": "000100"}, "(3100) and (3102) exclude each other"),
        ({"21": "A"}, "(21) needs (01) or (03) or (8006) in the same symbol"),
        ({"01": GTIN, "7004": "12"}, "(7004) needs (01)+(10) in the same symbol"),
        ({"01": GTIN, "3922": "1299", "3103": "000500"}, ""),
        ({"253": "9521141123454", "8030": "A"}, "(8030) signs one thing, but (253) has no serial"),
    ],
)
def test_associations(message: dict[str, str], fault: str) -> None:
    assert check_associations(message) == fault


@pytest.mark.parametrize(
    ("text", "kind", "unit"),
    [
        (f"(01){GTIN}(21)a/b(10)L", "unit", f"/01/{GTIN}/21/a%2Fb"),
        (f"(01){GTIN}(235)T", "unit", f"/01/{GTIN}/235/T"),
        (f"(00)106141412345678908(01){GTIN}(21)A", "unit", "/00/106141412345678908"),
        ("(8003)00614141123452400", "unit", "/8003/00614141123452400"),
        ("(8003)00614141123452", "class", "/8003/00614141123452"),
        ("(8004)0614141A", "unit", "/8004/0614141A"),
        ("(253)9521141123454", "class", "/253/9521141123454"),
        ("(253)95211411234545678", "unit", "/253/95211411234545678"),
        ("(255)9521141678909", "class", "/255/9521141678909"),
        ("(8006)095211411234540102(21)x", "unit", "/8006/095211411234540102/21/x"),
        ("(8006)095211411234540102", "class", "/8006/095211411234540102"),
        ("(8010)0614141A#1(8011)7", "unit", "/8010/0614141A%231/8011/7"),
        ("(8010)0614141A", "class", "/8010/0614141A"),
        ("(8018)061414112345678902(8019)3", "unit", "/8018/061414112345678902"),
        ("(8017)061414112345678902", "unit", "/8017/061414112345678902"),
        ("(402)06141411234567890", "class", "/402/06141411234567890"),
        (f"(01){GTIN}(10)L", "class", f"/01/{GTIN}"),
        (f"(01){GTIN}(250)X", "invalid", ""),
        (f"(01){GTIN}(21)A(37)5", "invalid", ""),
        ("(414)9521141123454(254)32a/b", "location", "/414/9521141123454/254/32a%2Fb"),
        ("(414)9521141123454(254)0", "location", "/414/9521141123454"),
        ("(417)9521141123454", "location", "/417/9521141123454"),
        ("(21)A", "class", ""),
        ("(17)271231", "class", ""),
        ("(00)106141412345678908(10)L", "unit", "/00/106141412345678908"),
    ],
)
def test_what_becomes_which_key(text: str, kind: str, unit: str) -> None:
    message = parse_bracketed(text)
    if isinstance(message, Refusal):
        assert kind == "invalid"
        return
    identity = identify_elements(message.elements, "gs1")
    assert identity.kind == kind
    assert identity.unit == (f"https://id.gs1.org{unit}" if unit else "")
    assert (identity.reason == "") == (kind in ("unit", "location"))
    if kind != "invalid":
        assert set(identity.ai) | set(identity.attributes) >= set(message.elements) - {("254", "0")}
