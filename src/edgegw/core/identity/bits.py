"""Reading and writing bit fields as integers, most significant bit first.

>>> bits = Bits(0b1010_0011, 8)
>>> bits.take(4), bits.take(4)
(10, 3)
"""

from __future__ import annotations

from edgegw.core.identity.alphabets import CSET_39, CSET_82

STRING_7 = tuple(chr(code) if chr(code) in CSET_82 else "" for code in range(128))
STRING_6 = tuple(chr(code) if code >= 0x20 else chr(code + 0x40) for code in range(64))
STRING_6 = tuple(char if char in CSET_39 else "" for char in STRING_6)


class Illegal(ValueError):
    """The bits break a rule of their scheme. Never leaves this package: `identify_epc` makes it a value."""


class Bits:
    """A cursor over `size` bits of `value`."""

    __slots__ = ("left", "value")

    def __init__(self, value: int, size: int) -> None:
        self.value = value
        self.left = size

    def take(self, size: int) -> int:
        if size > self.left:
            raise Illegal(f"the tag ends {size - self.left} bits too early")
        self.left -= size
        return self.value >> self.left & (1 << size) - 1

    def rest(self) -> int:
        return self.value & (1 << self.left) - 1


def read_string_7(field: int, size: int) -> str:
    """A string of 7-bit characters that zeros fill up to `size` bits (TDS 14.4.2)."""
    chars = []
    for shift in range(size - 7, -1, -7):
        code = field >> shift & 0x7F
        if not code:
            break
        if not STRING_7[code]:
            raise Illegal(f"code {code} is no character of a GS1 serial (TDS 14.4.2, table A-1)")
        chars.append(STRING_7[code])
    if field & (1 << size - 7 * len(chars)) - 1:
        raise Illegal("there are bits after the end of the string (TDS 14.4.2)")
    if not chars:
        raise Illegal("the string is empty (TDS 14.4.2)")
    return "".join(chars)


def read_string_6(bits: Bits, longest: int) -> str:
    """6-bit characters up to a zero character, at most `longest` (TDS 14.4.8)."""
    chars = []
    while code := bits.take(6):
        if not STRING_6[code]:
            raise Illegal(f"6-bit code {code} is no character of this scheme (TDS 14.4.8, table G-1)")
        chars.append(STRING_6[code])
        if len(chars) > longest:
            raise Illegal(f"the text is longer than {longest} characters (TDS 14.4.8)")
    return "".join(chars)


class Writer:
    """Appends bit fields to a number; the other side of `Bits`."""

    __slots__ = ("size", "value")

    def __init__(self) -> None:
        self.value = 0
        self.size = 0

    def put(self, value: int, size: int) -> None:
        if value >> size:
            raise Illegal(f"{value} does not fit {size} bits")
        self.value = self.value << size | value
        self.size += size


def write_string_7(bits: Writer, text: str, size: int) -> None:
    """7-bit characters and zeros up to `size` bits (TDS 14.3.2)."""
    if 7 * len(text) > size:
        raise Illegal(f"{text!r} is longer than {size // 7} characters (TDS 14.3.2)")
    for char in text:
        bits.put(ord(char), 7)
    bits.put(0, size - 7 * len(text))


def write_string_6(bits: Writer, text: str, longest: int) -> None:
    """6-bit characters and a zero (TDS 14.3.8)."""
    if len(text) > longest:
        raise Illegal(f"{text!r} is longer than {longest} characters (TDS 14.3.8)")
    for char in text:
        bits.put(ord(char) & 0x3F, 6)
    bits.put(0, 6)
