"""Bytes of a barcode scanner in, whole scans out.

A scan is what stands between two terminators. Whatever is not exactly one whole scan is refused with a reason
and counted under the scanner's name; it never spoils the scan after it.

terminator   ends a scan
auto         each of CR, LF, ETX; so CRLF too: the empty line between CR and LF is no scan
cr, lf       CR; LF
crlf         the pair CR LF; a lone CR or LF inside belongs to the symbol
etx          ETX
nul, tab     NUL; TAB

* STX starts a scan. What stood before it without a terminator was cut off: refused, `unterminated`.
* CR, LF and ETX at either end of a scan are framing, whatever the terminator. Inside, they belong to the
  symbol unless they are the terminator: with `auto` a symbol of several lines becomes several scans, so a
  scanner that reads such symbols is set to `crlf`, `etx`, `tab` or `nul`.
* GS, RS and EOT are kept: GS1 element strings and ISO/IEC 15434 messages contain them. NUL, XON and XOFF are
  line noise and removed wherever they are (NUL unless it is the terminator).
* An empty line is nothing. A line of prefix and suffix alone is refused, `empty`.
* A line of more than `max_length` bytes is refused as a whole, `too_long`, when it ends at last.
* Bytes that are not text in `encoding`: refused, `undecodable`.
* Without the configured prefix or suffix: refused, `prefix_missing` or `suffix_missing`. The scanner was told
  to send them with every scan, so a line that lacks one has lost a part, and a part of a serial number may be
  another unit's serial number.
* Half a scan is never delivered, so there is no flush on silence: when nothing followed for `STALLED_S`, or
  the connection ended, it is refused, `unterminated`. A scanner set to send no terminator shows up as that.

>>> framer = ScanFramer(ScanSettings("pack-1", suffix="#"), Counters())
>>> framer.feed(b"]C1010950600013435221A1#\\r", t=1.0)
[Scan(scanner='pack-1', text=']C1010950600013435221A1', t=1.0)]
>>> framer.feed(b"\\n]E0400638", t=2.0), framer.feed(b"1333931#\\r\\n", t=2.1)
([], [Scan(scanner='pack-1', text=']E04006381333931', t=2.1)])
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from edgegw.core.counters import Counters
from edgegw.core.model import Scan

Terminator = Literal["auto", "cr", "lf", "crlf", "etx", "nul", "tab"]

STALLED_S = 3.0
"""A scanner sends a scan in one go; a gap of this long inside one means that its rest was lost."""

_STX = b"\x02"
_ENDS: dict[Terminator, bytes] = {
    "auto": b"\r\n\x03",
    "cr": b"\r",
    "lf": b"\n",
    "crlf": b"\n",  # only after CR
    "etx": b"\x03",
    "nul": b"\x00",
    "tab": b"\t",
}
_EDGES = b"\r\n\x03"
_NOISE = b"\x00\x11\x13"
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """How one scanner sends its scans; `max_length` in bytes, with prefix and suffix."""

    scanner: str
    terminator: Terminator = "auto"
    prefix: str = ""
    suffix: str = ""
    max_length: int = 4096
    encoding: str = "utf-8"


class ScanFramer:
    """One per connection. Holds at most `max_length` bytes and a few, whatever is fed.

    Every line is counted under the scanner's name: as `scans`, or by the reason why it is none.
    """

    def __init__(self, settings: ScanSettings, counters: Counters) -> None:
        self._settings = settings
        self._counters = counters
        self._ends = _ENDS[settings.terminator]
        self._marks = re.compile(b"([" + _STX + re.escape(self._ends) + b"])")
        self._noise = bytes(byte for byte in _NOISE if byte not in self._ends)
        # What is removed as framing cannot be found as prefix or suffix any more.
        self._prefix = settings.prefix.lstrip((_STX + _EDGES).decode())
        self._suffix = settings.suffix.rstrip((self._ends + _EDGES).decode())
        self._room = settings.max_length + len(_EDGES)
        self._line = bytearray()
        self._length = 0
        self._fed_t = 0.0

    def feed(self, data: bytes, t: float) -> list[Scan]:
        """The scans that `data`, read at time `t` (seconds), completes. Never raises, whatever the bytes."""
        if t - self._fed_t >= STALLED_S:
            self._abandon()
        self._fed_t = t
        texts: list[str] = []
        for piece in self._marks.split(data.translate(None, self._noise)):
            if piece == _STX:
                self._abandon()
            elif self._is_end(piece):
                texts += self._finish()
            else:
                self._append(piece)
        return [Scan(self._settings.scanner, text, t) for text in texts]

    def resume(self, t: float) -> None:
        """Nobody listened until `t`: a gap until then was not the scanner's."""
        self._fed_t = max(self._fed_t, t)

    def end(self) -> None:
        """The connection ended: an unfinished scan is counted, not delivered."""
        self._abandon()

    def _is_end(self, piece: bytes) -> bool:
        if not piece or piece not in self._ends:
            return False
        return self._settings.terminator != "crlf" or self._line.endswith(b"\r")

    def _append(self, piece: bytes) -> None:
        if not self._line:
            piece = piece.lstrip(_EDGES)
        self._line += piece
        self._length += len(piece)
        if self._length > self._room:
            del self._line[:-1]  # refused already; the last byte tells whether an LF follows a CR

    def _abandon(self) -> None:
        if self._take():
            self._count("unterminated")

    def _finish(self) -> list[str]:
        line = self._take()
        if not line:
            return []
        text, refusal = self._read(line)
        self._count(refusal or "scans")
        return [] if refusal else [text]

    def _take(self) -> bytes:
        """The line without the framing at its end; nothing if it was too long. Starts a new one."""
        line = bytes(self._line.rstrip(_EDGES))
        too_long = self._length > self._room or len(line) > self._settings.max_length
        self._line.clear()
        self._length = 0
        if too_long:
            self._count("too_long")
            return b""
        return line

    def _read(self, line: bytes) -> tuple[str, str]:
        """The text of a scan, and why it is refused (empty: it is not)."""
        try:
            text = line.decode(self._settings.encoding).removeprefix(_BOM)
        except UnicodeDecodeError:
            return "", "undecodable"
        if not text.startswith(self._prefix):
            return "", "prefix_missing"
        text = text.removeprefix(self._prefix)
        if not text.endswith(self._suffix):
            return "", "suffix_missing"
        text = text.removesuffix(self._suffix)
        return text, "" if text else "empty"

    def _count(self, what: str) -> None:
        self._counters.add(self._settings.scanner, what)
