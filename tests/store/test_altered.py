"""Another program was at the journal: sentences and counters, no crash, no loop of crashes."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from edgegw.core.counters import Counters
from edgegw.errors import StoreFailed
from edgegw.store import journal as journal_module
from edgegw.store.summary import summarise
from tests.store.support import START_T, Hand, add, opened, pending_seqs, writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", 0.05)
    monkeypatch.setattr(journal_module, "RETENTION_S", 0.05)


def alter(path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("DROP TABLE outbox", "no such table: outbox"),
        ("DROP TABLE event", "no such table"),
        ("ALTER TABLE event DROP COLUMN t", "t"),
        ("INSERT INTO event VALUES (2, 0, 'x', x'00')", "UNIQUE constraint failed: event.seq"),
    ],
)
async def test_what_is_changed_under_the_writer_ends_it_with_a_sentence_and_is_set_aside(
    path: Path, script: str, words: str
) -> None:

    async def live() -> str:
        async with opened(path) as journal:
            writer = asyncio.create_task(journal.run())
            add(journal)
            await journal.wait_committed(0)
            alter(path, script)
            add(journal)
            with pytest.raises(StoreFailed, match="another program has changed the file") as ended:
                await asyncio.wait_for(writer, 5)
            assert words in str(ended.value)
            return journal.epoch

    epoch = ""
    with pytest.raises(StoreFailed):
        epoch = await live()
    await expect_set_aside(path, epoch)


async def expect_set_aside(path: Path, epoch: str) -> None:
    async with opened(path) as journal:
        assert journal.epoch != epoch
        assert await pending_seqs(journal) == []
        aside = next(path.parent.glob("journal.db.damaged-*[0-9]"))
        assert str(aside) in journal.troubles()["damaged"]
        assert add(journal) == 1
    async with opened(path) as journal:
        assert journal.troubles() == {}
        assert await pending_seqs(journal) == [1]


@pytest.mark.parametrize("table", ["meta", "epoch", "event", "outbox", "parked", "unit", "moved", "state", "decision"])
async def test_a_journal_without_a_table_is_set_aside(path: Path, table: str) -> None:
    async with opened(path) as journal:
        epoch = journal.epoch
    alter(path, f"DROP TABLE {table}")
    await expect_set_aside(path, epoch)


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE meta SET last_seq = 'many'",
        "INSERT INTO meta SELECT * FROM meta",
        "UPDATE meta SET epoch = x'00'",
        "DELETE FROM meta",
        "DELETE FROM epoch",
        "UPDATE epoch SET base = 'x'",
        "UPDATE epoch SET epoch = 'another'",
        "INSERT INTO event VALUES (9223372036854775807, 0, 'x', x'00')",
        "INSERT INTO outbox (seq) VALUES (2)",
        "UPDATE meta SET last_seq = 9223372036854775807",
        "UPDATE meta SET last_seq = -5; DELETE FROM event; DELETE FROM outbox",
        "UPDATE epoch SET base = -1",
        "INSERT INTO decision VALUES (9223372036854775807, 0, 'u', 'p', 0, 1, x'00')",
        "INSERT INTO growth VALUES (9223372036854775807, 'door/x', 'u', '')",
        "CREATE TRIGGER late AFTER INSERT ON outbox BEGIN DELETE FROM outbox; END",
        "CREATE VIEW mine AS SELECT * FROM event",
    ],
)
async def test_a_journal_whose_counters_cannot_be_right_is_set_aside(path: Path, script: str) -> None:
    async with opened(path) as journal:
        add(journal)
        epoch = journal.epoch
    alter(path, script)
    await expect_set_aside(path, epoch)


async def test_a_trigger_that_makes_events_vanish_is_named(path: Path) -> None:
    """Every event would be on disk, and none of them in the outbox: lost without a word."""
    async with opened(path):
        pass
    alter(path, "CREATE TRIGGER late AFTER INSERT ON outbox BEGIN DELETE FROM outbox WHERE seq = new.seq; END")
    async with opened(path) as journal:
        assert "another program has put trigger late into it" in journal.troubles()["damaged"]
        add(journal)
        await journal.flush()
        assert await pending_seqs(journal) == [1]


async def test_rows_of_the_wrong_type_are_counted_and_hurt_nothing(path: Path) -> None:
    counters = Counters()
    async with opened(path) as journal:
        for _ in range(6):
            add(journal)
    alter(
        path,
        """
        UPDATE event SET topic = x'ff00' WHERE seq = 1;
        UPDATE event SET payload = 'text' WHERE seq = 2;
        UPDATE event SET t = 'yesterday' WHERE seq = 3;
        UPDATE event SET topic = CAST(x'ff41' AS TEXT) WHERE seq = 4;
        DELETE FROM event WHERE seq = 5;
        INSERT INTO state (scope, key, state) VALUES ('door/door-1', 'a', x'00'), ('door/door-1', 'b', '{}');
        INSERT INTO growth (scope, key, addition) VALUES ('door/door-1', 'a', x'00'), ('door/door-1', 'b', x'ff');
        INSERT INTO moved VALUES (x'00', 'inside', 'door-1', 9e9), ('urn:u', 'inside', 'door-1', 9e9);
        INSERT INTO unit VALUES ('urn:v', 'inside', 'door-1', 'never');
        """,
    )
    clock = Hand(START_T + 1000 * 3600)
    async with opened(path, counters=counters, now=clock, keep_h=1) as journal, writing(journal):
        rows = await journal.pending(0, 10)
        assert [row.seq for row in rows] == [3, 4, 6]
        assert rows[1].topic == "\ufffdA"
        assert await journal.states("door/door-1") == [("b", "{}\ufffd")]
        assert [unit.unit for unit in await journal.recent_units(START_T, 10)] == ["urn:v", "urn:u"]
        await journal.flush()
        backlog = await journal.backlog()
        assert backlog.parked == 2
        for seq in (3, 4, 6):
            journal.mark_published(seq)
        await asyncio.sleep(0.3)  # old events and units are forgotten, whatever their times say
        assert await pending_seqs(journal) == []
    assert counters.get("journal", "foreign_rows") >= 4
    assert summarise(path).parked == 2
