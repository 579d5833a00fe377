"""A look into a journal from outside, read-only, while the gateway runs or not."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from edgegw.errors import StoreFailed
from edgegw.store.opening import APPLICATION_ID, says_edgegw
from edgegw.store.ownership import Witness, witness_of
from edgegw.store.trouble import is_past_waiting, sentence

# History is one run of numbers up to last_seq: counting it takes one look at its start, where count(*) would read
# the whole file.
_COUNTS = """
    SELECT (SELECT count(*) FROM outbox),
           (SELECT count(*) FROM parked),
           (SELECT CAST(t AS REAL) FROM event WHERE seq = (SELECT min(seq) FROM outbox)),
           (SELECT last_seq - min(seq) + 1 - (SELECT count(*) FROM outbox) FROM event),
           gateway, meta.epoch, last_seq - base
    FROM meta JOIN epoch ON epoch.epoch = meta.epoch
"""

_PARKED = """
    SELECT seq, CAST(t AS REAL), CAST(reason AS TEXT), CAST(topic AS TEXT), length(payload)
    FROM parked ORDER BY seq LIMIT ?
"""


class Summary(NamedTuple):
    """published: delivered and still replayable; oldest_pending_t: None = nothing is pending."""

    schema: int
    gateway: str
    epoch: str
    last_seq: int
    pending: int
    parked: int
    published: int
    oldest_pending_t: float | None


def summarise(path: Path) -> Summary:
    """The counts of the journal at `path`. Raises StoreFailed with a sentence when it cannot be read."""
    refuse_missing(path)
    try:
        return _summary(path)
    except sqlite3.Error as error:
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error


def refuse_missing(path: Path) -> None:
    """Raises StoreFailed when there is no journal to look into."""
    if not os.path.exists(path):  # pathlib's raises in a folder that is closed to us
        problem = "there is no such file, or this user may not see it"
        raise StoreFailed(f"journal {path}: {problem} - has the gateway ever run? If so, use sudo")


def _summary(path: Path) -> Summary:
    with looking_into(path) as connection:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id != APPLICATION_ID:
            raise StoreFailed(f"journal {path}: this file was not made by edgegw")
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        row = connection.execute(_COUNTS).fetchone()
    if row is None:
        raise StoreFailed(f"journal {path}: nothing has been written to it yet")
    pending, parked, oldest_pending_t, published, gateway, epoch, last_seq = row
    return Summary(schema, gateway, epoch, last_seq, pending, parked, published or 0, oldest_pending_t)


class ParkedEvent(NamedTuple):
    """An event that the broker did not take. t: since when; reason: the broker's."""

    seq: int
    t: float
    reason: str
    topic: str
    size: int


def parked_events(path: Path, limit: int) -> list[ParkedEvent]:
    """The oldest parked events of the journal at `path`. Raises StoreFailed with a sentence when it cannot be read."""
    summarise(path)
    try:
        with looking_into(path) as connection:
            return [ParkedEvent(*row) for row in connection.execute(_PARKED, (limit,))]
    except sqlite3.Error as error:
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error


class Owner(NamedTuple):
    """Whose journal it is, and the version of its schema."""

    gateway: str
    schema: int


def owner(path: Path) -> Owner | None:
    """Whose journal is at `path`; None when it is still empty, or damaged: opening it sets it aside.

    Raises StoreFailed when it is none, or unreadable.
    """
    try:
        with looking_into(path) as connection:
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if application_id != APPLICATION_ID and (tables or application_id):
                raise StoreFailed(f"journal {path}: this file was not made by edgegw")
            (schema,) = connection.execute("PRAGMA user_version").fetchone()
            row = connection.execute("SELECT gateway FROM meta").fetchone() if schema else None
    except sqlite3.Error as error:
        if is_past_waiting(error) and says_edgegw(path, _witness_of(path)):
            return None
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error
    return Owner(row[0], schema) if row else None


def _witness_of(path: Path) -> Witness:
    try:
        return witness_of(path)
    except OSError:  # there is none, or it is not for us to read
        return Witness()


def looking_into(path: Path) -> contextlib.closing[sqlite3.Connection]:
    """A journal that was closed has no WAL. SQLite would then want to create one, which a reader of the directory
    may not be allowed to do; `immutable` tells it that nobody writes."""
    mode = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
    uri = f"file:{quote(str(path))}?{mode}"
    return contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5))
