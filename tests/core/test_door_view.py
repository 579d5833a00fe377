"""Who is looked at next, and who is in view."""

from __future__ import annotations

from edgegw.core.door.episode import Episode
from edgegw.core.door.known import Known
from edgegw.core.door.view import InView, View
from tests.core.test_door import IDENTITY, T, read


def entered(view: View, unit: str) -> InView:
    one = InView(unit, IDENTITY, Episode(read(0)), Known(T))
    one.add(read(0), "inside")
    view.enter(one)
    return one


def taken(view: View, through_t: float) -> list[str]:
    found = []
    while one := view.take_due(through_t):
        found.append(one.unit)
    return found


def test_whoever_is_due_is_taken_once_the_earliest_first() -> None:
    view = View()
    a, b, c = (entered(view, unit) for unit in "abc")
    for one, t in ((a, 5.0), (b, 3.0), (c, 9.0), (a, 2.0), (b, 4.0)):
        view.look_at(one, t)
    assert taken(view, 3.0) == ["a", "b"]
    assert view.next_due is c
    assert taken(view, 8.0) == []
    view.look_at(a, 5.0)
    assert taken(view, 9.0) == ["a", "c"]


def test_whoever_has_left_is_not_due_nor_one_that_came_back_under_the_same_name() -> None:
    view = View()
    one = entered(view, "a")
    view.look_at(one, 3.0)
    view.leave(one)
    assert view.next_due is None
    again = entered(view, "a")
    view.look_at(again, 7.0)
    assert taken(view, 6.0) == []
    assert taken(view, 7.0) == ["a"]


def test_pairs_are_those_that_both_sides_saw() -> None:
    view = View()
    one, other = entered(view, "a"), entered(view, "b")
    one.add(read(8), "outside")
    view.hear(one)
    assert [*view.pairs] == ["a"]
    assert view.latest(1) == [one]
    one.episode.forget_before(T + 5)
    view.pair(one)
    assert not view.pairs
    view.leave(one)
    assert view.latest(2) == [other]


def test_a_lineup_holds_until_something_is_heard() -> None:
    view = View()
    one = entered(view, "a")
    before = view.line_up(lambda _: None)
    assert view.line_up(lambda _: None) is before
    view.hear(one)
    assert view.line_up(lambda _: None) is not before
