"""The same for programs, as JSON, and for documents, as Markdown."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from bench.doors.pools import ROWS, Pool, each
from bench.doors.runner import OURS, Judged
from bench.doors.score import Tally
from edgegw import __version__

COLUMNS = (
    ("P", "P", 3),
    ("R", "R", 3),
    ("F1", "F1", 3),
    ("dir", "dir", 3),
    ("stray/h", "stray_per_h", 1),
    ("static/h", "static_per_h", 1),
    ("error p50 s", "error_p50_s", 1),
    ("p95", "error_p95_s", 1),
    ("latency p50 s", "latency_p50_s", 1),
    ("p95", "latency_p95_s", 1),
    ("loads", "loads_whole", 2),
    ("booked", "loads_booked", 2),
)
"""Heading, figure, digits."""


def as_json(found: Sequence[Pool], tracks: Sequence[Judged]) -> str:
    """Everything as JSON, also track by track."""
    content: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "edgegw": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {_processors()} processors",
        "pools": [_pool(pool) for pool in found],
        "tracks": [_pool(pool) for pool in each(tracks)],
    }
    return json.dumps(content, indent=1) + "\n"


def _pool(pool: Pool) -> dict[str, Any]:
    return {
        "title": pool.title,
        "of": [one.track.name for one in pool.tracks],
        "reads": sum(one.reads for one in pool.tracks),
        "unread": pool.unread,
        "reads_per_cpu_s": round(sum(one.reads for one in pool.tracks) / sum(one.cpu_s for one in pool.tracks)),
        "methods": {name: _method(tally) for name, tally in pool.tallies.items()},
    }


def _method(tally: Tally) -> dict[str, Any]:
    counts = {name: getattr(tally, name) for name in ("found", "missed", "right", "false", "stray", "static", "loads")}
    figures = tally.figures().items()
    return counts | {name: None if value is None else round(value, 4) for name, value in figures}


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def as_markdown(found: Sequence[Pool]) -> Iterator[str]:
    """Two tables as Markdown: F1dir of every method, and everything of ours."""
    names = [name for name in ROWS if any(name in pool.tallies for pool in found)]
    yield f"| F1dir | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for pool in found:
        tallies = pool.tallies
        cells = (f"{tallies[name].f1_direction:.3f}" if name in tallies else "-" for name in names)
        yield f"| {pool.title} | {' | '.join(cells)} |"
    yield ""
    yield f"| edgegw | crossings | unread | {' | '.join(heading for heading, _, _ in COLUMNS)} |"
    yield f"|---|---|---|{'---|' * len(COLUMNS)}"
    for pool in found:
        ours = pool.tallies[OURS]
        figures = ours.figures()
        cells = (_text(figures[key], digits) for _, key, digits in COLUMNS)
        yield f"| {pool.title} | {ours.found + ours.missed} | {pool.unread} | {' | '.join(cells)} |"


def _text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
