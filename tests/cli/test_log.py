"""The log never stops the gateway: stderr full, gone or closed; whatever speaks, speaks in one structured line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgegw import control
from simulators.llrp_reader import SimReader
from simulators.mqtt_broker import Broker
from simulators.subscriber import Subscriber
from tests.test_app import write_config

TAG = "3066C4409047E140075BCD15"


@pytest.fixture(params=["full", "gone", "closed"])
def stderr(request: pytest.FixtureRequest) -> Iterator[int | None]:
    """What nobody reads: a pipe that takes not one byte more, one without a reader; None = closed from the start."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, b"x"):
            pass
    os.set_blocking(writing, True)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, writing)
        (os.close if request.param == "gone" else lambda fd: stack.callback(os.close, fd))(reading)
        yield None if request.param == "closed" else writing


@asynccontextmanager
async def gateway(config: Path, stderr: int | None) -> AsyncIterator[None]:
    """`edgegw run` with that stderr; stops in time."""
    redirection = "2>&-" if stderr is None else ""
    words = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "edgegw", "run", str(config)]
    process = await asyncio.create_subprocess_exec(*words, stderr=stderr)
    try:
        yield
        process.terminate()
        async with asyncio.timeout(12):
            assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_gateway_whose_log_nobody_reads_goes_on(tmp_path: Path, stderr: int | None) -> None:
    async with SimReader("dock-1") as reader, Broker() as broker:
        config = write_config(tmp_path, reader.port, broker.port, log={"level": "debug"})
        async with Subscriber(broker.host, broker.port) as subscriber, gateway(config, stderr):
            await reader.wait_reading(15)
            for antenna in (1, 2):
                for _ in range(6):
                    reader.see(TAG, antenna, -55.0)
                    await asyncio.sleep(0.1)
            await subscriber.until(lambda: bool(subscriber.movements), 10)
            document = await control.ask(tmp_path / "journal.db")
    assert document["counters"].get("log", {"lost": 0}).keys() == {"lost"}


SPEAKING = """
import asyncio, logging, sys, threading, time, warnings
import structlog
from edgegw.cli.log import ROOM_LINES, logging_to_stderr
from edgegw.config.model import Log
from edgegw.core.counters import Counters

counters = Counters()
with logging_to_stderr(Log(format=sys.argv[1]), counters):
    {what}
print(counters.snapshot())
"""


def said(what: str, form: str = "json") -> list[str]:
    """The lines that a program leaves on its stderr."""
    words = [sys.executable, "-c", SPEAKING.replace("{what}", what), form]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stderr.splitlines()


COMPLAINTS = {
    "structlog.get_logger().warning('link', reason='a\\nb')": ("link", "warning"),
    "warnings.warn('do not do that')": ("do not do that", "warning"),
    "logging.getLogger('asyncio').error('Task exception was never\\nretrieved')": ("was never retrieved", "error"),
    "loop = asyncio.new_event_loop(); loop.call_exception_handler("
    "{'message': 'oh', 'exception': ValueError('no')}); loop.close()": ("oh", "error"),
    "thread = threading.Thread(target=int, args=('no',)); thread.start(); thread.join()": ("ended", "error"),
    "x = type('X', (), {'__del__': lambda self: int('no')})(); del x": ("ignored", "error"),
}


@pytest.mark.parametrize("what", COMPLAINTS)
def test_whatever_is_said_is_one_structured_line(what: str) -> None:
    words, level = COMPLAINTS[what]
    (line,) = said(what)
    entry = json.loads(line)
    assert words in entry["event"]
    assert entry["level"] == level
    assert ("ValueError: " in entry.get("traceback", "")) is ("'no'" in what)
    (line,) = said(what, "console")
    assert words in line


def test_lines_beyond_the_room_are_counted() -> None:
    """Nobody reads while it speaks; what is lost is known when it speaks again."""
    reading, writing = os.pipe()
    what = "\n    ".join(
        [
            "log = structlog.get_logger()",
            "[log.info('x' * 1000) for _ in range(2 * ROOM_LINES)]",
            "began = time.monotonic()",
        ]
    )
    program = SPEAKING.replace("{what}", what) + "print(time.monotonic() - began)"
    with subprocess.Popen([sys.executable, "-c", program, "json"], stderr=writing, stdout=subprocess.PIPE) as process:
        output, _ = process.communicate(timeout=30)
    os.close(reading)
    os.close(writing)
    counted, waited_s = output.decode().splitlines()
    assert 0 < int(counted.removeprefix("{'log': {'lost': ").removesuffix("}}")) <= 1000
    assert float(waited_s) < 5
