"""kill -9 of the gateway, and of the broker, at random moments: nothing is lost, nothing comes under two ids."""

from __future__ import annotations

from pathlib import Path

from tests.system.crash import torture


async def test_every_movement_survives_kills_of_gateway_and_broker(tmp_path: Path) -> None:
    outcome = await torture(tmp_path, kills=8, seed=1)
    assert list(outcome.faults()) == []
    assert outcome.expected >= 9
    assert outcome.broker_ends >= 1
