"""Commands and acknowledgements of central systems: right as MQTT, hostile in what they say.

Over TCP into the gateway's own link, with its drain, its commands and a journal behind it. After each burst comes a
valid command that must be answered: no payload may cost the link, or a command.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from unittest.mock import patch

import structlog

from bench.fuzz.mutations import mutate
from bench.fuzz.tally import Growth, Tally, sentence
from edgegw import remote
from edgegw.commands import Commands
from edgegw.config.model import JournalSettings, Mqtt
from edgegw.core.counters import Counters
from edgegw.drain import Drain
from edgegw.publish.link import MqttLink
from edgegw.remote import Remote
from edgegw.store.journal import Journal
from edgegw.supervise import Backoff, LinkState, keep
from tests.publish.peer import CONNACK, Peer

BASE = "edgegw/v1/fuzz/gw"
COMMAND, REPLY, ACK = f"{BASE}/cmd/resend", f"{BASE}/cmd/resend/reply", f"{BASE}/ack"
EVENTS = 20
BURST = 100
PATIENCE_S = 10.0
OFFLINE = (f"{BASE}/status", b'{"online":false}')
DEEP = (10, 900, 950, 970, 980, 985, 990, 995, 1000, 2000)
"""Levels of JSON in JSON: Python's limit is near 1000, less what calls are open."""
ODD = (
    "null", "true", "-1", "0", "1e999", "NaN", "9223372036854775808", "1" + "0" * 3000, '"\\ud800"', "[]", "{}",
    '"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '"2026-11-21"', "[[1,2,3]]", '[["a",1]]',
)  # fmt: skip
PUBACKS = (0, 0, 0, 0, 0, 0x10, 0x80, 0x83, 0x97, 0x99, 0x42)


class Payloads:
    """Commands and acknowledgements, a few of them right."""

    def __init__(self, journal: Journal, rng: random.Random) -> None:
        self._journal = journal
        self._rng = rng
        self._number = 0

    def command(self) -> bytes:
        """One that will be answered: with what was done, or that the one before is not done yet."""
        self._number += 1
        document = {"id": f"c-{self._number}", "time": datetime.now(UTC).isoformat(), "epoch": self._journal.epoch}
        return json.dumps({**document, "from": 1, "to": self._rng.randint(1, EVENTS)}).encode()

    def ack(self) -> bytes:
        first = self._rng.randint(0, EVENTS)
        beyond = [[first + 2, EVENTS]] if first + 2 <= EVENTS else []
        return json.dumps({"epoch": self._journal.epoch, "seq": first, "beyond": beyond}).encode()

    def hostile(self) -> tuple[str, bytes]:
        """Topic and payload."""
        topic = self._rng.choice((COMMAND, COMMAND, ACK, ACK, f"{BASE}/cmd/{self._rng.randbytes(3).hex()}", REPLY))
        valid = self.ack() if topic == ACK else self.command()
        return topic, self._damage(valid)

    def _damage(self, valid: bytes) -> bytes:
        match self._rng.randrange(10):
            case 0:
                return valid
            case 1:
                return self._rng.randbytes(self._rng.choice((0, 1, 30, 5000)))
            case 2:
                return self._with_odd_value(valid)
            case 3:
                return self._with_odd_value(valid, self._deep())
            case _:
                return mutate([valid], self._rng)

    def _with_odd_value(self, valid: bytes, odd: str | None = None) -> bytes:
        """One of its values is another."""
        document = json.loads(valid)
        key = self._rng.choice([*document, "new"])
        text = odd or self._rng.choice(ODD)
        rest = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in document.items() if name != key]
        return ("{" + ", ".join([*rest, f"{json.dumps(key)}: {text}"]) + "}").encode()

    def _deep(self) -> str:
        levels = max(1, self._rng.choice(DEEP) - self._rng.randrange(40))
        return "[" * levels + "]" * levels if self._rng.random() < 0.5 else '{"a":' * levels + "1" + "}" * levels


class HostileBroker:
    """Sends `count` inputs over the connection that it gets. `done`: all are sent, or one has done harm."""

    def __init__(self, count: int, payloads: Payloads, rng: random.Random, tally: Tally, growth: Growth) -> None:
        self.done = asyncio.Event()
        self._count = count
        self._payloads = payloads
        self._rng = rng
        self._tally = tally
        self._growth = growth
        self._replied: dict[str, asyncio.Event] = {}
        self._subscribed: set[str] = set()
        self._ready = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection, from CONNECT to its end."""
        answering = asyncio.create_task(self._answer(reader, writer))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._either(self._ready, answering)
            while not self.done.is_set():
                await self._burst(writer, answering)
        except TimeoutError:
            self._fail("a valid command was not answered")
        finally:
            answering.cancel()
            await asyncio.wait([answering])
            writer.transport.abort()

    async def _burst(self, writer: asyncio.StreamWriter, answering: asyncio.Task[None]) -> None:
        packets = [publish(*self._payloads.hostile(), retain=self._rng.random() < 0.1) for _ in range(BURST)]
        await self._send(writer, packets, answering)
        if answering.done():
            self._fail("a payload cost the connection")
        elif self._tally.inputs >= self._count:
            self.done.set()

    async def _send(self, writer: asyncio.StreamWriter, packets: list[bytes], answering: asyncio.Task[None]) -> None:
        """With a valid command behind them, and wait for its reply."""
        for _ in packets:
            self._growth.step()
        self._tally.inputs += len(packets)
        command = self._payloads.command()
        replied = self._replied.setdefault(json.loads(command)["id"], asyncio.Event())
        try:
            writer.write(b"".join(packets) + publish(COMMAND, command))
            await writer.drain()
            async with asyncio.timeout(PATIENCE_S):
                await self._either(replied, answering)
        except ConnectionError:
            await asyncio.wait([answering])
        self._replied.clear()

    async def _either(self, happens: asyncio.Event, answering: asyncio.Task[None]) -> None:
        waiting = asyncio.create_task(_wait(happens))
        try:
            await asyncio.wait([waiting, answering], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])

    def _fail(self, what: str) -> None:
        self._tally.failures.append(f"{what} after {self._tally.inputs} inputs")
        self.done.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What a broker says to what the gateway sends; ends with the connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            peer = Peer(reader, writer)
            while True:
                kind, body = await peer.packet()
                match kind:
                    case 1:
                        writer.write(CONNACK)
                    case 3:
                        self._hear_publish(body, writer)
                    case 8:
                        self._hear_subscribe(body, writer)
                    case 14:
                        return

    def _hear_publish(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        end = 2 + int.from_bytes(body[:2])
        topic, payload = body[2:end].decode(), body[end + 3 + body[end + 2] :]
        writer.write(b"\x40\x03" + body[end : end + 2] + bytes([self._rng.choice(PUBACKS)]))
        if topic == REPLY:
            reply = json.loads(payload)
            waiting = self._replied.get(str(reply.get("id")))
            if waiting:
                waiting.set()
            if waiting or "error" not in reply:
                self._tally.accepted += 1
            else:
                self._tally.refused[f"a command is refused with {sentence(reply['error'])}"] += 1

    def _hear_subscribe(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        start = 3 + body[2]
        topic = body[start + 2 : start + 2 + int.from_bytes(body[start : start + 2])].decode()
        writer.write(b"\x90\x04" + body[:2] + b"\x00\x01")
        if topic == ACK:
            writer.write(publish(ACK, self._payloads.ack(), retain=True))
        self._subscribed.add(topic)
        if self._subscribed >= {ACK, COMMAND}:
            self._ready.set()


async def over_mqtt(count: int, rng: random.Random) -> Tally:
    """All inputs into one gateway's link."""
    tally, growth, counters = Tally("mqtt"), Growth(count), Counters()
    with tempfile.TemporaryDirectory() as folder, unlimited(), unprinted():
        settings = JournalSettings(path=Path(folder) / "journal.db", commit_ms=10)
        async with Journal.opened(settings, "gw", counters, time.time) as journal:
            broker = HostileBroker(count, Payloads(journal, rng), rng, tally, growth)
            await _attack(journal, counters, broker, tally)
    tally.grown_mb = growth.mb()
    counted = counters.snapshot()["mqtt"]
    tally.refused.update({f"counted: {name}": number for name, number in counted.items() if name.startswith("ack")})
    return tally


@contextmanager
def unlimited() -> Iterator[None]:
    """Every command is looked at, however fast they come."""
    with patch.multiple(remote, PER_S=1e9, BURST=10_000):
        yield


@contextmanager
def unprinted() -> Iterator[None]:
    """Log lines are made, and go nowhere."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    try:
        yield
    finally:
        structlog.configure(**before)


async def _attack(journal: Journal, counters: Counters, broker: HostileBroker, tally: Tally) -> None:
    for _ in range(EVENTS):
        journal.add_event(partial(_event, journal))
    await journal.flush()
    drain = Drain(journal, counters, ACK)
    commands = Remote(BASE, ["resend"], Commands(journal, drain.send_again).do, counters)
    async with await asyncio.start_server(broker.talk, "127.0.0.1", 0) as server:
        settings = Mqtt.model_validate({"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1]})
        link = MqttLink(
            settings,
            client_id="gw",
            password=None,
            offline=OFFLINE,
            farewell=lambda: OFFLINE,
            services=[drain.serve, commands.serve],
        )
        tasks = [
            asyncio.create_task(journal.run()),
            asyncio.create_task(keep(link, Backoff(first_s=0.06, cap_s=0.06), partial(_note, tally))),
            asyncio.create_task(_wait(broker.done)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        broker.done.set()
        tally.failures += [repr(task.exception()) for task in tasks[:2] if task.done()]
        for task in reversed(tasks):
            task.cancel()
            await asyncio.wait([task])


async def _wait(done: asyncio.Event) -> None:
    await done.wait()


def _note(tally: Tally, state: LinkState) -> None:
    if state.status in ("down", "refused"):
        tally.refused[f"the link is {state.status}: {sentence(state.reason)}"] += 1


def _event(journal: Journal, seq: int) -> tuple[str, bytes]:
    document = {"id": f"gw:{journal.epoch}:{seq}", "gateway": "gw", "epoch": journal.epoch, "seq": seq}
    return f"{BASE}/evt/movement", json.dumps(document).encode()


def publish(topic: str, payload: bytes, *, retain: bool = False) -> bytes:
    """A PUBLISH packet of QoS 0 without properties (MQTT 5, 3.3).

    >>> publish("a", b"xy").hex(" ")
    '30 06 00 01 61 00 78 79'
    """
    body = len(topic).to_bytes(2) + topic.encode() + b"\0" + payload
    length, left = bytearray(), len(body)
    while left > 127:
        length.append(left & 127 | 128)
        left >>= 7
    return bytes([0x30 | retain]) + bytes([*length, left]) + body
