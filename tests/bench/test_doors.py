"""The bench of doors: what a score means, that every method sees the same track, and that ours are edgegw's own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.doors import boosted, gateway, rules
from bench.doors.__main__ import main
from bench.doors.recorded import known, recorded, unknown
from bench.doors.score import Event, Tally, loads, score
from bench.doors.simulated import simulated
from bench.doors.track import Arrival, BadTrack, Track
from edgegw.cli.replay import replayed
from edgegw.core.counters import Counters
from edgegw.core.model import Movement, TagRead
from edgegw.sources.replay import BadRecording
from simulators.dock_door.site import two_readers
from simulators.dock_door.tracks import Outage, Span

DOOR = "door-1"
A, B, C, LYING = (f"3066C4409047E140075BCD{n:02X}" for n in range(4))


def track(*reads: tuple[float, str, str], truth: tuple[Span, ...] = (), slack_s: float = 0.0) -> Track:
    """Reads as (t, i or o, EPC): the two sides have a reader each, which hear everything at -60 dBm."""
    arrivals = tuple(Arrival(t, read(t, side, epc)) for t, side, epc in reads)
    return Track("hand-made", "hand-made", "here", two_readers(), arrivals, truth, slack_s)


def read(t: float, side: str, epc: str = A, rssi_dbm: float = -60.0) -> TagRead:
    return TagRead("dock-1" if side == "i" else "dock-2", 1, bytes.fromhex(epc), 96, t, rssi_dbm)


def event(t: float, epc: str = A, direction: str = "out", door: str = DOOR, passage: int | None = None) -> Event:
    return Event(t, t + 4.0, epc, direction, door, passage)


# ---------------------------------------------------------------- what a score means


TRUTH = (
    Span(0.0, 12.0, A, "out", "crossing", ""),
    Span(12.0, 24.0, A, "in", "crossing", ""),
    Span(0.0, 12.0, B, "out", "crossing", ""),
    Span(0.0, 12.0, C, "out", "crossing", ""),
    Span(0.0, 1800.0, LYING, "none", "static", ""),
    Span(100.0, 1900.0, A, "none", "turn_back", ""),
)
EVENTS = (
    event(5.0),
    event(7.5),  # a second one for the same crossing
    event(17.0, direction="out"),  # the way back, told the wrong way
    event(13.0, B),  # a second too late for its crossing
    event(6.0, LYING),
    event(900.0, LYING),
    event(1500.0),
)


@pytest.mark.parametrize(
    ("slack_s", "found", "missed", "right", "false"), [(0.0, 2, 2, 1, 5), (0.9, 2, 2, 1, 5), (1.0, 3, 1, 2, 4)]
)
def test_each_event_serves_one_crossing_within_its_window(
    slack_s: float, found: int, missed: int, right: int, false: int
) -> None:
    tally = score(EVENTS, track(truth=TRUTH, slack_s=slack_s))
    assert (tally.found, tally.missed, tally.right, tally.false) == (found, missed, right, false)
    assert tally.precision == found / (found + false)
    assert tally.recall == found / (found + missed)
    assert tally.f1 == pytest.approx(2 * tally.precision * tally.recall / (tally.precision + tally.recall))
    assert tally.f1_direction == pytest.approx(tally.f1 * right / found)


def test_strays_are_counted_per_hour_that_a_tag_does_not_cross() -> None:
    figures = score(EVENTS, track(truth=TRUTH)).figures()
    assert figures["stray_per_h"] == 3.0  # three in the hour of both tags
    assert figures["static_per_h"] == 4.0  # two in the half hour of the one that lies


def test_of_two_events_the_nearer_one_is_the_crossing() -> None:
    tally = score(EVENTS, track(truth=TRUTH))
    assert tally.error_s == [1.0, 1.0]  # 5.0 for 6.0, 17.0 for 18.0
    assert tally.latency_s == [3.0, 3.0]


def test_a_crossing_that_took_long_is_over_when_it_ends() -> None:
    stop = Track("stop", "stop", "here", two_readers(), (), (Span(0.0, 36.0, A, "out", "stop", ""),), tolerance_s=6.0)
    assert score([event(20.0)], stop).latency_s == [24.0 - 30.0]


def test_a_movement_at_another_door_is_none_at_this_one() -> None:
    truth = (Span(0.0, 12.0, A, "out", "crossing", DOOR),)
    assert score([event(6.0)], track(truth=truth)).found == 1
    assert score([event(6.0, door="door-2")], track(truth=truth)).found == 0


LOAD = tuple(Span(0.0, 12.0, epc, "out", "crossing", DOOR) for epc in (A, B, C))


@pytest.mark.parametrize(
    ("events", "whole", "booked"),
    [
        ([event(6.0, epc, passage=1) for epc in (A, B, C)], 1, 1),
        ([event(6.0, epc, passage=n) for n, epc in enumerate((A, B, C))], 1, 0),
        ([event(6.0, epc) for epc in (A, B, C)], 1, 0),
        ([event(6.0, epc) for epc in (A, B)], 0, 0),
        ([event(6.0, A), event(6.0, B), event(6.0, C, "in")], 0, 0),
        ([event(6.0, epc, passage=1) for epc in (A, B, C, LYING)], 0, 0),
        ([event(6.0, epc, passage=1) for epc in (A, B, C)] + [event(9.0, LYING)], 1, 1),
    ],
)
def test_a_load_is_right_with_exactly_its_units(events: list[Event], whole: int, booked: int) -> None:
    tally = score(events, track(truth=LOAD))
    assert (tally.loads, tally.whole, tally.booked) == (1, whole, booked)


def test_a_load_ends_where_nobody_follows() -> None:
    one_by_one = [Span(t, t + 12.0, f"{n:024X}", "out", "", "") for n, t in enumerate((0.0, 0.9, 1.8, 3.0))]
    back = Span(0.5, 12.5, A, "in", "", "")
    assert [len(load) for load in loads([*one_by_one, back])] == [1, 3, 1]


def test_tallies_add_up() -> None:
    one = score(EVENTS, track(truth=TRUTH))
    both = one + one
    assert (both.found, both.stray_s, both.f1) == (2 * one.found, 2 * one.stray_s, one.f1)
    assert both.error_s == one.error_s * 2
    assert Tally().figures()["error_p95_s"] is None


# ---------------------------------------------------------------- rules


OUT = [(0.0, "i", A), (0.5, "i", A), (2.0, "o", A), (2.5, "o", A)]


def test_what_simple_rules_make_of_a_pass() -> None:
    seen = track(*OUT)
    assert rules.first_read(seen) == [Event(0.0, 0.0, A, "out", DOOR)]
    assert rules.first_last(seen) == [Event(1.25, 6.5, A, "out", DOOR)]
    assert rules.centroid_order(seen) == [Event(1.25, 6.5, A, "out", DOOR)]


def test_simple_rules_need_both_sides_in_order() -> None:
    there_and_back = track(*OUT, (4.0, "i", A), (4.5, "i", A))
    assert rules.first_last(there_and_back) == []
    assert rules.centroid_order(there_and_back) == []
    assert len(rules.first_read(track(*OUT, (12.6, "o", A)))) == 2


@pytest.mark.parametrize(
    ("stronger_db", "after_s", "moves"),
    [(6.0, 0.4, False), (6.5, 0.4, True), (2.0, 1.0, False), (2.5, 1.0, True), (-5.5, 1.9, False), (-5.5, 2.0, True)],
)
def test_edgex_wants_6_db_more_and_8_less_for_each_second_after_half_a_one(
    stronger_db: float, after_s: float, moves: bool
) -> None:
    arrivals = [Arrival(0.0, read(0.0, "i"))]
    arrivals += [Arrival(t, read(t, "o", rssi_dbm=-60.0 + stronger_db)) for t in (after_s - 0.1, after_s)]
    seen = Track("edgex", "", "", two_readers(), tuple(arrivals), ())
    assert rules.edgex(seen) == ([Event(after_s, after_s, A, "out", DOOR)] if moves else [])


def test_edgex_needs_two_reads_and_forgets_a_tag_that_has_departed() -> None:
    assert rules.edgex(track((0.0, "i", A), (9.0, "o", A))) == []
    assert rules.edgex(track((0.0, "i", A), (601.0, "o", A), (602.0, "o", A))) == []


# ---------------------------------------------------------------- edgegw


def test_our_decisions_are_those_of_edgegw_replay() -> None:
    seen = simulated("clean", 1)
    decided = replayed(gateway.configuration(seen), [arrival.read for arrival in seen.arrivals], Counters())
    expected = [(one.t, one.decided_t, one.evidence.tag, one.direction) for one in decided if isinstance(one, Movement)]
    assert [one[:4] for one in gateway.edgegw(seen)] == expected
    assert len(expected) > 300


def test_a_decision_waits_for_a_reader_that_is_away() -> None:
    """The outside reader has read the unit before it was cut off, and can say so only afterwards."""
    late = [Arrival(20.0 if side == "o" else t, read(t, side)) for t, side, _ in OUT]
    arrivals = tuple(sorted(late, key=lambda arrival: arrival.t))
    away = Track("away", "", "", two_readers(), arrivals, (), outages=(Outage("dock-2", 1.0, 20.0),))
    (crossed,) = gateway.edgegw(away)
    assert (crossed.direction, crossed.t) == ("out", 1.25)
    assert 20.0 < crossed.emitted_t < 24.0


def test_without_votes_each_unit_is_for_itself() -> None:
    """Nine of a load were seen by both sides, the tenth by one."""
    epcs = [f"3066C4409047E140075BCE{n:02X}" for n in range(10)]
    reads = sorted((t + n / 100, side, epc) for n, epc in enumerate(epcs) for t, side, _ in OUT if n or side == "i")
    assert {one.epc for one in gateway.edgegw(track(*reads))} == set(epcs)
    assert {one.epc for one in gateway.each_alone(track(*reads))} == set(epcs[1:])


# ---------------------------------------------------------------- XGBoost


def test_a_pass_is_what_happened_in_its_middle() -> None:
    truth = (Span(-4.0, 8.0, A, "out", "", ""), Span(94.0, 106.0, A, "in", "", ""))
    first, second = boosted.examples(track(*OUT, (50.0, "o", A), truth=truth))
    assert (boosted.LABELS[first.label], boosted.LABELS[second.label]) == ("out", "none")
    assert first.event == Event(1.25, 6.5, A, "", DOOR)
    assert first.features[0] == 2.0
    assert len(first.features) == len(second.features)


def test_a_model_tells_a_pass_that_is_like_those_it_has_seen() -> None:
    pytest.importorskip("xgboost", reason="tools/install bench")
    here, there = (boosted.examples(simulated("clean", seed)) for seed in (1, 2))
    model = boosted.learned(there, threads=1)
    assert score(boosted.decided(model, here), simulated("clean", 1)).f1_direction > 0.9


# ---------------------------------------------------------------- recordings, and all together


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("emse_run1", "hall_2"):
        lines = [{"t": t, "reader": "r-1", "antenna": 1 if side == "i" else 3, "epc": epc} for t, side, epc in OUT]
        reads = "".join(json.dumps({**line, "rssi": -60}) + "\n" for line in lines)
        (tmp_path / f"{name}.reads.jsonl.gz").write_bytes(gzip.compress(reads.encode()))
        (tmp_path / f"{name}.truth.csv").write_text(f"t0,t1,epc,label\n-4,8,{A.lower()},out\n")
    return tmp_path


def test_a_recording_is_known_by_its_site_or_told_with_its_sides(folder: Path) -> None:
    assert (known(folder), unknown(folder)) == (["emse_run1"], ["hall_2"])
    emse, hall = recorded(folder, "emse_run1"), recorded(folder, "hall_2:1,2:3,4:1.5")
    assert (emse.pool, emse.slack_s, hall.pool, hall.slack_s) == ("EMSE hard", 0.0, "other sites", 1.5)
    assert [one.direction for one in gateway.edgegw(hall)] == ["out"]
    assert score(gateway.edgegw(emse), emse).f1_direction == 1.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hall_2", "nobody knows the sides of hall_2 - say --track hall_2:1,2:3,4"),
        ("hall_2:one:2", "'hall_2:one:2' is not NAME:INSIDE:OUTSIDE"),
        ("hall_2:1", "'hall_2:1' is not NAME:INSIDE:OUTSIDE"),
        ("emse_run7", "No such file or directory"),
    ],
)
def test_a_recording_that_cannot_be_used_is_named(folder: Path, text: str, sentence: str) -> None:
    with pytest.raises((BadTrack, BadRecording)) as told:
        recorded(folder, text)
    assert sentence in str(told.value)


def test_a_run_writes_tables_figures_and_a_picture(folder: Path) -> None:
    out = folder / "results"
    options = ["--tracks", folder, "--scene", "two_way", "--quick", "--jobs", "2", "--out", out]
    done = CliRunner().invoke(main, list(map(str, options)))
    assert done.exit_code == 0, done.output
    assert "hall_2 is left out: say --track hall_2:INSIDE:OUTSIDE" in done.output
    said = [line.split() for line in done.output.splitlines()]
    assert ["EMSE", "hard", "edgegw", "F1dir", ">=", "0.93", "1.000", "met"] in said
    figures = json.loads((out / "doors.json").read_text())
    assert [pool["title"] for pool in figures["pools"]] == ["EMSE hard", "two_way"]
    assert figures["pools"][1]["methods"]["edgegw"]["F1"] > 0.9
    assert (out / "doors.svg").read_text().count("two_way") == 1
    assert "| two_way |" in (out / "doors.md").read_text()
