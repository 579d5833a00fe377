"""The dock as the configuration describes it: which antenna, input and scanner means what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edgegw.core.door import DoorSettings
from edgegw.core.identity import RawPolicy, ScanRules
from edgegw.core.model import AtStation, DoorSide, Port, ReadPoint, Side

ALL_ANTENNAS = 0


@dataclass(frozen=True, slots=True)
class StationSettings:
    """A place where a read means: the unit is here now.

    within   the side of doors, by its name, on which the station lies; None = nobody said, and no door guesses
    """

    name: str
    location: str | None = None
    repeat_s: float = 10.0
    within: str | None = None


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """Where a scanner stands and how its scans are read."""

    name: str
    station: str
    rules: ScanRules = field(default_factory=ScanRules)


class PhotoEye(NamedTuple):
    """A reader's input: the beam on one side of a door. high: the level while something interrupts it."""

    door: str
    side: Side
    high: bool = True


@dataclass(frozen=True, slots=True)
class Dock:
    """Everything the pipeline must know of the configuration.

    antennas maps (reader, antenna) to its read point; antenna 0 stands for all antennas of that reader.
    photo_eyes maps (reader, input) to what is wired there.
    raw and strip_leading_zeros as in `Identifier`.
    """

    doors: tuple[DoorSettings, ...]
    stations: tuple[StationSettings, ...]
    scanners: tuple[ScannerSettings, ...]
    antennas: Mapping[tuple[str, int], ReadPoint]
    photo_eyes: Mapping[tuple[str, int], PhotoEye] = field(default_factory=dict)
    raw: RawPolicy = "forward"
    strip_leading_zeros: tuple[str, ...] = ()

    def devices(self) -> tuple[str, ...]:
        """Readers and scanners, in order of name."""
        readers = {reader for reader, _ in (*self.antennas, *self.photo_eyes)}
        return tuple(sorted(readers | {scanner.name for scanner in self.scanners}))

    def readers_of(self, door: str) -> tuple[str, ...]:
        """Readers whose antennas or inputs look at a door."""
        found = {reader for (reader, _), point in self.antennas.items() if _is_at(point, door)}
        found |= {reader for (reader, _), eye in self.photo_eyes.items() if eye.door == door}
        return tuple(sorted(found))

    def antennas_of(self, side: DoorSide) -> tuple[Port, ...]:
        """With the reader itself where all of its antennas are meant."""
        return tuple(Port(*antenna) for antenna, point in self.antennas.items() if point == side)

    def photo_eyes_of(self, side: DoorSide) -> tuple[Port, ...]:
        eyes = self.photo_eyes.items()
        return tuple(Port(reader, 0, number) for (reader, number), eye in eyes if (eye.door, eye.side) == side)

    def has(self, port: Port) -> bool:
        """Whether anything depends on this port."""
        return bool(self.doors_at(port) or self.stations_at(port))

    def doors_at(self, port: Port) -> tuple[str, ...]:
        """Doors that miss something when this port fails."""
        found = {point.door for point in self._points_at(port) if isinstance(point, DoorSide)}
        found |= {
            eye.door
            for (reader, number), eye in self.photo_eyes.items()
            if reader == port.device and not port.antenna and port.input in (0, number)
        }
        return tuple(sorted(found))

    def stations_at(self, port: Port) -> tuple[str, ...]:
        """Stations that miss something when this port fails."""
        found = {point.station for point in self._points_at(port) if isinstance(point, AtStation)}
        found |= {scanner.station for scanner in self.scanners if scanner.name == port.device}
        return tuple(sorted(found))

    def _points_at(self, port: Port) -> list[ReadPoint]:
        if port.input:
            return []
        return [
            point
            for (reader, antenna), point in self.antennas.items()
            if reader == port.device and (port.antenna in (0, antenna) or antenna == ALL_ANTENNAS)
        ]


def _is_at(point: ReadPoint, door: str) -> bool:
    return isinstance(point, DoorSide) and point.door == door
