"""What is kept of decisions, and how often that costs the disk something."""

from __future__ import annotations

import pytest

from edgegw.core import logbook
from edgegw.core.identity import Identity
from edgegw.core.logbook import AGAIN_S, BURST, PER_S, Entry, Logbook, Note
from edgegw.core.model import Evidence, Movement, Observation, Passed
from edgegw.core.packed import Logged, unpack

T = 1_800_000_000.0


def evidence(t: float) -> Evidence:
    return Evidence("3066C4409047E140075BCD15", 1, ("dock-1/1",), T + t, T + t)


def passed(t: float, unit: str = "u", reason: str = "parked", door: str = "door-1") -> Passed:
    return Passed(Identity("unit", unit, ""), T + t, T + t, door, reason, evidence(t))


def moved(t: float, unit: str = "u") -> Movement:
    identity = Identity("unit", unit, "")
    return Movement(identity, T + t, T + t, "inside", "outside", evidence(t), door="door-1", direction="out")


class Disk:
    """The table, as the journal would have it."""

    def __init__(self, last_seq: int = 0) -> None:
        self.book = Logbook(last_seq)
        self.rows: dict[int, Entry] = {}
        self.writes = 0

    def note(self, decision: Logged, shift_s: float = 0.0) -> Note | None:
        note = self.book.note(decision, shift_s)
        if note:
            self.writes += 1
            self.rows[note.entry.seq] = note.entry
            self.rows.pop(note.instead_of, None)
        return note


def test_a_movement_is_always_kept() -> None:
    disk = Disk()
    for t in range(1000):
        disk.note(moved(t))
    assert len(disk.rows) == disk.writes == 1000
    assert list(disk.rows) == list(range(1, 1001))


def test_what_stands_beside_the_door_for_a_day_is_one_entry_and_few_writes() -> None:
    disk = Disk()
    for n in range(24 * 600):
        disk.note(passed(n * 6))
    (entry,) = disk.rows.values()
    assert disk.writes < 24 * 6 + 15
    assert entry.since_t == T
    assert 24 * 600 - entry.times <= AGAIN_S / 6
    assert unpack(entry.packed).t == entry.decided_t > T + 24 * 3600 - AGAIN_S - 10


def test_a_person_who_tries_again_and_again_sees_it() -> None:
    """The first at once, and then what is told is never older than a third of the time that it has gone on."""
    disk = Disk()
    for t in range(0, 300, 20):
        disk.note(passed(t, reason="one-side"))
        (entry,) = disk.rows.values()
        assert t - (entry.decided_t - T) <= t / 3


def test_reasons_units_and_doors_are_kept_apart() -> None:
    disk = Disk()
    for t in range(100):
        disk.note(passed(t, reason="parked"))
        disk.note(passed(t, reason="steady"))
        disk.note(passed(t, reason="steady", door="door-2"))
        disk.note(passed(t, unit="v"))
    assert len(disk.rows) == 4
    assert {entry.unit for entry in disk.rows.values()} == {"u", "v"}


def test_a_movement_between_ends_what_was_alike() -> None:
    disk = Disk()
    for decision in (passed(0), passed(10), moved(20), passed(30), passed(40)):
        disk.note(decision)
    assert [type(unpack(row.packed)).__name__ for row in disk.rows.values()] == ["Passed", "Movement", "Passed"]
    assert [row.times for row in disk.rows.values()] == [2, 1, 2]


def test_a_long_pause_begins_anew() -> None:
    disk = Disk()
    disk.note(passed(0))
    disk.note(passed(AGAIN_S + 1))
    assert [entry.times for entry in disk.rows.values()] == [1, 1]


def test_observations_are_alike_too() -> None:
    disk = Disk()
    for t in range(0, 100, 20):
        disk.note(Observation(Identity("unit", "u", ""), T + t, "packing", "packing", evidence(t)))
    (entry,) = disk.rows.values()
    assert entry.times >= 4


def test_a_flood_of_new_tags_is_written_slowly_and_counted() -> None:
    disk = Disk()
    for second in range(60):
        for n in range(2000):
            disk.note(passed(second, unit=f"u{n}"))
    assert disk.writes <= BURST + 60 * PER_S
    for n in range(2000):
        disk.note(passed(700.0 + n, unit=f"u{n}"))
    assert max(entry.times for entry in disk.rows.values()) > 30


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "MAX_UNITS", 10)
    disk = Disk()
    for n in range(100):
        disk.note(passed(n, unit=f"u{n}"))
    assert len(disk.book._units) == 10


def test_numbers_go_on_after_a_restart() -> None:
    note = Disk(last_seq=41).note(passed(0))
    assert note
    assert note.entry.seq == 42


def test_times_for_people_follow_the_wall_clock() -> None:
    note = Disk().note(passed(0), shift_s=-100.0)
    assert note
    assert note.entry.decided_t == T
    assert note.entry.since_t == T - 100
    assert unpack(note.entry.packed).t == T - 100
