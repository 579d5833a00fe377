"""Many readers at once: is any read lost between socket and dedupe, what does it cost, does memory stay flat?

    python -m bench.soak                                        50 readers x 400 reads/s for 20 s
    python -m bench.soak --readers 20 --rate 0                  idle: readers are connected and see nothing
    python -m bench.soak --readers 20 --rate 200 --seconds 1800   half an hour, a line each minute

Simulated readers in this process, the gateway in its own, the embedded broker. What the simulator put on the sockets
is held against what the gateway counted; exit 1 when a read is missing. The latency is that of a status request every
second, which the gateway answers in its turn: how long anything waits there.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import click

from bench.gateway import Gateway, running, write_config
from bench.rounds import median
from bench.table import Row, lines
from simulators.llrp_reader import SimReader
from simulators.mqtt_broker import Broker

WARM_UP_S = 5.0
FLUSH_S = 1.0
"""Until paused readers have sent what they had collected."""
COUNTED_LIMIT_S = 10.0
"""A gateway that has not taken a read so long after it was sent does not keep up: that read is missing."""
LOOK_S = 1.0
WINDOW_S = 60.0
"""Of a long run, a line for each of these."""
FLAT_MB_PER_H, STEADY = 2.0, 2.0
"""Memory is flat when its last half grows no faster, the latency is steady when its p99 grows by no more."""

READERS, RATE_HZ, TAGS, SECONDS = 50, 400.0, 50, 20.0
IDLE_READERS, IDLE_S = 20, 20.0
BUSY_LIMIT, IDLE_LIMIT = 0.60, 0.01


class Window(NamedTuple):
    """A part of a run. cpu: share of a core; p99_s: of the gateway's answers."""

    cpu: float
    rss_mb: float
    p99_s: float


class Soaked(NamedTuple):
    """sent: reads that simulated readers put on the sockets; taken: reads that the gateway counted."""

    windows: list[Window]
    sent: int
    taken: int

    @property
    def cpu(self) -> float:
        return median(window.cpu for window in self.windows)


def rows() -> list[Row]:
    """Busy and idle."""
    busy = asyncio.run(soak(READERS, RATE_HZ, TAGS, SECONDS, window_s=SECONDS / 5))
    idle = asyncio.run(soak(IDLE_READERS, 0.0, TAGS, IDLE_S, window_s=IDLE_S / 5))
    lost = busy.sent - busy.taken
    return [
        Row(
            f"{READERS} readers x {RATE_HZ:g} reads/s, one process", f"{busy.cpu:.0%} of a core, {lost} missing",
            "", None, f"<= {BUSY_LIMIT:.0%}, 0 missing", busy.cpu <= BUSY_LIMIT and not lost, _shares(busy), -1,
        ),
        Row(
            f"idle, {IDLE_READERS} readers connected", f"{idle.cpu:.1%} of a core", "", None,
            f"<= {IDLE_LIMIT:.0%}", idle.cpu <= IDLE_LIMIT, _shares(idle), -1,
        ),
    ]  # fmt: skip


def _shares(soaked: Soaked) -> tuple[float, ...]:
    return tuple(window.cpu for window in soaked.windows)


async def soak(readers: int, rate: float, tags: int, seconds: float, window_s: float = WINDOW_S) -> Soaked:
    """Load `edgegw run` so long with so many readers of so many reads a second each, over so many tags each."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgegw-bench-")))
        broker = await stack.enter_async_context(Broker())
        sims = [SimReader(f"reader-{n + 1}", 4, rate_hz=rate, tags=tags) for n in range(readers)]
        for sim in sims:
            await stack.enter_async_context(sim)
        config = write_config(folder / "soak", sims, broker.port)
        gateway = await stack.enter_async_context(running(config))
        for sim in sims:
            await sim.wait_reading(30)
        await asyncio.sleep(WARM_UP_S)
        windows = [await _window(gateway, min(window_s, seconds)) for _ in range(max(1, round(seconds / window_s)))]
        for sim in sims:
            sim.pause()
        await asyncio.sleep(FLUSH_S)
        sent = sum(int(sim.counters()["reads_reported"]) for sim in sims)
        return Soaked(windows, sent, await gateway.wait_count("reads", sent, COUNTED_LIMIT_S, "reader-"))


async def _window(gateway: Gateway, seconds: float) -> Window:
    cpu_s, began_s, answers_s = gateway.cpu_s(), time.monotonic(), []
    while (left_s := began_s + seconds - time.monotonic()) > 0:
        await asyncio.sleep(min(LOOK_S, left_s))
        if seconds >= WINDOW_S:  # asking costs the gateway more than idling does
            asked_s = time.monotonic()
            await gateway.count("reads")
            answers_s.append(time.monotonic() - asked_s)
    cpu = (gateway.cpu_s() - cpu_s) / (time.monotonic() - began_s)
    answers_s.sort()
    return Window(cpu, gateway.rss_mb(), answers_s[int(0.99 * len(answers_s))] if answers_s else 0.0)


def trend(windows: list[Window], window_s: float) -> Row:
    """Whether a long run stays flat: the last half against itself, as what is remembered fills up in the first."""
    half = windows[len(windows) // 2 :]
    growth_mb_h = (half[-1].rss_mb - half[0].rss_mb) / max(1, len(half) - 1) / window_s * 3600
    first, last = (median(window.p99_s for window in part) for part in (windows[:3], windows[-3:]))
    ours = f"{growth_mb_h:+.1f} MB/h, p99 {first * 1e3:.0f} -> {last * 1e3:.0f} ms"
    holds = growth_mb_h <= FLAT_MB_PER_H and last <= STEADY * first
    return Row("the same load, long", ours, "", None, "RSS flat, p99 stable", holds)


def _told(soaked: Soaked) -> Iterator[str]:
    for number, window in enumerate(soaked.windows, 1):
        latency = f"  p99 {window.p99_s * 1e3:.1f} ms" if window.p99_s else ""
        yield f"{number:3}  cpu {window.cpu:.1%} of a core  memory {window.rss_mb:.1f} MB{latency}"
    yield f"sent {soaked.sent}  taken {soaked.taken}  missing {soaked.sent - soaked.taken}"


@click.command(help=__doc__.partition("\n")[0] if __doc__ else None)
@click.option("--readers", default=READERS, show_default=True)
@click.option("--rate", default=RATE_HZ, show_default=True, help="reads a second and reader")
@click.option("--tags", default=TAGS, show_default=True, help="different tags per reader")
@click.option("--seconds", default=SECONDS, show_default=True)
def main(readers: int, rate: float, tags: int, seconds: float) -> None:
    """Load `edgegw run` with simulated readers and compare the counters."""
    window_s = min(WINDOW_S, seconds)
    soaked = asyncio.run(soak(readers, rate, tags, seconds, window_s))
    click.echo("\n".join(_told(soaked)))
    if len(soaked.windows) >= 10:
        click.echo("\n".join(lines([trend(soaked.windows, window_s)])))
    sys.exit(0 if soaked.sent == soaked.taken else 1)


if __name__ == "__main__":
    main()
