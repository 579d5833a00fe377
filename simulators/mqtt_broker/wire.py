"""MQTT's primitive types (OASIS MQTT 5.0 §1.5) and the split of a byte stream into frames (§2.1).

Every read is bounded by the frame it happens in; bytes that break a rule raise `PacketError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from simulators.mqtt_broker.reasons import Reason

MAX_VARINT = 268_435_455
MAX_VARINT_BYTES = 4
MAX_U16 = 0xFFFF
MAX_U32 = 0xFFFFFFFF


class PacketError(Exception):
    """Bytes that no MQTT peer may send. `reason` is the code to answer with, the text says what is wrong."""

    def __init__(self, sentence: str, reason: Reason = Reason.MALFORMED_PACKET) -> None:
        self.reason = reason
        super().__init__(sentence)


class Kind(IntEnum):
    """Control packet types (§2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


KINDS = {int(kind): kind for kind in Kind}


class Frame(NamedTuple):
    """One control packet, its fixed header taken off."""

    kind: Kind
    flags: int
    body: bytes


def take_frames(buffer: bytearray, limit_bytes: int) -> Iterator[Frame]:
    """Take the complete frames off the front of `buffer`; one that is larger than `limit_bytes` is an error.

    The frames may be consumed one by one: what was not taken stays in `buffer`.
    """
    while (header := _frame_header(buffer, limit_bytes)) is not None:
        kind, start, end = header
        if len(buffer) < end:
            return
        frame = Frame(kind, buffer[0] & 0x0F, bytes(buffer[start:end]))
        del buffer[:end]
        yield frame


def _frame_header(buffer: bytearray, limit_bytes: int) -> tuple[Kind, int, int] | None:
    """Kind, start of the body and end of the frame; None while the header is incomplete."""
    length = 0
    for index, byte in enumerate(buffer[1 : 1 + MAX_VARINT_BYTES]):
        length |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            start = index + 2
            return _checked_kind(buffer[0]), start, _checked_end(start + length, limit_bytes)
    if len(buffer) > MAX_VARINT_BYTES:
        raise PacketError("remaining length has more than 4 bytes")
    return None


def _checked_kind(first_byte: int) -> Kind:
    kind = KINDS.get(first_byte >> 4)
    if kind is None:
        raise PacketError("packet type 0 is reserved")
    return kind


def _checked_end(end: int, limit_bytes: int) -> int:
    if end > limit_bytes:
        raise PacketError(f"packet of {end} bytes, limit {limit_bytes}", Reason.PACKET_TOO_LARGE)
    return end


class Reader:
    """Reads primitive values off the front of one packet's bytes."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are not yet read."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start, end = self._at, self._at + size
        if end > len(self._data):
            raise PacketError(f"packet ends {end - len(self._data)} bytes too early")
        self._at = end
        return self._data[start:end]

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.take(self.left)

    def u8(self) -> int:
        """Byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Two byte integer."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """Four byte integer."""
        return int.from_bytes(self.take(4), "big")

    def varint(self) -> int:
        """Variable byte integer, at most 4 bytes."""
        value = 0
        for index in range(MAX_VARINT_BYTES):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * index)
            if not byte & 0x80:
                return value
        raise PacketError("variable byte integer has more than 4 bytes")

    def binary(self) -> bytes:
        """Binary data of at most 65535 bytes."""
        return self.take(self.u16())

    def string(self) -> str:
        """UTF-8 string of at most 65535 bytes, without U+0000 (§1.5.4)."""
        try:
            text = self.binary().decode()
        except UnicodeDecodeError as error:
            raise PacketError(f"string is not UTF-8: {error.reason}") from None
        if "\0" in text:
            raise PacketError("string contains U+0000")
        return text

    def pair(self) -> tuple[str, str]:
        """Two strings."""
        return self.string(), self.string()

    def expect_end(self) -> None:
        """Refuse bytes behind the last field."""
        if self.left:
            raise PacketError(f"{self.left} bytes too many at the end of the packet")


def write_u16(value: int) -> bytes:
    """Two byte integer."""
    return value.to_bytes(2, "big")


def write_varint(value: int) -> bytes:
    """Variable byte integer; raises `ValueError` above 268 435 455."""
    if not 0 <= value <= MAX_VARINT:
        raise ValueError(f"{value} does not fit a variable byte integer (0 to {MAX_VARINT})")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_binary(value: bytes) -> bytes:
    """Binary data; raises `OverflowError` above 65535 bytes."""
    return len(value).to_bytes(2, "big") + value


def write_string(value: str) -> bytes:
    """UTF-8 string; raises `OverflowError` above 65535 bytes."""
    return write_binary(value.encode())
