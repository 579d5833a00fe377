"""Collecting, committing, reading: what the rest of the program sees of the journal."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import threading
from pathlib import Path

import pytest

from edgegw.core.counters import Counters
from edgegw.store.group import UnitState
from edgegw.store.journal import ROOM_GROUPS, Journal, Row
from tests.store.support import START_T, TOPIC, Hand, add, opened, pending_seqs, writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_numbers_are_contiguous_and_known_to_the_payload(path: Path) -> None:
    async with opened(path) as journal:
        assert [add(journal), add(journal), add(journal)] == [1, 2, 3]
        await journal.flush()
        assert await journal.pending(1, 10) == [Row(2, TOPIC, b"2 "), Row(3, TOPIC, b"3 ")]
        assert journal.last_seq == 3


async def test_reading_sees_only_what_is_committed(path: Path) -> None:
    async with opened(path) as journal:
        add(journal)
        journal.put_state("door-1", "a", "{}")
        journal.put_unit(UnitState("urn:u", "inside", "door-1", START_T))
        assert await journal.pending(0, 10) == []
        assert await journal.states("door-1") == []
        assert await journal.unit("urn:u") is None
        assert journal.last_seq == 0


async def test_what_is_collected_in_one_step_is_one_commit(path: Path) -> None:
    counters = Counters()
    async with opened(path, counters=counters) as journal, writing(journal):
        for _ in range(100):
            seq = add(journal)
            journal.put_state("door-1", str(seq), None)
        await journal.wait_committed(0)
        assert journal.last_seq == 100
    assert counters.get("journal", "commits") == 1
    assert counters.get("journal", "events") == 100


async def commits(counters: Counters, count: int) -> None:
    while counters.get("journal", "commits") < count:
        await asyncio.sleep(0.01)


async def test_a_full_group_does_not_wait_for_the_clock(path: Path) -> None:
    counters = Counters()
    async with opened(path, commit_ms=10_000, commit_rows=10, counters=counters) as journal, writing(journal):
        for number in range(9):
            journal.put_state("door-1", str(number), "weighed")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(commits(counters, 1), 0.2)
        journal.put_state("door-1", "9", "weighed")
        await asyncio.wait_for(commits(counters, 1), 5)


@pytest.mark.parametrize("first", [True, False])
async def test_an_event_does_not_wait_for_the_clock(path: Path, first: bool) -> None:
    """Not even where something that can wait was there before it."""
    async with opened(path, commit_ms=10_000, commit_rows=1000) as journal, writing(journal):
        if not first:
            journal.put_state("door-1", "u", "weighed")
            await asyncio.sleep(0.05)
        add(journal)
        await asyncio.wait_for(journal.wait_committed(0), 5)


async def test_closing_writes_what_no_writer_wrote(path: Path) -> None:
    async with opened(path) as journal:
        add(journal)
    async with opened(path) as journal:
        assert await pending_seqs(journal) == [1]


async def test_numbers_are_not_used_again_after_drain_and_restart(path: Path) -> None:
    clock = Hand()
    async with opened(path, now=clock, keep_h=1) as journal:
        for _ in range(5):
            journal.mark_published(add(journal))
        await journal.flush()
        clock.t += 7200
        assert await journal.tidy()
    async with opened(path, now=clock) as journal:
        assert await pending_seqs(journal) == []
        assert add(journal) == 6


async def test_the_epoch_is_born_with_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", now=Hand(1469918176.385)) as journal:
        first = journal.epoch
    async with opened(tmp_path / "a.db", now=Hand(START_T + 1000)) as journal:
        assert journal.epoch == first
    async with opened(tmp_path / "b.db") as journal:
        assert journal.epoch != first
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", first)
    assert first.startswith("01ARYZ6S41")  # the time of the ULID that github.com/ulid/javascript gives as example


async def test_an_encoder_that_fails_takes_no_number(path: Path) -> None:
    def fail(seq: int) -> tuple[str, bytes]:
        raise ValueError("cannot say this")

    async with opened(path) as journal:
        with pytest.raises(ValueError, match="cannot say this"):
            journal.add_event(fail)
        assert add(journal) == 1


async def test_the_latest_state_of_a_key_counts(path: Path) -> None:
    async with opened(path) as journal:
        journal.put_state("door-1", "a", "1")
        journal.put_state("door-1", "a", "2")
        journal.put_state("door-1", "b", "1")
        journal.put_state("door-2", "a", "other")
        await journal.flush()
        assert await journal.states("door-1") == [("a", "2"), ("b", "1")]
        journal.put_state("door-1", "a", None)
        journal.put_state("door-1", "b", None)
        journal.put_state("door-1", "b", "3")
    async with opened(path) as journal:
        assert await journal.states("door-1") == [("b", "3")]
        assert await journal.states("door-2") == [("a", "other")]


async def test_units_are_found_by_name_and_by_time(path: Path) -> None:
    async with opened(path) as journal:
        for number in range(5):
            journal.put_unit(UnitState(f"urn:u:{number}", "inside", "door-1", START_T + number))
        await journal.flush()
        moved = UnitState("urn:u:0", "outside", "door-2", START_T + 10)
        journal.put_unit(moved)
    async with opened(path) as journal:
        assert await journal.unit("urn:u:0") == moved
        assert await journal.unit("urn:u:9") is None
        recent = await journal.recent_units(START_T + 2, 3)
        assert [unit.unit for unit in recent] == ["urn:u:0", "urn:u:4", "urn:u:3"]


async def test_marked_and_parked_events_are_not_handed_out_again_even_before_the_commit(path: Path) -> None:
    async with opened(path) as journal:
        for _ in range(6):
            add(journal)
        await journal.flush()
        for seq in (1, 2, 3):
            journal.mark_published(seq)
        journal.park(5, "packet too large")
        assert await pending_seqs(journal, limit=2) == [4]  # as many as the limit allows to look at, never none
        assert await pending_seqs(journal) == [4, 6]
        await journal.flush()
        assert await pending_seqs(journal) == [4, 6]
        assert (await journal.backlog())[:3] == (2, 1, 0)


async def test_settling_what_is_not_pending_changes_nothing(path: Path) -> None:
    async with opened(path) as journal:
        seq = add(journal)
        await journal.flush()
        journal.mark_published(seq)
        journal.mark_published(999)
        await journal.flush()
        journal.park(seq, "too late")
        journal.park(999, "no such event")
        await journal.flush()
        assert (await journal.backlog())[:3] == (0, 0, 0)


async def test_backlog_says_how_long_the_oldest_has_waited(path: Path) -> None:
    clock = Hand()
    async with opened(path, now=clock) as journal:
        assert (await journal.backlog())[:3] == (0, 0, 0)
        for _ in range(3):
            add(journal)
            clock.t += 10
        journal.mark_published(1)
        await journal.flush()
        assert (await journal.backlog())[:3] == (2, 0, 20)


async def test_the_first_that_waits_is_the_first_that_was_never_delivered(path: Path) -> None:
    async with opened(path) as journal:
        assert (await journal.backlog()).first == 1
        for _ in range(5):
            add(journal)
        journal.mark_published(1, 2, 3)
        await journal.flush()
        assert (await journal.backlog()).first == 4
        await journal.put_back(1, 3)  # sent again
        assert (await journal.backlog()).first == 4
        await journal.begin_epoch()  # numbers 1 to 5 of it: what came since the start
        journal.mark_published(1, 2)
        await journal.flush()
        assert (await journal.backlog()).first == 4
        journal.mark_published(3, 4, 5)
        await journal.flush()
        assert (await journal.backlog()).first == journal.last_number + 1 == 6


async def test_room_bounds_what_waits_and_opens_again(path: Path) -> None:
    limit = ROOM_GROUPS * 10
    accepted = 0

    async def source(journal: Journal) -> None:
        nonlocal accepted
        while True:
            await journal.room()
            add(journal)
            accepted += 1

    async with opened(path, commit_rows=10) as journal:
        sources = [asyncio.create_task(source(journal)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert accepted == limit  # nobody writes: the sources stand still
        async with writing(journal):
            await asyncio.wait_for(journal.wait_committed(50 * limit), 10)
            for task in sources:
                task.cancel()
            await asyncio.gather(*sources, return_exceptions=True)
        assert journal.last_seq == accepted
        assert len(await pending_seqs(journal)) == accepted


async def test_two_tasks_share_the_journal(path: Path) -> None:
    """A reader in the middle of commits, a collector in the middle of reads: neither sees half a group."""

    async def collect(journal: Journal) -> None:
        for _ in range(300):
            seq = add(journal)
            journal.put_state("open", str(seq - 1), None)
            journal.put_state("open", str(seq), "{}")
            await asyncio.sleep(0)

    async with opened(path, commit_ms=1, commit_rows=7) as journal, writing(journal):
        collector = asyncio.create_task(collect(journal))
        drained = 0
        while drained < 300:
            await journal.wait_committed(drained)
            assert len(await journal.states("open")) == 1
            rows = await journal.pending(drained, 13)
            assert [row.seq for row in rows] == list(range(drained + 1, drained + 1 + len(rows)))
            for row in rows:
                journal.mark_published(row.seq)
            drained = rows[-1].seq
        await collector
        await journal.flush()
        assert (await journal.backlog())[:3] == (0, 0, 0)


async def test_reading_in_the_middle_of_a_commit_sees_all_of_it_or_nothing(path: Path) -> None:
    async with opened(path) as journal:
        for pause in range(100):
            for _ in range(3):
                add(journal)
            commit = asyncio.create_task(journal.flush())
            for _ in range(pause):
                await asyncio.sleep(0)
            assert await pending_seqs(journal) == list(range(1, journal.last_seq + 1))
            await commit


async def test_cancellation_storm_loses_nothing_and_breaks_no_group(path: Path) -> None:
    rng = random.Random(5)
    added = 0

    async def work(journal: Journal) -> None:
        nonlocal added
        while True:
            await journal.room()
            seq = add(journal)
            journal.put_state("last", "seq", str(seq))
            added += 1
            await rng.choice((journal.flush, journal.backlog, lambda: journal.pending(0, 5)))()

    async with opened(path, commit_ms=1, commit_rows=20) as journal:
        for _ in range(150):
            tasks = [asyncio.create_task(journal.run()), *(asyncio.create_task(work(journal)) for _ in range(3))]
            for _ in range(rng.randrange(1, 12)):
                await asyncio.sleep(0)
            await asyncio.sleep(rng.choice((0, 0.0005, 0.002)))
            for _ in range(3):  # more than once: also while they end
                for task in tasks:
                    task.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(*tasks, return_exceptions=True)
            assert all(task.cancelled() for task in tasks)
    async with opened(path) as journal:
        assert added > 150
        assert await journal.pending(0, added + 1) == [
            Row(seq, TOPIC, f"{seq} ".encode()) for seq in range(1, added + 1)
        ]
        assert await journal.states("last") == [("seq", str(added))]


async def test_no_thread_is_left_whatever_ends_the_journal(path: Path) -> None:
    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name]

    async def fail() -> None:
        async with opened(path):
            raise RuntimeError("boom")

    async def wait() -> None:
        async with opened(path):
            assert threads()
            await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="boom"):
        await fail()
    for _ in range(20):  # cancelled at some point of opening, being open, closing
        task = asyncio.create_task(wait())
        await asyncio.sleep(random.Random().uniform(0, 0.01))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    for thread in threads():
        thread.join(5)  # it has been told to end
    assert not threads()
