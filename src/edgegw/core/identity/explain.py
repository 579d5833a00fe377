"""The bits of a tag, field by field, for people who look at one.

>>> for field in explain_epc(bytes.fromhex("3066C4409047E140075BCD15"), 96)[:4]:
...     print(field.start, field.bits, field.name, field.value)
0 00110000 header sgtin-96
8 011 filter 3
11 001 partition 11 digits of company prefix
14 1011000100010000001001000001000111111 company prefix 95060001343
"""

from __future__ import annotations

from typing import NamedTuple

from edgegw.core.identity import epc_tables as tables
from edgegw.core.identity.bits import Bits, Illegal, read_string_6
from edgegw.core.identity.epc import SCHEMES
from edgegw.core.identity.epc_plus import DATE_TYPES, PLUS_SCHEMES, PlusScheme
from edgegw.core.identity.epc_values import read_date, read_value
from edgegw.core.identity.hostnames import read_hostname


class Field(NamedTuple):
    """`bits` from bit `start` on (0 is the first bit of the EPC), as zeros and ones."""

    start: int
    bits: str
    name: str
    value: str


# After filter, partition, prefix and reference: name, size and for texts the bits of a character
_KEYED: dict[str, tuple[tables.Partitions, tuple[tuple[str, int, int], ...]]] = {
    "sgtin-96": (tables.SGTIN, (("serial", 38, 0),)),
    "sgtin-198": (tables.SGTIN, (("serial", 140, 7),)),
    "sscc-96": (tables.SSCC, (("always zero", 24, 0),)),
    "sgln-96": (tables.SGLN, (("extension", 41, 0),)),
    "sgln-195": (tables.SGLN, (("extension", 140, 7),)),
    "grai-96": (tables.GRAI, (("serial", 38, 0),)),
    "grai-170": (tables.GRAI, (("serial", 112, 7),)),
    "giai-96": (tables.GIAI_96, ()),
    "giai-202": (tables.GIAI_202, ()),
    "gsrn-96": (tables.SSCC, (("always zero", 24, 0),)),
    "gsrnp-96": (tables.SSCC, (("always zero", 24, 0),)),
    "gdti-96": (tables.SGLN, (("serial", 41, 0),)),
    "gdti-113": (tables.SGLN, (("1 and serial", 58, 0),)),
    "gdti-174": (tables.SGLN, (("serial", 119, 7),)),
    "sgcn-96": (tables.SGLN, (("1 and serial", 41, 0),)),
    "itip-110": (tables.SGTIN, (("piece", 7, 0), ("total", 7, 0), ("serial", 38, 0))),
    "itip-212": (tables.SGTIN, (("piece", 7, 0), ("total", 7, 0), ("serial", 140, 7))),
    "cpi-96": (tables.CPI_96, (("serial", 31, 0),)),
}


class _Trace:
    """A cursor that notes what was read under which name."""

    def __init__(self, value: int, size: int) -> None:
        self.bits = Bits(value, size)
        self.size = size
        self.fields: list[Field] = []

    def note(self, before: int, name: str, value: str) -> None:
        size = before - self.bits.left
        read = self.bits.value >> self.bits.left & (1 << size) - 1
        self.fields.append(Field(self.size - before, f"{read:0{size}b}" if size else "", name, value))

    def take(self, name: str, size: int, value: str = "") -> int:
        before = self.bits.left
        number = self.bits.take(size)
        self.note(before, name, value or str(number))
        return number

    def take_text(self, name: str, size: int, width: int) -> None:
        """Characters of `width` bits, zeros at the end left out."""
        number = self.bits.value >> self.bits.left - size & (1 << size) - 1 if size <= self.bits.left else 0
        codes = [number >> shift & (1 << width) - 1 for shift in range(size - width, -1, -width)]
        text = "".join(chr(code + 0x40 if width == 6 and code < 0x20 else code) for code in codes if code)
        self.take(f"{name} ({width}-bit characters)", size, text or "nothing")


def explain_epc(epc: bytes, bits: int) -> tuple[Field, ...]:
    """The fields as far as they can be told apart; the last one holds what follows."""
    if not 8 <= bits <= 8 * len(epc):
        return ()
    trace = _Trace(int.from_bytes(epc) >> 8 * len(epc) - bits, bits)
    header = epc[0]
    scheme = SCHEMES.get(header)
    trace.take("header", 8, scheme.name if scheme else f"{header:02X}h, no EPC scheme")
    if scheme:
        try:
            _trace_scheme(trace, scheme.name, header)
        except Illegal as illegal:
            trace.take("not readable", trace.bits.left, str(illegal))
    if trace.bits.left:
        rest = trace.bits.rest()
        trace.take("rest", trace.bits.left, "" if rest else "zeros, up to whole words of tag memory")
    return tuple(trace.fields)


def _trace_scheme(trace: _Trace, name: str, header: int) -> None:
    if header in PLUS_SCHEMES:
        _trace_plus(trace, PLUS_SCHEMES[header])
    elif name in _KEYED:
        table, rest = _KEYED[name]
        _trace_prefix(trace, table, as_text=name == "giai-202")
        for field, size, width in rest:
            if width:
                trace.take_text(field, size, width)
            else:
                trace.take(field, size)
    else:
        _KEYLESS[name](trace)


def _trace_gid(trace: _Trace) -> None:
    for name, size in (("manager", 28), ("class", 24), ("serial", 36)):
        trace.take(name, size)


def _trace_usdod(trace: _Trace) -> None:
    trace.take("filter", 4)
    trace.take_text("CAGE code or DoDAAC", 48, 8)
    trace.take("serial", 36)


def _trace_adi(trace: _Trace) -> None:
    trace.take("filter", 6)
    trace.take_text("CAGE code or DoDAAC", 36, 6)
    _trace_string(trace, "part number", 32)
    _trace_string(trace, "serial", 30)


def _trace_cpi_var(trace: _Trace) -> None:
    row = _trace_partition(trace, tables.CPI_VAR)
    _trace_string(trace, "part reference", row.reference_digits)
    trace.take("serial", 40)


_KEYLESS = {"gid-96": _trace_gid, "usdod-96": _trace_usdod, "adi-var": _trace_adi, "cpi-var": _trace_cpi_var}


def _trace_string(trace: _Trace, name: str, longest: int) -> None:
    before = trace.bits.left
    text = read_string_6(trace.bits, longest)
    trace.note(before, f"{name} (6-bit characters and a zero)", text or "nothing")


def _trace_partition(trace: _Trace, table: tables.Partitions) -> tables.Row:
    """Filter, partition and company prefix."""
    trace.take("filter", 3)
    partition = trace.bits.value >> trace.bits.left - 3 & 7 if trace.bits.left >= 3 else 7
    if partition == 7:
        raise Illegal("partition 7 does not exist (TDS 14.4.3)")
    row = table[partition]
    trace.take("partition", 3, f"{row.prefix_digits} digits of company prefix")
    before = trace.bits.left
    prefix = trace.bits.take(row.prefix_bits)
    trace.note(before, "company prefix", str(prefix).zfill(row.prefix_digits))
    return row


def _trace_prefix(trace: _Trace, table: tables.Partitions, *, as_text: bool) -> None:
    row = _trace_partition(trace, table)
    if as_text:
        trace.take_text("reference", row.reference_bits // 7 * 7, 7)
        if row.reference_bits % 7:
            trace.take("always zero", row.reference_bits % 7)
        return
    before = trace.bits.left
    reference = trace.bits.take(row.reference_bits)
    digits = row.reference_digits if table not in (tables.GIAI_96, tables.CPI_96) else 1
    trace.note(before, "reference", str(reference).zfill(digits) if row.reference_digits else "nothing")


def _trace_plus(trace: _Trace, scheme: PlusScheme) -> None:
    toggle = trace.take("more data follows", 1)
    trace.take("filter", 3)
    if scheme.dated:
        kind = trace.take("date type", 4)
        ai = DATE_TYPES[kind] if kind < len(DATE_TYPES) else "?"
        before = trace.bits.left
        date = read_date(trace.bits)
        trace.note(before, f"({ai})", date)
    for ai in scheme.ais:
        _trace_value(trace, ai)
    if scheme.named:
        before = trace.bits.left
        hostname = read_hostname(trace.bits)
        trace.note(before, "host name", hostname)
    if toggle and trace.bits.left:
        trace.take("more data", trace.bits.left, "Application Identifiers, listed above")


def _trace_value(trace: _Trace, ai: str) -> None:
    before = trace.bits.left
    value = read_value(ai, trace.bits)
    trace.note(before, f"({ai})", value)
