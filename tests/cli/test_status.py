"""`edgegw status` as a technician reads it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgegw import control
from edgegw.cli import UNAVAILABLE
from edgegw.cli.status import status
from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.store.journal import Journal
from tests.test_app import write_config

RUNNING: dict[str, Any] = {
    "online": True,
    "gateway": "gw-1",
    "site": "dc-1",
    "version": "0.1.0",
    "epoch": "01M7Y4KHFY5BXSJNRQHJ3YJYWQ",
    "last_seq": 45,
    "uptime_s": 93_784,
    "movements": 42,
    "ignored": {"one-side": 3},
    "links": {
        "mqtt": {"status": "down", "reason": "nothing listens on broker:1883"},
        "dock-1": {"status": "up", "reason": ""},
        "pack-1": {"status": "up", "reason": ""},
    },
    "readers": {
        "dock-1": {
            "model": "25882/2001001 6.4.1",
            "troubles": {"antenna 2": "antenna 2 is disconnected"},
            "gpi": {},
            "clock_offset_s": -14.0,
        }
    },
    "backlog": {"pending": 3, "parked": 1, "oldest_age_s": 75.2},
    "journal": "ok",
    "troubles": {"nobody": "nobody subscribes to evt/movement"},
    "certificates": {
        "mqtt.tls.cert_file": {"until": "2026-12-12T10:00:00.000Z", "days_left": 20},
        "broker": {"until": "2026-11-20T10:00:00.000Z", "days_left": -2},
    },
    "counters": {
        "dock-1": {"reads": 1234, "bad_frames": 2, "event_gpi": 4},
        "pack-1": {"scans": 7, "prefix_missing": 1},
        "door-1": {"crossed": 42, "one-side": 3},
        "mqtt": {"published": 42, "kept_no_subscriber": 5},
        "log": {"lost": 9},
    },
}
TOLD = """\
dc-1/gw-1 has run for 1 day, 2:03:04 (version 0.1.0)
movements: 42; 3 events wait for the broker, the oldest for 0:01:15; 1 parked: the broker will never take it
TROUBLE: nobody subscribes to evt/movement
days left of certificates: mqtt.tls.cert_file 20, broker -2
dock-1: up, Impinj (25882) model 2001001, firmware 6.4.1, clock -14.000 s from ours
  TROUBLE: antenna 2 is disconnected
      1234 tag reads
         2 LLRP messages that could not be decoded
         4 reader events: gpi
mqtt: down: nothing listens on broker:1883
        42 events that the broker has taken
         5 events kept and tried again, the broker said: no subscriber
pack-1: up
         7 scans
         1 scans refused: without the configured prefix
door-1:
        42 movements through the door
         3 no movement: only one side heard it
log:
         9 log lines lost: nobody read them in time
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, 1, 1)


async def ask(config: Path, *options: str) -> tuple[int, str]:
    """Exit code and output; in a thread, because the command has a loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, status, [str(config), *options])
    return result.exit_code, result.output


@asynccontextmanager
async def answering(config: Path, document: dict[str, Any]) -> AsyncIterator[None]:
    async def feel() -> dict[str, Any]:
        return document

    async with control.serving(config.parent / "journal.db", feel):
        yield


async def test_a_running_gateway_in_words(config: Path) -> None:
    async with answering(config, RUNNING):
        assert await ask(config) == (0, TOLD)


async def test_all_of_it_as_json(config: Path) -> None:
    async with answering(config, RUNNING):
        code, output = await ask(config, "--json")
    assert (code, json.loads(output)) == (0, RUNNING)


async def test_a_gateway_in_trouble(config: Path) -> None:
    failing = {**RUNNING, "journal": "the disk is full: free some space (SQLITE_FULL)", "counters": {}, "links": {}}
    async with answering(config, failing):
        _, output = await ask(config)
    assert "JOURNAL FAILS: the disk is full: free some space (SQLITE_FULL)\n" in output


async def test_one_that_has_never_run(config: Path) -> None:
    code, output = await ask(config)
    assert code == UNAVAILABLE
    assert output.splitlines() == [
        f"the gateway does not run: there is no {config.parent}/journal.db.sock",
        f"journal {config.parent}/journal.db: there is no such file, or this user may not see it"
        " - has the gateway ever run? If so, use sudo",
    ]


async def test_one_that_does_not_run_tells_what_waits_and_no_internals(config: Path) -> None:
    settings = JournalSettings(path=config.parent / "journal.db")
    async with Journal.opened(settings, "gw-1", Counters(), lambda: 1_795_255_218.0) as journal:
        journal.add_event(lambda seq: ("t", b"1"))
        journal.add_event(lambda seq: ("t", b"2"))
        await journal.flush()
        journal.park(1, "packet too large")
    code, output = await ask(config)
    assert code == UNAVAILABLE
    assert "1 event waits for the broker, the oldest since 2026-11-2" in output
    assert "1 parked: the broker will never take it" in output
    for internal in ("schema", "epoch", "seq", "Error", "None"):
        assert internal not in output
    code, output = await ask(config, "--json")
    assert code == UNAVAILABLE
    document = json.loads(output)
    assert (document["running"], document["pending"], document["parked"]) == (False, 1, 1)


async def test_one_that_cannot_be_asked(config: Path) -> None:
    (config.parent / "journal.db.sock").mkdir()
    code, output = await ask(config)
    assert code == UNAVAILABLE
    assert output == (
        f"the gateway cannot be asked: {config.parent}/journal.db.sock is not a socket"
        " - remove it and start the gateway again\n"
    )
    document = json.loads((await ask(config, "--json"))[1])
    assert document["running"] is None
