"""What a tag in view and a unit at rest take: `python -m bench.memory`.

Growth of this process's RSS over so many tags, each figure in a process of its own: what has been allocated and freed
before would hide it. In view: each tag is read at a door on both sides, and undecided. At rest: each has crossed the
door and is decided; what is kept is where it is, who it is, and what the door knows about it.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable

import psutil

from bench.dock import BEGIN_T, INSIDE, OUTSIDE, new_pipeline, reads, settle
from bench.rounds import ROUNDS, median
from bench.table import Row, lines
from edgegw.core.model import Movement
from edgegw.core.pipeline import Pipeline

IN_VIEW, READS = 3_000, 8
AT_REST, LOAD = 10_000, 20
IN_VIEW_LIMIT_B, AT_REST_LIMIT_B = 1_200, 250
SHELF_S = 120.0
WALK = ((INSIDE, -60.0, 0.0), (INSIDE, -50.0, 0.3), (OUTSIDE, -50.0, 1.5), (OUTSIDE, -60.0, 1.8))
"""Antenna, RSSI and seconds of each read of a tag that goes out."""


def rows() -> list[Row]:
    return [
        _row(f"RSS per tag in view of a door, {READS} reads each", in_view_bytes, IN_VIEW_LIMIT_B),
        _row("RSS per unit at rest, moved and decided", at_rest_bytes, AT_REST_LIMIT_B),
    ]


def _row(measure: str, grow: Callable[[], float], limit: float) -> Row:
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found = [pool.apply(grow) for _ in range(ROUNDS)]
    value = median(found)
    return Row(measure, f"{value:.0f} B", "", None, f"<= {limit:,} B", value <= limit, tuple(found), -1)


def in_view_bytes() -> float:
    pipeline = new_pipeline()
    pipeline.tags(reads(range(IN_VIEW, IN_VIEW + LOAD), INSIDE, BEGIN_T), BEGIN_T)  # code and tables are loaded
    before = _rss_bytes()
    for number in range(READS):
        t = BEGIN_T + 0.5 * number
        for start in range(0, IN_VIEW, LOAD):
            antenna = INSIDE if number < READS // 2 else OUTSIDE
            pipeline.tags(reads(range(start, start + LOAD), antenna, t), t)
            pipeline.take_changes()
    assert pipeline.units_in_view()["door-1"] >= IN_VIEW
    return (_rss_bytes() - before) / IN_VIEW


def at_rest_bytes() -> float:
    pipeline = new_pipeline()
    t = _move(pipeline, range(AT_REST, AT_REST + LOAD), BEGIN_T)
    before = _rss_bytes()
    for start in range(0, AT_REST, LOAD * 25):
        t = _move(pipeline, range(start, start + LOAD * 25), t)
    settle(pipeline, t + SHELF_S)
    return (_rss_bytes() - before) / AT_REST


def _move(pipeline: Pipeline, tags: range, t: float) -> float:
    """They go out; returns when that is decided."""
    for antenna, rssi_dbm, offset_s in WALK:
        pipeline.tags(reads(tags, antenna, t + offset_s, rssi_dbm), t + offset_s)
        pipeline.take_changes()
    moved = sum(isinstance(decision, Movement) for decision in settle(pipeline, t + 2.0))
    assert moved == len(tags), f"{moved} of {len(tags)} moved"
    return t + 60.0


def _rss_bytes() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    print("\n".join(lines(rows())))
