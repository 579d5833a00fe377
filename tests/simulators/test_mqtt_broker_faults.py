"""What the broker does wrong on request, by command line and at run time, and what it does by the standard alone.

The standard's cases are here, not beside Mosquitto, where Mosquitto 2.0.11 does otherwise.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from simulators.mqtt_broker import Broker, Faults, Limits
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
    Subscribe,
    Subscription,
    Will,
)
from simulators.mqtt_broker.properties import Property, without
from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.wire import Kind
from tests.simulators.mqtt_clients import PahoClient, RawClient

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
PING = Ping(Kind.PINGREQ)
PONG = Ping(Kind.PINGRESP)


@contextmanager
def running(*options: str) -> Iterator[int]:
    """The broker as its users start it; yields the port it printed."""
    command = [sys.executable, "-m", "simulators.mqtt_broker", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().removeprefix("listening on 127.0.0.1:"))
        finally:
            process.terminate()
        assert process.wait(5) == 0


def acks_of(client: RawClient, count: int) -> list[int]:
    """Publish `count` messages of QoS 1; packet ids of the PUBACKs that come that come at once."""
    client.send(*(Publish("x", b"", 1, packet_id=i) for i in range(1, count + 1)))
    return [p.packet_id for p in client.receive_all() if isinstance(p, Ack)]


def reason_of(packet: Packet | None) -> int:
    """Reason code of an answer that has one."""
    assert isinstance(packet, (Ack, Connack, Disconnect))
    return packet.reason


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A healthy broker of ours."""
    with running() as port:
        yield port


# by command line


def test_dropped_pubacks() -> None:
    with running("--drop-puback-every", "3") as port, RawClient(port) as client:
        client.connect(Connect("a"))
        assert acks_of(client, 9) == [1, 2, 4, 5, 7, 8]


def test_delayed_pubacks() -> None:
    with running("--delay-puback-s", "0.3") as port, RawClient(port) as client:
        client.connect(Connect("a"))
        client.send(Publish("x", b"", 1, packet_id=1), PING)
        assert client.receive() == PONG
        assert client.receive() == Ack(Kind.PUBACK, 1, Reason.NO_MATCHING_SUBSCRIBERS)


@pytest.mark.parametrize("code", [0x10, 0x87, 0x97])
def test_publish_answered_with_a_reason(code: int) -> None:
    with running("--publish-reason", hex(code)) as port, PahoClient(port, "a") as client:
        client.subscribe("x")
        assert client.publish("x", b"1") == code
        with RawClient(port) as raw:  # paho goes on after a failed PUBREC
            raw.connect(Connect("raw"))
            raw.send(Publish("x", b"2", 2, packet_id=1))
            assert raw.receive() == Ack(Kind.PUBREC, 1, code)
        assert client.messages.empty()


def test_denied_topics() -> None:
    with running("--deny", "a/#", "--deny", "b") as port, PahoClient(port, "a") as client:
        client.subscribe("#")
        assert [client.publish(topic, b"") for topic in ("a/x", "b", "b/x")] == [0x87, 0x87, 0]
        assert client.take(1)[0].topic == "b/x"


@pytest.mark.parametrize(
    ("level", "code", "answer"),
    [
        (MQTT_5, 0x86, 0x86),
        (MQTT_5, 0x97, 0x97),
        (MQTT_3_1_1, 0x86, 4),
        (MQTT_3_1_1, 0x87, 5),
        (MQTT_3_1_1, 0x88, 3),
        (MQTT_3_1_1, 0x97, 3),
    ],
)
def test_refused_connect(level: int, code: int, answer: int) -> None:
    with running("--refuse-connect", str(code)) as port, RawClient(port, level) as client:
        assert client.connect(Connect("a", level)).reason == answer
        assert client.receive() is None


def test_broker_that_knows_only_3_1_1() -> None:
    with running("--only-3-1-1") as port:
        with RawClient(port, MQTT_3_1_1) as client:
            client.socket.sendall(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01a")
            assert client.socket.recv(100) == b"\x20\x02\x00\x01"
            assert client.receive() is None
        with PahoClient(port, "a", MQTT_3_1_1) as paho:
            assert paho.publish("x", b"") == 0


def test_connection_cut_before_the_answer() -> None:
    with running("--cut-after-packets", "4") as port, RawClient(port) as watcher:
        watcher.connect(Connect("w"))
        watcher.send(Subscribe(1, (Subscription("x", 1),)))
        watcher.receive()
        with RawClient(port) as client:
            client.connect(Connect("a"))
            client.send(*(Publish("x", b"%d" % i, 1, packet_id=i) for i in range(1, 6)))
            assert [reason_of(packet) for packet in client.receive_until_silence(1)] == [0, 0]
        # the third took effect though its publisher cannot know; the rest was never read
        received = watcher.receive_all()
        assert [p.payload for p in received if isinstance(p, Publish)] == [b"1", b"2", b"3"]


def test_broker_that_freezes() -> None:
    with running("--freeze-after-packets", "2") as port, RawClient(port) as client, RawClient(port) as second:
        client.connect(Connect("a", keep_alive_s=1))
        client.send(PING, PING)
        second.send(Connect("b"))
        client.socket.settimeout(2)
        with pytest.raises(TimeoutError):  # longer than the keep alive: not even that happens any more
            client.receive()
        assert second.receive_until_silence(0.1) == []


def test_receive_maximum_is_told_and_enforced() -> None:
    with running("--receive-maximum", "3", "--drop-puback-every", "1") as port, RawClient(port) as client:
        assert (Property.RECEIVE_MAXIMUM, 3) in client.connect(Connect("a")).properties
        client.send(*(Publish("x", b"", 1, packet_id=i) for i in range(1, 5)))
        assert reason_of(client.receive()) == Reason.RECEIVE_MAXIMUM_EXCEEDED
        assert client.receive() is None


def test_users() -> None:
    with running("--user", "dock:s3cret") as port:
        for level, refusal in ((MQTT_5, Reason.NOT_AUTHORIZED), (MQTT_3_1_1, 5)):
            for name, password, reason in (
                ("dock", b"s3cret", 0),
                ("dock", b"wrong", refusal),
                ("dock", None, refusal),
                ("other", b"s3cret", refusal),
                (None, None, refusal),
            ):
                with RawClient(port, level) as client:
                    secret = password if name else None
                    assert client.connect(Connect("a", level, username=name, password=secret)).reason == reason


@pytest.mark.parametrize(
    ("option", "sentence"), [("--publish-reason=0x1FF", "0x1FF is not a reason code"), ("--user=x", "NAME:PASSWORD")]
)
def test_wrong_options_are_explained(option: str, sentence: str) -> None:
    command = [sys.executable, "-m", "simulators.mqtt_broker", option]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_busy_port_is_explained(port: int) -> None:
    command = [sys.executable, "-m", "simulators.mqtt_broker", "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


# at run time, in the test's own event loop; the blocking clients live in a thread


async def in_thread(work: Callable[[], T]) -> T:
    return await asyncio.wait_for(asyncio.to_thread(work), 20)


async def test_faults_change_while_the_broker_runs() -> None:
    async with Broker(faults=Faults(drop_puback_every=1)) as broker:
        client = await in_thread(lambda: RawClient(broker.port))
        with client:
            await in_thread(lambda: client.connect(Connect("a")))
            assert await in_thread(lambda: acks_of(client, 3)) == []
            broker.faults.drop_puback_every = 0
            assert await in_thread(lambda: acks_of(client, 3)) == [1, 2, 3]
        assert broker.counts["pubacks_dropped"] == 3


async def test_freeze_and_thaw() -> None:
    async with Broker() as broker:
        client = await in_thread(lambda: RawClient(broker.port))
        with client:
            await in_thread(lambda: client.connect(Connect("a")))
            broker.freeze()
            client.send(PING)
            assert await in_thread(lambda: client.receive_until_silence(0.3)) == []
            broker.thaw()
            assert await in_thread(client.receive) == PONG


async def test_cut_and_restart_keep_sessions() -> None:
    async with Broker() as broker:
        connect = Connect("a", clean_start=False, properties=((Property.SESSION_EXPIRY, 60),))
        client = await in_thread(lambda: RawClient(broker.port))
        with client:
            await in_thread(lambda: client.connect(connect))
            assert broker.clients == {"a"}
            broker.cut()
            assert await in_thread(client.receive) is None
        assert broker.clients == frozenset()
        assert set(broker.sessions) == {"a"}
        port = broker.port
        await broker.stop()
        await broker.start()
        assert broker.port == port
        client = await in_thread(lambda: RawClient(port))
        with client:
            assert (await in_thread(lambda: client.connect(connect))).session_present


async def test_stopping_broker_says_so() -> None:
    async with Broker() as broker:
        client = await in_thread(lambda: RawClient(broker.port))
        await in_thread(lambda: client.connect(Connect("a")))
    with client:
        assert reason_of(await in_thread(client.receive)) == Reason.SERVER_SHUTTING_DOWN
        assert await in_thread(client.receive) is None


async def test_slow_consumer_costs_bounded_memory_and_loses_no_qos_1() -> None:
    limits = Limits(qos0_bytes=2**20, write_bytes=2**16)
    payload, count = bytes(16 * 2**10), 1500

    def flood(port: int) -> None:
        with RawClient(port) as publisher:
            publisher.connect(Connect("pub"))
            for _ in range(count):
                publisher.send(Publish("x", payload))
            for number in range(1, 21):
                publisher.send(Publish("y", b"%d" % number, 1, packet_id=number))
            for _ in range(20):
                assert reason_of(publisher.receive()) == 0

    async with Broker(limits=limits) as broker:
        slow = await in_thread(lambda: RawClient(broker.port))
        with slow:
            await in_thread(lambda: slow.connect(Connect("slow")))
            slow.send(Subscribe(1, (Subscription("#", 1),)))
            await in_thread(slow.receive)
            await in_thread(lambda: flood(broker.port))
            session = broker.sessions["slow"]
            assert session.held == 20
            assert broker.unsent_bytes < 2 * (limits.write_bytes + len(payload))
            assert 0 < session.dropped < count
            received = [p for p in await in_thread(lambda: slow.receive_until_silence(0.5)) if isinstance(p, Publish)]
        assert len(received) == count + 20 - session.dropped
        assert [p.payload for p in received if p.qos] == [b"%d" % n for n in range(1, 21)]


async def test_too_many_connections_are_turned_away() -> None:
    async with Broker(limits=Limits(connections=1)) as broker:
        first = await in_thread(lambda: RawClient(broker.port))
        with first:
            await in_thread(lambda: first.connect(Connect("a")))
            second = await in_thread(lambda: RawClient(broker.port))
            with second:
                assert await in_thread(second.receive) is None
            first.send(PING)
            assert await in_thread(first.receive) == PONG


# by the standard, where Mosquitto 2.0.11 does otherwise


def test_taken_over_client_is_told(port: int) -> None:
    with RawClient(port) as old, RawClient(port) as new:
        old.connect(Connect("same"))
        new.connect(Connect("same"))
        assert reason_of(old.receive()) == Reason.SESSION_TAKEN_OVER
        assert old.receive() is None


def test_silent_client_is_dropped_after_one_and_a_half_keep_alives(port: int) -> None:
    with RawClient(port) as watcher, RawClient(port) as client:
        watcher.connect(Connect("watcher"))
        watcher.send(Subscribe(1, (Subscription("w", 1),)))
        watcher.receive()
        client.connect(Connect("silent", keep_alive_s=1, will=Will("w", b"gone", 1)))
        client.socket.settimeout(1.2)
        with pytest.raises(TimeoutError):
            client.receive()
        assert reason_of(client.receive()) == Reason.KEEP_ALIVE_TIMEOUT
        will = watcher.receive()
        assert isinstance(will, Publish)
        assert will.payload == b"gone"


def test_nobody_listens_at_qos_2(port: int) -> None:
    with RawClient(port) as client:
        client.connect(Connect("a"))
        client.send(Publish("void", b"", 2, packet_id=3), Ack(Kind.PUBREL, 3), Ack(Kind.PUBREL, 4))
        assert client.receive() == Ack(Kind.PUBREC, 3, Reason.NO_MATCHING_SUBSCRIBERS)
        assert client.receive() == Ack(Kind.PUBCOMP, 3)
        assert client.receive() == Ack(Kind.PUBCOMP, 4, Reason.PACKET_IDENTIFIER_NOT_FOUND)


def test_each_acknowledgement_lets_one_more_message_out(port: int) -> None:
    with RawClient(port) as client:
        client.connect(Connect("a", properties=((Property.RECEIVE_MAXIMUM, 2),)))
        client.send(Subscribe(1, (Subscription("x", 1),)))
        client.receive()
        client.send(*(Publish("x", b"%d" % i, 1, packet_id=i) for i in range(1, 6)))
        sent = [p for p in client.receive_all() if isinstance(p, Publish)]
        assert [p.payload for p in sent] == [b"1", b"2"]
        client.send(Ack(Kind.PUBACK, sent[0].packet_id))
        assert [p.payload for p in client.receive_all() if isinstance(p, Publish)] == [b"3"]


def test_too_large_message_does_not_hold_up_the_next(port: int) -> None:
    with RawClient(port) as client:
        client.connect(Connect("a", properties=((Property.MAXIMUM_PACKET_SIZE, 100), (Property.RECEIVE_MAXIMUM, 1))))
        client.send(Subscribe(1, (Subscription("x", 1),)))
        client.receive()
        client.send(Publish("x", bytes(200), 1, packet_id=1), Publish("x", b"small", 1, packet_id=2))
        received = [packet for packet in client.receive_all() if isinstance(packet, Publish)]
        assert [packet.payload for packet in received] == [b"small"]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (Publish("", b""), Reason.PROTOCOL_ERROR),
        (Publish("x", b"", properties=((Property.TOPIC_ALIAS, 1),)), Reason.TOPIC_ALIAS_INVALID),
        (Publish("x", b"", properties=((Property.SUBSCRIPTION_IDENTIFIER, 1),)), Reason.PROTOCOL_ERROR),
        (Publish("#", b""), Reason.TOPIC_NAME_INVALID),
        (Connect("again"), Reason.PROTOCOL_ERROR),
        (Connack(), Reason.PROTOCOL_ERROR),
        (Disconnect(kind=Kind.AUTH), Reason.PROTOCOL_ERROR),
        (Subscribe(1, (Subscription("$share/g/x", no_local=True),)), Reason.PROTOCOL_ERROR),
        (Disconnect(properties=((Property.SESSION_EXPIRY, 60),)), Reason.PROTOCOL_ERROR),
    ],
    ids=lambda value: value.name if isinstance(value, Reason) else type(value).__name__,
)
def test_rule_breaker_is_told_why(port: int, packet: Packet, reason: Reason) -> None:
    with RawClient(port) as client:
        client.connect(Connect("rule-breaker"))
        client.send(packet)
        answer = client.receive()
        assert isinstance(answer, Disconnect)
        assert answer.reason == reason
        assert without(answer.properties, Property.REASON_STRING) == ()
        assert client.receive() is None


def test_oversized_packet_is_refused_by_its_header(port: int) -> None:
    with RawClient(port) as client:
        client.connect(Connect("a"))
        client.socket.sendall(b"\x30\xff\xff\xff\x7f")
        assert reason_of(client.receive()) == Reason.PACKET_TOO_LARGE


def test_enhanced_authentication_is_refused(port: int) -> None:
    with RawClient(port) as client:
        properties = ((Property.AUTHENTICATION_METHOD, "SCRAM-SHA-1"),)
        assert client.connect(Connect("a", properties=properties)).reason == Reason.BAD_AUTHENTICATION_METHOD
