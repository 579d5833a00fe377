"""Messages per second at QoS 1 to a Mosquitto of its own: our Connection and drain against bare paho.

    python -m bench.publish [messages]

400 bytes each, window 100, no subscriber, loopback; every round runs all contenders after each other, and the
figures are medians of 5 rounds. Compare the ratios: the rates are this machine's, broker included.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edgegw.config.model import Mqtt
from edgegw.publish.answers import Answer
from edgegw.publish.link import MqttLink
from edgegw.publish.mqtt import Connection
from tests.mosquitto import find_mosquitto, free_port

WINDOW = 100
ROUNDS = 5
PAYLOAD = b"x" * 400
TOPIC = "edgegw/v1/bench/gw/evt/movement"


def bare_client() -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, "bare", protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(0)
    return client


def run_paho_threads(port: int, messages: int) -> None:
    """paho's own thread, with the window kept by a semaphore."""
    client = bare_client()
    window = threading.Semaphore(WINDOW)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.on_publish = lambda *_: window.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    connected.wait(5)
    for _ in range(messages):
        window.acquire()
        client.publish(TOPIC, PAYLOAD, qos=1)
    for _ in range(WINDOW):
        window.acquire()
    client.disconnect()
    client.loop_stop()


async def paho_in_asyncio(port: int, messages: int) -> None:
    """paho's socket in asyncio's selector, as its documentation shows."""
    loop = asyncio.get_running_loop()
    client = bare_client()
    window = asyncio.Semaphore(WINDOW)
    connected = asyncio.Event()
    client.on_connect = lambda *_: connected.set()
    client.on_publish = lambda *_: window.release()
    client.on_socket_open = lambda _c, _d, sock: loop.add_reader(sock, client.loop_read)
    client.on_socket_close = lambda _c, _d, sock: ignore(loop.remove_reader(sock))
    client.on_socket_register_write = lambda _c, _d, sock: loop.add_writer(sock, client.loop_write)
    client.on_socket_unregister_write = lambda _c, _d, sock: ignore(loop.remove_writer(sock))
    client.connect("127.0.0.1", port)
    await connected.wait()
    for _ in range(messages):
        await window.acquire()
        client.publish(TOPIC, PAYLOAD, qos=1)
    for _ in range(WINDOW):
        await window.acquire()
    client.disconnect()
    while client.want_write():  # noqa: ASYNC110  # a measurement that is over
        await asyncio.sleep(0.001)


def ignore(_: object) -> None:
    """paho's callbacks return nothing."""


async def ours(port: int, messages: int) -> None:
    """Connection.publish with its own window."""
    finished = asyncio.Event()

    async def publish(connection: Connection) -> None:
        left = messages

        def count(_: Answer) -> None:
            nonlocal left
            left -= 1
            if not left:
                finished.set()

        for _ in range(messages):
            await connection.room()
            connection.publish(TOPIC, PAYLOAD, count)
        await finished.wait()

    settings = Mqtt.model_validate({"host": "127.0.0.1", "port": port, "window": WINDOW})
    offline = ("bench/status", b"offline")
    link = MqttLink(
        settings, client_id="ours", password=None, offline=offline, farewell=lambda: offline, services=[publish]
    )
    running = asyncio.create_task(link.run(lambda: None))
    await finished.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


CONTENDERS: dict[str, Callable[[int, int], None]] = {
    "paho, its thread": run_paho_threads,
    "paho in asyncio": lambda port, messages: asyncio.run(paho_in_asyncio(port, messages)),
    "edgegw Connection": lambda port, messages: asyncio.run(ours(port, messages)),
}


def measure(port: int, messages: int) -> dict[str, list[tuple[float, float]]]:
    """Per contender and round: messages per second, and microseconds of our CPU per message."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(ROUNDS):
        for name, run in CONTENDERS.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            run(port, messages)
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
            found[name].append((messages / wall_s, cpu_s / messages * 1e6))
    return found


def report(found: dict[str, list[tuple[float, float]]]) -> None:
    rates = {name: [rate for rate, _ in rounds] for name, rounds in found.items()}
    base = statistics.median(next(iter(rates.values())))
    print(f"{'':20}{'msg/s':>9}{'min':>9}{'max':>9}{'CPU us/msg':>12}{'ratio':>7}")
    for name, rounds in found.items():
        rate = statistics.median(rates[name])
        cpu = statistics.median(cpu for _, cpu in rounds)
        print(f"{name:20}{rate:9.0f}{min(rates[name]):9.0f}{max(rates[name]):9.0f}{cpu:12.1f}{rate / base:7.2f}")


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "mosquitto.conf"
        # Mosquitto's own limits must not be what is measured: it announces Receive Maximum 20 by default.
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages {WINDOW}\n")
        broker = subprocess.Popen([find_mosquitto(), "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            report(measure(port, messages))
        finally:
            broker.terminate()
            broker.wait()


if __name__ == "__main__":
    main()
