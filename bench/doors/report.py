"""What came out, as tables on the screen."""

from __future__ import annotations

from collections.abc import Iterator

from bench.doors.pools import Pool
from bench.doors.runner import OURS

HEAD = (
    f"{'':22}{'P':>6}{'R':>7}{'F1':>7}{'dir':>7}{'F1dir':>7}"
    f"{'stray/h':>9}{'static/h':>9}{'error s':>12}{'latency s':>13}{'loads':>7}"
)
LEGEND = """\
stray/h   false movements per hour that a tag which does not cross then was in view; static/h: of tags that lie there
error     p50 / p95 between the event's time and the middle of the crossing
latency   p50 / p95 from the end of the crossing until the event was emitted
loads     share of loads of two units or more of which exactly the right units were said to cross, the right way"""


def table(pool: Pool) -> Iterator[str]:
    """The lines of one pool."""
    ours = pool.tallies[OURS]
    reads = sum(one.reads for one in pool.tracks)
    yield f"{pool.title}: {reads} reads, {ours.found + ours.missed} crossings ({pool.unread} of tags that nobody read)"
    yield HEAD
    for name, tally in pool.tallies.items():
        yield _row(name, tally.figures())
    if ours.loads:
        yield f"{'':22}{ours.booked} of {ours.loads} loads came as one passage with exactly the right units"


def _row(name: str, figures: dict[str, float | None]) -> str:
    shares = "".join(_text(figures[key], 7, 3) for key in ("P", "R", "F1", "dir", "F1dir"))[1:]
    rates = "".join(_text(figures[key], 9, 1) for key in ("stray_per_h", "static_per_h"))
    error, latency = (
        f"{_text(figures[f'{key}_p50_s'], 0, 1)} / {_text(figures[f'{key}_p95_s'], 0, 1)}"
        for key in ("error", "latency")
    )
    return f"{name:22}{shares}{rates}{error:>12}{latency:>13}{_text(figures['loads_whole'], 7, 2)}"


def _text(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"
