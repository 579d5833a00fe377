"""Bytes from a reader -> whole LLRP messages.

LLRP 1.0.1, 15.1.1: 3 reserved bits, 3 version bits, 10 type bits, 32-bit length (header included), 32-bit id.

Rules that keep one bad frame from costing more than itself:

* A header is believed only when it is plausible: reserved bits zero, a known version, a length in the bounds of
  its message type. Otherwise bytes are skipped up to the next plausible header.
* A frame whose content cannot be decoded is given back with `reject`. If its length was a lie and it had swallowed
  the beginning of the next message, that message is found inside and kept.
* The content of another maker's message cannot be judged: when another message begins inside, its length was a lie.
* A frame that stays incomplete is checked by `stalled`: when another message begins inside, its length was a lie.
* A frame cut short by a few bytes may swallow the next header and still be decodable. So when no header stands
  where it should, it is looked for in the end of the frame before.
* A message is found inside another by its header and its first parameter together: a chance of 1 in 10^9.
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


# The parameters that they begin with: TagReportData, RFSurveyReportData; ReaderEventNotificationData; LLRPStatus.
_OPENINGS = {RO_ACCESS_REPORT: (240, 242), READER_EVENT_NOTIFICATION: (246,), CUSTOM_MESSAGE: ()}
_ANSWER_OPENINGS = (287,)
_GET_SUPPORTED_VERSION_RESPONSE = 56
_PARAMETER = Struct(">HH")
_OPENING_BYTES = HEADER_BYTES + _PARAMETER.size
_LOOK_BACK_BYTES = 64


class Frame(NamedTuple):
    """One message: `body` without the header. `version` 1 = LLRP 1.0.1, 2 = 1.1."""

    type: int
    version: int
    id: int
    body: bytes


class Framer:
    """Feed it what arrives, take frames until None. Bounded: never holds more than one maximal frame."""

    __slots__ = ("_before", "_buffer", "_counters", "_scope", "_seeking")

    def __init__(self, scope: str, counters: Counters) -> None:
        self._buffer = bytearray()
        self._before = b""
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
            if word & 0x3FF == CUSTOM_MESSAGE and _find_message(self._buffer, 1, length) >= 0:
                self.stalled()
                continue
            body = bytes(self._buffer[HEADER_BYTES:length])
            self._before = body[-_LOOK_BACK_BYTES:]
            del self._buffer[:length]
            return Frame(word & 0x3FF, word >> 10 & 0x7, message_id, body)
        return None

    def reject(self, frame: Frame) -> None:
        """`frame` was undecodable: count it, and keep a message that it had swallowed, or the beginning of one."""
        self._counters.add(self._scope, "bad_frames")
        self._before = b""
        data = bytearray(HEADER.pack(frame.version << 10 | frame.type, HEADER_BYTES + len(frame.body), frame.id))
        data += frame.body
        end = len(data)
        inner = _find_message(data + self._buffer[:_OPENING_BYTES], 1, end)
        if inner < 0 and not _reads_on(self._buffer):
            inner = max(1, end - _OPENING_BYTES + 1)
            self._seeking = True
        if inner >= 0:
            self._buffer[:0] = data[inner:]

    def stalled(self) -> bool:
        """Call when a frame stays incomplete for long. True when its length was a lie and a message stood inside."""
        inner = _find_message(self._buffer, 1, len(self._buffer))
        if inner < 0:
            return False
        self._counters.add(self._scope, "bad_frames")
        del self._buffer[:inner]
        return True

    def _seek(self) -> bool:
        """Go to the next plausible header. False when more bytes are needed."""
        if not self._seeking:
            self._seeking = True
            self._counters.add(self._scope, "bad_frames")
        if self._before and len(self._buffer) < _OPENING_BYTES:
            return False
        if self._look_back():
            return True
        at = _find_header(self._buffer, 1, len(self._buffer))
        if at >= 0:
            del self._buffer[:at]
            return True
        del self._buffer[: len(self._buffer) - (HEADER_BYTES - 1)]
        return False

    def _look_back(self) -> bool:
        """Whether the frame before had swallowed the header that is missing here; then it is put back."""
        data = bytearray(self._before)
        end = len(data)
        self._before = b""
        data += self._buffer[:_OPENING_BYTES]
        at = _find_message(data, 0, end)
        if at < 0 or at + _plausible_length(data, at) <= end:
            return False
        self._buffer[:0] = data[at:end]
        return True


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


def _find_header(data: bytearray, start: int, before: int) -> int:
    """Where, below `before`, the first plausible header of a message that readers send begins; -1 = nowhere."""
    for at in range(start, min(before, len(data) - HEADER_BYTES + 1)):
        known = 0x04 <= data[at] <= 0x0B and (data[at] & 0x03) << 8 | data[at + 1] in _FROM_READER
        if known and _plausible_length(data, at):
            return at
    return -1


def _find_message(data: bytearray, start: int, before: int) -> int:
    """The same, by header and first parameter."""
    at = _find_header(data, start, before)
    while at >= 0 and not _opens_well(data, at):
        at = _find_header(data, at + 1, before)
    return at


def _opens_well(data: bytearray, at: int) -> bool:
    """Whether the message at `at` begins with a parameter of its kind that fits in."""
    word, length, _ = HEADER.unpack_from(data, at)
    kind = word & 0x3FF
    if kind == KEEPALIVE:
        return True
    opening = at + (HEADER_BYTES + 2 if kind == _GET_SUPPORTED_VERSION_RESPONSE else HEADER_BYTES)
    if opening + _PARAMETER.size > min(len(data), at + length):
        return kind == RO_ACCESS_REPORT and bool(length == HEADER_BYTES)
    first, size = _PARAMETER.unpack_from(data, opening)
    return first in _OPENINGS.get(kind, _ANSWER_OPENINGS) and bool(opening + size <= at + length)


def _reads_on(data: bytearray) -> bool:
    """Whether `data` begins with a plausible header (as far as it has arrived)."""
    if len(data) >= HEADER_BYTES:
        return _find_header(data, 0, 1) == 0
    return bool(data) and 0x04 <= data[0] <= 0x0B
