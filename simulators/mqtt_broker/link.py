"""One TCP connection, without what its packets mean: frames in, packets out, bounded; and the hub they meet in.

A client that does not read what it is sent is not read from either, until it does: what waits for it stays
bounded (`Limits.write_bytes` for the socket, `Limits.queued_*` for the session behind it).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf

from simulators.mqtt_broker.faults import Faults
from simulators.mqtt_broker.packets import MQTT_3_1_1, MQTT_5, Connack, Disconnect, Packet, decode, encode
from simulators.mqtt_broker.properties import Properties, Property
from simulators.mqtt_broker.reasons import Reason, return_code
from simulators.mqtt_broker.router import Router
from simulators.mqtt_broker.session import Limits, Session
from simulators.mqtt_broker.wire import MAX_U32, Frame, PacketError, take_frames

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
KEEP_ALIVE_FACTOR = 1.5  # MQTT 5.0 §3.1.2.10


@dataclass
class Hub:
    """What all connections of one broker share."""

    router: Router
    faults: Faults
    limits: Limits
    users: Mapping[str, str] | None
    counts: Counter[str] = field(default_factory=Counter)
    links: set[Link] = field(default_factory=set)
    clients: dict[str, Link] = field(default_factory=dict)
    nobody: asyncio.Event = field(default_factory=asyncio.Event)
    is_frozen: bool = False
    _timer: asyncio.TimerHandle | None = None

    def freeze(self) -> None:
        """Read and write nothing more, as a process under SIGSTOP: connections stay open."""
        self.is_frozen = True
        for link in self.links:
            link.update_reading()

    def thaw(self) -> None:
        """Go on where `freeze` stopped."""
        self.is_frozen = False
        for link in list(self.links):
            link.resume()

    def flush(self, touched: Iterable[Session]) -> None:
        """Send what waits in the sessions whose clients are here."""
        for session in touched:
            link = self.clients.get(session.client_id)
            if link is not None:
                link.pump()

    def wait_for_due(self) -> None:
        """Have wills and session ends happen when they are due."""
        self.stop_waiting()
        due_at = self.router.due_at()
        if due_at < inf:
            self._timer = asyncio.get_running_loop().call_at(due_at, self._on_due)

    def stop_waiting(self) -> None:
        """Undo `wait_for_due`."""
        if self._timer is not None:
            self._timer.cancel()

    def _on_due(self) -> None:
        self.flush(self.router.tick(asyncio.get_running_loop().time()))
        self.wait_for_due()


class Link(asyncio.Protocol, ABC):
    """Moves packets between a socket and the subclass, which gives them their meaning."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._level = MQTT_3_1_1
        self._packet_limit = MAX_U32
        self._is_accepted = False
        self._is_congested = False
        self._is_closed = False
        self._incoming = bytearray()
        self._received_packets = 0
        self._outgoing: list[bytes] = []
        self._outgoing_bytes = 0
        self._heard_at = self._loop.time()
        self._allowed_silence_s = CONNECT_TIMEOUT_S
        self._timer = self._loop.call_later(CONNECT_TIMEOUT_S, self._check_silence)

    # what the subclass gives

    @abstractmethod
    def _handle(self, packet: Packet) -> None:
        """Act on a packet; raises `PacketError` if it is one that may not come now."""

    @abstractmethod
    def _pull(self) -> Packet | None:
        """The next packet that waits for this client."""

    @abstractmethod
    def _forget(self, packet: Packet) -> None:
        """`packet` is not sent: it is larger than the client takes."""

    @abstractmethod
    def _leave(self) -> None:
        """The connection ends now; called once or more."""

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=self._hub.limits.write_bytes)
        self._hub.links.add(self)
        self._hub.nobody.clear()
        self.update_reading()
        if len(self._hub.links) > self._hub.limits.connections:
            self._hub.counts["connections_refused"] += 1
            self.abort()

    def data_received(self, data: bytes) -> None:
        self._incoming += data
        self._consume()

    def pause_writing(self) -> None:
        self._is_congested = True
        self.update_reading()

    def resume_writing(self) -> None:
        self._is_congested = False
        self.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True
        self._leave()
        self._timer.cancel()
        self._hub.links.discard(self)
        if not self._hub.links:
            self._hub.nobody.set()

    # what the hub, the broker and other connections call

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the client has not taken yet, those in the system's own buffers not counted."""
        return self._outgoing_bytes + self._transport.get_write_buffer_size()

    def update_reading(self) -> None:
        """Read from the socket only while packets may be handled."""
        if self._is_blocked:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def resume(self) -> None:
        """Handle and send what was held back."""
        self.update_reading()
        self._consume()
        self._flush()
        self.pump()

    def pump(self) -> None:
        """Hand waiting packets to the socket as long as the client keeps reading."""
        while not self._is_blocked and self._outgoing_bytes < self._hub.limits.write_bytes:
            packet = self._pull()
            if packet is None:
                return
            self._send(packet)

    def end(self, reason: Reason, sentence: str = "") -> None:
        """Close the connection from this side; an MQTT 5 client is told why."""
        if self._is_accepted and self._level >= MQTT_5:
            properties: Properties = ((Property.REASON_STRING, sentence),) if sentence else ()
            self._send(Disconnect(reason, properties))
        self._hub.counts[f"ended_{reason.name.lower()}"] += 1
        self._close()

    def abort(self) -> None:
        """Cut the connection: what was not sent is lost."""
        self._is_closed = True
        self._leave()
        self._transport.abort()

    # receiving

    @property
    def _is_blocked(self) -> bool:
        return self._is_closed or self._is_congested or self._hub.is_frozen

    def _consume(self) -> None:
        if self._is_blocked:
            return
        try:
            for frame in take_frames(self._incoming, self._hub.limits.packet_bytes):
                self._receive(frame)
                if self._is_blocked:
                    return
        except PacketError as error:
            self._on_error(error)

    def _receive(self, frame: Frame) -> None:
        faults = self._hub.faults
        self._received_packets += 1
        self._heard_at = self._loop.time()
        answered = len(self._outgoing)
        self._handle(decode(frame, self._level))
        if self._received_packets == faults.cut_after_packets:
            del self._outgoing[answered:]
            self._flush()
            self.abort()
        if self._received_packets == faults.freeze_after_packets:
            self._hub.freeze()

    def _on_error(self, error: PacketError) -> None:
        self._hub.counts["malformed"] += 1
        if error.reason is Reason.UNSUPPORTED_PROTOCOL_VERSION:
            self._send(Connack(reason=return_code(error.reason)))
        self.end(error.reason, str(error))

    # sending

    def _send(self, packet: Packet) -> None:
        data = encode(packet, self._level)
        if len(data) > self._packet_limit:
            self._hub.counts["too_large_for_client"] += 1
            self._forget(packet)
            return
        if not self._outgoing:
            self._loop.call_soon(self._flush)  # everything that one turn of the loop brings leaves in one write
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)

    def _flush(self) -> None:
        if self._hub.is_frozen or not self._outgoing or self._transport.is_closing():
            return
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        self._outgoing_bytes = 0
        self._transport.write(data)
        self.pump()

    def _close(self) -> None:
        self._is_closed = True
        self._flush()
        self._leave()
        self._transport.close()
        self._timer.cancel()
        self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    # keep alive

    def _watch(self, keep_alive_s: int) -> None:
        self._timer.cancel()
        if keep_alive_s:
            self._allowed_silence_s = keep_alive_s * KEEP_ALIVE_FACTOR
            self._timer = self._loop.call_later(self._allowed_silence_s, self._check_silence)

    def _check_silence(self) -> None:
        now = self._loop.time()
        if self._hub.is_frozen:
            self._heard_at = now
        left_s = self._heard_at + self._allowed_silence_s - now
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._check_silence)
        else:
            self.end(Reason.KEEP_ALIVE_TIMEOUT)
