"""Full disks and held locks: kept, told, and over without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from edgegw.core.counters import Counters
from edgegw.errors import StoreFailed
from edgegw.store import journal as journal_module
from edgegw.store.journal import ROOM_GROUPS, Journal
from edgegw.store.space import BALLAST_BYTES, SPARE, Ballast
from tests.store.support import add, opened, pending_seqs, writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", 0.05)
    monkeypatch.setattr(journal_module, "LOOK_S", 0.1)


@contextlib.contextmanager
def file_size_limit(limit_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond the limit: a full disk that needs no root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def until_failing(journal: Journal) -> str:
    """Fill the journal until a commit fails; the sentence of `failing`."""
    async with asyncio.timeout(30):
        while journal.failing is None:
            for _ in range(50):
                add(journal, "x" * 1000)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(journal.room(), 0.1)
    return journal.failing


async def until_written(journal: Journal) -> None:
    async with asyncio.timeout(30):
        await journal.wait_committed(journal._next_seq - 2)
    assert journal.failing is None


async def expect_whole(path: Path, events: int) -> None:
    async with opened(path) as journal:
        assert await pending_seqs(journal) == list(range(1, events + 1))
        assert await journal._connection.read("PRAGMA integrity_check") == [("ok",)]


async def test_a_full_disk_holds_the_sources_back_and_recovers_without_restart(path: Path) -> None:
    counters = Counters()
    async with opened(path, counters=counters, commit_ms=1, commit_rows=100) as journal, writing(journal):
        with file_size_limit(1_000_000):
            reason = await until_failing(journal)
            assert "SQLITE_FULL" in reason or "SQLITE_IOERR" in reason  # Linux says EFBIG, not ENOSPC, here
            committed = journal.last_seq
            while len(journal._open) + len(journal._writing) < ROOM_GROUPS * 100:
                add(journal)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(journal.room(), 0.3)
            assert journal.last_seq == committed
            assert await pending_seqs(journal) == list(range(1, committed + 1))  # the backlog still drains
            assert counters.get("journal", "failed_commits") > 1
        await until_written(journal)
        await asyncio.wait_for(journal.room(), 5)
        events = add(journal)
    await expect_whole(path, events)


@contextlib.contextmanager
def small_disk(mount: Path, size: str) -> Iterator[None]:
    """A tmpfs, where the tests may mount one."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", str(mount)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "small"
    mount.mkdir()
    with small_disk(mount, "24m"):
        yield mount


def fill(disk: Path) -> Path:
    """Leave no room on the disk. The file to remove when it shall be over."""
    file = disk / "photos"
    with file.open("wb", buffering=0) as photos, contextlib.suppress(OSError):
        while photos.write(bytes(4096)):
            pass
    return file


async def commit(journal: Journal, count: int, size: int = 1000) -> None:
    for _ in range(count):
        add(journal, "x" * size)
    await journal.flush()


async def until_stuck(journal: Journal) -> None:
    """Fill until neither ballast nor history helps any more."""
    async with asyncio.timeout(20):
        while True:
            last_seq = journal.last_seq
            for _ in range(100):
                add(journal, "x" * 1000)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(journal.room(), 0.5)
            if journal.failing and journal.last_seq == last_seq:
                return


async def test_a_full_disk_costs_history_first(disk: Path) -> None:
    path, counters = disk / "journal.db", Counters()
    async with opened(path, counters=counters, commit_ms=1, commit_rows=100) as journal, writing(journal):
        await journal._space.look()
        for _ in range(50):
            await commit(journal, 100)
        for row in await journal.pending(0, 5000):
            journal.mark_published(row.seq)
        await journal.flush()
        assert Path(f"{path}.ballast").exists()
        fill(disk)
        for _ in range(60):
            for _ in range(100):
                add(journal, "x" * 1000)
            await asyncio.wait_for(journal.room(), 10)
        await until_written(journal)
        assert counters.get("journal", "failed_commits") > 0
        assert counters.get("journal", "events_forgotten") > 1000
        assert not Path(f"{path}.ballast").exists()
        assert journal.troubles()["disk"].startswith("the disk is full")
        assert journal.troubles()["disk"].endswith("; free 7 MB")
        assert await pending_seqs(journal) == list(range(5001, 11_001))
        assert await journal._connection.read("PRAGMA integrity_check") == [("ok",)]


async def test_a_full_disk_lets_the_backlog_drain_in_bounded_memory(disk: Path) -> None:
    path = disk / "journal.db"
    async with opened(path, commit_ms=1, commit_rows=100) as journal, writing(journal):
        await journal._space.look()
        for _ in range(30):
            await commit(journal, 100)
        room = fill(disk)
        await until_stuck(journal)
        assert "the disk is full" in (journal.failing or "")
        delivered = 0
        for _ in range(5):
            for row in await journal.pending(delivered, 20):
                journal.mark_published(row.seq)
                delivered = row.seq
            async with asyncio.timeout(10):
                while journal._open.published or journal._writing.published:
                    await asyncio.sleep(0.02)  # on disk, though nothing else may be
        assert delivered == 100
        room.unlink()
        await until_written(journal)
        accepted = journal.last_seq
        assert await pending_seqs(journal) == list(range(101, accepted + 1))
        async with asyncio.timeout(10):
            while not Path(f"{path}.ballast").exists():
                await asyncio.sleep(0.05)
        assert journal.troubles() == {}
    async with opened(path) as journal:
        assert await pending_seqs(journal) == list(range(101, accepted + 1))
        assert await journal._connection.read("PRAGMA integrity_check") == [("ok",)]


async def test_a_disk_is_well_again_when_the_ballast_fits_though_a_backlog_has_taken_much(disk: Path) -> None:
    """A file does not shrink: what is free now is less than when the ballast was first made."""
    path = disk / "journal.db"
    async with opened(path, commit_ms=1, commit_rows=100) as journal, writing(journal):
        await journal._space.look()
        for _ in range(100):
            await commit(journal, 100)
        room = fill(disk)
        await until_stuck(journal)
        room.unlink()
        assert shutil.disk_usage(disk).free < SPARE * BALLAST_BYTES
        await until_written(journal)
        async with asyncio.timeout(10):
            while journal.troubles():
                await asyncio.sleep(0.05)
        assert Path(f"{path}.ballast").exists()


async def test_a_full_disk_with_nothing_to_forget_is_waited_for(disk: Path) -> None:
    path, counters = disk / "journal.db", Counters()
    async with opened(path, counters=counters, commit_ms=1, commit_rows=100) as journal, writing(journal):
        room = fill(disk)
        await until_stuck(journal)
        while len(journal._open) + len(journal._writing) < ROOM_GROUPS * 100:
            add(journal)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(journal.room(), 0.2)
        assert counters.get("journal", "held_back") > 0
        room.unlink()
        await until_written(journal)
        events = add(journal)
    await expect_whole(path, events)


async def test_a_gateway_starts_on_a_full_disk(disk: Path) -> None:
    path = disk / "journal.db"
    async with opened(path) as journal:
        await journal._space.look()
        await commit(journal, 100)
        epoch = journal.epoch
    fill(disk)
    async with opened(path, commit_ms=1) as journal, writing(journal):
        assert (journal.epoch, await pending_seqs(journal)) == (epoch, list(range(1, 101)))
        add(journal)
        await asyncio.wait_for(journal.wait_committed(100), 5)


def test_a_disk_that_is_nearly_full_has_no_ballast(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    with small_disk(mount, "4m"):
        ballast = Ballast(mount / "journal.db")
        ballast.take()
        assert list(mount.iterdir()) == []
        assert not ballast.drop()


async def test_a_lock_held_by_another_program_is_named_and_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgegw.store.opening.BUSY_S", 0.02)
    async with opened(path) as journal, writing(journal):
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert "another program holds the file locked" in await until_failing(journal)
            other.execute("ROLLBACK")
            await until_written(journal)
        events = add(journal)
    await expect_whole(path, events)


async def test_closing_says_what_could_not_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def close_while_locked(other: sqlite3.Connection) -> None:
        async with opened(path) as journal:
            other.execute("BEGIN IMMEDIATE")
            add(journal)
            journal.put_state("door-1", "a", "{}")

    monkeypatch.setattr("edgegw.store.opening.BUSY_S", 0.02)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        with pytest.raises(StoreFailed, match="2 rows not written: another program"):
            await close_while_locked(other)
        other.execute("ROLLBACK")
    async with opened(path) as journal:
        assert add(journal) == 1  # its number was never used


async def test_a_failed_group_is_tried_again_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is collected meanwhile follows in the next transaction; numbers neither jump nor repeat."""
    monkeypatch.setattr("edgegw.store.opening.BUSY_S", 0.02)
    async with opened(path) as journal:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            for attempt in range(5):
                other.execute("BEGIN IMMEDIATE")
                assert add(journal) == attempt + 1
                with pytest.raises(StoreFailed):
                    await journal.flush()
                other.execute("ROLLBACK")
        await journal.flush()
        assert await pending_seqs(journal) == [1, 2, 3, 4, 5]


async def test_a_bug_is_not_retried(path: Path) -> None:
    async def write_nonsense() -> None:
        async with opened(path) as journal:
            journal.put_state("door-1", "a", cast(str, object()))
            await journal.run()

    with pytest.raises(sqlite3.Error, match="binding parameter"):
        await asyncio.wait_for(write_nonsense(), 5)


async def test_reading_a_damaged_file_says_so(path: Path) -> None:
    async with opened(path) as journal:
        for _ in range(2000):
            add(journal, "x" * 1000)
        await journal.flush()
        await journal._connection.read("PRAGMA wal_checkpoint(TRUNCATE)")
        await journal._connection.read("PRAGMA shrink_memory")
        with path.open("r+b") as file:
            file.seek(100 * 1024)
            file.write(os.urandom(1500 * 1024))
        with pytest.raises(StoreFailed, match="damaged"):
            await pending_seqs(journal)
        with pytest.raises(StoreFailed, match="set aside, at the next start"):
            await journal.run()  # the program ends, and its next start looks at the whole file
    async with opened(path) as journal:
        assert "stands aside" in journal.troubles()["damaged"]
        assert await pending_seqs(journal) == []
