"""Hostile bytes at every door: does each cost a value, a counter or a sentence, and nothing more?

    python -m bench.fuzz                              100,000 LLRP frames, scans and configurations each, 2,000 frames
                                                      and 2,000 whole conversations over TCP
    python -m bench.fuzz --count 5000 --only frames --seed 7

Inputs are mutations of valid ones: what the simulated readers of every make and a real R420 say, scans of every
kind, the shipped configurations. Prints one line a part; exit 1 when anything raised, a single input took longer
than the limit, memory grew, or a valid report between mutated frames did not arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
import psutil

from edgegw.config.load import parse
from edgegw.core.counters import Counters
from edgegw.core.identity import identify_epc, identify_scan
from edgegw.core.llrp.frame import HEADER, HEADER_BYTES
from edgegw.core.llrp.messages import Capabilities, ReaderEvent
from edgegw.core.llrp.rospec import ReaderSettings
from edgegw.core.llrp.session import Phase, Session, Tags
from edgegw.core.model import TagRead
from edgegw.core.scan import ScanFramer, ScanSettings, Terminator
from edgegw.errors import ConfigError, LinkDown, LinkRefused
from edgegw.sources.llrp import LlrpLink
from edgegw.sources.sllurp_codec import SllurpCodec
from edgegw.supervise import Backoff, LinkState, keep
from simulators.llrp_reader import SimReader

ROOT = Path(__file__).parents[1]
PERSONALITIES = ("impinj", "plain", "bare", "zeros")
SETTINGS = ReaderSettings(name="dock-1", antennas=(1, 2))
CAPTURES = {
    "CloseConnectionResponse": 4, "GetAccessSpecsResponse": 54, "GetROSpecsResponse": 36,
    "GetReaderCapabilitiesResponse": 11, "GetReaderConfigResponse": 12, "ROAccessReport": 61,
    "ReaderEventNotification": 63,
}  # fmt: skip
FRAMES_PER_SESSION = 25
TAG = "3066C4409047E140075BCD15"
TERMINATORS: tuple[Terminator, ...] = ("auto", "cr", "lf", "crlf", "etx", "nul", "tab")
SCANS = (
    b"]C1010950600013435221A1\x1d10LOT7\r", b"]d2010950600013435217280331\x1d21A1\r\n", b"]C100340123450000000018\n",
    b"\x02(01)09506000134352(21)A1\x03", b"https://id.gs1.org/01/09506000134352/21/A1?17=280331\r",
    b"]E04006381333931\r", b"[)>\x1e06\x1dP12345\x1dS99\x1e\x04\r", b"urn:epc:id:sgtin:9506000.013435.A1\r",
    b"]Q3\x1d010950600013435221\xc3\xa4\r", b"SN-0042#\r\n", b"\xef\xbb\xbf00340123450000000018\t", b"\r\n\x03\0",
)  # fmt: skip
NASTY = (
    "!!python/object:os.system x", "&a [*a, *a]", "*nowhere", "{", "[[[[[[[[", "1e999", "0x7fffffffffffffffff", "~", "",
    "'", '"\\x', "- " * 200, "{a: " * 200, "\t", "\0", "\ufeff", "\u2028", "NO", ".nan", "-1", "<<: *a", "? :", "|9",
    "2026-02-30", "../../../../etc/shadow", "\U0001f4a5" * 50, "9" * 500,
)  # fmt: skip


@dataclass
class Tally:
    """What became of the inputs of one part."""

    part: str
    inputs: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    grown_mb: float = 0.0
    failures: list[str] = field(default_factory=list)

    def take(self, data: bytes, judge: Callable[[bytes], str]) -> None:
        """Give one input to `judge`, which says why it was refused, or nothing when it was accepted."""
        self.inputs += 1
        began = time.thread_time()
        try:
            refusal = judge(data)
        except Exception as error:  # noqa: BLE001 - the very thing this program looks for
            self.failures.append(f"{error!r} for {data[:400].hex()}")
            return
        self.slowest_ms = max(self.slowest_ms, (time.thread_time() - began) * 1000)
        if refusal:
            self.refused[refusal] += 1
        else:
            self.accepted += 1

    def lines(self) -> Iterator[str]:
        yield (
            f"{self.part:8} inputs {self.inputs:6}  accepted {self.accepted:6}  refused {self.refused.total():6}"
            f"  slowest {self.slowest_ms:7.2f} ms  memory +{self.grown_mb:.1f} MB  failures {len(self.failures)}"
        )
        for reason, count in self.refused.most_common(12):
            yield f"         {count:6}  {reason}"
        yield from (f"         FAILED {failure}" for failure in self.failures[:5])

    def verdict(self, slowest_ms: float, grown_mb: float) -> bool:
        return not self.failures and self.slowest_ms <= slowest_ms and self.grown_mb <= grown_mb


class Speechless(Exception):
    """A refusal without a word."""


def _sentence(words: str) -> str:
    if not words.strip():
        raise Speechless
    return "a sentence"


# ---------------------------------------------------------------- mutations


def flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def remove(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randint(1, 8) :]


def duplicate(data: bytes, rng: random.Random) -> bytes:
    """A piece stands twice: with luck, a whole parameter or line."""
    at = rng.randrange(len(data))
    end = at + rng.randint(1, 64)
    return data[:end] + data[at:end] + data[end:]


def insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randint(1, 16)) + data[at:]


def lie(data: bytes, rng: random.Random) -> bytes:
    """Two bytes become a number that is often a boundary: in LLRP, a length or a type."""
    at = rng.randrange(len(data))
    value = rng.choice((0, 1, 3, 4, 5, 10, 0x7FFF, 0x8000, 0xFFFF, len(data), rng.randrange(0x10000)))
    return data[:at] + (value & 0xFFFF).to_bytes(2) + data[at + 2 :]


MUTATIONS = (flip, flip, truncate, remove, duplicate, insert, lie, lie)


def mutate(corpus: Sequence[bytes], rng: random.Random) -> bytes:
    """One of the corpus, or two spliced, changed one to three times."""
    data = rng.choice(corpus)
    if rng.random() < 0.1:
        other = rng.choice(corpus)
        data = data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]
    for _ in range(rng.choice((1, 1, 2, 3))):
        if data:
            data = rng.choice(MUTATIONS)(data, rng)
    return data


def honest(frame: bytes) -> bytes:
    """With the right length in the header, so that what is wrong inside is looked at."""
    return frame[:2] + len(frame).to_bytes(4) + frame[6:] if len(frame) >= HEADER_BYTES else frame


# ---------------------------------------------------------------- LLRP frames, in process


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
            return f"{type(end).__name__}: {_sentence(str(end))}"
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


# ---------------------------------------------------------------- LLRP frames, over TCP


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
    tally, dock, counters = Tally("tcp"), Dock(set(expected)), Counters()
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
    counted = counters.snapshot()["dock-1"]
    tally.refused.update({f"counted: {name}": n for name, n in counted.items() if name != "reads"})
    if dock.downs:
        tally.failures.append(f"the link went down {dock.downs} times")
    return tally


async def conversations(count: int, rng: random.Random, talks: Sequence[list[bytes]]) -> Tally:
    """Whole conversations in which frames are mutated: each ends as a link does, in a sentence."""
    tally, counters, dock = Tally("peers"), Counters(), Dock(set())

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
            try:
                async with asyncio.timeout(60):
                    await link.run(partial(reached.append, None))
            except LinkDown as end:
                tally.refused[_sentence(end.reason) if not reached else "a sentence, after it was up"] += 1
            except Exception as error:  # noqa: BLE001 - the very thing this program looks for
                tally.failures.append(repr(error))
    return tally


# ---------------------------------------------------------------- scans and configurations


class Scans:
    """Mutated scans through the framer and the identity; the same bytes as an EPC."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._counters = Counters()
        self._framers = [
            ScanFramer(ScanSettings("pack-1", terminator, max_length=256, encoding=encoding), self._counters)
            for terminator in TERMINATORS
            for encoding in ("utf-8", "latin-1", "ascii")
        ]
        self._t = 0.0

    def inputs(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            scan = mutate(SCANS, self._rng)
            yield scan + self._rng.choice((b"", b"\r\n", b"\r\n\x03\0\t"))

    def judge(self, data: bytes) -> str:
        self._t += self._rng.choice((0.0, 1.0, 5.0))
        epc = identify_epc(data[:64], self._rng.randint(0, len(data[:64]) * 8))
        scans = self._rng.choice(self._framers).feed(data, self._t)
        identities = [identify_scan(scan.text) for scan in scans]
        if any(identity.kind == "unit" for identity in identities):
            return ""
        return f"identity: {identities[0].kind}" if identities else f"no scan; as an EPC: {epc.kind}"


class Configurations:
    """Mutated YAML texts through the loader; each refusal names a place and says what is wrong."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._texts = [path.read_bytes() for path in sorted((ROOT / "config").glob("*.yaml"))]

    def inputs(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            if self._rng.random() < 0.3:
                yield mutate(self._texts, self._rng)
            else:
                yield b"\n".join(self._mutated_lines(self._rng.choice(self._texts).split(b"\n")))

    def _mutated_lines(self, lines: list[bytes]) -> list[bytes]:
        for _ in range(self._rng.choice((1, 1, 2, 5))):
            at, other = self._rng.randrange(len(lines)), self._rng.randrange(len(lines))
            match self._rng.randrange(6):
                case 0:
                    lines[at] = lines[other]
                case 1:
                    lines.insert(at, lines[other])
                case 2:
                    lines[at] = b" " * self._rng.randrange(8) + lines[at].lstrip()
                case 3:
                    lines[at] = lines[at].partition(b":")[0] + b":" + lines[other].partition(b":")[2]
                case _:
                    key, colon, _ = lines[at].partition(b":")
                    lines[at] = key + (colon or b":") + b" " + self._rng.choice(NASTY).encode()
        return lines

    def judge(self, data: bytes) -> str:
        try:
            parse(data, "fuzz.yaml", ROOT / "config")
        except ConfigError as error:
            sentences = [_sentence(fault.problem) for fault in error.faults]
            return "one fault" if len(sentences) == 1 else "several faults"
        return ""


# ---------------------------------------------------------------- the campaign


def run(part: str, source: Frames | Scans | Configurations, count: int) -> Tally:
    tally = Tally(part)
    settled = 0.0
    for number, data in enumerate(source.inputs(count)):
        if number == count // 4:
            settled = _rss_mb()
        tally.take(data, source.judge)
    tally.grown_mb = _rss_mb() - settled
    return tally


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss / 1e6)


async def campaign(count: int, tcp: int, seed: int, only: Sequence[str]) -> list[Tally]:
    """The parts that are asked for, each with a random stream of its own."""
    talks = [await record(personality) for personality in PERSONALITIES]
    tallies = []
    if "frames" in only:
        tallies.append(run("frames", Frames(talks, random.Random(seed)), count))
    if "tcp" in only:
        tallies.append(await over_tcp(tcp, random.Random(seed), [frame for talk in talks for frame in talk]))
    if "peers" in only:
        tallies.append(await conversations(tcp, random.Random(seed), talks))
    if "scans" in only:
        tallies.append(run("scans", Scans(random.Random(seed)), count))
    if "yaml" in only:
        tallies.append(run("yaml", Configurations(random.Random(seed)), count))
    return tallies


PARTS = ("frames", "tcp", "peers", "scans", "yaml")


@click.command()
@click.option("--count", default=100_000, show_default=True, help="inputs a part")
@click.option("--tcp", default=2_000, show_default=True, help="inputs of each part over TCP")
@click.option("--seed", default=1, show_default=True)
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="one part; may be repeated")
@click.option("--slowest-ms", default=250.0, show_default=True, help="longest that one input may take, of CPU time")
@click.option("--grown-mb", default=20.0, show_default=True, help="most that memory may grow in a part")
def main(count: int, tcp: int, seed: int, only: tuple[str, ...], slowest_ms: float, grown_mb: float) -> None:
    """Mutated frames, scans and configurations into the real code."""
    tallies = asyncio.run(campaign(count, tcp, seed, only or PARTS))
    for tally in tallies:
        for line in tally.lines():
            click.echo(line)
    sys.exit(0 if all(tally.verdict(slowest_ms, grown_mb) for tally in tallies) else 1)


if __name__ == "__main__":
    main()
