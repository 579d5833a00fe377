"""`edgegw run` in a process of its own, for measures from outside: when it is ready, its CPU, memory, bytes written.

Its `.pyc` files are kept, as an installed edgegw has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from edgegw import control
from edgegw.errors import LinkDown
from simulators.llrp_reader import SimReader

NOBODY = 9
"""A port where no broker is."""
READY_LIMIT_S = 30.0
SETTLED_S = 0.2
STOP_LIMIT_S = 12.0


class Gateway:
    """One that runs. start_s: from the start of its process to READY=1."""

    def __init__(self, process: psutil.Process, journal: Path, start_s: float) -> None:
        self.process = process
        self.journal = journal
        self.start_s = start_s

    def cpu_s(self) -> float:
        """Its own and the kernel's for it, since its start."""
        times = self.process.cpu_times()
        return times.user + times.system

    def rss_mb(self) -> float:
        return self.process.memory_info().rss / 1e6

    def written_bytes(self) -> int:
        """What it made the kernel write to the disk: every page, SQLite's log and its checkpoints too."""
        return int(self.process.io_counters().write_bytes)

    async def count(self, reason: str, scopes: str = "") -> int:
        """The sum of this counter over all scopes whose names begin so. -1: the gateway does not answer."""
        try:
            counters: dict[str, dict[str, int]] = (await control.ask(self.journal))["counters"]
        except LinkDown:
            return -1
        return sum(tally.get(reason, 0) for scope, tally in counters.items() if scope.startswith(scopes))

    async def wait_count(self, reason: str, wanted: int, limit_s: float, scopes: str = "") -> int:
        """Until it has counted so many, or time is over; how many it has at last."""
        deadline_s, counted = time.monotonic() + limit_s, 0
        while counted < wanted and time.monotonic() < deadline_s:
            counted = max(counted, await self.count(reason, scopes))
            await asyncio.sleep(SETTLED_S)
        return counted


@asynccontextmanager
async def running(config: Path, **environment: str) -> AsyncIterator[Gateway]:
    """The gateway, ready; it is stopped at the end."""
    journal = _journal(config)
    environment = {**os.environ, **environment, "PYTHONPYCACHEPREFIX": str(_pyc_folder(config))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    notices = config.with_name("notices")
    notices.unlink(missing_ok=True)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard, config.with_name("log").open("ab") as log:
        heard.bind(str(notices))
        transport, manager = await loop.create_datagram_endpoint(_Manager, sock=heard)
        began_s = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edgegw", "run", "-c", config,
            env={**environment, "NOTIFY_SOCKET": str(notices)}, stdin=asyncio.subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
        try:
            await _ready(manager, process, config)
            yield Gateway(psutil.Process(process.pid), journal, manager.ready_s - began_s)
        finally:
            await _end(process)
            transport.close()


class _Manager(asyncio.DatagramProtocol):
    """What systemd is to a service: it hears every notice until the end. A gateway that nobody hears would stand."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ready_s = 0.0

    def datagram_received(self, data: bytes, addr: object) -> None:
        if b"READY=1" in data:
            self.ready_s = time.monotonic()
            self.ready.set()


async def _ready(manager: _Manager, process: asyncio.subprocess.Process, config: Path) -> None:
    ways = {asyncio.create_task(manager.ready.wait()), asyncio.create_task(process.wait())}
    await asyncio.wait(ways, timeout=READY_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    if not manager.ready.is_set():
        raise RuntimeError(f"the gateway is not ready: {config.with_name('log').read_text()[-2000:]}")


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_LIMIT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _journal(config: Path) -> Path:
    return Path(yaml.safe_load(config.read_text())["journal"]["path"])


def _pyc_folder(config: Path) -> Path:
    """Beside a run's own folder, so that the first start of many fills it."""
    return config.parent.parent / "pyc"


def write_config(folder: Path, readers: Sequence[SimReader], broker_port: int = NOBODY, **more: Any) -> Path:
    """A configuration in `folder`: a door of four antennas for each reader, unless `more` says where antennas are."""
    folder.mkdir(parents=True, exist_ok=True)
    content: Mapping[str, Any] = {
        "site": "bench",
        "gateway": "gw-1",
        "readers": [{"name": one.name, "host": one.host, "port": one.port} for one in readers],
        "mqtt": {"host": "127.0.0.1", "port": broker_port},
        "journal": {"path": str(folder / "journal.db")},
        "log": {"level": "warning"},
        **({} if "stations" in more else {"doors": [_door(n, one.name) for n, one in enumerate(readers, 1)]}),
        **more,
    }
    path = folder / "edgegw.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def _door(number: int, reader: str) -> dict[str, Any]:
    inside, outside = [f"{reader}/{n}" for n in (1, 2)], [f"{reader}/{n}" for n in (3, 4)]
    return {"name": f"door-{number}", "sides": {"inside": inside, "outside": outside}}
