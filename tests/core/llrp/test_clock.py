"""A reader's clock is wrong; the offset is found and a backlog does not move it."""

from __future__ import annotations

import random

import pytest

from edgegw.core.llrp.clock import BELIEVED_S, ReaderClock

NOW = 1_800_000_000.0


@pytest.mark.parametrize("wrong_by_s", [0.0, 14.0, -14.0, -NOW + 1.0, -690_000_000.0])
def test_reads_are_stamped_with_the_gateways_time(wrong_by_s: float) -> None:
    clock, rng = ReaderClock(), random.Random(1)
    for second in range(300):
        true_t = NOW + second
        delay_s = rng.uniform(0.001, 0.2)
        corrected = clock.correct(true_t + wrong_by_s, true_t + delay_s)
        assert abs(corrected - true_t) < 0.25
    assert clock.offset_s == pytest.approx(-wrong_by_s, abs=0.05)


def test_a_backlog_keeps_its_own_time() -> None:
    clock = ReaderClock()
    clock.correct(NOW + 14, NOW)  # the greeting
    for back_s in range(300, 0, -1):
        corrected = clock.correct(NOW + 14 - back_s, NOW + 1)
        assert corrected == pytest.approx(NOW - back_s, abs=0.01)


def test_one_lying_stamp_moves_nothing() -> None:
    clock = ReaderClock()
    for second in range(10):
        clock.correct(NOW + second, NOW + second)
    assert clock.correct(NOW + 1e9, NOW + 10) == NOW + 10
    assert clock.correct(NOW + 11, NOW + 11) == NOW + 11


def test_a_clock_set_forward_is_followed_within_a_few_reads() -> None:
    clock = ReaderClock()
    clock.correct(NOW, NOW)
    for second in range(1, 10):
        clock.correct(NOW + second + 3600, NOW + second)
    assert clock.offset_s == pytest.approx(-3600)


def test_a_clock_set_back_is_followed_after_the_envelope_has_passed() -> None:
    clock = ReaderClock()
    clock.correct(NOW, NOW)
    for second in range(1, 400):
        clock.correct(NOW + second - 60, NOW + second)
    assert clock.offset_s == pytest.approx(60)


def test_a_stamp_older_than_any_backlog_says_nothing() -> None:
    clock = ReaderClock()
    clock.correct(NOW, NOW)
    assert clock.correct(NOW - BELIEVED_S - 1, NOW) == NOW
    assert clock.correct(0.0, NOW) == NOW
