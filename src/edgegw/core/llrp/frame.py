"""Bytes from a reader -> whole LLRP messages.

LLRP 1.0.1, 15.1.1: 3 reserved bits, 3 version bits, 10 type bits, 32-bit length (header included), 32-bit id.

Rules that keep one bad frame from costing more than itself:

* A header is believed only when it is plausible: reserved bits zero, a known version, a length in the bounds of
  its message type. Otherwise bytes are skipped up to the next plausible header.
* A frame whose content cannot be decoded is given back with `reject`. If it had swallowed the beginning of the
  next message (it was cut short on the way), that message is found inside and kept.
* A frame that stays incomplete is checked by `stalled`: when whole messages stand inside, its length was a lie.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from edgegw.core.counters import Counters

HEADER = Struct(">HII")
HEADER_BYTES = 10
MAX_REPORT_BYTES = 1 << 20
"""A report of 1 MiB holds some 20,000 tags: no reader sends more in one message."""
MAX_MESSAGE_BYTES = 1 << 15
"""Every other message; the largest seen, capabilities of a 52-antenna portal, stays below 8 KiB."""

RO_ACCESS_REPORT = 61
KEEPALIVE = 62
READER_EVENT_NOTIFICATION = 63
CUSTOM_MESSAGE = 1023

# Messages that a reader may send (LLRP 1.1, 17.1).
_FROM_READER = frozenset(
    [4, 10, 11, 12, 13, 30, 31, 32, 33, 34, 35, 36, 45, 50, 51, 52, 53, 54, 55, 56, 57, 61, 62, 63, 100, 1023]
)


class Frame(NamedTuple):
    """One message: `body` without the header. `version` 1 = LLRP 1.0.1, 2 = 1.1."""

    type: int
    version: int
    id: int
    body: bytes


class Framer:
    """Feed it what arrives, take frames until None. Bounded: never holds more than one maximal frame."""

    __slots__ = ("_buffer", "_counters", "_scope", "_seeking")

    def __init__(self, scope: str, counters: Counters) -> None:
        self._buffer = bytearray()
        self._scope = scope
        self._counters = counters
        self._seeking = False

    @property
    def incomplete(self) -> bool:
        """Whether the beginning of a message waits for its end."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """The next whole message, or None when more bytes are needed."""
        while len(self._buffer) >= HEADER_BYTES:
            length = _plausible_length(self._buffer, 0)
            if length == 0:
                if not self._seek():
                    return None
                continue
            self._seeking = False
            if len(self._buffer) < length:
                return None
            word, _, message_id = HEADER.unpack_from(self._buffer)
            body = bytes(self._buffer[HEADER_BYTES:length])
            del self._buffer[:length]
            return Frame(word & 0x3FF, word >> 10 & 0x7, message_id, body)
        return None

    def reject(self, frame: Frame) -> None:
        """`frame` was undecodable: count it, and keep a message that it had swallowed."""
        self._counters.add(self._scope, "bad_frames")
        swallowed = bytearray(frame.body)
        end = len(swallowed)
        swallowed += self._buffer
        inner = _find_chain(swallowed, 0, end)
        if inner >= 0 and not _reads_on(swallowed, end):
            self._buffer = swallowed[inner:]

    def stalled(self) -> bool:
        """Call when a frame stays incomplete for long. True when its length was a lie and frames stood inside."""
        inner = _find_chain(self._buffer, 1, len(self._buffer))
        if inner < 0:
            return False
        self._counters.add(self._scope, "bad_frames")
        del self._buffer[:inner]
        return True

    def _seek(self) -> bool:
        """Skip to the next plausible header. False when the buffer is used up."""
        if not self._seeking:
            self._seeking = True
            self._counters.add(self._scope, "bad_frames")
        at = _find_header(self._buffer, 1)
        if at >= 0:
            del self._buffer[:at]
            return True
        del self._buffer[: len(self._buffer) - (HEADER_BYTES - 1)]
        return False


def _plausible_length(data: bytearray, at: int) -> int:
    """Length of the message whose header stands at `at`; 0 = no header that a reader would send."""
    word, length, _ = HEADER.unpack_from(data, at)
    if not 1 <= word >> 10 <= 2:
        return 0
    kind = word & 0x3FF
    if kind == KEEPALIVE:
        return length if length == HEADER_BYTES else 0
    limit = MAX_REPORT_BYTES if kind == RO_ACCESS_REPORT else MAX_MESSAGE_BYTES
    return length if HEADER_BYTES <= length <= limit else 0


def _find_header(data: bytearray, start: int) -> int:
    """Where the first plausible header of a message that readers send begins; -1 = nowhere."""
    for at in range(start, len(data) - HEADER_BYTES + 1):
        known = 0x04 <= data[at] <= 0x0B and (data[at] & 0x03) << 8 | data[at + 1] in _FROM_READER
        if known and _plausible_length(data, at):
            return at
    return -1


def _find_chain(data: bytearray, start: int, before: int) -> int:
    """Where, below `before`, a whole known message begins that is followed by another header or by nothing."""
    at = _find_header(data, start)
    while 0 <= at < before:
        end = at + _plausible_length(data, at)
        if end == len(data) or (end < len(data) and _reads_on(data, end)):
            return at
        at = _find_header(data, at + 1)
    return -1


def _reads_on(data: bytearray, at: int) -> bool:
    """Whether a plausible header stands at `at` (as far as it has arrived)."""
    if len(data) - at >= HEADER_BYTES:
        return _find_header(data[at : at + HEADER_BYTES], 0) == 0
    return len(data) > at and 0x04 <= data[at] <= 0x0B
