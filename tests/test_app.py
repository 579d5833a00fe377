"""The gateway as its users run it: a process, a configuration, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from edgegw import control
from edgegw.cli import CONFIG, UNAVAILABLE, call
from simulators.llrp_reader import SimReader
from simulators.mqtt_broker import Broker


def write_config(folder: Path, reader_port: int, broker_port: int, **more: object) -> Path:
    path = folder / "edgegw.yaml"
    config = {
        "site": "dc-1",
        "gateway": "gw-1",
        "readers": [{"name": "dock-1", "host": "127.0.0.1", "port": reader_port, "power_dbm": 30}],
        "doors": [{"name": "door-1", "sides": {"inside": ["dock-1/1"], "outside": ["dock-1/2"]}, "quiet_s": 0.5}],
        "mqtt": {"host": "127.0.0.1", "port": broker_port},
        "journal": {"path": str(folder / "journal.db"), "commit_ms": 20},
        **more,
    }
    path.write_text(yaml.safe_dump(config))
    return path


@asynccontextmanager
async def gateway(config: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edgegw", "run", "-c", config,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def stopped(process: asyncio.subprocess.Process) -> tuple[float, str]:
    """SIGTERM; seconds until it ended, and what it logged."""
    began = time.monotonic()
    process.terminate()
    async with asyncio.timeout(12):
        _, errors = await process.communicate()
    return time.monotonic() - began, errors.decode()


async def test_sigterm_leaves_everything_clean_and_says_goodbye(tmp_path: Path) -> None:
    async with SimReader("dock-1") as reader, Broker() as broker:
        async with gateway(write_config(tmp_path, reader.port, broker.port)) as process:
            await reader.wait_reading(15)
            for _ in range(3):
                reader.see("3066C4409047E140075BCD15", 1, -60.0)
            await asyncio.sleep(0.6)
            document = await control.ask(tmp_path / "journal.db")
            assert document["links"]["dock-1"]["status"] == "up"
            assert document["counters"]["dock-1"]["reads"] == 3
            took_s, log = await stopped(process)
        assert process.returncode == 0
        assert took_s < 10
        assert not reader.rospecs
        assert reader.heard["CLOSE_CONNECTION"] == 1
        assert json.loads(log.splitlines()[-1])["event"] == "stopped"
        assert not (tmp_path / "journal.db.sock").exists()


async def test_sigterm_in_the_middle_of_nothing_is_quick(tmp_path: Path) -> None:
    """No reader, no broker: both are being tried."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with gateway(write_config(tmp_path, port, port)) as process:
        assert process.stderr is not None
        await process.stderr.readline()
        took_s, _ = await stopped(process)
    assert process.returncode == 0
    assert took_s < 10


async def test_systemd_is_told_and_the_watchdog_fed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        async with SimReader("dock-1") as reader, Broker() as broker:
            config = write_config(tmp_path, reader.port, broker.port)
            async with gateway(config, NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
                heard: set[str] = set()
                async with asyncio.timeout(15):
                    while not {"READY=1", "WATCHDOG=1"} <= heard or not any("1/1 readers" in text for text in heard):
                        data = await asyncio.get_running_loop().sock_recv(systemd, 1000)
                        heard.add(data.decode())
                await stopped(process)


async def test_a_second_gateway_on_one_journal_is_refused(tmp_path: Path) -> None:
    async with SimReader("dock-1") as reader, Broker() as broker:
        config = write_config(tmp_path, reader.port, broker.port)
        async with gateway(config):
            await reader.wait_reading(15)
            async with gateway(config) as second:
                async with asyncio.timeout(15):
                    _, errors = await second.communicate()
            assert second.returncode == UNAVAILABLE
            assert "another edgegw" in errors.decode()
            assert "Traceback" not in errors.decode()


def test_a_broken_configuration_is_exit_78_with_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, 1, 1)
    config.write_text(config.read_text().replace("power_dbm", "power_dbn").replace("quiet_s: 0.5", "quiet_s: soon"))
    assert call(["run", "-c", str(config)]) == CONFIG
    errors = capsys.readouterr().err
    assert "did you mean 'power_dbm'?" in errors
    assert "quiet_s" in errors


def test_status_without_a_gateway_is_exit_69(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, 1, 1)
    assert call(["status", "-c", str(config)]) == UNAVAILABLE
    assert "does not run" in capsys.readouterr().out


async def test_status_of_a_running_gateway(tmp_path: Path) -> None:
    async with SimReader("dock-1") as reader, Broker() as broker:
        config = write_config(tmp_path, reader.port, broker.port)
        async with gateway(config):
            await reader.wait_reading(15)
            asking = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edgegw", "status", "-c", config, stdout=asyncio.subprocess.PIPE
            )
            output, _ = await asking.communicate()
    assert asking.returncode == 0
    assert "dc-1/gw-1" in output.decode()
    assert "dock-1: up" in output.decode()
