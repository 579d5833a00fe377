"""The log of decisions in the journal: written with each group, bounded, and read from outside for `edgegw why`.

It keeps what was decided in the last KEEP_S, at most MAX_ROWS entries (some 6 MB, and what comes in a minute), and
fewer in a small journal: a fiftieth of `max_mb`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edgegw.core.logbook import Entry
from edgegw.errors import StoreFailed
from edgegw.store.connection import Connection
from edgegw.store.growth import OF_KEY, put_together
from edgegw.store.opening import APPLICATION_ID
from edgegw.store.summary import looking_into, refuse_missing
from edgegw.store.trouble import sentence

KEEP_S = 7 * 86_400.0
MAX_ROWS = 20_000
ROWS_PER_MB = 64
"""Of `max_mb`, at about 0.3 kB each."""
STEP_ROWS = 500
SCHEMA = 6
"""The version of the journal that this reads."""

WRITE = "INSERT INTO decision (seq, decided_t, unit, read_point, since_t, times, packed) VALUES (?, ?, ?, ?, ?, ?, ?)"
REPLACE = "DELETE FROM decision WHERE seq = ?"
LAST_SEQ = "SELECT ifnull(max(seq), 0) FROM decision"

_ENTRY = """
    SELECT seq, CAST(decided_t AS REAL), CAST(unit AS TEXT), CAST(read_point AS TEXT), CAST(since_t AS REAL),
           CAST(times AS INTEGER), CAST(packed AS BLOB)
    FROM decision
"""
_WHEREABOUTS = "SELECT unit, place, read_point, CAST(t AS REAL) FROM whereabouts WHERE unit = ?"


async def forget_decisions(connection: Connection, now: float, max_mb: int) -> int:
    """Delete the oldest entries: those too old, and those too many, at most STEP_ROWS. Returns how many went."""
    most = min(MAX_ROWS, max_mb * ROWS_PER_MB)
    ((numbers,),) = await connection.read("SELECT ifnull(max(seq) - min(seq) + 1, 0) FROM decision")
    rows = numbers if numbers <= most else (await connection.read("SELECT count(*) FROM decision"))[0][0]
    surplus = rows - most
    oldest = await connection.read("SELECT seq, decided_t FROM decision ORDER BY seq LIMIT ?", STEP_ROWS)
    old = [(seq,) for n, (seq, t) in enumerate(oldest) if n < surplus or t < now - KEEP_S]
    if not old:
        return 0
    (forgotten,) = await connection.write((REPLACE, old))
    return forgotten


class Weighed(NamedTuple):
    """What is not decided yet: `state` as the door saved it."""

    door: str
    unit: str
    state: str


class Place(NamedTuple):
    """Where a unit was last known to be. `t` on the gateway's timeline."""

    unit: str
    place: str
    read_point: str
    t: float


class Log:
    """Reads the journal from outside. Errors are sqlite3.Error; use `looking`, which explains them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of_unit(self, unit: str, last: int) -> list[Entry]:
        """The last entries about one unit, newest last."""
        rows = self._connection.execute(f"{_ENTRY} WHERE unit = ? ORDER BY seq DESC LIMIT ?", (unit, last))
        return [Entry(*row) for row in rows][::-1]

    def latest(self, last: int) -> list[Entry]:
        """The last entries about anything, newest last."""
        rows = self._connection.execute(f"{_ENTRY} ORDER BY seq DESC LIMIT ?", (last,))
        return [Entry(*row) for row in rows][::-1]

    def around(self, read_point: str, from_t: float, to_t: float) -> list[Entry]:
        """Everything that was decided at one door or station from `from_t` to `to_t`, oldest first."""
        sql = f"{_ENTRY} WHERE read_point = ? AND decided_t BETWEEN ? AND ? ORDER BY seq"
        return [Entry(*row) for row in self._connection.execute(sql, (read_point, from_t, to_t))]

    def being_weighed(self, unit: str) -> list[Weighed]:
        rows = self._connection.execute(OF_KEY, (unit,))
        return [Weighed(scope.removeprefix("door/"), key, state) for scope, key, state in put_together(rows)]

    def place_of(self, unit: str) -> Place | None:
        row = self._connection.execute(_WHEREABOUTS, (unit,)).fetchone()
        return Place(*row) if row else None


@contextlib.contextmanager
def looking(path: Path) -> Iterator[Log]:
    """Look into the journal, whether the gateway runs or not; nothing is written. Raises StoreFailed."""
    refuse_missing(path)
    try:
        with looking_into(path) as connection:
            _refuse_without_log(connection, path)
            yield Log(connection)
    except sqlite3.Error as error:
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error


def _refuse_without_log(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise StoreFailed(f"journal {path}: this file was not made by edgegw")
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema < SCHEMA:
        problem = "it was written by an older edgegw"
        raise StoreFailed(f"journal {path}: {problem} - start the gateway with this version once")
