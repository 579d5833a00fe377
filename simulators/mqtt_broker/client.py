"""What each packet of a client means: the answers of OASIS MQTT 5.0 and 3.1.1, and the faults on the way there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hmac import compare_digest
from math import inf

from simulators.mqtt_broker.link import Hub, Link
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
)
from simulators.mqtt_broker.properties import Properties, Property, number
from simulators.mqtt_broker.reasons import FAILURE, Reason, return_code
from simulators.mqtt_broker.session import Message, Session, expires_at
from simulators.mqtt_broker.topics import SHARE_PREFIX
from simulators.mqtt_broker.wire import MAX_U16, MAX_U32, Kind, PacketError

NEVER_EXPIRES = 0xFFFFFFFF  # §3.1.2.11.2


class Client(Link):
    """One connection of one client; its session is None before CONNECT is accepted and after the end."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self._session: Session | None = None
        self._will: Will | None = None
        self._owed: set[int] = set()  # packet ids of the client's publishes without their last acknowledgement

    def _handle(self, packet: Packet) -> None:
        session = self._session
        if session is None:
            self._on_first(packet)
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

    def _pull(self) -> Packet | None:
        return None if self._session is None else self._session.pull(self._loop.time())

    def _forget(self, packet: Packet) -> None:
        # counts as delivered (§3.1.2.11.4)
        if isinstance(packet, Publish) and self._session is not None:
            self._session.forget(packet.packet_id)

    def _leave(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        del self._hub.clients[session.client_id]
        self._hub.flush(self._hub.router.close(session, self._will, self._loop.time()))
        self._hub.wait_for_due()

    # CONNECT and DISCONNECT

    def _on_first(self, packet: Packet) -> None:
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
        hub = self._hub
        client_id = packet.client_id or f"auto-{secrets.token_hex(8)}"
        if client_id in hub.clients:
            hub.clients[client_id].end(Reason.SESSION_TAKEN_OVER)
        receive_maximum = number(packet.properties, Property.RECEIVE_MAXIMUM, MAX_U16)
        opened = hub.router.open(client_id, packet.clean_start, receive_maximum, self._loop.time())
        opened.session.expiry_s = _expiry_s(packet)
        self._session, self._will = opened.session, packet.will
        self._is_accepted = True
        self._packet_limit = number(packet.properties, Property.MAXIMUM_PACKET_SIZE, MAX_U32)
        self._watch(packet.keep_alive_s)
        hub.clients[client_id] = self
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
        expiry_s = number(packet.properties, Property.SESSION_EXPIRY, -1)
        if expiry_s > 0 and not session.expiry_s:
            raise PacketError("DISCONNECT revives a session that was to end", Reason.PROTOCOL_ERROR)
        if expiry_s >= 0:
            session.expiry_s = inf if expiry_s == NEVER_EXPIRES else expiry_s
        if packet.reason != Reason.DISCONNECT_WITH_WILL:
            self._will = None
        self._close()

    # messages from the client

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

    # messages to the client

    def _on_ack(self, ack: Ack, session: Session) -> None:
        answer = session.on_ack(ack)
        if answer is not None:
            self._send(answer)
        self.pump()

    def _on_subscribe(self, packet: Subscribe, session: Session) -> None:
        if any(s.no_local and s.filter.startswith(SHARE_PREFIX) for s in packet.subscriptions):
            raise PacketError("a shared subscription cannot be no-local", Reason.PROTOCOL_ERROR)
        reasons = self._hub.router.subscribe(session, packet, self._loop.time())
        if self._level < MQTT_5:
            reasons = tuple(min(reason, FAILURE) for reason in reasons)
        self._send(Suback(Kind.SUBACK, packet.packet_id, reasons))
        self.pump()

    def _on_unsubscribe(self, packet: Unsubscribe, session: Session) -> None:
        reasons = tuple(self._hub.router.unsubscribe(session, f) for f in packet.filters)
        self._send(Suback(Kind.UNSUBACK, packet.packet_id, reasons if self._level >= MQTT_5 else ()))


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
