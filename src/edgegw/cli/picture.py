"""The picture of a pass: what both sides of the door heard over time, the decision, and what the neighbours did.

One panel for each decision of a door, the newest at the bottom. Above: RSSI, a dot for the inside and a square for the
outside, larger where more reads came together; a line at the moment that was decided on, a dashed one when it was told.
Below: a mark for each other unit that the door decided about at that time: up = out, down = in, a dot = not moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from edgegw.cli.drawing import CannotDraw, Dot, Line, Mark, Point, Shape, Words, png, svg
from edgegw.cli.reasons import counted, moment, verdict
from edgegw.cli.told import Told
from edgegw.core.model import Heard, Movement, Passed
from edgegw.core.packed import Logged, log_key

WIDTH, HEIGHT = 900.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 20.0, 64.0, 92.0
MOST_PANELS = 6
COLORS = {"inside": "#0b6ba8", "outside": "#d1570c"}
MOVED, NOT_MOVED, GREY = "#1a7f37", "#777777", "#bbbbbb"
STEPS_S = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
STEP_DB = 10
MARGIN_S = 0.5


class Axes(NamedTuple):
    """From time and dBm to the place on the paper."""

    from_t: float
    to_t: float
    low_dbm: float
    high_dbm: float
    top: float

    @property
    def bottom(self) -> float:
        return self.top + HEIGHT - TOP - BOTTOM

    def x(self, t: float) -> float:
        return LEFT + (t - self.from_t) / (self.to_t - self.from_t) * (WIDTH - LEFT - RIGHT)

    def y(self, dbm: float) -> float:
        return self.bottom - (dbm - self.low_dbm) / (self.high_dbm - self.low_dbm) * (self.bottom - self.top)


def draw(file: Path, told: Sequence[tuple[Told, list[Logged]]]) -> None:
    """Write the picture of decisions, each with what was decided around it. Raises CannotDraw."""
    seen = [(one.decision, around) for one, around in told if _heard(one.decision)][-MOST_PANELS:]
    if not seen:
        raise CannotDraw("nothing to draw: no door has decided about it")
    marks = [mark for n, (decision, around) in enumerate(seen) for mark in _panel(decision, around, n * HEIGHT)]
    width, height = WIDTH, HEIGHT * len(seen)
    match file.suffix.lower():
        case ".svg":
            content = svg(marks, width, height).encode()
        case ".png":
            content = png(marks, width, height)
        case _:
            raise CannotDraw(f"{file}: a picture's name ends in .svg or .png")
    try:
        file.write_bytes(content)
    except OSError as error:
        raise CannotDraw(f"{file} cannot be written: {error.strerror}") from None


def _heard(decision: Logged) -> tuple[Heard, ...]:
    return decision.why.heard if isinstance(decision, Movement | Passed) and decision.why else ()


def _panel(decision: Logged, around: Sequence[Logged], top: float) -> Iterator[Mark]:
    assert isinstance(decision, Movement | Passed)
    heard = _heard(decision)
    axes = _axes(decision, heard, top + TOP)
    yield Words((LEFT, top + 20), f"{moment(decision.t)}  {decision.door}: {verdict(decision)}", 16)
    yield Words((LEFT, top + 42), log_key(decision), 11, NOT_MOVED)
    yield from _legend(heard, top + 42)
    yield from _grid(axes)
    yield from _moments(decision, axes)
    for one in heard:
        yield _blip(one, axes)
    yield from _neighbours(around, axes)


def _axes(decision: Movement | Passed, heard: Sequence[Heard], top: float) -> Axes:
    times = [*(one.t for one in heard), decision.t, decision.decided_t]
    levels = [one.peak_rssi_dbm for one in heard if one.peak_rssi_dbm is not None] or [-60.0]
    low_dbm = math.floor((min(levels) - 2) / STEP_DB) * STEP_DB
    high_dbm = math.ceil((max(levels) + 2) / STEP_DB) * STEP_DB
    return Axes(min(times) - MARGIN_S, max(times) + MARGIN_S, low_dbm, high_dbm, top)


def _legend(heard: Sequence[Heard], y: float) -> Iterator[Mark]:
    for side, x in (("inside", WIDTH - RIGHT - 130), ("outside", WIDTH - RIGHT)):
        reads = sum(one.reads for one in heard if one.side == side)
        yield Words((x, y), f"{side}: {counted(reads, 'read')}", 12, COLORS[side], "end")
        yield _symbol(side, (x - 106, y), 4.5)


def _grid(axes: Axes) -> Iterator[Mark]:
    for dbm in range(int(axes.low_dbm), int(axes.high_dbm) + 1, STEP_DB):
        yield Line((LEFT, axes.y(dbm)), (WIDTH - RIGHT, axes.y(dbm)), GREY, 0.5)
        yield Words((LEFT - 8, axes.y(dbm)), f"{dbm}", 11, NOT_MOVED, "end")
    yield Words((LEFT - 8, axes.top - 12), "dBm", 11, NOT_MOVED, "end")
    step_s = next((step for step in STEPS_S if (axes.to_t - axes.from_t) / step <= 9), STEPS_S[-1])
    for n in range(math.ceil(axes.from_t / step_s), math.floor(axes.to_t / step_s) + 1):
        x = axes.x(n * step_s)
        yield Line((x, axes.bottom), (x, axes.bottom + 4), NOT_MOVED)
        yield Words((x, axes.bottom + 14), _tick(n * step_s, step_s), 11, NOT_MOVED, "middle")
    yield Line((LEFT, axes.bottom), (WIDTH - RIGHT, axes.bottom), NOT_MOVED)


def _tick(t: float, step_s: float) -> str:
    moment = datetime.fromtimestamp(t).astimezone()
    return moment.strftime("%H:%M:%S") + (f".{moment.microsecond // 100_000}" if step_s < 1 else "")


def _moments(decision: Movement | Passed, axes: Axes) -> Iterator[Mark]:
    """When it moved, and when that was decided."""
    moved = isinstance(decision, Movement)
    if isinstance(decision, Movement):
        yield from _moment(decision.t, f"moved {decision.direction}", MOVED, axes)
    yield from _moment(decision.decided_t, "decided", MOVED if moved else NOT_MOVED, axes, dashed=True)


def _moment(t: float, label: str, color: str, axes: Axes, dashed: bool = False) -> Iterator[Mark]:
    x = axes.x(t)
    yield Line((x, axes.top), (x, axes.bottom), color, 1.0 if dashed else 2.0, dashed)
    if x > WIDTH / 2:
        yield Words((x - 5, axes.top + 8), label, 11, color, "end")
    else:
        yield Words((x + 5, axes.top + 8), label, 11, color)


def _blip(one: Heard, axes: Axes) -> Mark:
    """Reads without RSSI stand on the floor."""
    dbm = axes.low_dbm if one.peak_rssi_dbm is None else one.peak_rssi_dbm
    return _symbol(one.side, (axes.x(one.t), axes.y(dbm)), 3.5 + min(4.0, math.log2(one.reads)))


def _symbol(side: str, at: Point, radius: float) -> Mark:
    if side == "inside":
        return Dot(at, radius, COLORS[side])
    (x, y), r = at, radius * 0.9
    return Shape(((x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)), COLORS[side])


def _neighbours(around: Sequence[Logged], axes: Axes) -> Iterator[Mark]:
    """A mark for each other unit, the strip below the picture."""
    y = axes.bottom + 38
    inside = [one for one in around if axes.from_t <= one.t <= axes.to_t and isinstance(one, Movement | Passed)]
    moved = [one.direction for one in inside if isinstance(one, Movement)]
    counts = f"{moved.count('out')} out (up), {moved.count('in')} in (down), {len(inside) - len(moved)} not moved (dot)"
    yield Words((LEFT, y + 24), f"other units at this door meanwhile: {counts}", 11, NOT_MOVED)
    for one in inside:
        yield _vote(one, (axes.x(one.t), y))


def _vote(other: Movement | Passed, at: Point) -> Mark:
    if isinstance(other, Passed):
        return Dot(at, 2.5, NOT_MOVED)
    (x, y), tip = at, -6 if other.direction == "out" else 6
    return Shape(((x - 4, y - tip / 2), (x + 4, y - tip / 2), (x, y + tip / 2 + tip / 3)), MOVED)
