"""What crosses together is told together: complete, once, and after a crash too."""

from __future__ import annotations

import pytest

from edgegw.core.door import DoorSettings
from edgegw.core.identity import Identity
from edgegw.core.model import Direction, Evidence, LoadVote, Movement, Passage, Why
from edgegw.core.passage import MAX_UNITS, MAX_WAITING, PATIENCE, SETTLE_S, Passages

T = 1_800_000_000.0
DOOR = DoorSettings("door-1", "hall", "yard", "0614141000012", quiet_s=4.0)
SSCC = "https://id.gs1.org/00/095060001343520017"


def movement(
    unit: str, t: float, direction: Direction = "out", decided: float | None = None, load_t: float | None = None
) -> Movement:
    key = (("00", unit[-18:]),) if "/00/" in unit else (("01", "09506000134352"), ("21", unit))
    places = ("hall", "yard") if direction == "out" else ("yard", "hall")
    vote = LoadVote(T + load_t, 5, 5) if load_t is not None else None
    return Movement(
        Identity("unit", unit, "sgtin-96", key), T + t, T + (t + 4 if decided is None else decided), *places,
        Evidence("", 1, (), T + t, T + t), "door-1", direction, why=Why("crossed", load=vote),
    )  # fmt: skip


def passages(*movements: Movement) -> Passages:
    made = Passages(DOOR)
    for number, one in enumerate(movements, 1):
        made.add(one, number)
    return made


def advance(made: Passages, t: float, *, weighing: bool = False) -> list[Passage]:
    return made.advance(T + t, T + t, lambda _: weighing)


def units(passage: Passage) -> list[str]:
    return [one.unit for one in passage.crossings]


def test_what_crossed_together_is_one_passage_with_its_pallet() -> None:
    made = passages(movement("a", 10.0), movement(SSCC, 10.4), movement("b", 9.2))
    assert made.due_t == T + 13.2 + SETTLE_S
    assert advance(made, 14.0) == []
    (passage,) = advance(made, 15.5)
    assert units(passage) == ["b", "a", SSCC]
    assert [one.number for one in passage.crossings] == [3, 1, 2]
    assert (passage.door, passage.number, passage.direction, passage.origin, passage.place, passage.location) == (
        "door-1", 1, "out", "hall", "yard", "0614141000012",
    )  # fmt: skip
    assert (passage.first_t, passage.last_t, passage.decided_t) == (T + 9.2, T + 10.4, T + 15.5)
    assert (passage.total, passage.part, passage.parts, passage.pallet) == (3, 1, 1, SSCC)
    assert passage.ssccs == (SSCC,)
    assert advance(made, 99.0) == []


def test_two_pallets_in_one_passage_are_listed_and_neither_is_it() -> None:
    other = SSCC[:-1] + "0"
    (passage,) = advance(passages(movement(SSCC, 10.0), movement(other, 10.1)), 60.0)
    assert passage.pallet is None
    assert passage.ssccs == (SSCC, other)


def test_a_unit_alone_is_a_passage_of_one() -> None:
    (passage,) = advance(passages(movement("a", 10.0, "in")), 60.0)
    assert (units(passage), passage.origin, passage.place, passage.pallet) == (["a"], "yard", "hall", None)


@pytest.mark.parametrize(
    ("crossings", "expected"),
    [
        ([("a", 10.0, "out"), ("b", 10.5, "in")], [["b"], ["a"]]),
        ([("a", 10.0, "out"), ("b", 14.0, "out")], [["a"], ["b"]]),
        ([("a", 10.0, "out"), ("b", 11.0, "out"), ("c", 12.0, "out"), ("d", 13.4, "out")], [["a", "b", "c", "d"]]),
        ([("a", 10.0, "out"), ("b", 10.5, "out"), ("c", 14.0, "out"), ("d", 14.5, "out")], [["a", "b"], ["c", "d"]]),
        ([("a", 10.0, "out"), ("a", 11.0, "out")], [["a"], ["a"]]),
    ],
    ids=["both ways", "one after the other", "a long load", "two loads close together", "one unit twice"],
)
def test_who_belongs_together(crossings: list[tuple[str, float, Direction]], expected: list[list[str]]) -> None:
    made = passages(*(movement(unit, t, direction) for unit, t, direction in crossings))
    assert [units(one) for one in advance(made, 60.0)] == expected


def test_what_a_load_voted_for_belongs_to_the_load() -> None:
    """Its own reads would put it elsewhere."""
    made = passages(movement("a", 10.0, load_t=10.0), movement("b", 14.5, load_t=10.0))
    assert [units(one) for one in advance(made, 60.0)] == [["a", "b"]]


def test_it_waits_for_what_is_still_being_weighed_but_not_for_ever() -> None:
    made = passages(movement("a", 10.0))
    assert advance(made, 15.5, weighing=True) == []
    made.add(movement("late", 10.5, decided=20.0), 2)
    assert advance(made, 20.5) == []
    (passage,) = advance(made, 21.0)
    assert units(passage) == ["a", "late"]

    made = passages(movement("a", 10.0))
    until = 14.0 + PATIENCE * DOOR.quiet_s
    assert advance(made, until - 0.1, weighing=True) == []
    assert made.due_t == pytest.approx(T + until)
    assert len(advance(made, until, weighing=True)) == 1
    made.add(movement("too late", 10.5, decided=until + 3), 2)
    (own,) = advance(made, until + 10)
    assert units(own) == ["too late"]


def test_a_long_list_comes_in_parts_that_name_the_same_passage() -> None:
    count = 2 * MAX_UNITS + 1
    made = passages(*(movement(f"u{n:04}", 10.0 + n / 1000) for n in range(count)), movement(SSCC, 9.9))
    parts = advance(made, 60.0)
    assert [(one.part, one.parts, len(one.crossings)) for one in parts] == [(1, 3, 500), (2, 3, 500), (3, 3, 2)]
    assert {(one.number, one.total, one.pallet, one.first_t, one.last_t) for one in parts} == {
        (1, count + 1, SSCC, T + 9.9, T + 11.0)
    }
    assert [one.ssccs for one in parts] == [(SSCC,), (), ()]
    assert len({unit for one in parts for unit in units(one)}) == count + 1


@pytest.mark.parametrize("crash_after", range(1, 4))
def test_no_passage_is_lost_or_doubled_by_a_crash(crash_after: int) -> None:
    story = [movement("a", 10.0), movement(SSCC, 10.4), movement("b", 11.2)]
    expected = advance(passages(*story), 60.0)
    before = passages(*story[:crash_after])
    saved = before.take_changed()
    assert before.take_changed() == {}
    after = Passages(DOOR)
    for number, state in saved.items():
        assert state is not None
        after.restore(number, state, T + 20)
    for later, one in enumerate(story[crash_after:], crash_after + 1):
        after.add(one, later)
    assert advance(after, 60.0) == expected
    assert after.take_changed() == {"1": None, "2": None, "3": None}


@pytest.mark.parametrize(
    "state", ["", "{", "null", "[]", "[1]", '["u",1,1,"up",1,false]', '["u","x",1,"in",1,false]'], ids=str
)
def test_a_state_that_is_none_is_refused(state: str) -> None:
    with pytest.raises(ValueError):
        Passages(DOOR).restore("1", state, T)


def test_a_crossing_of_the_future_is_not_waited_for() -> None:
    """Written under a wrong clock, since set back."""
    (state,) = passages(movement("a", 1e6)).take_changed().values()
    assert state is not None
    made = Passages(DOOR)
    made.restore("1", state, T)
    assert len(advance(made, 60.0)) == 1


def test_memory_is_bounded() -> None:
    made = passages(*(movement(f"u{n}", 10.0) for n in range(MAX_WAITING + 1)))
    parts = advance(made, 15.0, weighing=True)
    assert sum(len(one.crossings) for one in parts) == MAX_WAITING + 1
