"""Every decision has its words, with its numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgegw.cli.reasons import CURES, VERDICTS, because, clock, cure, moment, verdict
from edgegw.core import door
from edgegw.core.identity import Identity
from edgegw.core.model import (
    Evidence,
    LoadVote,
    Movement,
    Observation,
    Passed,
    SideSight,
    Unidentified,
    Why,
)

T = 1_800_000_000.0
IDENTITY = Identity("unit", "https://id.gs1.org/01/09506000134352/21/1", "sgtin-96")
EVIDENCE = Evidence("3066C4409047E140075BCD15", 5, ("dock-1/1", "dock-1/3"), T - 2, T + 1.5, -61.5)
BOTH = Why(
    "crossed",
    SideSight(2, T + 1.2, -63.0),
    SideSight(3, T + 3.0, -61.0),
    order_s=1.8,
    clarity=1.9,
    spread_db=0.6,
    load=LoadVote(T + 2, 18, 20),
    steady_db=1.1,
    faint_dbm=-71.0,
    known_t=T - 100,
)
INSIDE = BOTH._replace(outside=None, order_s=None, clarity=None, load=None)


def moved(why: Why | None, **more: str) -> Movement:
    return Movement(IDENTITY, T, T + 4, "hall", "yard", EVIDENCE, door="door-1", direction="out", why=why)


def passed(reason: str, why: Why = BOTH, reads: int = 9) -> Passed:
    return Passed(IDENTITY, T, T + 4, "door-1", reason, EVIDENCE._replace(reads=reads), why._replace(code=reason))


def codes() -> tuple[set[str], set[str]]:
    """Movements and others in the table that the door's package gives."""
    assert door.__doc__
    crossing, not_crossing = door.__doc__.split("no movement ", 1)
    row = re.compile(r"^    ([a-z-]+)  +\S", re.MULTILINE)
    return set(row.findall(crossing)) - {"movement"}, set(row.findall(not_crossing))


def test_every_code_of_a_door_has_its_words() -> None:
    movements, others = codes()
    assert {"crossed", "load", "memory", "visit"} <= movements
    assert {"steady", "parked", "one-side"} <= others
    assert others <= VERDICTS.keys()
    assert others <= CURES.keys()
    for code in movements - {"crossed"}:
        assert because(moved(BOTH._replace(code=code))) != because(moved(BOTH))
    for code in others:
        assert because(passed(code)) != because(passed("never heard of"))


def test_the_manual_has_every_code() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "doors.md").read_text()
    movements, others = codes()
    for code in movements | others:
        assert f"`{code}`" in manual


def test_a_movement_in_full() -> None:
    assert verdict(moved(BOTH)) == "MOVED out, from hall to yard"
    assert because(moved(BOTH)) == (
        f"The inside antennas heard it best around {clock(T + 1.2, 1)} (-63 dBm, 2 reads), the outside ones around "
        f"{clock(T + 3.0, 1)} (-61 dBm, 3 reads), 1.8 s later; 18 of 20 units of its load agree."
    )


@pytest.mark.parametrize(
    ("reason", "why", "words"),
    [
        ("steady", BOTH, "by only 0.6 dB from second to second; what lies still at this door wanders by less than 1.1"),
        ("one-side", INSIDE, "Only the inside antennas heard it, best around"),
        ("weak", INSIDE, "what crosses here comes with -71 dBm or more"),
        ("no-order", BOTH._replace(clarity=0.3), "clarity 0.3 of 0.7"),
        ("no-order", BOTH, "no other than what this tag gives when it just lies there"),
        ("turned-back", BOTH, "came to the door and went back"),
        ("vetoed-by-load", BOTH._replace(load=LoadVote(T, 3, 20)), "only 3 of the 20 units around it crossed"),
        ("vetoed-by-load", BOTH, "all their reads together are no crossing"),
        ("other-door", BOTH, "another door heard the same pass better"),
        ("parked", INSIDE, "in view without a break"),
    ],
)  # fmt: skip
def test_no_movement_has_its_numbers(reason: str, why: Why, words: str) -> None:
    assert words in because(passed(reason, why))
    assert cure(passed(reason, why))


def test_few_reads_are_said_to_be_few() -> None:
    assert "2 reads are few" in cure(passed("one-side", INSIDE, reads=2))
    assert "few" not in cure(passed("one-side", INSIDE, reads=9))


def test_a_reason_that_a_newer_door_may_give_is_told_by_its_name() -> None:
    assert verdict(passed("sunspots")) == "no movement: sunspots"
    assert "inside antennas" in because(passed("sunspots"))
    assert cure(passed("sunspots")) == ""


def test_stations_and_scans() -> None:
    evidence = Evidence("]d201", 1, ("pack-1",), T, T)
    arrived = Movement(IDENTITY, T, T, "outside", "packing", evidence, station="packing")
    assert verdict(arrived) == "ARRIVED at packing, from outside"
    assert verdict(arrived._replace(origin=None)) == "ARRIVED at packing"
    assert because(arrived) == "Read by pack-1."
    assert "already" in verdict(Observation(IDENTITY, T, "packing", "packing", evidence))
    unread = Unidentified(Identity("raw", "", "raw", reason="no rule fits this text"), T, "packing", evidence)
    assert (verdict(unread), because(unread)) == ("no unit", "Read by pack-1: no rule fits this text.")


def test_a_backlog_is_told() -> None:
    late = moved(BOTH)._replace(evidence=EVIDENCE._replace(late=True))
    assert "the reader had been away" in because(late)


def test_old_times_have_a_date() -> None:
    assert moment(T - 3e8) == f"2017-07-14 {clock(T - 3e8)}"
