"""Many readers at once: is any read lost between socket and dedupe, and does memory stay flat?

    python -m bench.soak                          20 readers x 200 reads/s for 60 s
    python -m bench.soak --readers 50 --rate 400 --seconds 30

Simulated readers in this process, the gateway in its own, the embedded broker. Prints what the simulator put on
the sockets against what the gateway counted, its CPU and its memory; exit 1 when a read is missing.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import click
import psutil
import yaml

from edgegw import control
from edgegw.errors import LinkDown
from simulators.llrp_reader import SimReader
from simulators.mqtt_broker import Broker

WARM_UP_S = 5.0
FLUSH_S = 1.0
"""Until paused readers have sent what they had collected."""


@click.command()
@click.option("--readers", default=20, show_default=True)
@click.option("--rate", default=200.0, show_default=True, help="reads a second and reader")
@click.option("--tags", default=50, show_default=True, help="different tags per reader")
@click.option("--seconds", default=60.0, show_default=True)
def main(readers: int, rate: float, tags: int, seconds: float) -> None:
    """Load `edgegw run` with simulated readers and compare the counters."""
    sys.exit(asyncio.run(soak(readers, rate, tags, seconds)))


async def soak(readers: int, rate: float, tags: int, seconds: float) -> int:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgegw-soak-")))
        broker = await stack.enter_async_context(Broker())
        sims = [SimReader(f"reader-{n + 1}", 4, rate_hz=rate, tags=tags) for n in range(readers)]
        for sim in sims:
            await stack.enter_async_context(sim)
        config = _config(folder, sims, broker.port)
        gateway = await asyncio.create_subprocess_exec(sys.executable, "-m", "edgegw", "run", "-c", config)
        try:
            for sim in sims:
                await sim.wait_reading(30)
            return await _measure(gateway.pid, folder / "journal.db", sims, seconds)
        finally:
            gateway.terminate()
            await gateway.wait()


async def _measure(pid: int, journal: Path, sims: list[SimReader], seconds: float) -> int:
    process = psutil.Process(pid)
    await asyncio.sleep(WARM_UP_S)
    rss_mb = [process.memory_info().rss / 1e6]
    cpu_s, began = sum(process.cpu_times()[:2]), asyncio.get_running_loop().time()
    while (passed := asyncio.get_running_loop().time() - began) < seconds:
        await asyncio.sleep(min(5.0, seconds - passed))
        rss_mb.append(process.memory_info().rss / 1e6)
    cpu = (sum(process.cpu_times()[:2]) - cpu_s) / (asyncio.get_running_loop().time() - began)
    for sim in sims:
        sim.pause()
    await asyncio.sleep(FLUSH_S)
    sent = sum(int(sim.counters()["reads_reported"]) for sim in sims)
    taken = await _taken(journal, sent)
    click.echo(f"readers {len(sims)}  sent {sent}  taken {taken}  lost {sent - taken}")
    click.echo(f"cpu {cpu:.0%} of a core  memory {rss_mb[0]:.1f} MB at the start, {rss_mb[-1]:.1f} MB at the end")
    return 0 if sent == taken else 1


async def _taken(journal: Path, wanted: int) -> int:
    """What the gateway counted, once it has seen everything or nothing more comes."""
    taken = -1
    for _ in range(50):
        try:
            status = await control.ask(journal)
        except LinkDown:
            break
        now = sum(
            int(tally.get("reads", 0)) for name, tally in status["counters"].items() if name.startswith("reader-")
        )
        if now in (wanted, taken):
            return now
        taken = now
        await asyncio.sleep(0.5)
    return taken


def _config(folder: Path, sims: list[SimReader], broker_port: int) -> Path:
    path = folder / "edgegw.yaml"
    doors = [
        {
            "name": f"door-{n}",
            "sides": {"inside": [f"{sim.name}/1", f"{sim.name}/2"], "outside": [f"{sim.name}/3", f"{sim.name}/4"]},
        }
        for n, sim in enumerate(sims, 1)
    ]
    config = {
        "site": "soak",
        "gateway": "gw-1",
        "readers": [{"name": sim.name, "host": sim.host, "port": sim.port} for sim in sims],
        "doors": doors,
        "mqtt": {"host": "127.0.0.1", "port": broker_port},
        "journal": {"path": str(folder / "journal.db")},
        "log": {"level": "warning"},
    }
    path.write_text(yaml.safe_dump(config))
    return path


if __name__ == "__main__":
    main()
