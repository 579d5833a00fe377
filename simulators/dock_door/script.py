"""Scenario -> acts: every read and scan with its moment, and the movements that must come of it. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from simulators.dock_door import radio, walks
from simulators.dock_door.scenario import (
    DoorHappening,
    DoorSpec,
    Happening,
    LieBeside,
    Load,
    Pass,
    PassBy,
    ScanText,
    ScanUnit,
    Scenario,
    TurnBack,
)
from simulators.dock_door.units import Unit

DECIDED_S = 1.5
"""From the end of a door's silence, or from a scan, until the movement is at a subscriber, with room to spare."""


class TagSeen(NamedTuple):
    """`at_s` counts from the start of the round, as everywhere here."""

    at_s: float
    reader: str
    antenna: int
    epc: bytes
    rssi_dbm: float


class Scanned(NamedTuple):
    at_s: float
    scanner: str
    text: str


class Expected(NamedTuple):
    """A movement. place: door or station; direction: None at a station."""

    unit: str
    place: str
    direction: str | None


class Act(NamedTuple):
    """One happening, worked out. `decided_s`: the gateway has made up its mind and told it.

    moves  the movements that must come of it; none = the gateway must ignore it
    """

    at_s: float
    decided_s: float
    reads: tuple[TagSeen, ...]
    scans: tuple[Scanned, ...]
    moves: tuple[Expected, ...]


def acts(scenario: Scenario, round_number: int = 0) -> list[Act]:
    """One round with units of its own. The same arguments give the same reads, to the decibel."""
    units = {name: Unit.parse(text, round_number) for name, text in scenario.units.items()}
    return [
        _act(scenario, happening, units, f"{scenario.seed}/{round_number}/{number}")
        for number, happening in enumerate(scenario.timeline)
    ]


def expected(scenario: Scenario, round_number: int = 0) -> list[Expected]:
    """Every movement of a round, in the order of the timeline; whatever else appears is wrong."""
    return [move for act in acts(scenario, round_number) for move in act.moves]


def _act(scenario: Scenario, happening: Happening, units: dict[str, Unit], seed: str) -> Act:
    involved = [units[name] for name in happening.units]
    if isinstance(happening, DoorHappening):
        return _at_door(happening, scenario.dock.door(happening.door), involved, seed)
    if isinstance(happening, ScanUnit):
        text = involved[0].label
    else:
        assert isinstance(happening, ScanText)
        text = happening.text
    station = scenario.dock.station_of(happening.scanner)
    return Act(
        happening.at_s,
        happening.at_s + DECIDED_S,
        reads=(),
        scans=(Scanned(happening.at_s, happening.scanner, text),),
        moves=tuple(Expected(unit.key, station, None) for unit in involved if happening.expect == "arrived"),
    )


def _at_door(happening: DoorHappening, door: DoorSpec, units: Sequence[Unit], seed: str) -> Act:
    walk = _walk(happening)
    antennas = radio.at_posts(_numbers(door.inside), "inside") + radio.at_posts(_numbers(door.outside), "outside")
    reads = [
        TagSeen(happening.at_s + after_s, antenna.reader, antenna.number, unit.epc, rssi_dbm)
        for unit in units
        for after_s, antenna, rssi_dbm in radio.sightings(walk, antennas, random.Random(f"{seed}/{unit.key}"))
    ]
    return Act(
        happening.at_s,
        happening.at_s + walk.seconds + door.quiet_s + DECIDED_S,
        reads=tuple(sorted(reads)),
        scans=(),
        moves=tuple(Expected(unit.key, door.name, happening.expect) for unit in units if happening.expect != "ignored"),
    )


def _walk(happening: DoorHappening) -> walks.Walk:
    match happening:
        case Pass() | Load():
            return walks.through("inside" if happening.direction == "out" else "outside", happening.speed_mps)
        case TurnBack():
            return walks.turning_back(happening.side, happening.speed_mps)
        case PassBy():
            return walks.passing_by(happening.side, happening.speed_mps)
        case LieBeside():
            return walks.lying(happening.seen_by, happening.seconds)
        case _:
            raise AssertionError(happening)


def _numbers(antennas: Sequence[str]) -> list[tuple[str, int]]:
    return [(reader, int(number)) for reader, _, number in (antenna.rpartition("/") for antenna in antennas)]
