"""The product's only read-write SQLite connection, and the only module that knows aiosqlite.

Two coroutines on one connection would share a transaction, and a cancelled one would leave it open. So a
transaction is one call that owns the connection until it is over, and callers that may be cancelled wrap it
in `unbroken`.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import aiosqlite

logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # its debug log spells out every payload

T = TypeVar("T")

Value = str | bytes | int | float | None
Statement = tuple[str, Sequence[Sequence[Value]]]
"""SQL, and the rows of parameters to run it with."""


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its very end. A cancellation meanwhile is raised afterwards."""
    task = asyncio.create_task(work)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # the cancellation goes first; asyncio would complain about the other one
    raise cancellation


class Connection:
    """Whole transactions in, whole answers out. Errors are sqlite3.Error as they come.

    Made closed. Whoever calls `open`, `unbroken`, must call `close`: the thread behind it keeps the process
    from exiting.
    """

    def __init__(self) -> None:
        self._inner: aiosqlite.Connection | None = None
        self._turn = asyncio.Lock()

    async def open(self, connect: Callable[[], tuple[sqlite3.Connection, T]]) -> T:
        """Run `connect`, which may block, in a thread; its errors, and what else it returns, come out here.

        It must allow use from another thread (`check_same_thread=False`): from then on, only aiosqlite's.
        """
        raw, remarks = await asyncio.to_thread(connect)
        self._inner = await aiosqlite.Connection(lambda: raw, iter_chunk_size=64)
        return remarks

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()

    @property
    def _live(self) -> aiosqlite.Connection:
        assert self._inner is not None, "open it first"
        return self._inner

    async def read(self, sql: str, *values: Value) -> list[Any]:
        """All rows of a query over what is committed."""
        async with self._turn:
            return list(await self._live.execute_fetchall(sql, values))

    async def write(self, *statements: Statement) -> list[int]:
        """One transaction, all of it or nothing. Returns how many rows each statement changed."""
        async with self._turn:
            try:
                await self._live.execute("BEGIN IMMEDIATE")
                changed = [(await self._live.executemany(*s)).rowcount for s in statements if s[1]]
                await self._live.commit()
            except BaseException:
                await self._live.rollback()  # does nothing where SQLite has already rolled back
                raise
        return changed
