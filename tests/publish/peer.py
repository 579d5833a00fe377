"""A broker of a few lines for what Mosquitto cannot be made to say: each test scripts its answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

CONNACK = bytes.fromhex("20 03 00 00 00")  # MQTT 5, success, no properties
CONNACK_311 = bytes.fromhex("20 02 00 00")


def connack(*, receive_maximum: int) -> bytes:
    return bytes.fromhex("20 06 00 00 03 21") + receive_maximum.to_bytes(2, "big")


def puback(identifier: int, code: int = 0) -> bytes:
    return bytes((0x40, 3)) + identifier.to_bytes(2, "big") + bytes((code,))


class Peer:
    """One accepted connection. Packets are (type, body); type is the high half of the first byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def packet(self) -> tuple[int, bytes]:
        first = (await self.reader.readexactly(1))[0]
        length, shift = 0, 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        return first >> 4, await self.reader.readexactly(length)

    async def connect(self) -> int:
        """Read CONNECT; its protocol level (5, or 4 for 3.1.1)."""
        _, body = await self.packet()
        return body[6]

    async def publish(self) -> tuple[int, bytes]:
        """Read PUBLISH of MQTT 5 at QoS 1; its packet identifier and payload."""
        kind, body = await self.packet()
        if kind != 3:
            raise asyncio.IncompleteReadError(b"", None)  # DISCONNECT: the end
        topic_length = int.from_bytes(body[:2], "big")
        start = 2 + topic_length
        properties = body[start + 2]  # bytes of them
        return int.from_bytes(body[start : start + 2], "big"), body[start + 3 + properties :]

    def send(self, data: bytes) -> None:
        self.writer.write(data)


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[int]:
    """Listen on a loopback port and run `script` for each connection, which is closed when it returns."""

    running: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await script(Peer(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other side, or the test, is done
        finally:
            writer.close()
            running.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
