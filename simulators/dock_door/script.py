"""Scenario -> acts: every read and scan with its moment, and the movements that must come of it. Pure."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import NamedTuple

from simulators.dock_door import site, walks
from simulators.dock_door.inventory import Air, Answer, Trip, inventory
from simulators.dock_door.radio import Room
from simulators.dock_door.scenario import (
    Dock,
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
from simulators.dock_door.tags import upright_tag
from simulators.dock_door.units import Unit

DECIDED_S = 1.5
"""From the end of a door's silence, or from a scan, until the movement is at a subscriber, with room to spare."""

AIR = Air(session=0)
"""As the gateway sets its readers by default."""


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
    trips = {
        trip: number
        for number, happening in enumerate(scenario.timeline)
        if isinstance(happening, DoorHappening)
        for trip in _trips(happening, [units[name] for name in happening.units], scenario.dock)
    }
    reads: defaultdict[int, list[TagSeen]] = defaultdict(list)
    room = Room((), tuple(site.middles_m(scenario.dock)), bodies_db=0.0)
    rng = random.Random(f"{scenario.seed}/{round_number}")
    for answer in inventory(site.views(scenario.dock, room), trips, AIR, rng):
        reads[trips[answer.trip]].append(_seen(answer))
    return [
        _act(scenario, happening, [units[name] for name in happening.units], tuple(reads[number]))
        for number, happening in enumerate(scenario.timeline)
    ]


def expected(scenario: Scenario, round_number: int = 0) -> list[Expected]:
    """Every movement of a round, in the order of the timeline; whatever else appears is wrong."""
    return [move for act in acts(scenario, round_number) for move in act.moves]


def _act(scenario: Scenario, happening: Happening, involved: list[Unit], reads: tuple[TagSeen, ...]) -> Act:
    if isinstance(happening, DoorHappening):
        return _at_door(happening, scenario.dock.door(happening.door), involved, reads)
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


def _at_door(happening: DoorHappening, door: DoorSpec, involved: list[Unit], reads: tuple[TagSeen, ...]) -> Act:
    return Act(
        happening.at_s,
        happening.at_s + _walk(happening).ends_s + door.quiet_s + DECIDED_S,
        reads=reads,
        scans=(),
        moves=tuple(
            Expected(unit.key, door.name, happening.expect) for unit in involved if happening.expect != "ignored"
        ),
    )


def _trips(happening: DoorHappening, involved: list[Unit], dock: Dock) -> list[Trip]:
    """The walks of its units, through the middle of the door, with tags stuck on as they should be."""
    number = [door.name for door in dock.doors].index(happening.door)
    walk = _walk(happening).later(happening.at_s).beside(0.0, site.middles_m(dock)[number])
    counts = happening.expect != "ignored"
    return [Trip(upright_tag(unit.epc.hex().upper()), walk, type(happening).__name__, counts) for unit in involved]


def _seen(answer: Answer) -> TagSeen:
    epc = bytes.fromhex(answer.trip.tag.epc)
    return TagSeen(answer.at_s, answer.antenna.reader, answer.antenna.number, epc, answer.rssi_dbm)


def _walk(happening: DoorHappening) -> walks.Walk:
    match happening:
        case Pass() | Load():
            return walks.through("inside" if happening.direction == "out" else "outside", happening.speed_mps)
        case TurnBack():
            return walks.turning_back(happening.side, happening.speed_mps, beyond_m=0.5)
        case PassBy():
            return walks.passing_by(happening.side, happening.speed_mps)
        case LieBeside():
            return walks.lying(happening.seen_by, happening.seconds)
        case _:
            raise AssertionError(happening)
