"""Panel antennas at a dock door: where they hang and which way they look.

Each side of a door has its antennas, in turn on the left post at 1 m and on the right post at 2 m, turned by 45
degrees away from the wall, towards the lane (the EMSE recording's header: antTilt 45_45). Doors stand 12 ft apart,
as dock door makers recommend (bluegiant.com, sercodockproducts.com).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from simulators.dock_door.walks import SIGN, Side

POST_M = 1.5
"""From the middle of a door to its posts."""
HEIGHTS_M = (1.0, 2.0)
FROM_WALL_M = 0.2
TILT = math.radians(45)
DOOR_SPACING_M = 3.66

GAIN_DBI = 5.5
"""What a linear tag gets of a circular panel antenna of 8.5 dBic (catalogue value)."""
HALF_POWER_BEAM_DEG = 70.0
"""Catalogue values are 68 to 75 degrees."""
FRONT_TO_BACK_DB = 12.0
"""In a hall; the catalogue says 18 or more. Fitted to the share of reads made by the wrong side in the EMSE data."""

Vector = tuple[float, float, float]


class Antenna(NamedTuple):
    """`number` from 1, as LLRP counts; `aim` is a unit vector."""

    reader: str
    number: int
    side: Side
    place: Vector
    aim: Vector


def at_posts(names: Sequence[tuple[str, int]], side: Side, door_y_m: float = 0.0) -> list[Antenna]:
    """The antennas of one side of a door, by reader and number."""
    return [_at_post(name, side, door_y_m, right=bool(n % 2)) for n, name in enumerate(names)]


def _at_post(name: tuple[str, int], side: Side, door_y_m: float, *, right: bool) -> Antenna:
    away, lane = SIGN[side], -1.0 if right else 1.0
    place = (away * FROM_WALL_M, door_y_m - lane * POST_M, HEIGHTS_M[right])
    return Antenna(*name, side, place, (away * math.sin(TILT), lane * math.cos(TILT), 0.0))


def gain_dbi(cosine: float) -> float:
    """Gain at an angle from where the antenna looks: a parabola in dB, down to its back (3GPP TR 36.814, A.2.1.1).

    >>> gain_dbi(1.0), round(gain_dbi(math.cos(math.radians(35))), 1), gain_dbi(-1.0)
    (5.5, 2.5, -6.5)
    """
    off_deg = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
    return GAIN_DBI - min(12.0 * (off_deg / HALF_POWER_BEAM_DEG) ** 2, FRONT_TO_BACK_DB)
