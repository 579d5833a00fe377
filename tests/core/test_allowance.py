"""Floods: a device decides how often it speaks, the gateway how often it passes that on."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st

from edgegw.core import allowance
from edgegw.core.allowance import Allowance
from edgegw.core.counters import Counters
from edgegw.core.dock import Dock, ScannerSettings, StationSettings
from edgegw.core.model import Movement, Scan, Unidentified
from edgegw.core.pipeline import UNIDENTIFIED_PER_S, Pipeline


def test_documented_examples() -> None:
    assert doctest.testmod(allowance).failed == 0


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=200))
def test_never_more_than_a_burst_and_the_rate(gaps_s: list[float]) -> None:
    bucket, t, times = Allowance(5, 10), 0.0, []
    for gap_s in gaps_s:
        t += gap_s
        if bucket.take(t):
            times.append(t)
    for first, start_t in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= 10 + 5 * (times[last] - start_t) + 1e-6


def test_a_flood_from_a_scanner_is_counted_and_not_published() -> None:
    """10,000 lines of rubbish in a second; the other scanner and a scan that names a unit are not affected."""
    counters = Counters()
    scanners = (ScannerSettings("belt-1", "belt"), ScannerSettings("belt-2", "belt"))
    pipeline = Pipeline(Dock((), (StationSettings("belt"),), scanners, {}), counters)
    decisions = [
        decision
        for n in range(10_000)
        for decision in pipeline.scan(Scan("belt-1", f"rubbish {n}", 1000 + n / 10_000), 1000.0)
    ]
    shown = sum(isinstance(decision, Unidentified) for decision in decisions)
    assert shown == UNIDENTIFIED_PER_S + UNIDENTIFIED_PER_S - 1
    assert counters.get("belt-1", "raw") == 10_000
    assert counters.get("belt-1", "unidentified_withheld") == 10_000 - shown
    assert isinstance(pipeline.scan(Scan("belt-1", "]C1010950600013435221A1", 1001.0), 1001.0)[0], Movement)
    assert isinstance(pipeline.scan(Scan("belt-2", "rubbish", 1001.0), 1001.0)[0], Unidentified)
    assert isinstance(pipeline.scan(Scan("belt-1", "rubbish", 1002.0), 1002.0)[0], Unidentified)
