"""The broker freezes, the connection is cut in the middle of a packet, the network swallows everything.

    python -m tests.torture --only broker-faults

Real gateways (`edgegw run`) and a Mosquitto for each, side by side, with a network between them that fails as told
(`simulators/tcp_proxy.py`). Scans come all the time, each of a unit of its own, and a central system beside the broker
says what became of each. A fault counts as noticed when the gateway says in its log that the link is down; the time is
that line's, from the moment of the fault on.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Final, Literal

import yaml

from simulators.dock_door import Gateway
from simulators.subscriber import Event, Subscriber
from simulators.tcp_proxy import TcpProxy
from tests.mosquitto import Mosquitto, free_port
from tests.torture.table import Row

Fault = Literal["SIGSTOP", "cut", "blackhole"]
FAULTS: Final[dict[Fault, str]] = {
    "SIGSTOP": "broker frozen (SIGSTOP)",
    "cut": "connection cut in the middle of a packet",
    "blackhole": "network swallows everything",
}
ROUNDS: Final = 100
"""Of each fault."""
LANES: Final = 6
"""Gateways side by side."""
NOTICED_S: Final = 6.0
STEADY_S: Final = 10.5
"""A link that was up so long is tried again within a second; one that was not is spared (`supervise.BROKER`)."""
PATIENCE_S: Final = 60.0
CUT_BYTES: Final = 4000
"""The cut comes within so many bytes: some events."""
HELD_S: Final = 2.0
"""The fault goes on up to so long after it was noticed."""
PAUSE_S: Final = 0.1
UNIT: Final = "https://id.gs1.org/01/09506000134352/21/"
LOOK_S: Final = 0.01


@dataclass
class Tally:
    """What the rounds of one fault did."""

    rounds: int = 0
    events: int = 0
    lost: int = 0
    two_ids: int = 0
    repeats: int = 0
    noticed_s: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """One row for each fault."""
    rng = random.Random(seed)
    rounds = [fault for fault in FAULTS for _ in range(max(1, round(ROUNDS * scale)))]
    rng.shuffle(rounds)
    left = iter(rounds)
    tallies = {fault: Tally() for fault in FAULTS}
    async with asyncio.TaskGroup() as group:
        for number in range(min(LANES, len(rounds))):
            place = folder / f"lane-{number}"
            place.mkdir()
            group.create_task(_lane(place, left, tallies, random.Random(rng.random())))
    return [_row(fault, tally) for fault, tally in tallies.items()]


async def _lane(folder: Path, left: Iterator[Fault], tallies: dict[Fault, Tally], rng: random.Random) -> None:
    """One gateway, fault after fault."""
    async with _running(folder) as lane:
        scanning = asyncio.create_task(lane.scan_on(rng))
        up_t, tally = await lane.until("up", 0.0), None
        try:
            for fault in left:
                if tally is not None:
                    await lane.steady(fault, up_t)
                tally = tallies[fault]
                up_t = await lane.suffer(fault, tally, rng)
        finally:
            scanning.cancel()
            await asyncio.wait([scanning])
        if tally is not None:
            await lane.settle(tally)
            tally.gaps += lane.gaps()


class Lane:
    """A gateway, its broker, the network between them, a scanner, and a central system."""

    def __init__(
        self,
        gateway: Gateway,
        broker: Mosquitto,
        proxy: TcpProxy,
        central: Subscriber,
        scanner: asyncio.StreamWriter,
    ) -> None:
        self._gateway = gateway
        self._broker = broker
        self._proxy = proxy
        self._central = central
        self._scanner = scanner
        self._sent = 0
        self._settled = 0
        self._log = LinkLog(gateway.log)
        self._repeats = 0
        self._two_ids = 0
        self._ids: dict[str, str] = {}  # by unit
        central.on_event = self._hear

    def _hear(self, event: Event) -> None:
        known = self._ids.setdefault(event["subject"], event["id"])
        self._two_ids += known != event["id"]
        self._central.events.clear()  # in an hour they are many

    async def scan_on(self, rng: random.Random) -> None:
        """For ever, a few at a time."""
        while True:
            self.scan(rng.randint(1, 4))
            await self._scanner.drain()
            await asyncio.sleep(rng.uniform(0.0, PAUSE_S))

    def scan(self, count: int) -> None:
        for _ in range(count):
            self._sent += 1
            self._scanner.write(f"{UNIT}{self._sent}\r".encode())

    async def steady(self, fault: Fault, up_t: float) -> None:
        """Wait until the link will have been up for STEADY_S when the fault is noticed."""
        noticed_s = 0.0 if fault == "cut" else NOTICED_S - 1.0
        await asyncio.sleep(max(0.5, up_t + STEADY_S - noticed_s - time.time()))

    async def suffer(self, fault: Fault, tally: Tally, rng: random.Random) -> float:
        """One round, until everything of it has arrived; when the link was up again."""
        began_t = time.time()
        match fault:
            case "SIGSTOP":
                self._broker.freeze()
            case "blackhole":
                self._proxy.blackhole()
            case "cut":
                self._proxy.cut_after(rng.randrange(1, CUT_BYTES))
        self.scan(1)
        tally.noticed_s.append(await self.until("down", began_t) - began_t)
        if fault != "cut":
            await asyncio.sleep(rng.uniform(0.0, HELD_S))
        ended_t = time.time()
        self._broker.thaw()
        if fault == "blackhole":
            self._proxy.heal()
        up_t = await self.until("up", began_t)
        tally.back_s.append(max(0.0, up_t - ended_t))
        tally.rounds += 1
        await self.settle(tally)
        return up_t

    async def settle(self, tally: Tally) -> None:
        """What was scanned up to now has arrived, or is lost."""
        sent = self._sent
        units = [f"{UNIT}{number}" for number in range(self._settled + 1, sent + 1)]
        with suppress(TimeoutError):
            await self._central.until(lambda: self._ids.keys() >= set(units), PATIENCE_S)
        tally.events += len(units)
        tally.lost += sum(unit not in self._ids for unit in units)
        tally.two_ids, self._two_ids = tally.two_ids + self._two_ids, 0
        repeats = len(self._central.repeated)
        tally.repeats, self._repeats = tally.repeats + repeats - self._repeats, repeats
        self._settled = sent

    def gaps(self) -> list[str]:
        """Numbers of events that are missing, or twice, at the end."""
        numbers = sorted(int(event_id.rpartition(":")[2]) for event_id in self._ids.values())
        if numbers == list(range(1, len(numbers) + 1)):
            return []
        return [f"the numbers of {self._gateway.journal} have gaps: {len(numbers)} events, the last is {numbers[-1]}"]

    async def until(self, status: str, after_t: float) -> float:
        """When the gateway said, for the first time after `after_t`, that its link to the broker is `status`."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for t, said in self._log.links():
                    if said == status and t > after_t:
                        return t
                await asyncio.sleep(LOOK_S)


class LinkLog:
    """What a gateway's log says about its link to the broker."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0
        self._links: list[tuple[float, str]] = []

    def links(self) -> Sequence[tuple[float, str]]:
        """When the link became what, in seconds since 1970."""
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read_to += len(whole) + len(newline)
        for line in whole.splitlines():
            entry = json.loads(line)
            if entry["event"] == "link" and entry["link"] == "mqtt":
                self._links.append((datetime.fromisoformat(entry["timestamp"]).timestamp(), entry["status"]))
        return self._links


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Lane]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder, "max_queued_messages 0\n"))
        proxy = await stack.enter_async_context(TcpProxy((broker.host, broker.port)))
        central = await stack.enter_async_context(Subscriber(broker.host, broker.port, "torture", client_id="central"))
        gateway, scanner_port = Gateway(folder), free_port()
        gateway.config.write_text(_config(gateway.journal, scanner_port, proxy.port))
        await stack.enter_async_context(gateway)
        scanner = await _scanner(gateway, scanner_port)
        stack.callback(scanner.transport.abort)
        yield Lane(gateway, broker, proxy, central, scanner)


def _config(journal: Path, scanner_port: int, broker_port: int) -> str:
    scanner = {"name": "pack-1", "station": "packing", "listen": f"127.0.0.1:{scanner_port}"}
    return yaml.safe_dump(
        {
            "site": "torture",
            "gateway": "gw-1",
            "stations": [{"name": "packing", "repeat_s": 0}],
            "scanners": [scanner],
            "mqtt": {"host": "127.0.0.1", "port": broker_port, "prefix": "torture"},
            "journal": {"path": str(journal)},
        }
    )


async def _scanner(gateway: Gateway, port: int) -> asyncio.StreamWriter:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            assert gateway.running, gateway.last_words()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:  # the gateway is starting
                await asyncio.sleep(LOOK_S)
            else:
                return writer


def _row(fault: Fault, tally: Tally) -> Row:
    broken = {
        f"{tally.lost} events did not arrive": tally.lost,
        f"{tally.two_ids} units came under two ids": tally.two_ids,
        f"noticed after {max(tally.noticed_s, default=0):.2f} s only": max(tally.noticed_s, default=0) > NOTICED_S,
        **dict.fromkeys(tally.gaps, 1),
    }
    counts: dict[str, int | float | str] = {
        "rounds": tally.rounds,
        "events": tally.events,
        "lost": tally.lost,
        "under_two_ids": tally.two_ids,
        "repeats": tally.repeats,
        "noticed_worst_s": round(max(tally.noticed_s, default=0.0), 2),
        "noticed_median_s": round(median(tally.noticed_s or [0.0]), 2),
        "back_worst_s": round(max(tally.back_s, default=0.0), 2),
    }
    wanted = f"0 lost, 0 under two ids, noticed <= {NOTICED_S:.0f} s"
    return Row(f"{FAULTS[fault]} x {tally.rounds}", counts, wanted, tuple(what for what, bad in broken.items() if bad))
