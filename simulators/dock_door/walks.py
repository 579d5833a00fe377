"""Who is where when, at a door: straight lines, even speed.

x  metres from the door's plane: negative inside, positive outside
y  metres from the door's middle, along the wall
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

Side = Literal["inside", "outside"]
Position = tuple[float, float]

REACH_M = 3.0
"""Antennas tilted by 45 degrees lose sight of a tag about here."""
_SIGN: dict[Side, float] = {"inside": -1.0, "outside": 1.0}


class Walk(NamedTuple):
    """`at(s)` is the position s seconds after the start, for `seconds`."""

    seconds: float
    at: Callable[[float], Position]


def through(origin: Side, speed_mps: float) -> Walk:
    """Straight through the door, from beyond reach on one side to beyond reach on the other."""
    sign = _SIGN[origin]
    return Walk(2 * REACH_M / speed_mps, lambda s: (sign * (REACH_M - speed_mps * s), 0.0))


def turning_back(origin: Side, speed_mps: float, beyond_m: float = 1.0) -> Walk:
    """Through the door, `beyond_m` to the other side, and back."""
    turn_s = (REACH_M + beyond_m) / speed_mps
    sign = _SIGN[origin]
    return Walk(2 * turn_s, lambda s: (sign * (speed_mps * abs(s - turn_s) - beyond_m), 0.0))


def passing_by(side: Side, speed_mps: float, distance_m: float = 2.0) -> Walk:
    """Along the wall on one side of the door, never through."""
    return Walk(2 * REACH_M / speed_mps, lambda s: (_SIGN[side] * distance_m, speed_mps * s - REACH_M))


def lying(seen_by: Side | Literal["both"], seconds: float) -> Walk:
    """Put down beside the door frame, which both sides see, or in front of it on one side."""
    place = (0.0, 2.2) if seen_by == "both" else (_SIGN[seen_by] * 2.0, 1.5)
    return Walk(seconds, lambda _s: place)
