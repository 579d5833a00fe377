"""Docks to record at, and their antennas in the room."""

from __future__ import annotations

from collections import defaultdict

from simulators.dock_door.antennas import DOOR_SPACING_M, Antenna, at_posts
from simulators.dock_door.radio import Room, View
from simulators.dock_door.scenario import Dock, DoorSpec, ReaderSpec


def one_door() -> Dock:
    """One reader with two antennas a side."""
    return row_of_doors(1)


def row_of_doors(count: int) -> Dock:
    """Doors side by side, each with a reader of its own."""
    numbers = range(1, count + 1)
    return Dock(
        readers=tuple(ReaderSpec(name=f"dock-{n}", antennas=4) for n in numbers),
        doors=tuple(
            DoorSpec(name=f"door-{n}", inside=(f"dock-{n}/1", f"dock-{n}/2"), outside=(f"dock-{n}/3", f"dock-{n}/4"))
            for n in numbers
        ),
    )


def two_readers() -> Dock:
    """One door with a reader on each side."""
    return Dock(
        readers=(ReaderSpec(name="dock-1", antennas=2), ReaderSpec(name="dock-2", antennas=2)),
        doors=(DoorSpec(name="door-1", inside=("dock-1/1", "dock-1/2"), outside=("dock-2/1", "dock-2/2")),),
    )


def views(dock: Dock, room: Room) -> dict[str, list[View]]:
    """Each reader's antennas, in the order of their numbers."""
    of_reader: defaultdict[str, list[View]] = defaultdict(list)
    for antenna in sorted(antennas(dock)):
        of_reader[antenna.reader].append(View(antenna, room))
    return dict(of_reader)


def middles_m(dock: Dock) -> list[float]:
    """Where its doors are along the wall."""
    return [n * DOOR_SPACING_M for n in range(len(dock.doors))]


def antennas(dock: Dock) -> list[Antenna]:
    """Those of all doors."""
    return [
        antenna
        for door, middle_m in zip(dock.doors, middles_m(dock), strict=True)
        for antenna in (
            *at_posts(_numbers(door.inside), "inside", middle_m),
            *at_posts(_numbers(door.outside), "outside", middle_m),
        )
    ]


def _numbers(names: tuple[str, ...]) -> list[tuple[str, int]]:
    return [(reader, int(number)) for reader, _, number in (name.rpartition("/") for name in names)]
