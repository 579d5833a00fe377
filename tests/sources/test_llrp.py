"""The LLRP link over real TCP: against our simulator with its faults, and against a foreign reader."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edgegw.core.counters import Counters
from edgegw.core.llrp.frame import HEADER
from edgegw.core.llrp.messages import Capabilities, GpiTrigger, ReaderEvent, StartTrigger, StopTrigger
from edgegw.core.llrp.rospec import ReaderSettings
from edgegw.core.model import TagRead
from edgegw.sources.llrp import LlrpLink
from edgegw.supervise import Backoff, LinkState, keep
from simulators.llrp_reader import Faults, Garbage, SimReader

TAG = "3066C4409047E140075BCD15"
QUICK = Backoff(first_s=0.05, cap_s=0.2, stable_s=0.1)


class Dock:
    """Takes what a link yields, and waits for it."""

    def __init__(self) -> None:
        self.reads: list[TagRead] = []
        self.events: list[ReaderEvent] = []
        self.missing: tuple[str, ...] = ()
        self.states: list[LinkState] = []
        self.counters = Counters()
        self._news = asyncio.Event()

    def tags(self, reads: list[TagRead]) -> None:
        self.reads += reads
        self._news.set()

    def reader_event(self, reader: str, event: ReaderEvent) -> None:
        self.events.append(event)
        self._news.set()

    def reading(self, reader: str, capabilities: Capabilities, missing: tuple[str, ...]) -> None:
        self.missing = missing

    def state(self, state: LinkState) -> None:
        self.states.append(state)
        self._news.set()

    def event(self, reader: str, event: ReaderEvent, t: float) -> None: ...

    async def room(self) -> None:
        return

    async def until(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._news.clear()
                await self._news.wait()

    @property
    def statuses(self) -> list[str]:
        return [state.status for state in self.states]

    @property
    def last_reason(self) -> str:
        return next((state.reason for state in reversed(self.states) if state.reason), "")


def link(dock: Dock, port: int, **settings: object) -> LlrpLink:
    made = ReaderSettings(name="dock-1", **{"antennas": (1, 2), **settings})  # type: ignore[arg-type]  # its fields
    return LlrpLink(made, ("127.0.0.1", port), False, dock, dock, dock.counters, time.time)


@asynccontextmanager
async def kept(port: int, **settings: object) -> AsyncIterator[Dock]:
    """A link that the supervisor keeps up while the block runs."""
    dock = Dock()
    task = asyncio.create_task(keep(link(dock, port, **settings), QUICK, dock.state))
    try:
        yield dock
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_reads_arrive_with_everything_the_reader_knows() -> None:
    async with SimReader(name="dock-1") as reader, kept(reader.port, power_dbm=30.0) as dock:
        await reader.wait_reading()
        before = time.time()
        reader.see(TAG, 2, -52.25)
        await dock.until(lambda: dock.reads)
        (read,) = dock.reads
        assert (read.reader, read.antenna, read.epc.hex().upper(), read.epc_bits) == ("dock-1", 2, TAG, 96)
        assert read.rssi_dbm == pytest.approx(-52.25)
        assert abs(read.t - before) < 0.5
        assert not read.late
        assert dock.missing == ()
        assert reader.power_dbm_by_antenna == {1: 30.0, 2: 30.0}


async def test_cancelling_leaves_the_reader_clean() -> None:
    async with SimReader(name="dock-1") as reader:
        async with kept(reader.port):
            await reader.wait_reading()
        assert not reader.rospecs
        await reader.wait_for("CLOSE_CONNECTION")


@pytest.mark.parametrize(
    "fault",
    [
        {"fragment_bytes": 1},
        {"coalesce_s": 0.05},
        {"error_on_delete_all": True},
        {"error_on_stop": True},
        {"error_on_enable_events": True},
        {"no_immediate": True},
        {"claims_impinj": True},
        {"empty_reports": True},
        {"without_antenna": True},
        {"without_rssi": True},
        {"cumulative_seen_count": True},
        {"foreign_parameters": True},
        {"uptime_only": True},
        {"clock_year": 1970},
        {"clock_year": 2004},
        {"clock_offset_s": 14.0},
        {"version_1_1": False},
    ],
    ids=lambda fault: "-".join(fault),
)
async def test_a_peculiar_reader_is_read(fault: dict[str, Any]) -> None:
    async with SimReader(name="dock-1", faults=Faults(**fault)) as reader, kept(reader.port) as dock:
        await reader.wait_reading()
        for _ in range(5):
            reader.see(TAG, 1, -60.0)
        await dock.until(lambda: len(dock.reads) >= 5 and "up" in dock.statuses)
        assert {read.epc.hex().upper() for read in dock.reads} == {TAG}
        assert all(abs(read.t - time.time()) < 2 for read in dock.reads)
        assert dock.statuses == ["connecting", "up"]


@pytest.mark.parametrize("personality", ["impinj", "plain", "bare", "zeros"])
@pytest.mark.parametrize("version", ["auto", "1.1"])
async def test_every_make_of_reader_is_read(personality: str, version: str) -> None:
    async with SimReader(name="dock-1", personality=personality) as reader:
        async with kept(reader.port, version=version) as dock:
            await reader.wait_reading()
            reader.see(TAG, 1, -60.0)
            await dock.until(lambda: dock.reads)


@pytest.mark.parametrize("garbage", list(Garbage))
async def test_garbage_costs_one_frame_at_most(garbage: Garbage) -> None:
    """200 reports with garbage between them: every one arrives, the link stays up, the garbage is counted."""
    faults = Faults(garbage=garbage, garbage_every=20)
    async with SimReader(name="dock-1", faults=faults) as reader, kept(reader.port) as dock:
        await reader.wait_reading()
        for number in range(200):
            reader.see(f"{number:024X}", 1, -60.0)
            if number % 10 == 0:
                await asyncio.sleep(0)
        await dock.until(lambda: len(dock.reads) >= 200, timeout_s=10)
        assert "down" not in dock.statuses
        counted = dock.counters.snapshot()["dock-1"]
        assert counted.get("bad_frames", 0) + counted.get("other_messages", 0) >= 8


async def test_a_held_reader_is_named_and_won_when_free() -> None:
    async with SimReader(name="dock-1", faults=Faults(stuck_s=0.6)) as reader:
        async with kept(reader.port):
            await reader.wait_reading()
            reader.drop_link()
            await asyncio.sleep(0.05)
        async with kept(reader.port) as dock:
            await dock.until(lambda: "up" in dock.statuses, timeout_s=10)
            assert "another client holds this reader" in dock.last_reason


async def test_a_dirty_reader_is_cleaned_by_the_next_connection() -> None:
    async with SimReader(name="dock-1") as reader:
        async with kept(reader.port):
            await reader.wait_reading()
            reader.drop_link()
            await reader.wait_until(lambda: not reader.has_client)
        assert reader.rospecs
        async with kept(reader.port) as dock:
            await dock.until(lambda: "up" in dock.statuses)
            await reader.wait_reading()
            assert len(reader.rospecs) == 1


async def test_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegw.core.llrp.session.ANSWER_S", 0.5)
    async with SimReader(name="dock-1") as reader, kept(reader.port, keepalive_s=0.4) as dock:
        await reader.wait_reading()
        await reader.wait_for("KEEPALIVE_ACK")
        reader.faults.silence = True
        await dock.until(lambda: "down" in dock.statuses, timeout_s=5)
        assert "no answer to GET_READER_CONFIG" in dock.last_reason


@pytest.mark.parametrize("noise", [b"\xff", bytes(100), b"\x04\x3d\x00\x0f"], ids=["a drip", "zeros", "headers"])
async def test_noise_keeps_no_link_up(noise: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegw.core.llrp.session.ANSWER_S", 0.5)
    async with SimReader(name="dock-1") as reader, kept(reader.port, keepalive_s=0.4) as dock:
        await dock.until(lambda: "up" in dock.statuses)
        reader.faults.silence = True
        async with asyncio.timeout(5):
            while "down" not in dock.statuses:
                reader.inject(noise)
                await asyncio.sleep(0.05)
        assert "no answer to GET_READER_CONFIG" in dock.last_reason
        assert "cannot be decoded" in dock.last_reason


async def test_what_came_while_we_stood_still_was_in_time() -> None:
    """An answer waits in the socket and its deadline has passed when the program goes on."""
    dock, stream = Dock(), asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, stream.feed_data, b"the answer")
    loop.call_soon(time.sleep, 0.2)
    assert await link(dock, 0)._hear(stream, time.time() + 0.1) == b"the answer"
    assert await link(dock, 0)._hear(stream, time.time() + 0.1) is None


async def test_no_keepalive_is_no_death() -> None:
    async with SimReader(name="dock-1", faults=Faults(no_keepalive=True)) as reader:
        async with kept(reader.port, keepalive_s=0.3) as dock:
            await reader.wait_reading()
            await reader.wait_for("GET_READER_CONFIG", times=3)
            assert dock.statuses == ["connecting", "up"]


async def test_a_backlog_keeps_its_time_and_is_flagged() -> None:
    async with SimReader(name="dock-1", faults=Faults(clock_offset_s=-100.0)) as reader:
        async with kept(reader.port) as dock:
            await reader.wait_reading()
            reader.drop_link()
            await dock.until(lambda: "down" in dock.statuses)
            missed_at = time.time() - 60
            reader.see(TAG, 1, -60.0, at=missed_at)
            await dock.until(lambda: dock.reads, timeout_s=10)
            (read,) = dock.reads
            assert read.late
            assert read.t == pytest.approx(missed_at, abs=0.5)
            assert read.reader_t == pytest.approx(missed_at - 100, abs=0.5)
            assert dock.counters.get("dock-1", "late_reads") == 1


async def test_refused_power_says_the_range_and_reads_nothing() -> None:
    async with SimReader(name="dock-1") as reader, kept(reader.port, power_dbm=5.0) as dock:
        await dock.until(lambda: "refused" in dock.statuses)
        assert re.search(r"power_dbm: 5 is not in the reader's table \(10 to 3[02]\S* dBm\)", dock.last_reason)
        assert not reader.rospecs


async def test_a_photo_eye_starts_and_stops_reading() -> None:
    start = StartTrigger(gpi=GpiTrigger(1, high=True))
    stop = StopTrigger(gpi=GpiTrigger(1, high=False, timeout_ms=10_000))
    async with SimReader(name="dock-1") as reader, kept(reader.port, start=start, stop=stop) as dock:
        await dock.until(lambda: "up" in dock.statuses)
        await reader.wait_for("ENABLE_EVENTS_AND_REPORTS")
        reader.see("00" * 12, 1, -60.0)
        reader.set_gpi(1, high=True)
        await reader.wait_reading()
        reader.see(TAG, 1, -60.0)
        await dock.until(lambda: dock.reads)
        assert [read.epc.hex().upper() for read in dock.reads] == [TAG]
        assert ReaderEvent("gpi", 1, True) in dock.events


async def test_antenna_and_exception_are_events() -> None:
    async with SimReader(name="dock-1") as reader, kept(reader.port) as dock:
        await reader.wait_reading()
        reader.set_antenna(2, connected=False)
        reader.raise_exception("too hot")
        await dock.until(lambda: len([e for e in dock.events if e.kind in ("antenna", "exception")]) == 2)
        assert ReaderEvent("antenna", 2, False) in dock.events


async def test_a_port_that_is_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegw.core.llrp.session.GREETING_S", 0.3)
    async with SimReader(name="dock-1", faults=Faults(no_greeting=True)) as reader, kept(reader.port) as dock:
        await dock.until(lambda: "down" in dock.statuses)
        assert "no LLRP greeting" in dock.last_reason


async def test_nobody_listens() -> None:
    dock = Dock()
    async with SimReader(name="dock-1") as reader:
        port = reader.port
    task = asyncio.create_task(keep(link(dock, port), QUICK, dock.state))
    await dock.until(lambda: dock.statuses.count("down") >= 3)
    assert "connection refused" in dock.last_reason
    task.cancel()
    await asyncio.wait([task])


async def test_a_reader_that_accepts_and_closes_makes_no_storm() -> None:
    """sllurp's client connects 15,681 times in 3 s here."""
    connections = 0

    async def close_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    server = await asyncio.start_server(close_at_once, "127.0.0.1", 0)
    dock = Dock()
    backoff = Backoff(first_s=0.5, cap_s=30)
    task = asyncio.create_task(keep(link(dock, server.sockets[0].getsockname()[1]), backoff, dock.state))
    await asyncio.sleep(2)
    task.cancel()
    await asyncio.wait([task])
    server.close()
    assert 1 <= connections < 12
    assert "another client may hold it" in dock.last_reason


async def test_a_thousand_reads_a_second_all_arrive() -> None:
    async with SimReader(name="dock-1") as reader, kept(reader.port) as dock:
        await reader.wait_reading()
        for batch in range(20):
            for number in range(50):
                reader.see(f"{number:024X}", 1 + number % 2, -60.0)
            await asyncio.sleep(0.05)
            assert batch >= 0
        await dock.until(lambda: len(dock.reads) == 1000)
        assert dock.counters.get("dock-1", "reads") == 1000


async def test_reads_of_a_link_that_ends_are_taken_first() -> None:
    """A report, the goodbye right behind it, and nobody who waits in between."""
    async with SimReader(name="dock-1") as reader, kept(reader.port) as dock:
        await reader.wait_reading()
        report = HEADER.pack(1 << 10 | 61, 27, 0) + b"\x00\xf0\x00\x11\x8d" + bytes.fromhex(TAG)
        reader.inject(report * 300 + GOODBYE_EVENT)
        await dock.until(lambda: "down" in dock.statuses)
        assert "closed the connection by itself" in dock.last_reason
        assert len(dock.reads) == 300


async def test_a_talkative_reader_leaves_others_their_turn() -> None:
    """A megabyte of tags in one report: whoever takes them is not called for all of them at once."""
    turns: list[int] = []

    class Counting(Dock):
        def tags(self, reads: list[TagRead]) -> None:
            turns.append(len(reads))
            super().tags(reads)

    dock = Counting()
    passed = 0
    async with SimReader(name="dock-1") as reader:
        task = asyncio.create_task(keep(link(dock, reader.port), QUICK, dock.state))
        await reader.wait_reading()
        body = (b"\x00\xf0\x00\x11\x8d" + bytes.fromhex(TAG)) * 60_000
        reader.inject(HEADER.pack(1 << 10 | 61, 10 + len(body), 0) + body)
        while len(dock.reads) < 60_000:
            await asyncio.sleep(0)
            passed += bool(dock.reads)
        task.cancel()
        await asyncio.wait([task])
    assert max(turns) <= 128
    assert passed > 400


@asynccontextmanager
async def foreign_reader() -> AsyncIterator[int]:
    """llrpkit's emulator as a process of its own; it may take a moment until it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("llrpkit"), "emulate", "--port", str(port), "--rate", "100",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        process.kill()
        await process.wait()


async def test_a_foreign_reader_is_read() -> None:
    async with foreign_reader() as port, kept(port) as dock:
        await dock.until(lambda: len(dock.reads) >= 50, timeout_s=20)
        assert dock.counters.get("dock-1", "bad_frames") == 0
        assert all(abs(read.t - time.time()) < 5 for read in dock.reads)
    assert dock.counters.get("dock-1", "left_unclean") == 0


OK = bytes.fromhex("011f000800000000")
GOODBYE_EVENT = bytes.fromhex("043f0000001200000000" + "00f60008" + "01010004")


class HabitualReader:
    """A reader in twenty lines, with the habits of other people's.

    mute       message types that it passes over
    numbering  it numbers its answers itself
    goodbye    what it does at CLOSE_CONNECTION: answer, hang up, or answer under id 0, tell the event and linger
    """

    def __init__(self, mute: tuple[int, ...] = (), numbering: bool = False, goodbye: str = "answer") -> None:
        self._mute = mute
        self._numbering = numbering
        self._goodbye = goodbye
        self.ended = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes.fromhex("043e0000000a00000000"))  # a keepalive of the client before
        writer.write(bytes.fromhex("043f0000001400000000" + "00f6000a" + "010000060000"))
        number = 1000
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                word, length, message_id = HEADER.unpack(await reader.readexactly(10))
                await reader.readexactly(length - 10)
                number += 1
                if not self._answer(writer, word & 0x3FF, number if self._numbering else message_id):
                    break
        if self._goodbye == "linger":
            await asyncio.sleep(0.2)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.ended.set()

    def _answer(self, writer: asyncio.StreamWriter, kind: int, message_id: int) -> bool:
        """False when the conversation is over."""
        if kind == 14 and self._goodbye == "linger":
            writer.write(HEADER.pack(1 << 10 | 4, 18, 0) + OK + GOODBYE_EVENT)
        elif kind in ANSWERS and kind not in self._mute and not (kind == 14 and self._goodbye == "hang up"):
            writer.write(HEADER.pack(1 << 10 | ANSWERS[kind], 18, message_id) + OK)
        if kind == 24:
            writer.write(HEADER.pack(1 << 10 | 61, 27, 0) + b"\x00\xf0\x00\x11\x8d" + bytes.fromhex(TAG))
        return kind != 14


ANSWERS = {1: 11, 2: 12, 3: 13, 20: 30, 21: 31, 22: 32, 23: 33, 24: 34, 41: 51, 14: 4}


@pytest.mark.parametrize(
    "habits",
    [
        {"mute": (1, 41, 23)},
        {"numbering": True},
        {"goodbye": "hang up"},
        {"goodbye": "linger"},
        {"mute": (1, 41), "numbering": True, "goodbye": "linger"},
    ],
    ids=str,
)
async def test_other_peoples_readers(habits: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """llrpjs's example reader, Rifidi's emulator and what their authors found natural."""
    monkeypatch.setattr("edgegw.core.llrp.session.SHRUG_S", 0.2)
    monkeypatch.setattr("edgegw.core.llrp.session.STRAY_S", 0.1)
    habitual = HabitualReader(**habits)
    server = await asyncio.start_server(habitual.talk, "127.0.0.1", 0)
    async with server, kept(server.sockets[0].getsockname()[1]) as dock:
        await dock.until(lambda: dock.reads and "up" in dock.statuses)
    await habitual.ended.wait()
    assert dock.statuses[:2] == ["connecting", "up"]
    assert "down" not in dock.statuses
    assert dock.counters.get("dock-1", "bad_frames") == 0
    assert dock.counters.get("dock-1", "left_unclean") == 0
