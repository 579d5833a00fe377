"""The shipped Mosquitto: a gateway works under it, and everybody may do exactly what the contract gives to the role."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edgegw.contract.channels import CHANNELS
from edgegw.errors import LinkDown
from simulators.llrp_reader import SimReader
from tests.config.support import faults_of
from tests.contract.published import check_message
from tests.mosquitto import Mosquitto
from tests.publish.link import fails, make_link, mqtt
from tests.publish.test_gateway import scan, until_status, write_scanner_config
from tests.security.person import DENIED, Person, Said
from tests.security.shipped import SHIPPED, ShippedMosquitto
from tests.test_app import gateway, stopped, write_config

BASE, OTHER = "edgegw/v1/dc-1/gw-1", "edgegw/v1/dc-1/gw-2"
PASSWORDS = {BASE: "first", OTHER: "second", "wms": "third", "operator": "fourth", "scada": "fifth"}
PAGE = (SHIPPED.parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
PALLET = "3114257BF4499602D2000000"
"""An SSCC-96."""
EVENTS = {channel.topic for channel in CHANNELS if channel.topic.startswith(("evt/", "epcis/"))}
STATE = {"status", "reader/dock-1", "loc/door-1"}
WRITES = {
    BASE: {*EVENTS, *STATE, "cmd/resend/reply"},
    OTHER: set(),
    "wms": {"ack"},
    "operator": {"cmd/resend"},
    "scada": set(),
}
READS = {
    BASE: {"ack", "cmd/resend"},
    OTHER: set(),
    "wms": {*EVENTS, *STATE},
    "operator": {"status", "reader/dock-1", "cmd/resend/reply"},
    "scada": set(),
}


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[ShippedMosquitto]:
    shipped = ShippedMosquitto(tmp_path)
    for user, password in PASSWORDS.items():
        shipped.allow(user, password)
    async with shipped:
        yield shipped


@asynccontextmanager
async def people(broker: ShippedMosquitto, but: str = "") -> AsyncIterator[dict[str, Person]]:
    """Everybody, one connection each."""
    async with AsyncExitStack() as stack:
        yield {
            user: await stack.enter_async_context(Person(broker.port, user, password, broker.tls))
            for user, password in PASSWORDS.items()
            if user != but
        }


def every_topic() -> set[str]:
    """Below a gateway's, with names in the places of names."""
    return {re.sub(r"{reader}", "dock-1", re.sub(r"{place}", "door-1", channel.topic)) for channel in CHANNELS}


def test_the_roles_cover_the_whole_contract() -> None:
    assert set().union(*WRITES.values()) == set().union(*READS.values()) == every_topic()


async def test_everybody_may_do_exactly_what_the_role_says(broker: ShippedMosquitto) -> None:
    """Also one level too many, a level above, another gateway's, and what belongs to no role."""
    strange = {f"{BASE}/status/x", f"{BASE}/ack/x", f"{BASE}/cmd/resend/reply/x", f"{BASE}/x", BASE, "edgegw/v1/x",
               f"{BASE}/loc/a/b", "evt/x", "wms/evt/x", "$SYS/broker/version"}  # fmt: skip
    topics = {f"{BASE}/{topic}" for topic in every_topic()} | strange
    async with people(broker) as somebody:
        for person in somebody.values():
            assert person.code == 0
            await person.subscribe("#")
            await person.subscribe("$SYS/#")
        allowed = {
            user: {topic for topic in topics if await person.publish(topic, b"{}", retain=True) != DENIED}
            for user, person in somebody.items()
        }
        for user in somebody:
            own = {f"{user}/evt/x"} & strange  # below a name that is no gateway's, where nobody listens
            assert allowed[user] == {f"{BASE}/{topic}" for topic in WRITES[user]} | own, user
        for user, person in somebody.items():
            await person.publish("x", b"{}")  # denied; its answer comes after all that was said before
            expected = {f"{BASE}/{topic}" for topic in READS[user]}
            assert person.topics() == expected, user
    async with Person(broker.port, OTHER, "second", broker.tls) as late:  # what is retained is no way around it
        await late.subscribe(f"{BASE}/#")
        await late.publish("x", b"{}")
        assert late.topics() == set()


async def test_who_does_not_say_who_he_is_stays_out(broker: ShippedMosquitto) -> None:
    for user, password in ((None, None), ("wms", None), ("wms", "first"), ("nobody", "third"), ("edgegw/v1/+/+", "x")):
        async with Person(broker.port, user, password, broker.tls) as person:
            assert person.code == DENIED, user
    with pytest.raises(LinkDown, match="closed the connection instead of answering CONNECT"):
        await fails(make_link(mqtt(broker.port)))  # without TLS


def secured(broker: ShippedMosquitto, folder: Path) -> dict[str, Any]:
    password = folder / "password"
    password.write_text(f"{PASSWORDS[BASE]}\n")
    password.chmod(0o600)
    tls = {"ca_file": str(broker.authority.ca)}
    return {"host": "127.0.0.1", "port": broker.port, "tls": tls, "username": BASE, "password_file": str(password)}


async def test_a_gateway_says_everything_and_hears_who_may_speak(broker: ShippedMosquitto, tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "mqtt": secured(broker, tmp_path),
        "delivery": {"format": ["cloudevents", "epcis"], "loads": True, "confirm": "central", "commands": ["resend"]},
        "stations": [{"name": "packing", "repeat_s": 0}],
        "scanners": [{"name": "pack-1", "station": "packing", "listen": "127.0.0.1:0"}],
    }
    scanner = Mosquitto(tmp_path).port  # a free one
    more["scanners"][0]["listen"] = f"127.0.0.1:{scanner}"
    async with people(broker, but=BASE) as somebody, SimReader("dock-1") as reader:
        wms, operator = somebody["wms"], somebody["operator"]
        await wms.subscribe("edgegw/v1/+/+/#")
        await operator.subscribe("edgegw/v1/+/+/cmd/+/reply")
        config = write_config(tmp_path, reader.port, broker.port, **more)
        async with gateway(config) as process:
            await reader.wait_reading(15)
            for antenna in (1, 2):
                for tag in ("3066C4409047E140075BCD15", PALLET):
                    for _ in range(4):
                        reader.see(tag, antenna, -60.0)
                await asyncio.sleep(0.6)
            await scan(scanner, "(01)09506000134352(21)77", "what is this")
            await wms.until(lambda heard: kinds(heard) >= {"movement", "unidentified"})
            await scan(scanner, "(01)09506000134352(21)77")
            await wms.until(lambda heard: kinds(heard) >= {"observation", "passage", "AggregationEvent"}, 25)
            events = [json.loads(said.payload) for said in wms.heard if "/evt/" in said.topic]
            ack = {"epoch": events[0]["epoch"], "seq": max(event["seq"] for event in events)}
            assert await wms.publish(f"{BASE}/ack", json.dumps(ack).encode(), retain=True) == 0
            await until_status(tmp_path, backlog__pending=0)
            command = {"id": "r-1", "time": datetime.now(UTC).isoformat(), "from": 1, "to": 1}
            assert await wms.publish(f"{BASE}/cmd/resend", json.dumps(command).encode()) == DENIED
            assert await operator.publish(f"{BASE}/cmd/resend", json.dumps(command).encode()) == 0
            (reply,) = await operator.until(lambda heard: len(heard) == 1)
            assert json.loads(reply.payload) == {"id": "r-1", "events": 1, "oldest": 1}
            document = await until_status(tmp_path, troubles={})
            await stopped(process)
        async with gateway(config):
            await wms.until(lambda heard: "outage" in kinds(heard), 30)
    assert kinds(wms.heard) >= {
        "movement",
        "observation",
        "unidentified",
        "passage",
        "outage",
        "ObjectEvent",
        "AggregationEvent",
    }
    assert {f"{BASE}/status", f"{BASE}/reader/dock-1", f"{BASE}/loc/door-1"} <= wms.topics()
    assert not [name for name in document["counters"]["mqtt"] if "failed" in name or "kept" in name]
    assert 364 <= document["certificates"]["broker"]["days_left"] <= 365
    for said in wms.heard:
        check_message(said.topic, said.payload)


async def test_what_was_acknowledged_outlives_a_broker_that_is_killed(broker: ShippedMosquitto) -> None:
    async with Person(broker.port, "wms", "third", broker.tls, session="wms-1") as wms:
        await wms.subscribe("edgegw/v1/+/+/evt/#")
    async with Person(broker.port, BASE, "first", broker.tls) as somebody:
        for number in range(100):
            assert await somebody.publish(f"{BASE}/evt/movement", b"%d" % number) == 0
        await asyncio.sleep(0.5)  # it saves after it has acknowledged
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.start)
    async with Person(broker.port, "wms", "third", broker.tls, session="wms-1") as wms:
        heard = await wms.until(lambda heard: len(heard) == 100)
    assert [said.payload for said in heard] == [b"%d" % number for number in range(100)]


@pytest.mark.parametrize("thief", [OTHER, "operator"])
async def test_nobody_takes_over_what_waits_for_another(broker: ShippedMosquitto, thief: str) -> None:
    """Whose client id it says decides nothing: a clean start under it must not throw away what waits there."""
    async with Person(broker.port, "wms", "third", broker.tls, session="wms-1") as wms:
        await wms.subscribe("edgegw/v1/+/+/evt/#")
    async with Person(broker.port, BASE, "first", broker.tls) as somebody:
        assert await somebody.publish(f"{BASE}/evt/movement", b"{}") == 0
    for name in ("wms-1", "wms"):
        async with Person(broker.port, thief, PASSWORDS[thief], broker.tls, client_id=name) as stranger:
            assert stranger.code == 0
    async with Person(broker.port, "wms", "third", broker.tls, session="wms-1") as wms:
        assert [said.payload for said in await wms.until(bool)] == [b"{}"]


async def test_nobody_ends_the_connection_of_a_gateway(broker: ShippedMosquitto, tmp_path: Path) -> None:
    """Nor throws away its last will, with a password or with a certificate."""
    went = ["connecting", "up", "stopped"]
    paper = broker.clients.issue(OTHER)
    certified = broker.tls
    certified.load_cert_chain(paper.cert, paper.key)
    thieves = ((broker.port, "wms", "third", broker.tls), (broker.mtls_port, None, None, certified))
    own = broker.clients.issue(BASE)
    with_certificate = {
        "host": "127.0.0.1",
        "port": broker.mtls_port,
        "tls": {"ca_file": str(broker.authority.ca), "cert_file": str(own.cert), "key_file": str(own.key)},
    }
    for number, settings in enumerate((secured(broker, tmp_path), with_certificate)):
        folder = tmp_path / str(number)
        folder.mkdir()
        config, _ = write_scanner_config(folder, broker.port, mqtt=settings)
        async with gateway(config) as process:
            await until_status(folder, links__mqtt__status="up")
            for port, user, password, tls in thieves:
                for name in ("edgegw-dc-1-gw-1", BASE):
                    async with Person(port, user, password, tls, client_id=name) as stranger:
                        assert stranger.code == 0
            async with Person(broker.port, "operator", "fourth", broker.tls) as operator:
                await operator.subscribe(f"{BASE}/status")
                heard = await operator.until(bool)
                assert json.loads(heard[-1].payload)["online"] is True
            _, log = await stopped(process)
        assert [line["status"] for line in map(json.loads, log.splitlines()) if line.get("link") == "mqtt"] == went


async def test_a_gateway_that_went_away_finds_its_session_by_its_name(broker: ShippedMosquitto, tmp_path: Path) -> None:
    """Killed and started again: what waited in the journal goes on, and nobody else was put out."""
    settings = secured(broker, tmp_path)
    config, scanner = write_scanner_config(tmp_path, broker.port, mqtt=settings)
    async with Person(broker.port, "wms", "third", broker.tls) as wms:
        await wms.subscribe("edgegw/v1/+/+/evt/#")
        for text in ("ONE", "TWO"):
            async with gateway(config) as process:
                await until_status(tmp_path, links__mqtt__status="up")
                await scan(scanner, text)
                await until_status(tmp_path, backlog__pending=0, counters__journal__events=1)
                process.kill()
                await process.wait()
        await wms.until(lambda heard: scanned(heard) >= {(1, "ONE"), (2, "TWO")})


def scanned(heard: list[Said]) -> set[tuple[int, str]]:
    """Numbers of events, and the text that was scanned."""
    events = [json.loads(said.payload) for said in heard if "/evt/" in said.topic]
    return {(event["seq"], event["data"]["evidence"]["tag"]) for event in events}


def test_the_page_installs_what_is_shipped() -> None:
    typed = [line.strip() for line in PAGE.splitlines() if line.startswith("    ")]
    named = set(re.findall(r"config/mosquitto/(\S+)", "\n".join(typed)))
    assert named == {file.name for file in SHIPPED.iterdir()}
    assert f"mosquitto_passwd /etc/mosquitto/edgegw.passwd {BASE.replace('gw-1', 'dock-edge-1')}" in typed
    for fragment in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        assert faults_of(REST + fragment) == ()


REST = """\
site: dc-1
gateway: dock-edge-1
scanners: [{name: pack-1, station: packing, port: /dev/ttyACM0}]
stations: [{name: packing}]
journal: {path: journal.db}
"""


def kinds(heard: list[Any]) -> set[str]:
    return {said.topic.rpartition("/")[2] for said in heard}
