"""Tables of the EPC binary schemes with a company prefix (GS1 TDS 2.3, 14.6), as plain numbers.

A partition row is (prefix bits, prefix digits, reference bits, reference digits); a table has one row for
each partition value 0 to 6. Value 7 does not exist (TDS 14.4.3).
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    prefix_bits: int
    prefix_digits: int
    reference_bits: int
    reference_digits: int
    prefix_mask: int
    reference_mask: int


Partitions = tuple[Row, ...]

_PREFIXES = ((40, 12), (37, 11), (34, 10), (30, 9), (27, 8), (24, 7), (20, 6))


def _rows(references: tuple[tuple[int, int], ...]) -> Partitions:
    return tuple(
        Row(bits, digits, reference_bits, reference_digits, (1 << bits) - 1, (1 << reference_bits) - 1)
        for (bits, digits), (reference_bits, reference_digits) in zip(_PREFIXES, references, strict=True)
    )


SGTIN = _rows(((4, 1), (7, 2), (10, 3), (14, 4), (17, 5), (20, 6), (24, 7)))  # 14.6.1, also ITIP 14.6.11
SSCC = _rows(((18, 5), (21, 6), (24, 7), (28, 8), (31, 9), (34, 10), (38, 11)))  # 14.6.2, also GSRN 14.6.6
SGLN = _rows(((1, 0), (4, 1), (7, 2), (11, 3), (14, 4), (17, 5), (21, 6)))  # 14.6.3, also GDTI and SGCN
GRAI = _rows(((4, 0), (7, 1), (10, 2), (14, 3), (17, 4), (20, 5), (24, 6)))  # 14.6.4
GIAI_96 = _rows(((42, 13), (45, 14), (48, 15), (52, 16), (55, 17), (58, 18), (62, 19)))  # 14.6.5.1
GIAI_202 = _rows(((148, 18), (151, 19), (154, 20), (158, 21), (161, 22), (164, 23), (168, 24)))  # 14.6.5.2
CPI_96 = _rows(((11, 3), (14, 4), (17, 5), (21, 6), (24, 7), (27, 8), (31, 9)))  # 14.6.9.1
CPI_VAR = _rows(((114, 18), (120, 19), (126, 20), (132, 21), (138, 22), (144, 23), (150, 24)))  # 14.6.9.2
