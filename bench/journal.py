"""What the journal costs: rows per second, and bytes written to the disk per byte of payload.

    python bench/journal.py [--events N] [--payload BYTES] [--units N] [--dir DIR]

The second figure is flash life. It is taken at 200 events/s with commits every 250 ms, that is groups of 50,
each event with a unit's new place, a state put and a state forgotten, published one commit later and
forgotten at the end of the retention; `write_bytes` of /proc/self/io counts every page the kernel must
write, WAL and checkpoints included. Nothing waits for the wall clock.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.store.group import UnitState
from edgegw.store.journal import Journal

COMMIT_S = 0.25
TOPIC = "edgegw/v1/dc-1/dock-edge-1/evt/movement"


def written_bytes() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


def add(journal: Journal, payload: bytes, unit: str | None) -> int:
    """One decision, as the pipeline makes it."""
    seq = journal.add_event(lambda seq: (TOPIC, payload))
    if unit is not None:
        journal.put_unit(UnitState(unit, "inside", "door-1", time.time()))
        journal.put_state("door-1", str(seq), '{"reads": 12, "first": 1732156800.25, "sides": [4, 8]}')
        journal.put_state("door-1", str(seq - 40), None)
    return seq


async def measure_rate(settings: JournalSettings, events: int, payload: bytes) -> None:
    async with Journal.opened(settings, "bench", Counters(), time.time) as journal:
        writer = asyncio.create_task(journal.run())
        started = time.perf_counter()
        for _ in range(events):
            await journal.room()
            last = add(journal, payload, None)
        await journal.wait_committed(last - 1)
        took_s = time.perf_counter() - started
        print(f"insert: {events / took_s:8.0f} rows/s ({events} rows of {len(payload)} bytes)")
        started = time.perf_counter()
        drained = 0
        while rows := await journal.pending(drained, 500):
            for row in rows:
                await journal.room()
                journal.mark_published(row.seq)
            drained = rows[-1].seq
        await journal.flush()
        took_s = time.perf_counter() - started
        print(f"drain:  {events / took_s:8.0f} rows/s (read and marked)")
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)


async def measure_amplification(settings: JournalSettings, events: int, payload: bytes, units: int, group: int) -> None:
    rng = random.Random(1)
    t = 0.0
    async with Journal.opened(settings, "bench", Counters(), lambda: t) as journal:
        for unit in range(units):  # the dock has seen them all before
            journal.put_unit(UnitState(f"urn:epc:id:sgtin:0614141.107346.{unit}", "inside", "door-1", 0.0))
        await journal.flush()
        before = written_bytes()
        published = 0
        for number in range(events // group):
            t += COMMIT_S
            for _ in range(group):
                name = f"urn:epc:id:sgtin:0614141.107346.{rng.randrange(units)}" if units else None
                last = add(journal, payload, name)
            while published < last - group:
                published += 1
                journal.mark_published(published)
            await journal.flush()
            if number % (60 / COMMIT_S) == 0:
                while await journal.tidy():
                    pass
    size_mb = settings.path.stat().st_size / 2**20
    ratio = (written_bytes() - before) / (events * len(payload))
    kind = f"with {units} units" if units else "events alone"
    print(f"write amplification: {ratio:5.2f}x ({kind}, {group} events a commit), file {size_mb:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--payload", type=int, default=400)
    parser.add_argument("--units", type=int, default=20_000)
    parser.add_argument("--dir", type=Path, help="a directory on the disk to be measured")
    options = parser.parse_args()
    payload = random.Random(0).randbytes(options.payload)
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        steady = JournalSettings(path=Path(folder) / "steady.db", keep_h=1 / 30)
        asyncio.run(measure_rate(JournalSettings(path=Path(folder) / "rate.db"), options.events, payload))
        for name, units, group in (("alone", 0, 50), ("units", options.units, 50), ("calm", options.units, 2)):
            settings = steady.model_copy(update={"path": Path(folder) / f"{name}.db"})
            events = options.events if group > 2 else options.events // 10
            asyncio.run(measure_amplification(settings, events, payload, units, group))


if __name__ == "__main__":
    main()
