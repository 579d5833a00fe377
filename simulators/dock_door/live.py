"""A track played by simulated readers, in real time, to a gateway on the same machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from simulators.dock_door.dock import Devices, sleep_until
from simulators.dock_door.settings import Address
from simulators.dock_door.tracks import Outage, Read, Track, starting, write_track
from simulators.llrp_reader import SimReader

PATIENCE_S = 3600.0
"""A gateway that does not come within an hour does not come."""
SOON_S = 1.0
SILENCE_S = 15.0
"""A gateway decides the last pass after some seconds in which readers are there and tags are not."""


async def play(
    recorded: Track, folder: Path, broker: Address, say: Callable[[str], None], silence_s: float = SILENCE_S
) -> int:
    """Wait for a gateway with the configuration in `folder`, then let everything happen. Reads that nobody heard.

    In the end the files in `folder` are those of the track at the time when it was played. TimeoutError: no gateway.
    """
    async with Devices(recorded.dock) as devices:
        gateway = devices.gateway_yaml(broker, Path("journal.db"))
        write_track(recorded, folder, gateway)
        say(f"waiting for: edgegw run -c {folder / recorded.name}.yaml")
        await devices.wait_reading(PATIENCE_S)
        now = starting(recorded, time.time() + SOON_S)
        write_track(now, folder, gateway)
        say(f"playing {len(now.reads)} reads in {now.reads[-1].arrived_t - time.time():.0f} s")
        async with asyncio.TaskGroup() as outages:
            for outage in now.outages:
                outages.create_task(_cut_off(devices.readers[outage.reader], outage))
            unheard = await _happen(now, devices)
        await asyncio.sleep(silence_s)
        return unheard


async def _happen(now: Track, devices: Devices) -> int:
    unheard = 0
    for read in now.reads:
        await _sleep_until(read.arrived_t)
        unheard += not _see(devices.readers[read.reader], read)
    return unheard


def _see(reader: SimReader, read: Read) -> bool:
    return reader.see(read.epc, read.antenna, read.rssi, at=read.t, phase=read.phase)


async def _cut_off(reader: SimReader, outage: Outage) -> None:
    """The network between reader and gateway fails; the reader reads on."""
    await _sleep_until(outage.from_t)
    await reader.stop_listening()
    await _sleep_until(outage.to_t)
    await reader.listen()


async def _sleep_until(t: float) -> None:
    await sleep_until(asyncio.get_running_loop().time() + t - time.time())
