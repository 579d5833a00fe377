"""The gateway is killed (SIGKILL) at random moments while goods go through a door.

    python -m tests.torture --only kills [--scale 0.2] [--seed 1]

Three gateways side by side, with a Mosquitto each that is up, mostly down, or flaps. One life in four ends while the
program starts, within START_S; the others LIVES_S after it has called its readers, from before it has them to several
commits later. Then it is gone for GONE_S. A central system with a session of its own listens all the time. Every
movement of the scenario is known.

The broker is stopped (SIGTERM) and started again; both_killed.py kills it.

**Redeliveries**: every message that reached the central system under an id which it had already, whoever caused it:
the gateway, that was killed between the broker's answer and its own note of it, or the broker, that ended before it
had the central system's answer. The share is of the different events that reached it, of all types.

**In a commit window**: a reader forgets a read when it has sent it, and the gateway has it on disk `journal.commit_ms`
later. What a kill takes along then is all that the contract lets it cost; so a movement that is lost, or wrong, is put
down there if reads of its very unit were on the wire less than that before a kill, and only then.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple

from simulators.dock_door import Gateway, load_scenario
from simulators.llrp_reader import SimReader
from simulators.subscriber import Subscriber
from tests.mosquitto import Mosquitto
from tests.torture.goods import Balance, Goods, Wire, balance, is_complete
from tests.torture.table import Row

Weather = Literal["up", "down", "flapping"]
ROUNDS: Final = 500
"""Of all three together."""
SHARE: Final = 0.01
START_S: Final = (0.05, 1.0)
LIVES_S: Final = (0.0, 3.0)
EARLY: Final = 0.25
PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.01
GONE_S: Final = (0.0, 1.0)
DOWN_KILLS: Final = 5
"""A broker that is mostly down is so for so many kills, and then up for one life."""
FLAPS_S: Final = (0.2, 1.5)
LAST_WAIT_S: Final = 60.0
SILENCE_S: Final = 2.0
"""A movement too many would come within this, after the last expected one."""
KEEPS_ALL: Final = "autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\n"
"""As docs/contract.md wants it of a broker whose word is taken."""


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """A row for each behaviour of the broker."""
    kinds: tuple[Weather, ...] = ("up", "down", "flapping")
    kills = max(1, round(ROUNDS * scale / len(kinds)))
    async with asyncio.TaskGroup() as group:
        lanes = [
            group.create_task(kill_often(folder / kind, kind, kills, random.Random(f"{seed}/{kind}"))) for kind in kinds
        ]
    return [_row(kind, lane.result()) for kind, lane in zip(kinds, lanes, strict=True)]


class Outcome(NamedTuple):
    """crashes: how often the gateway ended by itself."""

    kills: int
    crashes: int
    broker_ends: int
    balance: Balance

    def faults(self) -> Iterator[str]:
        """What breaks the contract; nothing when it holds."""
        if self.crashes:
            yield f"the gateway ended by itself {self.crashes} times"
        yield from self.balance.faults(SHARE)


def _row(kind: Weather, outcome: Outcome) -> Row:
    found = outcome.balance
    counts: dict[str, int | float | str] = {"kills": outcome.kills, "broker ended": outcome.broker_ends}
    counts |= found.counts()
    counts["reads kept"] = f"{found.reads_counted} of {found.reads_played}"
    wanted = f"0 lost, 0 gaps, 0 reused, <= {SHARE:.0%} redelivered"
    return Row(f"gateway kill -9, broker {kind}", counts, wanted, tuple(outcome.faults()))


async def kill_often(folder: Path, kind: Weather, kills: int, rng: random.Random) -> Outcome:
    """One gateway, killed so often while goods move."""
    folder.mkdir()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder, KEEPS_ALL))
        subscriber = await stack.enter_async_context(Subscriber(broker.host, broker.port, client_id="central"))
        dock = await stack.enter_async_context(Wire(load_scenario("crash")))
        gateway = Gateway(folder)
        gateway.config.write_text(dock.gateway_yaml((broker.host, broker.port), gateway.journal))
        await stack.enter_async_context(gateway)
        await subscriber.until_up(dock.links, 30)
        goods, sky, crashes = Goods(dock), Sky(broker, kind, rng), 0
        async with asyncio.TaskGroup() as group:
            group.create_task(goods.move_on())
            beside = [group.create_task(sky.run()), group.create_task(dock.watch())]
            reader, called = next(iter(dock.readers.values())), 0
            for _ in range(kills):
                await _live(gateway, reader, called, rng)
                crashes += not gateway.running
                await gateway.kill()
                dock.killed()
                sky.killed()
                await asyncio.sleep(rng.uniform(*GONE_S))
                called = reader.connections
                await gateway.start()
            goods.stop()
            for task in beside:
                task.cancel()
        await sky.clear()
        with suppress(TimeoutError):
            await subscriber.until(lambda: is_complete(goods, subscriber.events), LAST_WAIT_S)
        await asyncio.sleep(SILENCE_S)
        await gateway.stop()
        return Outcome(kills, crashes, sky.ends, balance(goods, subscriber.events, subscriber.repeated, dock.in_window))


async def _live(gateway: Gateway, reader: SimReader, called: int, rng: random.Random) -> None:
    """One life; `called`: how often a gateway had called this reader before it."""
    if rng.random() < EARLY:
        await asyncio.sleep(rng.uniform(*START_S))
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while reader.connections == called and gateway.running:
                await asyncio.sleep(LOOK_S)
    await asyncio.sleep(rng.uniform(*LIVES_S))


class Sky:
    """What becomes of the broker. ends: how often it was stopped."""

    def __init__(self, broker: Mosquitto, kind: Weather, rng: random.Random) -> None:
        self.ends = 0
        self._broker = broker
        self._kind = kind
        self._rng = rng
        self._is_up = True
        self._kills = 0
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()

    def killed(self) -> None:
        """The gateway was killed once more."""
        self._kills += 1
        self._changed.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._changed.clear()
            match self._kind:
                case "up":
                    await self._changed.wait()
                case "down":
                    await self._be(self._kills % (DOWN_KILLS + 1) == DOWN_KILLS)
                    await self._changed.wait()
                case "flapping":
                    await asyncio.sleep(self._rng.uniform(*FLAPS_S))
                    await self._be(not self._is_up)

    async def clear(self) -> None:
        """It is up, and stays so."""
        await self._be(True)

    async def _be(self, up: bool) -> None:
        """A cancellation waits: the broker is in one state or the other."""
        await asyncio.shield(self._settle(up))

    async def _settle(self, up: bool) -> None:
        async with self._turn:
            if up != self._is_up:
                broker = self._broker
                await asyncio.to_thread(broker.start if up else broker.stop)
                self._is_up = up
                self.ends += not up
