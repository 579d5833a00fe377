"""A disk that fills once while goods go through a door."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from simulators.dock_door import Act, Scenario, acts
from tests.torture import full_disk
from tests.torture.full_disk import Limit, fill_often, small_disk


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two units a round, and a second of a full disk."""

    def first_passes(scenario: Scenario, number: int) -> list[Act]:
        return acts(scenario, number)[0:3:2]

    monkeypatch.setattr(full_disk, "acts", first_passes)
    monkeypatch.setattr(full_disk, "FULL_S", (1.0, 1.0))
    monkeypatch.setattr(full_disk, "SETTLE_S", 0.5)


@pytest.mark.parametrize("may_mount", [True, False])
async def test_a_dock_at_work_survives_a_full_disk(tmp_path: Path, may_mount: bool) -> None:
    with small_disk(tmp_path / "small") as disk:
        row = await fill_often(tmp_path, disk if may_mount else Limit(tmp_path), 1, random.Random(1))
    assert row.faults == ()
    assert row.counts["rounds"] == 1
    assert int(row.counts["door_movements"]) >= 2
