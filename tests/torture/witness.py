"""A central system that only counts: a million messages must cost it little, for it shares the gateway's machine.

MQTT 3.1.1, QoS 1, every message acknowledged; of each event it looks at `seq` alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

_SEQ: Final = re.compile(rb'"seq":(\d+)')
_PUBLISH, _PUBACK, _SUBACK = 0x30, b"\x40\x02", 0x90
_CONNECT: Final = b"\x00\x04MQTT\x04\x02\x00\x00\x00\x07witness"  # clean session, no keepalive
_SUBSCRIBE_ID: Final = b"\x00\x01"


class Witness(asyncio.Protocol):
    """From entry to exit it hears what is published to `topic`, in whatever order and batches.

    events        different events heard
    repeats       heard once more
    out_of_order  heard when a later one had been heard already
    first_s       when the first came, and `last_s` the last one, in the loop's time
    """

    def __init__(self, port: int, topic: str) -> None:
        self.events = self.repeats = self.out_of_order = self.messages = 0
        self.first_s = self.last_s = 0.0
        self._port = port
        self._topic = topic.encode()
        self._highest = 0
        self._heard: set[int] = set()  # above an unbroken run from 1 on
        self._through = 0
        self._unread = bytearray()
        self._subscribed = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def missing(self) -> int:
        """Events below the highest one heard that did not come."""
        return self._highest - self.events

    async def until(self, enough: Callable[[], bool], timeout_s: float) -> None:
        """Wait until the condition holds; it is asked again after whatever comes. TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not enough():
                self._news.clear()
                await self._news.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send(0x10, _CONNECT)
        self._send(0x82, _SUBSCRIBE_ID + len(self._topic).to_bytes(2) + self._topic + b"\x01")

    def data_received(self, data: bytes) -> None:
        unread = self._unread
        unread += data
        at, acks = 0, bytearray()
        while (body := _body(unread, at)) is not None:
            start, end = body
            if unread[at] & 0xF0 == _PUBLISH:
                payload = start + 4 + int.from_bytes(unread[start : start + 2])
                acks += _PUBACK + unread[payload - 2 : payload]
                self._hear(unread, payload, end)
            elif unread[at] == _SUBACK:
                self._subscribed.set()
            at = end
        del unread[:at]
        self._transport.write(acks)
        self.last_s = asyncio.get_running_loop().time()
        self._news.set()

    def _hear(self, packet: bytearray, start: int, end: int) -> None:
        self.messages += 1
        self.first_s = self.first_s or asyncio.get_running_loop().time()
        seqs = [int(seq) for seq in _SEQ.findall(packet, start, end)]
        if seqs == list(range(self._through + 1, self._through + 1 + len(seqs))) and not self._heard:
            self._through = self._highest = self._through + len(seqs)  # as nearly always
            self.events += len(seqs)
        else:
            for seq in seqs:
                self._take(seq)

    def _take(self, seq: int) -> None:
        if seq <= self._through or seq in self._heard:
            self.repeats += 1
            return
        self.events += 1
        self.out_of_order += seq < self._highest
        self._highest = max(self._highest, seq)
        if seq != self._through + 1:
            self._heard.add(seq)
            return
        self._through = seq
        while self._heard and self._through + 1 in self._heard:
            self._through += 1
            self._heard.discard(self._through)

    def _send(self, head: int, body: bytes) -> None:
        self._transport.write(bytes((head, len(body))) + body)

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        await asyncio.wait_for(self._subscribed.wait(), 10)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.abort()


def _body(unread: bytearray, at: int) -> tuple[int, int] | None:
    """Where the body of the packet at `at` begins and ends; None: it is not all there (MQTT 3.1.1, 2.2.3)."""
    length = 0
    for byte in range(4):
        if at + 1 + byte >= len(unread):
            return None
        length |= (unread[at + 1 + byte] & 127) << 7 * byte
        if unread[at + 1 + byte] < 128:
            end = at + 2 + byte + length
            return (at + 2 + byte, end) if end <= len(unread) else None
    raise ValueError("not MQTT")
