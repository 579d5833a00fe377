"""TCP connections out: to readers, network scanners and the broker; and the Unix sockets beside the journal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

MAX_PATH_BYTES = 100
"""A Unix socket's address is limited to 108 bytes (unix(7))."""


async def connect(host: str, port: int, timeout_s: float) -> socket.socket:
    """A connected, non-blocking socket with TCP_NODELAY: the first address of `host` that answers.

    A dead address may use its share of the time only. Raises OSError (TimeoutError, socket.gaierror) or UnicodeError;
    a cancelled call leaves nothing open and no thread that holds up the end of the program.
    """
    async with asyncio.timeout(timeout_s):
        addresses = await _resolve(host, port)
        failure: OSError = ConnectionRefusedError()
        for family, address in addresses:
            try:
                async with asyncio.timeout(timeout_s / len(addresses) * 0.9):
                    return await _connect(family, address)
            except OSError as error:  # TimeoutError is one
                failure = error
        raise failure


async def _connect(family: int, address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does so for sockets of its own only
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:  # cancellation too: an open socket has no owner yet
        sock.close()
        raise
    return sock


async def _resolve(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """Addresses of `host`, asked for in a daemon thread: a resolver that hangs holds up no shutdown."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[tuple[int, tuple[str, int]]]] = loop.create_future()

    def settle(addresses: list[tuple[int, tuple[str, int]]], error: Exception | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def ask() -> None:
        addresses: list[tuple[int, tuple[str, int]]] = []
        failure: Exception | None = None
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                addresses.append((family, address))  # type: ignore[arg-type]  # IPv6 has four members
        except (OSError, UnicodeError) as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(settle, addresses, failure)

    threading.Thread(target=ask, name="edgegw-resolve", daemon=True).start()
    return await found


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening_unix(path: Path, serve: Serve, cannot: Callable[[OSError], None]) -> AsyncIterator[None]:
    """Serve a socket of mode 0660 at `path` while the block runs; where none can be made, `cannot` is told why."""
    try:
        server = await asyncio.start_unix_server(serve, sock=_bind_unix(path))
    except OSError as error:
        cannot(error)
        yield
        return
    try:
        yield
    finally:
        server.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _bind_unix(path: Path) -> socket.socket:
    """What stands there was a dead gateway's: we own the journal beside it."""
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise OSError(0, f"the path is longer than {MAX_PATH_BYTES} bytes")
    path.unlink(missing_ok=True)
    with contextlib.ExitStack() as undo:
        sock = undo.enter_context(socket.socket(socket.AF_UNIX))
        sock.bind(str(path))
        path.chmod(0o660)
        undo.pop_all()
    return sock
