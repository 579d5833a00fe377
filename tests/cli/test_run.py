"""How `edgegw run` ends, when it does not end well."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgegw.cli import BUG, CONFIG, UNAVAILABLE
from tests.test_app import write_config

ENDING = """
import asyncio, sys
from edgegw import app
from edgegw.errors import *

async def run(config, counters):
    async with asyncio.TaskGroup() as group:
        {ending}

app.run = run
sys.argv = ["edgegw", "run", {file!r}]
from edgegw.__main__ import main
main()
"""


def ended(config: Path, ending: str) -> tuple[int, dict[str, str]]:
    """Exit code and last line of the log."""
    program = ENDING.format(ending=ending, file=str(config))
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    (line,) = process.stderr.splitlines()
    last: dict[str, str] = json.loads(line)
    return process.returncode, last


@pytest.mark.parametrize(
    ("ending", "code", "event", "words"),
    [
        ("raise StoreFailed('the disk is full')", UNAVAILABLE, "ended", "the disk is full"),
        (
            "raise ConfigError([Fault('f', 0, 0, 'mqtt.password_credential', 'none', 'LoadCredential=')])",
            CONFIG,
            "ended",
            "f: mqtt.password_credential: none - LoadCredential=",
        ),
        ("1 / 0", BUG, "a bug in edgegw ended it", "ZeroDivisionError: division by zero"),
        (
            "raise ExceptionGroup('', [StoreFailed('full'), ZeroDivisionError('oh')])",
            BUG,
            "a bug in edgegw ended it",
            "ZeroDivisionError: oh",
        ),
    ],
)
def test_what_ends_it_is_one_line_and_an_exit_code(
    tmp_path: Path, ending: str, code: int, event: str, words: str
) -> None:
    returned, last = ended(write_config(tmp_path, 1, 1), ending)
    assert returned == code
    assert last["event"] == event
    assert last["level"] == "critical"
    assert words in last.get("reason", "") + last.get("traceback", "")
