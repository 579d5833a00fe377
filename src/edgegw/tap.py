"""A Unix socket beside the journal where `edgegw record` gets a copy of every tag read while the gateway runs.

HEARD, and then one read a line, as `edgegw replay` takes them, until the listener closes its half. Whoever listens too
slowly loses reads, which are counted and told at the end: `{"lost": n}`. The gateway never waits for a listener, and
without one a read costs nothing. The socket's mode is 0660: the gateway's user and group.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import structlog

from edgegw.core import recording
from edgegw.core.llrp.messages import ReaderEvent
from edgegw.core.model import TagRead
from edgegw.net import listening_unix

ROOM_BYTES = 1 << 20
"""So much waits for a listener: some 8000 reads."""
HEARD = b'{"listening":true}\n'
"""The first line: from now on no read is missed."""
MAX_LISTENERS = 4
GOODBYE_S = 2.0

log = structlog.get_logger("edgegw")


class Sink(Protocol):
    """Who takes what readers say."""

    def tags(self, reads: list[TagRead]) -> None: ...

    def event(self, reader: str, event: ReaderEvent, t: float) -> None: ...

    async def room(self) -> None: ...


class _Listener:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.lost = 0

    def hear(self, lines: bytes, reads: int) -> None:
        if self.writer.transport.get_write_buffer_size() > ROOM_BYTES:
            self.lost += reads
        else:
            self.writer.write(lines)


class Tap:
    """A sink that passes everything on to another, and copies tag reads to those who listen."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._listeners: dict[_Listener, asyncio.Task[None] | None] = {}

    def tags(self, reads: list[TagRead]) -> None:
        if self._listeners:
            lines = "".join(map(recording.line, reads)).encode()
            for listener in self._listeners:
                listener.hear(lines, len(reads))
        self._sink.tags(reads)

    def event(self, reader: str, event: ReaderEvent, t: float) -> None:
        self._sink.event(reader, event, t)

    async def room(self) -> None:
        await self._sink.room()

    @contextlib.asynccontextmanager
    async def serving(self, journal: Path) -> AsyncIterator[None]:
        """Let others listen while the block runs. Where no socket can be made, run without one, and say so."""
        path = socket_path(journal)

        def cannot(error: OSError) -> None:
            reason = f"{path}: {error.strerror or error}"
            log.warning("edgegw record will not work while the gateway runs", reason=reason)

        try:
            async with listening_unix(path, self._serve, cannot):
                yield
        finally:
            await self._dismiss()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._listeners) >= MAX_LISTENERS:
            writer.close()
            return
        listener = _Listener(writer)
        self._listeners[listener] = asyncio.current_task()
        writer.write(HEARD)
        with contextlib.suppress(OSError, TimeoutError):
            await reader.read(1)
            if listener.lost:
                writer.write(json.dumps({"lost": listener.lost}).encode() + b"\n")
            async with asyncio.timeout(GOODBYE_S):
                await writer.drain()
        del self._listeners[listener]
        writer.close()

    async def _dismiss(self) -> None:
        """Hang up on those who still listen."""
        for listener in self._listeners:
            listener.writer.transport.abort()
        if tasks := [task for task in self._listeners.values() if task]:
            await asyncio.wait(tasks, timeout=GOODBYE_S)


def socket_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".reads")
