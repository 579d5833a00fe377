"""MQTT 5 properties (OASIS MQTT 5.0 §2.2.2): a tuple of (property, value) pairs, in the order of the wire."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.wire import (
    Kind,
    PacketError,
    Reader,
    write_binary,
    write_string,
    write_u16,
    write_varint,
)


class Property(IntEnum):
    """Property identifiers (table 2-4)."""

    PAYLOAD_FORMAT = 0x01
    MESSAGE_EXPIRY = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_IDENTIFIER = 0x0B
    SESSION_EXPIRY = 0x11
    ASSIGNED_CLIENT_IDENTIFIER = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTHENTICATION_METHOD = 0x15
    AUTHENTICATION_DATA = 0x16
    REQUEST_PROBLEM_INFORMATION = 0x17
    WILL_DELAY = 0x18
    REQUEST_RESPONSE_INFORMATION = 0x19
    RESPONSE_INFORMATION = 0x1A
    SERVER_REFERENCE = 0x1C
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28
    SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29
    SHARED_SUBSCRIPTION_AVAILABLE = 0x2A


Value = int | str | bytes | tuple[str, str]
Properties = tuple[tuple[Property, Value], ...]

WILL = 0  # the place of a will's properties: inside CONNECT, and no packet type has this number


class Rule(NamedTuple):
    """How a property is read and written, where it may stand and which numbers it may hold."""

    read: Callable[[Reader], Value]
    write: Callable[[Any], bytes]
    places: frozenset[int]
    low: int = 0
    high: int = 0xFFFFFFFF


def _byte(value: int) -> bytes:
    return value.to_bytes(1, "big")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _pair(value: tuple[str, str]) -> bytes:
    return write_string(value[0]) + write_string(value[1])


def _flag(*places: int) -> Rule:
    return Rule(Reader.u8, _byte, frozenset(places), high=1)


def _number16(*places: int, low: int = 0) -> Rule:
    return Rule(Reader.u16, write_u16, frozenset(places), low=low)


def _number32(*places: int, low: int = 0) -> Rule:
    return Rule(Reader.u32, _u32, frozenset(places), low=low)


def _text(*places: int) -> Rule:
    return Rule(Reader.string, write_string, frozenset(places))


def _data(*places: int) -> Rule:
    return Rule(Reader.binary, write_binary, frozenset(places))


_ACKS = (Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP, Kind.SUBACK, Kind.UNSUBACK)
_REPEATABLE = {Property.USER_PROPERTY, Property.SUBSCRIPTION_IDENTIFIER}

RULES: dict[Property, Rule] = {
    Property.PAYLOAD_FORMAT: _flag(Kind.PUBLISH, WILL),
    Property.MESSAGE_EXPIRY: _number32(Kind.PUBLISH, WILL),
    Property.CONTENT_TYPE: _text(Kind.PUBLISH, WILL),
    Property.RESPONSE_TOPIC: _text(Kind.PUBLISH, WILL),
    Property.CORRELATION_DATA: _data(Kind.PUBLISH, WILL),
    Property.SUBSCRIPTION_IDENTIFIER: Rule(
        Reader.varint, write_varint, frozenset({Kind.PUBLISH, Kind.SUBSCRIBE}), low=1
    ),
    Property.SESSION_EXPIRY: _number32(Kind.CONNECT, Kind.CONNACK, Kind.DISCONNECT),
    Property.ASSIGNED_CLIENT_IDENTIFIER: _text(Kind.CONNACK),
    Property.SERVER_KEEP_ALIVE: _number16(Kind.CONNACK),
    Property.AUTHENTICATION_METHOD: _text(Kind.CONNECT, Kind.CONNACK, Kind.AUTH),
    Property.AUTHENTICATION_DATA: _data(Kind.CONNECT, Kind.CONNACK, Kind.AUTH),
    Property.REQUEST_PROBLEM_INFORMATION: _flag(Kind.CONNECT),
    Property.WILL_DELAY: _number32(WILL),
    Property.REQUEST_RESPONSE_INFORMATION: _flag(Kind.CONNECT),
    Property.RESPONSE_INFORMATION: _text(Kind.CONNACK),
    Property.SERVER_REFERENCE: _text(Kind.CONNACK, Kind.DISCONNECT),
    Property.REASON_STRING: _text(Kind.CONNACK, *_ACKS, Kind.DISCONNECT, Kind.AUTH),
    Property.RECEIVE_MAXIMUM: _number16(Kind.CONNECT, Kind.CONNACK, low=1),
    Property.TOPIC_ALIAS_MAXIMUM: _number16(Kind.CONNECT, Kind.CONNACK),
    Property.TOPIC_ALIAS: _number16(Kind.PUBLISH, low=1),
    Property.MAXIMUM_QOS: _flag(Kind.CONNACK),
    Property.RETAIN_AVAILABLE: _flag(Kind.CONNACK),
    Property.USER_PROPERTY: Rule(Reader.pair, _pair, frozenset({WILL, *Kind} - {Kind.PINGREQ, Kind.PINGRESP})),
    Property.MAXIMUM_PACKET_SIZE: _number32(Kind.CONNECT, Kind.CONNACK, low=1),
    Property.WILDCARD_SUBSCRIPTION_AVAILABLE: _flag(Kind.CONNACK),
    Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: _flag(Kind.CONNACK),
    Property.SHARED_SUBSCRIPTION_AVAILABLE: _flag(Kind.CONNACK),
}
_PROPERTIES = {int(key): key for key in Property}


def read_properties(reader: Reader, place: int) -> Properties:
    """Properties of a packet of type `place`, their length in front; each checked against its rule."""
    size = reader.varint()
    if not size:
        return ()
    section = Reader(reader.take(size))
    found: list[tuple[Property, Value]] = []
    while section.left:
        found.append(_read_one(section, place))
    _refuse_repeats(found, place)
    return tuple(found)


def _read_one(section: Reader, place: int) -> tuple[Property, Value]:
    identifier = section.varint()
    key = _PROPERTIES.get(identifier)
    if key is None:
        raise PacketError(f"property 0x{identifier:02X} is unknown")
    rule = RULES[key]
    if place not in rule.places:
        raise PacketError(f"{key.name} may not stand in this packet", Reason.PROTOCOL_ERROR)
    value = rule.read(section)
    if isinstance(value, int) and not rule.low <= value <= rule.high:
        raise PacketError(f"{key.name} is {value}, which is out of range", Reason.PROTOCOL_ERROR)
    return key, value


def _refuse_repeats(found: list[tuple[Property, Value]], place: int) -> None:
    # a client names one identifier per SUBSCRIBE; a PUBLISH may match several subscriptions (§3.8.2.1.2)
    repeatable = _REPEATABLE if place == Kind.PUBLISH else {Property.USER_PROPERTY}
    keys = [key for key, _ in found if key not in repeatable]
    if len(keys) != len(set(keys)):
        raise PacketError("a property is given twice", Reason.PROTOCOL_ERROR)


def write_properties(properties: Properties) -> bytes:
    """The properties with their length in front."""
    if not properties:
        return b"\0"
    body = b"".join(write_varint(key) + RULES[key].write(value) for key, value in properties)
    return write_varint(len(body)) + body


def number(properties: Properties, key: Property, default: int) -> int:
    """The value of a numeric property, `default` where it is absent."""
    for name, value in properties:
        if name is key and isinstance(value, int):
            return value
    return default


def without(properties: Properties, *keys: Property) -> Properties:
    """The properties except `keys`."""
    return tuple(pair for pair in properties if pair[0] not in keys)
