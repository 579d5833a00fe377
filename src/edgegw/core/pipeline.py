"""One read from identity to decision: the same for a live dock and for a replay.

    TagRead -> identity -> read point -> door (weighs) or station (dedupe) -> Decision
    Scan    -> identity -> station (dedupe)                                -> Decision

Synchronous and pure. What must survive a crash is handed out by `take_changes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edgegw.core.counters import Counters
from edgegw.core.dedupe import Dedupe
from edgegw.core.door import Door, DoorSettings
from edgegw.core.identity import Identifier, Identity, RawPolicy, ScanRules
from edgegw.core.model import (
    AtStation,
    Decision,
    DoorSide,
    Evidence,
    Movement,
    Observation,
    Passed,
    ReadPoint,
    Scan,
    Side,
    TagRead,
    Unidentified,
)
from edgegw.core.watermark import Watermarks
from edgegw.core.whereabouts import Whereabout, Whereabouts

ALL_ANTENNAS = 0


@dataclass(frozen=True, slots=True)
class StationSettings:
    """A place where a read means: the unit is here now."""

    name: str
    location: str | None = None
    repeat_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """Where a scanner stands and how its scans are read."""

    name: str
    station: str
    rules: ScanRules = field(default_factory=ScanRules)


@dataclass(frozen=True, slots=True)
class Dock:
    """Everything the pipeline must know of the configuration.

    antennas maps (reader, antenna) to its read point; antenna 0 stands for all antennas of that reader.
    raw and strip_leading_zeros as in `Identifier`.
    """

    doors: tuple[DoorSettings, ...]
    stations: tuple[StationSettings, ...]
    scanners: tuple[ScannerSettings, ...]
    antennas: Mapping[tuple[str, int], ReadPoint]
    raw: RawPolicy = "forward"
    strip_leading_zeros: tuple[str, ...] = ()


class Changes(NamedTuple):
    """For the journal. units: where units are now. episodes: per door, unit -> undecided state (None = decided)."""

    units: dict[str, Whereabout]
    episodes: dict[str, dict[str, str | None]]


class Pipeline:
    def __init__(self, dock: Dock, counters: Counters) -> None:
        self._antennas = dict(dock.antennas)
        self._counters = counters
        self._identifier = Identifier(
            raw=dock.raw,
            strip_leading_zeros=dock.strip_leading_zeros,
            near_miss=lambda: counters.add("identity", "leading_zeros"),
        )
        self._doors = {door.name: Door(door, counters) for door in dock.doors}
        self._door_readers = {door.name: _readers_of(door.name, dock.antennas) for door in dock.doors}
        self._stations = {station.name: Dedupe(station.repeat_s) for station in dock.stations}
        self._locations = {station.name: station.location for station in dock.stations}
        self._scanners = {scanner.name: scanner for scanner in dock.scanners}
        self._whereabouts = Whereabouts()
        self.watermarks = Watermarks()

    # ------------------------------------------------------------ reads

    def tags(self, reads: Iterable[TagRead], now: float) -> list[Decision]:
        """Take tag reads in the order in which they arrived."""
        decisions: list[Decision] = []
        for read in reads:
            point = self._antennas.get((read.reader, read.antenna)) or self._antennas.get((read.reader, ALL_ANTENNAS))
            if point is None:
                self._counters.add(read.reader, "no_read_point")
                continue
            if read.late:
                self.watermarks.late(read.reader, read.t, now)
            identity = self._identifier.epc(read.epc, read.epc_bits, read.pc)
            unit = self._unit_of(identity, read)
            if unit:
                decisions += self._at(point, unit, identity, read, now)
        return decisions

    def scan(self, scan: Scan, now: float) -> list[Decision]:
        """Take one scan. A text that names no unit is shown as it is."""
        scanner = self._scanners[scan.scanner]
        identity = self._identifier.scan(scan.text, scanner.rules)
        evidence = Evidence(scan.text, 1, (scan.scanner,), scan.t, scan.t)
        if identity.kind != "unit":
            self._counters.add(scan.scanner, identity.kind)
            return [Unidentified(identity, scan.t, scanner.station, evidence)]
        return self._at_station(scanner.station, identity.unit, identity, evidence, now)

    def advance(self, now: float) -> list[Decision]:
        """Decide what silence has finished. `now` on the gateway's timeline."""
        decisions: list[Decision] = []
        for name, door in self._doors.items():
            through_t = self.watermarks.through(self._door_readers[name], now)
            decisions += self._settle(door.advance(through_t, now))
        return decisions

    @property
    def due_t(self) -> float | None:
        """When silence decides something next; None = nothing is being weighed."""
        return min((door.due_t for door in self._doors.values() if door.due_t is not None), default=None)

    def units_in_view(self) -> dict[str, int]:
        """Door -> units being weighed there now."""
        return {name: door.units_in_view for name, door in self._doors.items()}

    # ------------------------------------------------------------ what survives a crash

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        return Changes(
            self._whereabouts.take_changed(),
            {name: changed for name, door in self._doors.items() if (changed := door.take_changed())},
        )

    def restore_unit(self, unit: str, whereabout: Whereabout) -> None:
        """Take back where a unit was, oldest first. Repeats and late reports of it are known again."""
        self._whereabouts.restore(unit, whereabout)
        if whereabout.read_point in self._stations:
            self._stations[whereabout.read_point].remember(unit, whereabout.t)
        elif whereabout.read_point in self._doors:
            self._doors[whereabout.read_point].restore_decided(unit, whereabout.t, whereabout.place)

    def restore_episode(self, door: str, unit: str, state: str, now: float) -> None:
        """Take back what was being weighed. A door that is no longer configured, or a state that cannot be read
        or lies in the future, is counted."""
        try:
            self._doors[door].restore(unit, state, self._identify, now)
        except (KeyError, ValueError):
            self._counters.add(door, "unreadable_state")

    # ------------------------------------------------------------

    def _identify(self, read: TagRead) -> Identity:
        return self._identifier.epc(read.epc, read.epc_bits, read.pc)

    def _unit_of(self, identity: Identity, read: TagRead) -> str:
        """The key under which a tag is weighed: its unit, or for a tag that no rule names, its bits."""
        if identity.kind == "unit":
            return identity.unit
        if identity.kind not in ("raw", "invalid"):
            self._counters.add(read.reader, identity.kind)
            return ""
        policy = self._identifier.raw
        self._counters.add(read.reader, "dropped" if policy == "drop" else identity.kind)
        return identity.epc_uri if policy == "forward" else ""

    def _at(self, point: ReadPoint, unit: str, identity: Identity, read: TagRead, now: float) -> list[Decision]:
        match point:
            case DoorSide(door, side):
                return self._at_door(door, side, unit, identity, read, now)
            case AtStation(station):
                antenna = f"{read.reader}/{read.antenna}"
                tag = read.epc.hex().upper()
                evidence = Evidence(tag, 1, (antenna,), read.t, read.t, read.rssi_dbm, read.reader_t, read.late)
                return self._at_station(station, unit, identity, evidence, now)

    def _at_door(
        self, door: str, side: Side, unit: str, identity: Identity, read: TagRead, now: float
    ) -> list[Decision]:
        return self._settle(self._doors[door].see(unit, identity, read, side, now))

    def _at_station(
        self, station: str, unit: str, identity: Identity, evidence: Evidence, now: float
    ) -> list[Decision]:
        t = evidence.last_t
        verdict = self._stations[station].judge(unit, t)
        if verdict != "first":
            self._counters.add(station, verdict)
            return []
        location = self._locations[station]
        origin = self._whereabouts.move(unit, Whereabout(station, station, t))
        if origin == station:
            self._counters.add(station, "observed")
            return [Observation(identity, t, station, station, evidence, location)]
        self._counters.add(station, "arrived")
        return [Movement(identity, t, now, origin, station, evidence, station=station, location=location)]

    def _settle(self, decided: list[Movement | Passed]) -> list[Decision]:
        return [self._settled(one) if isinstance(one, Movement) else one for one in decided]

    def _settled(self, movement: Movement) -> Movement | Passed:
        """A unit crosses at one door: at the one that reported it first, else at the one that heard it best."""
        unit = movement.unit.unit or movement.unit.epc_uri
        t = movement.evidence.last_t
        here = self._doors[movement.door].claim(unit, t).power
        others = [door.claim(unit, t) for name, door in self._doors.items() if name != movement.door]
        if any(other.moved or other.power > here for other in others) and movement.why:
            self._counters.add(movement.door, "other-door")
            self._doors[movement.door].disclaim(unit)
            why = movement.why._replace(code="other-door")
            return Passed(
                movement.unit, movement.t, movement.decided_t, movement.door, why.code, movement.evidence, why
            )
        self._whereabouts.move(unit, Whereabout(movement.place, movement.door, t))
        return movement


def _readers_of(door: str, antennas: Mapping[tuple[str, int], ReadPoint]) -> tuple[str, ...]:
    readers = {reader for (reader, _), point in antennas.items() if isinstance(point, DoorSide) and point.door == door}
    return tuple(sorted(readers))
