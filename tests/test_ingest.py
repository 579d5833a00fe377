"""Decisions become events that are safe: with a real journal."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgegw.clock import Clock
from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.core.dock import Dock, ScannerSettings, StationSettings
from edgegw.core.door import DoorSettings
from edgegw.core.door.saved import from_json
from edgegw.core.event import Origin
from edgegw.core.model import Decision, DoorSide, Movement, Observation, Scan, TagRead
from edgegw.core.pipeline import Pipeline
from edgegw.ingest import Ingest, rfc3339
from edgegw.store.group import UnitState
from edgegw.store.journal import Journal
from edgegw.supervise import LinkState

TAG = bytes.fromhex("3066C4409047E140075BCD15")
UNIT = "https://id.gs1.org/01/09506000134352/21/123456789"
DOCK = Dock(
    doors=(DoorSettings("door-1", "hall", "yard", "0614141000012"),),
    stations=(StationSettings("packing", "0614141000005"),),
    scanners=(ScannerSettings("pack-1", "packing"),),
    antennas={("dock-1", 1): DoorSide("door-1", "inside"), ("dock-1", 2): DoorSide("door-1", "outside")},
)
ORIGIN = Origin("edgegw/v1", "dc-1", "dock-edge-1")


def settings(folder: Path) -> JournalSettings:
    return JournalSettings.model_validate({"path": folder / "journal.db"})


def ingest(journal: Journal, clock: Clock, decided: list[Decision], quiet_s: float = 4.0) -> Ingest:
    dock = replace(DOCK, doors=tuple(replace(door, quiet_s=quiet_s) for door in DOCK.doors))
    made = Ingest(Pipeline(dock, Counters()), journal, ORIGIN, clock, decided.append)
    made.device_link(LinkState("dock-1", "up"))
    return made


def read(clock: Clock, ago_s: float, antenna: int) -> TagRead:
    return TagRead("dock-1", antenna, TAG, 96, clock.now() - ago_s, -55.0, reader_t=1.5)


async def test_a_movement_is_a_numbered_event_with_its_evidence(tmp_path: Path) -> None:
    clock, decided = Clock(), list[Decision]()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        taker = ingest(journal, clock, decided)
        taker.tags([read(clock, 12, 1), read(clock, 11, 1), read(clock, 9, 2), read(clock, 8, 2)])
        taker.device_link(LinkState("dock-1", "down"))
        taker.device_link(LinkState("dock-1", "up"))
        task = asyncio.create_task(taker.run())
        async with asyncio.timeout(5):
            while not decided:
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
        await journal.flush()
        (row,) = await journal.pending(0, 10)
        ((_, known),) = await journal.states("door/door-1")
        unit = await journal.unit(UNIT)
    assert unit is not None
    assert unit.place == "yard"
    with pytest.raises(ValueError, match="nothing is being weighed"):
        from_json(known)
    assert row.topic == "edgegw/v1/dc-1/dock-edge-1/evt/movement"
    event = json.loads(row.payload)
    assert event["specversion"] == "1.0"
    assert event["id"] == f"dock-edge-1:{event['epoch']}:1"
    assert event["source"] == "/edgegw/v1/dc-1/dock-edge-1"
    assert event["type"] == "edgegw.movement.v1"
    assert event["subject"] == UNIT
    data = event["data"]
    assert event["time"] == data["time"] < data["decided"]
    assert (data["unit"], data["door"], data["direction"]) == (UNIT, "door-1", "out")
    assert (data["from"], data["to"], data["location"]) == ("hall", "yard", "0614141000012")
    assert data["identity"]["scheme"] == "sgtin-96"
    evidence = data["evidence"]
    assert (evidence["reads"], evidence["antennas"]) == (4, ["dock-1/1", "dock-1/2"])
    assert (evidence["peak_rssi_dbm"], evidence["reader_clock_s"], evidence["late"]) == (-55.0, 1.5, False)
    assert evidence["span_s"] == 4.0


async def test_what_is_being_weighed_is_there_after_a_restart(tmp_path: Path) -> None:
    """The first half of a pass before, the second half after: one movement."""
    clock, decided = Clock(), list[Decision]()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        taker = ingest(journal, clock, decided, quiet_s=1.0)
        taker.tags([read(clock, 0.9, 1), read(clock, 0.8, 1)])
        taker.tags([read(clock, 0.7, 1)])
        await journal.flush()
        taker.tags([read(clock, 0.6, 1)])
        await journal.flush()
        assert len(await journal.states("door/door-1")) == 1
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        taker = ingest(journal, clock, decided, quiet_s=1.0)
        await taker.restore(["door-1"])
        taker.tags([read(clock, 0.2, 2), read(clock, 0.1, 2)])
        task = asyncio.create_task(taker.run())
        async with asyncio.timeout(5):
            while not decided:
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
        await journal.flush()
        (row,) = await journal.pending(0, 10)
    assert json.loads(row.payload)["data"]["evidence"]["reads"] == 6


async def test_what_is_of_the_future_is_counted_once(tmp_path: Path) -> None:
    """The clock was set back: what was being weighed cannot be used, and does not come again at every start."""
    clock, decided = Clock(), list[Decision]()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        taker = ingest(journal, clock, decided)
        taker.tags([read(clock, -3600, 1)])
        await journal.flush()
        assert len(await journal.states("door/door-1")) == 1
        await ingest(journal, clock, decided).restore(["door-1"])
        await journal.flush()
        assert await journal.states("door/door-1") == []


async def test_our_own_standstill_is_no_silence(tmp_path: Path) -> None:
    """The whole program stands still in the middle of a pass; what the readers said meanwhile is heard afterwards."""
    clock, decided = Clock(), list[Decision]()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        taker = ingest(journal, clock, decided, quiet_s=0.5)
        task = asyncio.create_task(taker.run())
        await asyncio.sleep(1.3)
        taker.tags([read(clock, 0.2, 1), read(clock, 0.1, 1)])
        time.sleep(1.5)  # noqa: ASYNC251 - the standstill
        await asyncio.sleep(0.5)
        assert decided == []
        taker.tags([read(clock, 1.8, 2), read(clock, 1.7, 2)])
        async with asyncio.timeout(5):
            while not decided:
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
    (movement,) = decided
    assert isinstance(movement, Movement)
    assert (movement.direction, movement.evidence.reads) == ("out", 4)


async def test_a_link_lost_in_our_own_standstill_was_heard_until_it_began(tmp_path: Path) -> None:
    clock, decided = Clock(), list[Decision]()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        taker = ingest(journal, clock, decided, quiet_s=0.5)
        task = asyncio.create_task(taker.run())
        await asyncio.sleep(1.3)
        taker.tags([read(clock, 0.2, 1), read(clock, 0.1, 1)])
        time.sleep(1.5)  # noqa: ASYNC251 - the standstill
        taker.device_link(LinkState("dock-1", "down", "the connection broke"))
        await asyncio.sleep(1.5)
        task.cancel()
        await asyncio.wait([task])
    assert decided == []


async def test_repeats_are_known_after_a_restart(tmp_path: Path) -> None:
    clock, decided = Clock(), list[Decision]()
    scan = Scan("pack-1", "]d2010950600013435221123456789", clock.now())
    for _ in range(2):
        async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
            taker = ingest(journal, clock, decided)
            await taker.restore(["door-1"])
            taker.scan(scan)
    assert len(decided) == 1


async def test_a_scan_is_on_disk_at_once(tmp_path: Path) -> None:
    clock, decided = Clock(), list[Decision]()
    slow = JournalSettings.model_validate({"path": tmp_path / "journal.db", "commit_ms": 10_000})
    async with Journal.opened(slow, "dock-edge-1", Counters(), clock.now) as journal:
        writer = asyncio.create_task(journal.run())
        ingest(journal, clock, decided).scan(Scan("pack-1", "]d2010950600013435221123456789", clock.now()))
        async with asyncio.timeout(2):
            await journal.wait_committed(0)
        writer.cancel()
        await asyncio.wait([writer])


async def test_units_of_a_wrong_clock_are_not_late_for_ever(tmp_path: Path) -> None:
    """The gateway once ran in 2030; now its clock is right again."""
    clock, decided = Clock(), list[Decision]()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        journal.put_unit(UnitState(UNIT, "packing", "packing", clock.now() + 1e8))
        await journal.flush()
        taker = ingest(journal, clock, decided)
        await taker.restore(["door-1"])
        taker.scan(Scan("pack-1", "]d2010950600013435221123456789", clock.now() + 11))
    (seen,) = decided
    assert isinstance(seen, Observation)


async def test_a_scan_that_names_no_unit_is_published_as_it_is(tmp_path: Path) -> None:
    clock, decided = Clock(), list[Decision]()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        ingest(journal, clock, decided).scan(Scan("pack-1", "HELLO \ud800", clock.now()))
        await journal.flush()
        (row,) = await journal.pending(0, 10)
    event = json.loads(row.payload)
    assert row.topic.endswith("/evt/unidentified")
    assert event["data"]["reason"]
    assert event["data"]["evidence"]["tag"] == "HELLO ?"


def test_stamps_are_rfc_3339_in_utc() -> None:
    assert rfc3339(1_800_000_000.1234) == "2027-01-15T08:00:00.123Z"


@pytest.mark.parametrize("said", ["abc", "nan", "-1e300", ""])
async def test_a_sign_of_life_that_cannot_be_read_is_forgotten_and_counted(tmp_path: Path, said: str) -> None:
    clock, counters = Clock(), Counters()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", counters, clock.now) as journal:
        journal.put_state("gateway", "alive", said)
        await journal.flush()
        taker = ingest(journal, clock, [])
        await taker.restore(["door-1"])
        await journal.flush()
        assert "alive" not in dict(await journal.states("gateway"))
        assert all(one["since"] is None for one in taker.outages())
    assert counters.get("journal", "foreign_rows") == 1


async def test_an_outage_that_cannot_be_read_is_counted_once(tmp_path: Path) -> None:
    clock = Clock()
    async with Journal.opened(settings(tmp_path), "dock-edge-1", Counters(), clock.now) as journal:
        journal.put_state("outage", '["dock-1",0,0]', '["link","no answer",-1e300,null,1,false]')
        await journal.flush()
        taker = ingest(journal, clock, [])
        await taker.restore(["door-1"])
        await journal.flush()
        assert await journal.states("outage") == []
        assert all(one["since"] is None for one in taker.outages())
