"""What paho takes for its socket: bytes that asyncio has read, and a way to asyncio's transport."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

INCOMING_MAX: Final = 65_536
"""Bytes of one packet from the broker: it has little to tell us."""
TURN_BYTES: Final = 2048
"""Read in one turn of the loop, some 400 acknowledgements: a babbling broker starves nobody."""
UNSENT_MAX: Final = 4 * 1024 * 1024
"""Bytes that wait for the broker to read. A full window is half of it at most; the rest would be our answers to what
it sends, which end only with its patience."""


class Wire(asyncio.Protocol):
    """`allowed`: how many bytes may still be received in this turn."""

    def __init__(self, on_bytes: Callable[[], None], on_end: Callable[[Exception | None], None]) -> None:
        self._on_bytes = on_bytes
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes | bytearray] = []
        self._held = False
        self._is_slow = False  # asyncio holds more than a little that the broker has not read
        self.unread = bytearray()
        self.allowed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._confirm_at_once()
        self.unread += data
        if not self._held:
            self._on_bytes()

    def _confirm_at_once(self) -> None:
        """Have the kernel confirm what came, or a broker with Nagle's algorithm on, as Mosquitto has it, holds its next
        acknowledgement back for the 40 ms that Linux likes to wait. It forgets the wish with each write (tcp(7))."""
        if self._transport is not None and (sock := self._transport.get_extra_info("socket")) is not None:
            with contextlib.suppress(OSError):  # it has just ended
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def pause_writing(self) -> None:
        self._is_slow = True

    def resume_writing(self) -> None:
        self._is_slow = False

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._on_end(error)

    def recv(self, size: int) -> bytes:
        """paho asks for the whole rest of a packet: the place to refuse a monster."""
        if size > INCOMING_MAX:
            raise ConnectionError("packet too large")
        data = bytes(self.unread[: min(size, self.allowed)])
        if not data:
            raise BlockingIOError
        del self.unread[: len(data)]
        self.allowed -= len(data)
        return data

    @property
    def readable(self) -> bool:
        return bool(self.unread) and self.allowed > 0

    def listen(self, wanted: bool) -> None:
        """Whether more may come; if not, TCP holds the broker back."""
        self._held = not wanted
        if self._transport is not None:
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def send(self, data: bytes | bytearray) -> int:
        self._unsent.append(data)
        return len(data)

    def flush(self) -> bool:
        """One write for all that paho wants to send; false: more than UNSENT_MAX waits for the broker to read it."""
        if self._transport is not None and self._unsent:
            self._transport.writelines(self._unsent)
        self._unsent.clear()
        slow = self._transport if self._is_slow else None
        return slow is None or slow.get_write_buffer_size() <= UNSENT_MAX

    def close(self) -> None:
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def certificate(self) -> bytes | None:
        """The other side's, in DER; None without TLS."""
        tls = self._transport and self._transport.get_extra_info("ssl_object")
        return tls.getpeercert(binary_form=True) if tls else None

    @property
    def open(self) -> bool:
        return self._transport is not None

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        """asyncio has seen to it."""
