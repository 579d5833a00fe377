"""A reader's clock is wrong; the offset is found and a backlog does not move it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.core.llrp.clock import BELIEVED_S, JUMP_SAMPLES, STEADY_S, ReaderClock

NOW = 1_800_000_000.0


def reader_clock() -> tuple[ReaderClock, list[str]]:
    counted: list[str] = []
    return ReaderClock(counted.append), counted


@pytest.mark.parametrize("wrong_by_s", [0.0, 14.0, -14.0, -NOW + 1.0, -690_000_000.0])
def test_reads_are_stamped_with_the_gateways_time(wrong_by_s: float) -> None:
    (clock, _), rng = reader_clock(), random.Random(1)
    for second in range(300):
        true_t = NOW + second
        delay_s = rng.uniform(0.001, 0.2)
        corrected = clock.correct(true_t + wrong_by_s, true_t + delay_s)
        assert abs(corrected - true_t) < 0.25
    assert clock.offset_s == pytest.approx(-wrong_by_s, abs=0.05)


def test_a_backlog_keeps_its_own_time() -> None:
    clock, _ = reader_clock()
    clock.correct(NOW + 14, NOW)  # the greeting
    for back_s in range(300, 0, -1):
        corrected = clock.correct(NOW + 14 - back_s, NOW + 1)
        assert corrected == pytest.approx(NOW - back_s, abs=0.01)


def test_one_lying_stamp_moves_nothing() -> None:
    clock, _ = reader_clock()
    for second in range(10):
        clock.correct(NOW + second, NOW + second)
    assert clock.correct(NOW + 1e9, NOW + 10) == NOW + 10
    assert clock.correct(NOW + 11, NOW + 11) == NOW + 11


def test_a_clock_set_forward_is_followed_within_a_few_reads() -> None:
    clock, counted = reader_clock()
    clock.correct(NOW, NOW)
    for second in range(1, 1 + JUMP_SAMPLES):
        assert clock.correct(NOW + second + 3600, NOW + second) == NOW + second
    assert clock.offset_s == pytest.approx(-3600)
    assert counted == ["clock_set_forward"]


@pytest.mark.parametrize("back_s", [2.0, 14.0, 3600.0])
def test_a_clock_set_back_is_followed_within_seconds(back_s: float) -> None:
    """Its reads would seem late by so much, and before those of the door's other reader."""
    clock, counted = reader_clock()
    clock.correct(NOW, NOW)
    for tenth in range(1, round(STEADY_S * 10) + 20):
        clock.correct(NOW + tenth / 10 - back_s, NOW + tenth / 10 + 0.05 * (tenth % 3))
    assert clock.offset_s == pytest.approx(back_s, abs=0.2)
    assert counted == ["clock_set_back"]


@pytest.mark.parametrize("back_s", [2.5, 90.0, 3600.0])
def test_no_read_is_misdated_when_the_clock_is_set_back_between_two(back_s: float) -> None:
    clock, counted = reader_clock()
    clock.correct(NOW, NOW)
    for tenth in range(1, 100):
        true_t = NOW + tenth / 10
        (corrected,) = clock.correct_all([true_t - (back_s if tenth > 30 else 0)], true_t + 0.02)
        assert corrected == pytest.approx(true_t, abs=0.03)
    assert counted == ["clock_set_back"]
    assert clock.offset_s == pytest.approx(back_s, abs=0.03)


def test_a_backlog_after_the_greeting_is_no_clock_set_back() -> None:
    """Also on a connection that goes on: the network stood still, and then everything came at once."""
    clock, counted = reader_clock()
    clock.correct(NOW, NOW)
    held = clock.correct_all([NOW - 600 + second for second in range(600)], NOW + 0.1)
    assert held == pytest.approx([NOW - 600 + second for second in range(600)])
    late = clock.correct_all([NOW + second for second in range(300)], NOW + 300)
    assert late == pytest.approx([NOW + second for second in range(300)])
    assert counted == []


def test_one_read_of_long_ago_moves_nothing() -> None:
    clock, counted = reader_clock()
    clock.correct_all([NOW], NOW)
    assert clock.correct_all([NOW - 3600], NOW + 1) == [NOW + 1]
    assert clock.correct_all([NOW + 2], NOW + 2) == [NOW + 2]
    assert counted == []


@pytest.mark.parametrize("speed", [1.2, 2.0, 100.0])
def test_a_backlog_is_no_clock_set_back(speed: float) -> None:
    """Ten minutes of it, delivered so much faster than it happened."""
    clock, counted = reader_clock()
    clock.correct(NOW, NOW)
    for second in range(600):
        corrected = clock.correct(NOW - 600 + second, NOW + second / speed)
        assert counted == []
        assert second / speed > 120 or corrected == pytest.approx(NOW - 600 + second, abs=0.01)


@given(st.lists(st.tuples(st.floats(0, 1.9e13), st.floats(0, 100)), min_size=1, max_size=60))
def test_no_read_is_ever_after_its_arrival(stamps: list[tuple[float, float]]) -> None:
    """Whatever the stamps say: a read in the future is shifted to now."""
    clock, _ = reader_clock()
    arrival_s = NOW
    for reader_s, later_s in stamps:
        arrival_s += later_s
        assert arrival_s - BELIEVED_S - 1 <= clock.correct(reader_s, arrival_s) <= arrival_s


def test_a_stamp_older_than_any_backlog_says_nothing() -> None:
    clock, _ = reader_clock()
    clock.correct(NOW, NOW)
    assert clock.correct(NOW - BELIEVED_S - 1, NOW) == NOW
    assert clock.correct(0.0, NOW) == NOW
