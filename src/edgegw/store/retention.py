"""Forgetting: published events by age and by size, units that nobody has seen for long.

Never what is pending or parked. History is one unbroken run of numbers that is cut at its old end, and only
below the oldest pending event, so that a range can be replayed without holes. Pages that become free are
used again and the file does not shrink: room once taken for a backlog stays reserved for the next one.
Small steps, because a commit may be waiting.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import takewhile

from edgegw.config.model import JournalSettings
from edgegw.store.connection import Connection

STEP_ROWS = 500
"""One step: some milliseconds on a good disk, well under a commit window on an SD card."""

UNIT_KEEP_S = 90 * 86_400.0
"""A returnable container that was away for a quarter of a year starts anew; keeping every label that ever
passed would grow for ever."""

FOLD_ROWS = 10_000
"""Enough that units which moved share pages; the transaction stays around a megabyte."""

_FOLD = """
    INSERT INTO unit (unit, place, read_point, t)
    SELECT unit, place, read_point, t FROM moved WHERE rowid <= ? ORDER BY unit, rowid
    ON CONFLICT (unit) DO UPDATE SET place = excluded.place, read_point = excluded.read_point, t = excluded.t
"""
_OLDEST_PUBLISHED = """
    SELECT seq, CAST(t AS REAL) FROM event
    WHERE seq < ifnull((SELECT min(seq) FROM outbox), 9223372036854775807)
    ORDER BY seq LIMIT ?
"""
_FORGET = "DELETE FROM event WHERE seq BETWEEN ? AND ?"
_USED_BYTES = """
    SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""


class Retention:
    """Each step is one short transaction and returns how many rows went. Errors are sqlite3.Error."""

    def __init__(self, connection: Connection, settings: JournalSettings, now: Callable[[], float]) -> None:
        self._connection = connection
        self._keep_s = settings.keep_h * 3600
        self._max_mb = settings.max_mb
        self._now = now
        self._unit_cursor = ""
        self.overfull: str | None = None  # why the file is larger than max_mb, where no event may be forgotten

    async def forget_events(self, *, disk_full: bool = False) -> int:
        """The oldest published events: those too old, or any when the file is too large, or the disk is full."""
        oldest = await self._connection.read(_OLDEST_PUBLISHED, STEP_ROWS)
        too_large = await self._used_bytes() > self._max_mb * 1024 * 1024
        before_t = math.inf if too_large or disk_full else self._now() - self._keep_s
        old = [seq for seq, _ in takewhile(lambda row: row[1] < before_t, oldest)]
        self.overfull = await self._why_overfull() if too_large and not old else None
        if not old:
            return 0
        (forgotten,) = await self._connection.write((_FORGET, [(old[0], old[-1])]))
        return forgotten

    async def _why_overfull(self) -> str:
        limit = f"more than journal.max_mb ({self._max_mb} MB)"
        ((waiting,),) = await self._connection.read("SELECT EXISTS (SELECT 1 FROM outbox)")
        if waiting:
            cure = "none of it is dropped, so the file grows until the broker takes events again"
            return f"what waits for the broker takes {limit}: {cure}"
        cure = "every delivered event was forgotten for it at once: set journal.max_mb higher"
        return f"parked events and what is known of units take {limit}: {cure}"

    async def fold_units(self) -> None:
        """Bring the units that moved into the table of all units, once FOLD_ROWS have come together."""
        ((rows, last),) = await self._connection.read("SELECT count(*), max(rowid) FROM moved")
        if rows >= FOLD_ROWS:
            await self._connection.write((_FOLD, [(last,)]), ("DELETE FROM moved WHERE rowid <= ?", [(last,)]))

    async def forget_units(self) -> int:
        """Look at the next STEP_ROWS units in order of their keys, round and round."""
        rows = await self._connection.read(
            "SELECT unit, CAST(t AS REAL) FROM unit WHERE unit > ? ORDER BY unit LIMIT ?", self._unit_cursor, STEP_ROWS
        )
        self._unit_cursor = rows[-1][0] if len(rows) == STEP_ROWS else ""
        before_t = self._now() - UNIT_KEEP_S
        old = [(unit, before_t) for unit, t in rows if t < before_t]
        if not old:
            return 0
        (forgotten,) = await self._connection.write(("DELETE FROM unit WHERE unit = ? AND t < ?", old))
        return forgotten

    async def _used_bytes(self) -> int:
        ((used,),) = await self._connection.read(_USED_BYTES)
        return int(used)
