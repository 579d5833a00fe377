"""The devices of a dock on real wires, and the player that makes those of a scenario speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.dock_door.scenario import Dock, Scenario
from simulators.dock_door.script import Act, Scanned, TagSeen
from simulators.dock_door.settings import gateway_yaml
from simulators.llrp_reader import Faults, SimReader
from simulators.scanner import PtyScanner


class Devices:
    """Readers on free ports and scanners on ptys, from entry to exit."""

    def __init__(self, dock: Dock) -> None:
        self.readers = {
            spec.name: SimReader(spec.name, spec.antennas, faults=Faults(clock_offset_s=spec.clock_offset_s))
            for spec in dock.readers
        }
        self.scanners = {spec.name: PtyScanner() for spec in dock.scanners}
        self._dock = dock
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
        readers = {name: (one.host, one.port) for name, one in self.readers.items()}
        scanners = {name: one.port for name, one in self.scanners.items()}
        return gateway_yaml(self._dock, readers, scanners, broker, journal)


class DockDoor(Devices):
    """The devices of a scenario, and what happens there.

    unheard  reads that no reader was told to make: no ROSpec was active at that moment
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario.dock)
        self.scenario = scenario
        self.unheard = 0

    async def play(self, acts: Sequence[Act]) -> None:
        """Let all of this happen, from now on, in real time. Ends with the last read or scan."""
        moments: list[TagSeen | Scanned] = [read for act in acts for read in act.reads]
        moments += [scan for act in acts for scan in act.scans]
        moments.sort(key=lambda moment: moment.at_s)
        began_t, began_s = time.time(), asyncio.get_running_loop().time()
        for moment in moments:
            await sleep_until(began_s + moment.at_s)
            self._happen(moment, began_t)

    def _happen(self, moment: TagSeen | Scanned, began_t: float) -> None:
        match moment:
            case TagSeen(at_s, reader, antenna, epc, rssi_dbm):
                heard = self.readers[reader].see(epc, antenna, rssi_dbm, at=began_t + at_s)
                self.unheard += not heard
            case Scanned(_, scanner, text):
                self.scanners[scanner].scan(text)


async def sleep_until(loop_s: float) -> None:
    """Until the event loop's clock shows `loop_s`."""
    await asyncio.sleep(max(0.0, loop_s - asyncio.get_running_loop().time()))
