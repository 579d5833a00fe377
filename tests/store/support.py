"""What the journal's tests share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from edgegw.config.model import JournalSettings
from edgegw.core.counters import Counters
from edgegw.store.journal import Journal

TOPIC = "edgegw/v1/dc-1/dock-edge-1/evt/movement"
GATEWAY = "dock-edge-1"
START_T = 1_732_156_800.0


class Hand:
    """A clock that is set by hand."""

    def __init__(self, t: float = START_T) -> None:
        self.t = t

    def __call__(self) -> float:
        return self.t


def opened(
    path: Path,
    *,
    gateway: str = GATEWAY,
    counters: Counters | None = None,
    now: Callable[[], float] | None = None,
    migrations: Sequence[str] | None = None,
    commit_ms: int = 10,
    commit_rows: int = 500,
    keep_h: float = 24,
    max_mb: int = 512,
) -> AbstractAsyncContextManager[Journal]:
    settings = JournalSettings(path=path, commit_ms=commit_ms, commit_rows=commit_rows, keep_h=keep_h, max_mb=max_mb)
    return Journal.opened(settings, gateway, counters or Counters(), now or Hand(), migrations)


@contextlib.asynccontextmanager
async def writing(journal: Journal) -> AsyncIterator[asyncio.Task[None]]:
    """The writer runs inside the block and has flushed after it."""
    writer = asyncio.create_task(journal.run())
    try:
        yield writer
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer


def add(journal: Journal, text: str = "") -> int:
    """An event whose payload says its number."""
    return journal.add_event(lambda seq: (TOPIC, f"{seq} {text}".encode()))


async def pending_seqs(journal: Journal, after_seq: int = 0, limit: int = 1_000_000) -> list[int]:
    return [row.seq for row in await journal.pending(after_seq, limit)]
