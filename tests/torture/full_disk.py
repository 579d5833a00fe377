"""The disk fills while a dock is at work, and the broker comes and goes.

    python -m tests.torture --only full-disk

The whole gateway runs on a tmpfs of 32 MB: goods go through its door, and a scanner beside it never rests. In each
round some other program fills the disk, and takes what the gateway gives up, until the gateway has said so and some
time longer; then there is room again. Where no tmpfs may be mounted the gateway's files are limited in size instead,
which is a full disk to it as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from edgegw import control
from simulators.dock_door import DockDoor, Gateway, Ledger, acts, load_scenario
from simulators.subscriber import Event, Subscriber
from tests.mosquitto import Mosquitto, free_port
from tests.torture.table import Row

ROUNDS: Final = 25
DISK_MB: Final = 32
"""The journal with a backlog (16 MB), its log (6 MB), and the 7 MB that must be free before a disk is well again."""
LIMIT_BYTES: Final = 256 * 1024
"""More than the gateway's log needs, less than the journal's."""
COMMIT_ROWS: Final = 20
"""Four times as much may wait for the disk: so that reading is held back within a second."""
FILL_S: Final = 0.05
FULL_S: Final = (1.0, 8.0)
"""For so long after it was said."""
TURNS: Final = (("before", "after"), (), ("before", "full"), ("full", "after"))
"""When the broker goes and comes, in one round after the other: while the disk is full, before or after that."""
WELL_S: Final = (1.0, 3.0)
SCAN_S: Final = 0.01
PATIENCE_S: Final = 60.0
UNIT: Final = "https://id.gs1.org/01/09506000134352/21/S"
STATION: Final = "packing"
BROKER_KEEPS_ALL: Final = "autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\n"
SETTLE_S: Final = 3.0
"""An event too many would come within this."""
WANTED: Final = "resumes alone, every refused read counted, integrity ok, 0 lost, 0 twice"


class Disk(Protocol):
    """A disk that can be filled and freed. way: how that is done."""

    folder: Path
    way: str

    def fill(self, pid: int) -> None:
        """Take what room there is, from this process on."""

    def free(self, pid: int) -> None: ...


class Tmpfs:
    """A disk of its own, in memory; another program's file fills it."""

    way = f"tmpfs of {DISK_MB} MB"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._photos = folder / "photos"

    def fill(self, pid: int) -> None:
        with self._photos.open("ab", buffering=0) as photos, contextlib.suppress(OSError):
            while photos.write(bytes(4096)):
                pass

    def free(self, pid: int) -> None:
        self._photos.unlink(missing_ok=True)


class Limit:
    """No file of the process may be written beyond some size (setrlimit(2), RLIMIT_FSIZE): needs no right."""

    way = "files limited in size: a tmpfs may not be mounted here"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        self._limit(pid, LIMIT_BYTES)

    def free(self, pid: int) -> None:
        self._limit(pid, resource.RLIM_INFINITY)

    def _limit(self, pid: int, limit_bytes: int) -> None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, hard))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """The best that may be had."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        yield Limit(folder)
        return
    try:
        yield Tmpfs(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """One row: 25 times full at scale 1."""
    with small_disk(folder / "small") as disk:
        return [await fill_often(folder, disk, max(1, round(ROUNDS * scale)), random.Random(seed))]


async def fill_often(folder: Path, disk: Disk, rounds: int, rng: random.Random) -> Row:
    """So many rounds on this disk; broker, configuration and log are on another, in `folder`."""
    async with _working(folder, disk) as site:
        pid = site.gateway.pid
        async with asyncio.TaskGroup() as work:
            work.create_task(site.play())
            work.create_task(site.scan())
            for _ in range(rounds):
                await asyncio.sleep(rng.uniform(*WELL_S))
                await site.fill_once(rng)
            site.enough.set()
        counts, faults = await site.settle()
        restarts = int(site.gateway.pid != pid or not site.gateway.running)
        await site.gateway.stop()
        integrity = _integrity(site.gateway.journal)
    counts |= {"restarts": restarts, "integrity": integrity}
    faults |= {"the gateway was started again": restarts, f"integrity_check: {integrity}": integrity != "ok"}
    return Row(
        f"disk full during decisions ({disk.way})",
        counts,
        WANTED,
        tuple(what for what, broken in faults.items() if broken),
    )


@asynccontextmanager
async def _working(folder: Path, disk: Disk) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder, BROKER_KEEPS_ALL))
        central = await stack.enter_async_context(Subscriber(broker.host, broker.port, client_id="central"))
        dock = await stack.enter_async_context(DockDoor(load_scenario("crash")))
        gateway, scanner_port = Gateway(folder), free_port()
        gateway.journal = disk.folder / "journal.db"
        gateway.config.write_text(_config(dock.gateway_yaml((broker.host, broker.port), gateway.journal), scanner_port))
        await stack.enter_async_context(gateway)
        await central.until_up(dock.links)
        _, scanner = await asyncio.open_connection("127.0.0.1", scanner_port)
        stack.callback(scanner.transport.abort)
        yield Site(disk, gateway, broker, central, dock, scanner)


def _config(text: str, scanner_port: int) -> str:
    """Of the dock, with a scanner that connects, and a journal that leaves room for others on a small disk."""
    config = yaml.safe_load(text)
    config["scanners"] = [{"name": "pack-1", "station": STATION, "listen": f"127.0.0.1:{scanner_port}"}]
    config["stations"] = [{"name": STATION}]
    config["journal"] |= {"max_mb": 8, "commit_rows": COMMIT_ROWS}
    return str(yaml.safe_dump(config))


def _integrity(journal: Path) -> str:
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        return str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])


class Site:
    """A dock with its gateway, a disk that fills, a broker that goes, and a central system."""

    def __init__(
        self,
        disk: Disk,
        gateway: Gateway,
        broker: Mosquitto,
        central: Subscriber,
        dock: DockDoor,
        scanner: asyncio.StreamWriter,
    ) -> None:
        self.gateway = gateway
        self.enough = asyncio.Event()
        self._disk = disk
        self._broker = broker
        self._broker_is_up = True
        self._central = central
        self._dock = dock
        self._scanner = scanner
        self._ledger = Ledger()
        self._numbers: list[int] = []
        self._scanned: Counter[str] = Counter()
        self._scans = 0
        self._full_s = 0.0
        self._resumed_s: list[float] = []
        central.on_event = self._hear

    def _hear(self, event: Event) -> None:
        self._numbers.append(event["seq"])
        if event["data"].get("station") == STATION:
            self._scanned[event["subject"]] += 1
        elif event["type"].startswith("edgegw.movement."):
            self._ledger.enter(event)

    # ---- what happens all the time

    async def play(self) -> None:
        """Goods go through the door, round after round."""
        for number in count():
            if self.enough.is_set():
                break
            happenings = acts(self._dock.scenario, number)
            self._ledger.promise(happenings, 0.0)
            await self._dock.play(happenings)

    async def scan(self) -> None:
        """One unit after the other, as fast as the gateway takes them."""
        while not self.enough.is_set():
            self._scans += 1
            self._scanner.write(f"{UNIT}{self._scans}\r".encode())
            await self._scanner.drain()
            await asyncio.sleep(SCAN_S)

    # ---- a round

    async def fill_once(self, rng: random.Random) -> None:
        """The disk is full until the gateway has said so, and some time longer. The broker goes and comes."""
        turns = TURNS[len(self._resumed_s) % len(TURNS)]
        await self._turn_broker(turns, "before")
        filling = asyncio.create_task(self._fill())
        try:
            await self._until_told(_is_full)
            full_s = rng.uniform(*FULL_S)
            await asyncio.sleep(full_s / 2)
            await self._turn_broker(turns, "full")
            await asyncio.sleep(full_s / 2)
        finally:
            filling.cancel()
            await asyncio.wait([filling])
            self._disk.free(self.gateway.pid)
        self._full_s += full_s
        loop = asyncio.get_running_loop()
        freed_s = loop.time()
        await self._until_told(_is_well)
        self._resumed_s.append(loop.time() - freed_s)
        await self._turn_broker(turns, "after")

    async def _turn_broker(self, turns: Sequence[str], when: str) -> None:
        """Off, or on again."""
        if when in turns:
            await asyncio.to_thread(self._broker.stop if self._broker_is_up else self._broker.start)
            self._broker_is_up = not self._broker_is_up

    async def _fill(self) -> None:
        while True:
            self._disk.fill(self.gateway.pid)
            await asyncio.sleep(FILL_S)

    async def _until_told(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        """By the gateway itself, and to whoever subscribes while the broker is up. TimeoutError: it is silent."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds(await control.ask(self.gateway.journal)):
                await asyncio.sleep(FILL_S)
        if self._broker_is_up:
            await self._central.until(lambda: holds(self._central.status), PATIENCE_S)

    # ---- the end

    async def settle(self) -> tuple[dict[str, int | float | str], dict[str, object]]:
        """Wait for what is missing and for what should not come. Figures, and what is wrong where it is not nothing."""
        with contextlib.suppress(TimeoutError):
            await self._central.until(lambda: not self._missing(), PATIENCE_S)
        await asyncio.sleep(SETTLE_S)
        missing, twice = self._missing(), self._twice()
        gaps = sorted(set(range(1, max(self._numbers) + 1)) - set(self._numbers))
        reads_sent = sum(reader.reads_reported for reader in self._dock.readers.values())
        reads_lost = sum(reader.reads_lost for reader in self._dock.readers.values())
        counters = (await control.ask(self.gateway.journal))["counters"]
        reads_counted = sum(counters[name]["reads"] for name in self._dock.readers)
        counts: dict[str, int | float | str] = {
            "rounds": len(self._resumed_s),
            "full_s": round(self._full_s),
            "door_movements": self._ledger.promised,
            "scans": self._scans,
            "lost": len(missing),
            "twice": len(twice),
            "gaps": len(gaps),
            "repeats": len(self._central.repeated),
            "reads_sent": reads_sent,
            "reads_counted": reads_counted,
            "reads_lost_in_readers": reads_lost,
            **{name: counters["journal"].get(name, 0) for name in ("held_back", "failed_commits", "events_forgotten")},
            "resumed_worst_s": round(max(self._resumed_s), 1),
        }
        faults: dict[str, object] = {
            f"did not arrive: {missing[:10]}": missing,
            f"unexpected, or under two ids: {twice[:10]}": twice,
            f"numbers that never came: {gaps[:10]}": gaps,
            f"{reads_sent} reads were sent, {reads_counted} counted": reads_sent != reads_counted,
            f"the readers had no room for {reads_lost} reads": reads_lost,
            "reading was never held back: nothing was tried": not counts["held_back"],
        }
        return counts, faults

    def _missing(self) -> list[str]:
        units = (f"{UNIT}{number}" for number in range(1, self._scans + 1))
        return [*map(str, self._ledger.missing(float("inf"))), *(unit for unit in units if not self._scanned[unit])]

    def _twice(self) -> list[str]:
        return [*map(str, self._ledger.unexpected()), *(unit for unit, times in self._scanned.items() if times > 1)]


def _is_full(status: dict[str, Any]) -> bool:
    """Nothing can be written, or only where old events are forgotten."""
    return "the disk is full" in status.get("journal", "") or "disk" in status.get("troubles", {})


def _is_well(status: dict[str, Any]) -> bool:
    return status.get("journal") == "ok" and not _is_full(status)  # a last will says neither
