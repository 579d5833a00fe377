"""Hostile bytes over a real socket: the broker neither crashes nor hangs, and its good clients notice nothing."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from simulators.mqtt_broker import Broker
from simulators.mqtt_broker.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Ack,
    Connect,
    Disconnect,
    Packet,
    Ping,
    Publish,
    Subscribe,
    Subscription,
    Unsubscribe,
    Will,
    encode,
)
from simulators.mqtt_broker.properties import Property
from simulators.mqtt_broker.wire import Kind

ROUNDS = 400
PINGRESP = encode(Ping(Kind.PINGRESP), MQTT_5)

SEEDS: list[Packet] = [
    Publish("fuzz/a", b"payload", 1, packet_id=1, properties=((Property.USER_PROPERTY, ("k", "v")),)),
    Publish("fuzz/b", b"payload", 2, retain=True, packet_id=2, properties=((Property.MESSAGE_EXPIRY, 9),)),
    Ack(Kind.PUBREL, 2),
    Ack(Kind.PUBACK, 1),
    Ack(Kind.PUBREC, 1),
    Subscribe(3, (Subscription("fuzz/#", 2), Subscription("$share/g/fuzz/+", 1))),
    Unsubscribe(4, ("fuzz/#",)),
    Ping(Kind.PINGREQ),
    Disconnect(),
]


def hostile_bytes(rng: random.Random) -> bytes:
    """A session of valid packets, damaged: bytes changed, lost, repeated, cut off; or noise from the start."""
    level = rng.choice([MQTT_3_1_1, MQTT_5])
    if rng.random() < 0.2:
        return rng.randbytes(rng.randrange(1, 300))
    connect = Connect(f"fuzz-{rng.randrange(20)}", level, rng.random() < 0.5, will=Will("fuzz/will", b"w", 1))
    data = bytearray(encode(connect, level)) if rng.random() < 0.9 else bytearray()
    intact = len(data) if rng.random() < 0.8 else 0
    data += b"".join(encode(rng.choice(SEEDS), level) for _ in range(rng.randrange(1, 12)))
    for _ in range(rng.randrange(0, 8)):
        at = rng.randrange(intact, len(data))
        match rng.randrange(3):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 4)]
            case _:
                data[at:at] = data[at : at + rng.randrange(1, 20)]
        if len(data) <= intact:
            break
    return bytes(data)


async def attack(port: int, data: bytes) -> None:
    """Send the bytes, half-close, and wait for the broker to end the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        await reader.read()
    except ConnectionError:
        pass  # refused with unread bytes in its buffer, the system resets the connection
    finally:
        writer.close()


@pytest.mark.parametrize("seed", range(3))
async def test_hostile_bytes_harm_nobody_else(seed: int) -> None:
    crashes: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: crashes.append(context))
    rng = random.Random(seed)
    async with Broker() as broker:
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(encode(Connect("good", will=Will("x", b"")), MQTT_5))
        await reader.readexactly(2)
        for _ in range(ROUNDS):
            await asyncio.wait_for(attack(broker.port, hostile_bytes(rng)), 5)
        writer.write(encode(Ping(Kind.PINGREQ), MQTT_5))
        answer = await asyncio.wait_for(reader.readuntil(PINGRESP), 5)
        assert answer.endswith(PINGRESP)
        assert broker.clients == {"good"}
        assert broker.counts["malformed"] > ROUNDS / 4
        assert broker.counts["connects"] > ROUNDS / 2
        writer.close()
        await writer.wait_closed()
    assert crashes == []
