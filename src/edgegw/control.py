"""A Unix socket beside the journal, where `edgegw status` asks the running gateway how it feels.

One connection, one JSON document, closed. The socket's mode is 0660: the gateway's user and group.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from edgegw.errors import LinkDown

MAX_PATH_BYTES = 100
"""A Unix socket's address is limited to 108 bytes (unix(7))."""
ANSWER_S = 5.0


def socket_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".sock")


@contextlib.asynccontextmanager
async def serving(journal: Path, status: Callable[[], dict[str, Any]]) -> AsyncIterator[None]:
    """Answer while the block runs. Without a socket where the path is too long or not writable."""
    path = socket_path(journal)
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        yield
        return

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                writer.write(json.dumps(status()).encode())
                await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, path)
    path.chmod(0o660)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def ask(journal: Path) -> dict[str, Any]:
    """The status of the running gateway. Raises LinkDown when none runs."""
    path = socket_path(journal)
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(path)
            document = await reader.read()
            writer.close()
        answer = json.loads(document)
    except (OSError, ValueError, TimeoutError) as error:
        raise LinkDown("gateway", f"no gateway answers at {path}: {error}") from None
    if not isinstance(answer, dict):
        raise LinkDown("gateway", f"{path} does not answer as a gateway does")
    return answer
