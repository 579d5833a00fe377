"""kill -9 of the gateway, and of the broker, at random moments: nothing is lost, nothing comes under two ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.crash import Outcome, torture


async def test_every_movement_survives_kills_of_gateway_and_broker(tmp_path: Path) -> None:
    outcome = await torture(tmp_path, kills=8, seed=1)
    assert list(outcome.faults()) == []
    assert outcome.expected >= 9
    assert outcome.broker_ends >= 1


@pytest.mark.parametrize(("numbers", "faults"), [([2, 1, 3], 0), ([1, 3], 1), ([2, 3], 1), ([1, 1, 2], 1)])
def test_a_gap_or_a_repetition_in_the_numbers_is_a_fault(numbers: list[int], faults: int) -> None:
    events = [{"epoch": "A", "seq": number} for number in numbers]
    outcome = Outcome(1, 0, 0, [], [], events, 0, 0, 0, 1.0, 0)
    assert len(list(outcome.faults())) == faults
