"""The picture: F1 times direction, a line for each track or pool, a mark for each method, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.doors.pools import Pool
from bench.doors.runner import ALONE, BOOSTED, METHODS, OURS
from bench.doors.targets import TARGETS
from edgegw.cli.drawing import Dot, Line, Mark, Shape, Words, svg

WIDTH, LEFT, RIGHT = 900.0, 150.0, 24.0
TOP, ROW, BOTTOM = 96.0, 20.0, 30.0
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
GREY, DARK = "#bbbbbb", "#555555"
COLORS = dict(
    zip(
        (*METHODS, BOOSTED, OURS),
        ("#999999", "#c49a00", "#d1570c", "#7a4fb5", "#5aa9e6", "#1a7f37", "#0b3d91"),
        strict=True,
    )
)


def draw(found: Sequence[Pool]) -> str:
    height = TOP + ROW * len(found) + BOTTOM
    return svg(list(_marks(found, height)), WIDTH, height)


def _marks(found: Sequence[Pool], height: float) -> Iterator[Mark]:
    yield Words((LEFT, 20), "Movements at a dock door: F1 x direction", 16)
    yield from _legend()
    for tick in TICKS:
        yield Line((_x(tick), TOP - ROW / 2), (_x(tick), height - BOTTOM), GREY, 0.5)
        yield Words((_x(tick), height - BOTTOM + 14), f"{tick:g}", 11, DARK, "middle")
    for n, pool in enumerate(found):
        yield from _row(pool, TOP + (n + 0.5) * ROW)


def _legend() -> Iterator[Mark]:
    for n, (name, color) in enumerate(COLORS.items()):
        x, y = LEFT + n % 4 * 180, 44.0 + n // 4 * 18
        yield _mark(name, x, y, color)
        yield Words((x + 12, y), name, 12, DARK)
    yield Line((LEFT + 540, 56), (LEFT + 540, 68), "black", 2)
    yield Words((LEFT + 552, 62), "target", 12, DARK)


def _row(pool: Pool, y: float) -> Iterator[Mark]:
    yield Words((LEFT - 12, y), pool.title, 12, "#222222", "end")
    yield Line((LEFT, y), (WIDTH - RIGHT, y), GREY, 0.5)
    for target in TARGETS:
        if (target.pool, target.method, target.figure) == (pool.title, OURS, "F1dir"):
            yield Line((_x(target.wanted), y - 7), (_x(target.wanted), y + 7), "black", 2)
    tallies = pool.tallies
    for name, color in COLORS.items():
        if name in tallies:
            yield _mark(name, _x(tallies[name].f1_direction), y, color)


def _mark(name: str, x: float, y: float, color: str) -> Mark:
    """Ours stand out: a large dot with votes, a smaller one without; the others are squares."""
    if name in (OURS, ALONE):
        return Dot((x, y), 6.0 if name == OURS else 4.5, color)
    return Shape(((x - 4, y - 4), (x + 4, y - 4), (x + 4, y + 4), (x - 4, y + 4)), color)


def _x(share: float) -> float:
    """Stretched towards 1, where the differences matter: a square."""
    return LEFT + share * share * (WIDTH - LEFT - RIGHT)
