"""A network that fails, for anything that speaks TCP: it cuts in the middle of a packet, swallows, delays, throttles.

    python -m simulators.tcp_proxy --to 127.0.0.1:1883 --port 1884 --delay-ms 50

What it does can be changed at any time, and counts for the connections that are open:

| call              | network                                                                           |
|-------------------|-----------------------------------------------------------------------------------|
| `cut()`           | every connection is reset                                                         |
| `cut_after(n)`    | the same when n more bytes went to the target, wherever in a packet that is       |
| `blackhole()`     | everything is taken, nothing handed on, and nobody told: half-open connections    |
| `heal()`          | new connections work; those of the blackhole are reset, what they held stays lost |
| `delay_s`         | each way: a round trip takes twice that longer                                    |
| `bytes_per_s`     | each way of each connection; None: no limit                                       |
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from types import TracebackType
from typing import NamedTuple, Self

import click

CHUNK_BYTES = 65_536
UNDERWAY_CHUNKS = 256
"""Of one connection and way, for the time of the delay: then TCP holds the sender back."""

Address = tuple[str, int]


class _Chunk(NamedTuple):
    due_s: float
    data: bytes


class TcpProxy:
    """Listens from entry to exit, and connects each connection to `target`. `port` 0: any free one."""

    def __init__(
        self,
        target: Address,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        delay_s: float = 0.0,
        bytes_per_s: float | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.delay_s = delay_s
        self.bytes_per_s = bytes_per_s
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._bytes_left: int | None = None

    def blackhole(self) -> None:
        """Take bytes, hand on none, and say nothing about it."""
        self._open.clear()

    def heal(self) -> None:
        """Go on, with new connections."""
        self.cut()
        self._open.set()

    def cut(self) -> None:
        """Reset all connections of this moment, now."""
        for writer in self._writers:
            writer.transport.abort()

    def cut_after(self, byte_count: int) -> None:
        """Hand on so many more bytes to the target, then cut."""
        self._bytes_left = byte_count

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = {writer}
        self._writers.add(writer)
        try:
            to_reader, to_writer = await asyncio.open_connection(*self._target)
            ends.add(to_writer)
            self._writers.add(to_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, to_writer, counted=True))
                group.create_task(self._carry(to_reader, writer, counted=False))
        except* (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the proxy ends
        finally:
            for end in ends:
                end.transport.abort()
            self._writers -= ends
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        """One way, to its end; the other way ends with it."""
        underway: asyncio.Queue[_Chunk] = asyncio.Queue(UNDERWAY_CHUNKS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take(reader, underway))
            async for data in self._arriving(underway):
                whole = not counted or self._spend(len(data))
                writer.write(data if whole else data[: self._bytes_left])
                await writer.drain()
                if not whole:
                    self._bytes_left = None
                    self.cut()
        raise ConnectionResetError

    async def _take(self, reader: asyncio.StreamReader, underway: asyncio.Queue[_Chunk]) -> None:
        """Up to the end, which is an empty chunk."""
        loop = asyncio.get_running_loop()
        data = b"first"
        while data:
            data = await reader.read(CHUNK_BYTES)
            if self.bytes_per_s is not None:
                await asyncio.sleep(len(data) / self.bytes_per_s)
            await underway.put(_Chunk(loop.time() + self.delay_s, data))

    async def _arriving(self, underway: asyncio.Queue[_Chunk]) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        while True:
            chunk = await underway.get()
            if chunk.due_s > loop.time():
                await asyncio.sleep(chunk.due_s - loop.time())
            await self._open.wait()
            if not chunk.data:
                return
            yield chunk.data

    def _spend(self, byte_count: int) -> bool:
        """Whether so many bytes may pass before the cut that was ordered."""
        if self._bytes_left is None:
            return True
        if byte_count >= self._bytes_left:
            return False
        self._bytes_left -= byte_count
        return True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
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


def read_address(ctx: click.Context, param: click.Parameter, value: str) -> Address:
    """HOST:PORT."""
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise click.BadParameter(f"'{value}' is not HOST:PORT, such as 127.0.0.1:1883")
    return host, int(port)


@click.command()
@click.option("--to", "target", required=True, callback=read_address, metavar="HOST:PORT", help="Where it leads.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, help="TCP port; 0 = any free one.")
@click.option("--delay-ms", default=0.0, type=click.FloatRange(0), help="Delay each way.")
@click.option("--bytes-per-s", default=None, type=click.FloatRange(1), help="Throttle each way of a connection.")
@click.option("--cut-after", default=None, type=click.IntRange(1), help="Cut when so many bytes went there, once.")
@click.option("--blackhole-after-s", default=None, type=click.FloatRange(0), help="Swallow all after so long.")
@click.option("--heal-after-s", default=5.0, show_default=True, type=click.FloatRange(0), help="End of the blackhole.")
def main(
    target: Address,
    host: str,
    port: int,
    delay_ms: float,
    bytes_per_s: float | None,
    cut_after: int | None,
    blackhole_after_s: float | None,
    heal_after_s: float,
) -> None:
    """Run a TCP proxy that fails as told, until SIGINT or SIGTERM."""
    proxy = TcpProxy(target, host=host, port=port, delay_s=delay_ms / 1000, bytes_per_s=bytes_per_s)
    if cut_after is not None:
        proxy.cut_after(cut_after)
    try:
        asyncio.run(_serve(proxy, blackhole_after_s, heal_after_s))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror} - choose another --port"
        ) from None


async def _serve(proxy: TcpProxy, blackhole_after_s: float | None, heal_after_s: float) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    async with proxy:
        click.echo(f"listening on {proxy.host}:{proxy.port}")
        if blackhole_after_s is not None:
            loop.call_later(blackhole_after_s, proxy.blackhole)
            loop.call_later(blackhole_after_s + heal_after_s, proxy.heal)
        await done.wait()


if __name__ == "__main__":
    main()
