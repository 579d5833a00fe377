"""How the gateway feels, told to those who ask: with a real journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edgegw.clock import Clock
from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.core.event import Origin
from edgegw.core.identity import Identity
from edgegw.core.llrp.messages import Capabilities, ReaderEvent
from edgegw.core.model import Evidence, Movement, Passed
from edgegw.health import APART_S, MAX_PORTS, Health
from edgegw.store.journal import Journal
from edgegw.supervise import LinkState

UNIT = Identity("unit", "https://id.gs1.org/00/095060001343520017", "sscc-96")
EVIDENCE = Evidence("AB", 1, ("dock-1/1",), 1.0, 1.0)


class Documents(dict[str, dict[str, Any]]):
    """The broker's retained documents; counts how often each was handed over."""

    def __init__(self) -> None:
        super().__init__()
        self.sets = 0

    def set(self, topic: str, payload: bytes) -> None:
        self.sets += 1
        self[topic] = json.loads(payload)


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
async def health(tmp_path: Path, documents: Documents) -> AsyncIterator[Health]:
    clock, counters = Clock(), Counters()
    settings = JournalSettings.model_validate({"path": tmp_path / "journal.db"})
    async with Journal.opened(settings, "gw-1", counters, clock.now) as journal:
        yield Health(
            Origin("edgegw/v1", "dc-1", "gw-1"),
            clock,
            counters,
            journal,
            documents,
            readers=("dock-1", "dock-2"),
            rounds=lambda: 1,
            clock_offsets=lambda: {"dock-1": -14.0004, "dock-2": None},
        )


async def test_the_status_says_what_counts(health: Health, documents: Documents) -> None:
    health.link(LinkState("mqtt", "up"))
    health.link(LinkState("dock-1", "up"))
    health.link(LinkState("dock-2", "refused", "power_dbm: 5 is not in the reader's table"))
    health.decided(Movement(UNIT, 1.0, 2.0, "inside", "outside", EVIDENCE, door="door-1", direction="out"))
    health.decided(Passed(UNIT, 1.0, 2.0, "door-1", "one-side", EVIDENCE))
    health.publish()
    status = documents["edgegw/v1/dc-1/gw-1/status"]
    assert status["online"]
    assert (status["movements"], status["ignored"]) == (1, {"one-side": 1})
    assert status["links"]["dock-2"] == {"status": "refused", "reason": "power_dbm: 5 is not in the reader's table"}
    assert status["readers"]["dock-1"]["clock_offset_s"] == -14.0
    assert documents["edgegw/v1/dc-1/gw-1/reader/dock-1"]["status"] == "up"
    assert health.sentence() == "1/2 readers, mqtt up, backlog 0"
    topic, farewell = health.farewell()
    assert topic.endswith("/status")
    assert json.loads(farewell)["online"] is False


async def test_reader_events_become_troubles_and_go_again(health: Health) -> None:
    health.reading("dock-1", Capabilities(25882, 2001002, "5.14"), ("PC bits: FieldError",))
    health.reader_event("dock-1", ReaderEvent("antenna", 2, False))
    health.reader_event("dock-1", ReaderEvent("buffer-overflow"))
    health.reader_event("dock-1", ReaderEvent("exception", text="too hot"))
    health.reader_event("dock-1", ReaderEvent("connection", 4))
    health.reader_event("dock-1", ReaderEvent("gpi", 1, True))
    health.reader_event("dock-1", ReaderEvent("rospec", 1, True))
    reader = health.status()["readers"]["dock-1"]
    assert reader["model"] == "25882/2001002 5.14"
    assert set(reader["troubles"]) == {"PC bits", "antenna 2", "buffer", "exception", "rival"}
    assert reader["gpi"] == {1: True}
    health.reader_event("dock-1", ReaderEvent("antenna", 2, True))
    assert "antenna 2" not in health.status()["readers"]["dock-1"]["troubles"]
    health.reading("dock-1", Capabilities(), ())
    assert health.status()["readers"]["dock-1"]["troubles"] == {}


class FastClock(Clock):
    """Runs ahead as the test wants."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


async def test_a_trouble_that_lasts_is_in_the_log_once_a_day(tmp_path: Path, documents: Documents) -> None:
    clock, counters, troubles = FastClock(), Counters(), {"disk": "1 day left"}
    settings = JournalSettings.model_validate({"path": tmp_path / "journal.db"})
    async with Journal.opened(settings, "gw-1", counters, clock.now) as journal:
        origin = Origin("edgegw/v1", "dc-1", "gw-1")
        health = Health(origin, clock, counters, journal, documents, (), int, dict, causes=lambda: dict(troubles))
        with capture_logs() as lines:
            for hours in range(50):
                clock.ahead_s = hours * 3600.0
                troubles["disk"] = f"{hours} hours"
                await health.look()
            troubles.clear()
            await health.look()
            await health.look()
    assert [line.get("what") for line in lines] == ["0 hours", "24 hours", "48 hours", None]
    assert lines[-1]["event"] == "trouble is over"


async def test_between_two_tries_the_reason_stays(health: Health) -> None:
    health.link(LinkState("dock-1", "connecting"))
    health.link(LinkState("dock-1", "down", "no answer"))
    health.link(LinkState("dock-1", "connecting"))
    assert health.status()["links"]["dock-1"] == {"status": "down", "reason": "no answer"}


async def test_a_burst_of_changes_is_one_document(health: Health, documents: Documents) -> None:
    task = asyncio.create_task(health.run())
    await asyncio.sleep(0.1)
    before = documents.sets
    for _ in range(50):
        health.link(LinkState("dock-1", "down", "cable"))
        health.link(LinkState("dock-1", "up"))
    await asyncio.sleep(APART_S + 0.3)
    task.cancel()
    await asyncio.wait([task])
    assert documents.sets - before == 3
    assert documents["edgegw/v1/dc-1/gw-1/status"]["links"]["dock-1"]["status"] == "up"


async def test_a_flood_of_events_is_a_small_document_a_second(health: Health, documents: Documents) -> None:
    """A reader that toggles every input and antenna without a pause; the last state is told all the same."""
    loop = asyncio.get_running_loop()
    with capture_logs() as lines:
        task = asyncio.create_task(health.run())
        ends_at = loop.time() + 2.5 * APART_S
        while loop.time() < ends_at:
            for number in range(0, 0x10000, 97):
                health.reader_event("dock-1", ReaderEvent("gpi", number, True))
                health.reader_event("dock-1", ReaderEvent("antenna", number, bool(number % 2)))
                health.reader_event("dock-1", ReaderEvent("exception", text=f"{number}"))
            await asyncio.sleep(0.001)  # without it Python never lets the journal's thread run on an idle machine
        health.reader_event("dock-1", ReaderEvent("exception", text="the last"))
        async with asyncio.timeout(2 * APART_S):
            while documents["edgegw/v1/dc-1/gw-1/reader/dock-1"]["troubles"].get("exception") != "the last":
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
    assert documents.sets <= 5 * 3
    assert len(lines) <= 5
    status = health.status()
    assert len(json.dumps(status)) < 20_000
    assert set(status["readers"]["dock-1"]["gpi"]) <= set(range(1, MAX_PORTS + 1))
    assert status["counters"]["dock-1"]["unlikely_port"] > 1000


async def test_the_log_tells_changes_only(health: Health) -> None:
    with capture_logs() as lines:
        task = asyncio.create_task(health.run())
        for connected in (False, False, True):
            for _ in range(3):
                health.reading("dock-1", Capabilities(), ("PC bits: FieldError",))
                health.reader_event("dock-1", ReaderEvent("antenna", 2, connected))
            await asyncio.sleep(APART_S + 0.3)
        task.cancel()
        await asyncio.wait([task])
    assert [line["troubles"] for line in lines] == [
        ["PC bits: FieldError", "antenna 2 is disconnected"],
        ["PC bits: FieldError"],
    ]
