"""The log of decisions in a real journal: written with its group, bounded, read from outside at any time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from edgegw.core.logbook import Entry, Note
from edgegw.errors import StoreFailed
from edgegw.store import decisions
from edgegw.store.decisions import KEEP_S, looking
from edgegw.store.group import UnitState
from edgegw.store.journal import Journal
from edgegw.store.migrate import shipped_migrations
from tests.store.support import START_T, Hand, opened


def entry(seq: int, unit: str = "u", t: float = START_T, times: int = 1, door: str = "door-1") -> Entry:
    return Entry(seq, t, unit, door, t - 5, times, b"packed")


def keep(journal: Journal, *entries: Entry) -> None:
    for one in entries:
        journal.add_decision(Note(one, 0))


async def tidy_up(journal: Journal) -> None:
    while await journal.tidy():
        pass


def rows(path: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM decision ORDER BY seq")]


async def test_what_is_written_can_be_read_while_the_gateway_runs_and_after(tmp_path: Path) -> None:
    path = tmp_path / "odd name?#%.db"
    async with opened(path) as journal:
        keep(journal, entry(1), entry(2, "v"), entry(3, times=7), entry(4, door="door-2"))
        await journal.flush()
        with looking(path) as log:
            assert log.of_unit("u", 2) == [entry(3, times=7), entry(4, door="door-2")]
    with looking(path) as log:
        assert [one.seq for one in log.of_unit("u", 10)] == [1, 3, 4]
        assert [one.seq for one in log.around("door-1", START_T - 1, START_T + 1)] == [1, 2, 3]
        assert log.around("door-1", START_T + 1, START_T + 2) == []


async def test_an_entry_replaces_another_even_in_one_group(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path) as journal:
        keep(journal, entry(1))
        journal.add_decision(Note(entry(2, times=2), 1))
        await journal.flush()
        journal.add_decision(Note(entry(3, times=9), 2))
    with looking(path) as log:
        assert log.of_unit("u", 10) == [entry(3, times=9)]


async def test_numbers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path) as journal:
        assert await journal.last_decision() == 0
        keep(journal, entry(1), entry(2))
    async with opened(path) as journal:
        assert await journal.last_decision() == 2


async def test_old_entries_go(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal.db", Hand()
    async with opened(path, now=clock) as journal:
        keep(journal, *(entry(n, t=START_T + n) for n in range(1, 1201)))
        await journal.flush()
        clock.t = START_T + KEEP_S + 1100.5
        await tidy_up(journal)
        assert rows(path) == list(range(1101, 1201))


async def test_too_many_entries_go_the_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path, max_mb=8) as journal:
        keep(journal, *(entry(n) for n in range(1, 2001)))
        await journal.flush()
        await tidy_up(journal)
        assert rows(path) == list(range(2001 - 8 * decisions.ROWS_PER_MB, 2001))


async def test_gaps_between_numbers_cost_nobody_his_place(tmp_path: Path) -> None:
    """What is replaced all day leaves gaps; only rows count."""
    path = tmp_path / "journal.db"
    async with opened(path, max_mb=8) as journal:
        keep(journal, *(entry(n * 1000) for n in range(1, 101)))
        await journal.flush()
        await tidy_up(journal)
        assert len(rows(path)) == 100


async def test_where_it_is_and_what_is_being_weighed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path) as journal:
        journal.put_unit(UnitState("u", "packing", "pack-1", START_T))
        journal.put_state("door/door-1", "u", "{}")
        await journal.flush()
        with looking(path) as log:
            place = log.place_of("u")
            assert place
            assert (place.place, place.read_point, place.t) == ("packing", "pack-1", START_T)
            assert log.being_weighed("u") == [("door-1", "u", "{}")]
            assert log.place_of("v") is None


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="there is no such file"), looking(tmp_path / "none.db"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_to_this_user(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(StoreFailed, match="this user may not see it"), looking(tmp_path / "closed" / "journal.db"):
        pass


async def test_a_journal_of_an_older_version(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{shipped_migrations()[0]}; PRAGMA user_version = 1;")
    with pytest.raises(StoreFailed, match="written by an older edgegw"), looking(path):
        pass
    async with opened(path):
        pass
    with looking(path) as log:
        assert log.of_unit("u", 1) == []


def test_a_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(StoreFailed, match="not made by edgegw"), looking(path):
        pass
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreFailed, match="not an SQLite database"), looking(path):
        pass


async def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path) as journal:
        keep(journal, entry(1))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with looking(path) as log:
        log.of_unit("u", 1)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
