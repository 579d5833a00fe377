"""Undecided states that the journal gives back altered: refused and counted, or harmless; never a crash at start."""

from __future__ import annotations

import json
import random

import pytest

from tests.core.test_pipeline import UNIT, T, pipeline, read

NASTY: tuple[object, ...] = (None, "x", [], {}, [[]], 1e400, float("nan"), -1, True, "00", {"a": 1}, 2**70)


def altered(value: object, rng: random.Random) -> object:
    if rng.random() < 0.04:
        return rng.choice(NASTY)
    if isinstance(value, dict):
        return {key: altered(one, rng) for key, one in value.items()}
    if isinstance(value, list):
        return [altered(one, rng) for one in value]
    return value


def saved_state() -> str:
    made, _ = pipeline()
    made.tags([read(0, 1), read(0.2, 1), read(1, 2)], T)
    state = made.take_changes().episodes["door-1"][UNIT]
    assert state is not None
    return state


def take_back(state: str) -> bool:
    """Restore it and live on; whether it was taken."""
    made, counters = pipeline()
    made.restore_episode("door-1", UNIT, state, T + 1)
    made.tags([read(2, 2)], T + 2)
    made.advance(T + 60)
    made.take_changes()
    return not counters.get("door-1", "unreadable_state")


def test_altered_states_hurt_nothing() -> None:
    rng = random.Random(7)
    state = json.loads(saved_state())
    taken = [take_back(json.dumps(altered(state, rng))) for _ in range(3000)]
    assert 200 < sum(taken) < 2500


@pytest.mark.parametrize(
    "state", ["[" * 100_000, '{"a":' * 50_000, "1e999", "null", "", "\ufffd", '{"read": 1}', "9" * 5000]
)
def test_hostile_states_are_counted(state: str) -> None:
    assert not take_back(state)
