"""A million hostile inputs at every door of the gateway: `bench/fuzz`, as one line.

    python -m tests.torture --only fuzzing

A crash is anything that raised, a link that a payload cost, a task that ended; a hang is an input that took longer than
SLOWEST_MS of processor time, or something valid behind hostile inputs that did not come. Memory is that of the process
that holds them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.fuzz.campaign import campaign
from bench.fuzz.tally import Tally, rss_mb
from tests.torture.table import Row

DOORS: Final = {
    "LLRP": {"frames": 300_000, "tcp": 20_000, "peers": 10_000},
    "scanners": {"scans": 250_000, "serial": 100_000, "tcp-scans": 100_000},
    "MQTT": {"mqtt": 180_000, "packets": 40_000},
}
"""Parts of the campaign by door, and how many inputs each has at scale 1: a million in all."""
LEAST: Final = 200
SLOWEST_MS: Final = 250.0
GROWN_MB: Final = 20.0


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """One row for each door."""
    return [await _row(door, counts, scale, seed) for door, counts in DOORS.items()]


async def _row(door: str, counts: dict[str, int], scale: float, seed: int) -> Row:
    wanted = {part: max(LEAST, round(count * scale)) for part, count in counts.items()}
    before_mb = rss_mb()
    tallies = await campaign(wanted, seed)
    inputs = sum(tally.inputs for tally in tallies)
    figures: dict[str, int | float | str] = {
        "inputs": inputs,
        **{tally.part.replace(" ", "_"): tally.inputs for tally in tallies},
        "failures": sum(len(tally.failures) for tally in tallies),
        "slowest_ms": round(max(tally.slowest_ms for tally in tallies), 1),
        "grown_mb": round(max(tally.grown_mb for tally in tallies), 1),
        "rss_mb": f"{before_mb:.0f}->{rss_mb():.0f}",
    }
    faults = tuple(fault for tally in tallies for fault in _faults(tally))
    return Row(f"{inputs} hostile inputs over {door}", figures, "0 crashes, 0 hangs, memory flat", faults)


def _faults(tally: Tally) -> Iterator[str]:
    yield from (f"{tally.part}: {failure}" for failure in tally.failures)
    if tally.slowest_ms > SLOWEST_MS:
        yield f"{tally.part}: one input took {tally.slowest_ms:.0f} ms"
    if tally.grown_mb > GROWN_MB:
        yield f"{tally.part}: memory grew by {tally.grown_mb:.1f} MB"
