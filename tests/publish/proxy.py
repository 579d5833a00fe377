"""A network that fails: TCP between the gateway and its broker, cut in the middle of a packet or swallowing all."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Proxy:
    """Listens on `port`. What it does to the connections of the moment can be changed at any time."""

    def __init__(self, broker_port: int) -> None:
        self.port = 0
        self._broker_port = broker_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._bytes_left: int | None = None

    def blackhole(self) -> None:
        """Take bytes, hand on none, and say nothing about it: half-open connections."""
        self._open.clear()

    def heal(self) -> None:
        """Go on, with new connections: the old ones were swallowed."""
        self._open.set()
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def cut_after(self, byte_count: int) -> None:
        """Cut every connection when so many more bytes went to the broker, wherever in a packet that is."""
        self._bytes_left = byte_count

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
            self._writers |= {writer, broker_writer}
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, broker_writer, counted=True))
                group.create_task(self._pump(broker_reader, writer, counted=False))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        while data := await reader.read(65_536):
            await self._open.wait()
            if counted and self._bytes_left is not None:
                data, self._bytes_left = data[: self._bytes_left], self._bytes_left - len(data)
                if self._bytes_left <= 0:
                    self._bytes_left = None
                    writer.write(data)
                    await writer.drain()
                    self.cut()
                    return
            writer.write(data)
            await writer.drain()
        writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
