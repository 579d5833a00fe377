"""Encoder of EPC binaries, the way back of `epc.py` (GS1 TDS 2.3, 14.3, 14.5): for simulators and label checks.

>>> encode_epc("https://id.gs1.org/01/09506000134352/21/123456789", "sgtin-96", filter_value=3).epc.hex()
'30764433400d1ec0075bcd15'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edgegw.core.identity import epc_tables as tables
from edgegw.core.identity.bits import Illegal, Writer, write_string_6, write_string_7
from edgegw.core.identity.digital_link import parse_digital_link
from edgegw.core.identity.digits import is_digits
from edgegw.core.identity.epc import SCHEMES
from edgegw.core.identity.epc_plus import PLUS_SCHEMES, PlusTag, encode_plus
from edgegw.core.identity.gs1_identity import identify_elements
from edgegw.core.identity.gs1_message import element_string
from edgegw.core.identity.urn import parse_urn, pure_identity
from edgegw.core.identity.value import Pairs, Refusal

_WORD = 16
_HEADERS = {scheme.name: header for header, scheme in SCHEMES.items()}


class EncodedEpc(NamedTuple):
    """`bits` bits of `epc`, zeros up to whole 16-bit words of tag memory (TDS 15.1.1)."""

    epc: bytes
    bits: int


def encode_epc(
    unit: str,
    scheme: str,
    *,
    filter_value: int = 0,
    prefix_length: int = 7,
    date: tuple[str, str] | None = None,
    hostname: str = "",
    more: Pairs = (),
) -> EncodedEpc | Refusal:
    """The tag of a `unit` key (or any Digital Link or EPC URI of it) in a scheme such as `sgtin-96` or `sgtin+`.

    `prefix_length` is the number of digits of the company prefix, which the older schemes need. `date`,
    `hostname` and `more` Application Identifiers are for the schemes of TDS 2.x.
    """
    header = _HEADERS.get(scheme)
    if header is None:
        return Refusal(f"{scheme!r} is none of {', '.join(sorted(_HEADERS))}")
    try:
        if header in PLUS_SCHEMES:
            tag = PlusTag(filter_value, date, hostname, more)
            bits = encode_plus(header, _message(unit, PLUS_SCHEMES[header].ais), tag)
        else:
            bits = _encode(scheme, header, _fields(unit, scheme, prefix_length), filter_value)
    except Illegal as illegal:
        return Refusal(f"{unit} as {scheme}: {illegal}")
    size = -(-bits.size // _WORD) * _WORD
    return EncodedEpc((bits.value << size - bits.size).to_bytes(size // 8), size)


def encode_element_string(unit: str) -> str | Refusal:
    """The element string of a `unit` key, GS where one is needed: what a GS1 symbol of the unit holds."""
    link = parse_digital_link(unit)
    return link if isinstance(link, Refusal) else element_string(link.message.elements)


def _message(unit: str, ais: tuple[str, ...]) -> dict[str, str]:
    message = dict(_elements(unit))
    if "254" in ais:
        message.setdefault("254", "0")
    if missing := [ai for ai in ais if ai not in message]:
        raise Illegal(f"({missing[0]}) is missing")
    return message


def _elements(unit: str) -> Pairs:
    if unit.startswith("urn:"):
        parsed = parse_urn(unit)
        if isinstance(parsed, Refusal):
            raise Illegal(parsed.reason)
        return parsed.elements()
    link = parse_digital_link(unit)
    if isinstance(link, Refusal):
        raise Illegal(link.reason)
    return identify_elements(link.message.elements, scheme="digital-link", key_ai=link.key).ai


def _fields(unit: str, scheme: str, prefix_length: int) -> tuple[str, ...]:
    """The fields of the EPC URI, of the family that the scheme belongs to (`sgtin` of `sgtin-96`)."""
    epc = parse_urn(unit) if unit.startswith("urn:") else pure_identity(_elements(unit), prefix_length)
    if isinstance(epc, Refusal):
        raise Illegal(epc.reason)
    if epc.scheme != scheme.partition("-")[0]:
        raise Illegal(f"this is {epc.scheme}")
    return epc.fields


def _encode(scheme: str, header: int, fields: tuple[str, ...], filter_value: int) -> Writer:
    bits = Writer()
    bits.put(header, 8)
    _ENCODERS[scheme](bits, filter_value, fields)
    return bits


_Encoder = Callable[[Writer, int, tuple[str, ...]], None]


def _keyed(table: tables.Partitions, *rest: Callable[[Writer, str], None]) -> _Encoder:
    """Filter, partition, prefix, reference, then what else the scheme has."""

    def encode(bits: Writer, filter_value: int, fields: tuple[str, ...]) -> None:
        bits.put(filter_value, 3)
        row = _put_prefix(bits, fields[0], table)
        bits.put(int(fields[1] or "0"), row.reference_bits)
        for put, field in zip(rest, (*fields[2:], ""), strict=False):
            put(bits, field)

    return encode


def _put_prefix(bits: Writer, prefix: str, table: tables.Partitions) -> tables.Row:
    partition = next(p for p, row in enumerate(table) if row.prefix_digits == len(prefix))
    bits.put(partition, 3)
    bits.put(int(prefix), table[partition].prefix_bits)
    return table[partition]


def _integer(size: int) -> Callable[[Writer, str], None]:
    def put(bits: Writer, field: str) -> None:
        bits.put(_number(field), size)

    return put


def _number(field: str) -> int:
    """Integers of tags have no leading zeros (TDS 14.3.1)."""
    if not is_digits(field) or (field[0] == "0" and len(field) > 1):
        raise Illegal(f"{field!r} is not a number without leading zeros (TDS 14.3.1)")
    return int(field)


def _digits(size: int) -> Callable[[Writer, str], None]:
    """14.3.10: a number of fixed width."""
    return lambda bits, field: bits.put(int(field), size)


def _string(size: int) -> Callable[[Writer, str], None]:
    return lambda bits, field: write_string_7(bits, field, size)


def _numeric_string(size: int, longest: int) -> Callable[[Writer, str], None]:
    """14.3.6: a 1 in front keeps leading zeros."""

    def put(bits: Writer, field: str) -> None:
        if not is_digits(field) or len(field) > longest:
            raise Illegal(f"serial {field!r} is not 1 to {longest} digits (TDS 14.3.6)")
        bits.put(int(f"1{field}"), size)

    return put


def _zeros(bits: Writer, _: str) -> None:
    bits.put(0, 24)


def _giai_96(bits: Writer, filter_value: int, fields: tuple[str, ...]) -> None:
    bits.put(filter_value, 3)
    row = _put_prefix(bits, fields[0], tables.GIAI_96)
    bits.put(_number(fields[1]), row.reference_bits)


def _giai_202(bits: Writer, filter_value: int, fields: tuple[str, ...]) -> None:
    bits.put(filter_value, 3)
    row = _put_prefix(bits, fields[0], tables.GIAI_202)
    write_string_7(bits, fields[1], row.reference_bits)


def _cpi_96(bits: Writer, filter_value: int, fields: tuple[str, ...]) -> None:
    prefix, part, serial = fields
    bits.put(filter_value, 3)
    row = _put_prefix(bits, prefix, tables.CPI_96)
    if len(part) > row.reference_digits:
        raise Illegal(f"part reference {part} has more than {row.reference_digits} digits (TDS 14.3.4)")
    bits.put(_number(part), row.reference_bits)
    bits.put(_number(serial), 31)


def _cpi_var(bits: Writer, filter_value: int, fields: tuple[str, ...]) -> None:
    prefix, part, serial = fields
    bits.put(filter_value, 3)
    row = _put_prefix(bits, prefix, tables.CPI_VAR)
    write_string_6(bits, part, row.reference_digits)
    bits.put(_number(serial), 40)


def _gid_96(bits: Writer, _: int, fields: tuple[str, ...]) -> None:
    for field, size in zip(fields, (28, 24, 36), strict=True):
        bits.put(_number(field), size)


def _usdod_96(bits: Writer, filter_value: int, fields: tuple[str, ...]) -> None:
    bits.put(filter_value, 4)
    bits.put(int.from_bytes(fields[0].rjust(6).encode()), 48)
    bits.put(_number(fields[1]), 36)


def _adi_var(bits: Writer, filter_value: int, fields: tuple[str, ...]) -> None:
    cage, part, serial = fields
    bits.put(filter_value, 6)
    for char in cage.rjust(6):
        bits.put(ord(char) & 0x3F, 6)
    write_string_6(bits, part, 32)
    write_string_6(bits, serial, 30)


_ENCODERS: dict[str, _Encoder] = {
    "sgtin-96": _keyed(tables.SGTIN, _integer(38)),
    "sgtin-198": _keyed(tables.SGTIN, _string(140)),
    "sscc-96": _keyed(tables.SSCC, _zeros),
    "sgln-96": _keyed(tables.SGLN, _integer(41)),
    "sgln-195": _keyed(tables.SGLN, _string(140)),
    "grai-96": _keyed(tables.GRAI, _integer(38)),
    "grai-170": _keyed(tables.GRAI, _string(112)),
    "giai-96": _giai_96,
    "giai-202": _giai_202,
    "gsrn-96": _keyed(tables.SSCC, _zeros),
    "gsrnp-96": _keyed(tables.SSCC, _zeros),
    "gdti-96": _keyed(tables.SGLN, _integer(41)),
    "gdti-113": _keyed(tables.SGLN, _numeric_string(58, 17)),
    "gdti-174": _keyed(tables.SGLN, _string(119)),
    "sgcn-96": _keyed(tables.SGLN, _numeric_string(41, 12)),
    "itip-110": _keyed(tables.SGTIN, _digits(7), _digits(7), _integer(38)),
    "itip-212": _keyed(tables.SGTIN, _digits(7), _digits(7), _string(140)),
    "cpi-96": _cpi_96,
    "cpi-var": _cpi_var,
    "gid-96": _gid_96,
    "usdod-96": _usdod_96,
    "adi-var": _adi_var,
}
