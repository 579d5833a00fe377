"""What is being weighed, as the journal keeps it: after a crash the same decision comes out, for the same reasons."""

from __future__ import annotations

import doctest
import json
import random
from collections.abc import Iterable

import pytest

from edgegw.core.counters import Counters
from edgegw.core.door import Door, DoorSettings, saved
from edgegw.core.door.door import MAX_LATER
from edgegw.core.door.episode import MAX_GROWN, Episode
from edgegw.core.door.known import Known
from edgegw.core.door.saved import from_json
from edgegw.core.door.steady import RESIDENT_S
from edgegw.core.door.surroundings import ALONE
from edgegw.core.door.view import SELDOM_S
from edgegw.core.model import Movement, Passed, Side, TagRead
from tests.core.test_door import IDENTITY, OUT, UNIT, T, door, read

Story = list[tuple[TagRead, Side]]


class Disk:
    """Takes what a door saves, as the journal does."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.written = 0

    def save(self, watched: Door) -> None:
        whole, grown = watched.take_changed()
        for unit, state in whole.items():
            self.states.pop(unit, None)
            if state is not None:
                self.states[unit] = state
        for unit, addition in grown.items():
            self.states[unit] += addition
        self.written += sum(len(text or "") for text in (*whole.values(), *grown.values()))

    def restored(self, now: float, **settings: float) -> Door:
        made, _ = door(**settings)
        for unit, state in self.states.items():
            made.restore(unit, state, lambda _: IDENTITY, now)
        return made


def play(watched: Door, story: Iterable[tuple[TagRead, Side]], disk: Disk) -> list[Movement | Passed]:
    """Everything is saved after each read."""
    decided: list[Movement | Passed] = []
    for one, side in story:
        decided += watched.see(UNIT, IDENTITY, one, side, one.t)
        decided += watched.advance(one.t, one.t)
        disk.save(watched)
    return decided


def silence(watched: Door, story: Story) -> list[Movement | Passed]:
    last_t = max(one.t for one, _ in story)
    return watched.advance(last_t + 60, last_t + 60)


def a_story(seed: int) -> Story:
    """Walks through, turns back, stands, on two antennas a side; some reads come late, in the wrong place."""
    rng = random.Random(seed)
    story: Story = []
    t, side = 0.0, rng.choice(("inside", "outside"))
    for _ in range(rng.randrange(4, 160)):
        t += rng.choice((0.02, 0.1, 0.3, 1.2))
        if rng.random() < 0.15:
            side = "outside" if side == "inside" else "inside"
        late = rng.random() < 0.05
        one = read(t - 1.0 if late else t, rng.choice((None, rng.uniform(-75, -40))), late=late)
        story.append((one._replace(antenna=rng.randrange(1, 3), reader_t=one.t + 5), side))  # type: ignore[arg-type]
    return story


@pytest.mark.parametrize("seed", range(60))
def test_the_same_decision_comes_out_after_a_crash_at_any_read(seed: int) -> None:
    story, rng = a_story(seed), random.Random(seed)
    settings = {"quiet_s": rng.choice((1.5, 4.0)), "max_open_s": rng.choice((6.0, 12.0))}
    whole, _ = door(**settings)
    expected = play(whole, story, Disk()) + silence(whole, story)
    for crash_after in {rng.randrange(len(story)) for _ in range(6)}:
        disk = Disk()
        before = play(door(**settings)[0], story[:crash_after], disk)
        after = disk.restored(T + 300, **settings)
        later = play(after, story[crash_after:], disk) + silence(after, story)
        assert before + later == expected


def test_two_crashes_in_one_pass() -> None:
    story, disk, watched = [(read(t), side) for t, side in OUT], Disk(), door()[0]
    expected = play(watched, story, Disk()) + silence(watched, story)
    play(door()[0], story[:2], disk)
    play(disk.restored(T + 60), story[2:4], disk)
    last = disk.restored(T + 60)
    assert play(last, story[4:], disk) + silence(last, story) == expected


def test_a_visit_is_remembered() -> None:
    """It came to the door inside and vanished; after the crash it turns up outside."""
    disk, before = Disk(), door()[0]
    story: Story = [(read(0), "inside"), (read(1), "inside")]
    play(before, story, disk)
    (passed,) = silence(before, story)
    assert isinstance(passed, Passed)
    disk.save(before)
    after = disk.restored(T + 100)
    story = [(read(100), "outside"), (read(101), "outside")]
    play(after, story, disk)
    (movement,) = silence(after, story)
    assert isinstance(movement, Movement)
    assert movement.direction == "out"


def test_all_that_is_known_is_saved() -> None:
    """Whatever a door comes to know of a unit."""
    known = Known(T)
    for number, slot in enumerate(set(Known.__slots__) - {"zone", "sides", "signal"}):
        setattr(known, slot, T + number)
    known.zone, known.sides = "inside", {"inside": 3.0, "outside": 0.75}
    for t in range(9):
        known.signal.add(("dock-1", 1), T + t, -50.0 - t)
    again = Known(0.0)
    again.restore(json.loads(json.dumps(known.saved())))
    assert again.saved() == known.saved()
    assert all(getattr(again, slot) == getattr(known, slot) for slot in Known.__slots__ if slot != "signal")


def test_what_was_known_long_ago_is_of_no_use() -> None:
    disk, watched = Disk(), door()[0]
    story: Story = [(read(0), "inside")]
    play(watched, story, disk)
    assert from_json(disk.states[UNIT]).reads == 1
    silence(watched, story)
    disk.save(watched)
    with pytest.raises(ValueError, match="nothing is being weighed"):
        from_json(disk.states[UNIT])
    assert door()[0].restore(UNIT, disk.states[UNIT], lambda _: IDENTITY, T + 900)
    assert not door()[0].restore(UNIT, disk.states[UNIT], lambda _: IDENTITY, T + 901)


def test_what_stands_costs_the_disk_little_until_the_other_side_sees_it() -> None:
    disk, (watched, _) = Disk(), door(max_open_s=3000)
    reads = 4 * MAX_GROWN
    play(watched, ((read(t / 4), "inside") for t in range(reads)), disk)
    assert disk.written < reads * 30
    assert from_json(disk.states[UNIT]).last_t >= T + reads / 4 - SELDOM_S
    play(watched, [(read(reads / 4), "outside")], disk)
    assert from_json(disk.states[UNIT]).reads == reads + 1


def test_what_has_just_come_is_saved_read_by_read() -> None:
    """A line of some 60 bytes for each."""
    disk, (watched, _) = Disk(), door(max_open_s=3000)
    reads = int(4 * RESIDENT_S)
    play(watched, ((read(t / 4), "inside") for t in range(reads)), disk)
    assert from_json(disk.states[UNIT]).reads == reads
    assert disk.written < reads * 100


def test_a_second_tag_of_the_same_name_is_saved_whole() -> None:
    disk = Disk()
    other = read(1)._replace(epc=b"\x30" * 12, pc=0x3000)
    play(door()[0], [(read(0), "inside"), (other, "inside"), (read(2), "inside")], disk)
    restored = from_json(disk.states[UNIT])
    assert restored.read.epc == bytes(12)
    assert restored.reads == 3


@pytest.mark.parametrize("name", ["dock-1", 'a "reader"', "line\nbreak", "back\\slash", "Tür 🚪"])
def test_a_read_is_saved_whatever_it_says(name: str) -> None:
    reads: Story = [
        (read(0), "inside"),
        (read(0.1, None)._replace(reader=name, antenna=7), "outside"),
        (read(1e-7, -60.25, late=True)._replace(reader=name, reader_t=1e17), "inside"),
        (read(2, -60)._replace(reader_t=None), "outside"),
    ]
    before = Episode(reads[0][0])
    before.add(*reads[0])
    assert saved.parse(saved.to_json(before, {}) + saved.growth(reads)).seen == reads


def test_the_examples_are_right() -> None:
    assert doctest.testmod(saved).attempted
    assert doctest.testmod(saved).failed == 0


@pytest.mark.parametrize("crash_after", [None, *range(10)])
def test_a_backlog_of_one_reader_waits_for_that_of_the_other(crash_after: int | None) -> None:
    """Out and back in, and the inside antennas' reader tells all of it before the outside ones' says a word."""
    inside = [(read(t), "inside") for t in (0.0, 0.5, 1.0, 9.5, 10.0, 10.5)]
    outside = [(read(t), "outside") for t in (1.5, 2.0, 8.0, 8.5)]
    told_t = [T - 1]
    surroundings = ALONE._replace(told_until=lambda _: told_t[0])
    disk, watched = Disk(), Door(DoorSettings("door-1"), Counters(), surroundings)
    decided: list[Movement | Passed] = []
    for number, (one, side) in enumerate(inside + outside):
        decided += watched.see(UNIT, IDENTITY, one, side, T + 20)  # type: ignore[arg-type]  # literals in a list
        disk.save(watched)
        if number == crash_after:
            watched = Door(DoorSettings("door-1"), Counters(), surroundings)
            for unit, state in disk.states.items():
                watched.restore(unit, state, lambda _: IDENTITY, T + 20)
    told_t[0] = T + 20
    for t in (20, 30):
        decided += watched.advance(T + t, T + t)
    assert [one.direction for one in decided if isinstance(one, Movement)] == ["out", "in"]
    assert sum(one.evidence.reads for one in decided) == 10


def test_what_is_put_off_is_bounded() -> None:
    watched = Door(DoorSettings("door-1"), Counters(), ALONE._replace(told_until=lambda _: T - 1))
    for number in range(MAX_LATER + 1):
        assert watched.see(UNIT, IDENTITY, read(number * 10), "inside", T + number * 10) == []
    assert watched.see(UNIT, IDENTITY, read(1e6), "inside", T + 1e6) != []
