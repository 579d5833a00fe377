"""Decoder of EPC binary encodings (GS1 TDS 2.3, chapter 14), over integers.

A tag becomes a unit only if every bit of it follows its scheme: known header, existing partition, fields
within their digits, legal characters, zeros after the end. So no two tags share a key by accident, and a
tag that breaks a rule says which.

>>> identify_epc(bytes.fromhex("3066C4409047E140075BCD15"), 96).unit
'https://id.gs1.org/01/09506000134352/21/123456789'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edgegw.core.identity import epc_tables as tables
from edgegw.core.identity.alphabets import escape_urn
from edgegw.core.identity.bits import Bits, Illegal, read_string_6, read_string_7
from edgegw.core.identity.digits import with_check_digit
from edgegw.core.identity.epc_plus import PLUS_SCHEMES, PlusScheme, decode_plus
from edgegw.core.identity.gs1_identity import HOST, canonical_link
from edgegw.core.identity.value import Identity, Kind, Pairs, refuse

MOST_EPC_BITS = 496
"""The length in a tag's PC word has 5 bits and counts words of 16 (EPC UHF Gen2 v2.1, 6.3.2.1.2.2)."""
_CAGE = frozenset("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789")  # no I, no O (TDS 6.3.17)


class FixedScheme(NamedTuple):
    """A scheme of `bits` bits, header included; `decode` gets them as a number."""

    name: str
    bits: int
    decode: Callable[[int], Identity]

    def read(self, value: int, bits: int) -> tuple[Identity, int]:
        """The identity, and how many bits are left after it."""
        spare = bits - self.bits
        if spare < 0:
            raise Illegal(f"{self.name} takes {self.bits} bits, the tag holds {bits}")
        return self.decode(value >> spare), spare


class VariableScheme(NamedTuple):
    """A scheme that ends where its last field does; `decode` gets a cursor behind the header."""

    name: str
    decode: Callable[[Bits], Identity]

    def read(self, value: int, bits: int) -> tuple[Identity, int]:
        cursor = Bits(value, bits - 8)
        return self.decode(cursor), cursor.left


def identify_epc(epc: bytes, bits: int, pc: int | None = None) -> Identity:
    """The identity in the first `bits` bits of `epc`, with the tag's PC word if the reader gave it.

    Never raises. Zeros after the scheme's own bits are padding to the 16-bit words of Gen2 memory;
    anything else there is refused (TDS 18.1.2). The PC's length trims what the reader added, its toggle
    bit 17h says that this is no GS1 EPC at all but an ISO application with an AFI (TDS 9.3, 15.2.1).
    """
    size = 8 * len(epc)
    if not 0 < bits <= size:
        return refuse("raw", f"a reader reported {bits} EPC bits in {len(epc)} bytes")
    if bits > MOST_EPC_BITS:
        return refuse("raw", f"a reader reported {bits} EPC bits, and no tag holds more than {MOST_EPC_BITS} (Gen2)")
    value = int.from_bytes(epc) >> size - bits
    if pc is not None:
        if pc & 0x0100:
            return _raw(value, bits, f"the tag belongs to an ISO application, AFI {pc & 0xFF:02X}h", pc & 0xFF)
        spare = bits - 16 * (pc >> 11)
        if 0 < spare < bits:
            value, bits = value >> spare, bits - spare
    scheme = SCHEMES.get(epc[0]) if bits >= 8 else None
    if scheme is None:
        return _raw(value, bits, _why_unknown(value, bits))
    try:
        identity, spare = scheme.read(value, bits)
    except Illegal as illegal:
        return refuse(scheme.name, str(illegal), raw_uri(value, bits))
    if spare and value & (1 << spare) - 1:
        reason = f"{scheme.name} ends {spare} bits before the tag does, but not all of these are zero (TDS 18.1.2)"
        return refuse(scheme.name, reason, raw_uri(value, bits))
    return identity


def raw_uri(value: int, bits: int, afi: int | None = None) -> str:
    """`urn:epc:raw:96.x30...`, or with an AFI `urn:epc:raw:96.xA1.x...` (TDS 12.1, 15.2.1)."""
    family = "" if afi is None else f"x{afi:02X}."
    return f"urn:epc:raw:{bits}.{family}x{value:0{(bits + 3) // 4}X}"


def _raw(value: int, bits: int, reason: str, afi: int | None = None) -> Identity:
    uri = raw_uri(value, bits, afi)
    return Identity("raw", uri, "raw", epc_uri=uri, reason=reason)


def _why_unknown(value: int, bits: int) -> str:
    if not value:
        return "the tag holds only zeros: it was never programmed"
    if bits < 8:
        return f"{bits} bits are too few for an EPC header"
    return f"header {value >> bits - 8:02X}h belongs to no EPC scheme (TDS 14.2)"


def _split(field: int, partition: int, table: tables.Partitions) -> tuple[str, str]:
    """Company prefix and reference, as digits, from the last bits of `field` (TDS 14.4.3)."""
    if partition == 7:
        raise Illegal("partition 7 does not exist (TDS 14.4.3)")
    _, prefix_digits, reference_bits, reference_digits, prefix_mask, reference_mask = table[partition]
    prefix = str(field >> reference_bits & prefix_mask).zfill(prefix_digits)
    reference = str(field & reference_mask).zfill(reference_digits)
    if len(prefix) > prefix_digits:
        raise Illegal(f"company prefix {prefix} has more than {prefix_digits} digits (TDS 14.4.3)")
    if len(reference) > reference_digits:
        if reference != "0":
            raise Illegal(f"reference {reference} has more than {reference_digits} digits (TDS 14.4.3)")
        reference = ""
    return prefix, reference


def _prefix_and_text(field: int, partition: int, table: tables.Partitions) -> tuple[str, int, int]:
    """Company prefix, and the bits and number of bits of what follows it (TDS 14.4.4, 14.4.5)."""
    if partition == 7:
        raise Illegal("partition 7 does not exist (TDS 14.4.3)")
    row = table[partition]
    prefix = str(field >> row.reference_bits & row.prefix_mask).zfill(row.prefix_digits)
    if len(prefix) > row.prefix_digits:
        raise Illegal(f"company prefix {prefix} has more than {row.prefix_digits} digits (TDS 14.4.3)")
    return prefix, field & row.reference_mask, row.reference_bits


def _filter(value: int) -> Pairs:
    return (("filter", str(value)),)


def _serialised(scheme: str, filter_value: int, ai: Pairs, uri: str, kind: Kind = "unit") -> Identity:
    tag_uri = f"urn:epc:tag:{scheme}:{filter_value}.{uri}"
    return Identity(kind, canonical_link(ai), scheme, ai, _filter(filter_value), tag_uri)


# SGTIN (TDS 14.6.1)


def _sgtin_96(n: int) -> Identity:
    prefix, reference = _split(n >> 38, n >> 82 & 7, tables.SGTIN)
    serial = str(n & 0x3F_FFFF_FFFF)
    gtin = with_check_digit(reference[0] + prefix + reference[1:])
    filter_value = n >> 85 & 7
    return Identity(
        "unit",
        f"{HOST}/01/{gtin}/21/{serial}",
        "sgtin-96",
        (("01", gtin), ("21", serial)),
        _FILTERS[filter_value],
        f"urn:epc:tag:sgtin-96:{filter_value}.{prefix}.{reference}.{serial}",
    )


_FILTERS = tuple(_filter(value) for value in range(8))


def _sgtin_198(n: int) -> Identity:
    prefix, reference = _split(n >> 140, n >> 184 & 7, tables.SGTIN)
    serial = read_string_7(n & (1 << 140) - 1, 140)
    gtin = with_check_digit(reference[0] + prefix + reference[1:])
    uri = f"{prefix}.{reference}.{escape_urn(serial)}"
    return _serialised("sgtin-198", n >> 187 & 7, (("01", gtin), ("21", serial)), uri)


# SSCC (14.6.2), GSRN and GSRNP (14.6.6, 14.6.7): one number and 24 bits that stay zero


def _eighteen_digits(scheme: str, ai: str, n: int) -> Identity:
    if n & 0xFF_FFFF:
        raise Illegal(f"the last 24 bits of {scheme} must be zero")
    prefix, reference = _split(n >> 24, n >> 82 & 7, tables.SSCC)
    body = prefix + reference if ai != "00" else reference[0] + prefix + reference[1:]
    return _serialised(scheme, n >> 85 & 7, ((ai, with_check_digit(body)),), f"{prefix}.{reference}")


# SGLN (14.6.3): extension 0 means the place itself, without extension (TDS 6.3.3)


def _sgln(scheme: str, filter_value: int, prefix: str, reference: str, extension: str) -> Identity:
    gln = with_check_digit(prefix + reference)
    ai: Pairs = (("414", gln),) if extension == "0" else (("414", gln), ("254", extension))
    return _serialised(scheme, filter_value, ai, f"{prefix}.{reference}.{escape_urn(extension)}", "location")


def _sgln_96(n: int) -> Identity:
    prefix, reference = _split(n >> 41, n >> 82 & 7, tables.SGLN)
    return _sgln("sgln-96", n >> 85 & 7, prefix, reference, str(n & (1 << 41) - 1))


def _sgln_195(n: int) -> Identity:
    prefix, reference = _split(n >> 140, n >> 181 & 7, tables.SGLN)
    return _sgln("sgln-195", n >> 184 & 7, prefix, reference, read_string_7(n & (1 << 140) - 1, 140))


# GRAI (14.6.4), GDTI (14.6.8), SGCN (14.6.10): thirteen digits and a serial


def _thirteen_digits(scheme: str, ai: str, filter_value: int, prefix: str, reference: str, serial: str) -> Identity:
    filler = "0" if ai == "8003" else ""
    number = filler + with_check_digit(prefix + reference) + serial
    return _serialised(scheme, filter_value, ((ai, number),), f"{prefix}.{reference}.{escape_urn(serial)}")


def _grai_96(n: int) -> Identity:
    prefix, reference = _split(n >> 38, n >> 82 & 7, tables.GRAI)
    return _thirteen_digits("grai-96", "8003", n >> 85 & 7, prefix, reference, str(n & (1 << 38) - 1))


def _grai_170(n: int) -> Identity:
    prefix, reference = _split(n >> 112, n >> 156 & 7, tables.GRAI)
    serial = read_string_7(n & (1 << 112) - 1, 112)
    return _thirteen_digits("grai-170", "8003", n >> 159 & 7, prefix, reference, serial)


def _gdti_96(n: int) -> Identity:
    prefix, reference = _split(n >> 41, n >> 82 & 7, tables.SGLN)
    return _thirteen_digits("gdti-96", "253", n >> 85 & 7, prefix, reference, str(n & (1 << 41) - 1))


def _gdti_113(n: int) -> Identity:
    """Withdrawn by TDS 1.9, still on tags."""
    prefix, reference = _split(n >> 58, n >> 99 & 7, tables.SGLN)
    serial = _numeric_string(n & (1 << 58) - 1, 17)
    return _thirteen_digits("gdti-113", "253", n >> 102 & 7, prefix, reference, serial)


def _gdti_174(n: int) -> Identity:
    prefix, reference = _split(n >> 119, n >> 160 & 7, tables.SGLN)
    serial = read_string_7(n & (1 << 119) - 1, 119)
    return _thirteen_digits("gdti-174", "253", n >> 163 & 7, prefix, reference, serial)


def _sgcn_96(n: int) -> Identity:
    prefix, reference = _split(n >> 41, n >> 82 & 7, tables.SGLN)
    serial = _numeric_string(n & (1 << 41) - 1, 12)
    return _thirteen_digits("sgcn-96", "255", n >> 85 & 7, prefix, reference, serial)


def _numeric_string(field: int, longest: int) -> str:
    """Digits that may start with zeros, kept by a 1 in front of them (TDS 14.4.6)."""
    digits = str(field)
    if digits[0] != "1" or not 1 < len(digits) <= longest + 1:
        raise Illegal(f"serial field {digits} is not 1 and up to {longest} digits (TDS 14.4.6)")
    return digits[1:]


# GIAI (14.6.5)
_LONGEST_GIAI = 30


def _giai_96(n: int) -> Identity:
    prefix, field, _ = _prefix_and_text(n, n >> 82 & 7, tables.GIAI_96)
    return _serialised("giai-96", n >> 85 & 7, (("8004", f"{prefix}{field}"),), f"{prefix}.{field}")


def _giai_202(n: int) -> Identity:
    prefix, field, size = _prefix_and_text(n, n >> 188 & 7, tables.GIAI_202)
    asset = read_string_7(field, size)
    if len(prefix + asset) > _LONGEST_GIAI:
        raise Illegal(f"{prefix}{asset} is longer than {_LONGEST_GIAI} characters (TDS 14.4.5)")
    return _serialised("giai-202", n >> 191 & 7, (("8004", prefix + asset),), f"{prefix}.{escape_urn(asset)}")


# ITIP (14.6.11)


def _itip(scheme: str, filter_value: int, partition: int, n: int, serial: str) -> Identity:
    prefix, reference = _split(n >> 14, partition, tables.SGTIN)
    piece, total = n >> 7 & 0x7F, n & 0x7F
    if piece > 99 or total > 99:
        raise Illegal(f"piece {piece} of {total} does not fit two digits (TDS 14.4.10)")
    gtin = with_check_digit(reference[0] + prefix + reference[1:])
    uri = f"{prefix}.{reference}.{piece:02}.{total:02}.{escape_urn(serial)}"
    return _serialised(scheme, filter_value, (("8006", f"{gtin}{piece:02}{total:02}"), ("21", serial)), uri)


def _itip_110(n: int) -> Identity:
    return _itip("itip-110", n >> 99 & 7, n >> 96 & 7, n >> 38, str(n & (1 << 38) - 1))


def _itip_212(n: int) -> Identity:
    serial = read_string_7(n & (1 << 140) - 1, 140)
    return _itip("itip-212", n >> 201 & 7, n >> 198 & 7, n >> 140, serial)


# CPI (14.6.9)


def _cpi(scheme: str, filter_value: int, prefix: str, part: str, serial: int) -> Identity:
    ai = (("8010", prefix + part), ("8011", str(serial)))
    return _serialised(scheme, filter_value, ai, f"{prefix}.{escape_urn(part)}.{serial}")


def _cpi_96(n: int) -> Identity:
    partition = n >> 82 & 7
    prefix, part, _ = _prefix_and_text(n >> 31, partition, tables.CPI_96)
    if len(str(part)) > tables.CPI_96[partition].reference_digits:
        raise Illegal(f"part reference {part} has too many digits for partition {partition} (TDS 14.4.4)")
    return _cpi("cpi-96", n >> 85 & 7, prefix, str(part), n & (1 << 31) - 1)


def _cpi_var(bits: Bits) -> Identity:
    filter_value, partition = bits.take(3), bits.take(3)
    if partition == 7:
        raise Illegal("partition 7 does not exist (TDS 14.4.3)")
    row = tables.CPI_VAR[partition]
    prefix = str(bits.take(row.prefix_bits)).zfill(row.prefix_digits)
    if len(prefix) > row.prefix_digits:
        raise Illegal(f"company prefix {prefix} has more than {row.prefix_digits} digits (TDS 14.4.3)")
    part = read_string_6(bits, row.reference_digits)
    if not part:
        raise Illegal("the part reference is empty (TDS 14.4.9)")
    serial = bits.take(40)
    if serial >= 10**12:
        raise Illegal(f"serial {serial} has more than 12 digits (TDS 14.6.9)")
    return _cpi("cpi-var", filter_value, prefix, part, serial)


# GID, USDOD, ADI (14.6.12 to 14.6.14): no GS1 key, so the pure identity URI is the unit


def _gid_96(n: int) -> Identity:
    body = f"{n >> 60 & (1 << 28) - 1}.{n >> 36 & (1 << 24) - 1}.{n & (1 << 36) - 1}"
    return Identity("unit", f"urn:epc:id:gid:{body}", "gid-96", epc_uri=f"urn:epc:tag:gid-96:{body}")


def _usdod_96(n: int) -> Identity:
    code = (n >> 36 & (1 << 48) - 1).to_bytes(6).decode("latin-1")
    body = f"{_cage(code)}.{n & (1 << 36) - 1}"
    filter_value = n >> 84 & 15
    uri = f"urn:epc:tag:usdod-96:{filter_value}.{body}"
    return Identity("unit", f"urn:epc:id:usdod:{body}", "usdod-96", (), _filter(filter_value), uri)


def _cage(code: str) -> str:
    """A DoDAAC of six characters, or a CAGE code of five after a space (TDS 14.4.7)."""
    cage = code[1:] if code[0] == " " else code
    if not _CAGE.issuperset(cage):
        raise Illegal(f"{code!r} is neither a CAGE code nor a DoDAAC (TDS 14.4.7)")
    return cage


def _adi_var(bits: Bits) -> Identity:
    filter_value = bits.take(6)
    codes = [bits.take(6) for _ in range(6)]
    cage = _cage("".join(chr(code if code >= 0x20 else code + 0x40) for code in codes))
    part, serial = read_string_6(bits, 32), read_string_6(bits, 30)
    if not serial or "#" in serial[1:] or serial == "#" or "#" in part:
        raise Illegal("serial is empty, or has # elsewhere than in front (TDS 6.3.18)")
    body = f"{cage}.{escape_urn(part)}.{escape_urn(serial)}"
    uri = f"urn:epc:tag:adi-var:{filter_value}.{body}"
    return Identity("unit", f"urn:epc:id:adi:{body}", "adi-var", (), _filter(filter_value), uri)


SCHEMES: dict[int, FixedScheme | VariableScheme] = {  # EPC headers (TDS 14.2)
    0x2C: FixedScheme("gdti-96", 96, _gdti_96),
    0x2D: FixedScheme("gsrn-96", 96, lambda n: _eighteen_digits("gsrn-96", "8018", n)),
    0x2E: FixedScheme("gsrnp-96", 96, lambda n: _eighteen_digits("gsrnp-96", "8017", n)),
    0x2F: FixedScheme("usdod-96", 96, _usdod_96),
    0x30: FixedScheme("sgtin-96", 96, _sgtin_96),
    0x31: FixedScheme("sscc-96", 96, lambda n: _eighteen_digits("sscc-96", "00", n)),
    0x32: FixedScheme("sgln-96", 96, _sgln_96),
    0x33: FixedScheme("grai-96", 96, _grai_96),
    0x34: FixedScheme("giai-96", 96, _giai_96),
    0x35: FixedScheme("gid-96", 96, _gid_96),
    0x36: FixedScheme("sgtin-198", 198, _sgtin_198),
    0x37: FixedScheme("grai-170", 170, _grai_170),
    0x38: FixedScheme("giai-202", 202, _giai_202),
    0x39: FixedScheme("sgln-195", 195, _sgln_195),
    0x3A: FixedScheme("gdti-113", 113, _gdti_113),
    0x3B: VariableScheme("adi-var", _adi_var),
    0x3C: FixedScheme("cpi-96", 96, _cpi_96),
    0x3D: VariableScheme("cpi-var", _cpi_var),
    0x3E: FixedScheme("gdti-174", 174, _gdti_174),
    0x3F: FixedScheme("sgcn-96", 96, _sgcn_96),
    0x40: FixedScheme("itip-110", 110, _itip_110),
    0x41: FixedScheme("itip-212", 212, _itip_212),
}


def _plus(scheme: PlusScheme) -> VariableScheme:
    return VariableScheme(scheme.name, lambda bits: decode_plus(scheme, bits))


SCHEMES |= {header: _plus(scheme) for header, scheme in PLUS_SCHEMES.items()}
