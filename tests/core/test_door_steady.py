"""What still means at a door, learned from its own tags."""

from __future__ import annotations

import random
from statistics import median

import pytest

from edgegw.core.door.steady import FACTOR, MAX_TAUGHT, UNLEARNED_DB, Threshold


def test_nothing_is_learned_from_a_few() -> None:
    threshold = Threshold()
    for n in range(4):
        threshold.lies(f"u{n}", 3.0)
    assert threshold.db == UNLEARNED_DB


def test_the_units_that_taught_last_count_each_once() -> None:
    rng, threshold, spreads = random.Random(4), Threshold(), dict[str, float]()
    for _ in range(3000):
        unit, spread_db = f"u{rng.randrange(400)}", rng.choice((0.5, rng.uniform(0.1, 4.0)))
        threshold.lies(unit, spread_db)
        spreads.pop(unit, None)
        spreads[unit] = spread_db
        if len(spreads) >= 5:
            assert threshold.db == pytest.approx(FACTOR * median([*spreads.values()][-MAX_TAUGHT:]))


def test_what_crosses_lies_no_more() -> None:
    threshold = Threshold()
    for n in range(9):
        threshold.lies(f"u{n}", 1.0)
    for n in range(5):
        threshold.moved(f"u{n}", 4.0)
    assert threshold.db == UNLEARNED_DB * 2
