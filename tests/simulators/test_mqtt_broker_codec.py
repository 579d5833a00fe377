"""The broker's codec: what it writes it reads back; what others write it reads or refuses with a sentence."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.mqtt_broker import faults, packets, topics
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
    Subscription,
    Unsubscribe,
    Will,
    decode,
    encode,
)
from simulators.mqtt_broker.properties import RULES, WILL, Properties, Property
from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.topics import is_valid_name
from simulators.mqtt_broker.wire import MAX_VARINT, Frame, Kind, PacketError, Reader, take_frames, write_varint

LIMIT_BYTES = 100_000

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
topic_names = texts.filter(is_valid_name)
blobs = st.binary(max_size=60)
packet_ids = st.integers(1, 0xFFFF)
qos_levels = st.integers(0, 2)
codes = st.integers(0, 0xFF)
levels = st.sampled_from([MQTT_3_1_1, MQTT_5])


def values_of(key: Property) -> st.SearchStrategy[Any]:
    """Values that the rule of a property allows."""
    rule = RULES[key]
    if rule.read is Reader.string:
        return texts
    if rule.read is Reader.binary:
        return blobs
    if rule.read is Reader.pair:
        return st.tuples(texts, texts)
    widest = {Reader.u8: 0xFF, Reader.u16: 0xFFFF, Reader.u32: 0xFFFFFFFF, Reader.varint: MAX_VARINT}
    return st.integers(rule.low, min(rule.high, widest[rule.read]))  # type: ignore[index]  # unbound methods


def properties_for(place: int, level: int) -> st.SearchStrategy[Properties]:
    """Properties that may stand in `place`; none at level 4."""
    if level < MQTT_5:
        return st.just(())
    keys = [key for key, rule in RULES.items() if place in rule.places]
    pairs = st.sampled_from(keys).flatmap(lambda key: st.tuples(st.just(key), values_of(key)))
    repeated = st.tuples(st.just(Property.USER_PROPERTY), st.tuples(texts, texts))
    unique = st.lists(pairs, max_size=5, unique_by=lambda pair: pair[0])
    return st.tuples(unique, st.lists(repeated, max_size=2)).map(lambda both: tuple(both[0] + both[1]))


def wills(level: int) -> st.SearchStrategy[Will]:
    return st.builds(Will, topic_names, blobs, qos_levels, st.booleans(), properties_for(WILL, level))


@st.composite
def connects(draw: st.DrawFn, level: int) -> Connect:
    username = draw(st.none() | texts)
    may_have_password = username is not None or level == MQTT_5
    return Connect(
        draw(texts),
        level,
        draw(st.booleans()),
        draw(st.integers(0, 0xFFFF)),
        draw(st.none() | wills(level)),
        username,
        draw(st.none() | blobs) if may_have_password else None,
        draw(properties_for(Kind.CONNECT, level)),
    )


@st.composite
def publishes(draw: st.DrawFn, level: int) -> Publish:
    qos = draw(qos_levels)
    return Publish(
        draw(topic_names),
        draw(blobs),
        qos,
        draw(st.booleans()),
        bool(qos) and draw(st.booleans()),
        draw(packet_ids) if qos else 0,
        draw(properties_for(Kind.PUBLISH, level)),
    )


def reasons(level: int) -> st.SearchStrategy[int]:
    return codes if level >= MQTT_5 else st.just(0)


def acks(level: int) -> st.SearchStrategy[Ack]:
    kinds = st.sampled_from([Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP])
    return kinds.flatmap(
        lambda kind: st.builds(Ack, st.just(kind), packet_ids, reasons(level), properties_for(kind, level))
    )


def subscriptions(level: int) -> st.SearchStrategy[Subscription]:
    if level < MQTT_5:
        return st.builds(Subscription, texts, qos_levels)
    return st.builds(Subscription, texts, qos_levels, st.booleans(), st.booleans(), st.integers(0, 2))


def subacks(level: int) -> st.SearchStrategy[Suback]:
    kinds = st.sampled_from([Kind.SUBACK, Kind.UNSUBACK])
    many = st.lists(codes, max_size=5).map(tuple)
    return kinds.flatmap(lambda kind: st.builds(Suback, st.just(kind), packet_ids, many, properties_for(kind, level)))


def disconnects(level: int) -> st.SearchStrategy[Disconnect]:
    kinds = st.sampled_from([Kind.DISCONNECT, Kind.AUTH] if level >= MQTT_5 else [Kind.DISCONNECT])
    return kinds.flatmap(lambda kind: st.builds(Disconnect, reasons(level), properties_for(kind, level), st.just(kind)))


def any_packet(level: int) -> st.SearchStrategy[Packet]:
    filters = st.lists(texts, min_size=1, max_size=4).map(tuple)
    wanted = st.lists(subscriptions(level), min_size=1, max_size=4).map(tuple)
    return st.one_of(
        connects(level),
        st.builds(Connack, st.booleans(), codes, properties_for(Kind.CONNACK, level)),
        publishes(level),
        acks(level),
        st.builds(Subscribe, packet_ids, wanted, properties_for(Kind.SUBSCRIBE, level)),
        st.builds(Unsubscribe, packet_ids, filters, properties_for(Kind.UNSUBSCRIBE, level)),
        subacks(level),
        st.builds(Ping, st.sampled_from([Kind.PINGREQ, Kind.PINGRESP])),
        disconnects(level),
    )


packets_with_level = levels.flatmap(lambda level: st.tuples(any_packet(level), st.just(level)))


def decode_all(data: bytes, level: int) -> list[Packet]:
    """Every packet in `data`, as a connection would read them."""
    return [decode(frame, level) for frame in take_frames(bytearray(data), LIMIT_BYTES)]


def is_understood_or_refused(data: bytes, level: int) -> bool:
    """Whether each packet can be written again as it was understood, or there is a sentence that says why not."""
    try:
        understood = decode_all(data, level)
    except PacketError as error:
        return bool(str(error)) and error.reason >= 0x80
    # a CONNECT names its own level
    own = [packet.level if isinstance(packet, Connect) else level for packet in understood]
    return all(decode_all(encode(p, at), at) == [p] for p, at in zip(understood, own, strict=True))


@given(packets_with_level)
def test_what_is_written_is_read_back(case: tuple[Packet, int]) -> None:
    packet, level = case
    assert decode_all(encode(packet, level), level) == [packet]


@given(st.lists(any_packet(MQTT_5), max_size=5), st.lists(st.integers(1, 40), min_size=1))
def test_frames_do_not_depend_on_how_tcp_cuts_them(sent: list[Packet], cuts: list[int]) -> None:
    data = b"".join(encode(packet, MQTT_5) for packet in sent)
    buffer, received = bytearray(), []
    while data:
        for size in cuts:
            buffer += data[:size]
            data = data[size:]
            received += [decode(frame, MQTT_5) for frame in take_frames(buffer, LIMIT_BYTES)]
    assert received == sent
    assert not buffer


@given(st.binary(max_size=200), levels)
def test_any_bytes_give_packets_or_a_sentence(data: bytes, level: int) -> None:
    assert is_understood_or_refused(data, level)


@given(st.sampled_from(list(Kind)), st.integers(0, 15), st.binary(max_size=100), levels)
def test_any_body_gives_a_packet_or_a_sentence(kind: Kind, flags: int, body: bytes, level: int) -> None:
    data = bytes([kind << 4 | flags]) + write_varint(len(body)) + body
    assert is_understood_or_refused(data, level)


@given(packets_with_level, st.data())
def test_a_damaged_packet_gives_a_packet_or_a_sentence(case: tuple[Packet, int], data: st.DataObject) -> None:
    packet, level = case
    damaged = bytearray(encode(packet, level))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(codes)
    assert is_understood_or_refused(bytes(damaged), level)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
        (268_435_455, b"\xff\xff\xff\x7f"),
    ],
)
def test_varints_are_those_of_the_standard(value: int, encoded: bytes) -> None:
    # MQTT 5.0, table 1-1
    assert write_varint(value) == encoded
    assert Reader(encoded).varint() == value


def test_too_large_varint_is_not_written() -> None:
    with pytest.raises(ValueError, match="268435456"):
        write_varint(MAX_VARINT + 1)


def test_oversized_frame_is_refused_before_it_arrives() -> None:
    with pytest.raises(PacketError, match="limit 1000") as caught:
        list(take_frames(bytearray(b"\x30\xff\xff\xff\x7f"), 1000))
    assert caught.value.reason is Reason.PACKET_TOO_LARGE


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (Frame(Kind.PUBLISH, 0b0110, b"\x00\x01a"), "no such QoS"),
        (Frame(Kind.PUBLISH, 0b1000, b"\x00\x01a"), "DUP at QoS 0"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x01#\x00"), "publish to '#'"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x02\xc3\x28\x00"), "not UTF-8"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x03\xed\xa0\x80\x00"), "not UTF-8"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x01\x00\x00"), r"U\+0000"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x09ab"), "7 bytes too early"),
        (Frame(Kind.PUBLISH, 2, b"\x00\x01a\x00\x00\x00"), "identifier is 0"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x01a\x02\x7f\x00"), "0x7F is unknown"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x01a\x03\x21\x00\x01"), "RECEIVE_MAXIMUM may not stand"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x01a\x04\x01\x01\x01\x01"), "given twice"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x01a\x02\x01\x02"), "out of range"),
        (Frame(Kind.PUBLISH, 0, b"\x00\x01a\x80\x80\x80\x80\x01"), "more than 4 bytes"),
        (Frame(Kind.SUBSCRIBE, 2, b"\x00\x01\x00"), "without a topic filter"),
        (Frame(Kind.SUBSCRIBE, 2, b"\x00\x01\x00\x00\x01a\x03"), "options 0x03"),
        (Frame(Kind.SUBSCRIBE, 0, b"\x00\x01\x00\x00\x01a\x00"), "reserved flags 0000"),
        (Frame(Kind.UNSUBSCRIBE, 2, b"\x00\x01\x00"), "without a topic filter"),
        (Frame(Kind.PINGREQ, 0, b"\x00"), "1 bytes too many"),
        (Frame(Kind.CONNECT, 0, b"\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00"), "level 3"),
        (Frame(Kind.CONNECT, 0, b"\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00"), "contradict"),
        (Frame(Kind.CONNECT, 0, b"\x00\x04MQTT\x04\x42\x00\x00\x00\x00"), "without a user name"),
        (Frame(Kind.CONNACK, 0, b"\x02\x00\x00"), "reserved flags"),
    ],
)
def test_rule_breakers_are_named(frame: Frame, sentence: str) -> None:
    with pytest.raises(PacketError, match=sentence):
        decode(frame, MQTT_5)


def test_auth_does_not_exist_in_3_1_1() -> None:
    with pytest.raises(PacketError, match=r"3\.1\.1"):
        decode(Frame(Kind.AUTH, 0, b""), MQTT_3_1_1)


@pytest.mark.parametrize("module", [faults, packets, topics], ids=lambda module: str(module.__name__))
def test_examples_in_docstrings(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
