"""From what a barcode scanner sent to an identity.

What a scan is, is decided in this order, and never by guessing at digits:

    its AIM symbology identifier (ISO/IEC 15424)    ]C1 ]d2 ]Q3 ]J1 ]e0 GS1 elements, ]E0 ]E4 ]I1 a GTIN,
                                                    any other: what the text proves, but for GS
    without one: what the text itself proves        [)> ISO/IEC 15434; an EPC URI; a link with a GS1 key;
                                                    (01)... in brackets; a GS character or leading FNC1
    the vendor rules of the scanner                 the first that fits the whole text
    (00) or (01), right check digit, nothing else   GS1
    nothing of these                                raw

`assume` replaces the proof by the word of whoever set the scanner up.

>>> identify_scan("]d201095060001343522112345").unit
'https://id.gs1.org/01/09506000134352/21/12345'
>>> identify_scan("21ABC123").kind
'raw'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from edgegw.core.identity.digital_link import has_key, looks_like_link, parse_digital_link
from edgegw.core.identity.digits import check_digit_fits, is_digits, percent_encode
from edgegw.core.identity.gs1_identity import identify_elements
from edgegw.core.identity.gs1_message import GS, Message, parse_bracketed, parse_element_string
from edgegw.core.identity.iso15434 import identify_iso15434, looks_like_iso15434
from edgegw.core.identity.urn import identify_urn
from edgegw.core.identity.value import Identity, Refusal, refuse
from edgegw.core.identity.vendor import VendorRule

LONGEST = 8192  # twice what the densest symbol holds as digits (QR 40-L: 7089)
_AIM = re.compile(r"\]([A-Za-z])([0-9A-Za-z])")
_GS1_SYMBOLS = frozenset(("C1", "d2", "Q3", "J1", "e0"))
_BRACKETS = re.compile(r"\(\d+\)")
_GTIN_LENGTHS = (8, 12, 13, 14)
_WHOLE_KEYS = {"00": 20, "01": 16}  # AI and value
_EPC_URIS = ("urn:epc:id:", "urn:epc:tag:", "urn:epc:class:")
_UNPROVEN = "nothing proves what this text is: make the scanner send AIM identifiers, or set `assume`"


@dataclass(frozen=True, slots=True)
class ScanRules:
    """How one scanner is set up.

    assume    what a scan without AIM identifier is; "auto": only what it proves to be
    gs        what the scanner sends in place of the GS character, if not GS
    serials   how vendors' plain serial numbers look here
    prefixes  texts before the data, the first that fits is taken off
    """

    assume: Literal["auto", "gs1", "digital-link", "15434", "plain"] = "auto"
    gs: str = ""
    serials: tuple[VendorRule, ...] = ()
    prefixes: tuple[str, ...] = ()


DEFAULT_RULES = ScanRules()


def identify_scan(text: str, rules: ScanRules = DEFAULT_RULES) -> Identity:
    """The identity in one scan. Never raises; time grows with the length of the text, which is bounded."""
    if len(text) > LONGEST:
        return refuse("scan", f"a scan of {len(text)} characters is longer than any symbol")
    text = text.lstrip("\ufeff").strip("\r\n\0")
    text = next((text.removeprefix(p) for p in rules.prefixes if p and text.startswith(p)), text)
    if text.startswith("]"):
        return _identify_symbol(text, rules)
    if rules.assume == "auto":
        return _identify_proven(text, rules)
    return _identify_assumed(text, rules)


def _identify_symbol(text: str, rules: ScanRules) -> Identity:
    aim = _AIM.match(text)
    if aim is None:
        return refuse("scan", f"{text[:3]!r} is a cut-off AIM symbology identifier (ISO/IEC 15424)")
    symbol, data = aim[1] + aim[2], text[3:]
    if symbol in _GS1_SYMBOLS:
        return _identify_element_string(data, rules)
    if aim[1] == "E":
        return _identify_ean(symbol, data, rules)
    if symbol == "I1" and len(data) == 14 and _is_gtin(data):
        return _identify_gtin(data)
    return _best(_identify_content(data, rules), data, rules) or _raw(data, "no rule fits this text")


def _best(proven: Identity | None, text: str, rules: ScanRules) -> Identity | None:
    """What is proven and right; else what a vendor rule says; else why the proven is wrong."""
    if proven and proven.kind != "invalid":
        return proven
    return _identify_serial(text, rules) or proven


def _identify_content(text: str, rules: ScanRules) -> Identity | None:
    """What says itself what it is, in whatever symbol."""
    if looks_like_iso15434(text):
        return identify_iso15434(_with_gs(text, rules))
    if text.startswith(_EPC_URIS):
        return identify_urn(text)
    if looks_like_link(text) and has_key(text):
        return _identify_link(text)
    if _BRACKETS.match(text):
        return _identify_message(parse_bracketed(text), "gs1")
    return None


def _identify_proven(text: str, rules: ScanRules) -> Identity:
    proven = _identify_content(text, rules)
    if proven is None and GS in _with_gs(text, rules):
        proven = _identify_element_string(_with_gs(text, rules).removeprefix(GS), rules)
    best = _best(proven, text, rules)
    if best is None and len(text) == _WHOLE_KEYS.get(text[:2]) and is_digits(text):
        message = parse_element_string(text)
        best = _identify_message(message, "gs1") if isinstance(message, Message) else None
    return best or _raw(text, _UNPROVEN)


def _identify_assumed(text: str, rules: ScanRules) -> Identity:
    if rules.assume == "digital-link":
        return _identify_link(text)
    if rules.assume == "15434":
        return identify_iso15434(_with_gs(text, rules))
    if rules.assume == "plain":
        return _identify_serial(text, rules) or _raw(text, "no vendor rule of this scanner fits this text")
    if content := _identify_content(text, rules):
        return content
    identity = _identify_element_string(text.removeprefix(GS), rules)
    if identity.kind != "invalid":
        return identity
    if len(text) in _GTIN_LENGTHS and _is_gtin(text):
        return _identify_gtin(text)
    return _identify_serial(text, rules) or identity


def _with_gs(text: str, rules: ScanRules) -> str:
    return text.replace(rules.gs, GS) if rules.gs else text


def _identify_element_string(text: str, rules: ScanRules) -> Identity:
    return _identify_message(parse_element_string(_with_gs(text, rules)), "gs1")


def _identify_link(text: str) -> Identity:
    link = parse_digital_link(text)
    if isinstance(link, Refusal):
        return refuse("digital-link", link.reason)
    return identify_elements(link.message.elements, "digital-link", key_ai=link.key)


def _identify_message(message: Message | Refusal, scheme: str) -> Identity:
    if isinstance(message, Refusal):
        return refuse(scheme, message.reason)
    return identify_elements(message.elements, scheme)


def _identify_ean(symbol: str, data: str, rules: ScanRules) -> Identity:
    """EAN-13, UPC-A and UPC-E (as 13 or 12 digits), EAN-8; add-ons of 2 or 5 digits are not identity.

    A composite component comes after `|]e0` (General Specifications 7.3.2) and may well hold the serial.
    """
    primary, composite, more = data.partition("|]e0")
    digits = primary[:13] if symbol == "E3" else primary
    legal = (8,) if symbol == "E4" else (12, 13)
    if len(digits) not in legal or not _is_gtin(digits):
        return refuse("ean", f"{data[:20]!r} is no EAN or UPC number with a right check digit")
    if composite:
        return _identify_element_string(f"01{digits.zfill(14)}{more}", rules)
    return _identify_gtin(digits)


def _is_gtin(text: str) -> bool:
    return is_digits(text) and check_digit_fits(text)


def _identify_gtin(digits: str) -> Identity:
    return identify_elements((("01", digits.zfill(14)),), "ean")


def _identify_serial(text: str, rules: ScanRules) -> Identity | None:
    for rule in rules.serials:
        if unit := rule.identify(text):
            return Identity("unit", unit, "vendor")
    return None


def _raw(text: str, reason: str) -> Identity:
    """`data:,TEXT` is a URI that stands for the text itself (RFC 2397)."""
    if not text:
        return Identity("raw", "", "raw", reason="the symbol holds no data")
    return Identity("raw", "data:," + percent_encode(text), "raw", reason=reason)
