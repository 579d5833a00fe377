"""The EPC schemes of TDS 2.x: `+`, `DSGTIN+` and, with a host name, `++` (TDS 2.3, 14.5 and 14.6).

They carry the digits of the barcode unchanged, in the order: header, data toggle, filter, the date of a
DSGTIN, key and serial, host name, and if the toggle is set more Application Identifiers (TDS 15.3).
"""

from __future__ import annotations

from typing import NamedTuple

from edgegw.core.identity.bits import Bits, Illegal, Writer
from edgegw.core.identity.epc_values import read_date, read_value, write_date, write_value
from edgegw.core.identity.gs1_identity import identify_elements
from edgegw.core.identity.gs1_message import build_message
from edgegw.core.identity.gs1_syntax import AI_LENGTHS
from edgegw.core.identity.hostnames import read_hostname, write_hostname
from edgegw.core.identity.value import Identity, Pairs, Refusal


class PlusScheme(NamedTuple):
    """`ais`: the AIs of the EPC itself; `dated`: a prioritised date comes before them; `named`: a host after."""

    name: str
    ais: tuple[str, ...]
    dated: bool = False
    named: bool = False


_AIS = {
    "cpi": ("8010", "8011"),
    "gdti": ("253",),
    "giai": ("8004",),
    "grai": ("8003",),
    "gsrn": ("8018",),
    "gsrnp": ("8017",),
    "itip": ("8006", "21"),
    "sgcn": ("255",),
    "sgln": ("414", "254"),
    "sgtin": ("01", "21"),
    "sscc": ("00",),
}
_HEADERS = {  # TDS 14.2
    "cpi": (0xF0, 0xE6),
    "grai": (0xF1, 0xEB),
    "sgln": (0xF2, 0xE9),
    "itip": (0xF3, 0xED),
    "gsrn": (0xF4, 0xE7),
    "gsrnp": (0xF5, 0xE8),
    "gdti": (0xF6, 0xEA),
    "sgtin": (0xF7, 0xFD),
    "sgcn": (0xF8, 0xEC),
    "sscc": (0xF9, 0xEF),
    "giai": (0xFA, 0xEE),
}
PLUS_SCHEMES: dict[int, PlusScheme] = {
    0xFB: PlusScheme("dsgtin+", _AIS["sgtin"], dated=True),
    0xFC: PlusScheme("dsgtin++", _AIS["sgtin"], dated=True, named=True),
}
for _key, (_plus, _plus_plus) in _HEADERS.items():
    PLUS_SCHEMES[_plus] = PlusScheme(f"{_key}+", _AIS[_key])
    PLUS_SCHEMES[_plus_plus] = PlusScheme(f"{_key}++", _AIS[_key], named=True)

DATE_TYPES = ("11", "13", "15", "16", "17", "7006", "7007")  # 14.5.3


def decode_plus(scheme: PlusScheme, bits: Bits) -> Identity:
    """Reads what follows the header; leaves the cursor behind the last field. Raises Illegal."""
    toggle, filter_value = bits.take(1), bits.take(3)
    date = _read_dated(bits) if scheme.dated else ()
    elements = [(ai, read_value(ai, bits)) for ai in scheme.ais]
    hostname = read_hostname(bits) if scheme.named else ""
    more = _read_more(bits) if toggle else []
    message = build_message([*elements, *date, *more])
    if isinstance(message, Refusal):
        raise Illegal(message.reason)
    identity = identify_elements(message.elements, scheme.name, key_ai=scheme.ais[0])
    attributes: Pairs = (("filter", str(filter_value)), *identity.attributes)
    if hostname:
        attributes += (("hostname", hostname),)
    return identity._replace(attributes=attributes)


def _read_dated(bits: Bits) -> Pairs:
    kind = bits.take(4)
    if kind >= len(DATE_TYPES):
        raise Illegal(f"date type {kind} is not assigned (TDS 14.5.3)")
    return ((DATE_TYPES[kind], read_date(bits)),)


def _read_more(bits: Bits) -> list[tuple[str, str]]:
    """AIs after the EPC: two digits in eight bits, the rest of the AI, the value (TDS 15.3)."""
    elements = []
    while bits.left >= 8 and bits.rest():
        digits = f"{bits.take(8):02X}"
        length = AI_LENGTHS.get(digits)
        if length is None:
            raise Illegal(f"{digits} starts no Application Identifier (TDS 15.3, table K)")
        ai = digits + "".join(f"{bits.take(4):X}" for _ in range(length - 2))
        elements.append((ai, read_value(ai, bits)))
    return elements


class PlusTag(NamedTuple):
    """What goes on a `+` or `++` tag besides its identity."""

    filter_value: int = 0
    date: tuple[str, str] | None = None
    hostname: str = ""
    more: Pairs = ()


def encode_plus(header: int, message: dict[str, str], tag: PlusTag) -> Writer:
    """The bits of a tag, without padding. Raises Illegal if a value does not fit."""
    scheme = PLUS_SCHEMES[header]
    bits = Writer()
    bits.put(header, 8)
    bits.put(bool(tag.more), 1)
    bits.put(tag.filter_value, 3)
    if scheme.dated:
        _write_dated(tag.date, bits)
    for ai in scheme.ais:
        write_value(ai, message[ai], bits)
    if scheme.named:
        write_hostname(tag.hostname, bits)
    for ai, value in tag.more:
        bits.put(int(ai, 16), 4 * len(ai))
        write_value(ai, value, bits)
    return bits


def _write_dated(date: tuple[str, str] | None, bits: Writer) -> None:
    if date is None or date[0] not in DATE_TYPES:
        raise Illegal(f"a DSGTIN needs a date of one of these AIs: {', '.join(DATE_TYPES)} (TDS 14.5.3)")
    bits.put(DATE_TYPES.index(date[0]), 4)
    if write_date(date[1], bits):
        raise Illegal(f"({date[0]}): {date[1]!r} is not YYMMDD")
