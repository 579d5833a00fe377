"""What docs/contract.md promises a central system, kept: journal, drain and link against a real Mosquitto that comes
and goes, and a consumer that knows the document only."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edgegw import health
from edgegw.clock import Clock
from edgegw.core.counters import Counters
from edgegw.core.event import Origin
from edgegw.drain import Drain
from edgegw.publish import confirmation, flow
from edgegw.publish.forms import Forms
from edgegw.publish.retained import Retained
from edgegw.store.journal import Journal
from edgegw.supervise import Backoff, keep
from simulators.tcp_proxy import TcpProxy
from tests.mosquitto import Mosquitto
from tests.publish.consumer import Consumer
from tests.publish.link import make_link, mqtt
from tests.publish.listener import Listener
from tests.store.support import opened, writing

BASE = "edgegw/v1/dc-1/gw"
KEEPS = "autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\n"
TYPES = ("movement", "observation", "unidentified")


def decide(journal: Journal, count: int) -> None:
    for number in range(count):
        kind = TYPES[number % 7 % 3]
        journal.add_event(
            lambda seq, kind=kind: (  # type: ignore[misc]
                f"{BASE}/evt/{kind}",
                json.dumps(
                    {"source": f"/{BASE}", "gateway": "gw", "epoch": journal.epoch, "seq": seq, "data": "x" * 300}
                ).encode(),
            )
        )


@asynccontextmanager
async def gateway(path: Path, port: int, *, central: bool = False) -> AsyncIterator[tuple[Journal, Drain]]:
    """Journal, drain, status and link, killed at the end as by kill -9: nothing is said to the broker."""
    async with opened(path, commit_ms=5) as journal, writing(journal):
        drain = Drain(journal, Counters(), f"{BASE}/ack" if central else None, Forms(batch=20 if central else 1))
        retained = Retained(Counters())
        origin, clock = Origin("edgegw/v1", "dc-1", "gw"), Clock()
        feels = health.Health(origin, clock, Counters(), journal, retained, (), lambda: 0, dict)
        link = make_link(mqtt(port), [retained.serve, drain.serve])
        task = asyncio.create_task(keep(link, Backoff(first_s=0.1, cap_s=0.2), lambda _: None))
        telling = asyncio.create_task(feels.run())
        try:
            yield journal, drain
        finally:
            telling.cancel()
            if link.connection is not None:
                await link.connection.abort()
            task.cancel()
            await asyncio.wait([task, telling])


async def until_stored(consumer: Consumer, count: int) -> None:
    async with asyncio.timeout(20):
        while len(consumer.stored) < count:  # another thread stores
            await asyncio.sleep(0.02)


async def test_each_event_arrives_once_though_everything_comes_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "RETRY_S", 0.1)
    stored: dict[tuple[str, int], Any] = {}
    with Mosquitto(tmp_path, KEEPS) as broker:
        async with gateway(tmp_path / "journal.db", broker.port) as (journal, drain):
            decide(journal, 300)  # nobody is there yet
            async with asyncio.timeout(10):
                while "unheard" not in drain.troubles():
                    await asyncio.sleep(0.02)
            consumer = Consumer(broker.port, stored)
            await asyncio.to_thread(consumer.start)
            await until_stored(consumer, 100)
            await asyncio.to_thread(broker.stop)
            decide(journal, 200)
            await asyncio.to_thread(broker.start)
            await until_stored(consumer, 500)
            for _ in range(5):  # in the middle of a burst nobody subscribes, and then somebody does again
                decide(journal, 100)
                consumer.unsubscribe()
                await asyncio.sleep(0.05)
                consumer.subscribe()
            await until_stored(consumer, 1000)
        async with gateway(tmp_path / "journal.db", broker.port) as (journal, _):
            decide(journal, 300)
            await until_stored(consumer, 1100)
        await asyncio.to_thread(consumer.stop)
        async with gateway(tmp_path / "journal.db", broker.port) as (journal, _):
            decide(journal, 200)  # the broker keeps them for the consumer
            await asyncio.sleep(0.3)
            consumer = Consumer(broker.port, stored)
            await asyncio.to_thread(consumer.start)
            await until_stored(consumer, 1500)
            epoch = journal.epoch
        await asyncio.to_thread(consumer.stop)
    assert set(stored) == {(epoch, seq) for seq in range(1, 1501)}
    assert consumer.through == {epoch: 1500}
    assert not consumer.beyond[epoch]


async def test_the_wire_keeps_the_order_of_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the type, and though nobody subscribed when the events were decided."""
    monkeypatch.setattr(flow, "RETRY_S", 0.1)
    stored: dict[tuple[str, int], Any] = {}
    with Mosquitto(tmp_path, KEEPS) as broker:
        async with gateway(tmp_path / "journal.db", broker.port) as (journal, drain):
            decide(journal, 400)
            async with asyncio.timeout(10):
                while "unheard" not in drain.troubles():
                    await asyncio.sleep(0.02)
            consumer = Consumer(broker.port, stored)
            await asyncio.to_thread(consumer.start)
            await until_stored(consumer, 200)
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start)
            decide(journal, 100)
            await until_stored(consumer, 500)
            await asyncio.to_thread(consumer.stop)
    assert [seq for _, seq in stored] == list(range(1, 501))


async def test_a_broker_that_is_killed_and_forgets_loses_nothing_that_central_must_confirm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mosquitto as it comes, killed six times while events flow; every second time the consumer is away."""
    monkeypatch.setattr(flow, "RETRY_S", 0.1)
    monkeypatch.setattr(confirmation, "RESEND_S", 1.0)
    monkeypatch.setattr(confirmation, "SETTLE_S", 0.5)
    stored: dict[tuple[str, int], Any] = {}
    repeats = 0
    with Mosquitto(tmp_path) as broker:
        async with gateway(tmp_path / "journal.db", broker.port, central=True) as (journal, _):
            consumer = Consumer(broker.port, stored, confirms=True)
            await asyncio.to_thread(consumer.start)
            for turn in range(6):
                decide(journal, 100)
                await until_stored(consumer, 100 * turn + 1)
                if turn % 2:
                    await asyncio.to_thread(consumer.stop)
                    decide(journal, 100)
                    await asyncio.sleep(0.2)
                    journal_holds = (await journal.backlog()).pending
                    assert journal_holds >= 100
                await asyncio.to_thread(broker.kill)
                await asyncio.to_thread(broker.start)
                if turn % 2:
                    repeats += consumer.repeats
                    consumer = Consumer(broker.port, stored, confirms=True)
                    await asyncio.to_thread(consumer.start)
            await until_stored(consumer, 900)
            await until_confirmed(journal)
            assert set(stored) == {(journal.epoch, seq) for seq in range(1, 901)}
            await asyncio.to_thread(consumer.stop)
    print(f"{repeats + consumer.repeats} of 900 came again")


@pytest.fixture
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a gateway a minute takes it some seconds, and a status comes before anything is sent again."""
    monkeypatch.setattr(confirmation, "RESEND_S", 4.0)
    monkeypatch.setattr(confirmation, "SETTLE_S", 0.5)
    monkeypatch.setattr(health, "BEAT_S", 0.2)
    monkeypatch.setattr(health, "REPEAT_S", 0.5)


@pytest.mark.usefixtures("haste")
async def test_a_central_system_that_comes_late_gets_all_that_it_must_confirm(tmp_path: Path) -> None:
    """Somebody listened, so the broker took them; nobody confirmed them."""
    stored: dict[tuple[str, int], Any] = {}
    with Mosquitto(tmp_path) as broker:
        async with (
            Listener(broker.port) as listener,
            gateway(tmp_path / "journal.db", broker.port, central=True) as (
                journal,
                _,
            ),
        ):
            decide(journal, 40)
            await listener.until(lambda heard: any(b'"seq": 40' in message.payload for message in heard))
            consumer = Consumer(broker.port, stored, confirms=True)
            await asyncio.to_thread(consumer.start)
            decide(journal, 1)  # it hears the last one first
            await until_stored(consumer, 41)
            await until_confirmed(journal)
            assert {seq for _, seq in stored} == set(range(1, 42))
            await asyncio.to_thread(consumer.stop)


@pytest.mark.usefixtures("haste")
async def test_a_broker_that_forgets_an_epoch_before_central_heard_of_it_loses_nothing(tmp_path: Path) -> None:
    stored: dict[tuple[str, int], Any] = {}
    with Mosquitto(tmp_path) as broker:
        away = Consumer(broker.port, {}, confirms=True)
        await asyncio.to_thread(away.start)  # the broker keeps for it what comes, in its memory
        await asyncio.to_thread(away.stop)
        async with gateway(tmp_path / "journal.db", broker.port, central=True) as (journal, _):
            async with Listener(broker.port) as listener:
                decide(journal, 30)
                await listener.until(lambda heard: any(b'"seq": 30' in message.payload for message in heard))
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            consumer = Consumer(broker.port, stored, confirms=True)
            await asyncio.to_thread(consumer.start)
            decide(journal, 1)
            await until_stored(consumer, 31)
            await until_confirmed(journal)
            assert {seq for _, seq in stored} == set(range(1, 32))
            await asyncio.to_thread(consumer.stop)


@pytest.mark.usefixtures("haste")
async def test_what_was_delivered_before_a_consumer_came_is_no_gap(tmp_path: Path) -> None:
    stored: dict[tuple[str, int], Any] = {}
    with Mosquitto(tmp_path) as broker:
        async with Listener(broker.port) as listener, gateway(tmp_path / "journal.db", broker.port) as (journal, _):
            decide(journal, 40)
            await listener.until(lambda heard: any(b'"seq": 40' in message.payload for message in heard))
            consumer = Consumer(broker.port, stored)
            await asyncio.to_thread(consumer.start)
            decide(journal, 2)
            await until_stored(consumer, 2)
            async with asyncio.timeout(10):
                while consumer.through != {journal.epoch: 42}:
                    await asyncio.sleep(0.05)
            assert not consumer.beyond[journal.epoch]
            await asyncio.to_thread(consumer.stop)


async def until_confirmed(journal: Journal) -> None:
    async with asyncio.timeout(10):
        while (await journal.backlog()).pending:
            await asyncio.sleep(0.05)


async def test_a_network_that_cuts_and_swallows_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegw.publish.mqtt.STALL_S", 0.4)
    rng = random.Random(5)
    stored: dict[tuple[str, int], Any] = {}
    with Mosquitto(tmp_path) as broker:
        consumer = Consumer(broker.port, stored)
        await asyncio.to_thread(consumer.start)
        async with (
            TcpProxy((broker.host, broker.port)) as proxy,
            gateway(tmp_path / "journal.db", proxy.port) as (journal, _),
        ):
            for turn in range(1, 21):
                decide(journal, 50)
                if turn % 4:
                    proxy.cut_after(rng.randrange(1, 15_000))
                else:
                    await asyncio.sleep(rng.uniform(0, 0.05))
                    proxy.blackhole()
                    decide(journal, 50)
                    await asyncio.sleep(0.6)  # noticed, though nothing has been closed
                    proxy.heal()
            await until_stored(consumer, 1250)
            assert set(stored) == {(journal.epoch, seq) for seq in range(1, 1251)}
        await asyncio.to_thread(consumer.stop)
