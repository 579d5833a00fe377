"""What README and docs/contract.md show is what is: the example event, the topics, the program to copy."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from edgegw.contract.channels import CHANNELS
from edgegw.publish.confirmation import parse_ack
from edgegw.publish.forms import Forms
from tests.contract.published import check_message
from tests.mosquitto import Mosquitto
from tests.publish.link import mqtt
from tests.publish.test_forms import FormedDock, row
from tests.test_drain import Row

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRACT = (ROOT / "docs/contract.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"```python\n(.*?)```", CONTRACT, re.DOTALL)


def test_the_example_event_keeps_the_contract() -> None:
    (event,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    assert json.loads(event)["time"] == json.loads(event)["data"]["time"]
    check_message("edgegw/v1/dc-1/dock-edge-1/evt/movement", event.encode())


def test_every_topic_is_in_the_table() -> None:
    table = CONTRACT[: CONTRACT.index("## What is guaranteed")]
    shown = set(re.findall(r"`\.\.\./([^`]+)`", table))
    told = {re.sub(r"\{\w+\}", "{name}", channel.topic) for channel in CHANNELS}
    assert told - {"cmd/resend/reply"} == shown
    retained = {re.sub(r"\{\w+\}", "{name}", channel.topic) for channel in CHANNELS if channel.retain}
    assert set(re.findall(r"`\.\.\./([^`]+)` \| yes", table)) == retained


def test_the_example_acknowledgement_is_one() -> None:
    ((topic, payload),) = re.findall(r"^(\S+/ack) +(\{.*\})$", CONTRACT, re.MULTILINE)
    check_message(topic, payload.encode())
    assert parse_ack(payload.encode()) is not None


def test_the_example_command_and_its_replies_are_such() -> None:
    examples = re.findall(r"`\.\.\./(cmd/resend(?:/reply)?)` \| `(.*?)`(?: or `(.*?)`)?", CONTRACT)
    assert [bool(other) for _, _, other in examples] == [False, True]
    for topic, *payloads in examples:
        for payload in filter(None, payloads):
            check_message(f"edgegw/v1/dc-1/gw/{topic}", payload.replace('"id": ...', '"id": "a text"').encode())


def test_the_program_is_short() -> None:
    assert len(PROGRAM.splitlines()) <= 40


async def test_the_program_stores_every_event_of_messages_and_batches_once(tmp_path: Path) -> None:
    """It is killed in between, and everything is sent a second time."""
    rows = [row(seq) for seq in range(1, 301)]
    with Mosquitto(tmp_path, "persistence true\n") as broker:
        program = PROGRAM.replace("broker.example", "127.0.0.1").replace("1883", str(broker.port))
        (tmp_path / "central.py").write_text(program, encoding="utf-8")
        async with _central(tmp_path):
            await _publish(broker, Forms(), rows[:100])
            await _until_stored(tmp_path, 100)
        await _publish(broker, Forms(batch=30), rows[:250])
        async with _central(tmp_path):
            await _publish(broker, Forms(batch=30), rows)
            await _until_stored(tmp_path, 300)
    with contextlib.closing(sqlite3.connect(tmp_path / "events.db")) as store:
        stored = store.execute("SELECT seq, event FROM event ORDER BY seq").fetchall()
    assert stored == [(one.seq, json.dumps(json.loads(one.payload))) for one in rows]


@contextlib.asynccontextmanager
async def _central(folder: Path) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, "central.py", cwd=folder)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def _publish(broker: Mosquitto, forms: Forms, rows: Sequence[Row]) -> None:
    dock = FormedDock(mqtt(broker.port), forms, rows)
    async with dock.kept():
        await dock.until_drained(20)


async def _until_stored(folder: Path, count: int) -> None:
    async with asyncio.timeout(20):
        while _stored(folder) < count:  # the program tells nobody
            await asyncio.sleep(0.05)


def _stored(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/events.db?mode=ro", uri=True)) as store:
        ((count,),) = store.execute("SELECT count(*) FROM event")
        return int(count)
