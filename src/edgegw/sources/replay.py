"""Recorded reads as a source: a file of JSON lines, plain or gzip, in time order.

A line is {"t": unix seconds, "reader", "antenna", "epc": hex, "rssi": dBm}; "rssi" may be missing or null, "pc" and
"late" may be given.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from edgegw.core.model import TagRead
from edgegw.errors import EdgegwError

LATEST_S = 4e9
"""In the year 2096."""
MOST_WORD = 0xFFFF
"""Of an AntennaID and of a PC word."""
MOST_DBM = 400.0
"""Beyond what an Impinj reader can write in hundredths."""
_HINT = 'a read is {"t": seconds, "reader": name, "antenna": number, "epc": hex, "rssi": dBm}'


class BadRecording(EdgegwError):
    """The recording cannot be read: names the file, the line and what is wrong."""


def recorded_reads(path: Path) -> Iterator[TagRead]:
    """The reads of a recording, in its order. Raises BadRecording."""
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _read(line, f"{path}:{number}")
    except UnicodeDecodeError:
        raise BadRecording(
            f"{path}: cannot be read: it is not UTF-8 text - a recording ends in .jsonl or .jsonl.gz"
        ) from None
    except EOFError:
        raise BadRecording(f"{path}: cannot be read to its end: the file is cut off - copy it again") from None
    except (OSError, zlib.error) as error:
        raise BadRecording(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _read(line: str, place: str) -> TagRead:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad(place, f"is not JSON ({error})") from None
    if not isinstance(fields, dict):
        raise _bad(place, "is not an object in braces")
    epc = _epc(fields, place)
    reader = fields.get("reader")
    if not isinstance(reader, str):
        raise _bad(place, f"'reader' must be a text ({_found(fields, 'reader')})")
    return TagRead(
        reader=reader,
        antenna=int(_number(fields, "antenna", place, MOST_WORD)),
        epc=epc,
        epc_bits=len(epc) * 8,
        t=_number(fields, "t", place, LATEST_S),
        rssi_dbm=None if fields.get("rssi") is None else _number(fields, "rssi", place, MOST_DBM, -MOST_DBM),
        pc=None if fields.get("pc") is None else int(_number(fields, "pc", place, MOST_WORD)),
        late=bool(fields.get("late", False)),
    )


def _epc(fields: dict[str, Any], place: str) -> bytes:
    try:
        return bytes.fromhex(fields["epc"])
    except (KeyError, TypeError, ValueError):
        raise _bad(place, f"'epc' must be pairs of hexadecimal digits ({_found(fields, 'epc')})") from None


def _number(fields: dict[str, Any], key: str, place: str, most: float, least: float = 0.0) -> float:
    """Also what is no float at all, such as NaN, lies between no limits."""
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _bad(place, f"'{key}' must be a number from {least:.0f} to {most:.0f} ({_found(fields, key)})")
    return float(value)


def _found(fields: dict[str, Any], key: str) -> str:
    return f"found {json.dumps(fields[key])[:40]}" if key in fields else "it is missing"


def _bad(place: str, problem: str) -> BadRecording:
    return BadRecording(f"{place}: {problem} - {_HINT}")
