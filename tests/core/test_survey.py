"""What a recording tells about a door."""

from __future__ import annotations

import pytest

from edgegw.core.door.order import OTHER
from edgegw.core.identity import Identity
from edgegw.core.model import (
    AtStation,
    Direction,
    DoorSide,
    Evidence,
    Heard,
    Movement,
    Passed,
    ReadPoint,
    Side,
    SideSight,
    TagRead,
    Why,
)
from edgegw.core.survey import Ear, Ears, Outcome, compared, is_better, passes

T = 1_800_000_000.0
POINTS: dict[tuple[str, int], ReadPoint] = {
    ("dock-1", 1): DoorSide("door-1", "inside"),
    ("dock-1", 2): DoorSide("door-1", "outside"),
    ("dock-1", 3): DoorSide("door-2", "inside"),
    ("table", 0): AtStation("packing"),
    ("gate", 0): DoorSide("door-1", "outside"),
}


def heard(*story: tuple[float, Side]) -> tuple[Heard, ...]:
    return tuple(Heard(T + t, side, 2, -60.0) for t, side in story)


def evidence(t: float, reads: int = 4) -> Evidence:
    return Evidence("3066C4409047E140075BCD15", reads, ("dock-1/1",), T + t - 1, T + t + 1)


def moved(t: float, direction: Direction = "out", unit: str = "u", order_s: float = 2.0, reads: int = 4) -> Movement:
    first: Side = "inside" if direction == "out" else "outside"
    then = OTHER[first]
    story = heard((t - 2, first), (t - 0.5, first), (t + 0.5, then), (t + 2, then))
    why = Why("crossed", SideSight(2, T + t, -60.0), SideSight(2, T + t, -70.0), order_s, heard=story)
    identity = Identity("unit", unit, "")
    return Movement(
        identity, T + t, T + t + 4, "a", "b", evidence(t, reads), door="door-1", direction=direction, why=why
    )


def lay(t: float, unit: str = "u", side: Side = "inside", reason: str = "parked") -> Passed:
    why = Why(reason, SideSight(2, T + t), spread_db=1.0, steady_db=1.3, heard=heard((t - 1, side), (t, side)))
    return Passed(Identity("unit", unit, ""), T + t, T + t, "door-1", reason, evidence(t), why)


def outcome(*decisions: Movement | Passed) -> Outcome:
    return Outcome(
        tuple(one for one in decisions if isinstance(one, Movement)),
        tuple(one for one in decisions if isinstance(one, Passed)),
    )


def test_ears_count_by_antenna() -> None:
    ears = Ears(POINTS)
    heard_by = [("dock-1", 1), ("dock-1", 1), ("dock-1", 3), ("dock-1", 9), ("table", 4), ("gate", 2)]
    reads = [
        TagRead(reader, antenna, b"\x30" * 12, 96, T + n, None if n else -60.0, late=n == 5)
        for n, (reader, antenna) in enumerate(heard_by)
    ]
    assert list(ears.listen(reads)) == reads
    assert (ears.total, ears.late, ears.without_rssi, ears.span_s) == (6, 1, 5, 5.0)
    assert ears.by_antenna("door-1") == {
        "dock-1/1": Ear(2, DoorSide("door-1", "inside")),
        "dock-1/2": Ear(0, DoorSide("door-1", "outside")),
        "dock-1/9": Ear(1, None),
        "gate/2": Ear(1, DoorSide("door-1", "outside")),
    }
    assert ears.reads_at("door-1") == 3
    assert ears.by_tag("door-1") == {"30" * 12: 3}
    assert Ears(POINTS).span_s == 0


def test_twice_the_same_way_is_doubtful() -> None:
    there, back, there_again, again = moved(0, "out"), moved(50, "in"), moved(80, "out"), moved(100, "out")
    assert outcome(there, back, there_again, again, moved(100, "out", "v")).doubtful() == [again]


def test_lying_on_the_same_side_before_and_after_is_doubtful() -> None:
    stray = moved(10)
    assert outcome(lay(0), stray, lay(20)).doubtful() == [stray]
    assert not outcome(lay(0), stray, lay(20, side="outside")).doubtful()
    assert not outcome(lay(0), stray, lay(100)).doubtful()
    assert not outcome(lay(0), stray).doubtful()
    assert not outcome(lay(0), stray, lay(20, unit="v")).doubtful()


def test_what_lies_there() -> None:
    found = outcome(
        *(lay(t, "long") for t in range(0, 80, 6)),
        *(lay(t, "short") for t in range(0, 40, 6)),
        *(lay(t, "yard", "outside", "steady") for t in (0, 70)),
        *(lay(t, "passer", reason="one-side") for t in range(0, 80, 6)),
    )
    long, yard = found.lying()
    assert (long.unit, long.side, long.spread_db) == ("long", "inside", 1.0)
    assert long.seen_s == pytest.approx(80)
    assert (yard.unit, yard.side) == ("yard", "outside")
    assert found.steady_db() == 1.3
    assert outcome(moved(0)).steady_db() is None


def test_counts_and_seconds() -> None:
    found = outcome(moved(0), moved(50, "in"), moved(99, "out", "v"), lay(3))
    assert (found.directions(), found.reasons()) == ({"out": 2, "in": 1}, {"parked": 1})
    assert found.told_after_s() == 4.0
    assert outcome().told_after_s() is None


def sooner(one: Movement, by_s: float) -> Movement:
    return one._replace(decided_t=one.decided_t - by_s)


def test_what_two_settings_decide_is_compared() -> None:
    now = outcome(moved(0), moved(50, "in"), moved(80))
    then = outcome(moved(2), moved(50, "out"), moved(80, unit="v"))
    lost, won = compared(now, then)
    assert [(one.t - T, one.direction) for one in lost] == [(50, "in"), (80, "out")]
    assert [(one.t - T, one.direction) for one in won] == [(50, "out"), (80, "out")]


def test_better_is_fewer_doubts_and_nothing_lost() -> None:
    good, stray = moved(0), moved(100)
    now = outcome(good, lay(90), stray, lay(110))
    assert is_better(now, outcome(good, lay(90), lay(110)))
    assert not is_better(now, outcome(stray, lay(90), lay(110)))
    assert not is_better(now, now)


def test_better_is_sooner() -> None:
    now = outcome(moved(0), moved(50, "in"))
    assert is_better(now, outcome(*(sooner(one, 1.0) for one in now.movements)))
    assert not is_better(now, outcome(*(sooner(one, 0.3) for one in now.movements)))
    assert not is_better(now, outcome(sooner(now.movements[0], 1.0)))
    more_doubt = outcome(*(sooner(one, 1.0) for one in now.movements), sooner(moved(70, "in"), 1.0))
    assert not is_better(now, more_doubt)


def test_passes_that_are_as_they_should_be() -> None:
    found = passes([moved(t, "in") for t in range(0, 100, 10)] + [moved(t, "out") for t in range(0, 100, 10)])
    assert found
    assert (found.crossings, found.reads, found.one_sided, found.wrong_side) == (20, 4, 0, 0)
    assert found.side_reads == {"inside": 80, "outside": 80}
    assert found.peak_dbm == {"inside": -60.0, "outside": -70.0}
    assert found.gap_s == 1.5


def test_reads_by_the_wrong_side_and_by_one_side_only() -> None:
    one = moved(0)
    assert one.why
    confused = one._replace(why=one.why._replace(heard=heard((-2, "outside"), (-0.5, "outside"), (2, "outside"))))
    blind = one._replace(why=one.why._replace(inside=None))
    found = passes([confused, blind, blind, blind])
    assert found
    assert (found.wrong_side, found.one_sided) == (0.5, 0.75)
    assert passes([blind]) is None
    assert passes([]) is None


@pytest.mark.parametrize("skew_s", [0.0, 0.6, -0.6])
def test_a_clock_that_is_late_shifts_both_ways_alike(skew_s: float) -> None:
    outs = [moved(n, "out", order_s=2.0 + skew_s) for n in range(5)]
    ins = [moved(n, "in", order_s=-2.0 + skew_s) for n in range(5)]
    found = passes(outs + ins)
    assert found
    assert found.skew_s == pytest.approx(skew_s)
    one_way = passes(outs + ins[:4])
    assert one_way
    assert one_way.skew_s is None
