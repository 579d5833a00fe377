"""The whole path of reads on one core, next to a bare decoder: `python -m bench.path`.

A simulated reader blasts reports at `edgegw run`: TCP, framing, decoding, identity, dedupe or door, journal; all tags
are in view the whole time, of a door that weighs them or of a station that knows them. Its CPU, the kernel's part and
SQLite's thread included, is held against sllurp decoding the same bytes from memory, which does nothing else. Reads per
second of CPU: what one core does.
"""

from __future__ import annotations

import asyncio
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from sllurp.llrp import LLRPMessage

from bench.gateway import Gateway, running, write_config
from bench.rounds import ROUNDS, median, per_cpu_s, times
from bench.table import Row, lines
from simulators.llrp_reader import SimReader
from simulators.llrp_reader.load import epc_of

TAGS, ANTENNAS = 500, 4
READS = {"door": 20_000, "station": 100_000}
"""A round: long enough for the kernel's clock of CPU time, which ticks a hundred times a second."""
PEER_READS = 4_000
"""Of the same bytes, for the peer: it has no state, so more of the same would give the same."""
SECONDS_LIMIT = 60.0
TARGET = 3.0
BETWEEN_S = 2e-6
"""Stamps of two reads lie so far apart: a reader that is as fast as the gateway should be."""
ENTRY = struct.Struct(">HH B12s BH Bb BQ BH")
"""TagReportData: EPC-96, antenna, peak RSSI, LastSeenTimestampUTC, TagSeenCount (LLRP 1.0.1, 17.2.3)."""
HEADER = struct.Struct(">HII")
VERSION_1_RO_ACCESS_REPORT = 1 << 10 | 61
TAG_REPORT_DATA = 240
TV = 0x80


def reports(first: int, reads: int, tags_each: int, now_s: float) -> Iterator[bytes]:
    """Whole frames: reads `first`... of TAGS tags, each tag on one antenna after the other."""
    for start in range(first, first + reads, tags_each):
        entries = b"".join(_entry(n, now_s + (n - first) * BETWEEN_S) for n in range(start, start + tags_each))
        yield HEADER.pack(VERSION_1_RO_ACCESS_REPORT, HEADER.size + len(entries), start) + entries


def _entry(number: int, t: float) -> bytes:
    antenna, rssi_dbm = 1 + number // TAGS % ANTENNAS, -45 - number * 7 % 25
    return ENTRY.pack(
        TAG_REPORT_DATA, ENTRY.size, TV | 13, epc_of(number % TAGS), TV | 1, antenna, TV | 6, rssi_dbm,
        TV | 4, round(t * 1e6), TV | 8, 1,
    )  # fmt: skip


def rows() -> list[Row]:
    return [
        _row(where, tags_each, *asyncio.run(_measure(where, tags_each))) for where in READS for tags_each in (100, 1)
    ]


def _row(where: str, tags_each: int, ours: list[float], theirs: list[float]) -> Row:
    ratio = times(ours, theirs)
    return Row(
        f"TCP to journal, {TAGS} tags at a {where}, reports of {tags_each}, vs sllurp's decoder alone",
        f"{median(ours) / 1e3:.0f} k reads/s", f"{median(theirs) / 1e3:.0f} k reads/s", ratio,
        f">= {TARGET:g} x", ratio >= TARGET, tuple(ours),
    )  # fmt: skip


async def _measure(where: str, tags_each: int) -> tuple[list[float], list[float]]:
    """Reads per second of CPU, ours and theirs, round by round."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgegw-bench-")))
        reader = await stack.enter_async_context(SimReader("reader-1"))
        more: dict[str, Any] = {"stations": [{"name": "station-1", "antennas": [reader.name]}]}
        config = write_config(folder / "path", [reader], **(more if where == "station" else {}))
        gateway = await stack.enter_async_context(running(config))
        await reader.wait_reading(10)
        ours, theirs = [], []
        for number in range(ROUNDS + 1):
            ours.append(await _ours(gateway, reader, number * READS[where], READS[where], tags_each))
            theirs.append(per_cpu_s(_decoded(tags_each)))
        return ours[1:], theirs[1:]


async def _ours(gateway: Gateway, reader: SimReader, first: int, reads: int, tags_each: int) -> float:
    wanted, cpu_s = first + reads, gateway.cpu_s()
    for frame in reports(first, reads, tags_each, time.time()):
        reader.inject(frame)
    counted = await gateway.wait_count("reads", wanted, SECONDS_LIMIT, reader.name)
    if counted != wanted:
        raise RuntimeError(f"the gateway counted {counted} reads of {wanted}")
    return reads / (gateway.cpu_s() - cpu_s)


def _decoded(tags_each: int) -> Callable[[], int]:
    frames = list(reports(0, PEER_READS, tags_each, time.time()))

    def decode() -> int:
        return sum(len(LLRPMessage(msgbytes=frame).msgdict["RO_ACCESS_REPORT"]["TagReportData"]) for frame in frames)

    return decode


if __name__ == "__main__":
    print("\n".join(lines(rows())))
