"""Clocks are wrong, and are set while units go through a door: the decisions are those of right clocks.

    python -m tests.torture --only clocks [--scale 0.5] [--seed 1]

Each case is a gateway of its own with two readers, in real processes on real wires. The gateway's clock is that of its
process (`tests.torture.shifted`), a reader's the simulated reader's own. Rounds of one scenario follow each other, and
in each the clock in question is set every STEP_S or so, to the next of the case's steps: units are in front of the door
all the time. In the last case the gateway begins in 1970, one reader in 2004, and the other knows only how long it has
been switched on; in the middle of the round the gateway's clock is set right. Then it is killed, begins with a right
clock, is killed again and begins in 1970 once more. Nothing is in front of the door at these kills: what was being
weighed lies in the future of a gateway that comes back without a clock, and is refused and counted.

`stamps off` counts movements whose evidence lies STAMP_S or more outside the time of their reads. It is asked where the
gateway's clock is right: then a reader's wrong clock must have been repaired.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from itertools import cycle, zip_longest
from pathlib import Path
from typing import Any, Final, NamedTuple

from simulators.dock_door import DockDoor, Expected, Gateway, load_scenario, movement
from simulators.llrp_reader import SimReader
from simulators.subscriber import Event, Subscriber
from tests.mosquitto import Mosquitto
from tests.torture.goods import Balance, Goods, balance, is_complete
from tests.torture.shifted import write_shift
from tests.torture.table import Row

ROUNDS: Final = 4
LANES: Final = 4
"""Cases at a time."""
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
STEP_S: Final = 4.0
ROUND_S: Final = 14.0
STAMP_S: Final = 2.0
LAST_WAIT_S: Final = 40.0
SILENCE_S: Final = 2.0
YEAR_S: Final = 365.25 * DAY_S


class Case(NamedTuple):
    """What a clock is set to, one after the other: seconds ahead of the truth."""

    name: str
    gateway: tuple[float, ...] = ()
    reader: tuple[float, ...] = ()
    boots_without: bool = False


STEPS_S: Final = (-HOUR_S, 0.0, DAY_S, -90.0, 20.0)
CASES: Final = (
    Case("clocks right, to compare with"),
    Case("gateway's clock -1 h", gateway=(-HOUR_S,)),
    Case("gateway's clock +1 d", gateway=(DAY_S,)),
    Case("gateway's clock steps", gateway=STEPS_S),
    Case("reader's clock -1 h", reader=(-HOUR_S,)),
    Case("reader's clock +1 d", reader=(DAY_S,)),
    Case("reader's clock steps", reader=STEPS_S),
    Case("no clock at boot, twice", boots_without=True),
)


class Clocks:
    """Those of one dock. sets: how often one was set."""

    def __init__(self, shift: Path, readers: Sequence[SimReader], case: Case) -> None:
        self.sets = 0
        self._shift = shift
        self._readers = readers
        self._case = case
        write_shift(shift, 0.0)
        if case.boots_without:
            self.lose()
            readers[0].faults.clock_offset_s = -22 * YEAR_S
            readers[1].faults.uptime_only = True

    def lose(self) -> None:
        """The gateway's: it has no battery."""
        write_shift(self._shift, -time.time())

    async def set_right_later(self) -> None:
        """In the middle of a round."""
        await asyncio.sleep(ROUND_S / 2)
        write_shift(self._shift, 0.0)
        self.sets += 1

    async def step(self, rng: random.Random) -> None:
        """One step after the other, and if there are several, from the first one again."""
        steps = list(zip_longest(self._case.gateway, self._case.reader))
        for shift_s, offset_s in cycle(steps) if len(steps) > 1 else steps:
            await asyncio.sleep(rng.uniform(0.5, 1.5) * STEP_S)
            if shift_s is not None:
                write_shift(self._shift, shift_s)
            if offset_s is not None:
                self._readers[0].faults.clock_offset_s = offset_s
            self.sets += 1


class Outcome(NamedTuple):
    sets: int
    stamps_off: int
    balance: Balance


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """A row for each case."""
    rounds = max(1, round(ROUNDS * scale))
    lanes = asyncio.Semaphore(LANES)

    async def play(number: int) -> Row:
        async with lanes:
            place = folder / str(number)
            place.mkdir()
            return _row(CASES[number], await set_often(place, CASES[number], rounds, random.Random(f"{seed}/{number}")))

    async with asyncio.TaskGroup() as group:
        cases = [group.create_task(play(number)) for number in range(len(CASES))]
    return [case.result() for case in cases]


def _row(case: Case, outcome: Outcome) -> Row:
    counts: dict[str, int | float | str] = {"clock set": outcome.sets} | outcome.balance.counts()
    counts["stamps off"] = outcome.stamps_off
    faults = [*outcome.balance.faults(max_share=1.0)]  # the kills of the last case may have events sent again
    if outcome.stamps_off:
        faults.append(f"{outcome.stamps_off} movements bear a wrong time")
    return Row(case.name, counts, "decisions as without", tuple(faults))


async def set_often(folder: Path, case: Case, rounds: int, rng: random.Random) -> Outcome:
    """Goods move at a dock whose clocks are wrong."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder))
        subscriber = await stack.enter_async_context(Subscriber(broker.host, broker.port, client_id="central"))
        dock = await stack.enter_async_context(DockDoor(load_scenario("crash")))
        clocks, goods = Clocks(folder / "shift", list(dock.readers.values()), case), Goods(dock)
        gateway = Gateway(folder, ("-m", "tests.torture.shifted", str(folder / "shift")))
        gateway.config.write_text(dock.gateway_yaml((broker.host, broker.port), gateway.journal))
        await stack.enter_async_context(gateway)
        await subscriber.until_up(dock.links, 60)

        async def play() -> None:
            await goods.move(1 if case.boots_without else rounds)
            with suppress(TimeoutError):
                await subscriber.until(lambda: is_complete(goods, subscriber.events), LAST_WAIT_S)

        if case.boots_without:
            await _boot_thrice(gateway, clocks, play)
        else:
            await _beside(clocks.step(rng), play())
        await asyncio.sleep(SILENCE_S)
        await gateway.stop()
        is_asked = not (case.gateway or case.boots_without)
        off = sum(is_off(event, goods.spans) for event in subscriber.movements) if is_asked else 0
        return Outcome(clocks.sets, off, balance(goods, subscriber.events, subscriber.repeated))


async def _boot_thrice(gateway: Gateway, clocks: Clocks, play: Callable[[], Awaitable[None]]) -> None:
    await _beside(clocks.set_right_later(), play())
    await gateway.kill()
    await gateway.start()
    await play()
    await gateway.kill()
    clocks.lose()
    await gateway.start()
    await _beside(clocks.set_right_later(), play())


async def _beside(task: Coroutine[Any, Any, None], play: Awaitable[None]) -> None:
    """`task` while `play` lasts."""
    beside = asyncio.create_task(task)
    try:
        await play
    finally:
        beside.cancel()
        with suppress(asyncio.CancelledError):
            await beside


def is_off(event: Event, spans: Mapping[Expected, tuple[float, float]]) -> bool:
    """Whether a movement says that it was read at another time than it was."""
    evidence = event["data"]["evidence"]
    first_t, last_t = (datetime.fromisoformat(evidence[name]).timestamp() for name in ("first", "last"))
    begin_t, end_t = spans.get(movement(event), (first_t, last_t))
    return first_t < begin_t - STAMP_S or last_t > end_t + STAMP_S
