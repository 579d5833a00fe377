"""`edgegw resend`, `parked` and what all commands share: whoever errs is told so."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgegw.cli import OK, UNAVAILABLE, USAGE, call
from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.store.journal import Journal
from tests.cli.test_check import GOOD, MODES_COUNT

TOPIC = "edgegw/v1/dc-1/edge-1/evt/movement"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edgegw.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


async def fill(config: Path) -> None:
    """Three events: the first is delivered, the others are parked."""
    settings = JournalSettings(path=config.parent / "journal.db")
    async with Journal.opened(settings, "edge-1", Counters(), lambda: 1_795_255_218.0) as journal:
        for _ in range(3):
            journal.add_event(
                lambda seq: (TOPIC, json.dumps({"gateway": "edge-1", "epoch": journal.epoch, "seq": seq}).encode())
            )
        await journal.flush()
        journal.mark_published(1)
        journal.park(2, "packet too large")
        journal.park(3, "packet too large")


@pytest.mark.parametrize(
    "command", [["why", "X"], ["tune", "d", "--reads", "r"], ["resend", "1", "2"], ["parked", "list"]]
)
def test_without_a_configuration_one_is_to_be_named(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command) == USAGE
    assert "there is no /etc/edgegw/edgegw.yaml: name a configuration with -c FILE" in capsys.readouterr().err


def test_a_range_begins_with_its_lower_number(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["resend", "5", "1", "-c", str(config)]) == USAGE
    assert "from 5 to 1 is no range: name the lower number first" in capsys.readouterr().err


async def asked(*words: str) -> tuple[int, str]:
    """In a process of its own, as the command has an event loop of its own."""
    words = (sys.executable, "-m", "edgegw", *words)
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, f"{done.stdout}{done.stderr}"


async def test_resend(config: Path) -> None:
    await fill(config)
    code, said = await asked("resend", "1", "1", "-c", str(config))
    assert code == OK
    assert "1 event sent again." in said.splitlines()
    code, said = await asked("resend", "1", "1", "--epoch", "foo", "-c", str(config))
    assert code == UNAVAILABLE
    assert "this journal has no epoch foo: the present one is 0" in said


async def test_what_is_not_parked_cannot_be_retried_or_dropped(config: Path) -> None:
    await fill(config)
    assert (
        "Not parked: 1 of 2; see edgegw parked list."
        in (await asked("parked", "retry", "2", "77", "-c", str(config)))[1]
    )
    code, said = await asked("parked", "drop", "3", "-c", str(config))
    assert code == OK
    assert "1 event given up." in said.splitlines()
    assert "Not parked" not in said
    code, said = await asked("parked", "drop", "3", "-c", str(config))
    assert {"0 events given up.", "Not parked: 1 of 1; see edgegw parked list."} <= set(said.splitlines())


@pytest.mark.parametrize("command", [["parked", "list"], ["why", "X"], ["parked", "drop", "--all"]])
async def test_a_journal_that_this_user_may_not_see(config: Path, command: list[str]) -> None:
    closed = config.parent / "closed"
    closed.mkdir(mode=0o700)
    config.write_text(GOOD.replace("path: journal.db", "path: closed/journal.db"))
    await fill(config)
    (config.parent / "journal.db").rename(closed / "journal.db")
    closed.chmod(0)
    words = [*MODES_COUNT, sys.executable, "-m", "edgegw", *command, "-c", str(config)]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, timeout=60, check=False)
    os.chmod(closed, 0o700)
    assert done.returncode == UNAVAILABLE
    assert "Traceback" not in done.stderr
    assert "this user may not" in done.stderr
