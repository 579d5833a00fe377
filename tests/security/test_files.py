"""What edgegw writes is for its own group alone, and it listens where it was told to and nowhere else."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from simulators.llrp_reader import SimReader
from tests.mosquitto import Mosquitto
from tests.publish.listener import Listener
from tests.publish.test_gateway import scan, until_status, write_scanner_config
from tests.test_app import gateway, stopped, write_config


@pytest.fixture
def open_umask() -> Iterator[None]:
    """As careless as a shell can be; what is started gets it from us."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path, pattern: str) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.lstat().st_mode) for file in folder.glob(pattern)}


async def edgegw(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "edgegw", *arguments)
    async with asyncio.timeout(30):
        assert await process.wait() == 0


@pytest.mark.usefixtures("open_umask")
async def test_nobody_else_reads_what_edgegw_writes(tmp_path: Path) -> None:
    async with SimReader("dock-1") as reader, Mosquitto(tmp_path / "broker") as broker, Listener(broker.port):
        config = write_config(tmp_path, reader.port, broker.port)
        async with gateway(config) as process:
            await reader.wait_reading(15)
            recording = asyncio.create_task(
                edgegw("record", str(config), "--seconds", "2", "--out", str(tmp_path / "out.jsonl.gz"))
            )
            while not recording.done():
                reader.see("3066C4409047E140075BCD15", 1, -60.0)
                await asyncio.sleep(0.05)
            await recording
            for name in ("out.txt", "out.tar.gz"):
                await edgegw("diagnose", str(config), "--out", str(tmp_path / name))
            running = modes(tmp_path, "journal.db*")
            await stopped(process)
    assert {name for name in running if not name.endswith((".sock", ".reads"))} >= {"journal.db", "journal.db-wal"}
    for name, mode in running.items():
        assert mode == (0o660 if name.endswith((".sock", ".reads")) else 0o640), (name, oct(mode))
    out = modes(tmp_path, "out.*")
    assert set(out) == {"out.jsonl.gz", "out.txt", "out.tar.gz"}
    assert not [name for name, mode in out.items() if mode & 0o027]
    assert not [name for name, mode in modes(tmp_path, "journal.db*").items() if mode & 0o027]


async def test_a_stricter_umask_stays(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        config, _ = write_scanner_config(tmp_path, 1)
        await edgegw("diagnose", str(config), "--out", str(tmp_path / "out.txt"))
    finally:
        os.umask(before)
    assert modes(tmp_path, "out.txt") == {"out.txt": 0o600}


async def test_it_listens_where_it_was_told_to_and_nowhere_else(tmp_path: Path) -> None:
    async with SimReader("dock-1") as reader, Mosquitto(tmp_path) as broker:
        async with gateway(write_config(tmp_path, reader.port, broker.port)) as process:
            await reader.wait_reading(15)
            await until_status(tmp_path, links__mqtt__status="up")
            assert listening(process.pid) == set()
            await stopped(process)
        config, port = write_scanner_config(tmp_path, broker.port)
        async with gateway(config) as process:
            await scan(port, "ONE")
            assert listening(process.pid) == {("127.0.0.1", port)}
            await stopped(process)


def listening(pid: int) -> set[tuple[str, int]]:
    """UDP sockets that have no other end, too."""
    open_ = psutil.Process(pid).net_connections("inet")
    return {(one.laddr.ip, one.laddr.port) for one in open_ if one.status == psutil.CONN_LISTEN or not one.raddr}
