"""Many gateways in one process: each has an outbox in memory, filled at a pace, and the real drain and MQTT link.

The journal is left out: `bench.delivery` measures it, and a hundred of them on one disk would be no fleet.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from bench.fleet.meters import Meters
from edgegw.config.model import Mqtt
from edgegw.core.counters import Counters
from edgegw.drain import Drain
from edgegw.publish.forms import Forms
from edgegw.publish.link import MqttLink
from edgegw.store.journal import Row

PREFIX = "edgegw/v1/fleet"
STAMP = b"<time>"
STAMP_BYTES = 20
TURN_S = 0.05
MAX_WAITING = 2_000
"""Events of a gateway that cannot get rid of them: it offers no more until it can."""


class Outbox:
    """What a journal is to the drain, in memory. Every event is the same but for the time of its making."""

    def __init__(self, topic: str, payload: bytes) -> None:
        self.epoch = "0" * 26
        self.last_seq = 0
        self.published = 0
        self._topic = topic
        self._before, _, self._after = payload.partition(STAMP)
        self._rows: deque[Row] = deque()
        self._taken: set[int] = set()
        self._some = asyncio.Event()

    def offer(self, events: int) -> None:
        stamp = b"%020d" % time.time_ns()
        for _ in range(min(events, MAX_WAITING - len(self._rows))):
            self.last_seq += 1
            self._rows.append(Row(self.last_seq, self._topic, self._before + stamp + self._after))
        self._some.set()
        self._some = asyncio.Event()

    async def pending(self, after_seq: int, limit: int) -> Sequence[Row]:
        return [row for row in self._rows if row.seq > after_seq and row.seq not in self._taken][:limit]

    async def wait_committed(self, after_seq: int) -> None:
        while self.last_seq <= after_seq:
            await self._some.wait()

    def mark_published(self, *seqs: int) -> None:
        self.published += len(seqs)
        self._taken.update(seqs)
        while self._rows and self._rows[0].seq in self._taken:
            self._taken.remove(self._rows.popleft().seq)

    async def may_begin_epoch(self) -> bool:
        return False

    async def begin_epoch(self) -> None:
        raise AssertionError("no journal is restored here")

    def row_of(self, epoch: str, seq: int) -> int | None:
        return seq if epoch == self.epoch else None

    def confirm(self, upto: int) -> None:
        raise AssertionError("nobody confirms here")

    def park(self, seq: int, reason: str, note: tuple[str, bytes] | None) -> None:
        raise AssertionError(f"the broker did not take event {seq}: {reason}")


def run(number: int, gateways: int, port: int, payload: bytes, batch: int, meters: Meters) -> None:
    """Process `number` of the fleet, until it is terminated."""
    asyncio.run(_run(number, gateways, port, payload, batch, meters))


async def _run(number: int, gateways: int, port: int, payload: bytes, batch: int, meters: Meters) -> None:
    names = [f"gw-{number}-{one}" for one in range(gateways)]
    outboxes = [Outbox(f"{PREFIX}/{name}/evt/movement", payload) for name in names]
    async with asyncio.TaskGroup() as group:
        for name, outbox in zip(names, outboxes, strict=True):
            drain = Drain(outbox, Counters(), forms=Forms(batch=batch))
            group.create_task(_link(name, port, drain).run(lambda: None))
        group.create_task(_offer(number, outboxes, meters))


async def _offer(number: int, outboxes: Sequence[Outbox], meters: Meters) -> None:
    """So many events as are due, to one gateway after the other: they do not speak in chorus."""
    owed, before_s = 0.0, time.monotonic()
    share_s = TURN_S / len(outboxes)
    while True:
        for outbox in outboxes:
            now_s = time.monotonic()
            owed, before_s = owed + (now_s - before_s) * meters.pace_hz.value * len(outboxes), now_s
            events, owed = int(owed), owed % 1.0
            if events:
                outbox.offer(events)
            await asyncio.sleep(share_s)
        meters.published[number] = sum(outbox.published for outbox in outboxes)


def _link(name: str, port: int, drain: Drain) -> MqttLink:
    status = (f"{PREFIX}/{name}/status", b"offline")
    settings = Mqtt.model_validate({"host": "127.0.0.1", "port": port})
    return MqttLink(
        settings, client_id=name, password=None, offline=status, farewell=lambda: status, services=[drain.serve]
    )
