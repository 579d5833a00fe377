"""One TCP connection as bytes: frames in, frames out, and every fault that lives between the two.

Output goes: frame -> (slow) -> queue -> (coalesce) -> flush -> (garbage, cut) -> (fragments) -> socket. Without
faults, what is sent in one turn of the event loop leaves in one write.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from simulators.llrp_reader.codec import HEADER, frame, take_frames
from simulators.llrp_reader.faults import Faults, Garbage
from simulators.llrp_reader.layouts import MESSAGES
from simulators.llrp_reader.outbox import Item
from simulators.llrp_reader.status import Refusal

FLUSH_BYTES = 1 << 16


class Host(Protocol):
    """Who a link belongs to."""

    faults: Faults

    def connected(self, link: Link) -> None: ...

    def received(self, link: Link, data: bytes) -> None: ...

    def writable(self, link: Link) -> None: ...

    def sent(self, item: Item) -> None: ...

    def unsent(self, items: Sequence[Item]) -> None: ...

    def disconnected(self, link: Link) -> None: ...


class Link(asyncio.Protocol):
    """A client's connection. An impossible length in what comes ends it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._input = bytearray()
        self._slow: deque[tuple[bytes, Item | None]] = deque()
        self._queue: list[tuple[bytes, Item | None]] = []
        self._queued_bytes = 0
        self._flush_due: asyncio.Handle | None = None
        self._fragments = bytearray()
        self._fragment_due: asyncio.Handle | None = None
        self._frames_sent = 0
        self._paused = False
        self._finishing = False
        self._timers: set[asyncio.TimerHandle] = set()

    # -- asyncio.Protocol -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._host.faults.cut_after_s:
            self._later(self._host.faults.cut_after_s, self.reset)
        self._host.connected(self)

    def data_received(self, data: bytes) -> None:
        self._input += data
        try:
            for whole in take_frames(self._input):
                if not self._finishing:
                    self._host.received(self, whole)
        except Refusal:
            self.reset()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._host.writable(self)

    def connection_lost(self, exc: Exception | None) -> None:
        for handle in (*self._timers, self._flush_due, self._fragment_due):
            if handle is not None:
                handle.cancel()
        self._transport = None
        self._host.unsent([item for _, item in (*self._queue, *self._slow) if item is not None])
        self._host.disconnected(self)

    # -- output -----------------------------------------------------------------------------------------------

    @property
    def clogged(self) -> bool:
        """Reports must wait: the client does not read fast enough, or the reader is silent, or all is over."""
        return self._paused or self._finishing or self._transport is None or self._host.faults.silence

    def send(self, data: bytes, item: Item | None = None) -> None:
        """One frame, whatever the faults make of it."""
        if self._transport is None or self._host.faults.silence:
            return
        if self._host.faults.slow_s:
            self._slow.append((data, item))
            self._later(self._host.faults.slow_s, self._release)
        else:
            self._enqueue(data, item)

    def inject(self, data: bytes) -> None:
        """Bytes that are no frame of ours, in their turn."""
        self._enqueue(data, None)

    def finish(self) -> None:
        """Close when all that was sent is out."""
        self._finishing = True
        self._close_if_done()

    def reset(self) -> None:
        """RST: what the socket still holds is gone."""
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _later(self, delay_s: float, call: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.discard(handle)
            call()

        handle = asyncio.get_running_loop().call_later(delay_s, due)
        self._timers.add(handle)

    def _release(self) -> None:
        self._enqueue(*self._slow.popleft())

    def _enqueue(self, data: bytes, item: Item | None) -> None:
        self._queue.append((data, item))
        self._queued_bytes += len(data)
        coalesce_s = self._host.faults.coalesce_s
        if self._flush_due is None:
            loop = asyncio.get_running_loop()
            self._flush_due = loop.call_later(coalesce_s, self._flush) if coalesce_s else loop.call_soon(self._flush)
        elif self._queued_bytes > FLUSH_BYTES and not coalesce_s:
            self._flush()

    def _flush(self) -> None:
        if self._flush_due is not None:
            self._flush_due.cancel()
        self._flush_due = None
        queue, self._queue, self._queued_bytes = self._queue, [], 0
        out = bytearray()
        for position, (data, item) in enumerate(queue):
            out += data
            if item is not None:
                self._host.sent(item)
            if self._after_frame(out):
                self._write(bytes(out))
                self._queue = queue[position + 1 :]
                self.reset()
                return
        self._write(bytes(out))
        self._close_if_done()

    def _after_frame(self, out: bytearray) -> bool:
        """Garbage behind a frame. True: cut here."""
        faults = self._host.faults
        self._frames_sent += 1
        if faults.garbage is not None and faults.garbage_every and self._frames_sent % faults.garbage_every == 0:
            out += make_garbage(faults.garbage)
        return faults.cut_after_messages > 0 and self._frames_sent >= faults.cut_after_messages

    def _write(self, data: bytes) -> None:
        if self._transport is None or not data:
            return
        if self._host.faults.fragment_bytes or self._fragments:
            self._fragments += data
            if self._fragment_due is None:
                self._write_fragment()
        else:
            self._transport.write(data)

    def _write_fragment(self) -> None:
        """The next piece, one per turn of the event loop."""
        self._fragment_due = None
        size = self._host.faults.fragment_bytes or len(self._fragments)
        if self._transport is None:
            return
        self._transport.write(bytes(self._fragments[:size]))
        del self._fragments[:size]
        if self._fragments:
            self._fragment_due = asyncio.get_running_loop().call_soon(self._write_fragment)
        else:
            self._close_if_done()

    def _close_if_done(self) -> None:
        waiting = self._slow or self._queue or self._fragments
        if self._finishing and not waiting and self._transport is not None:
            self._transport.close()


def make_garbage(kind: Garbage) -> bytes:
    """Bytes that a client must survive."""
    match kind:
        case Garbage.BYTES:
            return random.randbytes(64)
        case Garbage.BAD_LENGTH:
            return HEADER.pack(1 << 10 | MESSAGES["KEEPALIVE"].number, 5, 1)
        case Garbage.OVERSIZE:
            return HEADER.pack(1 << 10 | MESSAGES["RO_ACCESS_REPORT"].number, 0xFFFFFFFF, 1)
        case Garbage.UNKNOWN_MESSAGE:
            return frame(999, b"\x00" * 7, id=1)
        case Garbage.UNDECODABLE:
            cut = struct.pack(">HHB", 240, 20, 0x8D) + bytes(12) + b"\x81\x00\x01"
            return frame(MESSAGES["RO_ACCESS_REPORT"].number, cut[:-1], id=1)
        case Garbage.TRUNCATED:
            return frame(MESSAGES["RO_ACCESS_REPORT"].number, bytes(40), id=1)[:25]
