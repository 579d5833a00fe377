"""A Unix socket beside the journal, where `edgegw` asks the running gateway how it feels, or to do something.

One connection: the request, a JSON object (nothing: how do you feel?), the end of it, the answer, a JSON object,
closed. The socket's mode is 0660: the gateway's user and group.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import json
import os
import pwd
import socket
import stat
import struct
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import structlog

from edgegw.errors import LinkDown, LinkRefused
from edgegw.net import MAX_PATH_BYTES, listening_unix

ANSWER_S = 5.0
WORK_S = 60.0
"""For a request that makes the gateway do something."""
REQUEST_BYTES = 1_000_000
_PEERCRED = struct.Struct("iII")

Feel = Callable[[], Awaitable[dict[str, Any]]]
Do = Callable[[Any, str], Awaitable[dict[str, Any]]]
"""A request, and who asks -> the answer, whatever the request."""

log = structlog.get_logger("edgegw")


def socket_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".sock")


def serving(journal: Path, status: Feel, do: Do | None = None) -> AbstractAsyncContextManager[None]:
    """Answer while the block runs. Where no socket can be made, run without one, and say so."""
    path = socket_path(journal)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(WORK_S):
                async with asyncio.timeout(ANSWER_S):
                    request = await _read_request(reader)
                answer = await (do(request, _user(writer)) if do and request is not None else status())
                writer.write(json.dumps(answer).encode())
                await writer.drain()
        writer.close()

    def cannot(error: OSError) -> None:
        log.warning("edgegw status will not work", reason=_cannot_listen(path, error))

    return listening_unix(path, serve, cannot)


def _user(writer: asyncio.StreamWriter) -> str:
    """Who asks, as the kernel says (unix(7), SO_PEERCRED: process, user and group)."""
    credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    _, uid, _ = _PEERCRED.unpack(credentials)
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


async def _read_request(reader: asyncio.StreamReader) -> Any:
    """None for nothing, and a text for what is no JSON: whoever answers does not know it."""
    text = b""
    while len(text) < REQUEST_BYTES and (more := await reader.read(REQUEST_BYTES)):
        text += more
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return "not JSON"


def _cannot_listen(path: Path, error: OSError) -> str:
    if path.is_dir():
        return f"{path} is a folder - remove it and start again"
    return f"cannot make the socket {path}: {error.strerror} - the gateway's user must be able to write there"


async def ask(journal: Path, request: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer of the running gateway; without a request, its status.

    Raises LinkDown when none runs, LinkRefused when one may run but cannot be asked.
    """
    path = socket_path(journal)
    limit_s = WORK_S if request else ANSWER_S
    try:
        async with asyncio.timeout(limit_s):
            reader, writer = await asyncio.open_unix_connection(path)
            with contextlib.closing(writer):
                writer.write(json.dumps(request).encode() if request else b"")
                writer.write_eof()
                answer = json.loads(await reader.read())
    except TimeoutError:
        raise LinkRefused("gateway", f"it runs, but has not answered within {limit_s:g} s - see its log") from None
    except OSError as error:
        raise _unanswered(path, error) from None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise LinkRefused("gateway", f"what listens at {path} does not answer as a gateway does")
    return answer


def _unanswered(path: Path, error: OSError) -> LinkDown:
    """Told apart, because the cures differ: start it, be allowed to ask it, or remove what is in the way."""
    if isinstance(error, PermissionError):
        return LinkRefused("gateway", f"this user may not ask it at {path} - {_way_in(path)}")
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        problem = f"its socket {path} would need a path longer than {MAX_PATH_BYTES} bytes"
        return LinkRefused("gateway", f"{problem} - a shorter journal.path cures it")
    try:
        is_socket = stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return LinkDown("gateway", f"there is no {path}")
    if not is_socket:
        return LinkRefused("gateway", f"{path} is not a socket - remove it and start the gateway again")
    return LinkDown("gateway", f"nobody listens at {path}: it ended without a goodbye; the next start clears that")


def _way_in(path: Path) -> str:
    """Which group may ask: the socket's, or that of the folder which hides it."""
    for place in (path, *path.parents):
        with contextlib.suppress(OSError, KeyError):
            status = place.stat()
            if status.st_gid != 0:
                group = grp.getgrgid(status.st_gid).gr_name
                return f"use sudo, or join its group: usermod -aG {group} USER, then log in again"
            break
    return "use sudo"
