"""Is a journal whole? One that is not is set aside, never deleted: its events may be rescued.

sqlite3 journal.db.damaged-20261121T080000 .recover
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edgegw.errors import StoreFailed
from edgegw.store.migrate import upgrade

CHECK_WHOLE_BYTES: Final = 512 * 1024 * 1024
"""The start-up check reads what it checks: ten seconds of an SD card for this much. Of a larger file, which is
a backlog, the events are left out, unless reading them has failed before."""

ASIDE_MAX: Final = 10
"""A disk that damages one journal after the other is not filled with them."""

_HIGHEST: Final = 1 << 62
"""Whoever counts on from a number beyond comes to the end of SQLite's integers (2^63 - 1), and there nothing works."""
_COUNTERS: Final = ("meta.last_seq", "epoch.number", "epoch.base", "decision.seq", "growth.number")

_WITHIN_BOUNDS: Final = f"""
    SELECT ifnull((SELECT min({{column}}) FROM {{table}}) >= 0
                  AND (SELECT max({{column}}) FROM {{table}}) <= {_HIGHEST}, 1)
"""

_BEYOND_COUNTER = """
    SELECT max(ifnull((SELECT max(seq) FROM event), 0), ifnull((SELECT max(seq) FROM outbox), 0),
               ifnull((SELECT max(seq) FROM parked), 0)) > ifnull((SELECT max(last_seq) FROM meta), 0)
"""

_EPOCHS_ASTRAY = """
    SELECT (SELECT count(*) FROM meta) != (SELECT count(*) FROM meta JOIN epoch USING (epoch))
           OR EXISTS (SELECT 1 FROM epoch WHERE typeof(epoch) != 'text' OR typeof(base) != 'integer'
                      OR typeof(stamped) != 'integer')
"""


class Damaged(StoreFailed):
    """The file is a journal, and not whole. `finding` says where."""

    def __init__(self, finding: str) -> None:
        self.finding = finding
        super().__init__(finding)


def refuse_damaged(connection: sqlite3.Connection, path: Path, suspect: bool) -> None:
    """`PRAGMA quick_check` of the whole file; of all tables but the events when it is large and nobody suspects it."""
    checks = ["PRAGMA quick_check(1)"]
    if path.stat().st_size > CHECK_WHOLE_BYTES and not suspect:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'event'")
        checks = [f"PRAGMA quick_check({name})" for (name,) in tables]
    for check in checks:
        (finding,) = connection.execute(check).fetchone()
        if finding != "ok":
            raise Damaged(finding)


def refuse_altered(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Somebody was at it with another program: a table is gone, something does its own to our rows, or a counter
    stands where it cannot."""
    names = _names(connection)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as pattern:
        upgrade(pattern, migrations)
        missing = _names(pattern) - names
        strange = _acting(connection) - _acting(pattern)
    if missing:
        raise Damaged(f"it lacks {', '.join(sorted(missing))}")
    if strange:
        raise Damaged(f"another program has put {', '.join(sorted(strange))} into it")
    if not migrations:
        return
    _refuse_miscounted(connection, names)


def _refuse_miscounted(connection: sqlite3.Connection, names: set[str]) -> None:
    counters = connection.execute("SELECT typeof(epoch), typeof(last_seq) FROM meta").fetchall()
    if counters not in ([("text", "integer")], []):  # none: it was not made to the end
        raise Damaged("table meta is not as edgegw writes it")
    (astray,) = connection.execute(_EPOCHS_ASTRAY).fetchone() if "epoch" in names else (False,)
    if astray:
        raise Damaged("its epochs are not as edgegw writes them")
    for counter in names.intersection(_COUNTERS):
        table, column = counter.split(".")
        (within,) = connection.execute(_WITHIN_BOUNDS.format(table=table, column=column)).fetchone()
        if not within:
            raise Damaged(f"{column} of table {table} is beyond all bounds")
    (too_high,) = connection.execute(_BEYOND_COUNTER).fetchone()
    if too_high:
        raise Damaged("events are numbered beyond the counter")


def _names(connection: sqlite3.Connection) -> set[str]:
    """Tables and views, and `table.column`."""
    sql = """
        SELECT name FROM sqlite_schema UNION ALL
        SELECT s.name || '.' || c.name FROM sqlite_schema AS s JOIN pragma_table_info(s.name) AS c
        WHERE s.type = 'table'
    """
    return {name for (name,) in connection.execute(sql)}


def _acting(connection: sqlite3.Connection) -> set[str]:
    """What is no table and does something of its own: `trigger late`."""
    sql = "SELECT type || ' ' || name FROM sqlite_schema WHERE type IN ('trigger', 'view')"
    return {what for (what,) in connection.execute(sql)}


def set_aside(path: Path, finding: str) -> str:
    """Rename the file and its WAL; a sentence about it. Raises StoreFailed when that cannot be, or was too often."""
    if len(list(path.parent.glob(f"{path.name}.damaged-*"))) >= ASIDE_MAX:
        problem = (
            f"the file is damaged ({finding}), as {ASIDE_MAX} before it that stand aside as {path.name}.damaged-..."
        )
        raise StoreFailed(f"journal {path}: {problem} - replace the disk, then move them away")
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    try:
        for suffix in ("-wal", "-shm", ""):  # the file last: without it, the others would be taken for another's
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    except OSError as error:
        cure = "let edgegw write in its folder, or move it away"
        raise StoreFailed(f"journal {path}: the file is damaged ({finding}) - {cure}: {error.strerror}") from error
    return f"the journal was damaged ({finding}) and stands aside as {aside}: events in it may be rescued"
