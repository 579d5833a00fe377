"""Some power cuts, and proof that they would tell a journal that does not keep its word."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from edgegw.store import opening, ownership
from simulators.power_cut import Drive, Fate, Image, Recording
from simulators.power_cut.sqlite_tap import why_not
from tests.store.support import add, opened, pending_seqs
from tests.torture.power_cuts import Tally, cut_often, rows

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


async def some(folder: Path, images: int) -> Tally:
    return await cut_often(folder / "some", images, random.Random(1))


async def test_power_may_fail_at_any_moment(tmp_path: Path) -> None:
    (row,) = await rows(tmp_path, scale=0.05, seed=1)
    assert row.faults == ()
    assert row.counts["images"] == 250
    assert int(row.counts["recovering"]) > 10
    assert int(row.counts["forgotten"]) > 0


@pytest.mark.parametrize(("synchronous", "fault"), [("NORMAL", "lost"), ("NORMAL", "reused"), ("OFF", "unreadable")])
async def test_a_journal_that_forces_too_little_to_disk_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synchronous: str, fault: str
) -> None:
    set_mode = opening._set_mode

    def set_hasty_mode(connection: sqlite3.Connection, path: Path) -> None:
        set_mode(connection, path)
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    monkeypatch.setattr(opening, "_set_mode", set_hasty_mode)
    assert fault in (await some(tmp_path, 100)).examples


async def test_a_folder_that_may_vanish_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_sync_directory", lambda folder: None)
    assert "lost" in (await some(tmp_path, 100)).examples


def cut(recording: Recording, moment: int, fate: Fate) -> Image:
    ((*_, image),) = recording.cuts([moment], lambda: fate, random.Random(1))
    return image


async def test_the_witness_of_a_journal_that_is_gone_does_not_come_back(tmp_path: Path) -> None:
    """Or the new one would be taken for a copy of it after every power cut."""
    drive = Drive(tmp_path / "disk")
    path = drive.folder / "journal.db"
    with drive.recorded() as recording:
        async with opened(path) as journal:
            add(journal)
    drive.lay({"journal.db.lock": cut(recording, recording.moment, Fate.KEPT)["journal.db.lock"]})
    with drive.recorded() as recording:
        async with opened(path) as journal:
            epoch = journal.epoch
            add(journal)
            await journal.flush()
            moment = recording.moment
    drive.lay(cut(recording, moment, Fate.LOST))
    async with opened(path) as journal:
        assert journal.troubles() == {}
        assert journal.epoch == epoch
        assert await pending_seqs(journal) == [1]
