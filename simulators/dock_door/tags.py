"""A tag on its goods: how well it answers, and where on the load it sits."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from simulators.dock_door.antennas import Vector

Spread = tuple[float, float]

SENSITIVITY_DBM = (-20.0, 0.8)
"""Mean and spread; datasheets: Monza 4 -19.5, Monza R6 -22.1. Fitted to the faintest reads of the EMSE data."""
DRY_GOODS_DB = (2.0, 8.0)
"""Round-trip loss by cartons and what is in them (engineering range)."""
LIQUIDS_DB = (8.0, 16.0)
"""The same for liquids and metal."""


class Tag(NamedTuple):
    """axis: unit vector of its dipole; place: metres from the middle of its load, on the floor; loss_db: round trip."""

    epc: str
    axis: Vector
    place: Vector
    loss_db: float
    sensitivity_dbm: float


def draw_tag(epc: str, rng: random.Random, place: Vector, goods_db: Spread = DRY_GOODS_DB) -> Tag:
    """A tag stuck on in any direction."""
    return Tag(epc, _direction(rng), place, rng.uniform(*goods_db), rng.gauss(*SENSITIVITY_DBM))


def upright_tag(epc: str) -> Tag:
    """A tag as one would wish it: upright on top of dry goods, before the upper antennas."""
    return Tag(epc, (0.0, 0.0, 1.0), (0.0, 0.0, 1.7), DRY_GOODS_DB[0], SENSITIVITY_DBM[0])


def _direction(rng: random.Random) -> Vector:
    """Every direction alike."""
    z, turn = rng.uniform(-1, 1), rng.uniform(0, 2 * math.pi)
    flat = math.sqrt(1 - z * z)
    return flat * math.cos(turn), flat * math.sin(turn), z
