"""The simulated dock: its scenarios are exact, its reads are plausible and always the same, its faults are told."""

from __future__ import annotations

import doctest
import random
import time
from pathlib import Path
from statistics import median
from types import ModuleType

import pytest

from edgegw import plan
from edgegw.config.load import parse
from edgegw.core.counters import Counters
from edgegw.core.identity import identify_scan
from edgegw.core.model import Movement, Scan, TagRead
from edgegw.core.pipeline import Pipeline
from simulators.dock_door import DockDoor, Expected, acts, ledger, load_scenario, radio, units
from simulators.dock_door.radio import Sighting, at_posts, sightings
from simulators.dock_door.scenario import SCENARIOS, Scenario, ScenarioFault, parse_scenario
from simulators.dock_door.script import Scanned, TagSeen, expected
from simulators.dock_door.units import Unit
from simulators.dock_door.walks import Walk, lying, passing_by, through, turning_back

ROUNDS = 40
SHIPPED = sorted(path.stem for path in SCENARIOS.glob("*.yaml"))
ANTENNAS = at_posts([("dock-1", 1), ("dock-1", 2)], "inside") + at_posts([("dock-2", 1), ("dock-2", 2)], "outside")
SMALL = """
title: small
seconds: 10
dock:
  readers: [{name: dock-1, antennas: 2}]
  doors: [{name: door-1, inside: [dock-1/1], outside: [dock-1/2]}]
  scanners: [{name: pack-1, station: packing}]
units: {box: 01/09506000134352/21/1}
timeline:
  - {at_s: 0, pass: box, door: door-1, direction: out, expect: out}
"""


@pytest.mark.parametrize("module", [ledger, radio, units])
def test_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


# ---------------------------------------------------------------- scenarios


@pytest.mark.parametrize("name", SHIPPED)
async def test_the_pipeline_makes_of_a_scenario_what_it_states(name: str) -> None:
    scenario = load_scenario(name)
    async with DockDoor(scenario) as dock:
        config = parse(dock.gateway_yaml(("127.0.0.1", 1883), Path("/tmp/j.db")), "demo").config
    for number in range(ROUNDS):
        pipeline = Pipeline(plan.dock(config), Counters())
        assert sorted(_decide(pipeline, scenario, number), key=str) == sorted(expected(scenario, number), key=str)


def _decide(pipeline: Pipeline, scenario: Scenario, number: int) -> list[Expected]:
    """The movements of one round, in virtual time."""
    for spec in scenario.dock.readers:
        pipeline.watermarks.up(spec.name, -10.0)
    round_acts = acts(scenario, number)
    moments: list[TagSeen | Scanned] = [read for act in round_acts for read in act.reads]
    moments += [scan for act in round_acts for scan in act.scans]
    decisions = []
    for moment in sorted(moments, key=lambda moment: moment.at_s):
        decisions += pipeline.advance(moment.at_s)
        if isinstance(moment, Scanned):
            decisions += pipeline.scan(Scan(moment.scanner, moment.text, moment.at_s), moment.at_s)
        else:
            at_s, reader, antenna, epc, rssi_dbm = moment
            decisions += pipeline.tags([TagRead(reader, antenna, epc, 8 * len(epc), at_s, rssi_dbm)], at_s)
    decisions += pipeline.advance(scenario.seconds + 60)
    return [
        Expected(decision.unit.unit, decision.door or decision.station, decision.direction)
        for decision in decisions
        if isinstance(decision, Movement)
    ]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_round_lasts_until_everything_has_ended(name: str) -> None:
    scenario = load_scenario(name)
    assert max(read.at_s for act in acts(scenario) for read in act.reads) <= scenario.seconds


def test_the_demo_can_show_a_whole_round_in_twenty_seconds() -> None:
    assert max(act.decided_s for act in acts(load_scenario("demo"))) <= 16


def test_the_demo_shows_every_kind_of_happening() -> None:
    kinds = {type(happening).__name__ for happening in load_scenario("demo").timeline}
    assert kinds == {"Pass", "Load", "TurnBack", "PassBy", "LieBeside", "ScanUnit", "ScanText"}


def test_the_same_round_has_the_same_reads_and_another_round_has_other_units() -> None:
    scenario = load_scenario("demo")
    assert acts(scenario, 3) == acts(scenario, 3)
    assert not {move.unit for move in expected(scenario, 0)} & {move.unit for move in expected(scenario, 1)}
    assert len(expected(scenario, 0)) == len(expected(scenario, 1))


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("pass: box", "pass: crate", "names the unit 'crate', which is not among box"),
        ("door: door-1", "door: door-2", "names the door 'door-2', which is not among door-1"),
        ("dock-1/2", "dock-1/3", "names the antenna 'dock-1/3', which is not among dock-1/1, dock-1/2"),
        ("pass: box", "fly: box", "says nothing that can happen; one key must be one of pass, load"),
        ("direction: out", "direction: up", "timeline.0.direction: Input should be 'out' or 'in' (found 'up')"),
        ("/21/1", "", "write 01/GTIN/21/SERIAL, 00/SSCC or the hexadecimal EPC of a tag"),
        ("01/09506000134352", "01/09506000134353", "is no unit"),
        ("expect: out", "expect: out, speed: 3", "timeline.0.speed: Extra inputs are not permitted (found '3')"),
        ("title: small", "title: [", "is not YAML"),
        ("seconds: 10", "seconds: nan", "seconds: Input should be a finite number (found 'nan')"),
    ],
)
def test_a_fault_in_a_scenario_is_a_sentence(before: str, after: str, sentence: str) -> None:
    assert parse_scenario(SMALL, "small.yaml").title == "small"
    with pytest.raises(ScenarioFault) as fault:
        parse_scenario(SMALL.replace(before, after, 1), "small.yaml")
    assert str(fault.value).startswith("small.yaml: ")
    assert sentence in str(fault.value)


def test_all_faults_of_a_scenario_are_told_at_once() -> None:
    text = SMALL.replace("antennas: 2", "antennas: none").replace("at_s: 0", "at_s: -1")
    with pytest.raises(ScenarioFault) as fault:
        parse_scenario(text, "small.yaml")
    assert "readers.0.antennas: Input should be a valid integer" in str(fault.value)
    assert "timeline.0.at_s: Input should be greater than or equal to 0 (found '-1')" in str(fault.value)


def test_a_scenario_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(ScenarioFault, match=r"nowhere\.yaml: cannot be read: .*No such file"):
        load_scenario("nowhere")


# ---------------------------------------------------------------- units


@pytest.mark.parametrize("text", ["01/09506000134352/21/1001", "00/095060001343520017"])
@pytest.mark.parametrize("number", [0, 7])
def test_tag_and_label_of_a_unit_are_the_same_unit(text: str, number: int) -> None:
    unit = Unit.parse(text, number)
    assert identify_scan(unit.label).unit == unit.key


def test_a_foreign_tag_is_a_unit_without_label() -> None:
    unit = Unit.parse("E28011606000020400000001", round_number=1)
    assert unit.epc.hex().upper() == "E280116060000204000003E9"
    assert unit.key.startswith("urn:epc:raw:96.x")
    assert unit.label == ""


def test_an_sscc_with_a_wrong_check_digit_is_refused_with_the_right_one() -> None:
    with pytest.raises(ValueError, match="with its check digit it is 00/095060001343520017"):
        Unit.parse("00/095060001343520010")


# ---------------------------------------------------------------- radio


def _side_shares(reads: list[Sighting], crossing_s: float, from_s: float, to_s: float) -> float:
    """Share of the reads made between from_s and to_s from the crossing by an antenna on the tag's own side."""
    near = [read for read in reads if from_s <= abs(read.after_s - crossing_s) < to_s]
    right = [read for read in near if (read.antenna.side == "inside") is (read.after_s < crossing_s)]
    return len(right) / len(near)


def test_a_pass_has_realistic_reads() -> None:
    """Anchors: 45 reads a tag and pass (gate, 13 tags), median -70 dBm, right side .77 within 1 s, .95 within 2 s."""
    walk = through("inside", 1.0)
    passes = [sightings(walk, ANTENNAS, random.Random(seed)) for seed in range(50)]
    everything = [read for reads in passes for read in reads]
    assert 30 <= median(map(len, passes)) <= 80
    assert median(read.rssi_dbm for read in everything) == pytest.approx(-70, abs=3)
    assert _side_shares(everything, walk.seconds / 2, 0.0, 1.0) == pytest.approx(0.77, abs=0.08)
    assert _side_shares(everything, walk.seconds / 2, 1.0, 2.0) >= 0.95
    assert _side_shares(everything, walk.seconds / 2, 2.0, 3.0) >= 0.99


def test_walks_are_seen_by_the_sides_they_show_themselves_to() -> None:
    def sides(walk: Walk) -> set[str]:
        return {read.antenna.side for read in sightings(walk, ANTENNAS, random.Random(1))}

    assert sides(passing_by("outside", 1.4)) == {"outside"}
    assert sides(lying("inside", 5.0)) == {"inside"}
    assert sides(lying("both", 5.0)) == {"inside", "outside"}
    assert sides(turning_back("inside", 1.4)) == {"inside", "outside"}


# ---------------------------------------------------------------- the devices


async def test_reads_without_a_client_are_counted_as_unheard() -> None:
    scenario = load_scenario("demo")
    (act,) = [act for act in acts(scenario)[:2] if act.reads]
    async with DockDoor(scenario) as dock:
        began = time.monotonic()
        await dock.play([act])
        assert time.monotonic() - began == pytest.approx(act.reads[-1].at_s, abs=0.5)
        assert dock.unheard == len(act.reads)


async def test_reader_clocks_are_as_wrong_as_the_scenario_says() -> None:
    async with DockDoor(load_scenario("demo")) as dock:
        ahead_s = (dock.readers["dock-2"].stamp_us() - dock.readers["dock-1"].stamp_us()) / 1e6
    assert ahead_s == pytest.approx(14.0, abs=0.1)


# ---------------------------------------------------------------- what came against what had to come


def _event(move: Expected) -> dict[str, object]:
    where = {"door": move.place} if move.direction else {"station": move.place}
    return {"data": {"unit": move.unit, "direction": move.direction, **where}}


def test_the_ledger_knows_what_is_missing_and_what_came_once_too_often() -> None:
    scenario = load_scenario("demo")
    first, *others = expected(scenario)
    book = ledger.Ledger()
    book.promise(acts(scenario), began_s=0.0)
    for move in (*others, others[-1]):
        book.enter(_event(move))
    assert book.missing(1000.0) == [first]
    assert book.unexpected() == [others[-1]]


def test_a_movement_in_the_wrong_direction_is_missing_and_unexpected() -> None:
    scenario = parse_scenario(SMALL, "small.yaml")
    (out,) = expected(scenario)
    book = ledger.Ledger()
    book.promise(acts(scenario), began_s=0.0)
    book.enter(_event(out._replace(direction="in")))
    assert book.missing(1000.0) == [out]
    assert book.unexpected() == [out._replace(direction="in")]
