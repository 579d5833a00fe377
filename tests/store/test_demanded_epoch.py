"""An epoch that begins because of what central systems say: not at every start, whoever says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgegw.store.journal import EPOCH_S
from tests.store.support import START_T, Hand, add, opened


@pytest.mark.parametrize(
    ("later_s", "may"), [(0, False), (EPOCH_S - 1, False), (EPOCH_S + 1, True), (-EPOCH_S - 1, True)]
)
async def test_it_begins_once_an_hour(tmp_path: Path, later_s: float, may: bool) -> None:
    """Also where the clock was set back by more than that."""
    hand = Hand()
    async with opened(tmp_path / "journal.db", now=hand) as journal:
        add(journal)
        assert await journal.may_begin_epoch()
        await journal.begin_epoch()
        assert "somebody who should not writes" in journal.troubles()["restored"]
        assert not await journal.may_begin_epoch()
    hand.t = START_T + later_s
    async with opened(tmp_path / "journal.db", now=hand) as journal:
        assert await journal.may_begin_epoch() == may


@pytest.mark.parametrize("text", ["", "abc", "nan", "1e999", "9" * 400])
async def test_a_note_that_edgegw_did_not_write_forbids_nothing(tmp_path: Path, text: str) -> None:
    async with opened(tmp_path / "journal.db") as journal:
        journal.put_state("epoch", "begun", text)
        await journal.flush()
        assert await journal.may_begin_epoch()
