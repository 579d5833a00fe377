"""`edgegw record` from a running gateway and from readers alone; `edgegw why` beside a running gateway."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgegw.cli import OK, UNAVAILABLE, USAGE, call
from edgegw.cli.record import Watch
from edgegw.sources.replay import recorded_reads
from edgegw.supervise import LinkState
from edgegw.tap import socket_path
from simulators.llrp_reader import SimReader
from simulators.mqtt_broker import Broker
from tests.test_app import gateway, write_config

TAG = "3066C4409047E140075BCD15"


@asynccontextmanager
async def edgegw(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "edgegw", *arguments, stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(20):
        out, errors = await process.communicate()
    return process.returncode, out.decode(), errors.decode()


async def said(process: Process, words: str) -> None:
    assert process.stderr
    async with asyncio.timeout(20):
        while words not in (line := (await process.stderr.readline()).decode()):
            assert line, f"it never said {words!r}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def test_a_running_gateway_gives_copies_and_why_explains_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "reads.jsonl.gz"
    async with SimReader("dock-1") as reader, Broker() as broker:
        config = write_config(tmp_path, reader.port, broker.port)
        async with gateway(config):
            await reader.wait_reading(15)
            async with edgegw("record", "-c", str(config), "--seconds", "60", "--out", str(out)) as recording:
                await said(recording, "listening to the gateway")
                for antenna in (1, 1, 2, 2):
                    reader.see(TAG, antenna, -60.0)
                    await asyncio.sleep(0.5)
                recording.send_signal(signal.SIGINT)
                code, told, _ = await ended(recording)
            assert (code, told) == (OK, f"{out}: 4 reads\n")
            assert await explained(config, "MOVED out")
    reads = list(recorded_reads(out))
    assert [read.antenna for read in reads] == [1, 1, 2, 2]
    assert {(read.reader, read.epc.hex().upper(), read.rssi_dbm) for read in reads} == {("dock-1", TAG, -60.0)}
    assert 1.0 < reads[-1].t - reads[0].t < 3.0


async def explained(config: Path, words: str) -> str:
    """What `edgegw why` says as soon as it says this."""
    for _ in range(20):
        async with edgegw("why", TAG, "-c", str(config)) as asking:
            _, out, errors = await ended(asking)
            assert not errors
        if words in out:
            return out
    return ""


async def test_a_gateway_that_ends_leaves_what_came(tmp_path: Path) -> None:
    out = tmp_path / "reads.jsonl"
    async with SimReader("dock-1") as reader, Broker() as broker:
        config = write_config(tmp_path, reader.port, broker.port)
        async with gateway(config) as process:
            await reader.wait_reading(15)
            async with edgegw("record", "-c", str(config), "--out", str(out)) as recording:
                await said(recording, "listening to the gateway")
                await asyncio.sleep(0.1)
                reader.see(TAG, 1, -60.0)
                assert await explained(config, "only one side heard it")
                process.terminate()
                code, _, errors = await ended(recording)
    assert code == OK
    assert "the gateway ended; what came until then is kept" in errors
    assert len(out.read_text().splitlines()) == 1


async def test_without_a_gateway_the_readers_are_asked_and_left_clean(tmp_path: Path) -> None:
    out = tmp_path / "reads.jsonl"
    async with SimReader("dock-1") as reader:
        config = write_config(tmp_path, reader.port, free_port())
        async with edgegw("record", "-c", str(config), "--seconds", "60", "--out", str(out)) as recording:
            await reader.wait_reading(15)
            reader.see(TAG, 1, -60.0)
            reader.see(TAG, 2, -61.0)
            await asyncio.sleep(0.3)
            recording.send_signal(signal.SIGTERM)
            code, told, errors = await ended(recording)
        assert not reader.rospecs
        assert reader.heard["CLOSE_CONNECTION"] == 1
    assert (code, told) == (OK, f"{out}: 2 reads\n")
    assert "no gateway runs: asking the readers directly" in errors
    assert "dock-1: up" in errors
    assert [json.loads(line)["rssi"] for line in out.read_text().splitlines()] == [-60.0, -61.0]
    assert not (tmp_path / "journal.db").exists()


async def test_nothing_heard_leaves_no_file(tmp_path: Path) -> None:
    out = tmp_path / "reads.jsonl.gz"
    config = write_config(tmp_path, free_port(), free_port())
    async with edgegw("record", "-c", str(config), "--seconds", "1", "--out", str(out)) as recording:
        code, _, errors = await ended(recording)
    assert code == UNAVAILABLE
    assert "dock-1: down: " in errors
    assert "connection refused" in errors
    assert "no tag was read" in errors
    assert not out.exists()


def test_a_reader_that_stays_away_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch()
    trying, away, up = (
        LinkState("dock-1", "connecting"),
        LinkState("dock-1", "down", "no answer"),
        LinkState("dock-1", "up"),
    )
    for state in (trying, away, trying, away, up, away):
        watch.link(state)
    assert capsys.readouterr().err.splitlines() == ["dock-1: down: no answer", "dock-1: up", "dock-1: down: no answer"]


def test_files_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, 1, 1)
    there = tmp_path / "there.jsonl.gz"
    there.write_bytes(gzip.compress(b"precious"))
    assert call(["record", "-c", str(config), "--out", str(there)]) == UNAVAILABLE
    assert "is there already" in capsys.readouterr().err
    assert gzip.decompress(there.read_bytes()) == b"precious"
    assert call(["record", "-c", str(config), "--out", str(tmp_path / "no" / "x.jsonl")]) == UNAVAILABLE
    assert "cannot be written" in capsys.readouterr().err
    assert call(["record", "-c", str(config)]) == USAGE


async def test_what_is_no_gateway_is_not_believed(tmp_path: Path) -> None:
    """Bytes without end where lines should come."""

    async def lie(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 1_000_000)

    config, out = write_config(tmp_path, 1, 1), tmp_path / "x.jsonl"
    async with await asyncio.start_unix_server(lie, socket_path(tmp_path / "journal.db")):
        async with edgegw("record", "-c", str(config), "--out", str(out)) as recording:
            code, _, errors = await ended(recording)
    assert code == UNAVAILABLE
    assert "does not speak as a gateway does" in errors
    assert "Traceback" not in errors
