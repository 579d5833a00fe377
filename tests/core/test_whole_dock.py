"""Doors, stations, scanners, photo-eyes and outages of one gateway: what each of them means for the others."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from edgegw.core.counters import Counters
from edgegw.core.dock import Dock, PhotoEye, ScannerSettings, StationSettings
from edgegw.core.door import DoorSettings
from edgegw.core.llrp.messages import ReaderEvent
from edgegw.core.model import AtStation, Decision, DoorSide, Movement, Outage, Passage, Passed, Port, Scan, TagRead
from edgegw.core.outage import STABLE_S
from edgegw.core.pipeline import SIDES, Pipeline

T = 1_800_000_000.0
TAG = bytes.fromhex("3066C4409047E140075BCD15")
UNIT = "https://id.gs1.org/01/09506000134352/21/123456789"
LABEL = "]d2010950600013435221123456789"
INSIDE, OUTSIDE = 1, 2
DOCK = Dock(
    doors=(DoorSettings("door-1"), DoorSettings("door-2"), DoorSettings("gate", "hall-1", "hall-2")),
    stations=(StationSettings("packing", within="inside"), StationSettings("somewhere")),
    scanners=(ScannerSettings("pack-1", "packing"), ScannerSettings("hand", "somewhere")),
    antennas={
        ("dock-1", INSIDE): DoorSide("door-1", "inside"),
        ("dock-1", OUTSIDE): DoorSide("door-1", "outside"),
        ("dock-2", INSIDE): DoorSide("door-2", "inside"),
        ("dock-2", OUTSIDE): DoorSide("door-2", "outside"),
        ("dock-3", INSIDE): DoorSide("gate", "inside"),
        ("dock-3", OUTSIDE): DoorSide("gate", "outside"),
        ("belt-1", 0): AtStation("somewhere"),
    },
)
ONE_BEAM = replace(
    DOCK,
    doors=(DoorSettings("door-1", photo_eyes=("inside",)),),
    photo_eyes={("dock-1", 1): PhotoEye("door-1", "inside")},
)
TWO_BEAMS = replace(
    DOCK,
    doors=(DoorSettings("door-1", photo_eyes=("inside", "outside")),),
    photo_eyes={
        ("dock-1", 1): PhotoEye("door-1", "inside"),
        ("dock-1", 2): PhotoEye("door-1", "outside", high=False),
    },
)


class Watched:
    """A pipeline in virtual time, with everything up. `decided`: all it decided."""

    def __init__(self, dock: Dock = DOCK) -> None:
        self.counters = Counters()
        self.pipeline = Pipeline(dock, self.counters)
        self.now = -10.0
        self.decided: list[Decision] = []
        self.pipeline.started(None)
        for device in dock.devices():
            self.pipeline.link_up(device, T - 10)
        self.run_to(0.0)

    def run_to(self, t: float) -> Watched:
        while self.now < t:
            self.now = min(t, self.now + 0.25)
            self.take(self.pipeline.advance(T + self.now))
        return self

    def see(self, reader: str, sights: Iterable[tuple[float, int]], dbm: float = -55.0, epc: bytes = TAG) -> Watched:
        for t, antenna in sights:
            self.run_to(t)
            read = TagRead(reader, antenna, epc, 96, T + t, dbm)
            self.take(self.pipeline.tags((read,), T + self.now))
        return self

    def scan(self, t: float, scanner: str = "pack-1") -> Watched:
        self.run_to(t)
        self.take(self.pipeline.scan(Scan(scanner, LABEL, T + t), T + t))
        return self

    def beam(self, port: int, t: float, *, on: bool) -> Watched:
        self.run_to(t)
        self.pipeline.reader_event("dock-1", ReaderEvent("gpi", port, on), T + t)
        return self

    def antenna(self, number: int, t: float, *, connected: bool) -> Watched:
        self.run_to(t)
        self.pipeline.reader_event("dock-1", ReaderEvent("antenna", number, connected), T + t)
        return self

    def take(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            if isinstance(decision, Movement):
                self.pipeline.reported(decision, 1 + len(self.movements))
            self.decided.append(decision)

    @property
    def movements(self) -> list[Movement]:
        return [one for one in self.decided if isinstance(one, Movement)]

    @property
    def crossed(self) -> list[tuple[str, str | None]]:
        return [(one.door or one.station, one.direction) for one in self.movements]

    @property
    def reasons(self) -> list[str]:
        return [one.reason for one in self.decided if isinstance(one, Passed)]

    @property
    def codes(self) -> list[str]:
        return [one.why.code for one in self.movements if one.why]


def passing(t: float, *, back: bool = False) -> list[tuple[float, int]]:
    first, then = (OUTSIDE, INSIDE) if back else (INSIDE, OUTSIDE)
    return [(t, first), (t + 0.6, first), (t + 2.0, then), (t + 2.6, then)]


def standing(t: float, antenna: int, reads: int = 4) -> list[tuple[float, int]]:
    return [(t + n / 2, antenna) for n in range(reads)]


# ------------------------------------------------------------ one history


@pytest.mark.parametrize("t", [9, 60])
def test_scanned_inside_and_then_seen_outside_only_has_left(t: float) -> None:
    watched = Watched().scan(0).see("dock-1", standing(t, OUTSIDE)).run_to(80)
    assert watched.crossed == [("packing", None), ("door-1", "out")]
    assert watched.codes == ["memory"]
    assert watched.movements[1].origin == "packing"


@pytest.mark.parametrize(
    ("scanner", "reader", "sights"),
    [
        ("hand", "dock-1", standing(60, OUTSIDE)),
        ("pack-1", "dock-1", standing(60, OUTSIDE, reads=1)),
        ("pack-1", "dock-1", standing(3, OUTSIDE)),
        ("pack-1", "dock-1", standing(60, INSIDE)),
        ("pack-1", "dock-1", standing(2000, OUTSIDE)),
        ("pack-1", "dock-3", standing(60, OUTSIDE)),
    ],
    ids=["nobody said where", "one read", "just scanned", "where it was", "long ago", "a door to another place"],
)
def test_what_is_only_guessed_moves_nothing(scanner: str, reader: str, sights: list[tuple[float, int]]) -> None:
    watched = Watched().scan(0, scanner).see(reader, sights)
    assert len(watched.run_to(sights[-1][0] + 20).movements) == 1


def test_what_one_door_reports_all_doors_know() -> None:
    """Out by door 1, and in by door 2, where only the inner antennas see it."""
    watched = Watched().see("dock-1", passing(0)).see("dock-2", standing(60, INSIDE)).run_to(80)
    assert watched.crossed == [("door-1", "out"), ("door-2", "in")]


def test_a_door_that_overhears_its_neighbour_does_not_bring_the_unit_back() -> None:
    """It was inside at door 2 a moment before it left by door 1, and passes door 2 outside later."""
    watched = Watched().see("dock-2", standing(0, INSIDE)).see("dock-1", passing(1.8))
    watched.see("dock-2", standing(40, OUTSIDE)).run_to(60)
    assert watched.crossed == [("door-1", "out")]


@pytest.mark.parametrize(("scanner", "origin"), [("pack-1", "packing"), ("hand", "somewhere")])
def test_a_movement_comes_from_the_station_where_the_unit_was(scanner: str, origin: str) -> None:
    watched = Watched().scan(0, scanner).see("dock-1", passing(60)).run_to(80)
    assert [(one.origin, one.place) for one in watched.movements[1:]] == [(origin, "outside")]


def test_a_movement_to_where_the_station_is_does_not_come_from_there() -> None:
    watched = Watched().scan(0).see("dock-1", passing(60, back=True)).run_to(80)
    assert [(one.origin, one.place) for one in watched.movements[1:]] == [("outside", "inside")]


def test_what_was_known_is_known_after_a_restart() -> None:
    before = Watched().scan(0)
    after = Watched()
    for unit, whereabout in before.pipeline.take_changes().units.items():
        after.pipeline.restore_unit(unit, whereabout)
    after.see("dock-1", standing(60, OUTSIDE)).run_to(80)
    assert after.crossed == [("door-1", "out")]


# ------------------------------------------------------------ blind


def known_inside(dock: Dock = DOCK) -> Watched:
    return Watched(dock).see("dock-1", passing(0, back=True)).run_to(20)


def test_a_side_that_sees_is_silent_for_a_reason() -> None:
    assert known_inside().see("dock-1", standing(60, OUTSIDE)).run_to(80).codes[1:] == ["memory"]


def test_a_door_with_a_dead_side_does_not_decide_by_its_silence_and_says_so() -> None:
    watched = known_inside().antenna(INSIDE, 40, connected=False)
    watched.see("dock-1", standing(60, OUTSIDE)).run_to(80)
    assert watched.crossed == [("door-1", "in")]
    assert watched.reasons == ["blind"]
    assert watched.counters.get("door-1", "blind") == 1
    watched.see("dock-1", standing(90, INSIDE)).see("dock-1", standing(120, OUTSIDE)).run_to(140)
    assert watched.crossed == [("door-1", "in"), ("door-1", "out")]


def test_both_sides_of_a_door_that_saw_it_decide_whatever_fails_later() -> None:
    watched = Watched().see("dock-1", passing(0)).antenna(INSIDE, 2.7, connected=False).run_to(20)
    assert watched.crossed == [("door-1", "out")]


def test_a_reader_that_stays_away_decides_nothing_by_its_silence() -> None:
    """The inside hangs on a reader of its own, which is away for longer than anybody waits."""
    antennas = {
        ("dock-1", INSIDE): DoorSide("door-1", "inside"),
        ("dock-2", OUTSIDE): DoorSide("door-1", "outside"),
    }
    dock = replace(DOCK, doors=DOCK.doors[:1], antennas=antennas)
    watched = Watched(dock)
    watched.see("dock-1", [(0, INSIDE), (0.5, INSIDE)]).run_to(20)
    watched.pipeline.link_down("dock-1", "link", "no answer", T + 20)
    watched.see("dock-2", standing(60, OUTSIDE)).run_to(300)
    assert watched.movements == []
    assert watched.reasons == ["one-side", "blind"]


def test_an_outage_is_told_with_the_doors_and_stations_that_it_concerns() -> None:
    watched = Watched().antenna(INSIDE, 10, connected=False).run_to(20)
    assert [(one.port, one.doors) for one in watched.pipeline.outages] == [(Port("dock-1", 1), ("door-1",))]
    watched.antenna(INSIDE, 30, connected=True)
    watched.pipeline.link_down("belt-1", "link", "no answer", T + 31)
    watched.pipeline.link_up("belt-1", T + 33)
    watched.pipeline.link_down("hand", "link", "unplugged", T + 33)
    watched.pipeline.link_up("hand", T + 34)
    watched.run_to(34 + STABLE_S)
    told = [one for one in watched.decided if isinstance(one, Outage)]
    assert [(str(one.port), one.cause, one.doors, one.stations) for one in told] == [
        ("dock-1/1", "antenna", ("door-1",), ()),
        ("belt-1", "link", (), ("somewhere",)),
        ("hand", "link", (), ("somewhere",)),
    ]


def test_an_antenna_that_nobody_uses_is_no_outage() -> None:
    assert Watched().antenna(7, 10, connected=False).run_to(20).pipeline.outages == []


# ------------------------------------------------------------ photo-eyes


def through_beam(watched: Watched, port: int, from_t: float, to_t: float) -> Watched:
    return watched.beam(port, from_t, on=True).beam(port, to_t, on=False)


def test_with_one_beam_a_movement_needs_something_in_the_door() -> None:
    through = Watched(ONE_BEAM).see("dock-1", passing(0)[:2])
    through_beam(through, 1, 0.9, 1.5).see("dock-1", passing(0)[2:]).run_to(20)
    assert through.crossed == [("door-1", "out")]
    assert Watched(ONE_BEAM).see("dock-1", passing(0)).run_to(20).reasons == ["no-beam"]


def test_a_veto_leaves_the_unit_where_it_was() -> None:
    watched = Watched(ONE_BEAM).see("dock-1", passing(0)).run_to(20)
    through_beam(watched, 1, 58, 59).see("dock-1", standing(60, OUTSIDE)).run_to(80)
    assert watched.codes == ["memory"]


def test_with_two_beams_what_turns_back_is_no_movement() -> None:
    """To the tags it looked like a passage: the way back was not read."""
    watched = Watched(TWO_BEAMS).beam(2, -0.5, on=True).see("dock-1", passing(0)[:2])
    watched.beam(1, 0.8, on=True).beam(2, 1.4, on=False).see("dock-1", passing(0)[2:])
    watched.beam(2, 3.0, on=True).beam(1, 3.6, on=False).run_to(20)
    assert watched.reasons == ["no-beam"]


def two_beams_out(watched: Watched, t: float) -> Watched:
    """The outer beam is high while nothing is in it."""
    watched.beam(1, t, on=True).beam(2, t + 0.3, on=False)
    return watched.beam(1, t + 0.6, on=False).beam(2, t + 0.9, on=True)


def test_two_beams_correct_the_direction() -> None:
    watched = two_beams_out(Watched(TWO_BEAMS), -1.0).see("dock-1", passing(0, back=True)).run_to(20)
    assert watched.crossed == [("door-1", "out")]
    assert watched.codes == ["beam"]


def test_beams_decide_what_the_tags_leave_open() -> None:
    """Three metres a second: both sides read it at the same time."""
    fast = [(0.0, INSIDE), (0.15, OUTSIDE)]
    assert Watched().see("dock-1", fast).run_to(20).reasons == ["no-order"]
    watched = two_beams_out(Watched(TWO_BEAMS), -0.5).see("dock-1", [(t + 0.5, a) for t, a in fast]).run_to(20)
    assert watched.crossed == [("door-1", "out")]
    assert watched.codes == ["beam"]


def test_a_dead_beam_costs_three_passes_and_no_load_and_is_told() -> None:
    watched = Watched(ONE_BEAM)
    for n in range(4):
        watched.see("dock-1", passing(60.0 * n))
    watched.run_to(220)
    assert watched.reasons == ["no-beam"] * 2
    assert len(watched.movements) == 2
    (outage,) = watched.pipeline.outages
    assert (str(outage.port), outage.cause, outage.doors) == ("dock-1/gpi1", "photo-eye", ("door-1",))
    through_beam(watched, 1, 300, 301).run_to(320)
    assert watched.pipeline.outages == []
    assert [one.until_t for one in watched.decided if isinstance(one, Outage)] == [T + 300.25]

    loaded = Watched(ONE_BEAM)
    reads = [(t + n / 100, a, bytes([n]) * 12) for n in range(8) for t, a in passing(0)]
    for t, antenna, epc in sorted(reads):
        loaded.see("dock-1", [(t, antenna)], epc=epc)
    assert len(loaded.run_to(20).movements) == 8


def test_a_beam_whose_reader_is_away_vetoes_nothing() -> None:
    dock = replace(ONE_BEAM, photo_eyes={("io-1", 1): PhotoEye("door-1", "inside")})
    watched = Watched(dock)
    watched.pipeline.link_down("io-1", "link", "no answer", T)
    watched.see("dock-1", passing(0)).run_to(200)
    assert watched.crossed == [("door-1", "out")]


# ------------------------------------------------------------ passages


def test_a_load_is_told_unit_by_unit_and_then_as_a_passage_with_the_numbers_of_its_movements() -> None:
    watched = Watched()
    reads = [(t + n / 100, a, bytes([n]) * 12) for n in range(8) for t, a in passing(0)]
    for t, antenna, epc in sorted(reads):
        watched.see("dock-1", [(t, antenna)], epc=epc)
    watched.run_to(30)
    kinds = [type(one) for one in watched.decided]
    assert kinds == [Movement] * 8 + [Passage]
    passage = watched.decided[-1]
    assert isinstance(passage, Passage)
    assert sorted(one.number for one in passage.crossings) == list(range(1, 9))
    assert {one.unit for one in passage.crossings} == {one.unit.unit for one in watched.movements}


def test_an_arrival_at_a_station_is_no_passage() -> None:
    watched = Watched().scan(0).run_to(60)
    assert [type(one) for one in watched.decided] == [Movement]


# ------------------------------------------------------------ neighbours

ROW = Dock(
    doors=tuple(DoorSettings(f"door-{n}") for n in range(4)),
    stations=(),
    scanners=(),
    antennas={
        (f"dock-{n // 2}", 1 + 2 * (n % 2) + m): DoorSide(f"door-{n}", side)
        for n in range(4)
        for m, side in enumerate(SIDES)
    },
)
"""Four doors, two on each of two readers."""


def antenna_of(door: int, side: int) -> tuple[str, int]:
    return f"dock-{door // 2}", 2 * (door % 2) + side


@pytest.mark.parametrize("seed", range(20))
def test_one_pass_in_a_row_of_doors_is_one_movement_at_the_right_one(seed: int) -> None:
    """Each neighbour hears it too, 8 dB fainter a door, some reads earlier or later, and for longer."""
    rng = random.Random(seed)
    watched, expected = Watched(ROW), []
    for n in range(8):
        epc, at, door, back = bytes([n, seed]) * 6, 40.0 * n, rng.randrange(4), rng.random() < 0.5
        expected.append((epc.hex().upper(), f"door-{door}", "in" if back else "out"))
        reads = []
        for other in range(4):
            away = abs(other - door)
            for t, side in passing(at + rng.uniform(-0.5, 0.5) * away, back=back):
                reads.append((t, *antenna_of(other, side), -50.0 - 8 * away + rng.gauss(0, 2)))
            if away:
                later = at + 3 + rng.uniform(0, 2)
                reads.append((later, *antenna_of(other, INSIDE if back else OUTSIDE), -60.0 - 8 * away))
        for t, reader, antenna, dbm in sorted(reads):
            watched.see(reader, [(t, antenna)], dbm, epc)
        watched.run_to(at + 39)
    assert [(one.evidence.tag, one.door, one.direction) for one in watched.movements] == expected


@pytest.mark.parametrize("late", ["dock-0", "dock-1"])
def test_reports_of_two_readers_in_either_order_are_one_movement(late: str) -> None:
    """Door 1 on the first reader heard it better than door 2 on the second; one of them tells it 1.5 s later."""
    watched = Watched(ROW)
    heard = [(reader, door, dbm) for reader, door, dbm in (("dock-0", 1, -52.0), ("dock-1", 2, -66.0))]
    told = [
        (t + 1.5 * (reader == late), TagRead(reader, antenna_of(door, side)[1], TAG, 96, T + t, dbm))
        for reader, door, dbm in heard
        for t, side in passing(0)
    ]
    for at, read in sorted(told):
        watched.run_to(at).take(watched.pipeline.tags((read,), T + at))
    assert watched.run_to(40).crossed == [("door-1", "out")]


def test_what_is_already_out_does_not_go_out_again_by_the_next_door() -> None:
    """It left by door 1 and is carried along outside, past door 2, whose inner antennas hear it first."""
    along = [(5.0, INSIDE), (5.5, INSIDE), (9.0, OUTSIDE), (9.5, OUTSIDE)]
    sights = sorted([*((t, "dock-1", a) for t, a in passing(0)), *((t, "dock-2", a) for t, a in along)])
    watched = Watched()
    for t, reader, antenna in sights:
        watched.see(reader, [(t, antenna)])
    assert watched.run_to(40).crossed == [("door-1", "out")]
    assert watched.reasons == ["other-door"]


def test_out_by_one_door_and_in_by_the_next_are_two_movements() -> None:
    watched = Watched().see("dock-1", passing(0)).see("dock-2", passing(9, back=True))
    assert watched.run_to(40).crossed == [("door-1", "out"), ("door-2", "in")]


@pytest.mark.parametrize("seed", range(5))
def test_a_load_that_the_next_door_overhears_is_reported_where_it_is_louder(seed: int) -> None:
    """Twelve units cross door 1. Door 2 hears them 1.5 s earlier, 4 dB fainter in the middle, two of five louder."""
    rng = random.Random(seed)
    load = [bytes([n, seed]) * 6 for n in range(12)]
    reads: list[TagRead] = []
    for epc in load:
        for t, side in passing(0):
            at = T + t + rng.uniform(-0.3, 0.3)
            reads.append(TagRead("dock-1", side, epc, 96, at, -56.0 + rng.gauss(0, 3)))
            reads.append(TagRead("dock-2", side, epc, 96, at - 1.5, -60.0 + rng.gauss(0, 3)))
    watched = Watched()
    for read in sorted(reads, key=lambda one: one.t):
        watched.run_to(read.t - T).take(watched.pipeline.tags((read,), read.t))
    watched.run_to(60)
    assert sorted(one.evidence.tag for one in watched.movements) == sorted(epc.hex().upper() for epc in load)
    assert {(one.door, one.direction) for one in watched.movements} == {("door-1", "out")}


TWO_READERS = replace(
    DOCK,
    doors=(DoorSettings("door-1"),),
    antennas={("dock-1", 1): DoorSide("door-1", "inside"), ("dock-2", 1): DoorSide("door-1", "outside")},
)


def test_silence_is_no_end_while_the_other_reader_has_not_told_its_part() -> None:
    """The reader inside tells its reads after its link was down; meanwhile the unit comes once more outside."""
    watched = Watched(TWO_READERS).run_to(9.5)
    watched.pipeline.link_down("dock-1", "link", "gone", T + 9.5)
    watched.see("dock-2", [(12.0, 1), (12.6, 1), (19.0, 1)]).run_to(20)
    watched.pipeline.link_up("dock-1", T + 20)
    late = [TagRead("dock-1", 1, TAG, 96, T + t, -55.0, late=True) for t in (10.0, 10.6)]
    watched.take(watched.pipeline.tags(late, T + 20.1))
    assert watched.run_to(60).crossed == [("door-1", "out")]
    assert watched.codes == ["crossed"]


@pytest.mark.parametrize("dbm", [-50.0, -20.0])
def test_a_door_that_hears_a_unit_loudly_and_reports_no_movement_hides_none(dbm: float) -> None:
    """A reflection, or a reader that makes it up: one side of door 2 hears all the time what goes through door 1."""
    sights = [(t, "dock-1", side, -60.0) for t, side in passing(0)]
    sights += [(t / 2, "dock-2", INSIDE, dbm) for t in range(7)]
    watched = Watched()
    for t, reader, antenna, rssi_dbm in sorted(sights):
        watched.see(reader, [(t, antenna)], rssi_dbm)
    assert watched.run_to(60).crossed == [("door-1", "out")]
