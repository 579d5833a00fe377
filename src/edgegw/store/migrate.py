"""The journal's numbered schema: step n of `schema/` leads from version n-1 to version n.

The version of a file is SQLite's `user_version`. Each step and its number are one transaction: a step that
was interrupted has not happened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from importlib import resources


def shipped_migrations() -> tuple[str, ...]:
    """The SQL of `schema/NNNN_*.sql` in order; the number of a file is its place."""
    folder = resources.files("edgegw.store") / "schema"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(file.read_text(encoding="utf-8") for file in files)


def version_of(connection: sqlite3.Connection) -> int:
    """0 = an empty file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def upgrade(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the file up to `len(migrations)`. On an sqlite3.Error the last complete step stands."""
    for version in range(version_of(connection) + 1, len(migrations) + 1):
        script = f"BEGIN IMMEDIATE;\n{migrations[version - 1]}\n;PRAGMA user_version = {version};\nCOMMIT;"
        try:
            connection.executescript(script)
        except sqlite3.Error:
            connection.rollback()
            raise
