"""Clocks that are set while goods move: the hardest case of each kind."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from pathlib import Path

from simulators.dock_door import movement
from tests.torture.clocks import CASES, is_off, set_often


async def test_a_set_clock_changes_no_decision(tmp_path: Path) -> None:
    """The gateway's and a reader's, side by side."""
    stepping = [case for case in CASES if case.name.endswith("clock steps")]
    places = [tmp_path / str(number) for number in range(len(stepping))]
    for place in places:
        place.mkdir()
    outcomes = await asyncio.gather(
        *(set_often(place, case, 1, random.Random(2)) for place, case in zip(places, stepping, strict=True))
    )
    for outcome in outcomes:
        assert list(outcome.balance.faults(0.0)) == []
        assert outcome.balance.expected == 9
        assert outcome.sets >= 2
        assert outcome.stamps_off == 0


def test_a_wrong_time_is_noticed() -> None:
    move = movement({"data": {"unit": "u", "door": "d", "direction": "in"}})
    evidence = {"first": "2026-11-21T10:00:00Z", "last": "2026-11-21T10:00:02Z"}
    event = {"data": {"unit": "u", "door": "d", "direction": "in", "evidence": evidence}}
    begin_t = datetime.fromisoformat(evidence["first"]).timestamp()
    assert not is_off(event, {move: (begin_t, begin_t + 2)})
    assert is_off(event, {move: (begin_t + 3600, begin_t + 3602)})
