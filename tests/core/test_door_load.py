"""Units that cross together, units that lie there, units that were seen on one side only."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from edgegw.core.counters import Counters
from edgegw.core.door import Door, DoorSettings
from edgegw.core.identity import Identity
from edgegw.core.model import Movement, Passed, Side, TagRead

T = 1_800_000_000.0
Sight = tuple[float, str, Side, float]
"""When, which unit, which side, how strong in dBm."""


def play(sights: Iterable[Sight], door: Door | None = None) -> list[Movement | Passed]:
    door = door or Door(DoorSettings("door-1"), Counters())
    decided: list[Movement | Passed] = []
    last_t = 0.0
    for t, unit, side, dbm in sorted(sights):
        while (due_t := door.due_t) is not None and due_t <= T + t:
            decided += door.advance(due_t, due_t)
        antenna = 1 if side == "inside" else 2
        identity = Identity("unit", unit, "sgtin-96")
        decided += door.see(unit, identity, TagRead("dock-1", antenna, unit.encode(), 96, T + t, dbm), side, T + t)
        last_t = t
    while (due_t := door.due_t) is not None and due_t <= T + last_t + 60:
        decided += door.advance(due_t, due_t)
    return decided


def a_pass(unit: str, t: float, *, back: bool = False, seed: int = 0) -> list[Sight]:
    """Four reads that go out at `t`, or in."""
    rng = random.Random(f"{unit} {t} {seed}")
    sides: tuple[Side, Side] = ("outside", "inside") if back else ("inside", "outside")
    return [(t + at + rng.random() * 0.3, unit, sides[at > 0], rng.uniform(-72, -58)) for at in (-2, -0.9, 0.7, 1.8)]


def movements(decided: list[Movement | Passed]) -> dict[str, list[Movement]]:
    found: dict[str, list[Movement]] = {}
    for one in decided:
        if isinstance(one, Movement):
            found.setdefault(one.unit.unit, []).append(one)
    return found


LOAD = [f"u{number}" for number in range(10)]


def a_load(t: float = 10.0) -> list[Sight]:
    return [sight for unit in LOAD for sight in a_pass(unit, t)]


def test_a_load_crosses_and_says_how_many_agree() -> None:
    found = movements(play(a_load()))
    assert set(found) == set(LOAD)
    why = found["u0"][0].why
    assert why is not None
    assert why.load is not None
    assert (why.code, why.load.agreed, why.load.of) == ("crossed", 10, 10)
    assert why.load.t == pytest.approx(T + 10, abs=0.5)
    assert {one.decided_t for (one,) in found.values()} == {why.load.t + 4}


@pytest.mark.parametrize("side", ["inside", "outside"])
def test_a_unit_read_on_one_side_goes_with_its_load(side: Side) -> None:
    at = 9.0 if side == "inside" else 11.0
    (movement,) = movements(play([*a_load(), (at, "x", side, -62.0)]))["x"]
    assert movement.why is not None
    assert (movement.why.code, movement.direction) == ("load", "out")
    alone = play([(at, "x", side, -62.0)])
    assert [one.reason for one in alone if isinstance(one, Passed)] == ["one-side"]


def test_a_unit_read_in_the_wrong_order_is_corrected_by_its_load() -> None:
    wrong: list[Sight] = [(9.4, "x", "outside", -64.0), (10.3, "x", "inside", -63.0)]
    (alone,) = movements(play(wrong))["x"]
    assert alone.direction == "in"
    (movement,) = movements(play([*a_load(), *wrong]))["x"]
    assert movement.why is not None
    assert (movement.direction, movement.why.code) == ("out", "load")


def test_a_load_that_turns_back_vetoes_its_dissenters() -> None:
    back: list[Sight] = []
    for unit in LOAD:
        rng = random.Random(unit)
        for at, side in ((-4.0, "inside"), (-2.5, "inside"), (0.0, "outside"), (2.5, "inside"), (4.0, "inside")):
            back.append((10 + at + rng.random() * 0.3, unit, side, rng.uniform(-70, -58)))  # type: ignore[arg-type]  # a literal in a loop
    sparse: list[Sight] = [(7.5, "x", "inside", -64.0), (10.1, "x", "outside", -63.0)]
    decided = play([*back, *sparse])
    assert movements(decided) == {}
    assert {one.reason for one in decided if isinstance(one, Passed)} <= {"turned-back", "no-order", "vetoed-by-load"}
    assert "x" in movements(play(sparse))


def test_a_tag_that_lies_there_does_not_go_with_the_load() -> None:
    """Once the door has seen for half a minute what lying there means."""
    rng = random.Random(5)
    lying: list[Sight] = [
        (t * 1.7, f"s{number}", "inside" if rng.random() < 0.9 else "outside", -70 + rng.gauss(0, 0.7))
        for number in range(10)
        for t in range(80)
    ]
    decided = play([*lying, *a_load(60.0), *a_load(110.0)])
    learned = [one for one in decided if one.t > T + 45]
    assert set(movements(learned)) == set(LOAD)
    assert sum(one.reason == "steady" for one in learned if isinstance(one, Passed)) >= 10


def test_without_votes_each_unit_stands_for_itself() -> None:
    door = Door(DoorSettings("door-1", load_min_tags=0), Counters())
    found = movements(play([*a_load(), (9.0, "x", "inside", -62.0)], door))
    assert set(found) == set(LOAD)
    assert all(one.why and one.why.load is None for (one,) in found.values())


def test_a_unit_that_turns_up_on_the_other_side_has_crossed() -> None:
    """It was out; an hour later would be too late to say."""
    story = [*a_pass("x", 10), (60.0, "x", "inside", -60.0)]
    out, back = movements(play(story))["x"]
    assert out.why is not None
    assert back.why is not None
    assert (out.direction, back.direction, back.why.code, back.t) == ("out", "in", "memory", T + 60)
    forgetful = Door(DoorSettings("door-1", memory_s=30), Counters())
    assert len(movements(play(story, forgetful))["x"]) == 1


def test_an_unexplained_visit_is_when_it_crossed() -> None:
    """Out, then a visit outside that led to nothing, then inside: it came in with that visit."""
    story = [*a_pass("x", 10), (60.0, "x", "outside", -60.0), (90.0, "x", "inside", -60.0)]
    _, back = movements(play(story))["x"]
    assert back.why is not None
    assert (back.direction, back.why.code, back.t) == ("in", "visit", T + 60)


def test_what_stays_near_the_door_may_come_back() -> None:
    """Strong on the far side for six seconds, and back: no movement."""
    rng = random.Random(1)
    story: list[Sight] = []
    for tick in range(60):
        t = tick * 0.25
        side: Side = "outside" if 4 <= t < 10 else "inside"
        story.append((t, "x", side, -55 - 6 * rng.random()))
    assert movements(play(story)) == {}


def test_the_side_survives_a_restart() -> None:
    door = Door(DoorSettings("door-1", outside="yard"), Counters())
    door.restore_decided("x", T + 12, "yard")
    (back,) = movements(play([(60.0, "x", "inside", -60.0)], door))["x"]
    assert (back.direction, back.origin) == ("in", "yard")


def fainter(sights: Iterable[Sight], by_db: float) -> list[Sight]:
    return [(t, unit, side, dbm - by_db) for t, unit, side, dbm in sights]


def test_a_load_that_is_much_fainter_than_the_usual_ones_passed_elsewhere() -> None:
    usual = [sight for n in range(5) for sight in fainter(a_load(10.0 + 40 * n), 3.0 * (n == 2))]
    distant = fainter(a_load(250.0), 9.0)
    decided = play([*usual, *((t, f"next {unit}", side, dbm) for t, unit, side, dbm in distant)])
    moved = movements(decided)
    assert {unit: len(found) for unit, found in moved.items() if unit in LOAD} == dict.fromkeys(LOAD, 5)
    weak = {one.unit.unit for one in decided if isinstance(one, Passed) and one.reason == "weak"}
    assert weak == {f"next {unit}" for unit in LOAD}


def unsteady() -> Door:
    """Nothing that wanders lies still for it."""
    return Door(DoorSettings("door-1", steady_db=0.1), Counters())


def stand(unit: str, from_t: float, to_t: float, every_s: float = 2.0) -> list[Sight]:
    """Inside, with a signal that wanders as that of things which people walk past."""
    rng = random.Random(unit)
    count = int((to_t - from_t) / every_s)
    return [(from_t + every_s * (n + rng.random() / 4), unit, "inside", rng.uniform(-72, -58)) for n in range(count)]


def test_what_stands_among_others_does_not_leave_them_on_little_evidence() -> None:
    """Two reads by the far side at the end of a long stay: enough for one that stands alone, not among others."""
    taken: list[Sight] = [*stand("x", 0, 41), (42.0, "x", "outside", -60.0), (43.9, "x", "outside", -62.0)]
    clear: list[Sight] = [(40.0 + 0.5 * n, "x", "outside", -58.0) for n in range(1, 8)]
    others = [sight for unit in LOAD for sight in stand(unit, 0, 60)]
    moved = [set(movements(play(story, unsteady()))) for story in (taken, [*taken, *others], [*taken, *clear, *others])]
    assert moved == [{"x"}, set(), {"x"}]
