"""One read from identity to decision: the same for a live dock and for a replay.

    TagRead -> identity -> read point -> door (weighs) or station (dedupe) -> Decision
    Scan    -> identity -> station (dedupe)                                -> Decision

Synchronous and pure. What must survive a crash is handed out by `take_changes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from edgegw.core.allowance import Allowance
from edgegw.core.counters import Counters
from edgegw.core.dedupe import Dedupe
from edgegw.core.dock import ALL_ANTENNAS, Dock
from edgegw.core.door import Door
from edgegw.core.door.surroundings import Eyes, Surroundings, Told
from edgegw.core.identity import Identifier, Identity
from edgegw.core.llrp.messages import ReaderEvent
from edgegw.core.model import (
    AtStation,
    Cause,
    Decision,
    DoorSide,
    Evidence,
    Movement,
    Observation,
    Outage,
    Passed,
    Port,
    ReadPoint,
    Scan,
    Side,
    TagRead,
    Unidentified,
)
from edgegw.core.outage import GATEWAY_DOWN, NOT_YET, Outages
from edgegw.core.passage import Passages
from edgegw.core.watermark import Watermarks
from edgegw.core.whereabouts import Whereabout, Whereabouts

BACK_S = 15.0
"""Nothing goes out, comes back and goes out again faster."""
GUESSED = ("memory", "visit", "load")
"""Movements of which not every side saw enough: not just after the same unit went through another door."""
SIDES: tuple[Side, ...] = ("inside", "outside")
UNIDENTIFIED_PER_S = 20
"""Of one scanner, shown: no person and no belt scans faster, but a broken or hostile device fills disks."""


_Decided = Sequence[Decision]
_Taker = Callable[[str, Identity, TagRead, float], _Decided]
"""Of a unit, as which a read was identified, now."""
_NONE: dict[int, _Taker] = {}


class Changes(NamedTuple):
    """For the journal. units: where units are now; the rest: key -> state that must survive, None = no more.

    episodes   per door, by unit: what is being weighed
    grown      per door, by unit: what belongs behind it
    passages   per door: what crossed together, until it is complete
    outages    what is out
    """

    units: dict[str, Whereabout]
    episodes: dict[str, dict[str, str | None]]
    grown: dict[str, dict[str, str]]
    passages: dict[str, dict[str, str | None]]
    outages: dict[str, str | None]


class Pipeline:
    def __init__(self, dock: Dock, counters: Counters) -> None:
        self._dock = dock
        self._counters = counters
        self._identifier = Identifier(
            raw=dock.raw,
            strip_leading_zeros=dock.strip_leading_zeros,
            near_miss=lambda: counters.add("identity", "leading_zeros"),
        )
        self._doors = {door.name: Door(door, counters, self._surroundings(door.name)) for door in dock.doors}
        self._passages = {door.name: Passages(door) for door in dock.doors}
        self._door_readers = {door.name: dock.readers_of(door.name) for door in dock.doors}
        self._stations = {station.name: Dedupe(station.repeat_s) for station in dock.stations}
        self._locations = {station.name: station.location for station in dock.stations}
        self._within = {station.name: station.within for station in dock.stations}
        self._scanners = {scanner.name: scanner for scanner in dock.scanners}
        self._unidentified = {name: Allowance(UNIDENTIFIED_PER_S, UNIDENTIFIED_PER_S) for name in self._scanners}
        self._takers: dict[str, dict[int, _Taker]] = {}
        for (reader, antenna), point in dock.antennas.items():
            self._takers.setdefault(reader, {})[antenna] = self._taker(point)
        self._whereabouts = Whereabouts()
        self._outages = Outages()
        self.watermarks = Watermarks()

    # ------------------------------------------------------------ reads

    def tags(self, reads: Iterable[TagRead], now: float) -> list[Decision]:
        """Take tag reads in the order in which they arrived.

        All reads of a gateway pass here, so one that changes nothing leaves nothing behind but a number.
        """
        decisions: list[Decision] = []
        identify, outages = self._identifier.epc, self._outages
        same: str | None = None
        takers = _NONE
        for read in reads:
            reader, antenna, epc, epc_bits, t, _, pc, _, late = read
            if reader != same:
                same, takers = reader, self._takers.get(reader, _NONE)
            take = takers.get(antenna) or takers.get(ALL_ANTENNAS)
            if take is None:
                self._counters.add(reader, "no_read_point")
                continue
            if late:
                self.watermarks.late(reader, t, now)
            if reader in outages.devices:
                outages.read(reader, antenna, t)
            identity = identify(epc, epc_bits, pc)
            unit = identity.unit if identity.kind == "unit" else self._key_of(identity, read)
            if unit and (decided := take(unit, identity, read, now)):
                decisions += decided
        return decisions

    def scan(self, scan: Scan, now: float) -> list[Decision]:
        """Take one scan. A text that names no unit is shown as it is, as long as they do not come in floods."""
        scanner = self._scanners[scan.scanner]
        identity = self._identifier.scan(scan.text, scanner.rules)
        evidence = Evidence(scan.text, 1, (scan.scanner,), scan.t, scan.t)
        station = scanner.station
        if identity.kind != "unit":
            self._counters.add(scan.scanner, identity.kind)
            if not self._unidentified[scan.scanner].take(scan.t):
                self._counters.add(scan.scanner, "unidentified_withheld")
                return []
            return [Unidentified(identity, scan.t, station, evidence)]
        if not self._is_first(station, identity.unit, scan.t):
            return []
        return [self._arrived(station, identity.unit, identity, evidence, now)]

    def advance(self, now: float) -> list[Decision]:
        """Decide what silence has finished. `now` on the gateway's timeline."""
        decisions: list[Decision] = []
        for name, door in self._doors.items():
            through_t = self.watermarks.through(self._door_readers[name], now)
            decisions += self._settle(door.advance(through_t, now))
            decisions += self._passages[name].advance(through_t, now, door.is_weighing)
            self._check_photo_eyes(name, door, now)
        return [*decisions, *map(self._placed, self._outages.advance(now))]

    def reported(self, movement: Movement, number: int) -> None:
        """The event of this movement has got its number: from now on it is part of a passage."""
        if movement.door:
            self._passages[movement.door].add(movement, number)

    @property
    def due_t(self) -> float | None:
        """When silence decides something next; None = nothing is being weighed."""
        due = [door.due_t for door in self._doors.values() if door.due_t is not None]
        due += [one.due_t for one in self._passages.values() if one.due_t < math.inf]
        return min(due, default=None)

    def units_in_view(self) -> dict[str, int]:
        """Door -> units being weighed there now."""
        return {name: door.units_in_view for name, door in self._doors.items()}

    # ------------------------------------------------------------ who can be heard

    def started(self, alive_t: float | None) -> None:
        """Nobody is heard before its link is up. alive_t: when the gateway last ran; None = never before."""
        for device in self._dock.devices():
            self._outages.begin(Port(device), "gateway", NOT_YET if alive_t is None else GATEWAY_DOWN, alive_t)

    def link_up(self, device: str, now: float) -> None:
        self.watermarks.up(device, now)
        self._outages.end(Port(device), now)

    def link_down(self, device: str, cause: Cause, reason: str, now: float) -> None:
        self.watermarks.down(device, now)
        self._outages.begin(Port(device), cause, reason, now)

    def reader_event(self, reader: str, event: ReaderEvent, t: float) -> None:
        """An antenna was lost or found, or an input changed, at `t`."""
        if event.kind == "antenna" and event.number:
            port = Port(reader, event.number)
            if event.on:
                self._outages.end(port, t)
            elif self._dock.has(port):
                self._outages.begin(port, "antenna", "the reader says that it is disconnected", t)
        elif event.kind == "gpi" and (eye := self._dock.photo_eyes.get((reader, event.number))):
            self._doors[eye.door].beams.see(eye.side, event.on == eye.high, t)

    @property
    def outages(self) -> list[Outage]:
        """What cannot be heard now."""
        return list(map(self._placed, self._outages.ongoing))

    # ------------------------------------------------------------ what survives a crash

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        doors = {name: door.take_changed() for name, door in self._doors.items()}
        return Changes(
            self._whereabouts.take_changed(),
            {name: one.whole for name, one in doors.items() if one.whole},
            {name: one.grown for name, one in doors.items() if one.grown},
            {name: changed for name, one in self._passages.items() if (changed := one.take_changed())},
            self._outages.take_changed(),
        )

    def restore_unit(self, unit: str, whereabout: Whereabout) -> None:
        """Take back where a unit was, oldest first. Repeats and late reports of it are known again."""
        self._whereabouts.restore(unit, whereabout)
        if whereabout.read_point in self._stations:
            self._stations[whereabout.read_point].remember(unit, whereabout.t)
        elif whereabout.read_point in self._doors:
            self._doors[whereabout.read_point].restore_decided(unit, whereabout.t, whereabout.place)

    def restore_episode(self, door: str, unit: str, state: str, now: float) -> bool:
        """Take back what was being weighed, and known, of a unit. False: it is of no use any more. A door that is no
        longer configured, or a state that cannot be read or lies in the future, is counted."""
        try:
            return self._doors[door].restore(unit, state, self._identify, now)
        except (KeyError, ValueError):
            self._counters.add(door, "unreadable_state")
            return False

    def restore_passage(self, door: str, number: str, state: str, now: float) -> bool:
        """Take back a movement whose passage is not complete; as `restore_episode`."""
        try:
            self._passages[door].restore(number, state, now)
        except (KeyError, ValueError):
            self._counters.add(door, "unreadable_state")
            return False
        return True

    def restore_outage(self, port: str, state: str, now: float) -> bool:
        """Take back what was out; False: it cannot be read. A port that is no longer configured has nothing to miss."""
        try:
            self._outages.restore(port, state, now, self._dock.has)
        except ValueError:
            self._counters.add("outages", "unreadable_state")
            return False
        return True

    # ------------------------------------------------------------ what doors know of the rest of the dock

    def _surroundings(self, door: str) -> Surroundings:
        ports: dict[tuple[Eyes, Side], tuple[Port, ...]] = {}
        for side in SIDES:
            ports["antennas", side] = self._dock.antennas_of(DoorSide(door, side))
            ports["photo-eye", side] = self._dock.photo_eyes_of(DoorSide(door, side))

        def were_blind(eyes: Eyes, side: Side, from_t: float, to_t: float) -> bool:
            return self._outages.were_out(ports[eyes, side], from_t, to_t)

        def hears_better(units: Collection[str], t: float) -> bool:
            others = (other for name, other in self._doors.items() if name != door)
            return any(_hears_better(other, self._doors[door], units, t) for other in others)

        def told_until(now: float) -> float:
            return self.watermarks.through(self._door_readers[door], now)

        return Surroundings(told_until, partial(self._told, door), were_blind, hears_better)

    def _has_moved(self, unit: str, t: float, door: str) -> bool:
        """Whether it crossed another door around `t`."""
        return any(other.has_moved(unit, t) for name, other in self._doors.items() if name != door)

    def _told(self, door: str, unit: str) -> Told | None:
        """What a door did not see itself."""
        known = self._whereabouts.get(unit)
        if known is None or known.read_point == door:
            return None
        side = self._doors[door].settings.side(self._within.get(known.read_point, known.place) or "")
        return Told(side, known.t) if side else None

    def _check_photo_eyes(self, name: str, door: Door, now: float) -> None:
        faults = door.beams.faults(now)
        for side in door.beams.wired:
            for port in self._dock.photo_eyes_of(DoorSide(name, side)):
                if side in faults:
                    self._outages.begin(port, "photo-eye", faults[side], now)
                else:
                    self._outages.end(port, now)

    def _placed(self, outage: Outage) -> Outage:
        doors, stations = self._dock.doors_at(outage.port), self._dock.stations_at(outage.port)
        return outage._replace(doors=doors, stations=stations)

    # ------------------------------------------------------------

    def _identify(self, read: TagRead) -> Identity:
        return self._identifier.epc(read.epc, read.epc_bits, read.pc)

    def _key_of(self, identity: Identity, read: TagRead) -> str:
        """The key under which a tag is weighed that is no unit: its bits, if no rule names it; "" = not at all."""
        if identity.kind not in ("raw", "invalid"):
            self._counters.add(read.reader, identity.kind)
            return ""
        policy = self._identifier.raw
        self._counters.add(read.reader, "dropped" if policy == "drop" else identity.kind)
        return identity.epc_uri if policy == "forward" else ""

    def _taker(self, point: ReadPoint) -> _Taker:
        """Who takes what is read there."""
        match point:
            case DoorSide(door, side):
                return partial(self._at_door, door, side)
            case AtStation(station):
                return partial(self._at_station, station)

    def _at_door(self, door: str, side: Side, unit: str, identity: Identity, read: TagRead, now: float) -> _Decided:
        decided = self._doors[door].see(unit, identity, read, side, now)
        return self._settle(decided) if decided else ()

    def _at_station(self, station: str, unit: str, identity: Identity, read: TagRead, now: float) -> _Decided:
        if not self._is_first(station, unit, read.t):
            return ()
        antenna = f"{read.reader}/{read.antenna}"
        tag = read.epc.hex().upper()
        evidence = Evidence(tag, 1, (antenna,), read.t, read.t, read.rssi_dbm, read.reader_t, read.late)
        return [self._arrived(station, unit, identity, evidence, now)]

    def _is_first(self, station: str, unit: str, t: float) -> bool:
        verdict = self._stations[station].judge(unit, t)
        if verdict == "first":
            return True
        self._counters.add(station, verdict)
        return False

    def _arrived(self, station: str, unit: str, identity: Identity, evidence: Evidence, now: float) -> Decision:
        t, location = evidence.last_t, self._locations[station]
        origin = self._whereabouts.move(unit, Whereabout(station, station, t))
        if origin == station:
            self._counters.add(station, "observed")
            return Observation(identity, t, station, station, evidence, location)
        self._counters.add(station, "arrived")
        return Movement(identity, t, now, origin, station, evidence, station=station, location=location)

    def _settle(self, decided: list[Movement | Passed]) -> list[Decision]:
        return [self._settled(one) if isinstance(one, Movement) else one for one in decided]

    def _settled(self, movement: Movement) -> Movement | Passed:
        """A unit crosses at one door, and goes once to where it goes."""
        unit = movement.unit.unit or movement.unit.epc_uri
        known = self._whereabouts.get(unit)
        passed_door = known if known and known.read_point in self._doors else None
        if movement.why and (self._has_moved(unit, movement.t, movement.door) or _is_there(movement, passed_door)):
            self._counters.add(movement.door, "other-door")
            self._doors[movement.door].disclaim(unit)
            why = movement.why._replace(code="other-door")
            return Passed(
                movement.unit, movement.t, movement.decided_t, movement.door, why.code, movement.evidence, why
            )
        self._whereabouts.move(unit, Whereabout(movement.place, movement.door, movement.evidence.last_t))
        return movement._replace(origin=self._came_from(movement, known))

    def _came_from(self, movement: Movement, known: Whereabout | None) -> str | None:
        """The station where it was last seen says more than a side of the door, unless it lies on the other one."""
        if known is None or known.read_point not in self._stations:
            return movement.origin
        return movement.origin if self._within[known.read_point] == movement.place else known.place


def _is_there(movement: Movement, known: Whereabout | None) -> bool:
    """Another door has taken it there already, so shortly before that it cannot have come back unseen."""
    if known is None or known.read_point == movement.door:
        return False
    if known.place != movement.place:
        return movement.why is not None and movement.why.code in GUESSED and movement.t <= known.t + BACK_S
    since_t = movement.evidence.first_t
    if movement.why and movement.why.code in ("memory", "visit"):
        since_t = min(since_t, movement.why.known_t or since_t)
    return since_t <= known.t + BACK_S


def _hears_better(other: Door, here: Door, units: Collection[str], t: float) -> bool:
    """Whether these units are weighed and louder there. A load is what both doors take for one: one tag alone fades,
    all of them less so."""
    if not any(map(other.is_open, units)):
        return False
    load = {*units}
    if len(load) > 1:
        load.update(unit for unit in other.crossing_around(t) if here.power_around(unit, t))
    return sum(other.power_around(unit, t) for unit in load) > sum(here.power_around(unit, t) for unit in load)
