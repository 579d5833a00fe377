"""The bench's own arithmetic, and that its measures still fit the product: with a tenth of the load, and no targets."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import chart, delivery, figures, known, latency, memory, path, slow_disk, soak, start
from bench.__main__ import main
from bench.compare import Difference, differences
from bench.fleet.meters import BUCKETS, bucket, percentile_ms
from bench.fleet.steps import Fleet, steps
from bench.machine import Machine
from bench.measures import MEASURES, measured
from bench.rounds import in_turn, times
from bench.table import Row, as_json, from_json, lines

MACHINE = Machine("2026-11-21", "A processor & more", 4, "3.11.2")
FAST = Row("decode", "9.1 M tags/s", "0.17 M tags/s", 53.5, ">= 30 x", True, (9.0, 9.1, 9.2))
SLOW = Row("start", "2.00 s", "", None, "< 1 s", False, (1.9, 2.0, 2.1), -1)
OPEN = Row("idle", "not measured: no reader", "", None, "", None)


def test_the_table_is_aligned_and_says_what_is_missed() -> None:
    head, *body = lines([FAST, SLOW, OPEN])
    assert body[0].index(">= 30 x") == body[1].index("< 1 s") == head.index("target")
    assert [line.endswith(("ok", "MISSED")) for line in body] == [True, True, False]


@pytest.mark.parametrize("row", [FAST, SLOW, OPEN])
def test_a_row_survives_json(row: Row) -> None:
    assert from_json(json.loads(json.dumps(as_json(row)))) == row


def test_contenders_take_turns_after_a_round_that_does_not_count() -> None:
    order: list[str] = []

    def contender(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return len(order)

        return run

    found = in_turn({"a": contender("a"), "b": contender("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_a_ratio_is_that_of_the_rounds_not_of_the_medians() -> None:
    assert times([10.0, 1.0, 30.0], [1.0, 0.1, 30.0]) == 10.0


def test_the_page_has_the_machine_every_row_and_no_path(tmp_path: Path) -> None:
    figures.publish([FAST, SLOW, OPEN], MACHINE, tmp_path)
    page = (tmp_path / "bench-figures.md").read_text()
    assert "2026-11-21, A processor & more, 4 cores, Python 3.11.2" in page
    assert all(row.measure in page and row.ours in page for row in (FAST, SLOW, OPEN))
    assert str(tmp_path) not in page
    picture = (tmp_path / "bench-figures.svg").read_text()
    assert picture == chart.draw([FAST, SLOW, OPEN], MACHINE)
    assert "A processor &amp; more" in picture
    assert picture.count(chart.LAMPS[True]) == picture.count(chart.LAMPS[False]) == 1


# ------------------------------------------------------------ comparing revisions


@pytest.mark.parametrize(
    ("new", "sign", "verdict"),
    [
        ((50.0, 60.0, 70.0), 1, "SLOWER"),
        ((50.0, 60.0, 101.0), 1, ""),  # a round was as good: it may be chance
        ((97.0, 98.0, 98.5), 1, ""),  # too little to matter
        ((150.0, 160.0, 170.0), 1, "faster"),
        ((150.0, 160.0, 170.0), -1, "SLOWER"),
        ((50.0, 60.0, 70.0), -1, "faster"),
    ],
)
def test_a_difference_counts_when_it_is_large_and_no_chance(new: tuple[float, ...], sign: int, verdict: str) -> None:
    assert Difference("x", (99.0, 100.0, 102.0), new, sign).verdict == verdict


def test_what_one_revision_cannot_measure_is_left_out_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert [one.measure for one in differences([[FAST, SLOW], [FAST, SLOW]], [[FAST], [FAST]])] == ["decode"]
    assert "left out: start" in capsys.readouterr().err


# ------------------------------------------------------------ the command


def test_a_name_that_is_no_measure_is_refused_with_those_there_are() -> None:
    result = CliRunner().invoke(main, ["--only", "path,pathh"])
    assert result.exit_code == 2
    assert "there is no pathh; there are " + ", ".join(MEASURES) in result.output


def test_a_part_of_the_table_is_not_published() -> None:
    result = CliRunner().invoke(main, ["--only", "start", "--publish"])
    assert result.exit_code == 2
    assert "--publish is for the whole table" in result.output


def test_a_measure_that_fails_is_a_row_that_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    (row,) = measured("nothing")
    assert row.ours == "not measured: there is no such measure yet"
    (row,) = measured("table")
    assert (row.measure, row.ours) == ("table", "not measured: failed, see above")
    assert "AttributeError" in capfd.readouterr().err


# ------------------------------------------------------------ measures, with little load


def test_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path, "READS", {"door": 2_000, "station": 5_000})
    monkeypatch.setattr(path, "PEER_READS", 1_000)
    monkeypatch.setattr(path, "ROUNDS", 1)
    assert all(row.ratio is not None and row.ratio > 0 for row in path.rows())


def test_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MANY", 2_000)
    monkeypatch.setattr(known, "ROUND_READS", 500)
    assert [row.ratio is not None for row in known.rows()] == [True, True]


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "IN_VIEW", 1_000)
    monkeypatch.setattr(memory, "AT_REST", 1_000)
    assert memory.in_view_bytes() >= 0  # a process that has freed memory before may need none from the system
    assert memory.at_rest_bytes() >= 0


def test_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "EVENTS", 200)
    monkeypatch.setattr(delivery, "in_turn", partial(in_turn, rounds=1))
    monkeypatch.setattr("bench.publish.ROUNDS", 1)
    assert [len(row.rounds) for row in delivery.rows()] == [1, 1, 1]


async def test_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "WARM_UP_S", 0.5)
    monkeypatch.setattr(latency, "ROUNDS", 2)
    windows = await latency.offer(200.0, window_s=0.4)
    assert sum(window.events for window in windows) > 50
    assert all(window.p50_ms <= window.p99_ms for window in windows)


def test_a_slow_disk_is_slow(tmp_path: Path) -> None:
    if slow_disk.environment(tmp_path, 5) is None:
        pytest.skip("no C compiler")
    assert slow_disk.environment(tmp_path, 5) == {
        "LD_PRELOAD": str(tmp_path / "slow_disk.so"),
        "SLOW_DISK_MS": "5",
    }


async def test_soak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "WARM_UP_S", 0.2)
    monkeypatch.setattr(soak, "FLUSH_S", 0.5)
    soaked = await soak.soak(2, 100.0, 10, 0.5, 0.5)
    assert soaked.sent == soaked.taken > 50


def test_a_long_soak_is_flat_or_not() -> None:
    flat = [soak.Window(0.1, 60.0 + n / 1000, 0.01) for n in range(30)]
    growing = [soak.Window(0.1, 60.0 + n, 0.01) for n in range(30)]
    later = [soak.Window(0.1, 60.0, 0.01 * (1 + n)) for n in range(30)]
    assert [soak.trend(windows, 60.0).holds for windows in (flat, growing, later)] == [True, False, False]


def test_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "ROUNDS", 1)
    monkeypatch.setattr(start, "SETTLE_S", 0.0)
    assert [row.rounds[0] > 0 for row in start.rows()] == [True, True]


def test_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.fleet.steps.GATEWAYS", 4)
    monkeypatch.setattr("bench.fleet.steps.CONNECT_S", 1.5)
    (step,) = steps(Fleet(2, 2), (200.0,), 1.0, tmp_path)
    assert step.published_hz > 100
    assert step.arrived_hz > 100


def test_delays_are_counted_in_buckets() -> None:
    counts = [0] * BUCKETS
    for delay_ms in (*[1.0] * 99, 500.0):
        counts[bucket(delay_ms)] += 1
    assert percentile_ms(counts, 0.5) == pytest.approx(1.0, rel=0.2)
    assert percentile_ms(counts, 0.995) == pytest.approx(500.0, rel=0.2)
