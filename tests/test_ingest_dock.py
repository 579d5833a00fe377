"""Passages and outages as central systems receive them, through restarts: with a real journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edgegw.clock import Clock
from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.core.dock import Dock, PhotoEye
from edgegw.core.door import DoorSettings
from edgegw.core.event import Origin
from edgegw.core.llrp.messages import ReaderEvent
from edgegw.core.model import DoorSide, TagRead
from edgegw.core.pipeline import Pipeline
from edgegw.ingest import Ingest
from edgegw.store.journal import Journal
from edgegw.supervise import LinkState

DOCK = Dock(
    doors=(DoorSettings("door-1", "hall", "yard", "0614141000012", quiet_s=0.5, photo_eyes=("inside",)),),
    stations=(),
    scanners=(),
    antennas={("dock-1", 1): DoorSide("door-1", "inside"), ("dock-1", 2): DoorSide("door-1", "outside")},
    photo_eyes={("dock-1", 4): PhotoEye("door-1", "inside")},
)
PALLET = bytes.fromhex("3174257BF4499602D2000000")
BOXES = [bytes.fromhex("3066C4409047E140075BCD15"), bytes.fromhex("3066C4409047E140075BCD16")]
PATIENCE_S = 8.0


class Life:
    """One run of the gateway's middle, on a journal that outlives it."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.journal = journal
        self.clock = clock
        self.ingest = Ingest(
            Pipeline(DOCK, Counters()), journal, Origin("edgegw/v1", "dc", "gw"), clock, lambda _: None
        )

    def link(self, status: str, reason: str = "") -> None:
        self.ingest.device_link(LinkState("dock-1", status, reason))  # type: ignore[arg-type]  # a literal

    def beam(self, ago_s: float) -> None:
        now = self.clock.now()
        for t, on in ((now - ago_s, True), (now - ago_s + 0.2, False)):
            self.ingest.event("dock-1", ReaderEvent("gpi", 4, on), t)

    def goes_out(self, tags: list[bytes], ago_s: float) -> None:
        now = self.clock.now()
        reads = [(now - ago_s + t, antenna) for t, antenna in ((0.0, 1), (0.1, 1), (0.6, 2), (0.8, 2))]
        self.beam(ago_s - 0.3)
        self.ingest.tags([TagRead("dock-1", antenna, tag, 96, t, -55.0) for t, antenna in reads for tag in tags])

    async def events(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Let silence decide until there is enough; everything on disk then."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await self.journal.flush()
                found = [json.loads(row.payload) for row in await self.journal.pending(0, 100)]
                if enough(found):
                    return found
                await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage is over after half a second, and a beam is looked at for as long before and after."""
    monkeypatch.setattr("edgegw.core.outage.STABLE_S", 0.5)
    monkeypatch.setattr("edgegw.core.door.beam.BEAM_S", 0.5)


@asynccontextmanager
async def life(folder: Path, *, killed: bool = False) -> AsyncIterator[Life]:
    """Restored and running; `killed`: it ends without a word."""
    clock = Clock()
    settings = JournalSettings.model_validate({"path": folder / "journal.db"})
    async with Journal.opened(settings, "gw", Counters(), clock.now) as journal:
        made = Life(journal, clock)
        await made.ingest.restore(["door-1"])
        task = asyncio.create_task(made.ingest.run())
        try:
            yield made
        finally:
            if killed:
                await journal.flush()
                journal.put_state = lambda *_: None  # type: ignore[method-assign]  # what comes now is never written
            task.cancel()
            await asyncio.wait([task])


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == f"edgegw.{kind}.v1"]


async def test_a_passage_names_its_movements_and_its_pallet(tmp_path: Path) -> None:
    async with life(tmp_path) as gateway:
        gateway.link("up")
        await asyncio.sleep(1.1)
        gateway.goes_out([PALLET, *BOXES], ago_s=1.0)
        events = await gateway.events(lambda found: bool(of_type(found, "passage")))
    movements, (passage,) = of_type(events, "movement"), of_type(events, "passage")
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    data, pallet = passage["data"], next(one for one in movements if "/00/" in one["subject"])["subject"]
    assert {one["movement"]: one["unit"] for one in data["units"]} == {one["id"]: one["subject"] for one in movements}
    assert {one["movement"]: one["time"] for one in data["units"]} == {one["id"]: one["time"] for one in movements}
    assert passage["subject"] == data["pallet"] == pallet
    assert data["ssccs"] == [pallet]
    assert data["passage"] == "door-1/1"
    assert (data["part"], data["parts"], data["count"]) == (1, 1, 3)
    assert (data["door"], data["direction"], data["from"], data["to"]) == ("door-1", "out", "hall", "yard")
    assert data["location"] == "0614141000012"
    times = [one["time"] for one in movements]
    assert (data["first"], data["last"], passage["time"]) == (min(times), max(times), max(times))
    assert data["decided"] > max(one["data"]["decided"] for one in movements)


async def test_a_kill_between_movement_and_passage_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with life(tmp_path, killed=True) as gateway:
        gateway.link("up")
        await asyncio.sleep(1.1)
        gateway.goes_out(BOXES[:1], ago_s=1.0)
        await gateway.events(lambda found: len(of_type(found, "movement")) == 1)
    async with life(tmp_path, killed=True) as gateway:
        gateway.link("up")
        events = await gateway.events(lambda found: len(of_type(found, "passage")) == 1)
    async with life(tmp_path) as gateway:
        assert await gateway.journal.states(f"passage/{gateway.journal.epoch}/door-1") == []
        gateway.link("up")
        await asyncio.sleep(1.5)
        assert of_type(await gateway.events(lambda _: True), "passage") == of_type(events, "passage")
    (movement,), (passage,) = of_type(events, "movement"), of_type(events, "passage")
    assert [one["movement"] for one in passage["data"]["units"]] == [movement["id"]]


async def test_a_lost_link_is_told_when_it_is_back_for_good(tmp_path: Path) -> None:
    async with life(tmp_path) as gateway:
        gateway.link("up")
        gateway.link("down", "no answer within 5 s")
        (ongoing,) = gateway.ingest.outages()
        assert (ongoing["device"], ongoing["cause"], ongoing["reason"]) == ("dock-1", "link", "no answer within 5 s")
        await asyncio.sleep(0.3)
        gateway.link("up")
        assert gateway.ingest.outages() == []
        (told,) = await gateway.events(lambda found: bool(found))
    assert (told["type"], told["subject"], told["time"]) == ("edgegw.outage.v1", "dock-1", told["data"]["until"])
    data = told["data"]
    assert (data["device"], data["antenna"], data["input"], data["cause"]) == ("dock-1", None, None, "link")
    assert (data["reason"], data["interruptions"], data["recovered"]) == ("no answer within 5 s", 1, False)
    assert (data["doors"], data["stations"], data["since"]) == (["door-1"], [], ongoing["since"])
    assert 0.25 < data["duration_s"] < 1


async def test_the_gateways_own_downtime_is_an_outage_of_its_devices(tmp_path: Path) -> None:
    """The first start has missed nothing; after a kill the downtime began when the journal last heard of life."""
    async with life(tmp_path, killed=True) as gateway:
        gateway.link("up")
        began_t = gateway.clock.now()
        await asyncio.sleep(0.6)
    await asyncio.sleep(0.5)
    async with life(tmp_path) as gateway:
        (ongoing,) = gateway.ingest.outages()
        assert ongoing["reason"] == "the gateway was not running"
        gateway.link("connecting")
        gateway.link("up")
        (told,) = await gateway.events(lambda found: bool(found))
        ran_s = gateway.clock.now() - began_t
    assert told["data"]["cause"] == "gateway"
    assert 0.5 < told["data"]["duration_s"] < ran_s


async def test_a_photo_eye_that_is_dead_is_a_trouble_with_words(tmp_path: Path) -> None:
    async with life(tmp_path) as gateway:
        gateway.link("up")
        await asyncio.sleep(2.0)  # the link has been up for long enough for the beam to be believed
        tags = [bytes([n]) * 12 for n in range(6)]
        now = gateway.clock.now()
        reads = [(now - 1 + t, antenna) for t, antenna in ((0.0, 1), (0.1, 1), (0.6, 2), (0.8, 2))]
        gateway.ingest.tags([TagRead("dock-1", a, tag, 96, t, -55.0) for t, a in reads for tag in tags])
        events = await gateway.events(lambda found: len(of_type(found, "movement")) == 6)
        await asyncio.sleep(0.3)
        assert list(gateway.ingest.troubles()) == ["photo-eye dock-1/gpi4"]
        assert "silent while goods crossed" in gateway.ingest.troubles()["photo-eye dock-1/gpi4"]
    assert of_type(events, "outage") == []
