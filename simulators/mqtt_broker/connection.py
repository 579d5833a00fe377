"""One client's TCP connection: bytes in, packets handled in order, bytes out. And the hub they meet in.

A client that does not read what it is sent is not read from either, until it does: what waits for it stays
bounded (`Limits.write_bytes` for the socket, `Limits.queued_*` for the session behind it).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from math import inf

from simulators.mqtt_broker.faults import Faults
from simulators.mqtt_broker.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Ack,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Ping,
    Publish,
    Suback,
    Subscribe,
    Unsubscribe,
    Will,
    decode,
    encode,
)
from simulators.mqtt_broker.properties import Properties, Property, number
from simulators.mqtt_broker.reasons import FAILURE, Reason, return_code
from simulators.mqtt_broker.router import NEVER_EXPIRES, Router
from simulators.mqtt_broker.session import Limits, Message, Session, expires_at
from simulators.mqtt_broker.wire import MAX_U16, MAX_U32, Frame, Kind, PacketError, take_frames

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
    everyone: set[Connection] = field(default_factory=set)
    clients: dict[str, Connection] = field(default_factory=dict)
    nobody: asyncio.Event = field(default_factory=asyncio.Event)
    is_frozen: bool = False
    _timer: asyncio.TimerHandle | None = None

    def freeze(self) -> None:
        """Read and write nothing more, as a process under SIGSTOP: connections stay open."""
        self.is_frozen = True
        for connection in self.everyone:
            connection.update_reading()

    def thaw(self) -> None:
        """Go on where `freeze` stopped."""
        self.is_frozen = False
        for connection in list(self.everyone):
            connection.resume()

    def flush(self, touched: Iterable[Session]) -> None:
        """Send what waits in the sessions whose clients are here."""
        for session in touched:
            connection = self.clients.get(session.client_id)
            if connection is not None:
                connection.pump()

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


class Connection(asyncio.Protocol):
    """Protocol of one connection; `session` is None until its CONNECT was accepted."""

    def __init__(self, hub: Hub) -> None:
        self.session: Session | None = None
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._level = MQTT_3_1_1
        self._will: Will | None = None
        self._packet_limit = MAX_U32
        self._owed: set[int] = set()  # packet ids of the client's publishes without their last acknowledgement
        self._incoming = bytearray()
        self._received_packets = 0
        self._heard_at = self._loop.time()
        self._allowed_silence_s = CONNECT_TIMEOUT_S
        self._outgoing: list[bytes] = []
        self._outgoing_bytes = 0
        self._is_congested = False
        self._is_closed = False
        self._timer = self._loop.call_later(CONNECT_TIMEOUT_S, self._check_silence)

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=self._hub.limits.write_bytes)
        self._hub.everyone.add(self)
        self._hub.nobody.clear()
        self.update_reading()
        if len(self._hub.everyone) > self._hub.limits.connections:
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
        self._leave()
        self._timer.cancel()
        self._hub.everyone.discard(self)
        if not self._hub.everyone:
            self._hub.nobody.set()

    # what the hub and the broker call

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

    def pump(self) -> None:
        """Hand the session's packets to the socket as long as the client keeps reading."""
        limit = self._hub.limits.write_bytes
        while self.session is not None and not self._is_blocked and self._outgoing_bytes < limit:
            packet = self.session.pull(self._loop.time())
            if packet is None:
                return
            self._send(packet)

    def end(self, reason: Reason, sentence: str = "") -> None:
        """Close the connection from this side; an MQTT 5 client is told why."""
        if self.session is not None and self._level >= MQTT_5:
            properties: Properties = ((Property.REASON_STRING, sentence),) if sentence else ()
            self._send(Disconnect(reason, properties))
        self._hub.counts[f"ended_{reason.name.lower()}"] += 1
        self._close()

    def abort(self) -> None:
        """Cut the connection: what was not sent is lost."""
        self._leave()
        self._transport.abort()

    # receiving

    @property
    def _is_blocked(self) -> bool:
        return self._is_closed or self._is_congested or self._hub.is_frozen

    def _consume(self) -> None:
        try:
            if self._is_blocked:
                return
            for frame in take_frames(self._incoming, self._hub.limits.packet_bytes):
                self._receive(frame)
                if self._is_blocked:
                    return
        except PacketError as error:
            self._hub.counts["malformed"] += 1
            if error.reason is Reason.UNSUPPORTED_PROTOCOL_VERSION:
                self._send(Connack(reason=return_code(error.reason)))
            self.end(error.reason, str(error))

    def _receive(self, frame: Frame) -> None:
        faults = self._hub.faults
        self._received_packets += 1
        self._heard_at = self._loop.time()
        is_last = self._received_packets == faults.cut_after_packets
        sent_before = len(self._outgoing)
        self._handle(decode(frame, self._level))
        if is_last:
            del self._outgoing[sent_before:]
            self._flush()
            self.abort()
        if self._received_packets == faults.freeze_after_packets:
            self._hub.freeze()

    def _handle(self, packet: Packet) -> None:
        session = self.session
        if session is None:
            self._handle_first(packet)
            return
        match packet:
            case Publish():
                self._on_publish(packet, session)
            case Ack(kind=Kind.PUBREL):
                self._on_release(packet, session)
            case Ack():
                self._on_ack(packet, session)
            case Subscribe():
                self._on_subscribe(packet, session)
            case Unsubscribe():
                self._on_unsubscribe(packet, session)
            case Ping(kind=Kind.PINGREQ):
                self._send(Ping(Kind.PINGRESP))
            case Disconnect(kind=Kind.DISCONNECT):
                self._on_disconnect(packet, session)
            case _:
                raise PacketError(f"clients do not send {_name(packet)} here", Reason.PROTOCOL_ERROR)

    # CONNECT and DISCONNECT

    def _handle_first(self, packet: Packet) -> None:
        if not isinstance(packet, Connect):
            raise PacketError(f"the first packet is {_name(packet)}, not CONNECT", Reason.PROTOCOL_ERROR)
        self._level = packet.level
        reason = self._refusal(packet)
        if reason:
            self._refuse(reason)
        else:
            self._accept(packet)

    def _refusal(self, packet: Connect) -> int:
        faults, users = self._hub.faults, self._hub.users
        if faults.only_3_1_1 and packet.level >= MQTT_5:
            self._level = MQTT_3_1_1
            return Reason.UNSUPPORTED_PROTOCOL_VERSION
        if faults.refuse_connect:
            return faults.refuse_connect
        if any(key is Property.AUTHENTICATION_METHOD for key, _ in packet.properties):
            return Reason.BAD_AUTHENTICATION_METHOD
        if users is not None and not _is_known(users, packet):
            return Reason.NOT_AUTHORIZED  # Mosquitto's answer; the standard would allow 0x86
        if not packet.client_id and not packet.clean_start and packet.level < MQTT_5:
            return Reason.CLIENT_IDENTIFIER_NOT_VALID
        return Reason.QUOTA_EXCEEDED if self._hub.router.is_full(packet.client_id) else Reason.SUCCESS

    def _refuse(self, reason: int) -> None:
        self._hub.counts["connects_refused"] += 1
        self._send(Connack(reason=reason if self._level >= MQTT_5 else return_code(reason)))
        self._close()

    def _accept(self, packet: Connect) -> None:
        hub, now = self._hub, self._loop.time()
        client_id = packet.client_id or f"auto-{secrets.token_hex(8)}"
        if client_id in hub.clients:
            hub.clients[client_id].end(Reason.SESSION_TAKEN_OVER)
        receive_maximum = number(packet.properties, Property.RECEIVE_MAXIMUM, MAX_U16)
        opened = hub.router.open(client_id, packet.clean_start, receive_maximum, now)
        opened.session.expiry_s = _expiry_s(packet)
        hub.clients[client_id] = self
        self.session = opened.session
        self._will = packet.will
        self._packet_limit = number(packet.properties, Property.MAXIMUM_PACKET_SIZE, MAX_U32)
        self._watch(packet.keep_alive_s)
        hub.counts["connects"] += 1
        self._send(Connack(opened.present, properties=self._connack_properties(packet, client_id)))
        hub.flush({*opened.touched, opened.session})
        hub.wait_for_due()

    def _connack_properties(self, packet: Connect, client_id: str) -> Properties:
        properties: Properties = (
            (Property.RECEIVE_MAXIMUM, self._hub.faults.receive_maximum),
            (Property.MAXIMUM_PACKET_SIZE, self._hub.limits.packet_bytes),
        )
        if packet.client_id:
            return properties
        return (*properties, (Property.ASSIGNED_CLIENT_IDENTIFIER, client_id))

    def _on_disconnect(self, packet: Disconnect, session: Session) -> None:
        if packet.reason != Reason.DISCONNECT_WITH_WILL:
            self._will = None
        expiry_s = number(packet.properties, Property.SESSION_EXPIRY, -1)
        if expiry_s > 0 and not session.expiry_s:
            raise PacketError("DISCONNECT revives a session that was to end", Reason.PROTOCOL_ERROR)
        if expiry_s >= 0:
            session.expiry_s = inf if expiry_s == NEVER_EXPIRES else expiry_s
        self._close()

    def _close(self) -> None:
        self._flush()
        self._leave()
        self._transport.close()
        self._timer.cancel()
        self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def _leave(self) -> None:
        self._is_closed = True
        session, self.session = self.session, None
        if session is None:
            return
        del self._hub.clients[session.client_id]
        self._hub.flush(self._hub.router.close(session, self._will, self._loop.time()))
        self._hub.wait_for_due()

    # messages

    def _on_publish(self, packet: Publish, session: Session) -> None:
        self._check_publish(packet)
        is_repeat = packet.qos == 2 and packet.packet_id in session.received
        reason = Reason.SUCCESS if is_repeat else self._route(packet, session)
        if packet.qos == 1:
            self._acknowledge(Ack(Kind.PUBACK, packet.packet_id, reason))
        elif packet.qos == 2:
            self._receive_once(Ack(Kind.PUBREC, packet.packet_id, reason), session)

    def _check_publish(self, packet: Publish) -> None:
        keys = {key for key, _ in packet.properties}
        if Property.TOPIC_ALIAS in keys:
            raise PacketError("topic alias used, CONNACK allowed none", Reason.TOPIC_ALIAS_INVALID)
        if not packet.topic or Property.SUBSCRIPTION_IDENTIFIER in keys:
            raise PacketError("PUBLISH without a topic or with a subscription identifier", Reason.PROTOCOL_ERROR)
        if not packet.qos:
            return
        self._owed.add(packet.packet_id)
        limit = self._hub.faults.receive_maximum
        if self._level >= MQTT_5 and len(self._owed) > limit:
            sentence = f"{len(self._owed)} publishes unacknowledged, Receive Maximum is {limit}"
            raise PacketError(sentence, Reason.RECEIVE_MAXIMUM_EXCEEDED)

    def _route(self, packet: Publish, session: Session) -> int:
        hub, now = self._hub, self._loop.time()
        hub.counts["publishes"] += 1
        verdict = hub.faults.verdict(packet.topic)
        if verdict:
            hub.counts["publishes_refused"] += 1
            return verdict
        message = Message(
            packet.topic,
            packet.payload,
            packet.qos,
            packet.retain,
            packet.properties,
            session.client_id,
            expires_at(packet.properties, now),
        )
        routed = hub.router.publish(message, now)
        hub.flush(routed.touched)
        return routed.reason

    def _acknowledge(self, ack: Ack) -> None:
        faults = self._hub.faults
        if faults.drops_puback():
            self._hub.counts["pubacks_dropped"] += 1
        elif faults.delay_puback_s:
            self._loop.call_later(faults.delay_puback_s, self._send_last_ack, ack)
        else:
            self._send_last_ack(ack)

    def _send_last_ack(self, ack: Ack) -> None:
        self._owed.discard(ack.packet_id)
        self._send(ack)

    def _receive_once(self, ack: Ack, session: Session) -> None:
        if ack.reason >= FAILURE and self._level >= MQTT_5:
            self._send_last_ack(ack)
            return
        session.received.add(ack.packet_id)
        self._send(ack)

    def _on_release(self, ack: Ack, session: Session) -> None:
        is_known = ack.packet_id in session.received
        session.received.discard(ack.packet_id)
        reason = Reason.SUCCESS if is_known else Reason.PACKET_IDENTIFIER_NOT_FOUND
        self._send_last_ack(Ack(Kind.PUBCOMP, ack.packet_id, reason))

    def _on_ack(self, ack: Ack, session: Session) -> None:
        answer = session.on_ack(ack)
        if answer is not None:
            self._send(answer)
        self.pump()

    def _on_subscribe(self, packet: Subscribe, session: Session) -> None:
        if any(s.no_local and s.filter.startswith("$share/") for s in packet.subscriptions):
            raise PacketError("a shared subscription cannot be no-local", Reason.PROTOCOL_ERROR)
        reasons = self._hub.router.subscribe(session, packet, self._loop.time())
        if self._level < MQTT_5:
            reasons = tuple(min(reason, FAILURE) for reason in reasons)
        self._send(Suback(Kind.SUBACK, packet.packet_id, reasons))
        self.pump()

    def _on_unsubscribe(self, packet: Unsubscribe, session: Session) -> None:
        reasons = tuple(self._hub.router.unsubscribe(session, f) for f in packet.filters)
        self._send(Suback(Kind.UNSUBACK, packet.packet_id, reasons if self._level >= MQTT_5 else ()))

    # sending

    def _send(self, packet: Packet) -> None:
        data = encode(packet, self._level)
        if len(data) > self._packet_limit:
            self._drop(packet)
            return
        if not self._outgoing:
            self._loop.call_soon(self._flush)  # everything that one turn of the loop brings leaves in one write
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)

    def _drop(self, packet: Packet) -> None:
        """What is larger than the client takes counts as delivered (MQTT 5.0 §3.1.2.11.4)."""
        self._hub.counts["too_large_for_client"] += 1
        if isinstance(packet, Publish) and self.session is not None:
            self.session.forget(packet.packet_id)

    def _flush(self) -> None:
        if self._hub.is_frozen or not self._outgoing or self._transport.is_closing():
            return
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        self._outgoing_bytes = 0
        self._transport.write(data)
        self.pump()

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


def _name(packet: Packet) -> str:
    return type(packet).__name__.upper()


def _is_known(users: Mapping[str, str], packet: Connect) -> bool:
    expected = users.get(packet.username or "")
    return expected is not None and compare_digest(expected.encode(), packet.password or b"")


def _expiry_s(packet: Connect) -> float:
    if packet.level < MQTT_5:
        return 0 if packet.clean_start else inf
    expiry_s = number(packet.properties, Property.SESSION_EXPIRY, 0)
    return inf if expiry_s == NEVER_EXPIRES else expiry_s
