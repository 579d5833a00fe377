"""Recorded reads as a source: a file of JSON lines, plain or gzip, in time order.

A line is {"t": unix seconds, "reader", "antenna", "epc": hex, "rssi": dBm}; "rssi" may be missing or null, "pc" and
"late" may be given.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from edgegw.core.model import TagRead
from edgegw.errors import EdgegwError


class BadRecording(EdgegwError):
    """The recording cannot be read: names the file, the line and what is wrong."""


def recorded_reads(path: Path) -> Iterator[TagRead]:
    """The reads of a recording, in its order. Raises BadRecording."""
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _read(line, f"{path}:{number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadRecording(f"{path}: cannot be read: {error}") from None


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _read(line: str, place: str) -> TagRead:
    try:
        fields: dict[str, Any] = json.loads(line)
        epc = bytes.fromhex(fields["epc"])
        rssi = fields.get("rssi")
        return TagRead(
            reader=str(fields["reader"]),
            antenna=int(fields["antenna"]),
            epc=epc,
            epc_bits=len(epc) * 8,
            t=float(fields["t"]),
            rssi_dbm=None if rssi is None else float(rssi),
            pc=None if fields.get("pc") is None else int(fields["pc"]),
            late=bool(fields.get("late", False)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        hint = 'a read is {"t": seconds, "reader": name, "antenna": number, "epc": hex, "rssi": dBm}'
        raise BadRecording(f"{place}: {error!r} - {hint}") from None
