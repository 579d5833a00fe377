"""The drain against a real Mosquitto (and scripted peers), from an outbox in memory that keeps its contract."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from edgegw import drain as drain_module
from edgegw.config.model import Mqtt
from edgegw.core.counters import Counters
from edgegw.drain import Drain
from edgegw.errors import LinkRefused
from edgegw.publish.retained import Retained
from edgegw.supervise import Backoff, LinkState, keep
from tests.mosquitto import Mosquitto
from tests.publish.link import EVENT, OFFLINE, STATUS, fails, linked, make_link, mqtt
from tests.publish.listener import Heard, Listener
from tests.publish.peer import CONNACK, Peer, puback, scripted

QUICK = Backoff(first_s=0.1, cap_s=0.2)


class Row(NamedTuple):
    seq: int
    topic: str
    payload: bytes


class MemoryOutbox:
    """Keeps the contract of `edgegw.drain.Outbox` without a disk."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.parked: dict[int, str] = {}
        self.last_seq = 0
        self.reads = 0
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

    def mark_published(self, seq: int) -> None:
        del self.rows[seq]

    def park(self, seq: int, reason: str) -> None:
        del self.rows[seq]
        self.parked[seq] = reason


class Dock:
    """An outbox, its drain and its link, as a gateway has them."""

    def __init__(self, settings: Mqtt, password: str | None = None) -> None:
        self.outbox = MemoryOutbox()
        self.counters = Counters()
        self.drain = Drain(self.outbox, self.counters)
        self.retained = Retained(self.counters)
        self.link = make_link(settings, [self.retained.serve, self.drain.serve], password=password)
        self.states: list[LinkState] = []
        self.changed = asyncio.Event()

    def report(self, state: LinkState) -> None:
        self.states.append(state)
        self.changed.set()

    async def until_drained(self, timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while self.outbox.rows:  # rows leave in a callback without an event
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


async def test_nobody_listens_holds_that_topic_only(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "RETRY_S", 0.2)
    dock = Dock(mqtt(mosquitto.port))
    async with Listener(mosquitto.port, EVENT) as listener, dock.kept():
        dock.outbox.add(700, "edgegw/v1/dc-1/gw/evt/unheard")
        dock.outbox.add(50)
        await dock.until_counted("published", 50)
        assert len(dock.outbox.rows) == 700
        kept = dock.counters.get("mqtt", "kept_no_subscriber")
        assert kept <= 100 + 5  # a window, and a probe now and then: not one attempt per row
        dock.outbox.add(50)
        await listener.until(lambda heard: len(heard) == 100)
        reads = dock.outbox.reads
        await asyncio.sleep(0.5)
        assert dock.outbox.reads - reads <= 10
        async with Listener(mosquitto.port, "edgegw/v1/dc-1/gw/evt/unheard") as late:
            await late.until(lambda heard: len(heard) == 700)
            assert events(late.heard) == list(range(1, 701))
        await dock.until_drained()
    assert events(listener.heard) == list(range(701, 801))
    assert dock.outbox.parked == {}


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


@pytest.mark.parametrize("limit", ["max_packet_size 500", "message_size_limit 500"])
async def test_event_that_the_broker_never_takes_is_parked(tmp_path: Path, limit: str) -> None:
    with Mosquitto(tmp_path, limit + "\n") as broker:
        dock = Dock(mqtt(broker.port))
        dock.outbox.add(5)
        dock.outbox.add(1, size=600)
        dock.outbox.add(5)
        async with Listener(broker.port) as listener, dock.kept():
            await listener.until(lambda heard: len(heard) == 10)
            await dock.until_drained()
    assert dock.outbox.parked == {6: "packet too large"}
    assert dock.counters.get("mqtt", "parked_packet_too_large") == 1


async def test_unexplained_failure_is_tried_and_then_parked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "RETRY_S", 0.05)
    seen: list[int] = []

    async def dislike_the_third(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        while True:
            identifier, payload = await peer.publish()
            if payload != OFFLINE[1]:
                seen.append(int(payload))
            peer.send(puback(identifier, 0x83 if payload == b"3" else 0))

    async with scripted(dislike_the_third) as port:
        dock = Dock(mqtt(port))
        dock.outbox.add(6)
        async with dock.kept():
            await dock.until_drained()
    assert dock.outbox.parked == {3: "implementation specific error"}
    assert seen.count(3) == drain_module.TRIES
    assert sorted(set(seen)) == [1, 2, 3, 4, 5, 6]


async def test_no_row_is_twice_in_flight_on_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come late and some say quota, so that the drain goes back again and again."""
    monkeypatch.setattr(drain_module, "RETRY_S", 0.02)
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
        identifiers = [(await peer.publish())[0] for _ in range(10)]
        peer.send(puback(identifiers[0], 0x87))
        await asyncio.sleep(0.05)
        peer.send(b"".join(map(puback, identifiers[1:])))
        await peer.packet()

    async with scripted(deny_the_first) as port:
        dock = Dock(mqtt(port, window=10))
        dock.outbox.add(10)
        with pytest.raises(LinkRefused, match="does not let us publish"):
            await fails(dock.link)
    assert list(dock.outbox.rows) == [1]


async def test_service_that_breaks_surfaces(mosquitto: Mosquitto) -> None:
    """A bug is not taken for a lost link."""

    async def broken(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails(make_link(mqtt(mosquitto.port), [broken]))
    async with linked(make_link(mqtt(mosquitto.port))):
        pass
