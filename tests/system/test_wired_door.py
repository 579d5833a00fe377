"""A door with photo-eyes and a packing station, as wired: reader, scanner, broker and gateway on real wires.

One story, in the order in which a shift goes; the gateway is killed in the middle of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from simulators.dock_door import Gateway
from simulators.llrp_reader import SimReader
from simulators.scanner import PtyScanner
from simulators.subscriber import Event, Subscriber
from tests.mosquitto import Mosquitto

INSIDE, OUTSIDE = 1, 2
BEAM_IN, BEAM_OUT = 1, 2
BOX = "3066C4409047E140075BCD15"
BOX_KEY = "https://id.gs1.org/01/09506000134352/21/123456789"
BOX_LABEL = "]d2010950600013435221123456789"
PALLET = "3174257BF4499602D2000000"
CASES = [f"3066C4409047E1400000{n:04X}" for n in range(1, 7)]
STRAY, LAST = "3066C4409047E14000009999", "3066C4409047E14000008888"
PATIENCE_S = 15.0

CONFIG = """
site: dc
gateway: gw
readers: [{{name: dock-1, host: {reader[0]}, port: {reader[1]}}}]
scanners: [{{name: pack-1, port: {scanner}, station: packing}}]
doors:
  - name: door-1
    sides: {{inside: [dock-1/1], outside: [dock-1/2]}}
    quiet_s: 1
    photo_eye: {{inside: dock-1/gpi1, outside: dock-1/gpi2}}
stations: [{{name: packing, within: inside}}]
mqtt: {{host: {broker[0]}, port: {broker[1]}}}
journal: {{path: {journal}}}
"""


class Story:
    """What happens at the dock, and what central hears of it."""

    def __init__(self, reader: SimReader, central: Subscriber) -> None:
        self.reader = reader
        self.central = central

    async def goes_through_the_beams(self, *, out: bool = True) -> None:
        for port, high in ((BEAM_IN, True), (BEAM_OUT, True), (BEAM_IN, False), (BEAM_OUT, False)):
            self.reader.set_gpi(port if out else 3 - port, high)
            await asyncio.sleep(0.05)

    def is_read(self, tags: Iterable[str], sights: Iterable[tuple[float, int]]) -> None:
        """Just now; `sights` say how long ago, and by which antenna."""
        now = time.time()
        for ago_s, antenna in sights:
            for tag in tags:
                assert self.reader.see(tag, antenna, -55.0, at=now - ago_s)

    async def goes_out(self, tags: Iterable[str]) -> None:
        await self.goes_through_the_beams()
        self.is_read(tags, [(1.2, INSIDE), (1.0, INSIDE), (0.3, OUTSIDE), (0.1, OUTSIDE)])

    async def is_seen_outside_only(self, tag: str) -> None:
        await self.goes_through_the_beams()
        self.is_read([tag], [(ago / 10, OUTSIDE) for ago in range(9, 0, -2)])

    def of_type(self, kind: str) -> list[Event]:
        return [event for event in self.central.events if event["type"] == f"edgegw.{kind}.v1"]

    async def until(self, enough: Callable[[], object]) -> None:
        await self.central.until(lambda: bool(enough()), PATIENCE_S)

    def ignored(self, reason: str) -> int:
        return int(self.central.status.get("ignored", {}).get(reason, 0))


async def test_a_shift_at_a_wired_door(tmp_path: Path) -> None:
    async with Mosquitto(tmp_path) as broker, Subscriber(broker.host, broker.port) as central, SimReader() as reader:
        with PtyScanner() as scanner:
            gateway = Gateway(tmp_path)
            gateway.config.write_text(
                CONFIG.format(
                    reader=(reader.host, reader.port),
                    scanner=scanner.port,
                    broker=(broker.host, broker.port),
                    journal=gateway.journal,
                )
            )
            story = Story(reader, central)
            async with gateway:
                await central.until_up(["dock-1", "pack-1"])
                await _a_scanned_box_leaves(story, scanner)
                await _a_pallet_leaves(story)
                await _an_antenna_fails(story)
                await story.goes_out([LAST])
                await story.until(lambda: len(story.of_type("movement")) == 10)
                await gateway.kill()
                await asyncio.sleep(1)
                await gateway.start()
                await _after_the_kill(story)


async def _a_scanned_box_leaves(story: Story, scanner: PtyScanner) -> None:
    """Nobody but the outside antennas has seen it since. A stray tag is read as if it had crossed meanwhile."""
    scanner.scan(BOX_LABEL)
    await story.until(lambda: len(story.of_type("movement")) == 1)
    await asyncio.sleep(4)  # beams are believed about a time in which their reader was heard
    story.is_read([STRAY], [(1.2, INSIDE), (1.0, INSIDE), (0.3, OUTSIDE), (0.1, OUTSIDE)])
    await asyncio.sleep(3.5)  # what is read right after the scan may be a reflection
    await story.is_seen_outside_only(BOX)
    await story.until(lambda: len(story.of_type("passage")) == 1)
    data = story.of_type("movement")[1]["data"]
    assert (data["unit"], data["from"], data["to"], data["direction"]) == (BOX_KEY, "packing", "outside", "out")


async def _a_pallet_leaves(story: Story) -> None:
    await story.goes_out([PALLET, *CASES])
    await story.until(lambda: len(story.of_type("passage")) == 2)
    movements = {event["id"]: event["data"]["unit"] for event in story.of_type("movement")[2:]}
    data = story.of_type("passage")[1]["data"]
    assert {one["movement"]: one["unit"] for one in data["units"]} == movements
    assert (data["count"], data["direction"]) == (7, "out")
    assert data["pallet"].startswith("https://id.gs1.org/00/")


async def _an_antenna_fails(story: Story) -> None:
    """What only the other one hears meanwhile nobody knows."""
    story.reader.set_antenna(INSIDE, connected=False)
    await story.until(lambda: story.central.status.get("outages"))
    (outage,) = story.central.status["outages"]
    assert (outage["device"], outage["antenna"], outage["cause"], outage["doors"]) == (
        "dock-1",
        1,
        "antenna",
        ["door-1"],
    )
    assert story.ignored("no-beam") == 1
    await story.is_seen_outside_only(STRAY)
    await asyncio.sleep(2.5)
    story.reader.set_antenna(INSIDE, connected=True)
    assert len(story.of_type("movement")) == 9


async def _after_the_kill(story: Story) -> None:
    """The last movement has its passage, each has one, and the gateway says when it was away."""
    await story.until(lambda: len(story.of_type("passage")) == 3)
    await story.until(lambda: len(story.of_type("outage")) >= 3)
    outages = {event["subject"]: event["data"] for event in story.of_type("outage")}
    causes = {port: data["cause"] for port, data in outages.items()}
    assert causes == {"dock-1/1": "antenna", "dock-1": "gateway", "pack-1": "gateway"}
    assert outages["pack-1"]["stations"] == ["packing"]
    crossed = sorted(event["id"] for event in story.of_type("movement") if event["data"].get("door"))
    listed = sorted(one["movement"] for event in story.of_type("passage") for one in event["data"]["units"])
    assert listed == crossed
    numbers = sorted(event["seq"] for event in story.central.events)
    assert numbers == list(range(1, len(numbers) + 1))
