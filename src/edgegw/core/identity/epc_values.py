"""How the EPC schemes of TDS 2.x write values of Application Identifiers in bits (TDS 2.3, 14.5 and 15.3).

`FORMATS` is Table F: for each AI one or two codecs. A codec reads a value off a cursor and writes one.

>>> bits = Writer()
>>> write_value("21", "32a/b", bits)
>>> read_value("21", Bits(bits.value, bits.size))
'32a/b'
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import NamedTuple

from edgegw.core.identity.bits import STRING_7, Bits, Illegal, Writer
from edgegw.core.identity.dates import check_date_or_month
from edgegw.core.identity.digits import is_digits

_BASE_64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"  # RFC 4648, 5
_CODE_40 = "\0" + string.ascii_uppercase + "-.:" + string.digits  # table 14-8; 0 is padding
_UPPER_HEX = string.digits + "ABCDEF"
_LOWER_HEX = string.digits + "abcdef"


class Codec(NamedTuple):
    """`write` takes the head of the text and gives back what it left over, for the next codec of the AI."""

    read: Callable[[Bits], str]
    write: Callable[[str, Writer], str]


def read_value(ai: str, bits: Bits) -> str:
    if ai not in FORMATS:
        raise Illegal(f"({ai}) is not for tags (TDS 15.3, table F)")
    return "".join(codec.read(bits) for codec in FORMATS[ai])


def write_value(ai: str, value: str, bits: Writer) -> None:
    rest = value
    for codec in FORMATS[ai]:
        rest = codec.write(rest, bits)
    if rest:
        raise Illegal(f"({ai}): {value!r} does not fit the format of this AI on tags (TDS 15.3, table F)")


def _numeric_bits(digits: int) -> int:
    """Table B, column integer."""
    largest: int = 10**digits - 1
    return largest.bit_length()


def _decimal(value: int, digits: int) -> str:
    text = str(value).zfill(digits) if digits else ""
    if len(text) > digits:
        raise Illegal(f"{value} has more than {digits} digits")
    return text


def _head(text: str, size: int) -> str:
    head = text[:size]
    if len(head) < size or not is_digits(head):
        raise Illegal(f"{text!r} does not start with {size} digits")
    return head


def _fixed_numeric(digits: int) -> Codec:
    """14.5.4: four bits a digit."""

    def read(bits: Bits) -> str:
        text = f"{bits.take(4 * digits):0{digits}X}"
        if not is_digits(text):
            raise Illegal(f"{text} should be {digits} digits (TDS 14.5.4)")
        return text

    def write(text: str, bits: Writer) -> str:
        bits.put(int(_head(text, digits), 16), 4 * digits)
        return text[digits:]

    return Codec(read, write)


def _fixed_integer(digits: int, size: int) -> Codec:
    """14.5.2: all digits as one integer of fixed size."""

    def write(text: str, bits: Writer) -> str:
        bits.put(int(_head(text, digits)), size)
        return text[digits:]

    return Codec(lambda bits: _decimal(bits.take(size), digits), write)


def _variable_integer(length_bits: int, longest: int) -> Codec:
    """14.5.13: length, then the digits as one integer."""

    def read(bits: Bits) -> str:
        return _read_integer(bits, _read_length(bits, length_bits, longest))

    def write(text: str, bits: Writer) -> str:
        if text and not is_digits(text):
            raise Illegal(f"{text!r} should be digits (TDS 14.5.13)")
        _write_length(text, bits, length_bits, longest)
        _write_integer(text, bits)
        return ""

    return Codec(read, write)


def _read_length(bits: Bits, length_bits: int, longest: int) -> int:
    length = bits.take(length_bits)
    if length > longest:
        raise Illegal(f"{length} characters are more than {longest}")
    return length


def _write_length(text: str, bits: Writer, length_bits: int, longest: int) -> None:
    if len(text) > longest:
        raise Illegal(f"{text!r} is longer than {longest} characters")
    bits.put(len(text), length_bits)


# 14.5.6: encoding indicator, length, then one of six encodings


def _read_integer(bits: Bits, length: int) -> str:
    return _decimal(bits.take(_numeric_bits(length)), length) if length else ""


def _write_integer(text: str, bits: Writer) -> None:
    if text:
        bits.put(int(text), _numeric_bits(len(text)))


def _alphabet(characters: str, size: int) -> tuple[Callable[[Bits, int], str], Callable[[str, Writer], None]]:
    """`size` bits a character."""

    def read(bits: Bits, length: int) -> str:
        return "".join(characters[bits.take(size)] for _ in range(length))

    def write(text: str, bits: Writer) -> None:
        for char in text:
            bits.put(characters.index(char), size)

    return read, write


def _read_ascii(bits: Bits, length: int) -> str:
    """Sets 82 and 39, that is with `#`, which part numbers may have (table E)."""
    codes = [bits.take(7) for _ in range(length)]
    if not all(STRING_7[code] or code == ord("#") for code in codes):
        raise Illegal("a 7-bit code is no character of GS1 set 82 or 39 (TDS 14.5.6.6)")
    return "".join(map(chr, codes))


def _write_ascii(text: str, bits: Writer) -> None:
    for char in text:
        bits.put(ord(char), 7)


def read_code_40(bits: Bits, length: int) -> str:
    """14.5.6.5: three characters in sixteen bits."""
    text = ""
    for _ in range(-(-length // 3)):
        number = bits.take(16) - 1
        if not 0 <= number < 64000:
            raise Illegal(f"{number + 1} is no URN Code 40 triple (TDS 14.5.6.5)")
        text += _CODE_40[number // 1600] + _CODE_40[number // 40 % 40] + _CODE_40[number % 40]
    if "\0" in text[:length] or text[length:].strip("\0"):
        raise Illegal("URN Code 40 padding is not where the length says (TDS 14.5.6.5)")
    return text[:length]


def write_code_40(text: str, bits: Writer) -> None:
    for start in range(0, len(text), 3):
        first, second, third = (_CODE_40.index(char) for char in text[start : start + 3].ljust(3, "\0"))
        bits.put(1600 * first + 40 * second + third + 1, 16)


_read_upper, _write_upper = _alphabet(_UPPER_HEX, 4)
_read_lower, _write_lower = _alphabet(_LOWER_HEX, 4)
_read_64, _write_64 = _alphabet(_BASE_64, 6)

# Table E: what each encoding indicator means, and which texts it can hold
_READERS = (_read_integer, _read_upper, _read_lower, _read_64, _read_ascii, read_code_40)
_WRITERS = (
    (0, "[0-9]*", _write_integer),
    (1, "[0-9A-F]*", _write_upper),
    (2, "[0-9a-f]*", _write_lower),
    (5, "[0-9A-Z.:-]*", write_code_40),
    (3, "[0-9A-Za-z_-]*", _write_64),
    (4, ".*", _write_ascii),
)


def _alphanumeric(length_bits: int, longest: int) -> Codec:
    def read(bits: Bits) -> str:
        indicator = bits.take(3)
        if indicator >= len(_READERS):
            raise Illegal(f"encoding indicator {indicator} is not assigned (TDS 14.5.6, table E)")
        return _READERS[indicator](bits, _read_length(bits, length_bits, longest))

    def write(text: str, bits: Writer) -> str:
        """With the densest encoding that holds the text."""
        indicator, writer = next((i, writer) for i, chars, writer in _WRITERS if re.fullmatch(chars, text))
        bits.put(indicator, 3)
        _write_length(text, bits, length_bits, longest)
        writer(text, bits)
        return ""

    return Codec(read, write)


def _terminated(length_bits: int, longest: int) -> Codec:
    """14.5.5: digits of four bits up to Fh, or up to Eh and a text that starts with no digit."""
    tail = _alphanumeric(length_bits, longest)

    def read(bits: Bits) -> str:
        text = ""
        while (nibble := bits.take(4)) < 10:
            text += str(nibble)
        if nibble == 0xF:
            return text
        if nibble != 0xE:
            raise Illegal(f"nibble {nibble:X} neither is a digit nor ends them (TDS 14.5.5)")
        return text + tail.read(bits)

    def write(text: str, bits: Writer) -> str:
        rest = text.lstrip(string.digits)
        for digit in text[: len(text) - len(rest)]:
            bits.put(int(digit), 4)
        bits.put(0xE if rest else 0xF, 4)
        return tail.write(rest, bits) if rest else ""

    return Codec(read, write)


# Dates and times (14.5.8 to 14.5.11): 7 bits of year, 4 month, 5 day, 5 hour, 6 minute, 6 second


def read_date(bits: Bits) -> str:
    date = _decimal(bits.take(7), 2) + _decimal(bits.take(4), 2) + _decimal(bits.take(5), 2)
    if fault := check_date_or_month(date):
        raise Illegal(f"{fault} (TDS 14.5.8)")
    return date


def write_date(text: str, bits: Writer) -> str:
    date = _head(text, 6)
    bits.put(int(date[:2]), 7)
    bits.put(int(date[2:4]), 4)
    bits.put(int(date[4:]), 5)
    return text[6:]


_TIME_BITS = (5, 6, 6)
_TIME_LIMITS = (24, 59, 59)


def _read_time(bits: Bits, parts: int) -> str:
    values = [bits.take(size) for size in _TIME_BITS[:parts]]
    if any(value > limit for value, limit in zip(values, _TIME_LIMITS, strict=False)):
        raise Illegal(f"{values} is no time of day (TDS 14.5.9)")
    return "".join(f"{value:02}" for value in values)


def _write_time(text: str, bits: Writer, parts: int) -> str:
    time = _head(text, 2 * parts)
    for place, size in enumerate(_TIME_BITS[:parts]):
        bits.put(int(time[2 * place : 2 * place + 2]), size)
    return text[2 * parts :]


def _date_time() -> Codec:
    return Codec(
        lambda bits: read_date(bits) + _read_time(bits, 2),
        lambda text, bits: _write_time(write_date(text, bits), bits, 2),
    )


def _date_range() -> Codec:
    """14.5.10: one date, or after a 1 two."""

    def read(bits: Bits) -> str:
        return "".join(read_date(bits) for _ in range(1 + bits.take(1)))

    def write(text: str, bits: Writer) -> str:
        bits.put(len(text) > 6, 1)
        rest = write_date(text, bits)
        return write_date(rest, bits) if rest else rest

    return Codec(read, write)


_PRECISIONS = (1, 2, 3, 0)  # parts of the time, by format indicator


def _date_and_some_time() -> Codec:
    """14.5.11: how precise, then a date and as much of the time."""

    def read(bits: Bits) -> str:
        parts = _PRECISIONS[bits.take(2)]
        return read_date(bits) + _read_time(bits, parts)

    def write(text: str, bits: Writer) -> str:
        parts = max(0, min(3, len(text) // 2 - 3))
        bits.put(_PRECISIONS.index(parts), 2)
        rest = write_date(text, bits)
        return _write_time(rest, bits, parts) if parts else rest

    return Codec(read, write)


# Small fields


def _country() -> Codec:
    """14.5.12: two capitals of six bits."""

    def write(text: str, bits: Writer) -> str:
        if not re.fullmatch("[A-Z]{2}", text):
            raise Illegal(f"{text!r} is no country of two capitals (TDS 14.5.12)")
        _write_64(text, bits)
        return ""

    return Codec(lambda bits: _read_64(bits, 2), write)


def _one_bit(meanings: tuple[str, str]) -> Codec:
    """14.5.7, 14.5.14."""

    def write(text: str, bits: Writer) -> str:
        if text not in meanings:
            raise Illegal(f"{text!r} is not one of {meanings} (TDS 14.5.7, 14.5.14)")
        bits.put(meanings.index(text), 1)
        return ""

    return Codec(lambda bits: meanings[bits.take(1)], write)


def _sequence() -> Codec:
    """14.5.15: `1/3` in eight bits."""

    def write(text: str, bits: Writer) -> str:
        if not re.fullmatch("[1-9]/[1-9]", text):
            raise Illegal(f"{text!r} is not position/total (TDS 14.5.15)")
        bits.put(int(text[0]) << 4 | int(text[2]), 8)
        return ""

    return Codec(lambda bits: f"{bits.take(4)}/{bits.take(4)}", write)


_CODECS: dict[str, Callable[..., Codec]] = {
    "numeric": _fixed_numeric,
    "integer": _fixed_integer,
    "digits": _variable_integer,
    "text": _alphanumeric,
    "terminated": _terminated,
    "date": lambda: Codec(read_date, write_date),
    "date+time": _date_time,
    "dates": _date_range,
    "date+": _date_and_some_time,
    "country": _country,
    "bit": lambda: _one_bit(("0", "1")),
    "minus": lambda: _one_bit(("", "-")),
    "sequence": _sequence,
}

# Table F (TDS 15.3). numeric: digits; integer: digits, bits; the others: bits of the length, longest
_TABLE_F = """
numeric:2               7241
numeric:13              410-417
numeric:14              01 02
numeric:18              00 8006 8017 8018 8026
numeric:13 text:5:17    253
numeric:13 digits:4:12  255
numeric:14 text:5:16    8003
integer:1:4             7252
integer:2:7             20
integer:3:10            422 424 426
integer:4:14            3940-3943 8111
integer:6:20            3100-3105 3110-3115 3120-3125 3130-3135 3140-3145 3150-3155 3160-3165
integer:6:20            3200-3205 3210-3215 3220-3225 3230-3235 3240-3245 3250-3255 3260-3265 3270-3275
integer:6:20            3280-3285 3290-3295 3300-3305 3310-3315 3320-3325 3330-3335 3340-3345 3350-3355
integer:6:20            3360-3365 3370-3375 3400-3405 3410-3415 3420-3425 3430-3435 3440-3445 3450-3455
integer:6:20            3460-3465 3470-3475 3480-3485 3490-3495 3500-3505 3510-3515 3520-3525 3530-3535
integer:6:20            3540-3545 3550-3555 3560-3565 3570-3575 3600-3605 3610-3615 3620-3625 3630-3635
integer:6:20            3640-3645 3650-3655 3660-3665 3670-3675 3680-3685 3690-3695 3950-3953 8005
integer:6:20 minus      4330-4333
integer:8:27            7250
integer:12:40           7251
integer:13:44           7001
integer:14:47           8001
integer:17:57           402
integer:20:67           4309
integer:3:10 digits:4:15  3910-3919 3930-3939
integer:3:10 text:4:9   421
integer:3:10 text:5:27  7030-7039
digits:3:4              7004
digits:3:6              242
digits:4:8              30 37
digits:4:10             8019
digits:4:12             8011
digits:4:15             3900-3909 3920-3929 423 425
terminated:5:30         7023 8004 8010
text:2:2                7010
text:2:3                427 7008
text:3:4                7040 7041
text:4:10               7009 7255
text:4:12               7005
text:5:20               10 21 22 243 254 420 4318 7020-7022 710-716 7240 8002 8012
text:5:24               8007
text:5:25               7242 8013 8020
text:5:28               235
text:5:30               240 241 250 251 400 401 403 4308 4319 7002 7230-7239 90
text:6:35               4300 4301 4310 4311 4320
text:6:40               7253 7254 7259
text:6:50               8009
text:7:70               4302-4306 4312-4316 7257 8110 8112 8200
text:7:90               7256 8030 91-99
date                    11-13 15-17 4326 7006
date+time               4324 4325 7003
dates                   7007
date+                   7011 8008
country                 4307 4317
bit                     4321-4323
sequence                7258
"""


def _codec(text: str) -> Codec:
    name, *numbers = text.split(":")
    return _CODECS[name](*map(int, numbers))


def _table_f() -> dict[str, tuple[Codec, ...]]:
    formats: dict[str, tuple[Codec, ...]] = {}
    for line in _TABLE_F.strip().splitlines():
        words = line.split()
        first = next(place for place, word in enumerate(words) if word[0].isdigit())
        codecs = tuple(_codec(word) for word in words[:first])
        for ais in words[first:]:
            start, _, end = ais.partition("-")
            for number in range(int(start), int(end or start) + 1):
                formats[str(number).zfill(len(start))] = codecs
    return formats


FORMATS = _table_f()
