"""What doors should reach, and whether they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.doors.pools import ALL_SCENES, THIRTEEN_SCENES, Pool
from bench.doors.recorded import OTHER_SITES
from bench.doors.runner import ALONE, OURS


class Target(NamedTuple):
    """What a pool should reach. `sign` 1: at least, -1: at most."""

    pool: str
    method: str
    figure: str
    wanted: float
    sign: int = 1


TARGETS = (
    Target("EMSE", OURS, "F1dir", 0.985),
    Target("EMSE", ALONE, "F1dir", 0.90),
    Target("EMSE", OURS, "stray_per_h", 1.0, -1),
    Target("EMSE", OURS, "latency_p95_s", 5.0, -1),
    Target("EMSE hard", OURS, "F1dir", 0.93),
    Target("EMSE other day", OURS, "F1dir", 0.96),
    Target("Alfian gate", OURS, "F1", 0.94),
    Target("Alfian gate", OURS, "dir", 0.995),
    Target("Alfian gate", OURS, "stray_per_h", 1.0, -1),
    Target("Alfian gate", OURS, "latency_p95_s", 5.0, -1),
    Target(THIRTEEN_SCENES, OURS, "F1", 0.96),
    Target(THIRTEEN_SCENES, OURS, "stray_per_h", 1.0, -1),
    Target(THIRTEEN_SCENES, OURS, "static_per_h", 1.0, -1),
    Target(THIRTEEN_SCENES, OURS, "latency_p95_s", 5.0, -1),
    Target(ALL_SCENES, OURS, "F1", 0.96),
    Target(OTHER_SITES, OURS, "F1", 0.88),
)


def missed_and_met(found: Sequence[Pool]) -> Iterator[str]:
    """A line for each target whose tracks are there."""
    by_title = {pool.title: pool.tallies for pool in found}
    for target in TARGETS:
        if target.pool in by_title:
            value = by_title[target.pool][target.method].figures()[target.figure]
            if value is not None:
                verdict = "met" if (value - target.wanted) * target.sign >= 0 else "MISSED"
                bound = f"{'>=' if target.sign > 0 else '<='} {target.wanted:g}"
                yield f"{target.pool:16}{target.method:20}{target.figure:14}{bound:>9}{value:9.3f}  {verdict}"
