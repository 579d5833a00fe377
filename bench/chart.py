"""The picture: a line for each figure, its verdict as a colour, its ratio to others as a bar, as SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from bench.machine import Machine
from bench.table import Row, cells
from edgegw.cli.drawing import Dot, Line, Mark, Shape, Words, svg

WIDTH, FIGURE, BARS, RIGHT = 1180.0, 560.0, 800.0, 60.0
TOP, ROW, BOTTOM = 84.0, 22.0, 40.0
LEAST, MOST = 0.05, 100.0
TICKS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
GREY, DARK, BLUE = "#cccccc", "#555555", "#0b3d91"
LAMPS = {True: "#1a7f37", False: "#c62828", None: "#999999"}


def draw(rows: Sequence[Row], machine: Machine) -> str:
    height = TOP + ROW * len(rows) + BOTTOM
    return svg(list(_marks(rows, machine, height)), WIDTH, height)


def _marks(rows: Sequence[Row], machine: Machine, height: float) -> Iterator[Mark]:
    yield Words((16, 22), "How fast edgegw is", 16)
    yield Words((16, 44), str(machine), 12, DARK)
    yield Words((BARS, 44), "ratio, the target as a black line", 12, DARK)
    for tick in TICKS:
        yield Line((_x(tick), TOP - ROW / 2), (_x(tick), height - BOTTOM), DARK if tick == 1 else GREY, 0.5)
        yield Words((_x(tick), height - BOTTOM + 14), f"{tick:g}", 11, DARK, "middle")
    for number, row in enumerate(rows):
        yield from _row(row, TOP + number * ROW)


def _row(row: Row, y: float) -> Iterator[Mark]:
    yield Dot((22, y), 5, LAMPS[row.holds])
    yield Words((36, y), row.measure if len(row.measure) <= 84 else f"{row.measure[:81]}...", 12)
    yield Words((FIGURE, y), row.ours, 12)
    if not row.ratio:
        return
    yield _bar(1.0, row.ratio, y)
    ends = [_x(1.0), _x(row.ratio)]
    if wanted := re.fullmatch(r".=\s*([\d.]+) x", row.target):
        ends.append(_x(float(wanted[1])))
        yield Line((ends[-1], y - 8), (ends[-1], y + 8), "black", 2)
    yield Words((max(ends) + 8, y), cells(row)[3], 11, DARK)


def _bar(start: float, end: float, y: float) -> Shape:
    x1, x2 = _x(start), _x(end)
    return Shape(((x1, y - 4), (x2, y - 4), (x2, y + 4), (x1, y + 4)), BLUE)


def _x(ratio: float) -> float:
    share = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return BARS + share * (WIDTH - BARS - RIGHT)
