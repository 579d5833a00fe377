"""What is forgotten, when, and what never is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edgegw.core.counters import Counters
from edgegw.store import journal as journal_module
from edgegw.store import retention as retention_module
from edgegw.store.group import UnitState
from edgegw.store.journal import Journal
from edgegw.store.retention import STEP_ROWS, UNIT_KEEP_S
from edgegw.store.summary import summarise
from tests.store.support import START_T, TOPIC, Hand, add, opened, pending_seqs, writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def kept(journal: Journal) -> list[int]:
    await journal.flush()
    return [seq for (seq,) in await journal._connection.read("SELECT seq FROM event ORDER BY seq")]


async def until_nothing_is_kept(journal: Journal) -> None:
    while await kept(journal):
        await asyncio.sleep(0.01)


async def tidy_up(journal: Journal) -> None:
    await journal.flush()
    while await journal.tidy():
        pass


async def test_published_events_stay_for_keep_h(path: Path) -> None:
    clock = Hand()
    async with opened(path, now=clock, keep_h=1) as journal:
        for _ in range(6):
            journal.mark_published(add(journal))
            clock.t += 600
        await tidy_up(journal)
        assert await kept(journal) == [1, 2, 3, 4, 5, 6]
        clock.t += 1
        await tidy_up(journal)
        assert await kept(journal) == [2, 3, 4, 5, 6]


async def test_pending_and_parked_events_stay_for_ever_and_history_has_no_holes(path: Path) -> None:
    clock = Hand()
    async with opened(path, now=clock, keep_h=1) as journal:
        for _ in range(8):
            add(journal)
        journal.park(2, "denied")
        for seq in (1, 3, 4, 6, 7):
            journal.mark_published(seq)
        clock.t += 1_000_000
        await tidy_up(journal)
        assert await kept(journal) == [5, 6, 7, 8]  # 6 and 7 wait until 5 is delivered
        journal.mark_published(5)
        await tidy_up(journal)
        assert await kept(journal) == [8]
        assert [row[0] for row in await journal._connection.read("SELECT payload FROM parked")] == [b"2 "]
        assert await pending_seqs(journal) == [8]


async def test_a_long_history_goes_in_steps(path: Path) -> None:
    clock = Hand()
    async with opened(path, now=clock, keep_h=1) as journal:
        for _ in range(2 * STEP_ROWS + 1):
            journal.mark_published(add(journal))
        await journal.flush()
        clock.t += 4000
        for left in (STEP_ROWS + 1, 1, 0):
            assert await journal.tidy()
            assert len(await kept(journal)) == left
        assert not await journal.tidy()


async def test_the_file_stays_within_max_mb_and_its_pages_are_used_again(path: Path) -> None:
    async with opened(path, keep_h=24, max_mb=8) as journal:
        for _ in range(30):
            for _ in range(1000):
                journal.mark_published(add(journal, "x" * 900))
            await tidy_up(journal)
        assert (await kept(journal))[-1] == 30_000
        assert len(await kept(journal)) > 7000
    assert path.stat().st_size < 10 * 1024 * 1024


async def test_a_backlog_larger_than_max_mb_is_kept_whole(path: Path) -> None:
    async with opened(path, max_mb=8) as journal:
        for _ in range(10_000):
            add(journal, "x" * 1000)
        await tidy_up(journal)
        assert await pending_seqs(journal) == list(range(1, 10_001))


async def test_the_writer_forgets_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETENTION_S", 0.02)
    clock = Hand()
    async with opened(path, now=clock, keep_h=1) as journal:
        for _ in range(3 * STEP_ROWS):
            journal.mark_published(add(journal))
        await journal.flush()
        clock.t += 4000
        async with writing(journal):
            await asyncio.wait_for(until_nothing_is_kept(journal), 10)


async def test_units_fold_into_one_row_each_and_are_found_before_and_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "FOLD_ROWS", 100)
    async with opened(path) as journal:
        for round_ in range(4):
            for number in range(30):
                journal.put_unit(UnitState(f"urn:u:{number}", f"place-{round_}", "door-1", START_T + round_))
            await tidy_up(journal)
            assert await journal.unit("urn:u:7") == UnitState("urn:u:7", f"place-{round_}", "door-1", START_T + round_)
            units = await journal.recent_units(0, 1000)
            assert [unit.place for unit in units] == [f"place-{round_}"] * 30
        assert await journal._connection.read("SELECT (SELECT count(*) FROM unit), (SELECT count(*) FROM moved)") == [
            (30, 0)
        ]


async def test_units_unseen_for_a_quarter_are_forgotten_step_by_step(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "FOLD_ROWS", 1)
    monkeypatch.setattr(retention_module, "STEP_ROWS", 10)
    clock = Hand()
    counters = Counters()
    async with opened(path, now=clock, counters=counters) as journal:
        for number in range(100, 155):
            t = START_T if number % 2 else START_T + 10
            journal.put_unit(UnitState(f"urn:u:{number}", "inside", "door-1", t))
        await journal.flush()
        clock.t += UNIT_KEEP_S + 5
        for _ in range(8):  # 55 units, 10 a step; the first step comes before the folding
            await journal.tidy()
        left = await journal.recent_units(0, 1000)
        assert sorted(unit.unit for unit in left) == [f"urn:u:{number}" for number in range(100, 155, 2)]
    assert counters.get("journal", "units_forgotten") == 27


async def test_a_summary_agrees_while_the_gateway_runs_and_after(path: Path) -> None:
    clock = Hand()
    async with opened(path, now=clock, keep_h=1) as journal:
        assert summarise(path).oldest_pending_t is None
        for _ in range(10):
            add(journal)
            clock.t += 600
        journal.park(1, "denied", (TOPIC, b"skipped"))
        journal.park(5, "denied", (TOPIC, b"skipped"))
        for seq in (1, 2, 3, 4, 5, 6, 9):
            journal.mark_published(seq)
        await tidy_up(journal)  # the first four are older than an hour
        running = summarise(path)
        assert running._replace(epoch="", schema=0) == (0, "dock-edge-1", "", 10, 3, 2, 3, START_T + 6 * 600)
        assert running.epoch == journal.epoch
    assert summarise(path) == running
