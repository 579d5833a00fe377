"""Bytes <-> messages, both ways, for every row of `layouts`. Strict: what the layout does not allow is refused.

A message or parameter is an `Element`: its name, its fields by name, its children in wire order. Bit fields and
numbers are `int`, text is `str`, byte strings are `bytes`, lists are tuples, bit strings are `Bits`.

    >>> encode(Message("KEEPALIVE", id=7)).hex()
    '043e0000000a00000007'
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from simulators.llrp_reader.layouts import CUSTOM, MESSAGES, PARAMETERS, SINCE_1_1, Field, Layout, Slot
from simulators.llrp_reader.status import Refusal, Status

HEADER = struct.Struct(">HII")
LONGEST_MESSAGE = 1 << 20
UNKNOWN = "UNKNOWN"


class Bits(NamedTuple):
    """`length` bits, left-aligned in `data`."""

    length: int
    data: bytes


Value = int | str | bytes | tuple[int, ...] | Bits


@dataclass(slots=True)
class Element:
    """One message or parameter."""

    name: str
    fields: dict[str, Value] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)

    def number(self, name: str) -> int:
        """A numeric field."""
        value = self.fields[name]
        if not isinstance(value, int):
            raise TypeError(f"{self.name}.{name} is no number: {value!r}")
        return value

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list field."""
        value = self.fields[name]
        if not isinstance(value, tuple) or isinstance(value, Bits):
            raise TypeError(f"{self.name}.{name} is no list: {value!r}")
        return value

    def all(self, name: str) -> list[Element]:
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> Element | None:
        return next((child for child in self.children if child.name == name), None)

    def one(self, name: str) -> Element:
        """The child of that name; KeyError where the layout does not demand it."""
        child = self.first(name)
        if child is None:
            raise KeyError(f"{self.name} has no {name}")
        return child


@dataclass(slots=True)
class Message(Element):
    """An element with the header's message id and protocol version (1 = LLRP 1.0.1, 2 = LLRP 1.1)."""

    id: int = 0
    version: int = 1


def parameter(name: str, *children: Element, **fields: Value) -> Element:
    """Shorthand: `parameter("ROSpecEvent", EventType=0, ROSpecID=1, PreemptingROSpecID=0)`."""
    return Element(name, fields, list(children))


# -- encoding -------------------------------------------------------------------------------------------------

_PLAIN: Mapping[str, struct.Struct] = {
    kind: struct.Struct(">" + code)
    for kind, code in {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "s8": "b", "s16": "h"}.items()
}


def encode(message: Message) -> bytes:
    """The whole frame. KeyError/struct.error = the caller's message does not fit its layout."""
    layout = MESSAGES[message.name]
    return frame(layout.number, encode_body(layout, message), message.id, message.version)


def frame(number: int, body: bytes, id: int, version: int = 1) -> bytes:
    """Header and body."""
    return HEADER.pack(version << 10 | number, HEADER.size + len(body), id) + body


def encode_body(layout: Layout, element: Element) -> bytes:
    """What follows the header of a message."""
    body = b"" if not layout.vendor else layout.vendor.to_bytes(4, "big") + layout.subtype.to_bytes(1, "big")
    return body + _encode_content(layout, element)


def encode_parameter(element: Element) -> bytes:
    """One parameter with its header, TV or TLV."""
    layout = PARAMETERS[element.name]
    content = _encode_content(layout, element)
    if layout.number < 128:
        return bytes((0x80 | layout.number,)) + content
    if layout.vendor:
        content = struct.pack(">II", layout.vendor, layout.subtype) + content
    return struct.pack(">HH", layout.number, 4 + len(content)) + content


def _encode_content(layout: Layout, element: Element) -> bytes:
    children = b"".join(map(encode_parameter, element.children))
    return _encode_fields(layout, element) + children


def _encode_fields(layout: Layout, element: Element) -> bytes:
    out = bytearray()
    bits = width = 0
    for spec in layout.fields:
        value: Value = 0 if spec.name == "-" else element.fields[spec.name]
        if not spec.bits:
            out += _encode_value(spec.kind, value)
            continue
        if not isinstance(value, int) or not 0 <= value < 1 << spec.bits:
            raise ValueError(f"{layout.name}.{spec.name}: {value!r} does not fit {spec.bits} bits")
        bits, width = bits << spec.bits | value, width + spec.bits
        if width % 8 == 0:
            out += bits.to_bytes(width // 8, "big")
            bits = width = 0
    return bytes(out)


def _encode_value(kind: str, value: Value) -> bytes:
    plain = _PLAIN.get(kind)
    if plain is not None:
        return plain.pack(value)
    match kind, value:
        case "bits", Bits(length=length, data=data):
            return length.to_bytes(2, "big") + data
        case "utf8", str():
            text = value.encode()
            return len(text).to_bytes(2, "big") + text
        case "u8v", bytes():
            return len(value).to_bytes(2, "big") + value
        case (("u16v" | "u32v"), tuple()):
            return struct.pack(f">H{len(value)}{'H' if kind == 'u16v' else 'I'}", len(value), *value)
        case (("rest" | "u96"), bytes()):
            return value
    raise TypeError(f"{value!r} is no {kind}")


# -- decoding -------------------------------------------------------------------------------------------------

_MESSAGE_NAMES = {(row.number, row.vendor, row.subtype): row.name for row in MESSAGES.values()}
_PARAMETER_NAMES = {(row.number, row.vendor, row.subtype): row.name for row in PARAMETERS.values()}


class Header(NamedTuple):
    version: int
    number: int
    length: int
    id: int


def read_header(data: bytes | bytearray) -> Header:
    """The first ten bytes of `data`."""
    first, length, id = HEADER.unpack_from(data)
    return Header(first >> 10 & 7, first & 0x3FF, length, id)


def take_frames(buffer: bytearray) -> Iterator[bytes]:
    """Take the whole frames off the front of `buffer`. Refusal: a length field that cannot be."""
    while len(buffer) >= HEADER.size:
        length = read_header(buffer).length
        if not HEADER.size <= length <= LONGEST_MESSAGE:
            raise Refusal(Status.M_PARAMETER_ERROR, f"message length {length} is not possible")
        if len(buffer) < length:
            return
        whole = bytes(buffer[:length])
        del buffer[:length]
        yield whole


def message_name(data: bytes) -> str:
    """Name of a frame's message type; "UNKNOWN" if it has none."""
    number = read_header(data).number
    if number == CUSTOM and len(data) >= 15:
        vendor, subtype = struct.unpack_from(">IB", data, HEADER.size)
        return _MESSAGE_NAMES.get((number, vendor, subtype), "CUSTOM_MESSAGE")
    return _MESSAGE_NAMES.get((number, 0, 0), UNKNOWN)


def decode(data: bytes) -> Message:
    """One whole frame. Refusal: not a message of LLRP, with the path to what is wrong."""
    header, name = read_header(data), message_name(data)
    if name == UNKNOWN:
        raise Refusal(Status.M_UNSUPPORTED_MESSAGE, f"message type {header.number} is not known")
    return decode_body(name, data[HEADER.size :], header.id, header.version)


def decode_body(name: str, body: bytes, id: int = 0, version: int = 1) -> Message:
    """What follows the header of the message `name`. Refusal as `decode`."""
    layout = MESSAGES[name]
    start = 5 if layout.vendor else 0
    fields, children = _decode_content(layout, body[start:], version)
    return Message(name, fields, children, id=id, version=version)


def _decode_content(layout: Layout, data: bytes, version: int) -> tuple[dict[str, Value], list[Element]]:
    fields, end = _decode_fields(layout, data)
    if not layout.slots:
        if end != len(data):
            raise Refusal(Status.P_FIELD_ERROR, f"{layout.name} is {len(data) - end} bytes too long")
        return fields, []
    children = list(_walk(data[end:], version))
    _check_order(layout, children)
    return fields, children


def _walk(data: bytes, version: int) -> Iterator[Element]:
    position = 0
    while position < len(data):
        name, start, end = _open_parameter(data, position, version)
        layout = PARAMETERS[name]
        try:
            yield Element(name, *_decode_content(layout, data[start:end], version))
        except Refusal as refusal:
            raise refusal.inside(layout.number) from None
        position = end


def _open_parameter(data: bytes, position: int, version: int) -> tuple[str, int, int]:
    """Name, start and end of the content of the parameter at `position`."""
    if data[position] & 0x80:
        return _open_tv(data, position, version)
    if len(data) - position < 4:
        raise Refusal(Status.P_PARAMETER_ERROR, "a parameter header is cut off")
    number, length = struct.unpack_from(">HH", data, position)
    number &= 0x3FF
    if not 4 <= length <= len(data) - position:
        text = f"parameter {number} says it is {length} bytes long, {len(data) - position} are there"
        raise Refusal(Status.P_PARAMETER_ERROR, text, (number,))
    start, end = position + 4, position + length
    vendor = subtype = 0
    if number == CUSTOM and length >= 12:
        vendor, subtype = struct.unpack_from(">II", data, start)
    name = _PARAMETER_NAMES.get((number, vendor, subtype))
    if name is not None and vendor:
        return name, start + 8, end
    if number < 128:
        raise Refusal(Status.P_UNKNOWN_PARAMETER, f"parameter type {number} is no TLV parameter", (number,))
    return _known(number, version), start, end


def _open_tv(data: bytes, position: int, version: int) -> tuple[str, int, int]:
    number = data[position] & 0x7F
    name = _known(number, version)
    size = _tv_size(PARAMETERS[name])
    if len(data) - position - 1 < size:
        raise Refusal(Status.P_FIELD_ERROR, f"{name} is cut off", (number,))
    return name, position + 1, position + 1 + size


def _known(number: int, version: int) -> str:
    name = _PARAMETER_NAMES.get((number, 0, 0))
    if name is None or (version < 2 and number in SINCE_1_1):
        raise Refusal(Status.P_UNKNOWN_PARAMETER, f"parameter type {number} is not known", (number,))
    return name


def _tv_size(layout: Layout) -> int:
    return sum(12 if spec.kind == "u96" else _PLAIN[spec.kind].size for spec in layout.fields)


def _decode_fields(layout: Layout, data: bytes) -> tuple[dict[str, Value], int]:
    """Field values and where they end."""
    fields: dict[str, Value] = {}
    position = bit = 0
    for spec in layout.fields:
        try:
            if spec.bits:
                value: Value = _decode_bits(data, position, bit, spec.bits)
                position, bit = position + (bit + spec.bits) // 8, (bit + spec.bits) % 8
            else:
                value, position = _decode_value(spec.kind, data, position)
        except (struct.error, ValueError) as error:
            raise _cut_off(layout, spec, error) from None
        if spec.name != "-":
            fields[spec.name] = value
    return fields, position


def _cut_off(layout: Layout, spec: Field, error: Exception) -> Refusal:
    number = layout.field_number(spec.name) if spec.name != "-" else None
    return Refusal(Status.A_INVALID, f"{layout.name} parameter, {spec.name} is cut off: {error}", field=number)


def _decode_bits(data: bytes, position: int, bit: int, width: int) -> int:
    size = (bit + width + 7) // 8
    chunk = _take(data, position, size)
    return int.from_bytes(chunk, "big") >> (8 * size - bit - width) & (1 << width) - 1


def _decode_value(kind: str, data: bytes, position: int) -> tuple[Value, int]:
    plain = _PLAIN.get(kind)
    if plain is not None:
        value: int = plain.unpack_from(data, position)[0]
        return value, position + plain.size
    if kind in ("rest", "u96"):
        end = len(data) if kind == "rest" else position + 12
        return _take(data, position, end - position), end
    return _decode_counted(kind, data, position)


def _decode_counted(kind: str, data: bytes, position: int) -> tuple[Value, int]:
    count: int = struct.unpack_from(">H", data, position)[0]
    size = {"u16v": 2 * count, "u32v": 4 * count, "bits": (count + 7) // 8}.get(kind, count)
    start, end = position + 2, position + 2 + size
    chunk = _take(data, start, size)
    match kind:
        case "utf8":
            return chunk.decode(), end
        case "bits":
            return Bits(count, chunk), end
        case "u8v":
            return chunk, end
    return struct.unpack(f">{count}{'H' if kind == 'u16v' else 'I'}", chunk), end


def _take(data: bytes, start: int, size: int) -> bytes:
    chunk = data[start : start + size]
    if len(chunk) != size:
        raise ValueError(f"{size} bytes wanted, {len(chunk)} are there")
    return chunk


def _check_order(layout: Layout, children: Iterable[Element]) -> None:
    """Refuse children that are unknown here, out of order, too many or missing."""
    rest = list(children)
    for slot in layout.slots:
        _fill(slot, rest)
    if rest:
        raise _misplaced(layout, rest[0])


def _fill(slot: Slot, rest: list[Element]) -> None:
    count = 0
    while rest and _fits(slot, rest[0]) and (slot.most is None or count < slot.most):
        rest.pop(0)
        count += 1
    if count < slot.least:
        number = PARAMETERS[slot.names[0]].number
        raise Refusal(Status.P_MISSING_PARAMETER, f"{'/'.join(slot.names)} parameter is missing", (number,))


def _fits(slot: Slot, child: Element) -> bool:
    return child.name in slot.names or (PARAMETERS[child.name].number == CUSTOM and "Custom" in slot.names)


def _misplaced(layout: Layout, child: Element) -> Refusal:
    number = PARAMETERS[child.name].number
    known = any(_fits(slot, child) for slot in layout.slots)
    code = Status.P_DUPLICATE_PARAMETER if known else Status.P_UNEXPECTED_PARAMETER
    what = "is there twice or out of order" if known else "does not belong there"
    return Refusal(code, f"{child.name} parameter {what} in {layout.name}", (number,))
