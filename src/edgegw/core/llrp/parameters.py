"""The walk over LLRP parameters (LLRP 1.0.1, 15.2.1).

TV parameters: high bit set, 7-bit type, fixed size. TLV parameters: 6 reserved bits, 10-bit type, 16-bit length
that includes the 4-byte header. A Custom parameter (type 1023) carries vendor and subtype, 32 bits each.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

CUSTOM = 1023

# Body sizes of TV parameters in bytes (LLRP 1.1, 17.2.7.3 and 17.3.1.5).
TV_BYTES = {
    1: 2, 2: 8, 3: 8, 4: 8, 5: 8, 6: 1, 7: 2, 8: 2, 9: 4, 10: 2,
    11: 2, 12: 2, 13: 12, 14: 2, 15: 2, 16: 4, 17: 2, 18: 4, 19: 2, 20: 2,
}  # fmt: skip

_U16X2 = Struct(">HH")
_U32X2 = Struct(">II")


class Malformed(ValueError):
    """These bytes are not what the standard says. Never leaves the receiving side: it becomes a counter."""


class Parameter(NamedTuple):
    """Where one parameter stands: its content is data[start:end]. vendor and subtype only for Custom ones."""

    type: int
    vendor: int
    subtype: int
    start: int
    end: int


def walk(data: bytes, start: int, end: int) -> Iterator[Parameter]:
    """Yield the parameters of data[start:end] in order. Raises Malformed at the first that does not fit."""
    at = start
    while at < end:
        parameter = _parameter(data, at, end)
        yield parameter
        at = parameter.end


def _parameter(data: bytes, at: int, end: int) -> Parameter:
    if data[at] & 0x80:
        kind = data[at] & 0x7F
        size = TV_BYTES.get(kind)
        if size is None or at + 1 + size > end:
            raise Malformed(f"TV parameter {kind} at byte {at} is unknown or cut off")
        return Parameter(kind, 0, 0, at + 1, at + 1 + size)
    if at + 4 > end:
        raise Malformed(f"parameter header at byte {at} is cut off")
    word, length = _U16X2.unpack_from(data, at)
    kind = word & 0x3FF
    if length < 4 or at + length > end:
        raise Malformed(f"parameter {kind} at byte {at} has length {length}, {end - at} bytes are left")
    if kind != CUSTOM:
        return Parameter(kind, 0, 0, at + 4, at + length)
    if length < 12:
        raise Malformed(f"custom parameter at byte {at} is too short for vendor and subtype")
    vendor, subtype = _U32X2.unpack_from(data, at + 4)
    return Parameter(kind, vendor, subtype, at + 12, at + length)
