"""The rule of a door, on reads that tell a story."""

from __future__ import annotations

import json
import random

import pytest

from edgegw.core.counters import Counters
from edgegw.core.door import MAX_OPEN, Door, DoorSettings
from edgegw.core.door.episode import MAX_GLIMPSES
from edgegw.core.identity import Identity
from edgegw.core.model import Movement, Passed, Side, TagRead

T = 1_800_000_000.0
UNIT = "https://id.gs1.org/01/09506000134352/21/1"
IDENTITY = Identity("unit", UNIT, "sgtin-96")


def read(t: float, rssi_dbm: float | None = -60.0, *, late: bool = False) -> TagRead:
    return TagRead("dock-1", 1, bytes(12), 96, T + t, rssi_dbm, late=late)


def door(**settings: float) -> tuple[Door, Counters]:
    counters = Counters()
    return Door(DoorSettings("door-1", "hall", "yard", **settings), counters), counters  # type: ignore[arg-type]


def play(door: Door, story: list[tuple[float, Side]], unit: str = UNIT) -> list[Movement | Passed]:
    decisions: list[Movement | Passed] = []
    for t, side in story:
        decisions += door.see(unit, IDENTITY, read(t), side, T + t)
    last = max(t for t, _ in story)
    return decisions + door.advance(T + last + door.settings.quiet_s, T + last + door.settings.quiet_s)


OUT: list[tuple[float, Side]] = [(0, "inside"), (0.5, "inside"), (1.0, "inside"), (1.5, "outside"), (2.0, "outside")]


def test_out_and_in() -> None:
    (movement,) = play(door()[0], OUT)
    assert isinstance(movement, Movement)
    assert (movement.direction, movement.origin, movement.place, movement.door) == ("out", "hall", "yard", "door-1")
    assert movement.t == pytest.approx(T + 1.125)
    assert movement.decided_t == T + 6.0
    assert movement.evidence.reads == 5
    mirrored: list[tuple[float, Side]] = [(t, "outside" if side == "inside" else "inside") for t, side in OUT]
    (movement,) = play(door()[0], mirrored)
    assert isinstance(movement, Movement)
    assert (movement.direction, movement.origin, movement.place) == ("in", "yard", "hall")


@pytest.mark.parametrize(
    ("story", "reason"),
    [
        ([(0, "inside"), (1, "inside")], "one-side"),
        ([(0, "inside"), (1, "outside"), (2, "inside")], "turned-back"),
        ([(0, "inside"), (0.1, "outside")], "no-order"),
        ([(t / 10, "inside" if t % 2 else "outside") for t in range(40)], "no-order"),
    ],
)
def test_no_movement_has_a_reason(story: list[tuple[float, Side]], reason: str) -> None:
    watched, counters = door()
    (passed,) = play(watched, story)
    assert isinstance(passed, Passed)
    assert passed.reason == reason
    assert counters.snapshot() == {"door-1": {reason: 1}}


def test_stronger_reads_weigh_more() -> None:
    """A faint echo of the other side at the beginning does not move the centre."""
    watched, _ = door(min_order_s=0.5)
    for t, rssi_dbm, side in [(0.0, -50, "inside"), (0.2, -50, "inside"), (0.3, -80, "outside"), (1.0, -50, "outside")]:
        watched.see(UNIT, IDENTITY, read(t, rssi_dbm), "inside" if side == "inside" else "outside", T + t)
    (movement,) = watched.advance(T + 9, T + 9)
    assert isinstance(movement, Movement)
    assert movement.t == pytest.approx(T + 0.55, abs=0.01)


def test_a_parked_tag_is_no_movement_however_long_it_stands() -> None:
    rng, (watched, counters) = random.Random(3), door()
    story: list[tuple[float, Side]] = [(t * 0.5, rng.choice(("inside", "outside"))) for t in range(7200)]
    decisions = play(watched, story)
    assert not [decision for decision in decisions if isinstance(decision, Movement)]
    assert counters.get("door-1", "parked") > 100


def test_a_tag_that_stood_and_then_goes_is_a_movement() -> None:
    story: list[tuple[float, Side]] = [(t * 0.5, "inside") for t in range(200)]
    story += [(100 + t * 0.5, "outside") for t in range(40)]
    movements = [decision for decision in play(door()[0], story) if isinstance(decision, Movement)]
    assert [movement.direction for movement in movements] == ["out"]


def test_two_passes_are_two_movements() -> None:
    watched, _ = door()
    back: list[tuple[float, Side]] = [(t + 20, "outside" if side == "inside" else "inside") for t, side in OUT]
    movements = play(watched, OUT) + play(watched, back)
    assert [movement.direction for movement in movements if isinstance(movement, Movement)] == ["out", "in"]


def test_silence_shown_by_a_later_read_decides_too() -> None:
    watched, _ = door()
    for t, side in OUT:
        watched.see(UNIT, IDENTITY, read(t), side, T + t)
    (movement,) = watched.see(UNIT, IDENTITY, read(10), "outside", T + 10)
    assert isinstance(movement, Movement)


def test_reports_after_the_decision_are_late_and_counted() -> None:
    watched, counters = door()
    play(watched, OUT)
    assert watched.see(UNIT, IDENTITY, read(1.2, late=True), "inside", T + 60) == []
    assert counters.get("door-1", "late") == 1
    assert watched.units_in_view == 0


def test_reads_out_of_order_make_the_same_movement() -> None:
    expected = play(door()[0], OUT)[0]
    shuffled = [OUT[2], OUT[4], OUT[0], OUT[3], OUT[1]]
    (movement,) = play(door()[0], shuffled)
    assert isinstance(movement, Movement)
    assert isinstance(expected, Movement)
    assert (movement.direction, movement.evidence.reads) == (expected.direction, expected.evidence.reads)
    assert movement.t == pytest.approx(expected.t, abs=1e-5)


def test_reads_without_rssi_are_enough() -> None:
    watched, _ = door()
    for t, side in OUT:
        watched.see(UNIT, IDENTITY, read(t, None), side, T + t)
    (movement,) = watched.advance(T + 9, T + 9)
    assert isinstance(movement, Movement)
    assert movement.evidence.peak_rssi_dbm is None


def test_a_side_whose_reads_were_crowded_out_has_seen_nothing() -> None:
    """One glimpse outside, and more inside than an episode holds."""
    story: list[tuple[float, Side]] = [(0, "outside"), *((1 + n * 0.3, "inside") for n in range(2 * MAX_GLIMPSES))]
    watched, counters = door(max_open_s=3600)
    (passed,) = play(watched, story)
    assert isinstance(passed, Passed)
    assert counters.snapshot() == {"door-1": {"one-side": 1}}


def test_an_episode_of_the_future_is_refused() -> None:
    before, _ = door()
    before.see(UNIT, IDENTITY, read(100), "inside", T + 100)
    (state,) = before.take_changed().whole.values()
    assert state is not None
    with pytest.raises(ValueError, match="set back"):
        door()[0].restore(UNIT, state, lambda _: IDENTITY, T)


@pytest.mark.parametrize("state", ["", "null", "[]", "{}", '{"read": 1}', json.dumps({"read": [1] * 8})])
def test_a_state_that_is_none_is_refused(state: str) -> None:
    with pytest.raises(ValueError):
        door()[0].restore(UNIT, state, lambda _: IDENTITY, T)


def test_memory_is_bounded() -> None:
    watched, counters = door()
    for number in range(MAX_OPEN + 100):
        watched.see(f"urn:epc:raw:96.x{number:024X}", IDENTITY, read(number / 1000), "inside", T)
    assert watched.units_in_view == MAX_OPEN
    assert counters.get("door-1", "crowded") == 100
