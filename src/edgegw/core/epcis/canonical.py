"""The one form of a value that may be written in many: identifiers, vocabulary, numbers (CBV 2.0, 8.9.2).

>>> canonical_value("urn:epc:id:sgln:4012345.00011.987")
'https://id.gs1.org/414/4012345000115/254/987'
>>> canonical_value("https://shop.example/x/gtin/9506000134352/lot/L7/ser/a%2Fb?17=271231")
'https://id.gs1.org/01/09506000134352/21/a%2Fb'
>>> canonical_value("urn:epcglobal:cbv:bizstep:receiving")
'https://ref.gs1.org/cbv/BizStep-receiving'
>>> canonical_value("26.10")
'26.1'
"""

from __future__ import annotations

import re
from typing import Final

from edgegw.core.identity.alphabets import unescape
from edgegw.core.identity.digital_link import looks_like_link
from edgegw.core.identity.gs1_identity import HOST
from edgegw.core.identity.gs1_syntax import ENTRIES
from edgegw.core.identity.urn import parse_urn
from edgegw.core.identity.value import Pairs, Refusal

CBV: Final = "https://ref.gs1.org/cbv/"
GS1: Final = "https://gs1.org/voc/"

_TERMS: Final = {"bizstep": "BizStep", "disp": "Disp", "btt": "BTT", "sdt": "SDT", "er": "ER"}
_TERM: Final = re.compile(r"urn:epcglobal:cbv:(bizstep|disp|btt|sdt|er):")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER: Final = 100
_NOT_IN_PATH: Final = re.compile(r"[^A-Za-z0-9\-._;=']")  # Digital Link URI Syntax 1.2, table 7-1, and RFC 3986

# Keys, and what makes them finer, the finest first (CBV 2.0, 8.9.2: constrained canonical Digital Link).
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("00", "253", "255", "401", "402", "417", "8003", "8004", "8017", "8018"), ()),
    "01": ("21", "235", "10"),
    "414": ("254",),
    "8006": ("21", "10"),
    "8010": ("8011",),
}
_WORDS: Final = {  # Digital Link URI Syntax 1.2, 4.3: words for AIs in a path
    "gtin": "01",
    "itip": "8006",
    "cpid": "8010",
    "gln": "414",
    "party": "417",
    "gsrnp": "8017",
    "gsrn": "8018",
    "gcn": "255",
    "sscc": "00",
    "gdti": "253",
    "ginc": "401",
    "gsin": "402",
    "grai": "8003",
    "giai": "8004",
    "cpv": "22",
    "lot": "10",
    "ser": "21",
    "cpsn": "8011",
    "glnx": "254",
}


def canonical_value(text: str) -> str:
    """What has no other form than its own stays as it is."""
    if text.startswith("urn:epc:"):
        return _link_of_urn(text) or text
    if looks_like_link(text):
        return _link_of_link(text) or text
    if term := _TERM.match(text):
        return f"{CBV}{_TERMS[term[1]]}-{text[term.end() :]}"
    return _number(text) if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) else text


def _number(text: str) -> str:
    """Without zeros that say nothing. Integers keep all their digits."""
    if text.lstrip("+-").isdecimal():
        return str(int(text))
    value = float(text)
    return str(int(value)) if value.is_integer() else str(value)


def _link_of_urn(text: str) -> str:
    """`urn:epc:id:`, `urn:epc:class:` and patterns of a whole class, `urn:epc:idpat:...*`; "" if it has no GS1 key."""
    is_class = text.startswith("urn:epc:idpat:") and text.endswith("*")
    parsed = parse_urn(f"urn:epc:id:{text[14:-1]}1" if is_class else text)
    if isinstance(parsed, Refusal):
        return ""
    elements = parsed.elements()
    if is_class:
        elements = elements[:1] if len(elements) > 1 else tuple((ai, value[:-1]) for ai, value in elements)
    if parsed.scheme == "sgln" and elements[1][1] == "0":  # the place itself (TDS 6.3.3)
        elements = elements[:1]
    return _link(tuple((ai, _escaped(value)) for ai, value in elements)) if elements else ""


def _escaped(value: str) -> str:
    return _NOT_IN_PATH.sub(lambda found: f"%{ord(found[0]):02X}", value)


def _link_of_link(text: str) -> str:
    """The right-most key of the path with its finest qualifier, as escaped as it came; "" if there is no key."""
    path = re.split(r"[?#]", text, maxsplit=1)[0].rstrip("/").split("/")[3:]
    path = [*(_WORDS.get(segment, segment) for segment in path)]
    for start in range(len(path) - 2, -1, -2):
        if path[start] in _KEYS:
            found = dict(zip(path[start::2], path[start + 1 :: 2], strict=True))
            return _constrained(path[start], found)
    return ""


def _constrained(key: str, found: dict[str, str]) -> str:
    if key == "01" and len(found[key]) in (8, 12, 13):
        found[key] = found[key].zfill(14)
    finest = next((ai for ai in _KEYS[key] if ai in found), None)
    elements = tuple((ai, found[ai]) for ai in (key, finest) if ai)
    legal = all(ENTRIES[ai].pattern.fullmatch(unescape(value)) for ai, value in elements)
    return _link(elements) if legal else ""


def _link(elements: Pairs) -> str:
    return HOST + "".join(f"/{ai}/{value}" for ai, value in elements)
