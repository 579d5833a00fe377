"""Scans: through framer and identity in this process, and over a pty and TCP into the links."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator

from bench.fuzz.mutations import mutate
from bench.fuzz.tally import Growth, Tally
from edgegw.clock import Clock
from edgegw.core.counters import Counters
from edgegw.core.identity import identify_epc, identify_scan
from edgegw.core.model import Scan
from edgegw.core.scan import ScanFramer, ScanSettings, Terminator
from edgegw.sources.intake import Intake
from edgegw.sources.serial_port import SerialScanner, SerialSettings
from edgegw.sources.tcp import ListeningScanner
from edgegw.supervise import SCANNER, Link, LinkState, keep
from simulators.scanner import PtyScanner
from tests.mosquitto import free_port

BURST = 100
PATIENCE_S = 10.0
ENDS = b"\x03\r\n"
"""What ends a scan, whatever the framer has seen so far."""
TERMINATORS: tuple[Terminator, ...] = ("auto", "cr", "lf", "crlf", "etx", "nul", "tab")
SCANS = (
    b"]C1010950600013435221A1\x1d10LOT7\r", b"]d2010950600013435217280331\x1d21A1\r\n", b"]C100340123450000000018\n",
    b"\x02(01)09506000134352(21)A1\x03", b"https://id.gs1.org/01/09506000134352/21/A1?17=280331\r",
    b"]E04006381333931\r", b"[)>\x1e06\x1dP12345\x1dS99\x1e\x04\r", b"urn:epc:id:sgtin:9506000.013435.A1\r",
    b"]Q3\x1d010950600013435221\xc3\xa4\r", b"SN-0042#\r\n", b"\xef\xbb\xbf00340123450000000018\t", b"\r\n\x03\0",
)  # fmt: skip


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


# ---------------------------------------------------------------- over wires


class Desk:
    """Takes scans until the awaited one has come."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.taken = 0
        self.downs: list[str] = []
        self._awaited = ""
        self._come = asyncio.Event()

    def sink(self, scan: Scan) -> None:
        self.taken += 1
        if scan.text.endswith(self._awaited):
            self._come.set()

    async def room(self) -> None:
        return

    def state(self, state: LinkState) -> None:
        if state.status == "up":
            self.up.set()
        elif state.status in ("down", "refused"):
            self.downs.append(state.reason)

    def expect(self, text: str) -> None:
        self._awaited = text
        self._come.clear()

    async def come(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._come.wait()


async def over_serial(count: int, rng: random.Random) -> Tally:
    """Into a pty."""
    with PtyScanner() as scanner:

        async def send(data: bytes) -> None:
            await asyncio.to_thread(scanner.send, data)

        return await _over(
            "serial", lambda intake: SerialScanner(SerialSettings(scanner.port), intake), send, count, rng
        )


async def over_tcp(count: int, rng: random.Random) -> Tally:
    """Into a listening socket, with a new connection now and then, and some broken in the middle of a scan."""
    port = free_port()
    writers: list[asyncio.StreamWriter] = []

    async def send(data: bytes) -> None:
        if not writers or rng.random() < 0.1:
            writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
            if len(writers) > 1:
                writers.pop(0).transport.abort()
        writers[-1].write(data)
        await writers[-1].drain()

    tally = await _over("tcp scan", lambda intake: ListeningScanner(("127.0.0.1", port), intake), send, count, rng)
    for writer in writers:
        writer.transport.abort()
    return tally


async def _over(
    part: str,
    make_link: Callable[[Intake], Link],
    send: Callable[[bytes], Awaitable[None]],
    count: int,
    rng: random.Random,
) -> Tally:
    """Bursts of mutated scans, a valid one after each: it must arrive, and the link must stay."""
    tally, desk, counters, growth = Tally(part), Desk(), Counters(), Growth(count)
    link = make_link(Intake(ScanSettings("pack-1"), desk.sink, desk.room, Clock().now, counters))
    task = asyncio.create_task(keep(link, SCANNER, desk.state))
    try:
        await asyncio.wait_for(desk.up.wait(), PATIENCE_S)
        while tally.inputs < count:
            burst = [mutate(SCANS, rng) for _ in range(min(BURST, count - tally.inputs))]
            tally.inputs += len(burst)
            for _ in burst:
                growth.step()
            desk.expect(f"MARK-{tally.inputs}")
            await send(ENDS.join(burst) + ENDS + f"MARK-{tally.inputs}\r".encode())
            await desk.come()
    except TimeoutError:
        tally.failures.append(f"a valid scan after {tally.inputs} hostile ones did not arrive")
    finally:
        task.cancel()
        await asyncio.wait([task])
    tally.grown_mb = growth.mb()
    tally.accepted = desk.taken
    counted = counters.snapshot()["pack-1"]
    tally.refused.update({f"counted: {name}": number for name, number in counted.items() if name != "scans"})
    tally.failures += [f"the link went down: {reason}" for reason in desk.downs]
    return tally
