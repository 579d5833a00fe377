"""Kill the gateway at random moments, with the broker up and down, while units go through a door.

    python -m tests.system.crash --kills 50 [--seed 1]

says what arrived, what the crashes cost in reads, and ends with 1 if a movement is missing or there is one too
many. The suite does the same with fewer kills.

Reads that a crash may cost: what the gateway had taken off the wire and not yet committed (`journal.commit_ms`, and
the episodes' own rule of saving when they have grown), and what happens between the deletion of the dead
gateway's ROSpec and the start of the new one. What the reader sees while there is no gateway it holds and
delivers late.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from simulators.dock_door import DockDoor, Expected, Gateway, Ledger, acts, load_scenario, movement
from simulators.subscriber import Event, Subscriber
from tests.mosquitto import Mosquitto

LIVES_S = (0.2, 3.0)
"""How long a gateway lives until it is killed: from before it has its readers to several commits later."""
GONE_S = (0.0, 1.0)
LAST_WAIT_S = 40.0
SILENCE_S = 2.0
"""A movement too many would come within this, after the last expected one."""
BROKER_KEEPS_ALL = "autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\n"


class Outcome(NamedTuple):
    """reads: those of the movements that arrived, as the scenario played them and as the events count them."""

    kills: int
    broker_ends: int
    expected: int
    missing: list[Expected]
    unexpected: list[Expected]
    events: list[Event]
    repeated: int
    reads_played: int
    reads_counted: int
    worst_share: float
    unheard: int

    def faults(self) -> Iterator[str]:
        """What breaks the promise; nothing when it holds."""
        if self.missing:
            yield f"missing: {self.missing}"
        if self.unexpected:
            yield f"unexpected, or under two ids: {self.unexpected}"
        by_epoch: dict[str, list[int]] = {}
        for event in self.events:
            by_epoch.setdefault(event["epoch"], []).append(event["seq"])
        for epoch, numbers in by_epoch.items():
            if sorted(numbers) != list(range(1, len(numbers) + 1)):
                yield f"epoch {epoch} has gaps: {sorted(numbers)}"

    def __str__(self) -> str:
        lost = self.reads_played - self.reads_counted
        return (
            f"{self.kills} kills, broker ended {self.broker_ends} times: {self.expected} movements expected, "
            f"{len(self.missing)} missing, {len(self.unexpected)} too many, {self.repeated} delivered again under "
            f"their id; reads not counted in their movement: {lost} of {self.reads_played}, worst pass kept "
            f"{self.worst_share:.0%}; {self.unheard} reads while no ROSpec was active"
        )


async def torture(folder: Path, kills: int, seed: int) -> Outcome:
    """Play the scenario until the gateway was killed so often; then let it finish."""
    rng = random.Random(seed)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder, BROKER_KEEPS_ALL))
        subscriber = await stack.enter_async_context(Subscriber(broker.host, broker.port, client_id="central"))
        dock = await stack.enter_async_context(DockDoor(load_scenario("crash")))
        gateway = Gateway(folder)
        gateway.config.write_text(dock.gateway_yaml((broker.host, broker.port), gateway.journal))
        await stack.enter_async_context(gateway)
        await subscriber.until_up(dock.links)
        player = Player(dock)
        async with asyncio.TaskGroup() as group:
            group.create_task(player.run())
            broker_ends = await _kill_often(gateway, broker, kills, rng)
            player.enough.set()
        ledger = await _last_movements(subscriber, player.ledger)
        await gateway.stop()
        counted, worst_share = _compare_reads(subscriber.movements, player.reads)
        return Outcome(
            kills,
            broker_ends,
            expected=ledger.promised,
            missing=ledger.missing(float("inf")),
            unexpected=ledger.unexpected(),
            events=subscriber.events,
            repeated=len(subscriber.repeated),
            reads_played=sum(player.reads.values()),
            reads_counted=counted,
            worst_share=worst_share,
            unheard=dock.unheard,
        )


class Player:
    """Plays rounds until it is enough, the last one to its end. `reads`: how many each movement had."""

    def __init__(self, dock: DockDoor) -> None:
        self.enough = asyncio.Event()
        self.ledger = Ledger()
        self.reads: dict[Expected, int] = {}
        self._dock = dock

    async def run(self) -> None:
        round_number = 0
        while not self.enough.is_set():
            round_acts = acts(self._dock.scenario, round_number)
            self.ledger.promise(round_acts, 0.0)
            for act in round_acts:
                self.reads |= {move: len(act.reads) // len(act.moves) for move in act.moves}
            await self._dock.play(round_acts)
            round_number += 1


async def _kill_often(gateway: Gateway, broker: Mosquitto, kills: int, rng: random.Random) -> int:
    """Returns how often the broker ended too. It is up again at the end, and so is the gateway."""
    broker_ends, broker_up = 0, True
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(*LIVES_S) / 2)
        if not broker_up:
            await asyncio.to_thread(broker.start)
            broker_up = True
        elif rng.random() < 0.5:
            await asyncio.to_thread(rng.choice((broker.stop, broker.kill)))
            broker_ends, broker_up = broker_ends + 1, False
        await asyncio.sleep(rng.uniform(*LIVES_S) / 2)
        await gateway.kill()
        await asyncio.sleep(rng.uniform(*GONE_S))
        await gateway.start()
    if not broker_up:
        await asyncio.to_thread(broker.start)
    return broker_ends


async def _last_movements(subscriber: Subscriber, ledger: Ledger) -> Ledger:
    """Wait for what is missing, then for what should not come."""
    entered = 0

    def complete() -> bool:
        nonlocal entered
        for event in subscriber.movements[entered:]:
            ledger.enter(event)
            entered += 1
        return not ledger.missing(float("inf"))

    with suppress(TimeoutError):
        await subscriber.until(complete, LAST_WAIT_S)
    await asyncio.sleep(SILENCE_S)
    complete()
    return ledger


def _compare_reads(movements: list[Event], played: dict[Expected, int]) -> tuple[int, float]:
    """Reads that the movements count, and the share that the worst of them kept."""
    counted = {movement(event): event["data"]["evidence"]["reads"] for event in movements}
    known = [move for move in counted if move in played]
    worst_share = min((counted[move] / played[move] for move in known), default=0.0)
    return sum(counted[move] for move in known), worst_share


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.system.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgegw-crash-") as folder:
        outcome = asyncio.run(torture(Path(folder), wanted.kills, wanted.seed))
    print(outcome)
    sys.exit("\n".join(outcome.faults()) or 0)


if __name__ == "__main__":
    main()
