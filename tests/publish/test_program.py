"""The program of docs/contract.md among gateways that send what they should not."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from edgegw.publish.answers import ACCEPTED
from tests.contract.test_written import PROGRAM, _central
from tests.mosquitto import Mosquitto
from tests.publish.link import linked, make_link, mqtt, publish

OURS, OTHER = "edgegw/v1/dc-1/gw", "edgegw/v1/dc-1/other"
ODD = (
    b"",
    b"\xff",
    b"no JSON",
    b"[" * 50_000,
    b"7",
    b"[]7",
    b'[{"seq": 1}]',
    b'{"source": "/edgegw/v1/dc-1/other", "epoch": "E", "seq": 1' + b"0" * 5000 + b"}",
    b'{"source": "/edgegw/v1/dc-1/other", "epoch": "E", "seq": 9223372036854775808}',
    b'{"source": "/edgegw/v1/dc-1/other", "epoch": {}, "seq": 1}',
    b'{"source": "/edgegw/v1/dc-1/other", "epoch": "\\ud800", "seq": 1}',
    b'{"source": "\\ud800", "epoch": "E", "seq": 1}',
    b'{"source": 1, "epoch": "E", "seq": 1}',
    b'{"source": "/edgegw/v1/dc-1/gw", "epoch": "E", "seq": 1, "forged": true}',
    b'{"source": "/edgegw/v1/dc-1", "epoch": "E", "seq": 1}, {}',
)


def event(gateway: str, seq: int) -> bytes:
    return json.dumps({"source": f"/{gateway}", "epoch": "E", "seq": seq}).encode()


async def test_one_gateway_can_neither_stop_it_nor_speak_for_another(tmp_path: Path) -> None:
    """The other one gives its own events the numbers of ours, and sends what is no event at all."""
    wanted = [(f"/{gateway}", seq) for gateway in (OURS, OTHER) for seq in (1, 2)]
    with Mosquitto(tmp_path) as broker:
        program = PROGRAM.replace("broker.example", "127.0.0.1").replace("1883", str(broker.port))
        (tmp_path / "central.py").write_text(program, encoding="utf-8")
        async with _central(tmp_path), linked(make_link(mqtt(broker.port))) as connection, asyncio.timeout(20):
            while await publish(connection, f"{OTHER}/evt/x", ODD[0]) != ACCEPTED:
                await asyncio.sleep(0.05)  # it has not subscribed yet
            for payload in ODD[1:]:
                await publish(connection, f"{OTHER}/evt/x", payload)
            for gateway in (OTHER, OURS):
                for seq in (1, 2):
                    await publish(connection, f"{gateway}/evt/movement", event(gateway, seq))
            while stored(tmp_path, "SELECT source, seq FROM event ORDER BY 1, 2") != wanted:
                await asyncio.sleep(0.05)  # the program tells nobody
    assert stored(tmp_path, "SELECT DISTINCT topic, count(*) FROM odd") == [(f"{OTHER}/evt/x", len(ODD))]
    assert stored(tmp_path, "SELECT count(*) FROM event WHERE event LIKE '%forged%'") == [(0,)]


def stored(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{folder}/events.db?mode=ro", uri=True)) as store:
        return store.execute(sql).fetchall()
