"""`edgegw demo` as people run it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from simulators.dock_door import load_scenario
from simulators.dock_door.script import expected

LINE = re.compile(r"\d\d:\d\d:\d\d  (?P<way>AT|OUT|IN) +(?P<place>\S+) +(?P<unit>\S+) +\S.*")
BEGINS_S = 2.0
GATEWAY_GONE_S = 12.0


@asynccontextmanager
async def _demo(folder: Path, *options: str) -> AsyncIterator[Process]:
    """The command, with its temporary files in `folder`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edgegw", "demo", *options),
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _read_until(process: Process, wanted: str, timeout_s: float = 10.0) -> str:
    """Output up to the first line that matches."""
    assert process.stdout is not None
    text = ""
    async with asyncio.timeout(timeout_s):
        while line := (await process.stdout.readline()).decode():
            text += line
            if re.search(wanted, line):
                return text
    raise AssertionError(f"{wanted!r} never came:\n{text}")


async def _rest(process: Process, timeout_s: float = 15.0) -> str:
    async with asyncio.timeout(timeout_s):
        return (await process.communicate())[0].decode()


def _gateway(folder: Path) -> psutil.Process | None:
    """The gateway process of the demo in `folder`."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "run" in command and command[-1].startswith(str(folder)):
            return process
    return None


async def test_twenty_seconds_show_every_movement_and_what_was_ignored(tmp_path: Path) -> None:
    began_s = time.monotonic()
    async with _demo(tmp_path, "--seconds", "20") as process:
        head = await _read_until(process, "mosquitto_sub")
        assert time.monotonic() - began_s < BEGINS_S
        first = await _read_until(process, LINE.pattern)
        assert time.monotonic() - began_s < 6
        text = head + first + await _rest(process, 30)
        assert process.returncode == 0, text
        assert time.monotonic() - began_s < 25
    lines = [match for match in map(LINE.fullmatch, text.splitlines()) if match]
    shown = [(match["unit"], match["place"], match["way"].lower()) for match in lines]
    wanted = [
        (move.unit.removeprefix("https://id.gs1.org/"), move.place, move.direction or "at")
        for move in expected(load_scenario("demo"))
    ]
    assert set(wanted) <= set(shown)
    assert len(shown) == len(set(shown))
    assert f"{len(shown)} movements: all that happened at the dock, and no other" in text
    for reason in ("one-side", "turned-back", "steady", "parked", "repeat", "class", "raw"):
        assert re.search(rf"^ +\d+ ignored, {reason}: .+", text, re.MULTILINE), reason
    assert re.search(r"\d+ reads by dock-2, clock corrected by -14\.0 s", text)
    assert list(tmp_path.iterdir()) == []


async def test_ctrl_c_ends_it_with_a_summary_and_leaves_nothing(tmp_path: Path) -> None:
    async with _demo(tmp_path) as process:
        await _read_until(process, LINE.pattern)
        process.send_signal(signal.SIGINT)
        text = await _rest(process)
        assert process.returncode == 0, text
    assert "movements" in text
    assert "Traceback" not in text
    assert _gateway(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


async def test_a_killed_demo_takes_its_gateway_along(tmp_path: Path) -> None:
    async with _demo(tmp_path) as process:
        await _read_until(process, LINE.pattern)
        gateway = _gateway(tmp_path)
        assert gateway is not None
        process.kill()
        await process.wait()
        await asyncio.to_thread(gateway.wait, GATEWAY_GONE_S)


async def test_a_gateway_that_ends_is_said_with_its_last_words(tmp_path: Path) -> None:
    async with _demo(tmp_path) as process:
        await _read_until(process, LINE.pattern)
        gateway = _gateway(tmp_path)
        assert gateway is not None
        gateway.kill()
        text = await _rest(process)
        assert process.returncode == 69, text
    assert "the gateway ended by itself. Its last words:" in text
    assert '"event": "running"' in text
    assert "Traceback" not in text
