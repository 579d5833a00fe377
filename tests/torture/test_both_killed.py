"""Gateway and broker are killed: what a central system has not confirmed is sent again, and nothing is lost."""

from __future__ import annotations

import random
from pathlib import Path

from tests.torture.both_killed import Central, Outcome, kill_both
from tests.torture.goods import Balance


async def test_nothing_is_lost_when_both_are_killed(tmp_path: Path) -> None:
    outcome = await kill_both(tmp_path / "dock", 2, random.Random(3))
    assert list(outcome._replace(balance=outcome.balance._replace(redelivered=0)).faults()) == []
    assert outcome.balance.expected >= 9


def test_what_comes_again_is_counted() -> None:
    central = Central(0, {})
    for seq in (1, 2, 1, 2, 3):
        central._take({"source": "/gw", "epoch": "A", "seq": seq})
    assert [event["seq"] for event in central.repeated] == [1, 2]


def test_an_event_that_is_never_confirmed_is_a_fault() -> None:
    outcome = Outcome(1, 0, 3, Balance(0, 0, [], [], [], [], [], [], 0, 0, 0))
    assert list(outcome.faults()) == ["the gateway never heard that 3 events are stored"]
