"""What is being weighed grows with every read: appended at each commit, and put together when it is asked for.

what happens                      on disk
a state is put                    a row of `state`; what was appended before is in it
it grows                          a row of `growth`, behind those of all other states: a commit of many states in
                                  view rewrites few pages, which is what an SD card can bear
it is forgotten                   its row of `state` goes; what it had grown by belongs to nothing
FOLD_ROWS have been appended      the rows before them go; what still belongs to a state is written into it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from edgegw.store.connection import Connection

FOLD_ROWS: Final = 10_000
"""About a megabyte. A state that is put anew from time to time is never folded."""

APPEND: Final = "INSERT INTO growth (scope, key, addition) VALUES (?, ?, ?)"
PUT: Final = """
    INSERT INTO state (scope, key, state, grown) VALUES (?, ?, ?, (SELECT ifnull(max(number), 0) FROM growth))
    ON CONFLICT (scope, key) DO UPDATE SET state = excluded.state, grown = excluded.grown
"""
OF_SCOPE: Final = """
    SELECT state.scope, state.key, state, CAST(ifnull(addition, '') AS TEXT)
    FROM state LEFT JOIN growth ON growth.scope = state.scope AND growth.key = state.key AND number > grown
    WHERE state.scope = ? ORDER BY state.key, number
"""
OF_KEY: Final = """
    SELECT state.scope, state.key, CAST(state AS TEXT), CAST(ifnull(addition, '') AS TEXT)
    FROM state LEFT JOIN growth ON growth.scope = state.scope AND growth.key = state.key AND number > grown
    WHERE state.key = ? ORDER BY state.scope, number
"""

_CUT = "SELECT ifnull(max(number), 0) - ? FROM growth"
_OLD = """
    SELECT scope, key, CAST(state AS TEXT), CAST(addition AS TEXT), grown FROM growth JOIN state USING (scope, key)
    WHERE number > grown AND number <= ? ORDER BY scope, key, number
"""
_FOLD = "UPDATE state SET state = ?, grown = ? WHERE scope = ? AND key = ? AND grown = ?"


def put_together(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, Any, Any]]:
    """Rows of OF_SCOPE or OF_KEY -> scope, key and state with all it has grown by.

    >>> list(put_together([("door/d", "a", "1", "2"), ("door/d", "a", "1", "3"), ("door/d", "b", "1", "")]))
    [('door/d', 'a', '123'), ('door/d', 'b', '1')]
    """
    for (scope, key, state), group in groupby(rows, key=itemgetter(0, 1, 2)):
        grown = "".join(row[3] for row in group)
        yield scope, key, state + grown if isinstance(state, str) else state


class Growth:
    """Keeps the table short. Errors are sqlite3.Error."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = FOLD_ROWS  # who knows what an earlier run has left

    def appended(self, rows: int) -> None:
        self._rows += rows

    @property
    def is_long(self) -> bool:
        return self._rows >= FOLD_ROWS

    async def fold(self) -> None:
        """All but the last FOLD_ROWS go. A state that is put meanwhile keeps what was put."""
        ((cut,),) = await self._connection.read(_CUT, FOLD_ROWS)
        if cut > 0:
            old = await self._connection.read(_OLD, cut)
            grown = {row[:2]: row[4] for row in old}
            folded = [
                (state, cut, scope, key, grown[scope, key]) for scope, key, state in put_together(r[:4] for r in old)
            ]
            await self._connection.write((_FOLD, folded), ("DELETE FROM growth WHERE number <= ?", [(cut,)]))
        self._rows = 0
