"""A slice of the million."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fuzz.tally import Tally
from tests.torture import fuzzing


async def test_hostile_inputs_do_no_harm_at_any_door(tmp_path: Path) -> None:
    for row in await fuzzing.rows(tmp_path, 0.001, seed=5):
        assert row.holds, row
        assert int(row.counts["inputs"]) >= 400


def test_there_are_a_million() -> None:
    assert sum(sum(counts.values()) for counts in fuzzing.DOORS.values()) == 1_000_000


@pytest.mark.parametrize(
    ("tally", "fault"),
    [
        (Tally("x", failures=["crash"]), "x: crash"),
        (Tally("x", slowest_ms=300.0), "x: one input took 300 ms"),
        (Tally("x", grown_mb=21.0), "x: memory grew by 21.0 MB"),
    ],
)
def test_harm_breaks_the_row(tally: Tally, fault: str) -> None:
    assert list(fuzzing._faults(tally)) == [fault]
