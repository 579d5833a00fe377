"""Packets of a broker that are broken as MQTT: the connection ends in a sentence, soon, and nothing else happens."""

from __future__ import annotations

import asyncio
import random
from functools import partial

from bench.fuzz.mutations import mutate
from bench.fuzz.tally import Growth, Tally, sentence
from edgegw.config.model import Mqtt
from edgegw.errors import LinkDown
from edgegw.publish.link import MqttLink
from edgegw.publish.mqtt import Connection
from tests.publish.peer import CONNACK, Peer, scripted

TOPIC = "edgegw/v1/fuzz/gw/ack"
OFFLINE = ("edgegw/v1/fuzz/gw/status", b'{"online":false}')
PATIENCE_S = 30.0
PACKETS = tuple(
    bytes.fromhex(packet)
    for packet in (
        "20 03 00 00 00", "20 06 00 00 03 21 00 14", "20 0b 00 00 08 27 00 01 00 00 24 01 2a 01", "40 02 00 01",
        "40 04 00 01 10 00", "40 0a 00 01 97 06 1f 00 03 6e 6f 6f", "50 02 00 01", "62 02 00 01", "70 02 00 01",
        "90 04 00 01 00 01", "90 05 00 01 00 80 01", "b0 04 00 01 00 00", "d0 00", "e0 00", "e0 02 8b 00",
        "e0 09 97 07 1f 00 04 66 75 6c 6c", "f0 02 18 00", "30 07 00 03 61 2f 62 00 78",
        "32 0a 00 03 61 2f 62 00 07 00 78 78", "34 0a 00 03 61 2f 62 00 08 00 78 78",
        "30 12 00 03 61 2f 62 0a 02 00 00 00 3c 26 00 01 61 00 00 78", "10 0c 00 04 4d 51 54 54 05 02 00 1e 00 00",
        "82 09 00 01 00 00 03 61 2f 62 01", "c0 00", "33 08 00 01 61 00 00 00 78 79",
    )
)  # fmt: skip
"""One of each kind (MQTT 5, 2.1.2), a broker's and a client's."""


async def over_tcp(count: int, rng: random.Random) -> Tally:
    """Some broken packets a connection; now and then already in place of CONNACK."""
    tally, growth = Tally("packets"), Growth(count)

    async def talk(peer: Peer) -> None:
        await peer.connect()
        peer.send(mutate(PACKETS[:3], rng) if rng.random() < 0.2 else CONNACK)
        for _ in range(rng.randint(1, 4)):
            growth.step()
            tally.inputs += 1
            peer.send(mutate(PACKETS, rng))
        await peer.writer.drain()

    async with scripted(talk) as port:
        link = MqttLink(
            Mqtt.model_validate({"host": "127.0.0.1", "port": port, "protocol": "5"}),
            client_id="gw",
            password=None,
            offline=OFFLINE,
            farewell=lambda: OFFLINE,
            services=[_publish_on, _listen],
        )
        while tally.inputs < count:
            await _connect(link, tally)
    tally.grown_mb = growth.mb()
    return tally


async def _connect(link: MqttLink, tally: Tally) -> None:
    reached: list[None] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            await link.run(partial(reached.append, None))
    except LinkDown as end:
        tally.refused[sentence(end.reason) if not reached else f"{sentence(end.reason)}, after it was up"] += 1
    except Exception as error:  # noqa: BLE001 - the very thing this program looks for
        tally.failures.append(repr(error))


async def _publish_on(connection: Connection) -> None:
    while True:
        await connection.room()
        connection.publish(OFFLINE[0], OFFLINE[1], lambda _: None)


async def _listen(connection: Connection) -> None:
    await connection.subscribe(TOPIC, lambda _: None)
    await asyncio.Event().wait()
