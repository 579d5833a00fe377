"""What `dock-1/3` means: an antenna of a reader, and the read point that looks through it."""

from __future__ import annotations

from typing import NamedTuple

from edgegw.config.model import Config
from edgegw.core.model import AtStation, DoorSide, ReadPoint

ALL = 0
"""Stands for every antenna of a reader, like LLRP's AntennaID 0."""


class Antenna(NamedTuple):
    """`number` from 1, or ALL."""

    reader: str
    number: int

    def __str__(self) -> str:
        return f"{self.reader}/{self.number}" if self.number else self.reader


def parse_antenna(text: str) -> Antenna:
    """The antenna that a text of the configuration names; the models have checked its form.

    >>> parse_antenna("dock-1/3"), parse_antenna("dock-1")
    (Antenna(reader='dock-1', number=3), Antenna(reader='dock-1', number=0))
    """
    reader, _, number = text.partition("/")
    return Antenna(reader, int(number) if number else ALL)


def parse_input(text: str) -> tuple[str, int]:
    """The reader and the input that a text of the configuration names; the models have checked its form.

    >>> parse_input("dock-1/gpi2")
    ('dock-1', 2)
    """
    reader, _, number = text.partition("/gpi")
    return reader, int(number)


def antenna_map(config: Config) -> dict[tuple[str, int], ReadPoint]:
    """(reader, antenna) -> its read point, for every antenna in use. Antenna 0 stands for all of that reader."""
    points: dict[tuple[str, int], ReadPoint] = {}
    for door in config.doors:
        points |= dict.fromkeys(map(parse_antenna, door.sides.inside), DoorSide(door.name, "inside"))
        points |= dict.fromkeys(map(parse_antenna, door.sides.outside), DoorSide(door.name, "outside"))
    for station in config.stations:
        points |= dict.fromkeys(map(parse_antenna, station.antennas), AtStation(station.name))
    return points
