"""Every vector of tests/data/identity, and by which paragraph the few exceptions are wrong."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from edgegw.core.identity import Refusal, ScanRules, identify_scan
from edgegw.core.identity.digital_link import parse_digital_link
from edgegw.core.identity.gs1_identity import canonical_link, identify_elements
from edgegw.core.identity.gs1_message import Message, parse_bracketed, parse_element_string
from edgegw.core.identity.gs1_syntax import check_associations
from edgegw.core.identity.urn import identify_urn, parse_urn, pure_identity
from tests.core.identity.support import Row, gs1_elements, identify_hex, rows

EPC_ROWS = rows("epc_vectors") + rows("epc_plus_generated")
SCAN_ROWS = rows("barcode_vectors")

NOT_OURS = {
    "epc-0251": "derived by a translator that rounds integers over 2^53; the source's URI is right and is tested",
    "dl_to_urn-0015": 'a URI cannot hold " or > (RFC 3986, 2)',
    "dl_to_urn-0022": "a URI cannot hold > or < (RFC 3986, 2)",
    "dl_to_urn-0023": "this GIAI has 31 characters, 30 are allowed (General Specifications 3.9.4)",
    "dl_to_urn-0032": "the check digit of this GSRN should be 5 (General Specifications 3.9.14)",
    "dl_to_urn-0034": "the check digit of this GSRN should be 8 (General Specifications 3.9.14)",
}
DISPUTED = {  # rows on which implementations differ: what this program says, and why
    "bc-digital_link-0001": (False, "no URI"),
    "bc-digital_link-0002": (False, "no http"),
    "bc-digital_link-0104": (False, "a GTIN in a Digital Link has 14 digits since version 1.2 of that standard"),
    "bc-digital_link-0106": (False, "the same"),
    "bc-digital_link-0117": (False, "the same, and (89) is no AI"),
    "bc-digital_link-0118": (False, "the same"),
    "bc-digital_link-0119": (False, "+ in a query is a space, which set 82 does not hold"),
    "bc-digital_link-0135": (False, "a GTIN in a Digital Link has 14 digits"),
    "bc-element_string-0086": (False, "GS GS: an empty element"),
    "bc-element_string-0106": (False, "hour 99"),
    "bc-element_string-0108": (False, "hour 99"),
}


def of_kind(*kinds: str) -> list[object]:
    chosen = [row for row in EPC_ROWS + SCAN_ROWS if row["kind"] in kinds and row["id"] not in NOT_OURS]
    return [pytest.param(row, id=row["id"]) for row in chosen]


@pytest.mark.parametrize("row", of_kind("decode"))
def test_tag(row: Row) -> None:
    identity = identify_hex(row["hex"])
    expected = row["expect"]
    assert identity.kind in ("unit", "location"), identity.reason
    assert identity.scheme == row.get("scheme", identity.scheme)
    assert identity.epc_uri == expected.get("tag_uri", identity.epc_uri)
    assert dict(identity.attributes).get("filter") == expected.get("filter", dict(identity.attributes).get("filter"))
    if elements := expected.get("ai") or row.get("derived", {}).get("ai"):
        assert gs1_elements(identity) == elements
    if element_string := expected.get("element_string"):
        assert parse_bracketed(element_string) == Message(tuple(gs1_elements(identity).items()))
    if uri := expected.get("pure_identity"):
        assert identify_urn(uri).unit == identity.unit


def test_tag_whose_derived_value_is_wrong() -> None:
    """epc-0251: the URI of the source, not the rounded element string."""
    row = next(row for row in EPC_ROWS if row["id"] == "epc-0251")
    assert identify_hex(row["hex"]).epc_uri == row["expect"]["tag_uri"]


@pytest.mark.parametrize("row", of_kind("decode_invalid"))
def test_illegal_tag(row: Row) -> None:
    identity = identify_hex(row["hex"])
    assert identity.kind == "invalid"
    assert identity.unit == ""
    assert identity.reason


def test_rejected_vectors_of_others() -> None:
    """Published, yet against the standard: the reason in the file says whether the bits or the claim are wrong."""
    refused = {row["hex"]: identify_hex(row["hex"]).reason for row in rows("epc_rejected")}
    assert "no character" in refused["3774F4E4E40010E9E5E5A70EC46E4000000000000000"]
    assert "more than 0 digits" in refused["3262FE9FE27AE2CEF646E093"]
    assert "should be 18 digits" in refused["F45349FB11DF49FA935AB6FF"]
    assert refused["F9009520123456789123592832F8C3B786CCB6C0"]  # SSCC++ under the header of SSCC+
    assert refused["301521C7D555CE80000003E7"] == ""  # right bits, wrong claim


@pytest.mark.parametrize("row", of_kind("urn_valid", "urn_invalid", "urn_element", "urn_to_dl"))
def test_urn(row: Row) -> None:
    uri = row["pure_identity"]
    parsed = parse_urn(uri)
    if row["kind"] == "urn_invalid":
        assert isinstance(parsed, Refusal)
        return
    assert not isinstance(parsed, Refusal), parsed
    if row["kind"] == "urn_element":
        assert "".join(f"({ai}){value}" for ai, value in parsed.elements()) == row["element_string"]
        assert pure_identity(parsed.elements(), row["company_prefix_length"]) == parsed
    if row["kind"] == "urn_to_dl":
        assert unquote(identify_urn(uri).unit) == row["digital_link"]


@pytest.mark.parametrize("row", of_kind("dl_to_urn"))
def test_link_to_urn(row: Row) -> None:
    link = parse_digital_link(row["digital_link"])
    assert not isinstance(link, Refusal), link
    identity = identify_elements(link.message.elements, "digital-link", key_ai=link.key)
    length = row.get("company_prefix_length") or len(row["pure_identity"].split(":", 4)[4].split(".")[0])
    urn = pure_identity(identity.ai, length)
    assert not isinstance(urn, Refusal), urn
    assert urn.uri == row["pure_identity"]


@pytest.mark.parametrize("row", of_kind("dl_invalid"))
def test_illegal_link(row: Row) -> None:
    assert isinstance(parse_digital_link(row["digital_link"]), Refusal)
    assert identify_scan(row["digital_link"], ScanRules(assume="digital-link")).kind == "invalid"


@pytest.mark.parametrize("row", of_kind("element_string", "bracketed", "digital_link"))
def test_message(row: Row) -> None:
    message = _parse(row)
    valid = DISPUTED[row["id"]][0] if row["id"] in DISPUTED else row["valid"]
    assert isinstance(message, Message) == valid, message
    expected = _expected_elements(row)
    if isinstance(message, Message) and expected is not None:
        assert message == expected


def _parse(row: Row) -> Message | Refusal:
    if row["kind"] == "digital_link":
        link = parse_digital_link(row["input"])
        return link if isinstance(link, Refusal) else link.message
    if row["kind"] == "bracketed":
        message = parse_bracketed(row["input"])
    else:
        message = parse_element_string(row["input"].removeprefix("]C1"))
    if row.get("associations_checked") and isinstance(message, Message):
        fault = check_associations(dict(message.elements))
        return Refusal(fault) if fault else message
    return message


def _expected_elements(row: Row) -> Message | Refusal | None:
    if "ai" in row:
        return Message(tuple((ai, value) for ai, value in row["ai"]))
    return parse_bracketed(row["engine"]["ai"]) if row["engine"].get("ai") else None


@pytest.mark.parametrize("row", of_kind("scan"))
def test_scan(row: Row) -> None:
    identity = identify_scan(row["input"])
    assert (identity.kind != "invalid") == row["valid"]
    if elements := row.get("engine", {}).get("ai"):
        assert parse_bracketed(elements) == Message(tuple(gs1_elements(identity).items()))
    if row["status"] == "verified" and "gtin" in row:
        assert identity.ai == (("01", row["gtin"].zfill(14)),)


@pytest.mark.parametrize("row", of_kind("ean"))
def test_ean(row: Row) -> None:
    identity = identify_scan("]E0" + row["input"])
    assert identity.kind == "class"
    assert list(map(list, identity.ai)) == row["ai"]


@pytest.mark.parametrize("row", of_kind("iso15434"))
def test_iso15434(row: Row) -> None:
    identity = identify_scan(row["input"])
    assert identity.kind == "class"
    assert [list(pair) for pair in identity.attributes] == row["di"]


PAIRS = [pytest.param(row, id=row["id"]) for row in rows("identity_pairs")]
WRONG_IN_PAIRS = {
    "pair-198": "scans and link hold the rounded integer of epc-0251: another asset",
    "pair-096": "the link's GLN has 14 digits: the translator did not drop the empty location reference",
    "pair-161": "the link's serial keeps the 1 that protects leading zeros on the tag (TDS 14.4.6)",
}


@pytest.mark.parametrize("row", PAIRS)
def test_one_unit_three_ways(row: Row) -> None:
    tag = identify_hex(row["hex"]).unit
    scans = {identify_scan(scan).unit for scan in row["scans"]}
    link = identify_scan(row["digital_link"]).unit
    assert tag
    if row["id"] == "pair-198":
        assert scans == {link} != {tag}
    else:
        assert scans == {tag}
        assert (link == tag) == (row["id"] not in WRONG_IN_PAIRS)


def test_canonical_link_is_its_own_link() -> None:
    identity = identify_scan("]d2800300614141123452400")
    assert canonical_link(identity.ai) == identity.unit == identify_scan(identity.unit).unit
