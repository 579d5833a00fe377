"""The order in which two sides saw one unit, from its reads alone."""

from __future__ import annotations

import random

import pytest

from edgegw.core.door.episode import Episode
from edgegw.core.door.glimpse import Glimpse, add_up
from edgegw.core.door.order import has_left, may_cross, weigh
from edgegw.core.model import Side, TagRead


def glimpses(*sights: tuple[float, Side, float]) -> list[Glimpse]:
    return [Glimpse(t, side, 10 ** ((dbm + 60) / 10), 1, dbm) for t, side, dbm in sights]


SPARSE = glimpses((0, "inside", -65), (1.8, "inside", -62), (3.6, "outside", -61), (5.4, "outside", -64))


@pytest.mark.parametrize(("now", "left"), [(5.5, False), (6.5, False), (7.7, False), (7.9, True)])
def test_what_is_read_every_two_seconds_has_not_left_after_one(now: float, left: bool) -> None:
    assert has_left(SPARSE, "inside", now) is left


def test_what_is_read_often_has_left_soon() -> None:
    dense = glimpses(*((n / 5, "inside" if n < 10 else "outside", -60.0) for n in range(20)))
    assert not has_left(dense, "inside", 4.0)
    assert has_left(dense, "inside", 4.85)


def test_what_is_heard_at_half_the_distance_and_then_at_twice_has_left() -> None:
    fading = glimpses((0, "inside", -60), (1, "outside", -60), (2, "outside", -66), (4, "outside", -67))
    assert not has_left(fading, "inside", 2.0)
    assert has_left(fading, "inside", 4.0)


def test_centre_and_variance_are_weighted_by_power() -> None:
    found = add_up(glimpses((10, "inside", -60), (11, "outside", -50), (14, "inside", -54)), "inside")
    assert found is not None
    louder = 10**0.6
    centre_t = (10 + 14 * louder) / (1 + louder)
    assert found.centre_t == pytest.approx(centre_t)
    assert found.variance_s2 == pytest.approx(((10 - centre_t) ** 2 + louder * (14 - centre_t) ** 2) / (1 + louder))
    assert (found.reads, found.peak_dbm) == (2, -54)


def test_a_side_that_hears_the_other_way_as_well_makes_no_clear_crossing() -> None:
    assert weigh(SPARSE, 0.4).origin == "inside"
    mixed = glimpses((0, "outside", -60), (1.8, "inside", -62), (3.6, "outside", -61), (5.4, "inside", -75))
    assert weigh(mixed, 0.4).origin is None


def an_episode(rng: random.Random, p_inside: tuple[float, float]) -> Episode:
    """60 reads over ten seconds, some of them late; the share of the inside goes from the one to the other."""
    made = Episode(TagRead("dock-1", 1, bytes(12), 96, 0.0, -60.0))
    for n in range(60):
        share = p_inside[0] + (p_inside[1] - p_inside[0]) * n / 60
        t = n / 6 + rng.uniform(-0.5, 0.5)
        side: Side = "inside" if rng.random() < share else "outside"
        made.add(TagRead("dock-1", 1, bytes(12), 96, t, rng.uniform(-75, -45)), side)
        if n == 30 and rng.random() < 0.5:
            made.forget_before(2.0)
    return made


def test_a_glance_misses_no_crossing() -> None:
    """Whatever the reads are, and however they came: what `weigh` calls crossed, the running sums do too."""
    rng, crossed = random.Random(1), 0
    for _ in range(400):
        made, read_by_read = an_episode(rng, (rng.random(), rng.random())), bool(rng.getrandbits(1))
        for n in range(40):
            if read_by_read:
                assert len(made.sides) < 2 or may_cross(made.balance, 0.4) or not weigh(made.glimpses, 0.4).origin
            made.add(TagRead("dock-1", 1, bytes(12), 96, 10 + n / 4, rng.uniform(-75, -45)), "outside")
        crossed += weigh(made.glimpses, 0.4).origin is not None
        assert may_cross(made.balance, 0.4) or not weigh(made.glimpses, 0.4).origin
    assert crossed > 50


def test_a_glance_is_enough_for_most_of_what_stands_between_the_sides() -> None:
    rng = random.Random(2)
    standing = [an_episode(rng, (0.5, 0.5)) for _ in range(200)]
    assert sum(may_cross(one.balance, 0.4) for one in standing) < 40


def test_what_only_one_side_saw_cannot_have_crossed() -> None:
    assert not may_cross(an_episode(random.Random(3), (1.0, 1.0)).balance, 0.0)
