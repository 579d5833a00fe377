"""Bytes from a reader -> whole LLRP messages.

LLRP 1.0.1, 15.1.1: 3 reserved bits, 3 version bits, 10 type bits, 32-bit length (header included), 32-bit id.

Rules that keep one bad frame from costing more than itself:

* A header is believed only when it is plausible: reserved bits zero, a known version, a length in the bounds of
  its message type. Otherwise bytes are skipped up to the next plausible header.
* A frame is believed only as far as its parameters fit one behind the other, which is checked as they arrive. At
  the first that does not, the length was a lie or bytes are missing, and a message that it had swallowed the
  beginning of is looked for inside and kept.
* A frame whose content cannot be decoded is given back with `reject`: the same.
* The content of another maker's message cannot be judged: when another message begins inside, its length was a lie.
* A frame that stays incomplete is checked by `stalled`: when another message begins inside, its length was a lie.
* A frame cut short by a few bytes may swallow the next header and still be decodable. So when no header stands
  where it should, it is looked for in the end of the frame before.
* A message is found inside another by its header and its first parameter together: a chance of 1 in 10^9.

Work grows with the bytes that arrive, whatever the lengths in them say: each byte pays for one that is looked at
again. When many frames lie, one inside the other, that is soon used up; then what fitted is taken as read, and a
swallowed message is looked for only where the fault was found.
"""

from __future__ import annotations

import re
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

# Messages that a reader may send (LLRP 1.1, 17.1), beside CUSTOM_MESSAGE, in version 1 or 2, up to 1 MiB.
_FROM_READER = bytes([4, 10, 11, 12, 13, *range(30, 37), 45, *range(50, 58), 61, 62, 63, 100])
_HEADER_BEGINS = re.compile(rb"(?:[\x04\x08][%b]|[\x07\x0b]\xff)\0[\0-\x10]" % re.escape(_FROM_READER), re.DOTALL)

# The parameters that they begin with: TagReportData, RFSurveyReportData; ReaderEventNotificationData; LLRPStatus.
_OPENINGS = {RO_ACCESS_REPORT: (240, 242), READER_EVENT_NOTIFICATION: (246,), CUSTOM_MESSAGE: ()}
_ANSWER_OPENINGS = (287,)
_GET_SUPPORTED_VERSION_RESPONSE = 56
_CUSTOM_PARAMETER = 1023
_TLVS = range(128, 1024)
_PARTS = {kind: frozenset([*openings, _CUSTOM_PARAMETER]) for kind, openings in _OPENINGS.items()}
"""What may stand in a message of this kind; in an answer, any parameter may."""
_PARAMETER = Struct(">HH")
_OPENING_BYTES = HEADER_BYTES + _PARAMETER.size
_LOOK_BACK_BYTES = 64
_WORTH_A_LOOK = 8


class Frame(NamedTuple):
    """One message: `body` without the header. `version` 1 = LLRP 1.0.1, 2 = 1.1."""

    type: int
    version: int
    id: int
    body: bytes


class Framer:
    """Feed it what arrives, take frames until None. Bounded: never holds more than one maximal frame."""

    __slots__ = ("_before", "_buffer", "_checked_to", "_counters", "_last_part", "_patience", "_scope", "_seeking")

    def __init__(self, scope: str, counters: Counters) -> None:
        self._buffer = bytearray()
        self._before: Frame | None = None  # given out last
        self._scope = scope
        self._counters = counters
        self._seeking = False
        self._patience = 0  # so many bytes may be looked at again
        self._checked_to = 0  # parameters of the frame that is arriving fit up to here; 0 = not looked at
        self._last_part = 0  # where the last of them begins; after it was given out, too

    @property
    def incomplete(self) -> bool:
        """Whether the beginning of a message waits for its end."""
        return bool(self._buffer) and not self._seeking

    def feed(self, data: bytes) -> None:
        self._buffer += data
        self._patience = min(MAX_REPORT_BYTES, self._patience + len(data))

    def next_frame(self) -> Frame | None:
        """The next whole message, or None when more bytes are needed."""
        buffer = self._buffer
        while len(buffer) >= HEADER_BYTES:
            word, length, message_id = HEADER.unpack_from(buffer)
            kind = word & 0x3FF
            if not _is_plausible(word, length):
                if not self._seek():
                    return None
                continue
            if not self._fits(kind, length):
                self._skip(self._suspect(self._last_part))
                continue
            self._seeking = False
            if len(buffer) < length:
                return None
            if kind == CUSTOM_MESSAGE and (inner := _find_message(buffer, 1, length)) >= 0:
                self._skip(inner)
                continue
            frame = self._before = Frame(kind, word >> 10, message_id, bytes(buffer[HEADER_BYTES:length]))
            self._checked_to = 0
            del buffer[:length]
            return frame
        return None

    def reject(self, frame: Frame, at: int | None = None) -> None:
        """The frame given out last is undecodable, from byte `at` of its body if that is known: count it.

        What it had swallowed of the next message is kept.
        """
        self._counters.add(self._scope, "bad_frames")
        self._seeking = True
        data = bytearray(HEADER_BYTES) + frame.body
        end = self._checked_to = len(data)
        fault = end if at is None else HEADER_BYTES + at
        suspect = self._suspect(max(self._last_part, fault - _LOOK_BACK_BYTES))
        self._checked_to = 0
        data += self._buffer[:_OPENING_BYTES]
        inner = _find_message(data, suspect, end)
        if inner >= 0:
            self._before = None
            self._buffer[:0] = data[inner:end]

    def stalled(self) -> bool:
        """Call when a frame stays incomplete for long. True when its length was a lie and a message stood inside."""
        inner = _find_message(self._buffer, self._suspect(self._last_part), len(self._buffer))
        if inner < 0:
            return False
        self._skip(inner)
        return True

    def _fits(self, kind: int, length: int) -> bool:
        """Whether the parameters of the message that is arriving, as far as they have, fill it one by one."""
        if not self._checked_to:
            self._last_part = 0
            self._checked_to = _contents_at(kind)
        if kind == CUSTOM_MESSAGE:
            return True
        buffer, parts, last = self._buffer, _PARTS.get(kind, _TLVS), self._last_part
        at, arrived = self._checked_to, min(length, len(buffer)) - _PARAMETER.size
        fits, alike = True, 0
        while at <= arrived:
            part, size = _PARAMETER.unpack_from(buffer, at)
            if part not in parts or not _PARAMETER.size <= size <= length - at:
                fits = False
                break
            last = at
            at += size
            if not alike and at <= arrived:
                alike = _count_alike(buffer, last, size, (arrived - last) // size)
                at = last + alike * size
                last = at - size
        self._checked_to, self._last_part = at, last
        return fits and (at == length or at + _PARAMETER.size <= length)

    def _suspect(self, fault: int) -> int:
        """Where to begin to look for a message inside the bytes that were checked: at `fault` when patience ends."""
        if self._checked_to > self._patience:
            return max(1, fault)
        self._patience -= self._checked_to
        return 1

    def _skip(self, to: int) -> None:
        """The message that is arriving is none: go on looking at byte `to`."""
        self._miss()
        self._before = None
        self._checked_to = 0
        del self._buffer[:to]

    def _miss(self) -> None:
        """No message stands here: counted once, however long it takes to find the next."""
        if not self._seeking:
            self._seeking = True
            self._counters.add(self._scope, "bad_frames")

    def _seek(self) -> bool:
        """Go to the next plausible header. False when more bytes are needed."""
        self._miss()
        if self._before is not None and len(self._buffer) < _OPENING_BYTES:
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
        if self._before is None:
            return False
        data = _end_of(self._before)
        end = len(data)
        self._before = None
        data += self._buffer[:_OPENING_BYTES]
        at = _find_message(data, 0, end)
        if at < 0 or at + _plausible_length(data, at) <= end:
            return False
        self._buffer[:0] = data[at:end]
        return True


def _plausible_length(data: bytearray, at: int) -> int:
    """Length of the message whose header stands at `at`; 0 = no header that a reader would send."""
    word, length, _ = HEADER.unpack_from(data, at)
    return length if _is_plausible(word, length) else 0


def _end_of(frame: Frame) -> bytearray:
    """The last bytes of a frame as it came, without its very first."""
    header = HEADER.pack(frame.version << 10 | frame.type, HEADER_BYTES + len(frame.body), frame.id)
    return bytearray((header + frame.body)[1:][-_LOOK_BACK_BYTES:])


def _is_plausible(word: int, length: int) -> bool:
    """Whether a reader would send a header with this first word and this length."""
    if not 1 <= word >> 10 <= 2:
        return False
    kind = word & 0x3FF
    if kind == RO_ACCESS_REPORT:
        return HEADER_BYTES <= length <= MAX_REPORT_BYTES
    if kind == KEEPALIVE:
        return length == HEADER_BYTES
    return _OPENING_BYTES <= length <= MAX_MESSAGE_BYTES


def _count_alike(data: bytearray, at: int, size: int, most: int) -> int:
    """How many parameters with the same type and size stand here in a row: `most` of them, which is looked up at once,
    or one."""
    if most < _WORTH_A_LOOK:
        return 1
    end = at + most * size
    alike = all(data[one:end:size] == data[one : one + 1] * most for one in range(at, at + _PARAMETER.size))
    return most if alike else 1


def _contents_at(kind: int) -> int:
    """Where the parameters of a message begin. GET_SUPPORTED_VERSION_RESPONSE says two versions before them."""
    return HEADER_BYTES + 2 if kind == _GET_SUPPORTED_VERSION_RESPONSE else HEADER_BYTES


def _find_header(data: bytearray, start: int, before: int) -> int:
    """Where, below `before`, the first plausible header of a message that readers send begins; -1 = nowhere."""
    before = min(before, len(data) - HEADER_BYTES + 1)
    match = _HEADER_BEGINS.search(data, start, before + 3)
    while match is not None:
        if _plausible_length(data, match.start()):
            return match.start()
        match = _HEADER_BEGINS.search(data, match.start() + 1, before + 3)
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
    opening = at + _contents_at(kind)
    if opening + _PARAMETER.size > min(len(data), at + length):
        return kind == RO_ACCESS_REPORT and bool(length == HEADER_BYTES)
    first, size = _PARAMETER.unpack_from(data, opening)
    return first in _OPENINGS.get(kind, _ANSWER_OPENINGS) and bool(opening + size <= at + length)
