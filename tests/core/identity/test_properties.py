"""What holds for every input: nothing raises, encoding and decoding undo each other, keys do not collide."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgegw.core.identity import (
    EncodedEpc,
    Refusal,
    ScanRules,
    encode_element_string,
    encode_epc,
    identify_epc,
    identify_scan,
)
from edgegw.core.identity.alphabets import CSET_39, CSET_82
from edgegw.core.identity.digits import with_check_digit
from edgegw.core.identity.epc import SCHEMES
from edgegw.core.identity.epc_plus import DATE_TYPES, PLUS_SCHEMES
from edgegw.core.identity.epc_values import FORMATS
from edgegw.core.identity.explain import explain_epc
from edgegw.core.identity.gs1_identity import canonical_link
from edgegw.core.identity.urn import identify_urn

HOST = "https://id.gs1.org"
KINDS = ("unit", "class", "location", "raw", "invalid")


def digits(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text(string.digits, min_size=least, max_size=most or least)


def text_82(most: int) -> st.SearchStrategy[str]:
    return st.text(sorted(CSET_82), min_size=1, max_size=most)


def number(bits: int) -> st.SearchStrategy[str]:
    return st.integers(0, 2**bits - 1).map(str)


def checked(length: int) -> st.SearchStrategy[str]:
    return digits(length - 1).map(with_check_digit)


def ai_pairs(*parts: tuple[str, st.SearchStrategy[str]]) -> st.SearchStrategy[Any]:
    return st.tuples(*(st.tuples(st.just(ai), values) for ai, values in parts))


GRAI = checked(13).map(lambda n: "0" + n)
IDENTITIES: dict[str, st.SearchStrategy[Any]] = {  # what each scheme can hold
    "sgtin-96": ai_pairs(("01", checked(14)), ("21", number(38))),
    "sgtin-198": ai_pairs(("01", checked(14)), ("21", text_82(20))),
    "sscc-96": ai_pairs(("00", checked(18))),
    "sgln-96": ai_pairs(("414", checked(13)), ("254", number(41).filter(lambda n: n != "0"))),
    "sgln-195": ai_pairs(("414", checked(13)), ("254", text_82(20).filter(lambda e: e != "0"))),
    "grai-96": ai_pairs(("8003", st.tuples(GRAI, number(38)).map("".join))),
    "grai-170": ai_pairs(("8003", st.tuples(GRAI, text_82(16)).map("".join))),
    "giai-96": ai_pairs(("8004", st.tuples(digits(12), number(40)).map("".join))),
    "giai-202": ai_pairs(("8004", st.tuples(digits(12), text_82(18)).map("".join))),
    "gsrn-96": ai_pairs(("8018", checked(18))),
    "gsrnp-96": ai_pairs(("8017", checked(18))),
    "gdti-96": ai_pairs(("253", st.tuples(checked(13), number(41)).map("".join))),
    "gdti-113": ai_pairs(("253", st.tuples(checked(13), digits(1, 17)).map("".join))),
    "gdti-174": ai_pairs(("253", st.tuples(checked(13), text_82(17)).map("".join))),
    "sgcn-96": ai_pairs(("255", st.tuples(checked(13), digits(1, 12)).map("".join))),
    "itip-110": ai_pairs(("8006", checked(14).map(lambda g: g + "0102")), ("21", number(38))),
    "itip-212": ai_pairs(("8006", checked(14).map(lambda g: g + "0102")), ("21", text_82(20))),
    "cpi-96": ai_pairs(
        ("8010", st.tuples(digits(12), st.integers(0, 999).map(str)).map("".join)), ("8011", number(31))
    ),
    "cpi-var": ai_pairs(
        ("8010", st.tuples(digits(12), st.text(sorted(CSET_39), min_size=1, max_size=18)).map("".join)),
        ("8011", st.integers(0, 10**12 - 1).map(str)),
    ),
}
_PLUS_VALUES = {
    "00": checked(18),
    "01": checked(14),
    "21": text_82(20),
    "253": st.tuples(checked(13), text_82(17)).map("".join),
    "254": text_82(20).filter(lambda e: e != "0"),
    "255": st.tuples(checked(13), digits(1, 12)).map("".join),
    "414": checked(13),
    "8003": st.tuples(GRAI, text_82(16)).map("".join),
    "8004": st.tuples(digits(4, 12), text_82(18)).map("".join),
    "8006": checked(14).map(lambda g: g + "0102"),
    "8010": st.tuples(digits(4, 12), st.text(sorted(CSET_39), min_size=1, max_size=18)).map("".join),
    "8011": st.integers(0, 10**12 - 1).map(str),
    "8017": checked(18),
    "8018": checked(18),
}
IDENTITIES |= {
    scheme.name: ai_pairs(*((ai, _PLUS_VALUES[ai]) for ai in scheme.ais)) for scheme in PLUS_SCHEMES.values()
}
KEYLESS = {
    "gid-96": st.tuples(number(28), number(24), number(36)).map(lambda f: f"urn:epc:id:gid:{'.'.join(f)}"),
    "usdod-96": st.tuples(st.sampled_from(["1A2B3", "W81X9C"]), number(36)).map(
        lambda f: f"urn:epc:id:usdod:{'.'.join(f)}"
    ),
    "adi-var": st.tuples(
        st.sampled_from(["1A2B3", "W81X9C"]),
        st.text(string.digits + string.ascii_uppercase + "-", max_size=32),
        st.sampled_from(["", "%23"]),
        st.text(string.digits + string.ascii_uppercase + "-", min_size=1, max_size=29),
    ).map(lambda f: f"urn:epc:id:adi:{f[0]}.{f[1]}.{f[2]}{f[3]}"),
}


def test_every_scheme_is_here() -> None:
    assert {scheme.name for scheme in SCHEMES.values()} == set(IDENTITIES) | set(KEYLESS)


@pytest.mark.parametrize("scheme", sorted(IDENTITIES))
@given(data=st.data())
def test_decoding_undoes_encoding(scheme: str, data: st.DataObject) -> None:
    ai = data.draw(IDENTITIES[scheme])
    unit = canonical_link(ai)
    filter_value = data.draw(st.integers(0, 7))
    # the strategies above fill the prefix of 12 digits; the others get any length
    longest = {"giai-96", "giai-202", "cpi-96", "cpi-var"}
    prefix_length = 12 if scheme in longest else data.draw(st.integers(6, 12))
    tag = encode_epc(
        unit,
        scheme,
        filter_value=filter_value,
        prefix_length=prefix_length,
        date=(data.draw(st.sampled_from(DATE_TYPES)), "271231") if scheme.startswith("dsgtin") else None,
        hostname="id.example.com" if scheme.endswith("++") else "",
    )
    assert isinstance(tag, EncodedEpc), tag
    identity = identify_epc(*tag)
    assert (identity.unit, identity.ai, identity.scheme) == (unit, ai, scheme)
    assert ("filter", str(filter_value)) in identity.attributes
    if identity.epc_uri:
        assert identify_urn(identity.epc_uri).unit == unit
        again = encode_epc(identity.epc_uri, scheme, filter_value=filter_value)
        assert again == tag
    fields = explain_epc(*tag)
    assert "".join(field.bits for field in fields) == f"{int.from_bytes(tag.epc):0{tag.bits}b}"


@pytest.mark.parametrize("scheme", sorted(KEYLESS))
@given(data=st.data())
def test_decoding_undoes_encoding_without_gs1_key(scheme: str, data: st.DataObject) -> None:
    unit = data.draw(KEYLESS[scheme])
    tag = encode_epc(unit, scheme, filter_value=3)
    assert isinstance(tag, EncodedEpc), tag
    assert identify_epc(*tag).unit == unit
    assert identify_scan(unit).unit == unit


@given(IDENTITIES["sgtin-198"] | IDENTITIES["grai-170"] | IDENTITIES["giai-202"] | IDENTITIES["cpi-var"])
def test_tag_scan_and_link_are_one_unit(ai: Any) -> None:
    unit = canonical_link(ai)
    symbol = encode_element_string(unit)
    assert isinstance(symbol, str)
    assert identify_scan(f"]d2{symbol}").unit == unit
    assert identify_scan(unit).unit == unit
    assert identify_scan(unit.replace(HOST, "http://shop.example:81/stem")).unit == unit


@given(st.lists(st.one_of(*IDENTITIES.values()), min_size=2, max_size=8))
def test_distinct_identities_have_distinct_keys(identities: list[Any]) -> None:
    assert len({canonical_link(ai) for ai in identities}) == len(set(identities))


@given(st.binary(max_size=64), st.integers(-1, 600), st.none() | st.integers(0, 0xFFFF))
def test_any_bytes_have_an_answer(epc: bytes, bits: int, pc: int | None) -> None:
    identity = identify_epc(epc, bits, pc)
    assert identity.kind in KINDS
    assert (identity.unit == "") == (identity.kind == "invalid")
    explain_epc(epc, bits)


@given(st.sampled_from(sorted(SCHEMES)), st.binary(min_size=11, max_size=40))
def test_any_bytes_under_a_known_header_have_an_answer(header: int, rest: bytes) -> None:
    epc = bytes([header]) + rest
    identity = identify_epc(epc, 8 * len(epc))
    explain_epc(epc, 8 * len(epc))
    if identity.kind != "invalid" and identity.epc_uri:
        again = encode_epc(
            identity.epc_uri, identity.scheme, filter_value=int(dict(identity.attributes).get("filter", 0))
        )
        assert isinstance(again, EncodedEpc), again
        assert again.epc.rstrip(b"\0") == epc.rstrip(b"\0")


STARTS = st.sampled_from(
    ["", "]C1", "]d2", "]Q1", "]E0", "]E4", "]I1", "01", "00", "(01)", "[)>\x1e06\x1d", "https://a/01/", "urn:epc:id:"]
)
ASSUMPTIONS = st.sampled_from(["auto", "gs1", "digital-link", "15434", "plain"])


@given(STARTS, st.text(max_size=60) | st.text("0123456789()]\x1d\x1e/?%.S", max_size=60), ASSUMPTIONS)
def test_any_text_has_an_answer(start: str, rest: str, assumption: Any) -> None:
    identity = identify_scan(start + rest, ScanRules(assume=assumption, gs="|"))
    assert identity.kind in KINDS
    assert identity.kind != "invalid" or (identity.unit == "" and 0 < len(identity.reason) < 500)
    assert identity.kind != "unit" or (identity.unit and not identity.reason)


@given(st.sampled_from(sorted(FORMATS)), st.text(sorted(CSET_82), min_size=1, max_size=30))
def test_more_data_on_tags_come_back_or_are_refused(ai: str, value: str) -> None:
    unit = f"{HOST}/01/09506000134352/21/A"
    assume(ai not in ("01", "21"))
    tag = encode_epc(unit, "sgtin+", more=((ai, value),))
    if isinstance(tag, Refusal):
        return
    identity = identify_epc(*tag)
    if identity.kind == "unit":
        assert (ai, value) in identity.attributes
        assert identity.unit == unit
