"""Units that stay in view between two crossings, and doors that decide early."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest

from edgegw.core.counters import Counters
from edgegw.core.door import Door, DoorSettings
from edgegw.core.identity import Identity
from edgegw.core.model import Movement, Passed, Side, TagRead

T = 1_800_000_000.0
IDENTITY = Identity("unit", "https://id.gs1.org/01/09506000134352/21/1", "sgtin-96")
Path = list[tuple[float, float]]
"""When, how far outside of the door in metres (negative: inside); a straight walk in between."""


def reads(path: Path, seed: int, per_s: float = 10.0) -> Iterable[tuple[float, Side, float]]:
    """What two antennas on each side read of a tag on its way: louder and more often the nearer it is to them."""
    rng = random.Random(seed)
    for (t0, x0), (t1, x1) in pairwise(path):
        for n in range(round((t1 - t0) * per_s)):
            t = t0 + (n + rng.random()) / per_s
            x = x0 + (x1 - x0) * (t - t0) / (t1 - t0)
            side: Side = rng.choice(("inside", "outside"))
            beyond_m = x if side == "inside" else -x
            dbm = -57.0 - 4.0 * abs(x) - 9.0 * max(0.0, beyond_m) + rng.gauss(0.0, 2.0)
            if dbm > -72.0:
                yield t, side, dbm


def play(path: Path, seed: int = 1, *, early: bool = False) -> list[Movement | Passed]:
    door, decided = Door(DoorSettings("door-1", early=early), Counters()), list[Movement | Passed]()

    def until(t: float) -> None:
        while (due_t := door.due_t) is not None and due_t <= t:
            decided.extend(door.advance(due_t, due_t))

    for t, side, dbm in reads(path, seed):
        until(T + t)
        antenna = 1 if side == "inside" else 2
        decided += door.see(
            IDENTITY.unit, IDENTITY, TagRead("dock-1", antenna, b"\1" * 12, 96, T + t, dbm), side, T + t
        )
    until(T + path[-1][0] + 60)
    return decided


def crossed(decided: Iterable[Movement | Passed]) -> list[str | None]:
    return [one.direction for one in decided if isinstance(one, Movement)]


THROUGH: Path = [(0, -3), (5, 3)]


@pytest.mark.parametrize("seed", range(10))
def test_a_stop_in_the_portal_is_one_movement_if_any(seed: int) -> None:
    """What stands between the sides for longer than max_open_s is often lost; it never goes twice, or the wrong way."""
    stop: Path = [(0, -3), (2.5, -0.2), (22.5, 0.2), (25, 3)]
    assert crossed(play(stop, seed)) in ([], ["out"])


@pytest.mark.parametrize("seed", range(10))
def test_a_stop_in_the_portal_before_going_back_is_none(seed: int) -> None:
    back: Path = [(0, -3), (2.5, -0.3), (22.5, -0.3), (25, -3)]
    assert crossed(play(back, seed)) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_short_shuttle_is_a_movement_each_time(seed: int) -> None:
    """Two metres to each side, in view all the time."""
    shuttle: Path = [(0, -2), (10, -2), (13, 2), (23, 2), (26, -2), (36, -2), (39, 2), (49, 2)]
    assert crossed(play(shuttle, seed)) == ["out", "in", "out"]


def waited_s(early: bool) -> float:
    (movement,) = (one for one in play(THROUGH, early=early) if isinstance(one, Movement))
    return movement.decided_t - movement.t


def test_early_is_sooner() -> None:
    assert waited_s(early=False) == pytest.approx(4.0, abs=0.3)
    assert waited_s(early=True) < 2.5


def test_early_waits_while_the_old_side_still_hears_it() -> None:
    lingering: Path = [(0, -3), (3, 0.2), (8, 0.3), (10.5, -3)]
    assert crossed(play(lingering, early=True)) == []


def test_the_price_of_early_is_what_looks_in_and_goes_back() -> None:
    """Three seconds on the other side are a movement there and back, where patience sees none."""
    peek: Path = [(0, -3), (3, 1.5), (5.5, 1.5), (8.5, -3)]
    assert crossed(play(peek)) == []
    assert crossed(play(peek, early=True)) == ["out", "in"]
