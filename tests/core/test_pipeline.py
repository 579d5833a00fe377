"""From read to decision: which read point, which unit, what is ignored and why."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace

import pytest

from edgegw.core.counters import Counters
from edgegw.core.dock import Dock, ScannerSettings, StationSettings
from edgegw.core.door import DoorSettings
from edgegw.core.identity import RawPolicy
from edgegw.core.llrp.messages import ReaderEvent
from edgegw.core.model import AtStation, DoorSide, Movement, Observation, Scan, TagRead, Unidentified
from edgegw.core.pipeline import Pipeline
from edgegw.core.whereabouts import Whereabout

T = 1_800_000_000.0
TAG = bytes.fromhex("3066C4409047E140075BCD15")
UNIT = "https://id.gs1.org/01/09506000134352/21/123456789"
LABEL = "]d2010950600013435221123456789"
DOCK = Dock(
    doors=(DoorSettings("door-1"),),
    stations=(StationSettings("packing", "0614141000005"), StationSettings("belt", None, repeat_s=2)),
    scanners=(ScannerSettings("pack-1", "packing"),),
    antennas={
        ("dock-1", 1): DoorSide("door-1", "inside"),
        ("dock-1", 2): DoorSide("door-1", "outside"),
        ("belt-1", 0): AtStation("belt"),
    },
)


def pipeline() -> tuple[Pipeline, Counters]:
    counters = Counters()
    made = Pipeline(DOCK, counters)
    for reader in ("dock-1", "belt-1"):
        made.watermarks.up(reader, T - 10)
    return made, counters


def read(t: float, antenna: int, reader: str = "dock-1", epc: bytes = TAG) -> TagRead:
    return TagRead(reader, antenna, epc, len(epc) * 8, T + t, -55.0)


def test_one_unit_scanned_and_then_seen_leaving_has_one_history() -> None:
    made, _ = pipeline()
    (arrival,) = made.scan(Scan("pack-1", LABEL, T), T)
    assert isinstance(arrival, Movement)
    assert (arrival.unit.unit, arrival.origin, arrival.place, arrival.location) == (
        UNIT, None, "packing", "0614141000005",
    )  # fmt: skip
    made.tags([read(10, 1), read(10.5, 1), read(12, 2), read(12.5, 2)], T + 13)
    (exit_,) = made.advance(T + 17)
    assert isinstance(exit_, Movement)
    assert (exit_.unit.unit, exit_.direction) == (UNIT, "out")
    (back,) = made.scan(Scan("pack-1", LABEL, T + 60), T + 60)
    assert isinstance(back, Movement)
    assert back.origin == "outside"


def test_a_repeat_is_counted_and_a_later_scan_observed() -> None:
    made, counters = pipeline()
    made.scan(Scan("pack-1", LABEL, T), T)
    assert made.scan(Scan("pack-1", LABEL, T + 1), T + 1) == []
    assert counters.get("packing", "repeat") == 1
    (seen,) = made.scan(Scan("pack-1", LABEL, T + 60), T + 60)
    assert isinstance(seen, Observation)


def test_a_scan_that_names_no_unit_is_shown() -> None:
    made, counters = pipeline()
    (shown,) = made.scan(Scan("pack-1", "]E04006381333931", T), T)
    assert isinstance(shown, Unidentified)
    assert shown.identity.kind == "class"
    assert shown.identity.reason
    assert counters.get("pack-1", "class") == 1


def test_a_belt_reader_stands_for_all_its_antennas() -> None:
    made, counters = pipeline()
    reads = [read(t / 10, antenna=t % 3, reader="belt-1") for t in range(50)]
    (arrival,) = made.tags(reads, T + 5)
    assert isinstance(arrival, Movement)
    assert arrival.station == "belt"
    assert counters.get("belt", "repeat") == 49


def test_reads_of_unknown_antennas_are_counted() -> None:
    made, counters = pipeline()
    assert made.tags([read(0, 9), read(0, 1, reader="nobody")], T) == []
    assert counters.get("dock-1", "no_read_point") == 1
    assert counters.get("nobody", "no_read_point") == 1


def test_a_tag_that_no_rule_names_moves_under_its_bits() -> None:
    made, counters = pipeline()
    epc = bytes.fromhex("AD3830770CCDD0AD38300206")
    made.tags([read(0, 1, epc=epc), read(2, 2, epc=epc)], T + 2)
    (movement,) = made.advance(T + 10)
    assert isinstance(movement, Movement)
    assert movement.unit.unit == "urn:epc:raw:96.xAD3830770CCDD0AD38300206"
    assert counters.get("dock-1", "raw") == 2


@pytest.mark.parametrize(("policy", "counted"), [("count", "raw"), ("drop", "dropped")])
def test_raw_tags_by_policy(policy: RawPolicy, counted: str) -> None:
    counters = Counters()
    made = Pipeline(replace(DOCK, raw=policy), counters)
    made.tags([read(0, 1, epc=bytes.fromhex("AD3830770CCDD0AD38300206"))], T)
    assert made.units_in_view() == {"door-1": 0}
    assert counters.get("dock-1", counted) == 1


def test_a_tag_that_breaks_its_own_scheme_is_visible_under_its_bits() -> None:
    made, counters = pipeline()
    epc = bytes.fromhex("307FFFFFFFFFFFFFFFFFFFFF")
    made.tags([read(0, 1, epc=epc), read(2, 2, epc=epc)], T + 2)
    (movement,) = made.advance(T + 10)
    assert isinstance(movement, Movement)
    assert movement.unit.epc_uri == "urn:epc:raw:96.x307FFFFFFFFFFFFFFFFFFFFF"
    assert counters.get("dock-1", "invalid") == 2


def test_labels_with_leading_zeros_meet_their_tags_where_the_site_says_so() -> None:
    zeros = "]d20109506000134352210123456789"
    made, counters = pipeline()
    made.tags([read(0, 1)], T)
    (other,) = made.scan(Scan("pack-1", zeros, T), T)
    assert isinstance(other, Movement)
    assert other.unit.unit != UNIT
    assert counters.get("identity", "leading_zeros") == 1
    (same,) = Pipeline(replace(DOCK, strip_leading_zeros=("0950600",)), Counters()).scan(Scan("pack-1", zeros, T), T)
    assert isinstance(same, Movement)
    assert same.unit.unit == UNIT


def test_silence_decides_nothing_while_a_reader_is_away() -> None:
    made, _ = pipeline()
    made.tags([read(0, 1)], T)
    made.watermarks.down("dock-1", T + 1)
    assert made.advance(T + 60) == []
    made.watermarks.up("dock-1", T + 60)
    made.tags([read(2, 2)._replace(late=True)], T + 60.2)
    assert made.advance(T + 60.3) == []
    (movement,) = made.advance(T + 70)
    assert isinstance(movement, Movement)
    assert movement.direction == "out"


def test_a_reader_that_stays_away_holds_nothing_up_for_ever() -> None:
    made, _ = pipeline()
    made.tags([read(0, 1), read(2, 2)], T + 2)
    made.watermarks.down("dock-1", T + 3)
    assert len(made.advance(T + 130)) == 1


def test_changes_are_handed_out_once_and_bring_everything_back() -> None:
    made, _ = pipeline()
    made.scan(Scan("pack-1", LABEL, T), T)
    made.tags([read(10, 1)], T + 10)
    units, episodes, *_ = made.take_changes()
    assert units == {UNIT: Whereabout("packing", "packing", T)}
    assert list(episodes) == ["door-1"]
    assert not any(made.take_changes())

    again, counters = pipeline()
    for unit, whereabout in units.items():
        again.restore_unit(unit, whereabout)
    for unit, state in episodes["door-1"].items():
        assert state is not None
        again.restore_episode("door-1", unit, state, T + 11)
    assert again.scan(Scan("pack-1", LABEL, T + 1), T + 1) == []
    assert counters.get("packing", "repeat") == 1
    again.tags([read(12, 2)], T + 12)
    (movement,) = again.advance(T + 20)
    assert isinstance(movement, Movement)
    assert movement.direction == "out"


def test_a_state_that_cannot_be_read_is_counted() -> None:
    made, counters = pipeline()
    made.restore_episode("door-1", UNIT, "{", T)
    made.restore_episode("door-9", UNIT, "{}", T)
    assert counters.get("door-1", "unreadable_state") == 1
    assert counters.get("door-9", "unreadable_state") == 1


TWO_DOORS = Dock(
    doors=(DoorSettings("door-1"), DoorSettings("door-2")),
    stations=(),
    scanners=(),
    antennas={
        ("dock-1", 1): DoorSide("door-1", "inside"),
        ("dock-1", 2): DoorSide("door-1", "outside"),
        ("dock-1", 3): DoorSide("door-2", "inside"),
        ("dock-1", 4): DoorSide("door-2", "outside"),
    },
)


@pytest.mark.parametrize("delay", [-0.2, 0.2])
def test_a_pass_heard_at_two_doors_is_one_movement_where_it_was_loudest(delay: float) -> None:
    counters = Counters()
    made = Pipeline(TWO_DOORS, counters)
    made.watermarks.up("dock-1", T - 10)
    loud = [read(t, antenna) for t, antenna in ((0, 1), (0.5, 1), (2, 2), (2.5, 2))]
    faint = [read(t + delay, antenna)._replace(rssi_dbm=-72.0) for t, antenna in ((0, 3), (0.5, 3), (2, 4), (2.5, 4))]
    decided = made.tags(sorted([*loud, *faint], key=lambda one: one.t), T + 3)
    for tenth in range(30, 300):
        decided += made.advance(T + tenth / 10)
    movements = [one for one in decided if isinstance(one, Movement)]
    assert [one.door for one in movements] == ["door-1"]
    assert counters.get("door-2", "other-door") == 1


def test_a_read_that_changes_nothing_leaves_nothing_behind() -> None:
    """A pallet that stands at a belt for hours: nothing grows with its reads but the counters' numbers."""
    made, counters = pipeline()
    epcs = [TAG[:-2] + number.to_bytes(2) for number in range(500)]

    def pass_by(turn: int) -> None:
        made.tags([read(turn + n / 1000, 1, "belt-1", epc) for n, epc in enumerate(epcs)], T + turn + 1)
        made.take_changes()

    for turn in range(3):
        pass_by(turn)
    gc.collect()
    before = sys.getallocatedblocks()
    for turn in range(3, 23):
        pass_by(turn)
    gc.collect()
    assert counters.get("belt", "repeat") == 22 * 500
    assert sys.getallocatedblocks() - before < 500


def test_reads_of_two_readers_in_one_batch_go_where_they_belong() -> None:
    made, counters = pipeline()
    reads = [
        read(0, 1),
        read(0, 1, "belt-1"),
        read(0.1, 2),
        read(0.1, 7),
        read(0.1, 7, "nobody"),
        read(0.1, 3, "belt-1"),
    ]
    (arrival,) = made.tags(reads, T + 1)
    assert isinstance(arrival, Movement)
    assert (arrival.station, arrival.evidence.antennas) == ("belt", ("belt-1/1",))
    assert made.units_in_view() == {"door-1": 1}
    assert counters.snapshot() == {
        "belt": {"arrived": 1, "repeat": 1}, "dock-1": {"no_read_point": 1}, "nobody": {"no_read_point": 1},
    }  # fmt: skip


def test_a_lost_antenna_that_reads_is_back_whatever_else_is_out() -> None:
    made, _ = pipeline()
    made.link_down("belt-1", "link", "unplugged", T - 5)
    made.reader_event("dock-1", ReaderEvent("antenna", 2), T)
    made.tags([read(1, 1)], T + 1)
    assert {str(one.port) for one in made.outages} == {"belt-1", "dock-1/2"}
    made.tags([read(2, 2)], T + 2)
    assert {str(one.port) for one in made.outages} == {"belt-1"}
