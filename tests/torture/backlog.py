"""The broker is away while a million events are decided; then it comes.

    python -m tests.torture --only backlog

The gateway is a process of its own, whole but for its devices (`decider.py`: the decisions come from a generator,
through the journal's own group commit). Memory is the most that process ever had (VmHWM), from its start to its end.
The drain is timed from the first event at the central system (`witness.py`, beside a real Mosquitto) to the last; how
soon the gateway noticed the broker is a figure of its own.
"""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psutil
import yaml

from edgegw import control
from tests.mosquitto import Mosquitto, free_port
from tests.torture.table import Row
from tests.torture.witness import Witness

EVENTS: Final = 1_000_000
RSS_MB: Final = 60.0
IDLE_PERCENT: Final = 1.0
FLOOR_S: Final = 3.0
"""A small backlog's drain is mostly its beginning."""
PROGRAM: Final = "import sys; sys.modules['rich'] = None; from tests.torture.decider import main; main()"
"""As on a gateway: structlog takes `rich` along (4 MB) where it finds it, and only the developers' tools bring it."""
NOTICED_S: Final = 45.0
"""The gateway tries every 30 s at most."""
PATIENCE: Final = 8
"""So many times the limit a drain may take before it is given up."""


class Kind(NamedTuple):
    """One way of sending. limit_s: for EVENTS of them."""

    name: str
    batch: int
    limit_s: float


KINDS: Final = (Kind("one event a message", 1, 100.0), Kind("50 events a message", 50, 12.0))


class Drained(NamedTuple):
    """What one gateway did. drain_cpu_s: of its own processor time, which others on the machine do not lengthen;
    marked_s: from the last arrival until the journal knew that all were delivered.
    """

    decided_per_s: float
    idle_percent: float
    noticed_s: float
    drain_s: float
    drain_cpu_s: float
    marked_s: float
    rss_mb: float
    witness: Witness


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """One row for each way of sending."""
    count = max(2000, round(EVENTS * scale))
    found = []
    for kind in KINDS:
        place = folder / f"batch-{kind.batch}"
        place.mkdir()
        found.append(_row(kind, count, await drain(place, count, kind)))
    return found


async def drain(folder: Path, count: int, kind: Kind) -> Drained:
    """Decide `count` events without a broker, look at the idle gateway, let the broker come."""
    loop = asyncio.get_running_loop()
    broker = Mosquitto(folder, "max_queued_messages 0\n")
    began_s = loop.time()
    async with _deciding(folder, broker.port, count, kind) as gateway:
        assert gateway.stdout is not None
        assert await gateway.stdout.readline() == b"decided\n", (folder / "gateway.log").read_text()
        decided_s = loop.time() - began_s
        idle_percent = await _idle_percent(gateway.pid, min(20.0, 2.0 + count / 50_000))
        async with broker, Witness(broker.port, "torture/#") as witness:
            up_s = loop.time()
            await witness.until(lambda: witness.events > 0, NOTICED_S)
            before_cpu_s = _cpu_s(gateway.pid)
            await witness.until(lambda: witness.events >= count, FLOOR_S + PATIENCE * kind.limit_s * count / EVENTS)
            ended_s = loop.time()
            drain_cpu_s = _cpu_s(gateway.pid) - before_cpu_s
            await _all_marked(folder / "journal.db")
            marked_s = loop.time() - ended_s
            rss_mb = _peak_rss_mb(gateway.pid)
    return Drained(
        decided_per_s=count / decided_s,
        idle_percent=idle_percent,
        noticed_s=witness.first_s - up_s,
        drain_s=witness.last_s - witness.first_s,
        drain_cpu_s=drain_cpu_s,
        marked_s=marked_s,
        rss_mb=rss_mb,
        witness=witness,
    )


@asynccontextmanager
async def _deciding(folder: Path, broker_port: int, count: int, kind: Kind) -> AsyncIterator[Process]:
    config = {
        "site": "torture",
        "gateway": "gw-1",
        "stations": [{"name": "packing"}],
        "scanners": [{"name": "pack-1", "station": "packing", "listen": f"127.0.0.1:{free_port()}"}],  # nobody calls
        "mqtt": {"host": "127.0.0.1", "port": broker_port, "prefix": "torture"},
        "journal": {"path": str(folder / "journal.db")},
        "delivery": {"batch": kind.batch},
    }
    (folder / "edgegw.yaml").write_text(yaml.safe_dump(config))
    program = (sys.executable, "-c", PROGRAM, str(folder / "edgegw.yaml"), str(count))
    with (folder / "gateway.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*program, stdout=PIPE, stderr=log)
    try:
        yield process
        process.terminate()
        async with asyncio.timeout(15):
            assert await process.wait() == 0, (folder / "gateway.log").read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _idle_percent(pid: int, seconds: float) -> float:
    """Of one core."""
    before_s = _cpu_s(pid)
    await asyncio.sleep(seconds)
    return (_cpu_s(pid) - before_s) / seconds * 100


def _cpu_s(pid: int) -> float:
    """User and system time, since its start."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def _all_marked(journal: Path) -> None:
    async with asyncio.timeout(30):
        while (await control.ask(journal))["backlog"]["pending"]:
            await asyncio.sleep(0.1)


def _peak_rss_mb(pid: int) -> float:
    """The most that it ever had (proc(5): VmHWM, in units of 1024 bytes)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def _row(kind: Kind, count: int, drained: Drained) -> Row:
    witness = drained.witness
    limit_s = max(FLOOR_S, kind.limit_s * count / EVENTS)
    broken = {
        f"{count - witness.events} events did not arrive": witness.events != count,
        f"{witness.out_of_order} events came after a later one": witness.out_of_order,
        f"{drained.rss_mb:.1f} MB of memory": drained.rss_mb > RSS_MB,
        f"{drained.idle_percent:.2f} % of a core while the broker was away": drained.idle_percent > IDLE_PERCENT,
        f"{drained.drain_s:.1f} s to drain, more than {limit_s:.0f} s": drained.drain_s > limit_s,
    }
    counts: dict[str, int | float | str] = {
        "events": witness.events,
        "lost": witness.missing,
        "out_of_order": witness.out_of_order,
        "repeats": witness.repeats,
        "rss_mb": round(drained.rss_mb, 1),
        "idle_cpu_percent": round(drained.idle_percent, 2),
        "drain_s": round(drained.drain_s, 1),
        "drain_cpu_s": round(drained.drain_cpu_s, 1),
        "noticed_s": round(drained.noticed_s, 1),
        "marked_s": round(drained.marked_s, 1),
        "decided_per_s": round(drained.decided_per_s),
    }
    wanted = (
        f"all in order, RSS <= {RSS_MB:.0f} MB, idle <= {IDLE_PERCENT:.0f} %, drain <= {kind.limit_s:.0f} s a million"
    )
    return Row(
        f"broker down for {count} events, {kind.name}", counts, wanted, tuple(w for w, bad in broken.items() if bad)
    )
