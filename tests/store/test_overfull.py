"""A backlog larger than max_mb: nothing is dropped, and somebody is told."""

from __future__ import annotations

from pathlib import Path

from edgegw.store.journal import Journal
from tests.store.support import add, opened, pending_seqs


async def tidy_up(journal: Journal) -> None:
    await journal.flush()
    while await journal.tidy():
        pass


async def test_what_waits_is_kept_beyond_max_mb_and_that_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db", max_mb=8) as journal:
        for _ in range(2200):
            add(journal, "x" * 4000)
        await tidy_up(journal)
        (sentence,) = journal.troubles().values()
        assert sentence.startswith(
            "what waits for the broker takes more than journal.max_mb (8 MB): none of it is dropped"
        )
        assert len(await pending_seqs(journal)) == 2200
        for seq in range(1, 1001):
            journal.mark_published(seq)
        await tidy_up(journal)
        assert journal.troubles() == {}
        assert len(await pending_seqs(journal)) == 1200


async def test_history_that_can_go_is_nobodys_trouble(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db", max_mb=8) as journal:
        for _ in range(2200):
            journal.mark_published(add(journal, "x" * 4000))
        await tidy_up(journal)
        assert journal.troubles() == {}


async def test_what_is_large_without_waiting_is_said_as_it_is(tmp_path: Path) -> None:
    """Nothing waits: the broker must not be blamed."""
    async with opened(tmp_path / "journal.db", max_mb=8) as journal:
        for number in range(2200):
            journal.put_state("door/x", f"unit {number}", "x" * 4000)
        journal.mark_published(add(journal))
        await tidy_up(journal)
        (sentence,) = journal.troubles().values()
        assert sentence.startswith("parked events and what is known of units take more than journal.max_mb (8 MB)")
        for number in range(2200):
            journal.put_state("door/x", f"unit {number}", None)
        await tidy_up(journal)
        assert journal.troubles() == {}
