"""One reader talks as fast as the wire takes it: the others are heard, and what the broker is told stays small."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from struct import pack, unpack

import pytest
import yaml

from simulators.dock_door import Gateway
from simulators.llrp_reader import SimReader
from simulators.mqtt_broker import Broker
from simulators.subscriber import Subscriber

FLOOD_S = 2.0
KEEPALIVE = pack(">HII", 1 << 10 | 62, 10, 0)
OK = pack(">HHHH", 287, 8, 0, 0)
ANSWERS = {1: 11, 2: 12, 3: 13, 20: 30, 21: 31, 22: 32, 23: 33, 24: 34, 41: 51, 14: 4}


def message(kind: int, body: bytes, message_id: int = 0) -> bytes:
    return pack(">HII", 1 << 10 | kind, 10 + len(body), message_id) + body


def tlv(kind: int, content: bytes) -> bytes:
    return pack(">HH", kind, 4 + len(content)) + content


TAG = tlv(240, b"\x8d" + bytes.fromhex("3066C4409047E140075BCD15") + b"\x81\x00\x01")
EVENTS = [tlv(248, pack(">HB", n, 0x80)) + tlv(255, pack(">BH", n % 2, n)) for n in range(0, 0x10000, 7)]
FLOODS = {
    "tags": message(61, TAG * 50_000),
    "events": b"".join(message(63, tlv(246, event)) for event in EVENTS),
    "noise": b"\x04\x3d\0\0" * 20_000,
}


@asynccontextmanager
async def flooding_reader(flood: bytes) -> AsyncIterator[int]:
    """A port where a reader answers politely until it reads, and then says `flood` without a pause."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(message(63, tlv(246, tlv(256, bytes(2)))))
        kind = 0
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while kind != 64:
                word, length, message_id = unpack(">HII", await reader.readexactly(10))
                await reader.readexactly(length - 10)
                kind = word & 0x3FF
                if kind in ANSWERS:
                    writer.write(message(ANSWERS[kind], OK, message_id))
            while not writer.is_closing():
                writer.write(flood)
                await writer.drain()
                await asyncio.sleep(0)
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def config(folder: Path, flood_port: int, calm: SimReader, broker: Broker) -> str:
    return yaml.safe_dump(
        {
            "site": "dc-1",
            "gateway": "gw-1",
            "readers": [
                {"name": "flood", "host": "127.0.0.1", "port": flood_port},
                {"name": "calm", "host": calm.host, "port": calm.port},
            ],
            "doors": [{"name": "door-1", "sides": {"inside": ["calm/1"], "outside": ["flood/1"]}}],
            "mqtt": {"host": broker.host, "port": broker.port},
            "journal": {"path": str(folder / "journal.db")},
        }
    )


@pytest.mark.parametrize("flood", FLOODS)
async def test_the_others_are_heard(flood: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker())
        subscriber = await stack.enter_async_context(Subscriber(broker.host, broker.port))
        calm = await stack.enter_async_context(SimReader("calm"))
        port = await stack.enter_async_context(flooding_reader(FLOODS[flood]))
        gateway = Gateway(tmp_path)
        gateway.config.write_text(config(tmp_path, port, calm, broker))
        await stack.enter_async_context(gateway)
        await subscriber.until_up(["calm", "flood"])
        loop = asyncio.get_running_loop()
        ends_at, acknowledged, slowest_s = loop.time() + FLOOD_S, calm.heard["KEEPALIVE_ACK"], 0.0
        while loop.time() < ends_at:
            acknowledged += 1
            asked_at = loop.time()
            calm.inject(KEEPALIVE)
            await calm.wait_for("KEEPALIVE_ACK", 5.0, acknowledged)
            slowest_s = max(slowest_s, loop.time() - asked_at)
            await asyncio.sleep(0.1)
        assert slowest_s < 1.0
        calm.set_antenna(1, connected=False)
        await subscriber.until(lambda: bool(subscriber.status["readers"]["calm"]["troubles"]), 3.0)
        assert len(json.dumps(subscriber.status)) < 20_000
        assert len(gateway.log.read_text().splitlines()) < 30
        assert await gateway.stop() == 0
