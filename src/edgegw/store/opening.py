"""Getting a journal file into service: whose it is, whether it is whole, which version, how it is written.

A file that is refused is left exactly as it was found. One that is damaged stands aside, a new one begins. One
that is a copy begins a new epoch: the inode of the file, the witness beside it (see `ownership`), or another device
around it (see `hardware`) tells.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgegw.errors import StoreFailed
from edgegw.store import hardware
from edgegw.store.damage import Damaged, refuse_altered, refuse_damaged, set_aside
from edgegw.store.migrate import upgrade, version_of
from edgegw.store.ownership import Witness
from edgegw.store.trouble import is_damage, sentence

APPLICATION_ID = 0x45444757
"""Stands in the header of every journal (set by the schema): tells it from any other SQLite file."""

BUSY_S = 1.0
"""How long SQLite waits for another program's lock before the commit counts as failed and is tried again."""

PAGE_BYTES = 1024
"""A commit rewrites a few pages of which little has changed: small ones wear the card least. Of 1024, 2048 and
4096 it wrote least for payloads of 400 to 2500 bytes (bench/journal.py), half of 4096 at a calm dock."""

WAL_BYTES = 4 * 1024 * 1024
"""The write-ahead log is copied into the file at this size, and cut back to it when it had to grow."""


class Birth(NamedTuple):
    """What a new journal is called: the gateway, and the epoch, which a copy of an old one takes as well."""

    gateway: str
    epoch: str


class Found(NamedTuple):
    """A connection in service. remarks: what a person should know, a sentence by its cause."""

    connection: sqlite3.Connection
    remarks: dict[str, str]


def real_path(path: Path) -> Path:
    """One name for one file, whatever links lead to it, so that the lock is the same for all."""
    return Path(os.path.realpath(path))


def open_file(path: Path, birth: Birth, migrations: Sequence[str], witness: Witness) -> Found:
    """Open `path` read-write, or create it (mode 0640). Blocks; be its owner first.

    The connection commits nothing by itself and may be handed to another thread.

    Raises StoreFailed, with a sentence and the cure, for a file that is foreign, newer or another gateway's, and for
    one that is damaged and cannot be set aside.
    """
    try:
        return _open(path, birth, migrations, witness)
    except Damaged as damage:
        remark = set_aside(path, damage.finding)
    connection, _ = _open(path, birth, migrations, Witness())
    return Found(connection, {"damaged": remark})


def _open(path: Path, birth: Birth, migrations: Sequence[str], witness: Witness) -> Found:
    try:
        if not path.exists():  # SQLite would create it readable by everybody; its side files copy the mode
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        connection.text_factory = _as_text
    except OSError as error:
        raise StoreFailed(f"journal {path}: cannot create it: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error
    try:
        remarks = _prepare(connection, path, birth, migrations, witness)
    except sqlite3.Error as error:
        connection.close()
        if is_damage(error) and says_edgegw(path, witness):
            raise Damaged(str(error)) from error
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error
    except StoreFailed:
        connection.close()
        raise
    return Found(connection, remarks)


def _as_text(stored: bytes) -> str:
    """Another program may have written what is not UTF-8: shown as far as it goes."""
    return stored.decode("utf-8", "replace")


def says_edgegw(path: Path, witness: Witness) -> bool:
    """Whether a file that SQLite cannot read is a journal: somebody saw it written, or its header has our application
    id (sqlite.org/fileformat2.html, 1.3.10)."""
    if witness.epoch:
        return True
    with path.open("rb") as file:
        header = file.read(72)
    return header.startswith(b"SQLite format 3\0") and header[68:] == APPLICATION_ID.to_bytes(4, "big")


def _prepare(
    connection: sqlite3.Connection, path: Path, birth: Birth, migrations: Sequence[str], witness: Witness
) -> dict[str, str]:
    _refuse_foreign(connection, path)
    _refuse_newer(connection, path, len(migrations))
    _refuse_other_gateway(connection, path, birth.gateway)
    refuse_damaged(connection, path, witness.suspect)
    refuse_altered(connection, migrations[: version_of(connection)])
    _set_mode(connection, path)
    upgrade(connection, migrations)
    return _begin(connection, path, birth, witness)


def _begin(connection: sqlite3.Connection, path: Path, birth: Birth, witness: Witness) -> dict[str, str]:
    """The first epoch of a new file, a new one for a copy; in one transaction, or not at all."""
    inode = path.stat().st_ino
    connection.execute("BEGIN IMMEDIATE")
    is_elsewhere = _note_hardware(connection)
    row = connection.execute("SELECT last_seq, inode FROM meta").fetchone()
    if row is None:
        connection.execute("INSERT INTO meta (gateway, epoch, last_seq, inode) VALUES (?, ?, 0, ?)", (*birth, inode))
        connection.execute("INSERT INTO epoch (epoch, base, stamped) VALUES (?, 0, 0)", (birth.epoch,))
        connection.execute("COMMIT")
        return {}
    last_seq, known_inode = row
    epochs = {epoch for (epoch,) in connection.execute("SELECT epoch FROM epoch")}
    is_copy = known_inode not in (inode, None) or witness.knows_more_than(epochs, last_seq)
    if is_copy or is_elsewhere:
        sql = "INSERT INTO epoch (epoch, base, stamped) VALUES (?, ?, 0)"
        connection.execute(sql, (birth.epoch, last_seq))
        connection.execute("UPDATE meta SET epoch = ?", (birth.epoch,))
    if known_inode != inode:  # nothing is written without need: the disk may be full
        connection.execute("UPDATE meta SET inode = ?", (inode,))
    connection.execute("COMMIT")
    if is_elsewhere:
        return {"restored": MOVED}
    return {"restored": RESTORED} if is_copy else {}


def _note_hardware(connection: sqlite3.Connection) -> bool:
    """Whether the file was written on another device; from now on it is this one's."""
    row = connection.execute("SELECT CAST(state AS TEXT) FROM state WHERE scope = ? AND key = ?", _HARDWARE).fetchone()
    known, here = hardware.from_text(row and row[0]), hardware.read_hardware(hardware.ROOT)
    text = here.or_else(known).as_text()
    if here != hardware.UNKNOWN and text != known.as_text():
        connection.execute("INSERT OR REPLACE INTO state (scope, key, state) VALUES (?, ?, ?)", (*_HARDWARE, text))
    return here.is_other_than(known)


_HARDWARE = ("gateway", "hardware")
MOVED = (
    "the journal comes from another device, with its card or a copy of it: a new epoch has begun; if the other one"
    " still runs, give one of them another `gateway`"
)
RESTORED = (
    "the journal was restored from a copy: a new epoch has begun; what moved since the copy was made, only central"
    " systems know"
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


def _refuse_other_gateway(connection: sqlite3.Connection, path: Path, gateway: str) -> None:
    """Before anything else is found wrong with it: another gateway's is not ours to set aside."""
    try:
        row = connection.execute("SELECT gateway FROM meta").fetchone()
    except sqlite3.Error:  # new, or damaged
        return
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
