"""MQTT control packets as frozen values, and their encoding (MQTT 3.1.1 = level 4, MQTT 5.0 = level 5).

    >>> encode(Publish("dock/1", b"hi"), level=4)
    b'0\\n\\x00\\x06dock/1hi'
    >>> decode(Frame(Kind.PUBLISH, 0, b"\\x00\\x06dock/1hi"), level=4).payload
    b'hi'

`decode` raises `PacketError` for bytes that break the standard; sections in comments are those of MQTT 5.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulators.mqtt_broker.properties import WILL, Properties, read_properties, write_properties
from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.topics import is_valid_name
from simulators.mqtt_broker.wire import (
    Frame,
    Kind,
    PacketError,
    Reader,
    write_binary,
    write_string,
    write_u16,
    write_varint,
)

MQTT_3_1_1 = 4
MQTT_5 = 5


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the broker publishes when the client vanishes."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Connect:
    """CONNECT (§3.1). `keep_alive_s` 0 = none; `level` is 4 or 5."""

    client_id: str
    level: int = MQTT_5
    clean_start: bool = True
    keep_alive_s: int = 0
    will: Will | None = None
    username: str | None = None
    password: bytes | None = None
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Connack:
    """CONNACK (§3.2). `reason` is a return code 0 to 5 at level 4."""

    session_present: bool = False
    reason: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Publish:
    """PUBLISH (§3.3). `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Ack:
    """PUBACK, PUBREC, PUBREL or PUBCOMP (§3.4 to §3.7)."""

    kind: Kind
    packet_id: int
    reason: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic filter of a SUBSCRIBE with its options (§3.8.3.1). `retain_handling` is 0, 1 or 2."""

    filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE (§3.8)."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """UNSUBSCRIBE (§3.10)."""

    packet_id: int
    filters: tuple[str, ...]
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Suback:
    """SUBACK or UNSUBACK (§3.9, §3.11); an UNSUBACK has no `reasons` at level 4."""

    kind: Kind
    packet_id: int
    reasons: tuple[int, ...] = ()
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Ping:
    """PINGREQ or PINGRESP (§3.12, §3.13)."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Disconnect:
    """DISCONNECT (§3.14), or AUTH (§3.15), which has the same form. No reason is sent at level 4."""

    reason: int = 0
    properties: Properties = ()
    kind: Kind = Kind.DISCONNECT


Packet = Connect | Connack | Publish | Ack | Subscribe | Unsubscribe | Suback | Ping | Disconnect


def decode(frame: Frame, level: int) -> Packet:
    """Read one packet. `level` is that of the connection; CONNECT names its own."""
    if frame.kind is Kind.PUBLISH:
        return _read_publish(frame, level)
    expected_flags = 0b0010 if frame.kind in (Kind.PUBREL, Kind.SUBSCRIBE, Kind.UNSUBSCRIBE) else 0
    if frame.flags != expected_flags:
        raise PacketError(f"{frame.kind.name} has the reserved flags {frame.flags:04b}")
    reader = Reader(frame.body)
    packet = _READERS[frame.kind](reader, level, frame.kind)
    reader.expect_end()
    return packet


def encode(packet: Packet, level: int) -> bytes:
    """Write one packet. Properties are left out at level 4, which has none."""
    kind, flags, body = _parts(packet, level)
    return bytes([kind << 4 | flags]) + write_varint(len(body)) + body


def _parts(packet: Packet, level: int) -> tuple[Kind, int, bytes]:
    match packet:
        case Publish():
            flags = packet.dup << 3 | packet.qos << 1 | packet.retain
            return Kind.PUBLISH, flags, _publish_body(packet, level)
        case Ack():
            flags = 0b0010 if packet.kind is Kind.PUBREL else 0
            tail = _reason_tail(packet.reason, packet.properties, level)
            return packet.kind, flags, write_u16(packet.packet_id) + tail
        case Ping():
            return packet.kind, 0, b""
        case Subscribe():
            return Kind.SUBSCRIBE, 0b0010, _subscribe_body(packet, level)
        case Unsubscribe():
            head = write_u16(packet.packet_id) + _properties(packet.properties, level)
            return Kind.UNSUBSCRIBE, 0b0010, head + b"".join(map(write_string, packet.filters))
        case Suback():
            head = write_u16(packet.packet_id) + _properties(packet.properties, level)
            return packet.kind, 0, head + bytes(packet.reasons)
        case Disconnect():
            return packet.kind, 0, _reason_tail(packet.reason, packet.properties, level)
        case Connack():
            head = bytes([packet.session_present, packet.reason])
            return Kind.CONNACK, 0, head + _properties(packet.properties, level)
        case Connect():
            return Kind.CONNECT, 0, _connect_body(packet)


def _properties(properties: Properties, level: int) -> bytes:
    return write_properties(properties) if level >= MQTT_5 else b""


def _reason_tail(reason: int, properties: Properties, level: int) -> bytes:
    if level < MQTT_5 or (not reason and not properties):
        return b""
    return bytes([reason]) + (write_properties(properties) if properties else b"")


def _read_reason_tail(reader: Reader, level: int, kind: Kind) -> tuple[int, Properties]:
    if level < MQTT_5 or not reader.left:
        return 0, ()
    reason = reader.u8()
    return reason, read_properties(reader, kind) if reader.left else ()


def _read_properties(reader: Reader, level: int, place: int) -> Properties:
    return read_properties(reader, place) if level >= MQTT_5 else ()


def _read_packet_id(reader: Reader) -> int:
    packet_id = reader.u16()
    if not packet_id:
        raise PacketError("packet identifier is 0", Reason.PROTOCOL_ERROR)
    return packet_id


def _read_publish(frame: Frame, level: int) -> Publish:
    qos, dup = frame.flags >> 1 & 3, bool(frame.flags & 8)
    if qos == 3 or (dup and not qos):
        raise PacketError(f"PUBLISH has the flags {frame.flags:04b}: no such QoS, or DUP at QoS 0")
    reader = Reader(frame.body)
    topic = reader.string()
    packet_id = _read_packet_id(reader) if qos else 0
    properties = _read_properties(reader, level, Kind.PUBLISH)
    if topic and not is_valid_name(topic):
        raise PacketError(f"no one can publish to {topic[:80]!r}", Reason.TOPIC_NAME_INVALID)
    return Publish(topic, reader.rest(), qos, bool(frame.flags & 1), dup, packet_id, properties)


def _publish_body(packet: Publish, level: int) -> bytes:
    packet_id = write_u16(packet.packet_id) if packet.qos else b""
    return write_string(packet.topic) + packet_id + _properties(packet.properties, level) + packet.payload


def _read_ack(reader: Reader, level: int, kind: Kind) -> Ack:
    packet_id = _read_packet_id(reader)
    return Ack(kind, packet_id, *_read_reason_tail(reader, level, kind))


def _read_disconnect(reader: Reader, level: int, kind: Kind) -> Disconnect:
    if kind is Kind.AUTH and level < MQTT_5:
        raise PacketError("AUTH does not exist in MQTT 3.1.1", Reason.PROTOCOL_ERROR)
    reason, properties = _read_reason_tail(reader, level, kind)
    return Disconnect(reason, properties, kind)


def _read_subscribe(reader: Reader, level: int, kind: Kind) -> Subscribe:
    packet_id = _read_packet_id(reader)
    properties = _read_properties(reader, level, kind)
    subscriptions = []
    while reader.left:
        subscriptions.append(_read_subscription(reader, level))
    if not subscriptions:
        raise PacketError("SUBSCRIBE without a topic filter", Reason.PROTOCOL_ERROR)
    return Subscribe(packet_id, tuple(subscriptions), properties)


def _read_subscription(reader: Reader, level: int) -> Subscription:
    topic_filter, options = reader.string(), reader.u8()
    qos, retain_handling = options & 3, options >> 4 & 3
    if qos == 3 or retain_handling == 3 or options >= (0x40 if level >= MQTT_5 else 3):
        raise PacketError(f"subscription options 0x{options:02X} are reserved")
    return Subscription(topic_filter, qos, bool(options & 4), bool(options & 8), retain_handling)


def _subscribe_body(packet: Subscribe, level: int) -> bytes:
    head = write_u16(packet.packet_id) + _properties(packet.properties, level)
    return head + b"".join(write_string(s.filter) + _options(s) for s in packet.subscriptions)


def _options(wanted: Subscription) -> bytes:
    flags = wanted.no_local << 2 | wanted.retain_as_published << 3 | wanted.retain_handling << 4
    return bytes([wanted.qos | flags])


def _read_unsubscribe(reader: Reader, level: int, kind: Kind) -> Unsubscribe:
    packet_id = _read_packet_id(reader)
    properties = _read_properties(reader, level, kind)
    filters = []
    while reader.left:
        filters.append(reader.string())
    if not filters:
        raise PacketError("UNSUBSCRIBE without a topic filter", Reason.PROTOCOL_ERROR)
    return Unsubscribe(packet_id, tuple(filters), properties)


def _read_suback(reader: Reader, level: int, kind: Kind) -> Suback:
    packet_id = _read_packet_id(reader)
    properties = _read_properties(reader, level, kind)
    return Suback(kind, packet_id, tuple(reader.rest()), properties)


def _read_ping(reader: Reader, level: int, kind: Kind) -> Ping:
    return Ping(kind)


def _read_connack(reader: Reader, level: int, kind: Kind) -> Connack:
    flags, reason = reader.u8(), reader.u8()
    if flags > 1:
        raise PacketError(f"CONNACK has the reserved flags {flags:08b}")
    return Connack(bool(flags), reason, _read_properties(reader, level, kind))


def _read_connect(reader: Reader, level: int, kind: Kind) -> Connect:
    own_level = _read_level(reader)
    flags = reader.u8()
    _check_connect_flags(flags, own_level)
    keep_alive_s = reader.u16()
    properties = _read_properties(reader, own_level, kind)
    client_id = reader.string()
    will = _read_will(reader, flags, own_level) if flags & 0x04 else None
    username = reader.string() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    clean_start = bool(flags & 0x02)
    return Connect(client_id, own_level, clean_start, keep_alive_s, will, username, password, properties)


def _read_level(reader: Reader) -> int:
    name, level = reader.binary(), reader.u8()
    if name != b"MQTT" or level not in (MQTT_3_1_1, MQTT_5):
        sentence = f"protocol {name[:16]!r} level {level}, not MQTT level 4 or 5"
        raise PacketError(sentence, Reason.UNSUPPORTED_PROTOCOL_VERSION)
    return level


def _check_connect_flags(flags: int, level: int) -> None:
    has_will, will_qos = bool(flags & 0x04), flags >> 3 & 3
    if flags & 1 or will_qos == 3 or (not has_will and flags & 0x38):
        raise PacketError(f"CONNECT has the flags {flags:08b}, which contradict each other")
    if level == MQTT_3_1_1 and flags & 0xC0 == 0x40:
        raise PacketError("MQTT 3.1.1 allows no password without a user name")


def _read_will(reader: Reader, flags: int, level: int) -> Will:
    properties = _read_properties(reader, level, WILL)
    topic, payload = reader.string(), reader.binary()
    if not is_valid_name(topic):
        raise PacketError(f"no will can go to the topic {topic[:80]!r}", Reason.TOPIC_NAME_INVALID)
    return Will(topic, payload, flags >> 3 & 3, bool(flags & 0x20), properties)


def _connect_body(packet: Connect) -> bytes:
    head = write_string("MQTT") + bytes([packet.level, _connect_flags(packet)])
    head += write_u16(packet.keep_alive_s) + _properties(packet.properties, packet.level)
    body = head + write_string(packet.client_id)
    if packet.will is not None:
        body += _properties(packet.will.properties, packet.level)
        body += write_string(packet.will.topic) + write_binary(packet.will.payload)
    if packet.username is not None:
        body += write_string(packet.username)
    if packet.password is not None:
        body += write_binary(packet.password)
    return body


def _connect_flags(packet: Connect) -> int:
    flags = packet.clean_start << 1
    flags |= (packet.username is not None) << 7 | (packet.password is not None) << 6
    if packet.will is not None:
        flags |= 0x04 | packet.will.qos << 3 | packet.will.retain << 5
    return flags


_READERS: dict[Kind, Callable[[Reader, int, Kind], Packet]] = {
    Kind.CONNECT: _read_connect,
    Kind.CONNACK: _read_connack,
    Kind.PUBACK: _read_ack,
    Kind.PUBREC: _read_ack,
    Kind.PUBREL: _read_ack,
    Kind.PUBCOMP: _read_ack,
    Kind.SUBSCRIBE: _read_subscribe,
    Kind.SUBACK: _read_suback,
    Kind.UNSUBSCRIBE: _read_unsubscribe,
    Kind.UNSUBACK: _read_suback,
    Kind.PINGREQ: _read_ping,
    Kind.PINGRESP: _read_ping,
    Kind.DISCONNECT: _read_disconnect,
    Kind.AUTH: _read_disconnect,
}
