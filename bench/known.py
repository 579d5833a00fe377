"""Does a read cost more when more units are known? `python -m bench.known`.

Two pipelines, with a thousand and with a million units that have been read at the station before; then the same
reads of the same tags in view, at the door and at the station, round by round in both. The peer of this table is the
small pipeline.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from bench.dock import AT_STATION, BEGIN_T, INSIDE, OUTSIDE, new_pipeline, reads
from bench.rounds import in_turn, median
from bench.table import Row, lines
from edgegw.core.pipeline import Pipeline

FEW, MANY = 1_000, 1_000_000
BATCH = 100
IN_VIEW = 500
ROUND_READS = 5_000
LIMIT = 1.3
LATER_S = 3600.0
STEP_S = 0.02


def rows() -> list[Row]:
    few, many = _knowing(FEW), _knowing(MANY)
    return [
        _row("at a door", lambda pipeline: _in_view(pipeline, (INSIDE, OUTSIDE)), few, many),
        _row("at a station", lambda pipeline: _in_view(pipeline, (AT_STATION,)), few, many),
    ]


def _row(where: str, work: Callable[[Pipeline], Callable[[], float]], few: Pipeline, many: Pipeline) -> Row:
    found = in_turn({FEW: work(few), MANY: work(many)})
    ratio = median(large / small for large, small in zip(found[MANY], found[FEW], strict=True))
    return Row(
        f"a read {where}, {MANY:,} units known, vs {FEW:,}", f"{median(found[MANY]):.0f} ns",
        f"{median(found[FEW]):.0f} ns", ratio, f"<= {LIMIT:g} x", ratio <= LIMIT, tuple(found[MANY]), -1,
    )  # fmt: skip


def _knowing(units: int) -> Pipeline:
    """A pipeline that has read so many units, in a random order."""
    pipeline = new_pipeline()
    tags = random.Random(1).sample(range(units), units)
    for start in range(0, units, BATCH):
        pipeline.tags(reads(tags[start : start + BATCH], AT_STATION, BEGIN_T), BEGIN_T)
        pipeline.take_changes()
    return pipeline


def _in_view(pipeline: Pipeline, antennas: tuple[int, ...]) -> Callable[[], float]:
    """A round: tags in view are read again and again, batch by batch; nanoseconds of CPU a read."""
    t = BEGIN_T + LATER_S
    batches = [
        reads(range(start, start + BATCH), antennas[turn % len(antennas)], 0.0)
        for turn in range(ROUND_READS // IN_VIEW)
        for start in range(0, IN_VIEW, BATCH)
    ]

    def measure() -> float:
        nonlocal t
        fresh = [
            [read._replace(t=t + n * 0.02, reader_t=t + n * 0.02) for read in one] for n, one in enumerate(batches)
        ]
        began_s = time.process_time()
        for batch in fresh:
            t = batch[0].t
            pipeline.tags(batch, t)
            pipeline.take_changes()
        took_s = time.process_time() - began_s
        pipeline.advance(t)
        return took_s / ROUND_READS * 1e9

    return measure


if __name__ == "__main__":
    print("\n".join(lines(rows())))
