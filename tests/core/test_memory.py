"""What the pipeline remembers: bounded, on corrected time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgegw.core.dedupe import Dedupe
from edgegw.core.watermark import HOLD_S, SETTLE_S, Watermarks
from edgegw.core.whereabouts import Whereabout, Whereabouts


def test_a_unit_in_view_is_first_once() -> None:
    seen = Dedupe(repeat_s=2)
    verdicts = [seen.judge("u", float(t)) for t in range(100)]
    assert verdicts == ["first"] + ["repeat"] * 99
    assert seen.judge("u", 101.5) == "first"


def test_late_is_before_the_first() -> None:
    seen = Dedupe(repeat_s=2)
    seen.judge("u", 100)
    assert seen.judge("u", 99.9) == "late"
    assert seen.judge("u", 100) == "repeat"


def test_dedupe_forgets_the_unit_read_longest_ago() -> None:
    seen = Dedupe(repeat_s=1000, max_units=2)
    for unit in "abac":
        seen.judge(unit, 1.0)
    assert seen.judge("a", 2.0) == "repeat"
    assert seen.judge("b", 2.0) == "first"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=50))
def test_every_read_has_a_verdict_and_units_do_not_mix(reads: list[tuple[str, float]]) -> None:
    together = Dedupe(repeat_s=5)
    alone = {unit: Dedupe(repeat_s=5) for unit in "abc"}
    for unit, t in reads:
        assert together.judge(unit, t) == alone[unit].judge(unit, t)


def test_whereabouts_know_the_last_place() -> None:
    known = Whereabouts(max_units=2)
    assert known.move("u", Whereabout("packing", "packing", 1)) is None
    assert known.move("u", Whereabout("yard", "door-1", 2)) == "packing"
    assert known.move("u", Whereabout("packing", "packing", 1.5)) == "yard"
    assert known.place_of("u") == "yard"
    assert known.take_changed() == {"u": Whereabout("yard", "door-1", 2)}
    assert known.take_changed() == {}
    for unit in "vw":
        known.restore(unit, Whereabout("x", "x", 3))
    assert known.place_of("u") is None


def test_watermarks_follow_the_links() -> None:
    marks = Watermarks()
    assert marks.through(["a"], 1000) == 1000 - HOLD_S
    marks.up("a", 1000)
    assert marks.through(["a"], 1000) == 0
    assert marks.through(["a"], 1000 + SETTLE_S) == 1000 + SETTLE_S
    marks.down("a", 1010)
    assert marks.through(["a"], 1050) == 1010
    assert marks.through(["a"], 1010 + HOLD_S + 5) == 1015
    assert marks.through([], 7) == 7


def test_a_backlog_holds_the_watermark_at_its_own_time() -> None:
    marks = Watermarks()
    marks.up("a", 0)
    marks.up("b", 0)
    marks.late("a", 60.0, 100.0)
    assert marks.through(["a", "b"], 100.5) == 60.0
    marks.late("a", 70.0, 101.0)
    assert marks.through(["a", "b"], 101.5) == 70.0
    assert marks.through(["a", "b"], 102.0) == 102.0


def test_an_hour_of_backlog_is_waited_for_but_not_for_ever() -> None:
    """Silence may not part what a reader saw while the network was away for longer than HOLD_S."""
    marks = Watermarks()
    marks.up("a", 0.0)
    marks.down("a", 10.0)
    marks.up("a", 3600.0)
    now = 3600.0
    while now < 3600.0 + HOLD_S:
        marks.late("a", now - 3500.0, now)
        assert marks.through(["a"], now) == now - 3500.0
        now += SETTLE_S / 2
    marks.late("a", now - 3500.0, now)
    assert marks.through(["a"], now + 0.5) == now + 0.5 - HOLD_S


def test_what_came_while_nobody_listened_is_still_to_be_heard() -> None:
    marks = Watermarks()
    marks.up("settled", 0.0)
    marks.up("backlog", 0.0)
    marks.late("backlog", 5.0, 99.5)
    marks.deaf(100.0, 150.0)
    assert marks.through(["settled"], 150.5) == 100.0
    assert marks.through(["backlog"], 150.5) == 5.0
    marks.deaf(100.0, 150.8)
    assert marks.through(["settled"], 151.5) == 100.0
    marks.down("settled", 151.6)
    assert marks.through(["settled"], 151.6) == 100.0
    assert marks.through(["backlog"], 151.8) == 151.8
