"""The TCP fault proxy, against an echo server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from click.testing import CliRunner

from simulators.tcp_proxy import Address, TcpProxy, main

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """Says back what it hears. heard: all of it, of all connections."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.address: Address = ("", 0)
        self.ended = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.ended.set()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.talk, "127.0.0.1", 0)
    echo.address = server.sockets[0].getsockname()
    yield echo
    server.close()
    await asyncio.sleep(0.01)


@asynccontextmanager
async def connected(proxy: TcpProxy) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def say(stream: Stream, data: bytes) -> bytes:
    """Send it, and hear as much back."""
    stream[1].write(data)
    return await asyncio.wait_for(stream[0].readexactly(len(data)), 5)


async def until_reset(stream: Stream) -> None:
    """Whatever comes before."""
    try:
        async with asyncio.timeout(5):
            while await stream[0].read(65_536):
                pass
    except ConnectionError:
        pass


async def test_hands_on_everything_both_ways(echo: Echo) -> None:
    async with TcpProxy(echo.address) as proxy, connected(proxy) as stream:
        data = bytes(range(256)) * 8000  # many chunks
        assert await say(stream, data) == data
        assert echo.heard == data


@pytest.mark.parametrize("count", [1, 7, 1000])
async def test_cuts_after_just_so_many_bytes_once(echo: Echo, count: int) -> None:
    async with TcpProxy(echo.address) as proxy:
        async with connected(proxy) as stream:
            assert await say(stream, b"before") == b"before"
            proxy.cut_after(count)
            stream[1].write(b"x" * 2000)
            await until_reset(stream)
            await asyncio.wait_for(echo.ended.wait(), 5)
        assert echo.heard == b"before" + b"x" * count
        async with connected(proxy) as stream:
            assert await say(stream, b"y" * 2000) == b"y" * 2000


async def test_a_blackhole_says_nothing_and_heals_for_new_connections(echo: Echo) -> None:
    async with TcpProxy(echo.address) as proxy, connected(proxy) as old:
        assert await say(old, b"1") == b"1"
        proxy.blackhole()
        async with connected(proxy) as tried:  # connects all the same
            for stream in (old, tried):
                stream[1].write(b"swallowed")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(old[0].read(1)), 0.2)
            proxy.heal()
            await until_reset(tried)
        async with connected(proxy) as new:
            assert await say(new, b"2") == b"2"
    assert echo.heard == b"12"


async def test_delays_each_way_without_holding_up_what_follows(echo: Echo) -> None:
    loop = asyncio.get_running_loop()
    async with TcpProxy(echo.address, delay_s=0.1) as proxy, connected(proxy) as stream:
        start_s = loop.time()
        for number in range(20):
            stream[1].write(b"%d " % (number % 10))
            await asyncio.sleep(0.005)
        assert await asyncio.wait_for(stream[0].readexactly(40), 5)
        assert 0.2 <= loop.time() - start_s < 0.8  # one round trip for all of them
        proxy.delay_s = 0.0
        start_s = loop.time()
        await say(stream, b"at once")
        assert loop.time() - start_s < 0.15


async def test_throttles(echo: Echo) -> None:
    loop = asyncio.get_running_loop()
    async with TcpProxy(echo.address, bytes_per_s=100_000) as proxy, connected(proxy) as stream:
        start_s = loop.time()
        await say(stream, b"x" * 30_000)
        assert 0.3 <= loop.time() - start_s < 2.0


async def test_a_target_that_is_not_there_resets() -> None:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    server.close()
    async with TcpProxy(address) as proxy, connected(proxy) as stream:
        await until_reset(stream)


async def test_either_end_closing_closes_the_other(echo: Echo) -> None:
    async with TcpProxy(echo.address) as proxy:
        async with connected(proxy) as stream:
            assert await say(stream, b"1") == b"1"
        await asyncio.wait_for(echo.ended.wait(), 5)


async def test_runs_as_a_program(echo: Echo) -> None:
    host, port = echo.address
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators.tcp_proxy", "--to", f"{host}:{port}", "--cut-after", "4"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        where = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().split()[-1]
        stream = await asyncio.open_connection("127.0.0.1", int(where.rpartition(":")[2]))
        stream[1].write(b"123456")
        await until_reset(stream)
        stream[1].transport.abort()
        await asyncio.wait_for(echo.ended.wait(), 5)
        assert echo.heard == b"1234"
    finally:
        process.terminate()
        assert await process.wait() == 0


@pytest.mark.parametrize("place", ["1883", "host:", "host:70000", ":"])
def test_a_bad_address_is_named(place: str) -> None:
    result = CliRunner().invoke(main, ["--to", place])
    assert result.exit_code == 2
    assert f"'{place}' is not HOST:PORT" in result.output
