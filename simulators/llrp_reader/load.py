"""Made-up traffic: so many reads a second over so many tags, each on one antenna after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

TICK_S = 0.02


def epc_of(number: int) -> bytes:
    """EPC of the tag `number`: an SGTIN-96 of company 0614141, item 812345, serial = number.

    >>> epc_of(6789).hex()
    '3074257bf7194e4000001a85'
    """
    header, filter_, partition, company, item = 0x30, 3, 5, 614141, 812345
    bits = header << 88 | filter_ << 85 | partition << 82 | company << 58 | item << 38 | number
    return bits.to_bytes(12, "big")


async def generate(
    see: Callable[[bytes, int, float], bool], antennas: Callable[[], Sequence[int]], rate_hz: float, tags: int
) -> None:
    """Call `see(epc, antenna, rssi_dbm)` rate_hz times a second while there are antennas, until cancelled."""
    epcs = [epc_of(number) for number in range(tags)]
    loop = asyncio.get_running_loop()
    began, done = loop.time(), 0
    while True:
        await asyncio.sleep(TICK_S)
        due, active = int(rate_hz * (loop.time() - began)), antennas()
        for number in range(done, due) if active else ():
            tag, antenna = number // len(active) % tags, active[number % len(active)]
            see(epcs[tag], antenna, -45.0 - number * 7 % 250 / 10)
        done = due
