"""States that grow read by read: put together when they are asked for, and the table of what was appended is short."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from edgegw.store.growth import Growth
from edgegw.store.journal import Journal
from tests.store.support import opened, writing

STEPS = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def rows_in(path: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def grow(journal: Journal, key: str, text: str) -> None:
    journal.grow_state("door/d", key, text)
    await journal.flush()


async def test_a_state_that_is_forgotten_takes_what_it_had_grown_by_along(path: Path) -> None:
    async with opened(path) as journal:
        journal.put_state("door/d", "a", "1")
        await grow(journal, "a", "2")
        journal.put_state("door/d", "a", None)
        await journal.flush()
        assert await journal.states("door/d") == []
        journal.put_state("door/d", "a", "3")
        await grow(journal, "a", "4")
        await grow(journal, "a", "5")
    async with opened(path) as journal:
        assert await journal.states("door/d") == [("a", "345")]


async def test_within_one_commit_the_order_counts(path: Path) -> None:
    async with opened(path) as journal:
        journal.put_state("door/d", "a", "old")
        await grow(journal, "a", "er")
        journal.grow_state("door/d", "a", "lost")
        journal.put_state("door/d", "a", "new")
        journal.grow_state("door/d", "a", "er")
        await grow(journal, "a", "!")
        assert await journal.states("door/d") == [("a", "newer!")]


async def test_the_table_is_folded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One state is put again and again, one grows seldom, one grows always; all are whole at any time."""
    monkeypatch.setattr("edgegw.store.growth.FOLD_ROWS", 20)
    async with opened(path, commit_ms=1) as journal, writing(journal):
        journal.put_state("door/d", "always", "")
        journal.put_state("door/d", "seldom", "")
        for step in range(STEPS):
            journal.put_state("door/d", "anew", str(step))
            await grow(journal, "always", f"{step},")
            await grow(journal, "anew", "+")
            if step % 20 == 0:
                await grow(journal, "seldom", f"{step},")
            assert await journal.states("door/d") == [
                ("always", "".join(f"{one}," for one in range(step + 1))),
                ("anew", f"{step}+"),
                ("seldom", "".join(f"{one}," for one in range(0, step + 1, 20))),
            ]
            if step % 10 == 0:
                await journal.tidy()
    assert rows_in(path, "growth") <= 60
    assert rows_in(path, "state") == 3


async def test_what_is_put_while_it_is_folded_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegw.store.growth.FOLD_ROWS", 1)
    async with opened(path) as journal:
        journal.put_state("door/d", "a", "old")
        await grow(journal, "a", "er")
        await grow(journal, "a", "est")
        growth = Growth(journal._connection)
        read = journal._connection.read

        async def slowly(sql: str, *values: int) -> list[tuple[object, ...]]:
            rows = await read(sql, *values)
            journal.put_state("door/d", "a", "new")
            await journal.flush()
            return rows

        monkeypatch.setattr(journal._connection, "read", slowly)
        await growth.fold()
        monkeypatch.undo()
        assert await journal.states("door/d") == [("a", "new")]
