"""The gateway's process stands still in the middle of a pass: it must not take its own blindness for silence."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import yaml

from simulators.dock_door import Gateway
from simulators.llrp_reader import SimReader
from simulators.mqtt_broker import Broker
from simulators.subscriber import Subscriber

BOX = "3066C4409047E140075BCD15"
PARKED = "3066C4409047E140075BCD16"
STANDSTILL_S = 3.0


def config(folder: Path, inside: SimReader, outside: SimReader, broker: Broker) -> str:
    return yaml.safe_dump(
        {
            "site": "dc-1",
            "gateway": "gw-1",
            "readers": [
                {"name": reader.name, "host": reader.host, "port": reader.port} for reader in (inside, outside)
            ],
            "doors": [{"name": "door-1", "sides": {"inside": ["in-1/1"], "outside": ["out-1/1"]}, "quiet_s": 1.0}],
            "mqtt": {"host": broker.host, "port": broker.port},
            "journal": {"path": str(folder / "journal.db")},
        }
    )


async def test_a_pass_during_a_standstill_is_one_movement(tmp_path: Path) -> None:
    """More than one socket buffer of reads waits when it goes on; the box's own come last."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker())
        subscriber = await stack.enter_async_context(Subscriber(broker.host, broker.port))
        inside = await stack.enter_async_context(SimReader("in-1"))
        outside = await stack.enter_async_context(SimReader("out-1"))
        gateway = Gateway(tmp_path)
        gateway.config.write_text(config(tmp_path, inside, outside, broker))
        await stack.enter_async_context(gateway)
        await subscriber.until_up(["in-1", "out-1"])
        await asyncio.sleep(1.5)  # the readers have settled
        for _ in range(4):
            inside.see(BOX, 1, -55.0)
            await asyncio.sleep(0.1)
        os.kill(gateway.pid, signal.SIGSTOP)
        await asyncio.sleep(0.5)
        for number in range(5000):
            outside.see(PARKED, 1, -60.0)
            if number % 100 == 0:
                await asyncio.sleep(0)
        for _ in range(4):
            outside.see(BOX, 1, -55.0)
            await asyncio.sleep(0.1)
        await asyncio.sleep(STANDSTILL_S - 1.0)
        os.kill(gateway.pid, signal.SIGCONT)
        await subscriber.until(lambda: bool(subscriber.movements), 10)
        assert await gateway.stop() == 0
    (movement,) = subscriber.movements
    assert movement["data"]["direction"] == "out"
    assert movement["data"]["evidence"]["reads"] == 8
