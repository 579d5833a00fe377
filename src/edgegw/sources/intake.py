"""What every scanner link does with bytes, whatever wire they came over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edgegw.core.counters import Counters
from edgegw.core.model import Scan
from edgegw.core.scan import ScanFramer, ScanSettings


@dataclass(frozen=True, slots=True)
class Intake:
    """From the bytes of one scanner to the pipeline.

    framing  how it sends its scans
    sink     takes every scan
    room     returns when more can be taken
    now      seconds, gateway timeline
    """

    framing: ScanSettings
    sink: Callable[[Scan], None]
    room: Callable[[], Awaitable[None]]
    now: Callable[[], float]
    counters: Counters

    @property
    def name(self) -> str:
        """The scanner's."""
        return self.framing.scanner

    def framer(self) -> ScanFramer:
        """One for each connection: half a scan of one never meets the other half of another."""
        return ScanFramer(self.framing, self.counters)

    async def take(self, data: bytes, framer: ScanFramer) -> int:
        """Hand on what `data` completes, then wait for room; how many scans that were."""
        scans = framer.feed(data, self.now())
        for scan in scans:
            self.sink(scan)
        await self.room()
        framer.resume(self.now())
        return len(scans)
