"""The walk over LLRP parameters (LLRP 1.0.1, 15.2.1).

TV parameters: high bit set, 7-bit type, fixed size. TLV parameters: 6 reserved bits, 10-bit type, 16-bit length
that includes the 4-byte header. A Custom parameter (type 1023) carries vendor and subtype, 32 bits each.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

CUSTOM = 1023
FIRST_TLV = 128

# Body sizes of TV parameters in bytes (LLRP 1.1, 17.2.7.3 and 17.3.1.5).
TV_BYTES = {
    1: 2, 2: 8, 3: 8, 4: 8, 5: 8, 6: 1, 7: 2, 8: 2, 9: 4, 10: 2,
    11: 2, 12: 2, 13: 12, 14: 2, 15: 2, 16: 4, 17: 2, 18: 4, 19: 2, 20: 2,
}  # fmt: skip

_TV_SIZES = [0] * 128 + [TV_BYTES.get(kind, -1) + 1 for kind in range(128)]
"""Whole size of the TV parameter that begins with this byte; 0 = there is none."""
_U16X2 = Struct(">HH")
_U32X2 = Struct(">II")


class Malformed(ValueError):
    """These bytes are not what the standard says. Never leaves the receiving side: it becomes a counter.

    at  the first byte of the body that does not fit; None = not known
    """

    def __init__(self, problem: str, at: int | None = None) -> None:
        self.at = at
        super().__init__(problem)


def walk(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield the parameters of data[start:end] in order: type, vendor, subtype, and where the content begins and ends.

    Vendor and subtype are 0 but for Custom parameters. Raises Malformed at the first that does not fit. Plain tuples
    in one loop: this runs half a dozen times for every tag that is read.
    """
    at = start
    while at < end:
        kind = data[at]
        if kind & 0x80:
            content, following = at + 1, at + _TV_SIZES[kind]
            if following == at or following > end:
                raise Malformed(f"TV parameter {kind & 0x7F} at byte {at} is unknown or cut off", at)
            yield kind & 0x7F, 0, 0, content, following
        else:
            if at + 4 > end:
                raise Malformed(f"parameter header at byte {at} is cut off", at)
            word, length = _U16X2.unpack_from(data, at)
            kind, following = word & 0x3FF, at + length
            if kind < FIRST_TLV:
                raise Malformed(f"parameter {kind} at byte {at} is none that has a length", at)
            if length < 4 or following > end:
                raise Malformed(f"parameter {kind} at byte {at} has length {length}, {end - at} bytes are left", at)
            if kind != CUSTOM:
                yield kind, 0, 0, at + 4, following
            elif length < 12:
                raise Malformed(f"custom parameter at byte {at} is too short for vendor and subtype", at)
            else:
                yield kind, *_U32X2.unpack_from(data, at + 4), at + 12, following
        at = following
