"""The gateway and its broker are killed (SIGKILL), each at moments of its own; a central system confirms.

    python -m tests.torture --only both-killed [--scale 0.3] [--seed 1]

Mosquitto as it comes, with `persistence true` and its other defaults: it saves what it holds every half hour, so a kill
takes its queues, the session of the central system and the acknowledgement that it keeps for the gateway. With
`delivery.confirm: central` the gateway keeps each event until the central system (tests/publish/consumer.py, written
from docs/contract.md) says, cumulatively, that it has stored it.

A round kills both once. **Redeliveries**: events that the central system received and had stored already. The share is
of the different events that it stored. A kill of either costs the events of the last half second or so: what the
central system has not confirmed, or nobody could tell the gateway, is sent again. What `in a commit window` means is
said in kills.py.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from edgegw.store.summary import summarise
from simulators.dock_door import Gateway, load_scenario
from tests.mosquitto import Mosquitto
from tests.publish.consumer import Consumer
from tests.torture.goods import Balance, Goods, Wire, balance, is_complete
from tests.torture.table import Row

ROUNDS: Final = 100
LANES: Final = 2
"""Gateways side by side, with a broker each."""
SHARE: Final = 0.20
LIVES_S: Final = (0.5, 8.0)
GONE_S: Final = (0.0, 2.0)
LAST_WAIT_S: Final = 120.0
"""What is unconfirmed is sent again after 5 s, alone; what follows it, a second later."""
SILENCE_S: Final = 2.0
LOOK_S: Final = 0.1


class Central(Consumer):
    """Keeps what came again, too."""

    def __init__(self, port: int, stored: dict[tuple[str, int], Any]) -> None:
        super().__init__(port, stored, confirms=True)
        self.repeated: list[dict[str, Any]] = []

    def _take(self, event: dict[str, Any]) -> None:
        repeats = self.repeats
        super()._take(event)
        if self.repeats > repeats:
            self.repeated.append(event)


class Outcome(NamedTuple):
    """crashes: how often the gateway ended by itself; unconfirmed: events that it still held in the end."""

    rounds: int
    crashes: int
    unconfirmed: int
    balance: Balance

    def faults(self) -> Iterator[str]:
        """What breaks the contract; nothing when it holds."""
        if self.crashes:
            yield f"the gateway ended by itself {self.crashes} times"
        if self.unconfirmed:
            yield f"the gateway never heard that {self.unconfirmed} events are stored"
        yield from self.balance.faults(SHARE)


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """One row for each gateway."""
    rounds = max(1, round(ROUNDS * scale / LANES))
    async with asyncio.TaskGroup() as group:
        lanes = [
            group.create_task(kill_both(folder / str(lane), rounds, random.Random(f"{seed}/{lane}")))
            for lane in range(LANES)
        ]
    return [_row(lane.result()) for lane in lanes]


def _row(outcome: Outcome) -> Row:
    counts = {"rounds": outcome.rounds, "unconfirmed": outcome.unconfirmed} | outcome.balance.counts()
    wanted = f"0 lost, <= {SHARE:.0%} redelivered"
    return Row("gateway and broker kill -9, confirm: central", counts, wanted, tuple(outcome.faults()))


async def kill_both(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """One gateway and its broker, each killed so often while goods move."""
    folder.mkdir()
    stored: dict[tuple[str, int], Any] = {}
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder))
        central = Central(broker.port, stored)
        await asyncio.to_thread(central.start)
        stack.push_async_callback(asyncio.to_thread, central.stop)
        dock = await stack.enter_async_context(Wire(load_scenario("crash")))
        gateway = Gateway(folder)
        yaml = dock.gateway_yaml((broker.host, broker.port), gateway.journal)
        gateway.config.write_text(f"{yaml}delivery: {{confirm: central}}\n")
        await stack.enter_async_context(gateway)
        await dock.wait_reading(30)
        goods = Goods(dock)
        async with asyncio.TaskGroup() as group:
            group.create_task(goods.move_on())
            brokers = group.create_task(_kill_broker(broker, rounds, random.Random(rng.random())))
            watching = group.create_task(dock.watch())
            crashes = await _kill_gateway(gateway, dock, rounds, rng)
            await brokers
            watching.cancel()
            goods.stop()
        unconfirmed = await _settled(gateway, goods, stored)
        await asyncio.sleep(SILENCE_S)
        await gateway.stop()
        found = balance(goods, list(stored.values()), central.repeated, dock.in_window)
        return Outcome(rounds, crashes, unconfirmed, found)


async def _kill_gateway(gateway: Gateway, dock: Wire, times: int, rng: random.Random) -> int:
    """How often it had ended by itself."""
    crashes = 0
    for _ in range(times):
        await asyncio.sleep(rng.uniform(*LIVES_S))
        crashes += not gateway.running
        await gateway.kill()
        dock.killed()
        await asyncio.sleep(rng.uniform(*GONE_S))
        await gateway.start()
    return crashes


async def _kill_broker(broker: Mosquitto, times: int, rng: random.Random) -> None:
    for _ in range(times):
        await asyncio.sleep(rng.uniform(*LIVES_S))
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(rng.uniform(*GONE_S))
        await asyncio.to_thread(broker.start)


async def _settled(gateway: Gateway, goods: Goods, stored: dict[tuple[str, int], Any]) -> int:
    """Wait until everything is stored, and the gateway knows; how many events it still holds."""
    pending = -1
    deadline_s = asyncio.get_running_loop().time() + LAST_WAIT_S
    while asyncio.get_running_loop().time() < deadline_s:
        await asyncio.sleep(LOOK_S)
        if is_complete(goods, list(stored.values())):
            pending = summarise(gateway.journal).pending
            if not pending:
                break
    return max(0, pending)
