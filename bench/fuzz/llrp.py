"""LLRP frames: into sessions in this process, and over TCP into the link."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.fuzz.mutations import mutate
from bench.fuzz.tally import Growth, Tally, sentence
from edgegw.core.counters import Counters
from edgegw.core.llrp.frame import HEADER, HEADER_BYTES
from edgegw.core.llrp.messages import Capabilities, ReaderEvent
from edgegw.core.llrp.rospec import ReaderSettings
from edgegw.core.llrp.session import Phase, Session, Tags
from edgegw.core.model import TagRead
from edgegw.errors import LinkDown, LinkRefused
from edgegw.sources.llrp import LlrpLink
from edgegw.sources.sllurp_codec import SllurpCodec
from edgegw.supervise import Backoff, LinkState, keep
from simulators.llrp_reader import SimReader

ROOT = Path(__file__).parents[2]
PERSONALITIES = ("impinj", "plain", "bare", "zeros")
SETTINGS = ReaderSettings(name="dock-1", antennas=(1, 2))
CAPTURES = {
    "CloseConnectionResponse": 4, "GetAccessSpecsResponse": 54, "GetROSpecsResponse": 36,
    "GetReaderCapabilitiesResponse": 11, "GetReaderConfigResponse": 12, "ROAccessReport": 61,
    "ReaderEventNotification": 63,
}  # fmt: skip
FRAMES_PER_SESSION = 25
TAG = "3066C4409047E140075BCD15"


def honest(frame: bytes) -> bytes:
    """With the right length in the header, so that what is wrong inside is looked at."""
    return frame[:2] + len(frame).to_bytes(4) + frame[6:] if len(frame) >= HEADER_BYTES else frame


async def record(personality: str) -> list[bytes]:
    """Everything a simulated reader says, frame by frame: handshake, events, reports, goodbye."""
    async with SimReader(personality=personality) as sim:
        stream, writer = await asyncio.open_connection(sim.host, sim.port)
        session = Session(SETTINGS, SllurpCodec(), Counters(), 0.0)
        frames: list[bytes] = []
        while session.phase is not Phase.CLOSED:
            head = await stream.readexactly(HEADER_BYTES)
            frames.append(head + await stream.readexactly(HEADER.unpack(head)[1] - HEADER_BYTES))
            session.receive(frames[-1], 0.0)
            if frames[-1][0] & 3 == 0 and frames[-1][1] == 61:
                session.stop(0.0)
            writer.write(session.outgoing())
            await writer.drain()
            if session.phase is Phase.READING and sim.active:
                sim.set_gpi(1, high=True)
                sim.set_antenna(2, connected=False)
                sim.raise_exception("too hot")
                sim.see(TAG, 1, -52.0)
        writer.close()
    return frames


def captures() -> list[bytes]:
    """A real R420's answers."""
    frames = []
    for path in sorted((ROOT / "tests/data/readers").glob("*.bytes")):
        body = path.read_bytes()
        kind = CAPTURES[path.name.split("-")[0]]
        frames.append(HEADER.pack(1 << 10 | kind, HEADER_BYTES + len(body), 1) + body)
    return frames


class Frames:
    """Mutated frames into sessions that stand anywhere in their conversation."""

    def __init__(self, talks: Sequence[list[bytes]], rng: random.Random) -> None:
        self._talks = talks
        self._rng = rng
        self._corpus = [frame for talk in talks for frame in talk] + captures()
        self._counters = Counters()
        self._session: Session | None = None
        self._left = 0
        self._now = 0.0

    def inputs(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            frame = mutate(self._corpus, self._rng)
            yield honest(frame) if self._rng.random() < 0.7 else frame

    def judge(self, data: bytes) -> str:
        session = self._open()
        before, phase = self._counters.snapshot().get("dock-1", {}), session.phase
        self._now += 2.0
        try:
            outputs = session.receive(data, self._now) + session.tick(self._now)
        except (LinkDown, LinkRefused) as end:
            self._session = None
            return f"{type(end).__name__}: {sentence(str(end))}"
        after = self._counters.snapshot().get("dock-1", {})
        if grown := [name for name, count in after.items() if count > before.get(name, 0)]:
            return f"counted: {grown[0]}"
        said = bool(session.outgoing()) or session.phase is not phase
        return "" if outputs or said else "an empty message, or its end is awaited"

    def _open(self) -> Session:
        self._left -= 1
        if self._session is None or self._left < 0:
            self._left = FRAMES_PER_SESSION
            self._session = Session(SETTINGS, SllurpCodec(), self._counters, self._now)
            talk = self._rng.choice(self._talks)
            for frame in talk[: self._rng.randrange(len(talk))]:
                with contextlib.suppress(LinkDown):
                    self._session.receive(frame, self._now)
                self._session.outgoing()
        return self._session


class Dock:
    """Takes what the link yields until the awaited EPCs have all come."""

    def __init__(self, awaited: set[str]) -> None:
        self.awaited = awaited
        self.downs = 0
        self.complete = asyncio.Event()

    def tags(self, reads: list[TagRead]) -> None:
        self.awaited -= {read.epc.hex().upper() for read in reads}
        if not self.awaited:
            self.complete.set()

    def state(self, state: LinkState) -> None:
        self.downs += state.status == "down"

    def event(self, reader: str, event: ReaderEvent, t: float) -> None: ...

    async def room(self) -> None:
        return

    def reading(self, reader: str, capabilities: Capabilities, missing: tuple[str, ...]) -> None:
        return

    def reader_event(self, reader: str, event: ReaderEvent) -> None:
        return


def exaggerate(frame: bytes, rng: random.Random) -> bytes:
    """A length that reaches into the next frames, or is too short."""
    length = max(0, len(frame) + rng.choice((-4, -1, 1, 3, 8, 30, 200, 1000, 20_000)))
    return frame[:2] + length.to_bytes(4) + frame[6:]


def harmless(frame: bytes) -> bool:
    """Whether a frame between two reports, with the right length, may cost neither: it says no goodbye."""
    session = Session(SETTINGS, SllurpCodec(), Counters(), 0.0)
    report = HEADER.pack(1 << 10 | 61, HEADER_BYTES, 1)
    try:
        outputs = session.receive(honest(frame) + report, 0.0)
    except (LinkDown, LinkRefused):
        return False
    return session.phase is Phase.GREETING and any(isinstance(output, Tags) for output in outputs)


async def over_tcp(count: int, rng: random.Random, corpus: Sequence[bytes]) -> Tally:
    """Mutated frames, some with a lie for a length, and valid reports by turns: every report must arrive."""
    expected = [f"{number:024X}" for number in range(1, count + 1)]
    tally, dock, counters, growth = Tally("tcp"), Dock(set(expected)), Counters(), Growth(count)
    async with SimReader() as sim:
        link = LlrpLink(SETTINGS, (sim.host, sim.port), False, dock, dock, counters, time.time)
        task = asyncio.create_task(keep(link, Backoff(first_s=0.05, cap_s=0.2), dock.state))
        try:
            await sim.wait_reading()
            for epc in expected:
                frame = mutate(corpus, rng)
                while not harmless(frame):
                    frame = mutate(corpus, rng)
                tally.inputs += 1
                growth.step()
                sim.inject(exaggerate(honest(frame), rng) if rng.random() < 0.3 else honest(frame))
                sim.see(epc, 1, -60.0)
                await asyncio.sleep(0)
            async with asyncio.timeout(30):
                await dock.complete.wait()
        except TimeoutError:
            tally.failures.append(f"{len(dock.awaited)} reports did not arrive, like {min(dock.awaited)}")
        finally:
            task.cancel()
            await asyncio.wait([task])
    tally.accepted = count - len(dock.awaited)
    tally.grown_mb = growth.mb()
    counted = counters.snapshot()["dock-1"]
    tally.refused.update({f"counted: {name}": n for name, n in counted.items() if name != "reads"})
    if dock.downs:
        tally.failures.append(f"the link went down {dock.downs} times")
    return tally


async def conversations(count: int, rng: random.Random, talks: Sequence[list[bytes]]) -> Tally:
    """Whole conversations in which frames are mutated: each ends as a link does, in a sentence."""
    tally, counters, dock, growth = Tally("peers"), Counters(), Dock(set()), Growth(count)

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for frame in rng.choice(talks):
            if writer.is_closing():
                break
            writer.write(mutate([frame], rng) if rng.random() < 0.1 else frame)
            await asyncio.sleep(0)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        link = LlrpLink(SETTINGS, server.sockets[0].getsockname(), False, dock, dock, counters, time.time)
        for _ in range(count):
            reached: list[None] = []
            tally.inputs += 1
            growth.step()
            try:
                async with asyncio.timeout(60):
                    await link.run(partial(reached.append, None))
            except LinkDown as end:
                tally.refused[sentence(end.reason) if not reached else "a sentence, after it was up"] += 1
            except Exception as error:  # noqa: BLE001 - the very thing this program looks for
                tally.failures.append(repr(error))
    tally.grown_mb = growth.mb()
    return tally
