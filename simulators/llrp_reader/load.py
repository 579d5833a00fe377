"""Made-up traffic: so many reads a second over so many tags, from one antenna to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TICK_S = 0.02


def epc_of(number: int) -> bytes:
    """EPC of the tag `number`: an SGTIN-96 of company 0614141, item 812345, serial = number.

    >>> epc_of(6789).hex()
    '3074257bf7194e4000001a85'
    """
    header, filter_, partition, company, item = 0x30, 3, 5, 614141, 812345
    bits = header << 88 | filter_ << 85 | partition << 82 | company << 58 | item << 38 | number
    return bits.to_bytes(12, "big")


async def generate(see: Callable[[bytes, int, float], bool], rate_hz: float, tags: int, antennas: int) -> None:
    """Call `see(epc, antenna, rssi_dbm)` rate_hz times a second, until cancelled."""
    epcs = [epc_of(number) for number in range(tags)]
    loop = asyncio.get_running_loop()
    began, done = loop.time(), 0
    while True:
        await asyncio.sleep(TICK_S)
        due = int(rate_hz * (loop.time() - began))
        for number in range(done, due):
            see(epcs[number % tags], number // tags % antennas + 1, -45.0 - number * 7 % 250 / 10)
        done = due
