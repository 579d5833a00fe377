"""Which files the journal takes, which it refuses and with what sentence."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgegw.errors import StoreFailed
from edgegw.store import damage
from edgegw.store.damage import ASIDE_MAX
from edgegw.store.journal import Parked, Row
from edgegw.store.migrate import shipped_migrations
from tests.store.support import GATEWAY, add, opened, pending_seqs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@contextlib.contextmanager
def refused(path: Path, *words: str) -> Iterator[None]:
    """Opening fails with all the words, names the file and leaves it as it was."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreFailed) as failure:
        yield
    for word in (str(path), *words):
        assert word in str(failure.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with open(os.open(path, os.O_RDWR | os.O_CREAT), "r+b") as file:
        file.seek(offset)
        file.write(content)


def sql(path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def one(path: Path, query: str) -> object:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchone()[0]


async def test_a_new_journal_is_private_and_its_directory_made(tmp_path: Path) -> None:
    path = tmp_path / "edgegw" / "journal.db"
    async with opened(path) as journal:
        add(journal)
        await journal.flush()
        for name in ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock"):
            assert stat.S_IMODE((path.parent / name).stat().st_mode) & 0o137 == 0, name
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o027 == 0


async def test_a_parent_that_does_not_exist_is_the_operators_to_make(tmp_path: Path) -> None:
    path = tmp_path / "no" / "such" / "journal.db"
    with refused(path, "cannot create the directory", "No such file"):
        async with opened(path):
            pass


async def test_a_directory_is_not_a_journal(tmp_path: Path) -> None:
    with refused(tmp_path, "cannot be opened"):
        async with opened(tmp_path):
            pass


async def test_commits_survive_a_power_cut_by_setting(path: Path) -> None:
    """WAL is in the file; FULL is the connection's: asked on the product's own connection."""
    async with opened(path) as journal:
        assert await journal._connection.read("PRAGMA journal_mode") == [("wal",)]
        assert await journal._connection.read("PRAGMA synchronous") == [(2,)]
        assert await journal._connection.read("PRAGMA secure_delete") == [(0,)]


async def test_another_gateways_journal_is_refused(path: Path) -> None:
    async with opened(path, gateway="dock-a"):
        pass
    with refused(path, "'dock-a'", "'dock-b'", "journal.path"):
        async with opened(path, gateway="dock-b"):
            pass
    async with opened(path, gateway="dock-a"):
        pass


async def test_another_programs_sqlite_file_is_refused(path: Path) -> None:
    sql(path, "CREATE TABLE customers (name TEXT)")
    with refused(path, "not made by edgegw"):
        async with opened(path):
            pass


@pytest.mark.parametrize("content", [b"reads.csv\n" * 500, os.urandom(8192), b"SQLite format 3\0" + b"\xff" * 5000])
async def test_what_is_not_sqlite_is_refused(path: Path, content: bytes) -> None:
    overwrite(path, 0, content)
    with refused(path):
        async with opened(path):
            pass


async def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    overwrite(path, 0, b"")
    async with opened(path) as journal:
        assert add(journal) == 1


async def expect_set_aside(path: Path, damaged: bytes) -> None:
    async with opened(path) as journal:
        (aside,) = (file for file in path.parent.glob("*.damaged-*") if file.read_bytes() == damaged)
        assert str(aside) in journal.troubles()["damaged"]
        assert add(journal) == 1


@pytest.mark.parametrize("offset", [20 * 1024, 50, 100])  # a page of events, the header, the first page
async def test_a_damaged_file_is_set_aside_as_it_is(path: Path, offset: int) -> None:
    async with opened(path) as journal:
        for _ in range(200):
            add(journal, "x" * 500)
    overwrite(path, offset, b"\xff" * 500)
    await expect_set_aside(path, path.read_bytes())


async def test_a_file_whose_header_is_gone_is_known_by_its_witness(path: Path) -> None:
    async with opened(path) as journal:
        add(journal)
    overwrite(path, 0, b"\0" * 4096)
    await expect_set_aside(path, path.read_bytes())


async def test_a_dying_disk_is_not_filled_with_damaged_journals(path: Path) -> None:
    for _ in range(ASIDE_MAX):
        async with opened(path) as journal:
            add(journal)
        overwrite(path, 100, b"\xff" * 500)
    async with opened(path):
        pass
    overwrite(path, 100, b"\xff" * 500)
    with refused(path, "damaged", "replace the disk"):
        async with opened(path):
            pass
    assert len(list(path.parent.glob("*.damaged-*[0-9]"))) == ASIDE_MAX


async def test_another_gateways_damaged_journal_is_not_ours_to_set_aside(path: Path) -> None:
    async with opened(path, gateway="dock-a") as journal:
        for _ in range(200):
            add(journal, "x" * 500)
    overwrite(path, 50 * 1024, b"\xff" * 500)
    with refused(path, "'dock-a'"):
        async with opened(path, gateway="dock-b"):
            pass


async def test_the_events_of_a_huge_file_are_not_read_at_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "CHECK_WHOLE_BYTES", 50_000)
    async with opened(path) as journal:
        for _ in range(200):
            add(journal, "x" * 500)
    overwrite(path, 80 * 1024, b"\xff" * 1024)
    async with opened(path) as journal:
        assert add(journal) == 201
    root_page = one(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'state'")
    assert isinstance(root_page, int)
    overwrite(path, (root_page - 1) * 1024, b"\xff" * 1024)
    await expect_set_aside(path, path.read_bytes())


async def test_the_events_of_a_huge_file_are_read_at_start_when_reading_them_has_failed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "CHECK_WHOLE_BYTES", 50_000)
    async with opened(path) as journal:
        for _ in range(200):
            add(journal, "x" * 500)
    overwrite(path, 20 * 1024, b"\xff" * 50 * 1024)
    async with opened(path) as journal:
        with pytest.raises(StoreFailed, match="damaged"):
            await pending_seqs(journal)
    await expect_set_aside(path, path.read_bytes())


async def test_an_older_schema_is_upgraded_and_keeps_its_events(path: Path) -> None:
    shipped = shipped_migrations()
    second = "ALTER TABLE event ADD COLUMN kind TEXT NOT NULL DEFAULT 'movement';"
    third = "CREATE TABLE note (text TEXT); INSERT INTO note SELECT kind FROM event;"
    async with opened(path, migrations=shipped) as journal:
        add(journal)
        epoch = journal.epoch
    async with opened(path, migrations=[*shipped, second, third]) as journal:
        assert (journal.epoch, await pending_seqs(journal), add(journal)) == (epoch, [1], 2)
    assert one(path, "PRAGMA user_version") == len(shipped) + 2
    assert one(path, "SELECT group_concat(text) FROM note") == "movement"


async def test_the_first_schema_ever_is_upgraded(path: Path) -> None:
    sql(path, f"{shipped_migrations()[0]}; PRAGMA user_version = 1;")
    sql(
        path,
        f"""
        INSERT INTO meta VALUES ('{GATEWAY}', '01JD0000000000000000000000', 3);
        INSERT INTO event VALUES (1, 0, 'a', x'01'), (2, 0, 'b', x'02'), (3, 0, 'c', x'03');
        INSERT INTO outbox VALUES (3);
        INSERT INTO parked VALUES (2, 5, 'denied');
        """,
    )
    async with opened(path) as journal:
        assert await journal.pending(0, 10) == [Row(3, "c", b"\3")]
        assert await journal.parked(0, 10) == [Parked(2, 5.0, "denied", "b", b"\2")]
        assert (journal.epoch, add(journal)) == ("01JD0000000000000000000000", 4)


async def test_a_newer_schema_is_refused_naming_both_versions(path: Path) -> None:
    shipped = shipped_migrations()
    async with opened(path, migrations=[*shipped, "CREATE TABLE future (x)", "CREATE TABLE farther (x)"]):
        pass
    with refused(path, f"schema version {len(shipped) + 2}", f"up to {len(shipped)}", "install"):
        async with opened(path, migrations=shipped):
            pass


async def test_a_step_that_fails_has_not_happened(path: Path) -> None:
    shipped = shipped_migrations()
    async with opened(path, migrations=shipped) as journal:
        add(journal)
    broken = "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);"
    with pytest.raises(StoreFailed, match="nowhere"):
        async with opened(path, migrations=[*shipped, "CREATE TABLE whole (x);", broken]):
            pass
    assert one(path, "PRAGMA user_version") == len(shipped) + 1
    assert one(path, "SELECT group_concat(name) FROM sqlite_schema WHERE name IN ('half', 'whole')") == "whole"
    async with opened(path, migrations=[*shipped, "CREATE TABLE whole (x);"]) as journal:
        assert await pending_seqs(journal) == [1]


async def test_the_shipped_steps_are_numbered_without_gaps() -> None:
    folder = Path(sys.modules["edgegw.store.migrate"].__file__ or "").parent / "schema"
    numbers = sorted(int(file.name.split("_")[0]) for file in folder.glob("*.sql"))
    assert numbers == list(range(1, len(shipped_migrations()) + 1))


_HOLD = """
import asyncio, sys, time
from pathlib import Path
from tests.store.support import opened
async def main():
    async with opened(Path(sys.argv[1])):
        print("open", flush=True)
        time.sleep(60)
asyncio.run(main())
"""


@contextlib.contextmanager
def held_by_another_process(path: Path) -> Iterator[int]:
    """Its process id. It is killed, not closed, at the end."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"open\n"
            yield holder.pid
        finally:
            holder.kill()


async def test_a_second_process_is_refused_until_the_first_is_gone_even_by_kill_9(path: Path) -> None:
    alias = path.with_name("alias.db")
    alias.symlink_to(path)
    with held_by_another_process(path) as pid:
        for name in (path, alias):
            with pytest.raises(StoreFailed, match=rf"journal {path}: another edgegw .process {pid}. is using it"):
                async with opened(name):
                    pass
    async with opened(path) as journal:
        assert add(journal) == 1


async def test_the_same_process_cannot_open_it_twice(path: Path) -> None:
    async with opened(path):
        with pytest.raises(StoreFailed, match="is using it"):
            async with opened(path):
                pass
