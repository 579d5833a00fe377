"""Getting a journal file into service: whose it is, whether it is whole, which version, how it is written.

A file that is refused is left exactly as it was found.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgegw.errors import StoreFailed
from edgegw.store.migrate import upgrade, version_of
from edgegw.store.trouble import sentence

APPLICATION_ID = 0x45444757
"""Stands in the header of every journal (set by the schema): tells it from any other SQLite file."""

BUSY_S = 1.0
"""How long SQLite waits for another program's lock before the commit counts as failed and is tried again."""

CHECK_WHOLE_BYTES = 512 * 1024 * 1024
"""The start-up check reads what it checks: ten seconds of an SD card for this much. Of a larger file, which is
a backlog, the events are left out; a damaged one is found when it is read."""

PAGE_BYTES = 1024
"""A commit rewrites a few pages of which little has changed: small ones wear the card least. Of 1024, 2048 and
4096 it wrote least for payloads of 400 to 2500 bytes (bench/journal.py), half of 4096 at a calm dock."""

WAL_BYTES = 4 * 1024 * 1024
"""The write-ahead log is copied into the file at this size, and cut back to it when it had to grow."""


def real_path(path: Path) -> Path:
    """One name for one file, whatever links lead to it, so that the lock is the same for all."""
    return Path(os.path.realpath(path))


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Own the journal: an flock on `PATH.lock`. The kernel drops it with the process, kill -9 included.

    The lock file stays behind on purpose: removing it would let two processes lock two different files.
    Raises StoreFailed when another process owns the journal or the directory cannot be written.
    """
    _make_directory(path)
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StoreFailed(f"journal {path}: cannot write {path}.lock: {error.strerror}") from error
    try:
        _lock(lock, path)
        yield
    finally:
        os.close(lock)


def _make_directory(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
    except OSError as error:
        problem = f"cannot create the directory {path.parent}: {error.strerror}"
        raise StoreFailed(f"journal {path}: {problem} - create it or change journal.path") from error


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        problem = f"another edgegw (process {owner}) is using it"
        raise StoreFailed(f"journal {path}: {problem} - stop that one, or give each its own journal.path") from error
    with contextlib.suppress(OSError):  # a full disk must not keep the gateway down; the lock holds without it
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)


def open_file(path: Path, gateway: str, epoch: str, migrations: Sequence[str]) -> sqlite3.Connection:
    """Open `path` read-write, or create it (mode 0640) for `gateway` with `epoch`. Blocks; be its owner first.

    The connection commits nothing by itself and may be handed to another thread.

    Raises StoreFailed, with a sentence and the cure, for a file that is foreign, damaged, newer or another
    gateway's.
    """
    try:
        if not path.exists():  # SQLite would create it readable by everybody; its side files copy the mode
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    except OSError as error:
        raise StoreFailed(f"journal {path}: cannot create it: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error
    try:
        _prepare(connection, path, gateway, epoch, migrations)
    except sqlite3.Error as error:
        connection.close()
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error
    except StoreFailed:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, gateway: str, epoch: str, migrations: Sequence[str]) -> None:
    _refuse_foreign(connection, path)
    _refuse_newer(connection, path, len(migrations))
    _refuse_damaged(connection, path)
    if version_of(connection):
        _refuse_other_gateway(connection, path, gateway)
    _set_mode(connection, path)
    upgrade(connection, migrations)
    connection.execute(
        "INSERT INTO meta (gateway, epoch, last_seq) SELECT ?, ?, 0 WHERE NOT EXISTS (SELECT 1 FROM meta)",
        (gateway, epoch),
    )


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID and (tables or application_id):
        problem = "this SQLite file was not made by edgegw"
        raise StoreFailed(f"journal {path}: {problem} - set journal.path to a file of its own")


def _refuse_newer(connection: sqlite3.Connection, path: Path, known: int) -> None:
    version = version_of(connection)
    if version > known:
        problem = f"the file has schema version {version}, this edgegw knows up to {known}"
        raise StoreFailed(f"journal {path}: {problem} - install the edgegw that wrote it, or a newer one")


def _refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    """`PRAGMA quick_check` of the whole file, or of all tables but the events."""
    checks = ["PRAGMA quick_check(1)"]
    if path.stat().st_size > CHECK_WHOLE_BYTES:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'event'")
        checks = [f"PRAGMA quick_check({name})" for (name,) in tables]
    for check in checks:
        (finding,) = connection.execute(check).fetchone()
        if finding != "ok":
            cure = "move it away (its events may be rescued) and start again"
            raise StoreFailed(f"journal {path}: the file is damaged ({finding}) - {cure}")


def _refuse_other_gateway(connection: sqlite3.Connection, path: Path, gateway: str) -> None:
    row = connection.execute("SELECT gateway FROM meta").fetchone()
    if row is not None and row[0] != gateway:
        problem = f"it belongs to gateway {row[0]!r}, the configuration says {gateway!r}"
        cure = "set gateway back, or give this gateway its own journal.path"
        raise StoreFailed(f"journal {path}: {problem} - {cure}")


def _set_mode(connection: sqlite3.Connection, path: Path) -> None:
    """WAL with FULL: a commit that returned survives a power cut (NORMAL loses the last ones).

    `page_size` only matters to an empty file.
    """
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        problem = "its file system cannot do write-ahead logging"
        raise StoreFailed(f"journal {path}: {problem} - put it on a local disk")
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = OFF")  # Debian builds with ON: forgetting would be written as zeros
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_BYTES // page_bytes}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
