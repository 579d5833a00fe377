"""No number is given twice, even when an old copy of the journal goes into service."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgegw.store.journal import Journal
from tests.store.support import opened, pending_seqs

TOPIC = "edgegw/v1/dc-1/gw/evt/movement"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def add(journal: Journal) -> int:
    def encode(seq: int) -> tuple[str, bytes]:
        event = {"id": f"gw:{journal.epoch}:{seq}", "gateway": "gw", "epoch": journal.epoch, "seq": seq}
        return TOPIC, json.dumps(event).encode()

    return journal.add_event(encode)


async def sent(journal: Journal) -> list[tuple[str, int]]:
    """Epoch and number of what waits for the broker, as it will be sent; ids agree."""
    events = [json.loads(row.payload) for row in await journal.pending(0, 1000)]
    assert [event["id"] for event in events] == [f"gw:{event['epoch']}:{event['seq']}" for event in events]
    return [(event["epoch"], event["seq"]) for event in events]


async def backed_up(path: Path) -> tuple[str, Path]:
    """A journal with three events, of which two wait, and a copy of it; then three more events. Its epoch."""
    async with opened(path) as journal:
        for _ in range(3):
            add(journal)
        await journal.flush()
        journal.mark_published(1)
    copy = path.with_name("backup")
    shutil.copy(path, copy)
    async with opened(path) as journal:
        for _ in range(3):
            journal.mark_published(add(journal))
        return journal.epoch, copy


async def expect_new_epoch(path: Path, epoch: str) -> None:
    async with opened(path) as journal:
        new = journal.epoch
        assert new != epoch
        assert "restored from a copy" in journal.troubles()["restored"]
        assert journal.last_number == 0
        assert await sent(journal) == [(epoch, 2), (epoch, 3)]
        assert [add(journal), add(journal)] == [1, 2]
        await journal.flush()
        assert await sent(journal) == [(epoch, 2), (epoch, 3), (new, 1), (new, 2)]
        assert (journal.last_seq, journal.last_number) == (5, 2)
        assert [journal.row_of(epoch, seq) for seq in (0, 3, 4)] == [0, 3, None]
        assert [journal.row_of(new, seq) for seq in (-1, 0, 2, 3)] == [None, 3, 5, None]
        assert journal.row_of("another", 1) is None
    async with opened(path) as journal:
        assert journal.epoch == new
        assert journal.troubles() == {}
        assert add(journal) == 3


async def test_a_copy_in_the_place_of_the_file(path: Path) -> None:
    epoch, copy = await backed_up(path)
    path.unlink()
    shutil.copy(copy, path)
    await expect_new_epoch(path, epoch)


async def test_a_copy_written_over_the_file(path: Path) -> None:
    """The same inode: the witness knows."""
    epoch, copy = await backed_up(path)
    inode = path.stat().st_ino
    path.write_bytes(copy.read_bytes())
    assert path.stat().st_ino == inode
    await expect_new_epoch(path, epoch)


async def test_a_folder_restored_with_its_witness(path: Path) -> None:
    epoch, copy = await backed_up(path)
    witness = Path(f"{path}.lock")
    text = witness.read_text().replace(" 6 ", " 3 ")
    path.unlink()
    witness.unlink()
    shutil.copy(copy, path)
    witness.write_text(text)
    await expect_new_epoch(path, epoch)


@pytest.mark.parametrize(
    "witness", [None, b"", b"\xff" * 500, b"1\n2\n", b"1\nE x\n", b"1\nE\n", b"\0" * 60, b"1\n\n\n"]
)
async def test_a_witness_that_says_nothing_changes_nothing(path: Path, witness: bytes | None) -> None:
    async with opened(path) as journal:
        add(journal)
        epoch = journal.epoch
    lock = Path(f"{path}.lock")
    lock.unlink()
    if witness is not None:
        lock.write_bytes(witness)
    async with opened(path) as journal:
        assert (journal.epoch, add(journal)) == (epoch, 2)


async def test_an_older_journal_of_another_epoch_in_the_place_of_the_file(path: Path) -> None:
    async with opened(path) as journal:
        add(journal)
        epoch = journal.epoch
    old = path.rename(path.with_name("old"))
    async with opened(path) as journal:
        add(journal)
    path.unlink()
    old.rename(path)
    async with opened(path) as journal:
        assert journal.epoch != epoch
        assert await pending_seqs(journal) == [1]


async def test_what_central_systems_know_better_begins_an_epoch_for_what_is_new(path: Path) -> None:
    async with opened(path) as journal:
        for _ in range(2):
            add(journal)
        epoch = journal.epoch
    async with opened(path) as journal:
        add(journal)
        await journal.flush()
        add(journal)
        await journal.begin_epoch()
        new = journal.epoch
        add(journal)
        await journal.flush()
        expected = [(epoch, 1), (epoch, 2), (new, 1), (new, 2), (new, 3)]
        assert await sent(journal) == expected
        assert (journal.row_of(epoch, 2), journal.row_of(epoch, 3), journal.row_of(new, 1)) == (2, None, 3)
        assert "restored" in journal.troubles()
    async with opened(path) as journal:
        assert (journal.epoch, await sent(journal), add(journal)) == (new, expected, 4)
