"""A look into a journal from outside, read-only, while the gateway runs or not."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from edgegw.errors import StoreFailed
from edgegw.store.opening import APPLICATION_ID
from edgegw.store.trouble import sentence

# History is one run of numbers up to last_seq, but for parked events that stayed behind: counting it takes
# one look at its start, where count(*) would read the whole file.
_COUNTS = """
    SELECT (SELECT count(*) FROM outbox),
           (SELECT count(*) FROM parked),
           (SELECT t FROM event WHERE seq = (SELECT min(seq) FROM outbox)),
           (SELECT last_seq - seq + 1
                   - (SELECT count(*) FROM outbox WHERE seq >= event.seq)
                   - (SELECT count(*) FROM parked WHERE seq >= event.seq)
            FROM event WHERE seq NOT IN (SELECT seq FROM parked) ORDER BY seq LIMIT 1),
           gateway, epoch, last_seq
    FROM meta
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
    if not path.exists():
        raise StoreFailed(f"journal {path}: there is no such file: has the gateway ever run?")
    try:
        return _summary(path)
    except sqlite3.Error as error:
        raise StoreFailed(f"journal {path}: {sentence(error)}") from error


def _summary(path: Path) -> Summary:
    # A journal that was closed has no WAL. SQLite would then want to create one, which a reader of the
    # directory may not be allowed to do; `immutable` tells it that nobody writes.
    mode = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
    uri = f"file:{quote(str(path))}?{mode}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id != APPLICATION_ID:
            raise StoreFailed(f"journal {path}: this file was not made by edgegw")
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        row = connection.execute(_COUNTS).fetchone()
    pending, parked, oldest_pending_t, published, gateway, epoch, last_seq = row
    return Summary(schema, gateway, epoch, last_seq, pending, parked, published or 0, oldest_pending_t)
