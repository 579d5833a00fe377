"""Delivery as the gateway's users see it: the process, its status, its stop."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from edgegw import control
from edgegw.errors import LinkDown
from tests.mosquitto import Mosquitto, free_port
from tests.publish.consumer import Consumer
from tests.publish.listener import Listener
from tests.test_app import gateway, stopped, write_config

STATUS = "edgegw/v1/dc-1/gw-1/status"


def write_scanner_config(folder: Path, broker_port: int, max_length: int = 4096, **more: object) -> tuple[Path, int]:
    """A gateway with one scanner that connects to the port returned."""
    port = free_port()
    scanner = {"name": "pack-1", "station": "packing", "listen": f"127.0.0.1:{port}", "max_length": max_length}
    dock: dict[str, object] = {
        "readers": [],
        "doors": [],
        "stations": [{"name": "packing", "repeat_s": 0}],
        "scanners": [{**scanner, "assume": "plain"}],
    }
    return write_config(folder, 1, broker_port, **dock, **more), port


async def scan(port: int, *texts: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:  # the gateway is starting
                await asyncio.sleep(0.05)
                continue
            break
    writer.write("".join(f"{text}\r" for text in texts).encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def until_status(folder: Path, **wanted: object) -> dict[str, Any]:
    """Ask until the status document has these values; `backlog__pending` looks inside."""
    async with asyncio.timeout(15):
        while True:
            try:
                document = await control.ask(folder / "journal.db")
            except LinkDown as starting:
                document = {"reason": starting.reason}
            if all(_has(document, key.split("__"), value) for key, value in wanted.items()):
                return document
            await asyncio.sleep(0.1)


def _has(document: Any, keys: list[str], value: object) -> bool:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return value is ... or bool(document == value)


async def test_nobody_subscribes_is_said_and_holds_up_no_stop(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(tmp_path, broker.port)
        async with gateway(config) as process:
            await scan(port, "ONE", "TWO")
            document = await until_status(tmp_path, troubles__unheard=..., backlog__pending=2)
            assert "nobody subscribes to 'edgegw/v1/dc-1/gw-1/evt/unidentified'" in document["troubles"]["unheard"]
            took_s, log = await stopped(process)
        assert took_s < 2.5
        lines = [json.loads(line) for line in log.splitlines()]
        assert [line["cause"] for line in lines if line["event"] == "trouble"] == ["unheard"]
        async with Listener(broker.port, STATUS) as listener:
            ((_, payload, _),) = await listener.until(lambda heard: len(heard) == 1)
        last = json.loads(payload)
        assert (last["online"], last["backlog"]["pending"], last["backlog"]["first"]) == (False, 2, 1)


async def test_a_broker_that_goes_away_ends_no_trouble(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(tmp_path, broker.port)
        async with gateway(config) as process:
            await scan(port, "ONE")
            await until_status(tmp_path, troubles__unheard=...)
            await asyncio.to_thread(broker.stop)
            document = await until_status(tmp_path, links__mqtt__status="down")
            assert "unheard" in document["troubles"]
            _, log = await stopped(process)
    assert "trouble is over" not in log


async def test_the_last_status_counts_what_the_stop_has_delivered(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(tmp_path, broker.port, journal={"path": str(tmp_path / "journal.db")})
        async with Listener(broker.port) as listener, gateway(config) as process:
            await scan(port, "ONE")
            await listener.until(lambda heard: any("/evt/" in message.topic for message in heard))
            await stopped(process)
            heard = await listener.until(lambda heard: b'"online":false' in heard[-1].payload)
        last = json.loads(heard[-1].payload)
        assert last["backlog"] == {"pending": 0, "parked": 0, "oldest_age_s": 0.0, "first": 2}
        assert last["troubles"] == {}


async def test_central_confirms_what_the_gateway_then_lets_go(tmp_path: Path) -> None:
    stored: dict[tuple[str, int], Any] = {}
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(tmp_path, broker.port, delivery={"confirm": "central"})
        async with gateway(config):
            async with Listener(broker.port) as listener:
                await scan(port, "ONE", "TWO")
                await listener.until(lambda heard: sum("/evt/" in message.topic for message in heard) == 2)
            await until_status(tmp_path, backlog__pending=2, counters__mqtt__published=2)
            consumer = Consumer(broker.port, stored, confirms=True)
            await asyncio.to_thread(consumer.start)
            await scan(port, "THREE")
            await until_status(tmp_path, backlog__pending=0, last_seq=3)
            await asyncio.to_thread(consumer.stop)
    assert [seq for _, seq in sorted(stored)] == [1, 2, 3]


async def test_an_old_copy_of_the_journal_is_noticed_and_alarming(tmp_path: Path) -> None:
    journal, copy = tmp_path / "journal.db", tmp_path / "copy"
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(tmp_path, broker.port)
        async with Listener(broker.port) as listener:
            for texts in (["A", "B"], ["C", "D"]):
                async with gateway(config) as process:
                    await scan(port, *texts)
                    await until_status(tmp_path, backlog__pending=0, last_seq=ord(texts[-1]) - ord("A") + 1)
                    await stopped(process)
                if not copy.exists():
                    copy.write_bytes(journal.read_bytes())
            journal.write_bytes(copy.read_bytes())
            async with gateway(config):
                await scan(port, "E")
                document = await until_status(tmp_path, backlog__pending=0, last_seq=1, counters__mqtt__published=1)
                assert "restored from a copy" in document["troubles"]["restored"]
                await listener.until(lambda heard: sum("/evt/" in message.topic for message in heard) == 5)
        events = [json.loads(message.payload) for message in listener.heard if "/evt/" in message.topic]
    assert [(event["subject"], event["seq"]) for event in events] == [*zip("ABCDE", (1, 2, 3, 4, 1), strict=True)]
    assert len({event["id"] for event in events}) == 5


async def test_a_damaged_journal_stands_aside_and_the_dock_goes_on(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(tmp_path, broker.port)
        async with gateway(config) as process:
            await scan(port, "A")
            await until_status(tmp_path, last_seq=1)
            await stopped(process)
        damaged = journal.read_bytes()[:4096] + b"\xff" * 4096
        journal.write_bytes(damaged)
        async with gateway(config):
            await scan(port, "B")
            document = await until_status(tmp_path, last_seq=1, troubles__damaged=...)
    (aside,) = tmp_path.glob("journal.db.damaged-*")
    assert str(aside) in document["troubles"]["damaged"]
    assert aside.read_bytes() == damaged
