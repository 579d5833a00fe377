"""A walk -> what each antenna reads of it. Plain on purpose: distance, direction and noise decide.

So a pass at a metre a second has about 45 reads around -72 dBm, and within a second of the crossing three of four
are made by the side where the tag is, as measured at real doors. Nothing fades, and goods shade nothing.

Two antennas a side stand on the posts of the door and look away from it. Numbers are from public measurements:

    SLOPE_DB     -21.7 dB a decade of distance, round trip (tags in a room)
    AT_1M_DBM    -51 dBm a metre in front of an antenna (30 dBm, 8.5 dBic), less 12 dB for goods around the tag
    FRONT_BACK   12 dB between the front and the back of a panel antenna
    NOISE_DB     1.4 dB, as tags that lie still have over the four channels of a European reader
    FLOOR_DBM    a tag that answers weaker is not heard
    RATE_HZ      reads a second and antenna of one tag among a few (session 0; alone it would be 6 in turns of four)
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulators.dock_door.walks import Position, Side, Walk

AT_1M_DBM = -63.0
SLOPE_DB = 21.7
FRONT_BACK_DB = 12.0
NOISE_DB = 1.4
FLOOR_DBM = -74.0
RATE_HZ = 4.0
POST_M = 1.5


class Antenna(NamedTuple):
    """`y_m` is where it stands along the wall; it looks to `side`."""

    reader: str
    number: int
    side: Side
    y_m: float


class Sighting(NamedTuple):
    """One read, `after_s` from the start of the walk."""

    after_s: float
    antenna: Antenna
    rssi_dbm: float


def at_posts(names: Sequence[tuple[str, int]], side: Side) -> list[Antenna]:
    """Antennas of one side, in turn on the left and the right post."""
    return [Antenna(reader, number, side, POST_M if n % 2 else -POST_M) for n, (reader, number) in enumerate(names)]


def sightings(walk: Walk, antennas: Sequence[Antenna], rng: random.Random) -> list[Sighting]:
    """Everything that the antennas read of a tag on its walk, in order of time."""
    return sorted(sighting for antenna in antennas for sighting in _seen_by(antenna, walk, rng))


def _seen_by(antenna: Antenna, walk: Walk, rng: random.Random) -> Iterator[Sighting]:
    after_s = rng.uniform(0, 1 / RATE_HZ)
    while after_s < walk.seconds:
        rssi_dbm = mean_dbm(antenna, walk.at(after_s)) + rng.gauss(0, NOISE_DB)
        if rssi_dbm >= FLOOR_DBM:
            yield Sighting(after_s, antenna, round(rssi_dbm, 1))
        after_s += rng.uniform(0.8, 1.2) / RATE_HZ


def mean_dbm(antenna: Antenna, position: Position) -> float:
    """Peak RSSI without noise of a tag at `position`.

    >>> right_before = mean_dbm(Antenna("r", 1, "inside", 0.0), (-1.0, 0.0))
    >>> right_behind = mean_dbm(Antenna("r", 1, "inside", 0.0), (1.0, 0.0))
    >>> right_before, right_behind
    (-63.0, -75.0)
    """
    x, y = position
    distance_m = max(0.3, math.hypot(x, y - antenna.y_m))
    ahead = (x if antenna.side == "outside" else -x) / distance_m
    return AT_1M_DBM - SLOPE_DB * math.log10(distance_m) - FRONT_BACK_DB * (1 - ahead) / 2
