"""The drain against a real Mosquitto (and scripted peers), from an outbox in memory that keeps its contract."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from edgegw import drain
from edgegw.config.model import Mqtt
from edgegw.core.counters import Counters
from edgegw.drain import Drain
from edgegw.errors import LinkRefused
from edgegw.publish import confirmation, flow
from edgegw.publish.retained import Retained
from edgegw.supervise import Backoff, LinkState, keep
from tests.mosquitto import Mosquitto
from tests.publish.link import EVENT, OFFLINE, STATUS, fails, linked, make_link, mqtt
from tests.publish.listener import Heard, Listener
from tests.publish.peer import CONNACK, Peer, Script, puback, scripted

EPOCH = "01JD0000000000000000000000"
QUICK = Backoff(first_s=0.1, cap_s=0.2)


class Row(NamedTuple):
    seq: int
    topic: str
    payload: bytes
    again: bool = False


class MemoryOutbox:
    """Keeps the contract of `edgegw.drain.Outbox` without a disk."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.parked: dict[int, str] = {}
        self.last_seq = 0
        self.epoch = EPOCH
        self.reads = 0
        self.confirms = 0
        self.is_epoch_young = False
        self._committed = asyncio.Event()

    def add(self, count: int, topic: str = EVENT, size: int = 0) -> None:
        for seq in range(self.last_seq + 1, self.last_seq + count + 1):
            self.rows[seq] = Row(seq, topic, str(seq).encode().ljust(size))
            self.last_seq = seq
        self._committed.set()
        self._committed = asyncio.Event()

    async def pending(self, after_seq: int, limit: int) -> Sequence[Row]:
        self.reads += 1
        await asyncio.sleep(0)
        return [self.rows[seq] for seq in sorted(self.rows) if seq > after_seq][:limit]

    async def wait_committed(self, after_seq: int) -> None:
        while self.last_seq <= after_seq:
            await self._committed.wait()

    def mark_published(self, *seqs: int) -> None:
        for seq in seqs:
            self.rows.pop(seq, None)

    async def may_begin_epoch(self) -> bool:
        return not self.is_epoch_young

    async def begin_epoch(self) -> None:
        self.epoch = "NEW"

    def row_of(self, epoch: str, seq: int) -> int | None:
        return seq if epoch == EPOCH and seq <= self.last_seq else None

    def confirm(self, upto: int) -> None:
        self.confirms += 1
        self.rows = {seq: self.rows[seq] for seq in self.rows if seq > upto}

    def park(self, seq: int, reason: str, note: tuple[str, bytes] | None) -> None:
        self.parked[seq] = reason
        del self.rows[seq]
        if note:
            self.rows[seq] = Row(seq, *note)


class Dock:
    """An outbox, its drain and its link, as a gateway has them. `found`: rows that are there at the start."""

    def __init__(
        self,
        settings: Mqtt,
        password: str | None = None,
        ack_topic: str | None = None,
        rate: float | None = None,
        found: int = 0,
    ) -> None:
        self.outbox = MemoryOutbox()
        self.outbox.add(found)
        self.counters = Counters()
        self.drain = Drain(self.outbox, self.counters, ack_topic, rate=rate)
        self.retained = Retained(self.counters)
        self.link = make_link(settings, [self.retained.serve, self.drain.serve], password=password)
        self.states: list[LinkState] = []
        self.changed = asyncio.Event()

    def report(self, state: LinkState) -> None:
        self.states.append(state)
        self.changed.set()

    async def until_drained(self, timeout_s: float = 10.0) -> None:
        await self.until_rows(0, timeout_s)

    async def until_rows(self, count: int, timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while len(self.outbox.rows) != count:  # rows leave in a callback without an event
                await asyncio.sleep(0.01)

    async def until_counted(self, reason: str, count: int, timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while self.counters.get("mqtt", reason) < count:  # as above
                await asyncio.sleep(0.01)

    async def until_reason(self, words: str, timeout_s: float = 10.0) -> LinkState:
        async with asyncio.timeout(timeout_s):
            while True:
                self.changed.clear()
                for state in self.states:
                    if words in state.reason:
                        return state
                await self.changed.wait()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Under the supervisor, as in the gateway."""
        task = asyncio.create_task(keep(self.link, QUICK, self.report))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


def events(heard: list[Heard]) -> list[int]:
    return [int(message.payload) for message in heard if message.topic.startswith("edgegw/v1/dc-1/gw/evt")]


async def test_backlog_and_fresh_events_arrive_in_order(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port))
    dock.outbox.add(1500)
    async with Listener(mosquitto.port) as listener, dock.kept():
        await listener.until(lambda heard: len(heard) > 700)
        dock.outbox.add(500)
        await dock.until_drained()
        await listener.until(lambda heard: len(heard) >= 2000)
    assert events(listener.heard) == list(range(1, 2001))
    assert dock.counters.get("mqtt", "published") == 2000


async def test_quiet_drain_is_prompt_and_does_not_spin(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port))
    loop = asyncio.get_running_loop()
    async with Listener(mosquitto.port) as listener, dock.kept():
        for number in range(1, 21):
            await asyncio.sleep(0.02)
            start_s = loop.time()
            dock.outbox.add(1)
            await listener.until(lambda heard, n=number: len(heard) == n)  # type: ignore[misc]
            assert loop.time() - start_s < 0.2
        before = dock.outbox.reads
        await asyncio.sleep(0.3)
        assert dock.outbox.reads - before <= 2
    assert dock.outbox.reads < 70


async def test_a_limited_backlog_starves_no_fresh_events(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port), rate=100)
    dock.outbox.add(1000)
    loop = asyncio.get_running_loop()
    async with Listener(mosquitto.port) as listener, dock.kept():
        await listener.until(lambda heard: len(heard) > 5)
        start_s, old = loop.time(), len(listener.heard)
        for fresh in range(1001, 1011):
            dock.outbox.add(1)
            asked_s = loop.time()
            await listener.until(lambda heard, n=fresh: n in events(heard))  # type: ignore[misc]
            assert loop.time() - asked_s < 1.0  # the backlog takes ten
        await asyncio.sleep(0.5)
        rate = (len(listener.heard) - 10 - old) / (loop.time() - start_s)
        order = events(listener.heard)
    assert 20 < rate <= 120
    assert [seq for seq in order if seq <= 1000] == list(range(1, len(order) - 9))
    assert [seq for seq in order if seq > 1000] == list(range(1001, 1011))


async def test_a_limited_backlog_ends_and_nothing_waits_any_more(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port), rate=200)
    dock.outbox.add(50)
    async with Listener(mosquitto.port) as listener, dock.kept():
        await dock.until_drained()
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        dock.outbox.add(500)
        await dock.until_drained()
        assert loop.time() - start_s < 1.5  # fresh events have no limit
        await listener.until(lambda heard: len(heard) == 550)
    assert events(listener.heard) == list(range(1, 551))


async def test_broker_killed_half_way_loses_nothing(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port))
    async with Listener(mosquitto.port) as listener, dock.kept():
        for start in (0, 1000):
            dock.outbox.add(1000)
            await listener.until(lambda heard, s=start: len(heard) > s + 300)  # type: ignore[misc]
            await asyncio.to_thread(mosquitto.kill)
            await asyncio.to_thread(mosquitto.start)
        await dock.until_drained(20)
        await listener.until(lambda heard: len(set(events(heard))) == 2000, 5)
    order = list(dict.fromkeys(events(listener.heard)))
    assert order == list(range(1, 2001))
    assert len(events(listener.heard)) - 2000 <= 2 * 100  # at most a window again for each kill


async def test_frozen_broker_costs_a_window_of_repeats_at_most(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgegw.publish.mqtt.STALL_S", 0.5)
    dock = Dock(mqtt(mosquitto.port))
    async with Listener(mosquitto.port) as listener, dock.kept():
        dock.outbox.add(300)
        await listener.until(lambda heard: len(heard) > 100)
        mosquitto.freeze()
        dock.outbox.add(300)
        await dock.until_reason("does not acknowledge")
        mosquitto.thaw()
        await dock.until_drained()
        await listener.until(lambda heard: len(set(events(heard))) == 600)
    assert list(dict.fromkeys(events(listener.heard))) == list(range(1, 601))
    assert len(events(listener.heard)) - 600 <= 100


async def test_nobody_listens_holds_everything_in_order(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest row that nobody subscribes to holds all others, of other topics too: one order for all."""
    monkeypatch.setattr(flow, "RETRY_S", 0.2)
    dock = Dock(mqtt(mosquitto.port))
    unheard = "edgegw/v1/dc-1/gw/evt/unheard"
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        dock.outbox.add(300, unheard)
        dock.outbox.add(50)
        await dock.until_counted("kept_no_subscriber", 5)
        assert len(dock.outbox.rows) == 350
        assert dock.counters.get("mqtt", "published") == 0
        assert unheard in dock.drain.troubles()["unheard"]
        reads = dock.outbox.reads
        await asyncio.sleep(0.5)
        assert dock.outbox.reads - reads <= 5
        async with Listener(mosquitto.port, "edgegw/v1/dc-1/gw/evt/#") as late:
            await late.until(lambda heard: len(heard) == 350)
            assert events(late.heard) == list(range(1, 351))
        await dock.until_drained()
        assert dock.drain.troubles() == {}
    assert events(listener.heard) == list(range(301, 351))
    assert dock.outbox.parked == {}


async def test_what_follows_a_kept_row_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window is in flight when the broker begins to say 0x10: what it took of it is not sent again."""
    monkeypatch.setattr(flow, "RETRY_S", 0.05)
    seen: list[int] = []

    async def forget_the_fifth_twice(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        while True:
            identifier, payload = await peer.publish()
            seen.append(int(payload)) if payload != OFFLINE[1] else None
            peer.send(puback(identifier, 0x10 if seen.count(5) < 3 and seen[-1] == 5 else 0))

    async with scripted(forget_the_fifth_twice) as port:
        dock = Dock(mqtt(port, window=10))
        dock.outbox.add(100)
        async with dock.kept():
            await dock.until_drained()
    last_try = len(seen) - 1 - seen[::-1].index(5)
    before, after = seen[:last_try], seen[last_try + 1 :]
    assert len(seen) == 102
    assert len(before) <= 2 + 4 + 9  # two tries, what came before them, and the rest of the window
    assert after == sorted(after) == [seq for seq in range(6, 101) if seq not in before]


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    path = tmp_path / "passwords"
    tool = shutil.which("mosquitto_passwd")
    assert tool is not None
    subprocess.run([tool, "-b", "-c", path, "gw", "secret"], check=True)
    return path


async def test_denied_topic_refuses_the_link_and_is_delivered_once_allowed(tmp_path: Path, passwords: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\nuser gw\ntopic write edgegw/v1/dc-1/gw/status\n")
    with Mosquitto(tmp_path, f"password_file {passwords}\nacl_file {acl}\n") as broker:
        dock = Dock(mqtt(broker.port, username="gw"), password="secret")
        dock.outbox.add(250)
        async with Listener(broker.port) as listener, dock.kept():
            state = await dock.until_reason("does not let us publish")
            assert state.status == "refused"
            assert EVENT in state.reason
            assert len(dock.outbox.rows) == 250
            acl.write_text("topic read #\nuser gw\ntopic write edgegw/v1/dc-1/gw/#\n")
            assert broker._process is not None
            broker._process.send_signal(signal.SIGHUP)  # Mosquitto reads its access list again
            await dock.until_drained()
            await listener.until(lambda heard: len(events(heard)) >= 250)
    assert list(dict.fromkeys(events(listener.heard))) == list(range(1, 251))
    assert dock.outbox.parked == {}
    assert "secret" not in repr(dock.states)


async def test_event_larger_than_the_broker_says_is_parked_at_once(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, "max_packet_size 5000\n") as broker:
        dock = Dock(mqtt(broker.port))
        dock.outbox.add(5)
        dock.outbox.add(1, size=6000)
        dock.outbox.add(5)
        async with Listener(broker.port) as listener, dock.kept():
            await listener.until(lambda heard: len(heard) == 10)
            await dock.until_drained()
    assert dock.outbox.parked == {6: "packet too large"}
    assert dock.counters.get("mqtt", "parked_packet_too_large") == 1


def hasten_parking(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value_s in {"RETRY_S": 0.03, "AILING_RETRY_S": 0.1, "PARK_AFTER_S": 0.5}.items():
        monkeypatch.setattr(flow, name, value_s)


async def test_event_that_the_broker_does_not_take_is_parked_when_others_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasten_parking(monkeypatch)
    with Mosquitto(tmp_path, "message_size_limit 500\n") as broker:
        dock = Dock(mqtt(broker.port))
        dock.outbox.add(5)
        dock.outbox.add(1, size=600)
        dock.outbox.add(5)
        async with Listener(broker.port) as listener, dock.kept():
            await listener.until(lambda heard: len(heard) == 10)
            await dock.until_counted("published", 10)
            assert dock.outbox.parked == {}
            dock.outbox.add(1)
            await dock.until_drained()
    assert events(listener.heard) == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]
    assert dock.outbox.parked == {6: "packet too large"}


def dislike(payloads: set[bytes], code: int, seen: list[bytes]) -> Script:
    async def script(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        while True:
            identifier, payload = await peer.publish()
            seen.append(payload)
            peer.send(puback(identifier, code if payload in payloads else 0))

    return script


async def test_sick_rows_side_by_side_are_told_from_a_sick_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    hasten_parking(monkeypatch)
    seen: list[bytes] = []
    async with scripted(dislike({b"3", b"4", b"9"}, 0x83, seen)) as port:
        dock = Dock(mqtt(port))
        dock.outbox.add(12)
        async with dock.kept():
            await dock.until_counted("published", 9)
            await dock.until_drained()
    assert set(dock.outbox.parked) == {3, 4, 9}
    assert set(dock.outbox.parked.values()) == {"implementation specific error"}
    assert dock.counters.get("mqtt", "parked_implementation_specific_error") == 3
    assert seen.count(b"3") >= flow.TRIES + 3
    assert dock.drain.troubles() == {}


@pytest.mark.parametrize("code", [0x80, 0x83, 0x90, 0x95, 0x99, 0xFF])
async def test_a_broker_that_takes_nothing_parks_nothing(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hasten_parking(monkeypatch)
    payloads = {str(seq).encode() for seq in range(1, 31)}
    seen: list[bytes] = []
    async with scripted(dislike(payloads, code, seen)) as port:
        dock = Dock(mqtt(port))
        dock.outbox.add(30)
        async with dock.kept():
            await asyncio.sleep(1)
            assert dock.outbox.parked == {}
            assert len(dock.outbox.rows) == 30
            assert len(seen) < 60  # probes, no storm
            assert dock.drain.troubles()["unwanted"].startswith("the broker does not take ")
            payloads.clear()
            await dock.until_drained()
    assert dock.outbox.parked == {}


async def test_an_ailing_row_that_recovers_is_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    hasten_parking(monkeypatch)
    monkeypatch.setattr(flow, "PARK_AFTER_S", 60)
    sick, seen = {b"2"}, list[bytes]()
    async with scripted(dislike(sick, 0x80, seen)) as port:
        dock = Dock(mqtt(port))
        dock.outbox.add(5)
        async with dock.kept():
            await dock.until_counted("published", 4)
            async with asyncio.timeout(1):
                await dock.drain.drained()  # it waits for nothing that the broker does not take
            sick.clear()
            await dock.until_drained()


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ("05 27 00 00 00 01", "packets of at most 1 bytes: allow at least 4096"),
        ("05 27 00 00 0f ff", "packets of at most 4095 bytes"),
        ("02 24 00", "does not do QoS 1"),
        ("02 25 00", "does not keep retained messages"),
    ],
)
async def test_broker_that_lacks_what_we_need_is_refused_and_parks_nothing(properties: str, sentence: str) -> None:
    body = bytes.fromhex("00 00" + properties)

    async def lack(peer: Peer) -> None:
        await peer.connect()
        peer.send(bytes((0x20, len(body))) + body)
        await peer.packet()

    async with scripted(lack) as port:
        dock = Dock(mqtt(port))
        dock.outbox.add(3)
        async with dock.kept():
            state = await dock.until_reason(sentence)
    assert state.status == "refused"
    assert len(dock.outbox.rows) == 3


async def test_no_row_is_twice_in_flight_on_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come late and some say quota, so that the drain goes back again and again."""
    monkeypatch.setattr(flow, "RETRY_S", 0.02)
    flying: set[bytes] = set()
    most = 0

    async def hesitate(peer: Peer) -> None:
        nonlocal most
        await peer.connect()
        peer.send(CONNACK)
        count = 0
        waiting: list[tuple[int, bytes]] = []
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    identifier, payload = await peer.publish()
                    assert payload not in flying
                    flying.add(payload)
                    most = max(most, len(flying))
                    waiting.append((identifier, payload))
                    if len(waiting) < 10:
                        continue
            for identifier, payload in waiting:
                count += 1
                flying.discard(payload)
                peer.send(puback(identifier, 0x97 if count % 7 == 3 else 0))
            waiting.clear()

    async with scripted(hesitate) as port:
        dock = Dock(mqtt(port, window=20))
        for number in range(120):
            dock.outbox.add(1, f"{EVENT}/{number % 3}")
        async with dock.kept():
            await dock.until_drained()
    assert most <= 20
    assert len(dock.states) == 3  # connecting, up, stopped: one connection did it all
    assert dock.counters.get("mqtt", "kept_quota_exceeded") > 10


async def test_stop_does_not_wait_for_a_subscriber(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port))
    dock.outbox.add(10)
    async with dock.kept():
        await dock.until_counted("kept_no_subscriber", 1)
        async with asyncio.timeout(0.5):
            await dock.drain.drained()
    assert len(dock.outbox.rows) == 10


async def test_stop_drains_what_is_committed(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port))
    async with Listener(mosquitto.port) as listener:
        await dock.drain.drained()  # no link: nothing to wait for
        async with dock.kept():
            dock.outbox.add(1)
            await dock.until_drained()
            dock.outbox.add(300)
            async with asyncio.timeout(5):
                await dock.drain.drained()
            assert dock.outbox.rows == {}
        await listener.until(lambda heard: heard[-1:] == [Heard(*OFFLINE, False)])


# --- retained documents ---


async def test_retained_documents_come_back_with_each_link(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port))
    reader = "edgegw/v1/dc-1/gw/reader/dock-1"
    dock.retained.set(STATUS, b"online")
    for number in range(50):
        dock.retained.set(reader, b"state %d" % number)
    async with Listener(mosquitto.port) as listener:
        async with dock.kept():
            await listener.until(lambda heard: len(heard) == 2)
            assert listener.payloads == [b"online", b"state 49"]  # the latest, once
            dock.retained.set(reader, b"state 49")  # no change
            dock.retained.set(reader, b"state 50")
            await dock.retained.settled()
            assert dock.counters.get("mqtt", "retained_published") == 3
            await listener.until(lambda heard: len(heard) == 3)
            assert listener.payloads[2:] == [b"state 50"]
            listener.heard.clear()
            await asyncio.to_thread(mosquitto.kill)
            (Path(mosquitto._store) / "mosquitto.db").unlink(missing_ok=True)
            await asyncio.to_thread(mosquitto.start)
            await dock.until_counted("retained_published", 3 + 2)
        async with Listener(mosquitto.port) as late:
            await late.until(lambda heard: len(heard) == 2)
            assert sorted(late.heard) == [(reader, b"state 50", True), (*OFFLINE, True)]


async def test_denied_document_does_not_stop_the_events() -> None:
    async def deny_documents(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        while True:
            identifier, payload = await peer.publish()
            peer.send(puback(identifier, 0x87 if payload == b"online" else 0))

    async with scripted(deny_documents) as port:
        dock = Dock(mqtt(port))
        dock.retained.set(STATUS, b"online")
        dock.outbox.add(50)
        async with dock.kept():
            await dock.until_drained()
    assert dock.counters.get("mqtt", "retained_failed_not_authorised") == 1
    assert [state.status for state in dock.states] == ["connecting", "up", "stopped"]


async def test_denial_waits_for_what_is_in_flight() -> None:
    async def deny_the_first(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        peer.send(puback((await peer.publish())[0]))  # the probe
        identifiers = [(await peer.publish())[0] for _ in range(10)]
        peer.send(puback(identifiers[0], 0x87))
        await asyncio.sleep(0.05)
        peer.send(b"".join(map(puback, identifiers[1:])))
        await peer.packet()

    async with scripted(deny_the_first) as port:
        dock = Dock(mqtt(port, window=10))
        dock.outbox.add(11)
        with pytest.raises(LinkRefused, match="does not let us publish"):
            await fails(dock.link)
    assert list(dock.outbox.rows) == [2]


async def test_service_that_breaks_surfaces(mosquitto: Mosquitto) -> None:
    """A bug is not taken for a lost link."""

    async def broken(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails(make_link(mqtt(mosquitto.port), [broken]))
    async with linked(make_link(mqtt(mosquitto.port))):
        pass


# --- delivery.confirm: central ---

ACK = "edgegw/v1/dc-1/gw/ack"


def hasten_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RESEND_S": 0.3, "RESEND_MAX_S": 5.0, "SETTLE_S": 0.1, "WINDOW": 50}.items():
        monkeypatch.setattr(confirmation, name, value)


def ack(seq: object, epoch: object = EPOCH, **more: object) -> bytes:
    return json.dumps({"epoch": epoch, "seq": seq, **more}).encode()


async def test_without_confirmation_a_window_is_sent_then_the_oldest_ever_more_seldom(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasten_confirmation(monkeypatch)
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(120)
    loop = asyncio.get_running_loop()
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        at_s = []
        for count in (50, 51, 52, 53):
            await listener.until(lambda heard, n=count: len(heard) == n)  # type: ignore[misc]
            at_s.append(loop.time())
        assert "no central system confirms" in dock.drain.troubles()["unconfirmed"]
        async with asyncio.timeout(0.5):
            await dock.drain.drained()  # a stop does not wait for what is not sent
        assert [round((later - at) / 0.3) for at, later in pairwise(at_s)] == [1, 2, 4]
        listener.publish(ACK, ack(1))  # it is back, and has the first only
        await listener.until(lambda heard: len(heard) >= 53 + 49)
        assert dock.drain.troubles() == {}
    window = list(range(1, 51))
    heard = events(listener.heard)
    assert heard[:53] == [*window, 1, 1, 1]
    assert sorted(heard[53:102]) == [*range(2, 51)] or set(heard[53:102]) == {*range(2, 52)} - {50}


async def test_confirmed_rows_leave_and_make_room(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    hasten_confirmation(monkeypatch)
    monkeypatch.setattr(confirmation, "RESEND_S", 5)
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(120)
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        for sent, confirmed in ((50, 20), (70, 70), (120, 119)):
            await listener.until(lambda heard, n=sent: len(heard) == n)  # type: ignore[misc]
            listener.publish(ACK, ack(confirmed), retain=True)
            await dock.until_rows(120 - confirmed)
        dock.outbox.add(1)
        await listener.until(lambda heard: len(heard) == 121)
        listener.publish(ACK, ack(121), retain=True)
        await dock.until_rows(0)
    assert events(listener.heard) == list(range(1, 122))
    assert dock.counters.get("mqtt", "acks") == 4


async def test_what_is_confirmed_beyond_a_gap_is_not_sent_again(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the gateway that sent it, nor by one that has been started since."""
    hasten_confirmation(monkeypatch)
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(50)
    async with Listener(mosquitto.port, EVENT) as listener:
        async with dock.kept():
            await listener.until(lambda heard: len(heard) == 50)
            listener.publish(ACK, ack(10, beyond=[[13, 20], [22, 50]]), retain=True)
            await dock.until_rows(3)
        again = Dock(mqtt(mosquitto.port), ack_topic=ACK, found=50)
        async with again.kept():
            await again.until_rows(3)
            await listener.until(lambda heard: len(heard) >= 53)
    assert events(listener.heard)[50:53] == [11, 12, 21]


async def test_a_kept_acknowledgement_of_later_events_betrays_an_old_copy(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(5)
    async with Listener(mosquitto.port, EVENT) as listener:
        listener.publish(ACK, ack(9), retain=True)
        async with dock.kept():
            await listener.until(lambda heard: len(heard) == 5)
            assert dock.outbox.epoch == "NEW"
            listener.publish(ACK, ack(99, "NEW"), retain=True)  # once something was sent, that is a lie
            await dock.until_counted("acks_of_unknown_events", 2)
    assert dock.outbox.epoch == "NEW"
    assert len(dock.outbox.rows) == 5


async def test_an_acknowledgement_said_now_begins_no_epoch(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(5)
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        await listener.until(lambda heard: len(heard) == 5)
        listener.publish(ACK, ack(9))
        await dock.until_counted("acks_of_unknown_events", 1)
    assert dock.outbox.epoch == EPOCH


async def test_a_journal_that_is_an_old_copy_keeps_what_is_new(mosquitto: Mosquitto) -> None:
    """The central system has events 6 to 9 of the epoch, which are others than those that were decided since."""
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK, found=5)
    dock.outbox.add(10)
    async with Listener(mosquitto.port, EVENT) as listener:
        listener.publish(ACK, ack(9), retain=True)
        async with dock.kept():
            await listener.until(lambda heard: len(heard) == 15)
            assert dock.drain.troubles() == {}
    assert dock.outbox.epoch == "NEW"
    assert len(dock.outbox.rows) == 15


@pytest.mark.parametrize(("seq", "is_epoch_young"), [(10**18, False), (6 + drain.REACH, False), (9, True)])
async def test_a_kept_acknowledgement_that_cannot_be_true_begins_no_epoch(
    mosquitto: Mosquitto, seq: int, is_epoch_young: bool
) -> None:
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK, found=5)
    dock.outbox.is_epoch_young = is_epoch_young
    async with Listener(mosquitto.port, EVENT) as listener:
        listener.publish(ACK, ack(seq), retain=True)
        async with dock.kept():
            await listener.until(lambda heard: len(heard) == 5)
            assert f"an acknowledgement of event {seq}, which" in dock.drain.troubles()["disbelieved"]
            assert dock.outbox.epoch == EPOCH
            assert len(dock.outbox.rows) == 5
            listener.publish(ACK, ack(5), retain=True)
            await dock.until_rows(0)
            assert dock.drain.troubles() == {}


async def test_an_acknowledgement_of_what_was_not_sent_changes_nothing(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take events along that no central system has."""
    hasten_confirmation(monkeypatch)
    monkeypatch.setattr(confirmation, "RESEND_S", 60)
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(120)
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        await listener.until(lambda heard: len(heard) == 50)
        for count, lie in enumerate((ack(120), ack(51), ack(10, beyond=[[20, 51]])), start=1):
            listener.publish(ACK, lie)
            await dock.until_counted("acks_of_unknown_events", count)
        assert len(dock.outbox.rows) == 120
        listener.publish(ACK, ack(50))
        await listener.until(lambda heard: len(heard) == 100)
        assert len(dock.outbox.rows) == 70


async def test_a_flood_of_scattered_acknowledgements_holds_up_nothing(mosquitto: Mosquitto) -> None:
    """As many runs as may be, of as many events as may wait: the last one counts, some times a second."""
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(confirmation.WINDOW)
    loop = asyncio.get_running_loop()
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        await listener.until(lambda heard: len(heard) == confirmation.WINDOW)
        start_s = loop.time()
        for through in range(300):
            beyond = [[seq, seq] for seq in range(1999, 1999 - 2 * confirmation.RANGES, -2)]
            listener.publish(ACK, ack(through, beyond=beyond))
        await dock.until_counted("acks", 300)
        await dock.until_rows(confirmation.WINDOW - 299 - confirmation.RANGES)
        took_s = loop.time() - start_s
    assert dock.outbox.confirms <= took_s / drain.SETTLE_S + 2
    assert len(dock.states) == 3


async def test_what_was_heard_last_counts_though_the_link_ends(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "SETTLE_S", 60.0)
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(30)
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        await listener.until(lambda heard: len(heard) == 30)
        for count, seq in enumerate((10, 20), start=1):
            listener.publish(ACK, ack(seq))
            await dock.until_counted("acks", count)
        await dock.until_rows(20)
    assert len(dock.outbox.rows) == 10


async def test_the_kept_acknowledgement_is_heard_before_anything_is_sent(mosquitto: Mosquitto) -> None:
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK, found=30)
    async with Listener(mosquitto.port, EVENT) as listener:
        listener.publish(ACK, ack(20), retain=True)
        async with dock.kept():
            await listener.until(lambda heard: len(heard) == 10)
    assert events(listener.heard) == list(range(21, 31))


async def test_what_a_killed_broker_lost_is_sent_again(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    hasten_confirmation(monkeypatch)
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    async with dock.kept():
        async with Listener(mosquitto.port, EVENT) as listener:
            dock.outbox.add(40)
            await listener.until(lambda heard: len(heard) == 40)
            listener.publish(ACK, ack(10), retain=True)
            await dock.until_rows(30)
        await asyncio.to_thread(mosquitto.kill)  # with 11 to 40, which it has acknowledged
        await asyncio.to_thread(mosquitto.start)
        async with Listener(mosquitto.port, EVENT) as listener:
            await listener.until(lambda heard: events(heard) == [11])
            listener.publish(ACK, ack(11), retain=True)
            await listener.until(lambda heard: events(heard) == list(range(11, 41)))
            listener.publish(ACK, ack(40), retain=True)
            await dock.until_rows(0)


@pytest.mark.parametrize(
    ("payload", "counter"),
    [
        (b"", "acks_unreadable"),
        (b"[" * 900, "acks_unreadable"),
        (b"{" * 60_000, "acks_unreadable"),
        (b'{"epoch": 1, "seq": 1}', "acks_unreadable"),
        (ack(True), "acks_unreadable"),
        (ack(1.0), "acks_unreadable"),
        (ack(-1), "acks_unreadable"),
        (ack("5"), "acks_unreadable"),
        (b'{"epoch": "E", "seq": 1' + b"0" * 5000 + b"}", "acks_unreadable"),
        (b"\xff\xfe", "acks_unreadable"),
        (ack(1, beyond=[3, 4]), "acks_unreadable"),
        (ack(1, beyond=[[3, 4, 5]]), "acks_unreadable"),
        (ack(1, beyond=[["3", 4]]), "acks_unreadable"),
        (ack(1, beyond=[[3, 4]] * 257), "acks_unreadable"),
        (ack(1, beyond=7), "acks_unreadable"),
        (ack(1, beyond=[[3, 31]]), "acks_of_unknown_events"),
        (ack(5, "another"), "acks_of_unknown_events"),
        (ack(31), "acks_of_unknown_events"),
        (ack(2**70), "acks_of_unknown_events"),
    ],
)
async def test_hostile_acknowledgements_are_counted(mosquitto: Mosquitto, payload: bytes, counter: str) -> None:
    dock = Dock(mqtt(mosquitto.port), ack_topic=ACK)
    dock.outbox.add(30)
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        await listener.until(lambda heard: len(heard) == 30)
        listener.publish(ACK, payload)
        await dock.until_counted(counter, 1)
        assert len(dock.outbox.rows) == 30
        listener.publish(ACK, ack(30))
        await dock.until_rows(0)
    assert len(dock.states) == 3  # the link stood it


async def test_not_being_allowed_to_hear_acknowledgements_is_named() -> None:
    async def deny(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        kind, body = await peer.packet()
        assert (kind, body[3:-1]) == (8, len(ACK).to_bytes(2, "big") + ACK.encode())
        peer.send(bytes((0x90, 4)) + body[:2] + b"\0\x87")
        await peer.packet()

    async with scripted(deny) as port:
        dock = Dock(mqtt(port), ack_topic=ACK)
        dock.outbox.add(5)
        async with dock.kept():
            state = await dock.until_reason("does not let us subscribe")
    assert state.status == "refused"
    assert ACK in state.reason
    assert len(dock.outbox.rows) == 5


async def test_a_parked_row_has_a_note_sent_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the same number, so that nobody waits for it."""
    hasten_parking(monkeypatch)
    body = json.dumps({"id": f"gw:{EPOCH}:2", "gateway": "gw", "epoch": EPOCH, "seq": 2, "type": "edgegw.x.v1"})
    seen: list[bytes] = []
    async with scripted(dislike({body.encode()}, 0x99, seen)) as port:
        dock = Dock(mqtt(port))
        dock.outbox.add(5)
        dock.outbox.rows[2] = Row(2, EVENT, body.encode())
        async with dock.kept():
            await dock.until_drained()
    assert dock.outbox.parked == {2: "payload format invalid"}
    note = json.loads(seen[-2])  # the last is the goodbye
    assert (note["seq"], note["type"]) == (2, "edgegw.skipped.v1")
    assert note["data"] == {"reason": "payload format invalid", "type": "edgegw.x.v1"}
