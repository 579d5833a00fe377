"""A broker far away: the pace is window x batch events a round trip, and no more is in flight than that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgegw.core.counters import Counters
from edgegw.drain import Drain
from edgegw.publish.forms import Forms
from edgegw.publish.mqtt import Connection
from simulators.tcp_proxy import TcpProxy
from tests.mosquitto import Mosquitto
from tests.publish.link import EVENT, linked, make_link, mqtt
from tests.publish.listener import Listener
from tests.test_drain import MemoryOutbox

ROUND_TRIP_S = 0.1
ROUND_TRIPS = 12


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """One that lets more be in flight than its default of 20."""
    with Mosquitto(tmp_path, "max_inflight_messages 100\n") as broker:
        yield broker


@pytest.mark.parametrize(("window", "batch"), [(10, 1), (40, 1), (10, 20), (2, 500)])
async def test_a_round_trip_takes_a_window_of_batches(mosquitto: Mosquitto, window: int, batch: int) -> None:
    loop = asyncio.get_running_loop()
    outbox, count = MemoryOutbox(), window * batch * ROUND_TRIPS
    outbox.add(count)
    drain = Drain(outbox, Counters(), forms=Forms(batch=batch))
    async with Listener(mosquitto.port, EVENT) as listener:
        async with TcpProxy((mosquitto.host, mosquitto.port), delay_s=ROUND_TRIP_S / 2) as proxy:
            async with linked(make_link(mqtt(proxy.port, window=window), [drain.serve])):
                await listener.until(lambda heard: len(heard) > 1)  # the probe is over, the stream begins
                began_s = loop.time()
                while outbox.rows:
                    await asyncio.sleep(0.005)
                took_s = loop.time() - began_s
    assert 0.8 <= took_s / (ROUND_TRIPS * ROUND_TRIP_S) < 3.0
    assert len(listener.heard) <= 1 + -(-count // batch) + 1


async def test_the_brokers_receive_maximum_is_the_window_when_it_is_smaller(tmp_path: Path) -> None:
    """Mosquitto says 20 as it comes: a window of 100 takes five round trips."""
    loop = asyncio.get_running_loop()
    answered = 0

    async def publish(connection: Connection) -> None:
        def hear(_: object) -> None:
            nonlocal answered
            answered += 1

        for _ in range(100):
            await connection.room()
            connection.publish(EVENT, b"x", hear)
        await asyncio.Event().wait()

    with Mosquitto(tmp_path) as broker:
        async with TcpProxy((broker.host, broker.port), delay_s=ROUND_TRIP_S / 2) as proxy:
            async with linked(make_link(mqtt(proxy.port, window=100), [publish])):
                began_s = loop.time()
                while answered < 100:
                    await asyncio.sleep(0.005)
                assert loop.time() - began_s >= 5 * ROUND_TRIP_S
