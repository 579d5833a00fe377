"""The gateway's end of a scanner link: where scans and link states arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from edgegw.clock import Clock
from edgegw.core.counters import Counters
from edgegw.core.model import Scan
from edgegw.core.scan import ScanSettings
from edgegw.sources.intake import Intake
from edgegw.supervise import SCANNER, Link, LinkState, Status, keep

PATIENCE_S = 5.0


class Desk:
    """Takes what a scanner link hands over; `open` is cleared to play a journal without room."""

    def __init__(self) -> None:
        self.scans: asyncio.Queue[Scan] = asyncio.Queue()
        self.states: asyncio.Queue[LinkState] = asyncio.Queue()
        self.counters = Counters()
        self.now = Clock().now
        self.open = asyncio.Event()
        self.open.set()

    def intake(self, framing: ScanSettings) -> Intake:
        return Intake(framing, self.sink, self.room, self.now, self.counters)

    def sink(self, scan: Scan) -> None:
        self.scans.put_nowait(scan)

    async def room(self) -> None:
        await self.open.wait()

    async def text(self) -> str:
        """The next scan."""
        return (await asyncio.wait_for(self.scans.get(), PATIENCE_S)).text

    async def state(self, status: Status) -> LinkState:
        """The next state of this status."""
        while True:
            state = await asyncio.wait_for(self.states.get(), PATIENCE_S)
            if state.status == status:
                return state


@asynccontextmanager
async def kept(link: Link, desk: Desk) -> AsyncIterator[None]:
    """Run `link` as the gateway does; it is up on entry and stopped on exit."""
    task = asyncio.create_task(keep(link, SCANNER, desk.states.put_nowait))
    try:
        await desk.state("up")
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
