"""One round of each fault, on real gateways side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import broker_faults
from tests.torture.broker_faults import FAULTS, Tally


async def test_nothing_is_lost_and_every_fault_is_noticed(tmp_path: Path) -> None:
    rows = await broker_faults.rows(tmp_path, 0.01, seed=3)
    assert [row.faults for row in rows] == [()] * 3
    for row in rows:
        assert row.counts["rounds"] == 1
        assert int(row.counts["events"]) > 5
    frozen, cut, blackhole = (float(row.counts["noticed_worst_s"]) for row in rows)
    assert cut < 2.0 < min(frozen, blackhole)


@pytest.mark.parametrize(
    ("tally", "fault"),
    [
        (Tally(lost=2), "2 events did not arrive"),
        (Tally(two_ids=1), "1 units came under two ids"),
        (Tally(noticed_s=[5.0, 6.1]), "noticed after 6.10 s only"),
        (Tally(gaps=["a gap"]), "a gap"),
    ],
)
def test_harm_breaks_the_row(tally: Tally, fault: str) -> None:
    assert broker_faults._row(next(iter(FAULTS)), tally).faults == (fault,)
