"""Who is where when, at a dock: straight lines, even speed between two waypoints.

x  metres from the wall with the doors: negative inside, positive outside
y  metres along the wall from the middle of the first door

>>> walk = through("inside", 1.0).later(10.0)
>>> walk.begins_s, walk.ends_s, walk.at(12.0)
(10.0, 16.0, (-1.0, 0.0))
>>> list(walk.crossings())
[Crossing(begin_s=12.6, end_s=13.4, direction='out')]
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from math import copysign, hypot, inf
from typing import Literal, NamedTuple, Self

Side = Literal["inside", "outside"]
Direction = Literal["in", "out"]
Position = tuple[float, float]

REACH_M = 3.0
"""Antennas tilted by 45 degrees lose sight of a tag about here."""
THRESHOLD_M = 0.4
"""What lies so near the wall is on neither side."""
SIGN: dict[Side, float] = {"inside": -1.0, "outside": 1.0}


class Waypoint(NamedTuple):
    at_s: float
    x_m: float
    y_m: float


class Crossing(NamedTuple):
    """From when it steps on the threshold on one side until it steps off on the other."""

    begin_s: float
    end_s: float
    direction: Direction


class Walk(NamedTuple):
    """Waypoints in order of time, at least one. Before the first and after the last: nowhere near."""

    points: tuple[Waypoint, ...]

    @property
    def begins_s(self) -> float:
        return self.points[0].at_s

    @property
    def ends_s(self) -> float:
        return self.points[-1].at_s

    def at(self, moment_s: float) -> Position:
        """The position then; before the begin and after the end, the one at it."""
        points = self.points
        after = bisect_right(points, (moment_s, inf, inf))
        if after == 0:
            return points[0][1:]
        if after == len(points):
            return points[-1][1:]
        (t0, x0, y0), (t1, x1, y1) = points[after - 1], points[after]
        share = (moment_s - t0) / (t1 - t0)
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0)

    def to(self, x_m: float, y_m: float, speed_mps: float) -> Self:
        """And then there."""
        last = self.points[-1]
        seconds = hypot(x_m - last.x_m, y_m - last.y_m) / speed_mps
        return self._and(Waypoint(last.at_s + seconds, x_m, y_m))

    def stay(self, seconds: float) -> Self:
        """And then so long where it is."""
        last = self.points[-1]
        return self._and(last._replace(at_s=last.at_s + seconds))

    def later(self, seconds: float) -> Self:
        return type(self)(tuple(point._replace(at_s=point.at_s + seconds) for point in self.points))

    def beside(self, x_m: float, y_m: float) -> Self:
        """The same walk of something that is carried so far from it."""
        return type(self)(tuple(Waypoint(t, x + x_m, y + y_m) for t, x, y in self.points))

    def crossings(self) -> Iterator[Crossing]:
        """Every time it goes through the wall, which it does in doors only. To step on the threshold is none."""
        side, left_s = copysign(1.0, self.points[0].x_m), self.begins_s
        for moment_s, line in self._steps():
            if line != side:
                yield Crossing(left_s, moment_s, "out" if line > 0 else "in")
            side, left_s = line, moment_s

    def _steps(self) -> Iterator[tuple[float, float]]:
        """When it steps on or off the threshold, and on which side (its sign)."""
        for (t0, x0, _), (t1, x1, _) in pairwise(self.points):
            yield from sorted(
                (t0 + (t1 - t0) * (line * THRESHOLD_M - x0) / (x1 - x0), line)
                for line in (-1.0, 1.0)
                if (x0 < line * THRESHOLD_M) is not (x1 < line * THRESHOLD_M)
            )

    def _and(self, point: Waypoint) -> Self:
        return type(self)((*self.points, point))


def start(x_m: float, y_m: float = 0.0) -> Walk:
    """To go on from with `to` and `stay`."""
    return Walk((Waypoint(0.0, x_m, y_m),))


def through(origin: Side, speed_mps: float, reach_m: float = REACH_M) -> Walk:
    """Straight through the door, from `reach_m` before it to as far beyond."""
    sign = SIGN[origin]
    return start(sign * reach_m).to(-sign * reach_m, 0.0, speed_mps)


def turning_back(origin: Side, speed_mps: float, beyond_m: float = 1.0, reach_m: float = REACH_M) -> Walk:
    """Through the door, `beyond_m` to the other side, and back. Negative: so far before it."""
    sign = SIGN[origin]
    return start(sign * reach_m).to(-sign * beyond_m, 0.0, speed_mps).to(sign * reach_m, 0.0, speed_mps)


def passing_by(side: Side, speed_mps: float, distance_m: float = 2.0, reach_m: float = REACH_M) -> Walk:
    """Along the wall on one side of the door, never through."""
    x_m = SIGN[side] * distance_m
    return start(x_m, -reach_m).to(x_m, reach_m, speed_mps)


def lying(seen_by: Side | Literal["both"], seconds: float) -> Walk:
    """Put down at the post of the doorway, which both sides see, or in front of it on one side."""
    place = (0.0, 0.9) if seen_by == "both" else (SIGN[seen_by] * 2.0, 1.5)
    return start(*place).stay(seconds)
