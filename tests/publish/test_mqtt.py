"""The link to the broker, held against a real Mosquitto and against peers that misbehave by script."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from edgegw.errors import LinkDown, LinkRefused
from edgegw.publish import answers, wire
from edgegw.publish.answers import Answer, Outcome
from edgegw.publish.mqtt import FLYING_BYTES, STALL_S, Connection
from edgegw.supervise import Backoff, LinkState, keep
from tests.mosquitto import Mosquitto, free_port
from tests.publish.link import EVENT, OFFLINE, STATUS, fails, linked, make_link, mqtt, publish
from tests.publish.listener import Listener
from tests.publish.peer import CONNACK, CONNACK_311, Peer, Script, connack, puback, scripted


async def test_publishes_in_order_with_nagle_off(mosquitto: Mosquitto) -> None:
    told: list[Answer] = []
    async with Listener(mosquitto.port) as listener, linked(make_link(mqtt(mosquitto.port))) as connection:
        sock = connection._wire._transport.get_extra_info("socket")  # type: ignore[union-attr]
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert (connection.protocol, connection.receive_maximum) == ("5", 20)
        for number in range(500):
            await connection.room()
            connection.publish(EVENT, b"%d" % number, told.append)
        await listener.until(lambda heard: len(heard) == 500)
        assert listener.payloads == [b"%d" % number for number in range(500)]
        await publish(connection, EVENT, b"last")  # answers come in order: all others are in
    assert told == [answers.ACCEPTED] * 500


async def test_answers_do_not_wait_for_the_kernel(mosquitto: Mosquitto) -> None:
    """Mosquitto leaves Nagle on: its second answer waits until our kernel has confirmed the first, which that likes to
    do 40 ms later. Who is killed in that time sends again what the broker had long taken."""
    loop = asyncio.get_running_loop()
    took_s = []
    async with Listener(mosquitto.port), linked(make_link(mqtt(mosquitto.port))) as connection:
        for _ in range(15):
            await asyncio.sleep(0.02)
            start_s = loop.time()
            for _ in range(3):
                await asyncio.gather(publish(connection, EVENT, b"x"), publish(connection, EVENT, b"x"))
            took_s.append(loop.time() - start_s)
    assert sorted(took_s)[7] < 0.03


async def test_nobody_subscribed_is_not_delivered_but_retained_is_kept(mosquitto: Mosquitto) -> None:
    async with linked(make_link(mqtt(mosquitto.port))) as connection:
        assert await publish(connection, EVENT, b"x") == (Outcome.KEEP, "no subscriber")
        assert await publish(connection, STATUS, b"birth", retain=True) == answers.ACCEPTED
    async with Listener(mosquitto.port, STATUS) as listener:
        await listener.until(lambda heard: bool(heard))
        assert listener.heard == [(*OFFLINE, True)]  # the stop replaced the birth


async def test_will_fires_when_the_link_breaks_and_only_then(mosquitto: Mosquitto) -> None:
    async with Listener(mosquitto.port) as listener:
        async with linked(make_link(mqtt(mosquitto.port))):
            pass
        async with linked(make_link(mqtt(mosquitto.port), client_id="other")) as connection:
            await publish(connection, EVENT, b"mark")
        # Each clean stop said offline once; a will would have said it a second time.
        await listener.until(lambda heard: len(heard) >= 3)
        assert listener.payloads == [OFFLINE[1], b"mark", OFFLINE[1]]
        async with linked(make_link(mqtt(mosquitto.port))) as connection:
            await connection.abort()
        await listener.until(lambda heard: len(heard) == 4)
        assert listener.heard[3].payload == OFFLINE[1]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto with one user, who may write events but nothing else."""
    passwords, acl = tmp_path / "passwords", tmp_path / "acl"
    tool = shutil.which("mosquitto_passwd")
    assert tool is not None
    subprocess.run([tool, "-b", "-c", passwords, "gw", "right"], check=True)
    acl.write_text("user gw\ntopic write edgegw/v1/dc-1/gw/evt/#\n")
    config = f"allow_anonymous false\npassword_file {passwords}\nacl_file {acl}\n"
    with Mosquitto(tmp_path, config) as broker:
        yield broker


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_wrong_password_is_refused_by_name(guarded: Mosquitto, protocol: str) -> None:
    link = make_link(mqtt(guarded.port, username="gw", protocol=protocol), password="wrong")
    with pytest.raises(LinkRefused, match="not authorised"):
        await fails(link)


async def test_denied_topic_is_told(guarded: Mosquitto) -> None:
    async with linked(make_link(mqtt(guarded.port, username="gw"), password="right")) as connection:
        denied = await publish(connection, "edgegw/v1/other/gw/evt/x", b"x")
        assert denied == (Outcome.DENIED, "not authorised")
        assert (await publish(connection, EVENT, b"x")).outcome is Outcome.KEEP  # allowed, nobody listens


async def test_frozen_broker_is_noticed_in_time(mosquitto: Mosquitto) -> None:
    loop = asyncio.get_running_loop()
    told: list[Answer] = []
    async with linked(make_link(mqtt(mosquitto.port))) as connection:
        mosquitto.freeze()
        start_s = loop.time()
        for _ in range(20):
            await connection.room()
            connection.publish(EVENT, b"x", told.append)
        with pytest.raises(LinkDown, match="does not acknowledge"):
            await connection.lost()
    assert STALL_S <= loop.time() - start_s < 7.0
    assert told == [answers.LINK_LOST] * 20
    mosquitto.thaw()


async def test_one_lost_acknowledgement_is_noticed_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegw.publish.mqtt.STALL_S", 0.3)

    async def forget_the_second(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        for count in range(10_000):
            identifier, _ = await peer.publish()
            if count != 1:
                peer.send(puback(identifier))

    async def publish_on(connection: Connection) -> None:
        while True:
            await connection.room()
            connection.publish(EVENT, b"x", lambda _: None)
            await asyncio.sleep(0.01)

    async with scripted(forget_the_second) as port:
        with pytest.raises(LinkDown, match="does not acknowledge"):
            await fails(make_link(mqtt(port), [publish_on]), 5)


async def test_a_broker_that_talks_and_never_reads_ends_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message to us is answered, and the answers must not pile up without end."""
    monkeypatch.setattr(wire, "UNSENT_MAX", 100_000)
    message = b"\x32\x06\x00\x01x\x00\x01\x00"  # PUBLISH to x, QoS 1, identifier 1, no properties

    async def babble(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        _, subscribe = await peer.packet()
        peer.send(b"\x90\x04" + subscribe[:2] + b"\x00\x01")
        assert isinstance(peer.writer.transport, asyncio.Transport)
        peer.writer.transport.pause_reading()
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while True:
            peer.send(message * 1000)
            await peer.writer.drain()

    async def listen(connection: Connection) -> None:
        sock = connection._wire._transport.get_extra_info("socket")  # type: ignore[union-attr]
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # the kernel would take megabytes
        await connection.subscribe("x", lambda _: None)

    async with scripted(babble) as port:
        with pytest.raises(LinkDown, match="the broker does not read what we send"):
            await fails(make_link(mqtt(port), [listen]), 60)


async def test_a_broker_that_reads_slowly_gets_a_full_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """That much may wait for it, and is no reason to give up."""
    size = 100_000
    acknowledged = 0

    async def dawdle(peer: Peer) -> None:
        nonlocal acknowledged
        await peer.connect()
        peer.send(CONNACK)
        await asyncio.sleep(0.5)
        while True:
            identifier, _ = await peer.publish()
            peer.send(puback(identifier))
            acknowledged += 1

    async with scripted(dawdle) as port, linked(make_link(mqtt(port))) as connection:
        for _ in range(60):
            await connection.room()
            connection.publish(EVENT, bytes(size), lambda _: None)
        async with asyncio.timeout(10):
            while acknowledged < 60:
                await asyncio.sleep(0.01)


async def test_clones_with_one_client_id_are_named(mosquitto: Mosquitto) -> None:
    named = asyncio.Event()

    def listen(state: LinkState) -> None:
        if "another client use the client id 'edgegw-dc-1-gw'" in state.reason:
            named.set()

    quick = Backoff(first_s=0.1, cap_s=0.1)
    clones = [asyncio.create_task(keep(make_link(mqtt(mosquitto.port)), quick, listen)) for _ in range(3)]
    async with asyncio.timeout(5):
        await named.wait()
    for clone in clones:
        clone.cancel()
    await asyncio.gather(*clones, return_exceptions=True)


async def test_broker_that_ends_is_link_down(mosquitto: Mosquitto) -> None:
    async with linked(make_link(mqtt(mosquitto.port))) as connection:
        await asyncio.to_thread(mosquitto.stop)
        with pytest.raises(LinkDown, match="broker closed the connection without a reason") as caught:
            await connection.lost()
    assert not isinstance(caught.value, LinkRefused)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [("127.0.0.1", "nothing listens on 127.0.0.1:"), ("no..name", "no address for 'no..name'")],
)
async def test_unreachable_broker_is_named(host: str, sentence: str) -> None:
    with pytest.raises(LinkDown, match=sentence):
        await fails(make_link(mqtt(free_port(), host=host)))


# --- versions ---


def only_311(*, silent: bool) -> tuple[list[int], Script]:
    levels: list[int] = []

    async def script(peer: Peer) -> None:
        level = await peer.connect()
        levels.append(level)
        if level == 4:
            peer.send(CONNACK_311)
            while (packet := await peer.packet())[0] == 3:
                peer.send(b"\x40\x02" + packet[1][-len(OFFLINE[1]) - 2 : -len(OFFLINE[1])])
        elif not silent:
            peer.send(bytes.fromhex("20 02 00 01"))

    return levels, script


@pytest.mark.parametrize(("silent", "order"), [(False, [5, 4, 4]), (True, [5, 4, 5, 4, 4])])
async def test_falls_back_to_311_and_remembers(silent: bool, order: list[int]) -> None:
    levels, script = only_311(silent=silent)
    async with scripted(script) as port:
        link = make_link(mqtt(port))
        for _ in range(2):
            async with linked(link) as connection:
                assert connection.protocol == "3.1.1"
    assert levels == order


async def test_starting_broker_is_not_taken_for_an_old_one() -> None:
    levels: list[int] = []

    async def close_once_then_speak(peer: Peer) -> None:
        levels.append(await peer.connect())
        if len(levels) > 1:
            peer.send(CONNACK if levels[-1] == 5 else CONNACK_311)
            await peer.packet()

    async with scripted(close_once_then_speak) as port, linked(make_link(mqtt(port))) as connection:
        assert connection.protocol == "5"
    assert levels == [5, 4, 5]


async def test_wanted_version_that_the_broker_lacks_is_refused() -> None:
    _, script = only_311(silent=False)
    async with scripted(script) as port:
        with pytest.raises(LinkRefused, match="does not speak MQTT 5: set"):
            await fails(make_link(mqtt(port, protocol="5")))


async def test_311_against_mosquitto(mosquitto: Mosquitto) -> None:
    async with Listener(mosquitto.port) as listener:
        async with linked(make_link(mqtt(mosquitto.port, protocol="3.1.1"))) as connection:
            assert await publish(connection, EVENT, b"old") == answers.ACCEPTED
        await listener.until(lambda heard: len(heard) == 2)
        assert listener.payloads == [b"old", OFFLINE[1]]


# --- limits and answers ---


async def test_receive_maximum_is_kept() -> None:
    most = 0

    async def script(peer: Peer) -> None:
        nonlocal most
        await peer.connect()
        peer.send(connack(receive_maximum=3))
        waiting: list[int] = []
        for _ in range(30):
            waiting.append((await peer.publish())[0])
            most = max(most, len(waiting))
            if len(waiting) == 3:
                await asyncio.sleep(0.005)  # a fourth would arrive now
                assert not peer.reader._buffer  # type: ignore[attr-defined]
                peer.send(b"".join(map(puback, waiting)))
                waiting.clear()
        await peer.packet()

    told: list[Answer] = []
    async with scripted(script) as port, linked(make_link(mqtt(port))) as connection:
        assert connection.receive_maximum == 3
        for _ in range(30):
            await connection.room()
            connection.publish(EVENT, b"x", told.append)
        await connection.room()
        for _ in range(3):
            connection.publish(EVENT, b"x", lambda _: None)
        with pytest.raises(RuntimeError, match="without room"):
            connection.publish(EVENT, b"x", lambda _: None)
        await connection.abort()
    assert most == 3
    assert [answer.outcome for answer in told] == [Outcome.ACCEPTED] * 30


async def test_large_messages_wait_for_each_other_before_a_window_of_them_is_in_flight() -> None:
    most = 0

    async def answer_when_no_more_comes(peer: Peer) -> None:
        nonlocal most
        await peer.connect()
        peer.send(CONNACK)
        for _ in range(2):
            waiting: list[int] = []
            with suppress(TimeoutError):
                while True:
                    waiting.append((await asyncio.wait_for(peer.publish(), 0.2))[0])
            most = max(most, len(waiting))
            peer.send(b"".join(map(puback, waiting)))
        await peer.packet()

    told: list[Answer] = []
    async with scripted(answer_when_no_more_comes) as port, linked(make_link(mqtt(port))) as connection:
        for _ in range(20):
            await connection.room()
            connection.publish(EVENT, b"x" * 100_000, told.append)
        while len(told) < 20:
            await asyncio.sleep(0.01)
        await connection.abort()
    assert most == -(-FLYING_BYTES // 100_000)


async def test_too_large_packet_is_rejected_without_sending(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, "max_packet_size 5000\n") as broker:
        async with Listener(broker.port) as listener, linked(make_link(mqtt(broker.port))) as connection:
            assert await publish(connection, EVENT, b"x" * 5000) == answers.TOO_LARGE
            assert await publish(connection, EVENT, b"x" * 4961) == answers.ACCEPTED  # 5000 bytes in all
            await listener.until(lambda heard: len(heard) == 1)


async def test_impossible_topic_is_rejected(mosquitto: Mosquitto) -> None:
    async with linked(make_link(mqtt(mosquitto.port))) as connection:
        assert await publish(connection, "evt/#", b"x") == answers.IMPOSSIBLE


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        (0x00, Outcome.ACCEPTED, ""),
        (0x10, Outcome.KEEP, "no subscriber"),
        (0x80, Outcome.FAILED, "unspecified error"),
        (0x83, Outcome.FAILED, "implementation specific error"),
        (0x87, Outcome.DENIED, "not authorised"),
        (0x90, Outcome.FAILED, "topic name invalid"),
        (0x91, Outcome.KEEP, "packet identifier in use"),
        (0x95, Outcome.FAILED, "packet too large"),
        (0x97, Outcome.KEEP, "quota exceeded"),
        (0x99, Outcome.FAILED, "payload format invalid"),
    ],
)
async def test_each_reason_code_has_its_outcome(code: int, outcome: Outcome, reason: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        for _ in range(2):
            peer.send(puback((await peer.publish())[0], code))
        await peer.packet()

    async with scripted(script) as port, linked(make_link(mqtt(port))) as connection:
        assert await publish(connection, EVENT, b"x") == (outcome, reason)


@pytest.mark.parametrize(
    ("end", "sentence", "refused"),
    [
        ("20 03 00 86 00", "bad user name or password: check mqtt.username", True),
        ("20 03 00 85 00", "client id 'edgegw-dc-1-gw'", True),
        ("20 03 00 89 00", "broker is busy", False),
        ("20 03 00 9a 00", "does not keep retained messages", True),
        ("20 03 00 00 00 e0 01 8b", "shutting down", False),
        ("20 03 00 00 00 e0 01 8e", "took the connection over", True),
        ("20 03 00 00 00 e0 01 95", "packet was too large", True),
        ("20 03 00 00 00 e0 01 97", "quota", False),
        ("20 03 00 00 00 e0 00", "without a reason", False),
        ("20 03 00 00 00", "without a reason", False),
        ("20 03 00 00 00 20 03 00 00 00", "not MQTT", False),  # greets twice
        ("20 03 00 00 00 20 03 00 86 00", "not MQTT", False),
        ("20 05 00 00 02 24 00", "does not do QoS 1", True),
        ("20 03 00 00 00 40 01 00", "not MQTT", False),
        ("20 03 00 00 00 32 08 00 01 61 00 01 00 78 78", "not MQTT", False),  # we have subscribed to nothing
        ("20 03 00 00 00 30 ff ff ff 7f", "not MQTT", False),
        ("20 03 00 00 00 30 ff ff ff ff 7f", "not MQTT", False),
        ("f0 02 54 50", "not MQTT", False),
    ],
)
async def test_each_end_has_its_sentence(end: str, sentence: str, refused: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.connect()
        peer.send(bytes.fromhex(end))
        await asyncio.sleep(0.05)

    async with scripted(script) as port:
        with pytest.raises(LinkDown, match=sentence) as caught:
            await fails(make_link(mqtt(port, protocol="5")), 5)
    assert isinstance(caught.value, LinkRefused) == refused


async def test_unanswered_ping_ends_the_link() -> None:
    pings = 0

    async def answer_one_ping(peer: Peer) -> None:
        nonlocal pings
        await peer.connect()
        peer.send(CONNACK)
        while True:
            await peer.packet()
            pings += 1
            peer.send(bytes.fromhex("d0 00") if pings == 1 else b"")

    async with scripted(answer_one_ping) as port:
        with pytest.raises(LinkDown, match="does not answer pings"):
            await fails(make_link(mqtt(port).model_copy(update={"keepalive_s": 1})))
    assert pings == 2


async def test_hostile_bytes_end_the_link_and_nothing_else() -> None:
    seed = random.Random(20)

    async def babble(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK if seed.random() < 0.7 else b"")
        for _ in range(20):
            size = seed.randrange(1, 12)
            kind = seed.choice((0x20, 0x40, 0x50, 0x62, 0x30, 0x32, 0xD0, 0xE0, seed.randrange(256)))
            peer.send(bytes((kind, size)) + seed.randbytes(size - seed.randrange(2)))

    async def ask(connection: Connection) -> None:
        while True:
            await connection.room()
            connection.publish(EVENT, b"x", lambda _: None)

    async with scripted(babble) as port:
        for _ in range(200):
            with pytest.raises(LinkDown):
                await fails(make_link(mqtt(port), [ask]), 5)


async def test_unasked_ping_answers_are_harmless() -> None:
    async def script(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK + bytes.fromhex("d0 00") * 3)
        peer.send(puback((await peer.publish())[0]))
        await peer.packet()

    async with scripted(script) as port, linked(make_link(mqtt(port))) as connection:
        assert await publish(connection, EVENT, b"x") == answers.ACCEPTED


async def test_a_babbling_broker_starves_nobody() -> None:
    """It talks as fast as it can: the loop turns on, TCP holds the broker back, memory stays."""
    sent = 0

    async def babble(peer: Peer) -> None:
        nonlocal sent
        await peer.connect()
        peer.send(CONNACK)
        chatter = bytes.fromhex("d0 00") * 100_000
        while True:
            peer.send(chatter)
            await peer.writer.drain()
            sent += len(chatter)

    loop = asyncio.get_running_loop()
    worst_s = 0.0
    async with scripted(babble) as port, linked(make_link(mqtt(port))) as connection:
        for _ in range(50):
            before_s = loop.time()
            await asyncio.sleep(0.005)
            worst_s = max(worst_s, loop.time() - before_s)
            assert len(connection._wire.unread) < 1_000_000
    assert sent
    assert worst_s < 1.0  # without a limit, the first 256 kB alone take more than two seconds


async def test_every_publish_is_answered_once_when_the_link_breaks() -> None:
    async def answer_two_of_five(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        identifiers = [(await peer.publish())[0] for _ in range(5)]
        peer.send(puback(identifiers[0]) + puback(identifiers[1]) + puback(identifiers[1]) + puback(999))
        await peer.writer.drain()

    told: dict[int, list[Outcome]] = {number: [] for number in range(6)}

    def hear(number: int, answer: Answer) -> None:
        told[number].append(answer.outcome)

    async with scripted(answer_two_of_five) as port, linked(make_link(mqtt(port))) as connection:
        for number in range(5):
            await connection.room()
            connection.publish(EVENT, b"x", partial(hear, number))
        with pytest.raises(LinkDown):
            await connection.lost()
        connection.publish(EVENT, b"x", partial(hear, 5))
        with pytest.raises(LinkDown):
            await connection.room()
        await asyncio.sleep(0)
    kept = [Outcome.KEEP]
    assert told == {0: [Outcome.ACCEPTED], 1: [Outcome.ACCEPTED], 2: kept, 3: kept, 4: kept, 5: kept}


# --- TLS ---


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server certificate for `broker.test` and 127.0.0.1, and a client certificate."""
    directory = tmp_path_factory.mktemp("certificates")

    def openssl(command: str) -> None:
        subprocess.run(["openssl", *command.split()], cwd=directory, check=True, capture_output=True)

    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    openssl(f"req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2")
    (directory / "names").write_text("subjectAltName=DNS:broker.test,IP:127.0.0.1")
    for name in ("server", "client"):
        openssl(f"req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}")
        openssl(f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -out {name}.pem -days 2 -extfile names")
    openssl(f"req -x509 {key} -keyout other.key -out other.pem -subj /CN=other -days 2")
    return directory


def tls_listener(certificates: Path, more: str = "") -> str:
    files = f"cafile {certificates}/ca.pem\ncertfile {certificates}/server.pem\nkeyfile {certificates}/server.key\n"
    return files + more


@pytest.fixture
def tls_broker(tmp_path: Path, certificates: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, tls_listener(certificates)) as broker:
        yield broker


async def test_tls_verifies_the_broker(tls_broker: Mosquitto, certificates: Path) -> None:
    ca = str(certificates / "ca.pem")
    async with linked(make_link(mqtt(tls_broker.port, tls={"ca_file": ca}))) as connection:
        assert await publish(connection, STATUS, b"x", retain=True) == answers.ACCEPTED
        for _ in range(200):  # TLS records and reads do not fall together
            await connection.room()
            connection.publish(EVENT, b"x" * 300, lambda _: None)
        assert (await publish(connection, EVENT, b"last")).reason == "no subscriber"
    async with linked(make_link(mqtt(tls_broker.port, tls={"ca_file": ca, "server_name": "broker.test"}))):
        pass
    async with linked(make_link(mqtt(tls_broker.port, tls={"verify": False}))):
        pass


@pytest.mark.parametrize(
    ("tls", "sentence"),
    [
        (True, r"certificate is not accepted \(.*\): set mqtt.tls.ca_file"),
        ({"ca_file": "ca.pem", "server_name": "wrong.test"}, "set mqtt.host or mqtt.tls.server_name"),
        ({"ca_file": "none.pem"}, "cannot use tls.ca_file .*none.pem"),
        ({"ca_file": "ca.key"}, "cannot use tls.ca_file .*ca.key"),
        ({"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "other.key"}, "is not the private key of"),
    ],
)
async def test_tls_refusals_are_named(
    tls_broker: Mosquitto, certificates: Path, tls: bool | dict[str, str], sentence: str
) -> None:
    if isinstance(tls, dict):
        tls = {key: str(certificates / name) if key.endswith("file") else name for key, name in tls.items()}
    with pytest.raises(LinkRefused, match=sentence):
        await fails(make_link(mqtt(tls_broker.port, tls=tls)))


async def test_client_certificate(tmp_path: Path, certificates: Path) -> None:
    files = {name: str(certificates / name) for name in ("ca.pem", "client.pem", "client.key")}
    tls = {"ca_file": files["ca.pem"], "cert_file": files["client.pem"], "key_file": files["client.key"]}
    with Mosquitto(tmp_path, tls_listener(certificates, "require_certificate true\n")) as broker:
        async with linked(make_link(mqtt(broker.port, tls=tls))):
            pass
        with pytest.raises(LinkRefused, match="does not accept our certificate"):
            await fails(make_link(mqtt(broker.port, tls={"ca_file": files["ca.pem"]})))


async def test_tls_and_plain_ports_confused(mosquitto: Mosquitto, tls_broker: Mosquitto) -> None:
    with pytest.raises(LinkDown, match="is this the broker's TLS port"):
        await fails(make_link(mqtt(mosquitto.port, tls=True)))
    with pytest.raises(LinkDown, match="instead of answering CONNECT"):
        await fails(make_link(mqtt(tls_broker.port)))


# --- cancellation ---


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("tls", [False, True])
async def test_cancelled_connect_leaves_nothing_open(tls: bool) -> None:
    connected = asyncio.Event()

    async def say_nothing(peer: Peer) -> None:
        connected.set()
        await peer.reader.read()

    async with scripted(say_nothing) as port:
        before = open_files()
        for _ in range(5):
            connected.clear()
            task = asyncio.create_task(make_link(mqtt(port, tls=tls)).run(lambda: None))
            await connected.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await asyncio.sleep(0.05)  # the peer's ends close
        assert open_files() == before


async def test_hanging_resolver_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(10) and [])
    task = asyncio.create_task(make_link(mqtt(1)).run(lambda: None))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hanging = [thread for thread in threading.enumerate() if thread.name == "edgegw-resolve"]
    assert [thread.daemon for thread in hanging] == [True]
    release.set()
    hanging[0].join(5)
    assert not hanging[0].is_alive()


async def test_broker_that_never_answers_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegw.publish.mqtt.CONNECT_S", 0.2)

    async def say_nothing(peer: Peer) -> None:
        await peer.reader.read()

    async with scripted(say_nothing) as port:
        with pytest.raises(LinkDown, match="does not answer CONNECT within"):
            await fails(make_link(mqtt(port)), 5)
        with pytest.raises(LinkDown, match="does not answer: check the network"):
            await fails(make_link(mqtt(port, tls=True)), 5)
