"""What the broker keeps for one client: its subscriptions, its queue and the messages in flight.

A session outlives its connections until it expires. Time is a parameter, sending is somebody else's job:
`offer` puts a message in, `pull` takes out the next packet that may be sent now.

An outgoing message of QoS 1 or 2 goes through these states (OASIS MQTT 5.0 §4.3):

    queued -> in flight -> (QoS 2: released by PUBREC ->) forgotten by PUBACK or PUBCOMP
    in flight | released -> queued, in front and in order, when the connection ends; then sent again, DUP set
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil, inf

from simulators.mqtt_broker.packets import Ack, Publish, Subscription, Will
from simulators.mqtt_broker.properties import Properties, Property, number, without
from simulators.mqtt_broker.reasons import FAILURE, Reason
from simulators.mqtt_broker.wire import MAX_U16, Kind


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the broker's memory. What exceeds them is refused or dropped, and counted."""

    packet_bytes: int = 4 * 2**20
    connections: int = 1_000
    sessions: int = 10_000
    subscriptions: int = 1_000  # per client
    retained: int = 10_000
    qos0_bytes: int = 4 * 2**20  # per client, payloads that wait for a slow reader
    queued_messages: int = 100_000  # per client, QoS 1 and 2, in flight included
    queued_bytes: int = 64 * 2**20  # per client, their payloads
    write_bytes: int = 2**20  # per connection; above it nothing more is handed to the socket


@dataclass(frozen=True, slots=True)
class Message:
    """An application message as the broker holds it. `expires_at` is in the broker's time, `inf` = never."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = ()
    publisher: str = ""
    expires_at: float = inf


def expires_at(properties: Properties, now: float) -> float:
    """When a message that arrives now with these properties is stale; `inf` = never."""
    expiry_s = number(properties, Property.MESSAGE_EXPIRY, -1)
    return now + expiry_s if expiry_s >= 0 else inf


@dataclass(slots=True)
class Outgoing:
    """A message on its way to one client."""

    message: Message
    qos: int
    retain: bool = False
    identifiers: tuple[int, ...] = ()
    packet_id: int = 0  # 0 = not sent yet
    released: bool = False  # QoS 2: the client has it, only the handshake is left


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription as it was granted. `identifier` 0 = the client gave none."""

    options: Subscription
    identifier: int = 0


class Session:
    """State of one client identifier. `attached` = a connection is using it now."""

    def __init__(self, client_id: str, limits: Limits) -> None:
        self.client_id = client_id
        self.attached = False
        self.subscribers: dict[str, Subscriber] = {}
        self.received: set[int] = set()  # QoS 2 messages from the client that wait for their PUBREL
        self.expiry_s: float = 0
        self.ends_at = inf
        self.will: Will | None = None
        self.will_at = inf
        self.dropped = 0
        self._limits = limits
        self._window = 0
        self._last_id = 0
        self._at_once_bytes = 0
        self._at_once: deque[Outgoing] = deque()  # QoS 0 does not wait for the window
        self._held_bytes = 0
        self._queue: deque[Outgoing] = deque()
        self._in_flight: dict[int, Outgoing] = {}

    @property
    def held(self) -> int:
        """Messages of QoS 1 and 2 that are queued or in flight."""
        return len(self._queue) + len(self._in_flight)

    def attach(self, receive_maximum: int) -> None:
        """A connection begins that takes `receive_maximum` unacknowledged messages."""
        self.attached = True
        self._window = receive_maximum
        self.ends_at = self.will_at = inf
        self.will = None

    def detach(self) -> None:
        """The connection is gone: QoS 0 is lost, what was in flight will be sent again."""
        self.attached = False
        self._at_once.clear()
        self._at_once_bytes = 0
        self._queue.extendleft(reversed(self._in_flight.values()))
        self._in_flight.clear()

    def offer(self, outgoing: Outgoing) -> None:
        """Take a message in; the newest is dropped and counted when the client holds too much already."""
        size = len(outgoing.message.payload)
        if not self._has_room(outgoing.qos, size):
            self.dropped += 1
        elif outgoing.qos:
            self._queue.append(outgoing)
            self._held_bytes += size
        else:
            self._at_once.append(outgoing)
            self._at_once_bytes += size

    def pull(self, now: float) -> Publish | Ack | None:
        """The next packet to send: QoS 0 first, then the queue as far as the client's Receive Maximum allows."""
        while self._at_once:
            outgoing = self._at_once.popleft()
            self._at_once_bytes -= len(outgoing.message.payload)
            if outgoing.message.expires_at > now:
                return _publish(outgoing, now, dup=False)
        while self._queue and len(self._in_flight) < self._window:
            outgoing = self._queue.popleft()
            if outgoing.packet_id or outgoing.message.expires_at > now:
                return self._start(outgoing, now)
            self._held_bytes -= len(outgoing.message.payload)
        return None

    def on_ack(self, ack: Ack) -> Ack | None:
        """Follow an acknowledgement from the client; the PUBREL that answers a PUBREC."""
        outgoing = self._in_flight.get(ack.packet_id)
        if ack.kind is Kind.PUBREC and outgoing is None:
            return Ack(Kind.PUBREL, ack.packet_id, Reason.PACKET_IDENTIFIER_NOT_FOUND)
        if ack.kind is Kind.PUBREC and outgoing is not None and ack.reason < FAILURE:
            outgoing.released = True
            return Ack(Kind.PUBREL, ack.packet_id)
        self.forget(ack.packet_id)
        return None

    def forget(self, packet_id: int) -> None:
        """A message in flight is done with."""
        outgoing = self._in_flight.pop(packet_id, None)
        if outgoing is not None:
            self._held_bytes -= len(outgoing.message.payload)

    def _has_room(self, qos: int, size: int) -> bool:
        limits = self._limits
        if not qos:
            return self.attached and self._at_once_bytes + size <= limits.qos0_bytes
        return self.held < limits.queued_messages and self._held_bytes + size <= limits.queued_bytes

    def _start(self, outgoing: Outgoing, now: float) -> Publish | Ack:
        is_repeat = bool(outgoing.packet_id)
        outgoing.packet_id = outgoing.packet_id or self._next_id()
        self._in_flight[outgoing.packet_id] = outgoing
        if outgoing.released:
            return Ack(Kind.PUBREL, outgoing.packet_id)
        return _publish(outgoing, now, is_repeat)

    def _next_id(self) -> int:
        # what is sent again stands in front of the queue, so ids in use are never outside `_in_flight` here
        while True:
            self._last_id = self._last_id % MAX_U16 + 1
            if self._last_id not in self._in_flight:
                return self._last_id


def _publish(outgoing: Outgoing, now: float, dup: bool) -> Publish:
    message = outgoing.message
    properties = message.properties
    if message.expires_at < inf:
        left_s = max(0, ceil(message.expires_at - now))
        properties = (*without(properties, Property.MESSAGE_EXPIRY), (Property.MESSAGE_EXPIRY, left_s))
    properties += tuple((Property.SUBSCRIPTION_IDENTIFIER, i) for i in outgoing.identifiers)
    return Publish(message.topic, message.payload, outgoing.qos, outgoing.retain, dup, outgoing.packet_id, properties)
