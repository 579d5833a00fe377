"""A copy of every read for whoever listens, and never in the gateway's way."""

from __future__ import annotations

import asyncio
import json
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from edgegw import tap
from edgegw.core.llrp.messages import ReaderEvent
from edgegw.core.model import TagRead
from edgegw.tap import HEARD, MAX_LISTENERS, ROOM_BYTES, Tap, socket_path

READ = TagRead("dock-1", 3, bytes.fromhex("3066C4409047E140075BCD15"), 96, 1_800_000_000.25, -61.5)
LINE = b'{"t":1800000000.25,"reader":"dock-1","antenna":3,"epc":"3066C4409047E140075BCD15","rssi":-61.5}\n'


class Sink:
    """What the gateway has behind the tap."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def tags(self, reads: list[TagRead]) -> None:
        self.heard += reads

    def event(self, reader: str, event: ReaderEvent, t: float) -> None:
        self.heard.append(event)

    async def room(self) -> None:
        self.heard.append("room")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def listeners(open_tap: Tap, count: int) -> None:
    async with asyncio.timeout(5):
        while len(open_tap._listeners) != count:
            await asyncio.sleep(0.01)


async def test_everything_is_passed_on() -> None:
    sink = Sink()
    open_tap = Tap(sink)
    event = ReaderEvent("gpi", 1, True)
    open_tap.tags([READ])
    open_tap.event("dock-1", event, 1.0)
    await open_tap.room()
    assert sink.heard == [READ, event, "room"]


async def test_who_listens_gets_every_read_until_he_has_enough(journal: Path) -> None:
    sink = Sink()
    open_tap = Tap(sink)
    async with open_tap.serving(journal):
        assert stat.S_IMODE(socket_path(journal).stat().st_mode) == 0o660
        reader, writer = await asyncio.open_unix_connection(socket_path(journal))
        await listeners(open_tap, 1)
        open_tap.tags([READ, READ._replace(late=True, rssi_dbm=None, pc=0x3000)])
        assert await reader.readline() == HEARD
        assert await reader.readline() == LINE
        assert json.loads(await reader.readline()) == {
            "t": 1800000000.25, "reader": "dock-1", "antenna": 3, "epc": "3066C4409047E140075BCD15",
            "pc": 0x3000, "late": True,
        }  # fmt: skip
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await listeners(open_tap, 0)
    assert len(sink.heard) == 2
    assert not socket_path(journal).exists()


async def test_who_is_too_slow_loses_reads_and_is_told_how_many(journal: Path) -> None:
    sink = Sink()
    open_tap = Tap(sink)
    async with open_tap.serving(journal):
        reader, writer = await asyncio.open_unix_connection(socket_path(journal), limit=1 << 14)
        await listeners(open_tap, 1)
        total = 4 * ROOM_BYTES // len(LINE)
        for _ in range(total // 100):
            open_tap.tags([READ] * 100)
        assert len(sink.heard) == total // 100 * 100
        writer.write_eof()
        _, *lines = (await reader.read()).splitlines()
        writer.close()
    lost = json.loads(lines.pop())["lost"]
    assert lost > 0
    assert len(lines) + lost == len(sink.heard)


async def test_who_vanishes_is_forgotten(journal: Path) -> None:
    open_tap = Tap(Sink())
    async with open_tap.serving(journal):
        _, writer = await asyncio.open_unix_connection(socket_path(journal))
        await listeners(open_tap, 1)
        writer.transport.abort()
        await listeners(open_tap, 0)
        open_tap.tags([READ])


async def test_the_end_of_the_gateway_ends_listening(journal: Path) -> None:
    open_tap = Tap(Sink())
    async with open_tap.serving(journal):
        reader, writer = await asyncio.open_unix_connection(socket_path(journal))
        await listeners(open_tap, 1)
    with suppress(ConnectionResetError):
        assert await reader.read() == HEARD
    writer.close()
    assert not open_tap._listeners


async def test_only_so_many_may_listen(journal: Path) -> None:
    open_tap = Tap(Sink())
    async with open_tap.serving(journal):
        connections = [await asyncio.open_unix_connection(socket_path(journal)) for _ in range(MAX_LISTENERS)]
        await listeners(open_tap, MAX_LISTENERS)
        reader, writer = await asyncio.open_unix_connection(socket_path(journal))
        assert await reader.read() == b""
        for _, other in [*connections, (reader, writer)]:
            other.close()


async def test_a_folder_in_the_way_costs_the_tap_only(journal: Path) -> None:
    socket_path(journal).mkdir()
    ran = False
    async with Tap(Sink()).serving(journal):
        ran = True
    assert ran
    assert tap.socket_path(journal).is_dir()
