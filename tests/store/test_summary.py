"""Looking into a journal from outside."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from edgegw.errors import StoreFailed
from edgegw.store.migrate import shipped_migrations
from edgegw.store.summary import summarise
from tests.store.support import opened


async def test_a_new_journal_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "odd name?#%.db"
    async with opened(path) as journal:
        summary = summarise(path)
        assert summary == (len(shipped_migrations()), "dock-edge-1", journal.epoch, 0, 0, 0, 0, None)


async def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path):
        pass
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    summarise(path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match=r"journal .*none\.db: there is no such file"):
        summarise(tmp_path / "none.db")


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_not_a_journal(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(StoreFailed, match=r"journal .*x\.db: "):
        summarise(path)


def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE meta (gateway, epoch, last_seq)")
    with pytest.raises(StoreFailed, match="not made by edgegw"):
        summarise(path)
