"""What photo-eyes know of a passage, and how much they are believed."""

from __future__ import annotations

import pytest

from edgegw.core.door.beam import APART_S, DEAD, PASS_S, STUCK_S, Beams
from edgegw.core.model import Side

T = 1_800_000_000.0
I, O = "inside", "outside"  # noqa: E741 - the two beams
Story = list[tuple[str, float, float]]
"""Which beam was interrupted, from when to when."""

OUT: Story = [(I, 0.0, 1.5), (O, 0.5, 2.0)]
IN: Story = [(O, 0.0, 1.5), (I, 0.5, 2.0)]
BACK: Story = [(I, 0.0, 3.0), (O, 0.8, 2.0)]


def side(name: str) -> Side:
    return "inside" if name == I else "outside"


def beams(story: Story, wired: tuple[str, ...] = (I, O)) -> Beams:
    made = Beams([side(name) for name in wired])
    changes = [(at, name, interrupted) for name, a, b in story for at, interrupted in ((a, True), (b, False))]
    for at, name, interrupted in sorted(changes):
        made.see(side(name), interrupted, T + at)
    return made


def far_apart(story: Story) -> Story:
    """A short load between beams that are further apart than it is long."""
    return [(name, 2 * n, 2 * n + 0.5) for n, (name, _, _) in enumerate(story)]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (OUT, I),
        (IN, O),
        (far_apart(OUT), I),
        (far_apart(IN), O),
        (BACK, None),
        ([(I, 0.0, 1.0)], None),
        ([], None),
        ([*OUT, *[(name, a + 2.2, b + 2.2) for name, a, b in OUT]], I),
        ([(I, 0.0, 0.5), (O, PASS_S + 1, PASS_S + 2)], None),
    ],
    ids=["out", "in", "out, far", "in, far", "back", "peek", "nothing", "two behind each other", "nothing to do"],
)
def test_two_beams_say_what_went_through_and_which_way(story: Story, expected: str | None) -> None:
    made = beams(story)
    assert made.judge("inside", T - 5, T + 8) == (side(expected) if expected else None)
    assert made.judge("outside", T - 5, T + 8) == (side(expected) if expected else None)


def test_traffic_both_ways_leaves_the_direction_to_the_tags() -> None:
    made = beams([*OUT, *[(name, a + 3, b + 3) for name, a, b in IN]])
    assert made.judge("inside", T - 5, T + 8) == "inside"
    assert made.judge("outside", T - 5, T + 8) == "outside"


@pytest.mark.parametrize("wired", [(I,), (O,)])
def test_one_beam_says_whether_anything_went_through(wired: tuple[str, ...]) -> None:
    made = beams([(wired[0], 0.0, 1.0)], wired)
    assert made.judge("outside", T - 1, T + 1) == "outside"
    assert made.judge("inside", T + 1.5, T + 5) is None


def test_what_stands_in_the_door_now_may_have_crossed() -> None:
    made = beams([])
    made.see("inside", True, T)
    assert made.judge("outside", T + 20, T + 25) == "outside"


def test_what_came_out_of_order_is_understood() -> None:
    """The two beams hang on two readers, and one of them tells later."""
    made = beams([])
    for name, at, interrupted in ((O, 0.5, True), (O, 2.0, False), (I, 0.0, True), (I, 1.5, False)):
        made.see(side(name), interrupted, T + at)
    assert made.judge("outside", T, T + 2) == "inside"


def test_a_beam_that_is_told_to_be_as_it_was_has_not_changed() -> None:
    made = beams([])
    made.see("inside", False, T)
    assert made.intervals(T - 1, T + 1) == []


def miss(made: Beams, at: float, weight: int = 1) -> None:
    made.miss(T + at - 3, T + at + 3, T + at, weight)


def test_a_dead_beam_is_noticed_and_left_out_until_it_changes() -> None:
    """Two loads went through; the outer beam saw none of them."""
    made = beams([(I, at, at + 1) for at in (0.0, 20.0, 40.0)])
    for at in (0.0, 20.0):
        assert made.judge("inside", T + at - 3, T + at + 3) is None
        miss(made, at)
    assert made.faults(T + 30) == {}
    miss(made, 40.0)
    assert "silent while goods crossed" in made.faults(T + 41)["outside"]
    assert made.judge("inside", T + 37, T + 43) == "inside"
    assert made.judge("inside", T + 50, T + 55) is None
    made.see("outside", True, T + 60)
    assert made.faults(T + 61) == {}


def test_a_load_outweighs_a_silent_beam_at_once() -> None:
    made = beams([])
    miss(made, 0.0, DEAD)
    assert made.working == set()
    assert made.judge("outside", T - 3, T + 3) == "outside"


def test_units_that_cross_together_are_missed_once() -> None:
    made = beams([])
    for n in range(10):
        miss(made, n * APART_S / 10)
    assert made.faults(T) == {}


def test_a_beam_that_sees_something_now_and_then_is_not_dead() -> None:
    made = beams([], (I,))
    for n in range(20):
        miss(made, 20.0 * n)
        made.see("inside", n % 2 == 0, T + 20 * n + 10)
        assert made.faults(T + 20 * n + 11) == {}


def test_a_stuck_beam_is_left_out_until_it_clears() -> None:
    made = beams(OUT)
    made.see("outside", True, T + 100)
    assert made.faults(T + 99 + STUCK_S) == {}
    assert "stuck" in made.faults(T + 100 + STUCK_S)["outside"]
    assert made.working == {"inside"}
    made.see("outside", False, T + 200 + STUCK_S)
    assert made.faults(T + 201 + STUCK_S) == {}


def test_memory_is_bounded() -> None:
    made = beams([], (I,))
    for n in range(10_000):
        made.see("inside", n % 2 == 0, T + n)
    assert len(made.intervals(T, T + 10_000)) < 200
