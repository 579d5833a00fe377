"""How long an event takes to the broker, and what it costs the disk: `python -m bench.latency`.

Simulated readers at stations see an ever new tag in each read: every read is an event at once. `edgegw run` as it is
installed, on the disk of the temporary folder, publishes to a Mosquitto of its own; a subscriber notes when each event
arrives. The latency is the arrival minus the moment of the read, so it holds the reader's network, the decision, the
commit, the broker and the subscriber: more than decided -> at the broker, never less.

Written bytes are those that the kernel counts for the process (`write_bytes` of /proc/PID/io): whole pages, SQLite's
log and its checkpoints too. Payload bytes are those of the events that arrived. Where the temporary folder is in
memory, nothing is written: --dir names one on a disk.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import click
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bench import slow_disk
from bench.broker import mosquitto
from bench.gateway import running, write_config
from bench.rounds import ROUNDS, median
from bench.table import Row, lines
from simulators.llrp_reader import SimReader

READERS = 5
OFFERED_HZ, CALM_HZ = 1000.0, 200.0
ENDLESS = 30_000
"""Tags of a reader: more than it sees in a run, so that none comes twice."""
WARM_UP_S, WINDOW_S, CALM_WINDOW_S = 2.0, 2.0, 6.0
FSYNC_MS = 20
LIMIT_MS, SLOW_LIMIT_MS, WRITTEN_LIMIT = 50.0, 150.0, 5.0


class Window(NamedTuple):
    """A part of a run. p50_ms, p99_ms: read -> subscriber; in bytes: of all payloads, and written to the disk."""

    events: int
    p50_ms: float
    p99_ms: float
    payload: int
    written: int


class Listener:
    """A subscriber with paho's own thread. arrivals: seconds since 1970, and the payload."""

    def __init__(self, port: int) -> None:
        self.arrivals: list[tuple[float, bytes]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "listener", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda *_: ignore(self._client.subscribe("edgegw/v1/bench/gw-1/evt/#", qos=1))
        self._client.on_message = lambda _c, _d, message: self.arrivals.append((time.time(), bytes(message.payload)))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def take(self) -> list[tuple[float, bytes]]:
        """What has arrived since the last call."""
        taken, self.arrivals = self.arrivals, []
        return taken


def rows(folder: Path | None = None) -> list[Row]:
    found = asyncio.run(offer(OFFERED_HZ, 0, folder))
    slow = asyncio.run(offer(OFFERED_HZ, FSYNC_MS, folder))
    calm = asyncio.run(offer(CALM_HZ, 0, folder, CALM_WINDOW_S))
    offered = f"{OFFERED_HZ:,.0f} events/s offered: p99 read -> subscriber"
    return [
        _latency(offered, found, LIMIT_MS),
        _latency(f"the same, {FSYNC_MS} ms more per fsync", slow, SLOW_LIMIT_MS),
        _written(calm),
    ]


def _latency(measure: str, found: list[Window], limit_ms: float) -> Row:
    target = f"<= {limit_ms:g} ms"
    if not found:
        return Row(measure, "not measured: needs a C compiler", "", None, target, None)
    p99_ms, p50_ms = median(one.p99_ms for one in found), median(one.p50_ms for one in found)
    rate = median(one.events for one in found) / WINDOW_S
    ours = f"{p99_ms:.0f} ms (median {p50_ms:.0f}, {rate:.0f}/s)"
    holds = p99_ms <= limit_ms and rate >= 0.95 * OFFERED_HZ
    return Row(measure, ours, "", None, target, holds, tuple(one.p99_ms for one in found), -1)


def _written(found: list[Window]) -> Row:
    """Over the whole run: a checkpoint writes in one window what was collected in several."""
    written = sum(one.written for one in found) / sum(one.payload for one in found)
    measure = f"bytes written per payload byte at {CALM_HZ:g} events/s"
    target = f"<= {WRITTEN_LIMIT:g} x"
    if not written:
        return Row(measure, "not measured: the folder is in memory", "", None, target, None)
    return Row(measure, f"{written:.1f} x", "", None, target, written <= WRITTEN_LIMIT, (written,), -1)


async def offer(
    rate_hz: float, fsync_ms: int = 0, where: Path | None = None, window_s: float | None = None
) -> list[Window]:
    """So many events a second; nothing when the disk cannot be slowed down."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgegw-bench-", dir=where)))
        slow = slow_disk.environment(folder, fsync_ms) if fsync_ms else {}
        if slow is None:
            return []
        broker = stack.enter_context(mosquitto(folder, "max_queued_messages 0"))
        listener = Listener(broker.port)
        stack.callback(listener.close)
        sims = [SimReader(f"reader-{n}", 1, rate_hz=rate_hz / READERS, tags=ENDLESS) for n in range(READERS)]
        for sim in sims:
            await stack.enter_async_context(sim)
        stations = [{"name": f"station-{n}", "antennas": [sim.name]} for n, sim in enumerate(sims)]
        config = write_config(folder / "gw", sims, broker.port, stations=stations)
        gateway = await stack.enter_async_context(running(config, **slow))
        for sim in sims:
            await sim.wait_reading(10)
        await asyncio.sleep(WARM_UP_S)
        windows = []
        for _ in range(ROUNDS):
            listener.take()
            written = gateway.written_bytes()
            await asyncio.sleep(window_s or WINDOW_S)
            windows.append(_window(listener.take(), gateway.written_bytes() - written))
        return windows


def _window(arrivals: list[tuple[float, bytes]], written: int) -> Window:
    if not arrivals:
        raise RuntimeError("no event arrived")
    late_ms = sorted((at - _read_s(payload)) * 1e3 for at, payload in arrivals)
    p50_ms, p99_ms = late_ms[len(late_ms) // 2], late_ms[int(0.99 * len(late_ms))]
    return Window(len(arrivals), p50_ms, p99_ms, sum(len(payload) for _, payload in arrivals), written)


def _read_s(payload: bytes) -> float:
    return datetime.fromisoformat(json.loads(payload)["time"]).timestamp()


def ignore(_: object) -> None:
    """paho's callbacks return nothing."""


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="on a disk")
def main(folder: Path | None) -> None:
    """Latency at 1,000 events/s, with a slow disk too, and bytes written at 200 events/s."""
    click.echo("\n".join(lines(rows(folder))))


if __name__ == "__main__":
    main()
