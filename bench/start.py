"""From nothing to READY, and how much memory that takes: `python -m bench.start`.

The whole process: interpreter, imports, configuration checked, a new journal, links started. The first start, which
writes the `.pyc` files, is not counted: an installed edgegw has them.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bench.gateway import running, write_config
from bench.rounds import ROUNDS, median
from bench.table import Row, lines
from simulators.llrp_reader import SimReader
from simulators.mqtt_broker import Broker

START_LIMIT_S = 1.0
RSS_LIMIT_MB = 60.0
SETTLE_S = 2.0


def rows() -> list[Row]:
    return asyncio.run(_rows())


async def _rows() -> list[Row]:
    starts_s, rss_mb = [], []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgegw-bench-")))
        broker = await stack.enter_async_context(Broker())
        reader = await stack.enter_async_context(SimReader("reader-1"))
        for number in range(ROUNDS + 1):
            async with running(write_config(folder / str(number), [reader], broker.port)) as gateway:
                await reader.wait_reading(10)
                await asyncio.sleep(SETTLE_S if number else 0)
                starts_s.append(gateway.start_s)
                rss_mb.append(gateway.rss_mb())
    return [_start(starts_s[1:]), _rss(rss_mb[1:])]


def _start(found_s: list[float]) -> Row:
    took_s = median(found_s)
    return Row(
        "cold start to READY", f"{took_s:.2f} s", "", None, f"< {START_LIMIT_S:g} s", took_s < START_LIMIT_S,
        tuple(found_s), -1,
    )  # fmt: skip


def _rss(found_mb: list[float]) -> Row:
    rss_mb = median(found_mb)
    return Row(
        "RSS at start, one reader reading", f"{rss_mb:.1f} MB", "", None, f"<= {RSS_LIMIT_MB:g} MB",
        rss_mb <= RSS_LIMIT_MB, tuple(found_mb), -1,
    )  # fmt: skip


if __name__ == "__main__":
    print("\n".join(lines(rows())))
