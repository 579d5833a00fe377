"""Gateways that were cloned with their configuration: all of them use one MQTT client id.

    python -m tests.torture --only clones [--scale 0.2]

A broker lets only the latest of them in and drops the one before (MQTT 5, 3.1.4-3), so they drop each other in turns,
and Mosquitto 2.0 does not say why. Each is asked again and again for its status, at its own Unix socket as `edgegw
status` does, until what it says about its link to the broker names the client id and asks for the other one. Its time
runs from its own first answer, when most of the others are still starting.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import yaml

from edgegw.control import ask
from edgegw.errors import LinkDown
from simulators.dock_door import Gateway
from simulators.dock_door.settings import GATEWAY, SITE
from tests.mosquitto import Mosquitto, free_port
from tests.torture.table import Row

CLONES: Final = 20
NAMED_S: Final = 30.0
START_S: Final = 120.0
"""Twenty interpreters on one machine take their time."""
LOOK_S: Final = 0.2
CLIENT_ID: Final = "dock-edge"
QUESTION: Final = f"does another client use the client id '{CLIENT_ID}'?"


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """One row. Chance is in the clones' own pauses, not in `seed`."""
    clones = max(2, round(CLONES * scale))
    named_s = await compete(folder, clones)
    late = [f"{after_s:.0f} s" for after_s in named_s if after_s > NAMED_S]
    counts: dict[str, int | float | str] = {
        "clones": clones,
        "named": len([after_s for after_s in named_s if after_s <= NAMED_S]),
        "first s": round(min(named_s), 1),
        "last s": round(max(named_s), 1),
    }
    faults = (f"named too late or never: {', '.join(late)}",) if late else ()
    return [Row("clones with one client id", counts, f"named in status within {NAMED_S:g} s", faults)]


async def compete(folder: Path, clones: int) -> list[float]:
    """After how many seconds each clone's status names the trouble; infinite: not within twice the time."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder))
        gateways = [_clone(folder / str(number), broker.port) for number in range(clones)]
        for gateway in gateways:
            await stack.enter_async_context(gateway)
        return await asyncio.gather(*(_named_after_s(gateway) for gateway in gateways))


def _clone(folder: Path, port: int) -> Gateway:
    folder.mkdir()
    gateway = Gateway(folder)
    config = {
        "site": SITE,
        "gateway": GATEWAY,
        "scanners": [{"name": "pack-1", "listen": f"127.0.0.1:{free_port()}", "station": "packing"}],
        "stations": [{"name": "packing"}],
        "mqtt": {"host": "127.0.0.1", "port": port, "client_id": CLIENT_ID},
        "journal": {"path": str(gateway.journal)},
    }
    gateway.config.write_text(yaml.safe_dump(config))
    return gateway


async def _named_after_s(gateway: Gateway) -> float:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(START_S):
        await _until_named(gateway, "")
    began_s = loop.time()
    try:
        async with asyncio.timeout(2 * NAMED_S):
            await _until_named(gateway, QUESTION)
    except TimeoutError:
        return float("inf")
    return loop.time() - began_s


async def _until_named(gateway: Gateway, sentence: str) -> None:
    """Until its status says so; an empty sentence: until it answers."""
    while True:
        try:
            status = await ask(gateway.journal)
        except LinkDown:  # it has not begun to listen
            status = {}
        if status and sentence in str(status["links"].get("mqtt", {}).get("reason")):
            return
        await asyncio.sleep(LOOK_S)
