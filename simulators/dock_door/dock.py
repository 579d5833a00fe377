"""The devices of a scenario on real wires, and the player that makes them speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from simulators.dock_door.scenario import Scenario
from simulators.dock_door.script import Act, Scanned, TagSeen
from simulators.llrp_reader import Faults, SimReader
from simulators.scanner import PtyScanner

SITE, GATEWAY = "demo", "dock-edge-1"


class DockDoor:
    """Readers on free ports and scanners on ptys, from entry to exit.

    unheard  reads that no reader was told to make: no ROSpec was active at that moment
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.readers = {
            spec.name: SimReader(spec.name, spec.antennas, faults=Faults(clock_offset_s=spec.clock_offset_s))
            for spec in scenario.dock.readers
        }
        self.scanners = {spec.name: PtyScanner() for spec in scenario.dock.scanners}
        self.unheard = 0
        self._devices = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for reader in self.readers.values():
            await self._devices.enter_async_context(reader)
        for scanner in self.scanners.values():
            self._devices.enter_context(scanner)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._devices.aclose()

    @property
    def links(self) -> list[str]:
        """Names of the gateway's links to all devices."""
        return [*self.readers, *self.scanners]

    async def wait_reading(self, timeout_s: float = 10.0) -> None:
        """Until the gateway has every reader reading. TimeoutError."""
        await asyncio.gather(*(reader.wait_reading(timeout_s) for reader in self.readers.values()))

    def gateway_yaml(self, broker: tuple[str, int], journal: Path) -> str:
        """The configuration of a gateway at this dock, as a technician would write it."""
        host, port = broker
        dock = self.scenario.dock
        config: dict[str, Any] = {
            "site": SITE,
            "gateway": GATEWAY,
            "readers": [{"name": name, "host": one.host, "port": one.port} for name, one in self.readers.items()],
            "scanners": [
                {"name": spec.name, "port": self.scanners[spec.name].port, "station": spec.station}
                for spec in dock.scanners
            ],
            "doors": [
                {
                    "name": door.name,
                    "sides": {"inside": list(door.inside), "outside": list(door.outside)},
                    "quiet_s": door.quiet_s,
                    "max_open_s": door.max_open_s,
                }
                for door in dock.doors
            ],
            "stations": [{"name": name} for name in dict.fromkeys(spec.station for spec in dock.scanners)],
            "mqtt": {"host": host, "port": port},
            "journal": {"path": str(journal)},
        }
        return yaml.safe_dump(config, sort_keys=False, default_flow_style=None)

    async def play(self, acts: Sequence[Act]) -> None:
        """Let all of this happen, from now on, in real time. Ends with the last read or scan."""
        moments: list[TagSeen | Scanned] = [read for act in acts for read in act.reads]
        moments += [scan for act in acts for scan in act.scans]
        moments.sort(key=lambda moment: moment.at_s)
        began_t, began_s = time.time(), asyncio.get_running_loop().time()
        for moment in moments:
            await _sleep_until(began_s + moment.at_s)
            self._happen(moment, began_t)

    def _happen(self, moment: TagSeen | Scanned, began_t: float) -> None:
        match moment:
            case TagSeen(at_s, reader, antenna, epc, rssi_dbm):
                heard = self.readers[reader].see(epc, antenna, rssi_dbm, at=began_t + at_s)
                self.unheard += not heard
            case Scanned(_, scanner, text):
                self.scanners[scanner].scan(text)


async def _sleep_until(loop_s: float) -> None:
    await asyncio.sleep(max(0.0, loop_s - asyncio.get_running_loop().time()))
