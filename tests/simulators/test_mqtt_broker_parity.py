"""The same behaviour from our broker and from Mosquitto, with paho and a bare socket as clients.

Both brokers run as processes of their own for the whole module; every test has topics and client ids of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from simulators.mqtt_broker.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Ack,
    Connect,
    Disconnect,
    Ping,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsubscribe,
    Will,
)
from simulators.mqtt_broker.properties import Property
from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.wire import Kind
from tests.mosquitto import Mosquitto
from tests.simulators.mqtt_clients import PahoClient, RawClient

NEVER_EXPIRES = 0xFFFFFFFF
DENIED = "denied/#"


@dataclass
class Target:
    """The broker under test and a name that no other test uses."""

    port: int
    name: str

    def client(self, suffix: str = "a", level: int = MQTT_5, manual_ack: bool = False) -> PahoClient:
        """A paho client with an identifier of this test."""
        return PahoClient(self.port, f"{self.name}-{suffix}", level, manual_ack)

    def raw(self, level: int = MQTT_5) -> RawClient:
        """A bare socket."""
        return RawClient(self.port, level)


@pytest.fixture(scope="module")
def mosquitto_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("mosquitto")
    acl = directory / "acl"
    acl.write_text(f"topic readwrite #\ntopic readwrite $a/#\ntopic deny {DENIED}\n")
    acl.chmod(0o600)
    with Mosquitto(directory, f"acl_file {acl}\nset_tcp_nodelay true") as broker:
        yield broker.port


@pytest.fixture(scope="module")
def own_port() -> Iterator[int]:
    command = [sys.executable, "-m", "simulators.mqtt_broker", "--port", "0", "--deny", DENIED]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield int(line.removeprefix("listening on 127.0.0.1:"))
        process.terminate()
        assert process.wait(5) == 0


_names = (f"t{number}" for number in count())


@pytest.fixture(params=["own", "mosquitto"])
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.getfixturevalue(f"{request.param}_port"), next(_names))


@pytest.fixture(params=[MQTT_3_1_1, MQTT_5], ids=["v311", "v5"])
def level(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_message_arrives_once_at_its_qos(target: Target, level: int, qos: int) -> None:
    topic = f"{target.name}/x"
    with target.client("sub", level) as subscriber, target.client("pub", level) as publisher:
        assert subscriber.subscribe(topic, 2) == [2]
        for number in range(50):
            assert publisher.publish(topic, b"%d" % number, qos) == 0
        messages = subscriber.take(50)
        assert [m.payload for m in messages] == [b"%d" % n for n in range(50)]
        assert {(m.qos, m.retain, m.dup) for m in messages} == {(qos, False, False)}
        assert subscriber.messages.empty()


def test_qos_is_lowered_to_the_subscription(target: Target, level: int) -> None:
    with target.client("a", level) as client:
        client.subscribe(target.name, 0)
        client.publish(target.name, b"x", 2)
        assert client.take(1)[0].qos == 0


@pytest.mark.parametrize(
    ("topic_filter", "topic", "is_match"),
    [
        ("#", "a/b", True),
        ("#", "$a/b", False),
        ("+/b", "$a/b", False),
        ("$a/#", "$a/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("a/+", "a/b/c", False),
        ("+/+", "/a", True),
        ("/+", "/a", True),
        ("+", "/a", False),
        ("a/+/c", "a/b/c", True),
        ("a/+/+/#", "a/b", False),
        ("a//b", "a//b", True),
        ("a/b", "A/b", False),
    ],
)
def test_wildcards_select_topics(target: Target, topic_filter: str, topic: str, is_match: bool) -> None:
    # "#" and "$" forms need the bare topic, so other tests' messages are told apart by the payload
    with target.client() as client:
        client.subscribe(topic_filter, 1)
        client.publish(topic, target.name.encode())
        client.subscribe(f"{target.name}/end", 1)
        client.publish(f"{target.name}/end", b"end of " + target.name.encode())
        payloads: list[bytes] = []
        while not payloads or payloads[-1] != b"end of " + target.name.encode():
            payloads.append(bytes(client.take(1)[0].payload))
        assert (target.name.encode() in payloads) is is_match


@pytest.mark.parametrize("topic_filter", ["a#", "a/#/b", "a+", "+a/b", "#/a", "$share/g/a#"])
def test_invalid_filters_are_refused(target: Target, topic_filter: str) -> None:
    with target.raw() as client:
        client.connect(Connect(target.name))
        client.send(Subscribe(1, (Subscription(topic_filter),)), Ping(Kind.PINGREQ))
        first = client.receive()
        if isinstance(first, Suback):
            assert first.reasons[0] >= 0x80
        else:  # Mosquitto says goodbye instead
            assert first is None or isinstance(first, Disconnect)


def test_retained_goes_to_later_matching_subscribers_only(target: Target, level: int) -> None:
    topic = f"{target.name}/status"
    with target.client("pub", level) as publisher, target.client("sub", level) as subscriber:
        publisher.publish(topic, b"old", retain=True)
        publisher.publish(topic, b"new", retain=True)
        subscriber.subscribe(f"{target.name}/other/#")
        subscriber.subscribe(f"{target.name}/+")
        message = subscriber.take(1)[0]
        assert (message.topic, message.payload, message.retain) == (topic, b"new", True)
        publisher.publish(topic, b"live", retain=True)
        assert subscriber.take(1)[0].retain is False
        assert subscriber.messages.empty()


def test_empty_payload_clears_retained(target: Target, level: int) -> None:
    topic = f"{target.name}/status"
    with target.client("pub", level) as client, target.client("late", level) as late:
        client.publish(topic, b"x", retain=True)
        client.subscribe(topic)
        assert client.take(1)[0].payload == b"x"
        client.publish(topic, b"", retain=True)
        assert client.take(1)[0].payload == b""
        late.subscribe(topic)
        client.publish(topic, b"after")
        assert late.take(1)[0].payload == b"after"


def test_retain_handling(target: Target) -> None:
    topic = f"{target.name}/r"
    with target.client() as client:
        client.publish(topic, b"kept", retain=True)
        client.subscribe(topic, retainHandling=2)
        client.subscribe(topic, retainHandling=1)  # not new: nothing
        client.unsubscribe(topic)
        client.subscribe(topic, retainHandling=1)  # new: once
        client.subscribe(topic, retainHandling=0)  # always
        client.publish(topic, b"end")
        assert [m.payload for m in client.take(3)] == [b"kept", b"kept", b"end"]


def test_retain_as_published(target: Target) -> None:
    with target.client() as client:
        client.subscribe(target.name, retainAsPublished=True)
        client.publish(target.name, b"x", retain=True)
        assert client.take(1)[0].retain is True


def test_no_local(target: Target) -> None:
    with target.client("a") as client, target.client("b") as other:
        client.subscribe(target.name, noLocal=True)
        client.publish(target.name, b"mine")
        other.publish(target.name, b"theirs")
        assert client.take(1)[0].payload == b"theirs"


def test_subscription_identifier_comes_back(target: Target) -> None:
    with target.client() as client:
        client.subscribe(target.name, identifier=77)
        client.publish(target.name, b"x")
        got: Any = client.take(1)[0].properties
        assert got.SubscriptionIdentifier == [77]


def test_publish_properties_are_forwarded(target: Target) -> None:
    with target.client() as client:
        client.subscribe(target.name)
        client.publish(
            target.name,
            b"{}",
            ContentType="application/json",
            ResponseTopic="answer/here",
            CorrelationData=b"\x00\x01",
            UserProperty=[("schema", "1"), ("schema", "2")],
            PayloadFormatIndicator=1,
        )
        got: Any = client.take(1)[0].properties
        assert (got.ContentType, got.ResponseTopic) == ("application/json", "answer/here")
        assert got.CorrelationData == b"\x00\x01"
        assert got.UserProperty == [("schema", "1"), ("schema", "2")]
        assert got.PayloadFormatIndicator == 1


def test_message_expires_in_the_queue(target: Target) -> None:
    away = target.client("away")
    away.connect(SessionExpiryInterval=NEVER_EXPIRES)
    away.subscribe(target.name)
    away.disconnect()
    with target.client("pub") as publisher:
        publisher.publish(target.name, b"stale", MessageExpiryInterval=1)
        publisher.publish(target.name, b"fresh", MessageExpiryInterval=60)
    time.sleep(2.2)  # both brokers count whole seconds
    away.connect(clean=False, SessionExpiryInterval=NEVER_EXPIRES)
    message = away.take(1)[0]
    got: Any = message.properties
    assert message.payload == b"fresh"
    assert 50 < got.MessageExpiryInterval < 60
    away.disconnect()


def test_will_is_published_for_a_client_that_vanishes(target: Target, level: int) -> None:
    topic = f"{target.name}/will"
    with target.client("watch", level) as watcher, target.client("late", level) as late:
        watcher.subscribe(topic)
        client = target.client("dies", level)
        client.connect(will={"topic": topic, "payload": b"gone", "qos": 1, "retain": True})
        client.die()
        assert watcher.take(1)[0].payload == b"gone"
        late.subscribe(topic)
        assert late.take(1)[0].retain is True


def test_will_is_forgotten_after_a_polite_disconnect(target: Target, level: int) -> None:
    topic = f"{target.name}/will"
    with target.client("watch", level) as watcher:
        watcher.subscribe(topic)
        client = target.client("leaves", level)
        client.connect(will={"topic": topic, "payload": b"gone", "qos": 1})
        client.disconnect()
        watcher.publish(topic, b"end")
        assert watcher.take(1)[0].payload == b"end"


def test_will_on_request_of_the_leaving_client(target: Target) -> None:
    with target.client("watch") as watcher, target.raw() as client:
        watcher.subscribe(target.name)
        client.connect(Connect(f"{target.name}-leaves", will=Will(target.name, b"gone", 1)))
        client.send(Disconnect(Reason.DISCONNECT_WITH_WILL))
        assert watcher.take(1)[0].payload == b"gone"


def test_will_waits_for_its_delay(target: Target) -> None:
    properties = ((Property.WILL_DELAY, 1),)
    with target.client("watch") as watcher, target.raw() as client:
        watcher.subscribe(target.name)
        will = Will(target.name, b"gone", 1, properties=properties)
        client.connect(Connect(f"{target.name}-dies", will=will, properties=((Property.SESSION_EXPIRY, 60),)))
        died_at = time.monotonic()
        client.socket.close()
        message = watcher.take(1)[0]
        assert message.payload == b"gone"
        assert time.monotonic() - died_at > 0.5  # Mosquitto counts whole seconds


def test_persistent_session_gets_500_messages_it_missed(target: Target, level: int) -> None:
    away = target.client("away", level)
    away.connect(clean=False, SessionExpiryInterval=NEVER_EXPIRES)
    away.subscribe(f"{target.name}/#")
    away.disconnect()
    with target.client("pub", level) as publisher:
        for number in range(500):
            publisher.publish(f"{target.name}/x", b"%d" % number)
        publisher.publish(f"{target.name}/qos0", b"lost", qos=0)
    present, _, _ = away.connect(clean=False, SessionExpiryInterval=NEVER_EXPIRES)
    assert present
    assert [m.payload for m in away.take(500)] == [b"%d" % n for n in range(500)]
    away.disconnect()
    assert away.messages.empty()
    away.connect(clean=True)
    away.disconnect()


def test_clean_start_discards_the_session(target: Target, level: int) -> None:
    client = target.client("a", level)
    client.connect(clean=False, SessionExpiryInterval=NEVER_EXPIRES)
    client.subscribe(target.name)
    client.disconnect()
    assert client.connect(clean=True)[0] is False
    assert client.publish(target.name, b"x") == (Reason.NO_MATCHING_SUBSCRIBERS if level == MQTT_5 else 0)
    client.disconnect()


def test_unacknowledged_messages_come_again_after_the_subscribers_death(target: Target, level: int) -> None:
    subscriber = target.client("sub", level, manual_ack=True)
    subscriber.connect(clean=False, SessionExpiryInterval=NEVER_EXPIRES)
    subscriber.subscribe(target.name)
    with target.client("pub", level) as publisher:
        for number in range(5):
            publisher.publish(target.name, b"%d" % number)
    first = subscriber.take(5)
    assert {m.dup for m in first} == {False}
    subscriber.die()
    survivor = target.client("sub", level)
    survivor.connect(clean=False, SessionExpiryInterval=NEVER_EXPIRES)
    second = survivor.take(5)
    assert [(m.payload, m.dup) for m in second] == [(b"%d" % n, True) for n in range(5)]
    assert [m.mid for m in second] == [m.mid for m in first]
    survivor.disconnect()
    survivor.connect(clean=True)
    survivor.disconnect()


def test_unfinished_qos2_messages_go_on_where_they_were(target: Target) -> None:
    connect = Connect(target.name, clean_start=False, properties=((Property.SESSION_EXPIRY, 60),))
    with target.raw() as client, target.client("pub") as publisher:
        client.connect(connect)
        client.send(Subscribe(1, (Subscription(target.name, 2),)))
        client.receive()
        publisher.publish(target.name, b"first", 2)
        publisher.publish(target.name, b"second", 2)
        first, second = client.receive(), client.receive()
        assert isinstance(first, Publish)
        assert isinstance(second, Publish)
        client.send(Ack(Kind.PUBREC, first.packet_id))
        assert client.receive() == Ack(Kind.PUBREL, first.packet_id)
    with target.raw() as client:
        assert client.connect(connect).session_present
        assert client.receive() == Ack(Kind.PUBREL, first.packet_id)
        assert client.receive() == replace(second, dup=True)


def test_repeated_qos2_publish_is_routed_once(target: Target, level: int) -> None:
    with target.raw(level) as client, target.client("sub", level) as subscriber:
        subscriber.subscribe(target.name, 2)
        client.connect(Connect(target.name, level))
        once = Publish(target.name, b"once", 2, packet_id=9)
        client.send(once)
        assert client.receive() == Ack(Kind.PUBREC, 9)
        client.send(replace(once, dup=True))
        assert client.receive() == Ack(Kind.PUBREC, 9)
        client.send(Ack(Kind.PUBREL, 9))
        assert client.receive() == Ack(Kind.PUBCOMP, 9)
        assert subscriber.take(1)[0].payload == b"once"
        client.send(Publish(target.name, b"the id is free again", 2, packet_id=9), Ack(Kind.PUBREL, 9))
        assert subscriber.take(1)[0].payload == b"the id is free again"


def test_second_client_with_the_same_id_takes_over(target: Target, level: int) -> None:
    first, second = target.client("same", level), target.client("same", level)
    first.connect()
    second.connect()
    assert first.disconnects.get(timeout=5).is_failure
    assert second.publish(f"{target.name}/x", b"alive") in (0, Reason.NO_MATCHING_SUBSCRIBERS)
    first.disconnect()
    second.disconnect()


def test_takeover_publishes_the_will_of_the_old_connection(target: Target) -> None:
    with target.client("watch") as watcher, target.raw() as old, target.raw() as new:
        watcher.subscribe(target.name)
        old.connect(Connect(f"{target.name}-same", will=Will(target.name, b"gone", 1)))
        new.connect(Connect(f"{target.name}-same"))
        assert watcher.take(1)[0].payload == b"gone"


def test_shared_subscription_spreads_messages_evenly(target: Target, level: int) -> None:
    topic = f"{target.name}/work"
    with (
        target.client("one", level) as one,
        target.client("two", level) as two,
        target.client("all", level) as watcher,
    ):
        for member in (one, two):
            member.subscribe(f"$share/{target.name}/{target.name}/#")
        watcher.subscribe(topic)
        for number in range(100):
            watcher.publish(topic, b"%d" % number)
        shares = [m.payload for m in one.take(50)], [m.payload for m in two.take(50)]
        assert set(shares[0]) | set(shares[1]) == {b"%d" % n for n in range(100)}
        assert len(watcher.take(100)) == 100


def test_megabyte_payload(target: Target, level: int) -> None:
    payload = bytes(range(256)) * 4096
    with target.client("a", level) as client:
        client.subscribe(target.name)
        client.publish(target.name, payload)
        assert client.take(1)[0].payload == payload


@pytest.mark.parametrize("retain", [False, True])
def test_publisher_learns_that_nobody_listens(target: Target, retain: bool) -> None:
    with target.client() as client:
        assert client.publish(f"{target.name}/void", b"x", retain=retain) == Reason.NO_MATCHING_SUBSCRIBERS


def test_denied_topic(target: Target, level: int) -> None:
    with target.client("a", level) as client:
        client.subscribe("+/probe")
        assert client.publish("denied/probe", b"x") == (Reason.NOT_AUTHORIZED if level == MQTT_5 else 0)
        client.publish(f"{target.name}/probe", b"end")
        assert client.take(1)[0].payload == b"end"


def test_receivers_receive_maximum_is_honoured(target: Target) -> None:
    with target.raw() as client, target.client("pub") as publisher:
        client.connect(Connect(target.name, properties=((Property.RECEIVE_MAXIMUM, 3),)))
        client.send(Subscribe(1, (Subscription(target.name, 1),)))
        client.receive()
        for number in range(7):
            publisher.publish(target.name, b"%d" % number)
        publisher.publish(target.name, b"qos 0", 0)
        first = [p for p in client.receive_all() if isinstance(p, Publish)]
        assert [p.payload for p in first] == [b"0", b"1", b"2", b"qos 0"]


def test_client_is_not_sent_more_than_its_maximum_packet_size(target: Target) -> None:
    with target.raw() as client, target.client("pub") as publisher:
        client.connect(Connect(target.name, properties=((Property.MAXIMUM_PACKET_SIZE, 100),)))
        client.send(Subscribe(1, (Subscription(target.name, 1),)))
        client.receive()
        publisher.publish(target.name, bytes(200))
        publisher.publish(target.name, b"small")
        packet = client.receive()
        assert isinstance(packet, Publish)
        assert packet.payload == b"small"


def test_unsubscribe(target: Target) -> None:
    with target.raw() as client:
        client.connect(Connect(target.name))
        client.send(Subscribe(1, (Subscription("a"),)), Unsubscribe(2, ("a", "b")))
        assert client.receive() == Suback(Kind.SUBACK, 1, (0,))
        answer = Suback(Kind.UNSUBACK, 2, (Reason.SUCCESS, Reason.NO_SUBSCRIPTION_EXISTED))
        assert client.receive() == answer


def test_client_without_an_id_gets_one(target: Target) -> None:
    with target.raw() as client:
        connack = client.connect(Connect(""))
        assert any(key is Property.ASSIGNED_CLIENT_IDENTIFIER and value for key, value in connack.properties)


def test_3_1_1_client_without_an_id_cannot_have_a_session(target: Target) -> None:
    with target.raw(MQTT_3_1_1) as client:
        assert client.connect(Connect("", MQTT_3_1_1, clean_start=False)).reason == 2
        assert client.receive() is None


def test_unknown_protocol_level_is_refused(target: Target) -> None:
    with target.raw(MQTT_3_1_1) as client:
        client.socket.sendall(b"\x10\x0c\x00\x04MQTT\x09\x02\x00\x00\x00\x00")
        packet = client.receive()
        # Mosquitto and we answer with return code 1; then the connection is closed
        assert packet is not None
        assert getattr(packet, "reason", None) == 1
        assert client.receive() is None


@pytest.mark.parametrize("first", [Ping(Kind.PINGREQ), Publish("x", b""), Disconnect()], ids=lambda p: type(p).__name__)
def test_first_packet_must_be_connect(target: Target, first: Ping | Publish | Disconnect) -> None:
    with target.raw() as client:
        client.send(first)
        assert client.receive() is None
