"""Decided -> committed FULL -> published QoS 1 -> acknowledged -> marked: `python -m bench.delivery`.

Events as the pipeline makes them, encoded, into a journal on a real disk, through the drain to a Mosquitto of its own,
until the journal has marked the last one and that is on disk. The peer is bare paho with its own thread, publishing
the same payloads to the same broker, a window of the same size in flight, and nothing else.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench import publish
from bench.broker import mosquitto
from bench.dock import BEGIN_T, INSIDE, OUTSIDE, new_pipeline, reads, settle
from bench.rounds import in_turn, median, times
from bench.table import Row, lines
from edgegw.config.model import JournalSettings, Mqtt
from edgegw.core.counters import Counters
from edgegw.core.event import Origin, OutgoingEvent, describe, encode
from edgegw.core.model import Movement
from edgegw.drain import Drain
from edgegw.ingest import rfc3339
from edgegw.publish.forms import Forms
from edgegw.publish.link import MqttLink
from edgegw.store.group import UnitState
from edgegw.store.journal import Journal

EVENTS = 10_000
WINDOW = 100
BATCH = 50
ORIGIN = Origin("edgegw", "bench", "gw-1")
SINGLE_TARGET, BATCH_TARGET_HZ = 0.5, 30_000.0
STATUS = ("bench/status", b"offline")


def rows() -> list[Row]:
    movements = a_load_moves()
    with tempfile.TemporaryDirectory(prefix="edgegw-bench-") as folder:
        # Mosquitto's own limit must not be what is measured: it announces Receive Maximum 20 by default.
        with mosquitto(Path(folder), f"max_inflight_messages {WINDOW}") as broker:
            leave_subscription(broker.port)
            contenders: dict[str, Callable[[], float]] = {
                "single": partial(_ours, Path(folder), broker.port, movements, 1),
                "batch": partial(_ours, Path(folder), broker.port, movements, BATCH),
                "paho": partial(bare_paho, broker.port, payloads(movements)),
            }
            found = in_turn(contenders)
            alone = publish.measure(broker.port, EVENTS)
    return [_single(found["single"], found["paho"]), _batch(found["batch"], found["paho"]), _alone(alone)]


def _single(ours: list[float], theirs: list[float]) -> Row:
    ratio = times(ours, theirs)
    return Row(
        "decided -> committed -> published -> marked, one event a message, vs bare paho",
        f"{median(ours):,.0f} events/s", f"{median(theirs):,.0f} messages/s", ratio,
        f">= {SINGLE_TARGET:g} x", ratio >= SINGLE_TARGET, tuple(ours),
    )  # fmt: skip


def _batch(ours: list[float], theirs: list[float]) -> Row:
    return Row(
        f"the same in batches of {BATCH}", f"{median(ours):,.0f} events/s", f"{median(theirs):,.0f} messages/s",
        times(ours, theirs), f">= {BATCH_TARGET_HZ:,.0f} events/s", median(ours) >= BATCH_TARGET_HZ, tuple(ours),
    )  # fmt: skip


def _alone(found: dict[str, list[tuple[float, float]]]) -> Row:
    """The MQTT connection without journal and drain, as `bench.publish` measures it; the first is bare paho."""
    theirs, *_, ours = ([rate for rate, _ in rounds] for rounds in found.values())
    return Row(
        f"the MQTT connection alone, {len(publish.PAYLOAD)} bytes, vs bare paho",
        f"{median(ours):,.0f} messages/s", f"{median(theirs):,.0f} messages/s", times(ours, theirs), "", None,
        tuple(ours),
    )  # fmt: skip


def a_load_moves() -> list[OutgoingEvent]:
    """Movements of a load, as events that have no number yet."""
    pipeline, tags = new_pipeline(), range(20)
    for antenna, offset_s in ((INSIDE, 0.0), (INSIDE, 0.3), (OUTSIDE, 1.5), (OUTSIDE, 1.8)):
        pipeline.tags(reads(tags, antenna, BEGIN_T + offset_s), BEGIN_T + offset_s)
    moved = [decision for decision in settle(pipeline, BEGIN_T + 2.0) if isinstance(decision, Movement)]
    events = [describe(movement, rfc3339, str) for movement in moved]
    return [event for event in events if event is not None]


def payloads(movements: list[OutgoingEvent]) -> list[tuple[str, bytes]]:
    """Topic and payload of each event of a round."""
    return [encode(movements[seq % len(movements)], ORIGIN, "0" * 26, seq) for seq in range(EVENTS)]


def _ours(folder: Path, port: int, movements: list[OutgoingEvent], batch: int) -> float:
    return asyncio.run(deliver(folder, port, movements, batch))


async def deliver(folder: Path, port: int, movements: list[OutgoingEvent], batch: int) -> float:
    """Events a second, from the first decision to the last mark on disk."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        settings = JournalSettings(path=Path(own) / "journal.db")
        async with Journal.opened(settings, "gw-1", Counters(), time.time) as journal:
            drain = Drain(journal, Counters(), forms=Forms(batch=batch))
            link, connected = _link(port, drain)
            tasks = [asyncio.create_task(journal.run()), asyncio.create_task(link.run(connected.set))]
            await connected.wait()
            began_s = time.perf_counter()
            await _decide(journal, movements)
            await journal.wait_committed(EVENTS - 1)
            await drain.drained()
            await journal.flush()
            took_s = time.perf_counter() - began_s
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return EVENTS / took_s


async def _decide(journal: Journal, movements: list[OutgoingEvent]) -> None:
    """Events and places as `ingest` hands them over, a load at a time."""
    for number in range(EVENTS):
        movement = movements[number % len(movements)]
        journal.add_event(partial(encode, movement, ORIGIN, journal.epoch))
        journal.put_unit(UnitState(f"{movement.subject}{number}", "outside", "door-1", BEGIN_T))
        if number % len(movements) == 0:
            await journal.room()
            await asyncio.sleep(0)


def _link(port: int, drain: Drain) -> tuple[MqttLink, asyncio.Event]:
    settings = Mqtt.model_validate({"host": "127.0.0.1", "port": port, "window": WINDOW})
    link = MqttLink(
        settings, client_id="gw-1", password=None, offline=STATUS, farewell=lambda: STATUS, services=[drain.serve]
    )
    return link, asyncio.Event()


def leave_subscription(port: int) -> None:
    """A session that wants everything at QoS 0 and is away: events are heard, and nothing is delivered."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "away", protocol=MQTTProtocolVersion.MQTTv5)
    lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
    lasting.SessionExpiryInterval = 3600
    subscribed = threading.Event()
    client.on_connect = lambda *_: ignore(client.subscribe(f"{ORIGIN.base}/evt/#", qos=0))
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port, clean_start=False, properties=lasting)
    client.loop_start()
    subscribed.wait(5)
    client.disconnect()
    client.loop_stop()


def ignore(_: object) -> None:
    """paho's callbacks return nothing."""


def bare_paho(port: int, messages: list[tuple[str, bytes]]) -> float:
    """Messages a second: paho's own thread, with the window kept by a semaphore."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "bare", protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(0)
    window, connected = threading.Semaphore(WINDOW), threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.on_publish = lambda *_: window.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    connected.wait(5)
    began_s = time.perf_counter()
    for topic, payload in messages:
        window.acquire()
        client.publish(topic, payload, qos=1)
    for _ in range(WINDOW):
        window.acquire()
    took_s = time.perf_counter() - began_s
    client.disconnect()
    client.loop_stop()
    return len(messages) / took_s


if __name__ == "__main__":
    print("\n".join(lines(rows())))
