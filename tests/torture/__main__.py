"""All faults, one table.

    python -m tests.torture [--seed 1] [--scale 1.0] [--only kills,power-cuts]

`--scale 0.1` does a tenth of the rounds. Ends with 1 if a contract was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import tempfile
from pathlib import Path
from time import monotonic

from tests.torture.table import Row, lines

FAULTS = ("kills", "both_killed", "power_cuts", "broker_faults", "backlog", "full_disk", "clocks", "clones", "fuzzing")
"""A module of this package each, with `async def rows(folder, scale, seed) -> list[Row]`."""


async def _rows(name: str, scale: float, seed: int) -> list[Row]:
    module = importlib.import_module(f"tests.torture.{name}")
    with tempfile.TemporaryDirectory(prefix=f"torture-{name}-") as folder:
        found: list[Row] = await module.rows(Path(folder), scale, seed)
        return found


def main() -> int:
    """Print each fault's lines as soon as they are known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", type=lambda text: tuple(text.replace("-", "_").split(",")), default=FAULTS)
    asked = parser.parse_args()
    held = True
    for name in asked.only:
        started = monotonic()
        rows = asyncio.run(_rows(name, asked.scale, asked.seed))
        held = held and all(row.holds for row in rows)
        print(*lines(rows), f"       {name}: {monotonic() - started:.0f} s", sep="\n", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
