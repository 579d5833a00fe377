"""EPC URIs: `urn:epc:id:sgtin:0614141.812345.6789` and its like (TDS 2.3, chapters 6, 7 and 12).

They split a GS1 key behind the company prefix, whose length neither a barcode nor a `+` tag tells. So this
program reads them, writes them where the length is known, and never keys a unit by them - except the
schemes that have no GS1 key: gid, usdod, adi, bic and imovn.

>>> identify_urn("urn:epc:id:sgtin:0614141.812345.6789").unit
'https://id.gs1.org/01/80614141123458/21/6789'
>>> pure_identity((("00", "106141412345678908"),), 7).uri
'urn:epc:id:sscc:0614141.1234567890'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from edgegw.core.identity.alphabets import escape_urn, unescape
from edgegw.core.identity.digits import is_digits, with_check_digit
from edgegw.core.identity.gs1_identity import identify_elements
from edgegw.core.identity.gs1_syntax import ENTRIES
from edgegw.core.identity.value import Identity, Pairs, Refusal, refuse

SCHEME = "epc-urn"
_SHORTEST_PREFIX, _LONGEST_PREFIX = 6, 12
_URN = re.compile(r"urn:epc:(?P<type>id|tag|class):(?P<scheme>[a-z]+)(?P<size>-\d+|-var)?:(?P<body>.*)", re.DOTALL)


class PureIdentity(NamedTuple):
    """An EPC without tag: fields as in the URI, percent-escapes undone."""

    scheme: str
    fields: tuple[str, ...]

    @property
    def uri(self) -> str:
        kind = "class" if self.scheme == "lgtin" else "id"
        return f"urn:epc:{kind}:{self.scheme}:{'.'.join(map(escape_urn, self.fields))}"

    def elements(self) -> Pairs:
        """The Application Identifiers (TDS 7); none for the schemes without a GS1 key."""
        scheme = _SCHEMES.get(self.scheme)
        return scheme.build(*self.fields) if scheme else ()


class _Scheme(NamedTuple):
    """`digits`: of company prefix and reference together; 0 = the reference is a text, checked as its AI."""

    fields: int
    digits: int
    build: Callable[..., Pairs]


def _gtin(prefix: str, reference: str) -> str:
    return with_check_digit(reference[0] + prefix + reference[1:])


_SCHEMES = {
    "sgtin": _Scheme(3, 13, lambda c, i, s: (("01", _gtin(c, i)), ("21", s))),
    "lgtin": _Scheme(3, 13, lambda c, i, lot: (("01", _gtin(c, i)), ("10", lot))),
    "upui": _Scheme(3, 13, lambda c, i, s: (("01", _gtin(c, i)), ("235", s))),
    "itip": _Scheme(5, 13, lambda c, i, piece, total, s: (("8006", _gtin(c, i) + piece + total), ("21", s))),
    "sscc": _Scheme(2, 17, lambda c, s: (("00", _gtin(c, s)),)),
    "sgln": _Scheme(3, 12, lambda c, place, e: (("414", with_check_digit(c + place)), ("254", e))),
    "pgln": _Scheme(2, 12, lambda c, party: (("417", with_check_digit(c + party)),)),
    "grai": _Scheme(3, 12, lambda c, t, s: (("8003", "0" + with_check_digit(c + t) + s),)),
    "gdti": _Scheme(3, 12, lambda c, d, s: (("253", with_check_digit(c + d) + s),)),
    "sgcn": _Scheme(3, 12, lambda c, r, s: (("255", with_check_digit(c + r) + s),)),
    "gsrn": _Scheme(2, 17, lambda c, s: (("8018", with_check_digit(c + s)),)),
    "gsrnp": _Scheme(2, 17, lambda c, s: (("8017", with_check_digit(c + s)),)),
    "gsin": _Scheme(2, 16, lambda c, s: (("402", with_check_digit(c + s)),)),
    "giai": _Scheme(2, 0, lambda c, a: (("8004", c + a),)),
    "ginc": _Scheme(2, 0, lambda c, g: (("401", c + g),)),
    "cpi": _Scheme(3, 0, lambda c, p, s: (("8010", c + p), ("8011", s))),
}
_INTEGER = "(0|[1-9][0-9]*)"
_CAGE = "[A-HJ-NP-Z0-9]{5,6}"
_KEYLESS = {  # scheme: fields, pattern of its body with escapes undone, limits of its integers (TDS 6.3.16 to 6.3.20)
    "gid": (3, rf"{_INTEGER}\.{_INTEGER}\.{_INTEGER}", (2**28, 2**24, 2**36)),
    "usdod": (2, rf"{_CAGE}\.{_INTEGER}", (2**36,)),
    "adi": (3, rf"{_CAGE}\.[A-Z0-9/-]{{0,32}}\.(?=.{{1,30}}$)#?[A-Z0-9/-]+", ()),
    "bic": (1, r"[A-Z]{3}[JUZ][0-9]{7}", ()),
    "imovn": (1, r"[0-9]{7}", ()),
}


def parse_urn(text: str) -> PureIdentity | Refusal:
    """A pure identity, class or tag URI (the filter of a tag URI is not kept)."""
    match = _URN.fullmatch(text)
    if match is None or (match["size"] is None) == (match["type"] == "tag"):
        return Refusal(f"{text[:60]!r} is no EPC URI (TDS 6.3, 12)")
    scheme, body = match["scheme"], match["body"]
    if (match["type"] == "class") != (scheme == "lgtin"):
        return Refusal(f"{scheme} is no EPC scheme of urn:epc:{match['type']} (TDS 6.3)")
    if match["type"] == "tag" and scheme != "gid":
        body = body.partition(".")[2]
    if scheme in _KEYLESS:
        return _parse_keyless(scheme, body)
    if scheme in _SCHEMES:
        return _parse_keyed(scheme, body)
    return Refusal(f"{scheme} is no EPC scheme (TDS 6.3)")


def identify_urn(text: str) -> Identity:
    parsed = parse_urn(text)
    if isinstance(parsed, Refusal):
        return refuse(SCHEME, parsed.reason)
    if parsed.scheme in _KEYLESS:
        return Identity("unit", parsed.uri, SCHEME, epc_uri=text)
    return identify_elements(parsed.elements(), SCHEME, text)


def _parse_keyless(scheme: str, body: str) -> PureIdentity | Refusal:
    count, pattern, limits = _KEYLESS[scheme]
    match = re.fullmatch(pattern, unescape(body))
    too_big = match and any(int(number) >= limit for number, limit in zip(match.groups(), limits, strict=True))
    if match is None or too_big:
        return Refusal(f"{body[:60]!r} is no {scheme} (TDS 6.3)")
    return PureIdentity(scheme, tuple(map(unescape, body.split(".", count - 1))))


def _parse_keyed(scheme: str, body: str) -> PureIdentity | Refusal:
    count, digits, _ = _SCHEMES[scheme]
    fields = tuple(map(unescape, body.split(".", count - 1)))
    if len(fields) != count:
        return Refusal(f"{body[:60]!r} has {len(fields)} fields, {scheme} has {count} (TDS 6.3)")
    prefix, reference = fields[:2]
    if not (_SHORTEST_PREFIX <= len(prefix) <= _LONGEST_PREFIX and is_digits(prefix)):
        return Refusal(f"{prefix[:60]!r} is no company prefix of 6 to 12 digits (TDS 6.3)")
    if digits and (len(prefix + reference) != digits or not is_digits(prefix + reference)):
        return Refusal(f"{prefix}.{reference[:60]} should be {digits} digits together (TDS 6.3)")
    return _check_fields(PureIdentity(scheme, fields))


def _check_fields(identity: PureIdentity) -> PureIdentity | Refusal:
    """Lengths and characters are those of the AIs; a serial cannot be empty, nor start with 0 in a CPI."""
    last = identity.fields[-1]
    if not last and identity.scheme != "pgln":
        return Refusal(f"the last field of this {identity.scheme} is empty (TDS 6.3)")
    if identity.scheme == "cpi" and (not identity.fields[1] or (last != "0" and last[0] == "0")):
        return Refusal("a CPI has a part reference, and a serial without leading zeros (TDS 6.3.9)")
    if identity.scheme == "itip" and not all(len(f) == 2 and is_digits(f) for f in identity.fields[2:4]):
        return Refusal("piece and total of an ITIP are two digits each (TDS 6.3.13)")
    for ai, value in identity.elements():
        if not ENTRIES[ai].pattern.fullmatch(value):
            return Refusal(f"({ai}): {value[:60]!r} is not {ENTRIES[ai].describe()}")
    return identity


def pure_identity(ai: Pairs, prefix_length: int) -> PureIdentity | Refusal:
    """The EPC of identifying AIs, given how many digits (6 to 12) the company prefix has (TDS 7)."""
    if not _SHORTEST_PREFIX <= prefix_length <= _LONGEST_PREFIX:
        return Refusal(f"a company prefix has 6 to 12 digits, not {prefix_length}")
    split = _SPLITTERS.get(tuple(code for code, _ in ai))
    if split is None:
        return Refusal(f"no EPC scheme is made of {', '.join(f'({code})' for code, _ in ai) or 'no AI'}")
    scheme, fields = split(*(value for _, value in ai), prefix_length)
    return _check_fields(PureIdentity(scheme, fields))


_Split = tuple[str, tuple[str, ...]]


def _item(gtin: str, n: int) -> tuple[str, str]:
    """The indicator or extension digit moves in front of the reference."""
    return gtin[1 : 1 + n], gtin[0] + gtin[1 + n : -1]


def _with_serial(scheme: str, start: int) -> Callable[[str, int], _Split]:
    """Thirteen digits from `start`, then the serial."""

    def split(value: str, n: int) -> _Split:
        number = value[start : start + 13]
        return scheme, (number[:n], number[n:12], value[start + 13 :])

    return split


def _plain(scheme: str) -> Callable[[str, int], _Split]:
    return lambda value, n: (scheme, (value[:n], value[n:-1]))


_SPLITTERS: dict[tuple[str, ...], Callable[..., _Split]] = {
    ("01", "21"): lambda gtin, serial, n: ("sgtin", (*_item(gtin, n), serial)),
    ("01", "235"): lambda gtin, serial, n: ("upui", (*_item(gtin, n), serial)),
    ("01", "10"): lambda gtin, lot, n: ("lgtin", (*_item(gtin, n), lot)),
    ("8006", "21"): lambda itip, serial, n: ("itip", (*_item(itip[:14], n), itip[14:16], itip[16:], serial)),
    ("00",): lambda sscc, n: ("sscc", _item(sscc, n)),
    ("414",): lambda gln, n: ("sgln", (gln[:n], gln[n:12], "0")),
    ("414", "254"): lambda gln, extension, n: ("sgln", (gln[:n], gln[n:12], extension)),
    ("417",): _plain("pgln"),
    ("8003",): _with_serial("grai", 1),
    ("253",): _with_serial("gdti", 0),
    ("255",): _with_serial("sgcn", 0),
    ("8018",): _plain("gsrn"),
    ("8017",): _plain("gsrnp"),
    ("402",): _plain("gsin"),
    ("8004",): lambda giai, n: ("giai", (giai[:n], giai[n:])),
    ("401",): lambda ginc, n: ("ginc", (ginc[:n], ginc[n:])),
    ("8010", "8011"): lambda cpi, serial, n: ("cpi", (cpi[:n], cpi[n:], serial)),
}
