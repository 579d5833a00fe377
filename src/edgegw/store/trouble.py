"""SQLite's errors as sentences for the person who must act."""

from __future__ import annotations

import sqlite3

_SENTENCES = {
    "SQLITE_FULL": "the disk is full: free some space",
    "SQLITE_BUSY": "another program holds the file locked: close it",
    "SQLITE_LOCKED": "another program holds the file locked: close it",
    "SQLITE_PROTOCOL": "another program holds the file locked: close it",
    "SQLITE_IOERR": "the disk is full or reports an error: free some space, then check the disk and its cable or card",
    "SQLITE_READONLY": "the file cannot be written: check the owner and mode of the file and its directory",
    "SQLITE_PERM": "the file cannot be written: check the owner and mode of the file and its directory",
    "SQLITE_CANTOPEN": "the file cannot be opened: check the owner and mode of the file and its directory",
    "SQLITE_NOMEM": "the machine is out of memory",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_NOTADB": "the file is not an SQLite database: set journal.path to another, or move this one away",
}
_ALTERED = ("SQLITE_ERROR", "SQLITE_SCHEMA", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")
"""Our own SQL is fixed and tested: a table that is missing, or a number that is taken, is somebody else's work."""
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_SENTENCES |= dict.fromkeys(_ALTERED, "another program has changed the file")


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")  # absent on errors of Python's own layer


def _primary(name: str) -> str:
    """`SQLITE_IOERR_WRITE` -> `SQLITE_IOERR` (https://sqlite.org/rescode.html#primary_result_codes)."""
    return "_".join(name.split("_")[:2])


def is_of_the_world(error: sqlite3.Error) -> bool:
    """True: the disk, another program or a person caused it and may cure it. False: it is a bug of ours."""
    return _primary(_name(error)) in _SENTENCES


def is_full(error: sqlite3.Error) -> bool:
    """True: there is no room on the disk, as far as SQLite can tell."""
    return _primary(_name(error)) == "SQLITE_FULL" or _name(error) in ("SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMOPEN")


def is_damage(error: sqlite3.Error) -> bool:
    """True: SQLite cannot make sense of the file."""
    return _primary(_name(error)) in _DAMAGE


def is_past_waiting(error: sqlite3.Error) -> bool:
    """True: the file is not what it was, and must be looked at as a whole."""
    return _primary(_name(error)) in (*_DAMAGE, *_ALTERED)


def sentence(error: sqlite3.Error) -> str:
    """What is wrong and what to do, with SQLite's name for it."""
    name = _name(error)
    detail = f"{name}: {error}" if _primary(name) in _ALTERED else name
    return f"{_SENTENCES.get(_primary(name), str(error))} ({detail or type(error).__name__})"
