"""One owner at a time, of files that have not been taken away under it."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from edgegw.errors import StoreFailed
from edgegw.store import journal as journal_module
from edgegw.store.journal import Journal
from tests.store.support import add, opened, pending_seqs, writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", 0.05)
    monkeypatch.setattr(journal_module, "LOOK_S", 0.05)


async def until_failing(journal: Journal, words: str) -> None:
    async with asyncio.timeout(5):
        while journal.failing is None:
            await asyncio.sleep(0.01)
    assert words in journal.failing


async def until_well(journal: Journal) -> None:
    async with asyncio.timeout(5):
        while journal.failing is not None:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_a_file_that_is_removed_is_noticed_and_may_be_put_back(path: Path, suffix: str) -> None:
    file, away = Path(f"{path}{suffix}"), path.with_name("away")
    async with opened(path) as journal, writing(journal):
        add(journal)
        await journal.wait_committed(0)
        file.rename(away)
        await until_failing(journal, f"{file} was removed or replaced")  # nothing is written meanwhile
        add(journal)
        await asyncio.sleep(0.2)
        assert journal.last_seq == 1  # not into a file without a name
        assert await pending_seqs(journal) == [1]  # the backlog still drains
        away.rename(file)
        await journal.wait_committed(1)
        assert journal.failing is None
    async with opened(path) as journal:
        assert await pending_seqs(journal) == [1, 2]


async def test_a_file_that_is_replaced_is_noticed_by_the_next_commit(path: Path) -> None:
    async with opened(path) as journal:
        add(journal)
        await journal.flush()
        copy = path.with_name("copy")
        copy.write_bytes(path.read_bytes())
        original = path.rename(path.with_name("original"))
        copy.rename(path)
        add(journal)
        with pytest.raises(StoreFailed, match=r"1 rows not written: .*was removed or replaced"):
            await journal.flush()
        original.rename(path)


async def test_stopping_without_a_file_is_no_failure_when_nothing_is_lost(path: Path) -> None:
    async with opened(path):
        path.unlink()


async def test_a_removed_lock_file_is_made_anew_and_still_locks(path: Path) -> None:
    lock = Path(f"{path}.lock")
    async with opened(path) as journal, writing(journal):
        lock.unlink()
        async with asyncio.timeout(5):
            while not lock.exists():
                await asyncio.sleep(0.01)
        assert journal.failing is None
        with pytest.raises(StoreFailed, match=f"another edgegw .process {os.getpid()}."):
            async with opened(path):
                pass


async def test_a_lock_file_that_another_holds_stops_the_writing(path: Path) -> None:
    lock = Path(f"{path}.lock")
    async with opened(path) as journal, writing(journal):
        other = lock.with_name("other")
        with other.open("w") as stranger:
            stranger.write("4711")
            stranger.flush()
            fcntl.flock(stranger, fcntl.LOCK_EX)
            other.rename(lock)
            await until_failing(journal, "another edgegw (process 4711) is using it")
        await until_well(journal)


async def test_a_lock_file_that_is_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    Path(f"{path}.lock").symlink_to(victim)
    with pytest.raises(StoreFailed, match=r"cannot write .*lock.*symbolic links.* - remove"):
        async with opened(path):
            pass
    assert victim.read_text() == "precious"
