"""What a tag and an antenna get of each other: link budget over a direct path, the floor and fixed scatterers.

All paths are summed as waves, so that a tag on its way fades in and out, and differently on every channel. Round
trip = twice one way (the same paths there and back).

    one way = power - cable + antenna + tag - path - implementation - goods/2 + fading
    RSSI    = power - cable + 2 * (one way - (power - cable)) - MODULATION_DB

A tag answers when what it gets, one way, reaches its sensitivity.
"""

from __future__ import annotations

import cmath
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from simulators.dock_door.antennas import Antenna, Vector, gain_dbi

POWER_DBM = 30.0
"""EMSE recording's header."""
CABLE_DB = 1.0
TAG_GAIN_DBI = 2.15
"""A half-wave dipole."""
DIPOLE_FLOOR_DB = -16.0
"""What is left of it in line with its axis (Nikitin & Rao: no real tag has a perfect null)."""
LOSS_1M_DB = 31.7
"""Free space, one metre, 915 MHz."""
EXPONENT = 1.5
"""Path loss with distance, as far as single paths go; measured in rooms 1.1 to 2.0."""
IMPLEMENTATION_DB = 13.0
"""Polarisation, mismatch, everything else, each way; fitted so that a tag a metre in front has -51 dBm."""
MODULATION_DB = 6.0
"""What the tag's answer is weaker than the wave it reflects."""
FLOOR_REFLECTION = 0.45
SCATTERERS = 10
SCATTERING = 0.5
SCATTERED_M = (5.0, 4.0)
"""How many for a door, their amplitude relative to a direct path as long, and how far from the door they stand, across
and along the wall. Fitted, with the floor, to what EMSE's readers saw of tags that lie, and from which side.
"""
SCATTERED_HIGH_M = (0.5, 4.0)
WALL_DB = 15.0
"""Concrete, or steel panels with their gaps, each way (assumed)."""
DOORWAY_M = 2.74
"""9 ft (bluegiant.com)."""
BODIES_DB = 2.0
"""With the noise of one read it makes the 1.3 to 1.8 dB by which tags wander that lie in the EMSE data."""
NEAREST_M = 0.3

EMITTED_DBM = POWER_DBM - CABLE_DB
LIGHT_M_PER_US = 299.792458


class Room(NamedTuple):
    """Where racks, lorries and pillars stand that scatter, the middles of the open doors, and how busy it is.

    doors_m    None = there is no wall
    bodies_db  people and goods that come and go make a signal wander by so much, round trip; 0 = nobody is there
    """

    scatterers: tuple[Vector, ...]
    doors_m: tuple[float, ...] | None
    bodies_db: float = BODIES_DB

    def through_wall_db(self, one: Vector, other: Vector) -> float:
        """What the wall takes of a wave between two places."""
        (x0, y0, _), (x1, y1, _) = one, other
        if self.doors_m is None or (x0 < 0) is (x1 < 0):
            return 0.0
        y = y0 + (y1 - y0) * x0 / (x0 - x1)
        return 0.0 if any(abs(y - door_m) <= DOORWAY_M / 2 for door_m in self.doors_m) else WALL_DB


def draw_room(rng: random.Random, doors_m: Sequence[float], *, wall: bool = True) -> Room:
    """A dock with these open doors."""
    across, along = SCATTERED_M
    least, most = min(doors_m), max(doors_m)
    count = round(SCATTERERS * (1 + (most - least) / (2 * along)))
    places = [
        (rng.uniform(-across, across), rng.uniform(least - along, most + along), rng.uniform(*SCATTERED_HIGH_M))
        for _ in range(count)
    ]
    return Room(tuple(places), tuple(doors_m) if wall else None)


class View:
    """One antenna in its room."""

    def __init__(self, antenna: Antenna, room: Room) -> None:
        self.antenna = antenna
        self.room = room
        self._scattered = [self._lit(scatterer) for scatterer in room.scatterers]

    def _lit(self, scatterer: Vector) -> tuple[Vector, float, float]:
        """A scatterer, how far it is, and how much of the antenna's wave goes on from it."""
        distance_m, cosine = _sight(self.antenna, scatterer)
        wall_db = self.room.through_wall_db(self.antenna.place, scatterer)
        return scatterer, distance_m, SCATTERING * _amplitude(gain_dbi(cosine) - wall_db)

    def one_way(self, place: Vector, axis: Vector, frequency_mhz: float) -> complex:
        """Amplitude and phase that a tag there gets, relative to a metre of free space between isotropic antennas."""
        turn_per_m = 2 * math.pi * frequency_mhz / LIGHT_M_PER_US
        x, y, z = place
        wave = self._straight(place, axis, turn_per_m)
        wave -= FLOOR_REFLECTION * self._straight((x, y, -z), axis, turn_per_m)
        for scatterer, lit_m, lit in self._scattered:
            path_m = lit_m + math.dist(place, scatterer)
            amplitude = lit * _amplitude(-self.room.through_wall_db(scatterer, place))
            wave += cmath.rect(amplitude * path_m ** (-EXPONENT / 2), -turn_per_m * path_m)
        return wave

    def _straight(self, place: Vector, axis: Vector, turn_per_m: float) -> complex:
        distance_m, cosine = _sight(self.antenna, place)
        along = sum(a * (p - q) for a, p, q in zip(axis, place, self.antenna.place, strict=True)) / distance_m
        wall_db = self.room.through_wall_db(self.antenna.place, place)
        amplitude = _amplitude(gain_dbi(cosine) + _dipole_db(along) - wall_db) * distance_m ** (-EXPONENT / 2)
        return cmath.rect(amplitude, -turn_per_m * distance_m)


def received_dbm(wave: complex, goods_db: float = 0.0) -> float:
    """Power that a tag gets."""
    lost_db = LOSS_1M_DB + IMPLEMENTATION_DB + goods_db / 2
    return EMITTED_DBM + TAG_GAIN_DBI - lost_db + 20 * math.log10(max(abs(wave), 1e-6))


def rssi_dbm(received: float) -> float:
    """What the reader measures of a tag that gets so much.

    >>> ahead = _amplitude(gain_dbi(1.0)) + 0j
    >>> round(rssi_dbm(received_dbm(ahead)))
    -51
    """
    return 2 * received - EMITTED_DBM - MODULATION_DB


def _sight(antenna: Antenna, place: Vector) -> tuple[float, float]:
    """Distance, and the cosine of the angle from where the antenna looks."""
    distance_m = max(NEAREST_M, math.dist(antenna.place, place))
    return distance_m, sum(a * (p - q) for a, p, q in zip(antenna.aim, place, antenna.place, strict=True)) / distance_m


def _dipole_db(along: float) -> float:
    """Sine of the angle to the axis, in dB."""
    return max(DIPOLE_FLOOR_DB, 10 * math.log10(max(1e-6, 1 - along * along)))


def _amplitude(db: float) -> float:
    return float(10 ** (db / 20))
