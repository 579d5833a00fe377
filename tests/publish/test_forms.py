"""Formats and batches: what goes over the wire, and when a row counts as published."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import edgegw.publish.flow as flow_module
from edgegw.config.model import Mqtt
from edgegw.core.event import numbering
from edgegw.core.model import Decision
from edgegw.drain import Drain
from edgegw.publish.forms import CLOUDEVENT, CLOUDEVENTS, JSON, Format, Forms
from tests.contract.published import check_message, cloud_events, epcis_events
from tests.contract.samples import DECISIONS, EPOCH, MEANINGS, MOVEMENT, ORIGIN, PASSAGE, RAW, published
from tests.mosquitto import Mosquitto
from tests.publish.link import OFFLINE, make_link, mqtt
from tests.publish.listener import Heard, Listener
from tests.publish.peer import CONNACK, Peer, puback, scripted
from tests.test_drain import Dock, Row

BOTH: tuple[Format, ...] = ("cloudevents", "epcis")
MOVED, EPCIS = f"{ORIGIN.base}/evt/movement", f"{ORIGIN.base}/epcis/ObjectEvent"


def row(seq: int, decision: Decision = MOVEMENT) -> Row:
    topic, payload = published(decision, MEANINGS)
    return Row(seq, topic, json.dumps({**json.loads(payload), **numbering("gw", EPOCH, seq)}).encode())


class FormedDock(Dock):
    """With rows of real events, and a drain that makes these forms of them."""

    def __init__(self, settings: Mqtt, forms: Forms, rows: Sequence[Row]) -> None:
        super().__init__(settings)
        self.drain = Drain(self.outbox, self.counters, forms=forms)
        self.link = make_link(settings, [self.retained.serve, self.drain.serve])
        self.outbox.rows = {row.seq: row for row in rows}
        self.outbox.last_seq = len(rows)


def documents(heard: Sequence[Heard], topic: str) -> list[Any]:
    return [json.loads(message.payload) for message in heard if message.topic == topic]


def numbers(heard: Sequence[Heard]) -> list[int]:
    """Of the CloudEvents, in order of arrival."""
    parsed = [json.loads(message.payload) for message in heard if message.topic != OFFLINE[0]]
    return [event["seq"] for document in parsed for event in cloud_events(document)]


def epcis_numbers(heard: Sequence[Heard]) -> list[int]:
    parsed = [json.loads(message.payload) for message in heard if "/epcis/" in message.topic]
    return [int(event["edgegw:id"].split(":")[2]) for document in parsed for event in epcis_events(document)]


def check_all(heard: Sequence[Heard]) -> None:
    for message in heard:
        if message.topic != OFFLINE[0]:
            check_message(message.topic, message.payload)


# --- what the messages are ---


def test_an_event_goes_out_as_it_stands() -> None:
    (posting,) = Forms().postings([row(1)])
    assert posting == (MOVED, row(1).payload, CLOUDEVENT)


def test_several_are_a_batch() -> None:
    (posting,) = Forms(batch=9).postings([row(1), row(2)])
    assert (posting.topic, posting.content_type) == (MOVED, CLOUDEVENTS)
    check_message(posting.topic, posting.payload)
    assert json.loads(posting.payload) == [json.loads(row(1).payload), json.loads(row(2).payload)]


def test_both_forms_of_one_event_name_each_other() -> None:
    cloud, epcis = Forms(BOTH).postings([row(1)])
    assert [cloud.topic, epcis.topic] == [MOVED, EPCIS]
    assert epcis.content_type == JSON
    assert json.loads(epcis.payload)["edgegw:id"] == json.loads(cloud.payload)["id"]


def test_a_form_never_changes() -> None:
    assert Forms(BOTH).postings([row(1)]) == Forms(BOTH).postings([row(1)])
    assert Forms(BOTH, 9).postings([row(1), row(2)]) == Forms(BOTH, 9).postings([row(1), row(2)])


def test_several_in_epcis_are_a_document() -> None:
    (posting,) = Forms(("epcis",)).postings([row(1), row(2)])
    check_message(posting.topic, posting.payload)
    assert len(json.loads(posting.payload)["epcisBody"]["eventList"]) == 2


def test_a_pallet_has_a_topic_of_its_own() -> None:
    (posting,) = Forms(("epcis",)).postings([row(1, PASSAGE)])
    assert posting.topic == f"{ORIGIN.base}/epcis/AggregationEvent"
    check_message(posting.topic, posting.payload)


def test_what_has_no_epcis_form_goes_out_as_cloud_events() -> None:
    rows = [row(1), row(2, MOVEMENT._replace(unit=RAW)), row(3)]
    cloud, epcis = Forms(("epcis",), 9).postings(rows)
    assert (cloud.topic, cloud.payload) == (MOVED, rows[1].payload)
    assert epcis_numbers([Heard(epcis.topic, epcis.payload, False)]) == [1, 3]


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"type": 1, "data": 2}', b'{"type":"a.movement","data":{}}'])
def test_what_is_no_event_goes_out_as_it_is(payload: bytes) -> None:
    assert [posting.payload for posting in Forms(BOTH).postings([Row(1, MOVED, payload)])] == [payload]


# --- on a real broker ---


MIXED = [*DECISIONS.values()] * 4


@pytest.mark.parametrize("batch", [1, 7, 500])
@pytest.mark.parametrize("formats", [("cloudevents",), ("epcis",), BOTH], ids="+".join)
async def test_every_event_arrives_once_in_its_forms_and_keeps_the_contract(
    tmp_path: Path, formats: tuple[Format, ...], batch: int
) -> None:
    rows = [row(seq, decision) for seq, decision in enumerate(MIXED, 1)]
    rows += [row(seq) for seq in range(len(rows) + 1, len(rows) + 61)]
    with Mosquitto(tmp_path) as broker:
        dock = FormedDock(mqtt(broker.port), Forms(formats, batch), rows)
        async with Listener(broker.port, f"{ORIGIN.base}/#") as listener:
            async with dock.kept():
                await dock.until_drained()
            await listener.until(lambda heard: heard[-1:] == [Heard(*OFFLINE, False)])
    assert dock.counters.get("mqtt", "published") == len(rows)
    check_all(listener.heard)
    in_epcis = epcis_numbers(listener.heard)
    expected = [one.seq for one in rows if Forms(("epcis",)).postings([one])[0].content_type == JSON]
    assert in_epcis == (expected if "epcis" in formats else [])
    alone = [one.seq for one in rows if "cloudevents" in formats or one.seq not in expected]
    assert numbers(listener.heard) == alone
    messages = [message for message in listener.heard if message.topic != OFFLINE[0]]
    assert len(messages) == len(in_epcis) + len(alone) if batch == 1 else len(messages) < len(in_epcis) + len(alone)
    types = {CLOUDEVENT, *({CLOUDEVENTS} if batch > 1 and "cloudevents" in formats else ())}
    if "cloudevents" in formats:
        assert listener.content_types[MOVED] == types
    if "epcis" in formats:
        assert listener.content_types[EPCIS] == {JSON}


async def test_a_form_that_nobody_wants_holds_the_row_and_does_not_repeat_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_module, "RETRY_S", 0.02)
    with Mosquitto(tmp_path) as broker:
        dock = FormedDock(mqtt(broker.port), Forms(BOTH), [row(1), row(2)])
        async with Listener(broker.port, f"{ORIGIN.base}/evt/#") as listener, dock.kept():
            await dock.until_counted("kept_no_subscriber", 5)
            assert len(dock.outbox.rows) == 2
            assert numbers(listener.heard) == [1]
            assert f"nobody subscribes to '{EPCIS}'" in dock.drain.troubles()["unheard"]
            async with Listener(broker.port, f"{ORIGIN.base}/epcis/#") as late:
                await dock.until_drained()
                await late.until(lambda heard: epcis_numbers(heard) == [1, 2])
    assert numbers(listener.heard) == [1, 2]


async def test_one_sick_event_of_a_batch_is_parked_and_the_others_arrive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value_s in {"RETRY_S": 0.03, "AILING_RETRY_S": 0.1, "PARK_AFTER_S": 0.5}.items():
        monkeypatch.setattr(flow_module, name, value_s)
    sick = json.loads(row(25).payload)["id"].encode()
    taken: list[int] = []

    async def dislike_one(peer: Peer) -> None:
        await peer.connect()
        peer.send(CONNACK)
        while True:
            identifier, payload = await peer.publish()
            bad = b'"%s"' % sick in payload and b"skipped" not in payload
            if not bad and payload != OFFLINE[1]:
                taken.extend(event["seq"] for event in cloud_events(json.loads(payload)))
            peer.send(puback(identifier, 0x83 if bad else 0))

    async with scripted(dislike_one) as port:
        dock = FormedDock(mqtt(port), Forms(batch=20), [row(seq) for seq in range(1, 101)])
        async with dock.kept():
            await dock.until_drained()
    assert dock.outbox.parked == {25: "implementation specific error"}
    assert set(taken) >= set(range(1, 101))
    assert len(taken) == len(set(taken))
    assert dock.counters.get("mqtt", "batches_implementation_specific_error") > 0


async def test_batches_fit_into_what_the_broker_takes(tmp_path: Path) -> None:
    """The largest event is parked, and nothing else."""
    rows = [row(seq) for seq in range(1, 61)]
    large = json.loads(rows[29].payload)
    large["data"]["identity"]["attributes"]["lot"] = "x" * 10_000
    rows[29] = rows[29]._replace(payload=json.dumps(large).encode())
    with Mosquitto(tmp_path, "max_packet_size 8000\n") as broker:
        dock = FormedDock(mqtt(broker.port), Forms(batch=500), rows)
        async with Listener(broker.port, f"{ORIGIN.base}/evt/#") as listener, dock.kept():
            await dock.until_drained()
            await listener.until(lambda heard: len(numbers(heard)) == 60)
    assert dock.outbox.parked == {30: "packet too large"}
    assert sorted(numbers(listener.heard)) == list(range(1, 61))
    assert 8 < len(listener.heard) < 40


async def test_a_batch_to_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "RETRY_S", 0.02)
    with Mosquitto(tmp_path) as broker:
        dock = FormedDock(mqtt(broker.port), Forms(batch=10), [row(seq) for seq in range(1, 51)])
        async with dock.kept():
            await dock.until_counted("kept_no_subscriber", 3)
            assert len(dock.outbox.rows) == 50
            async with Listener(broker.port, f"{ORIGIN.base}/evt/#") as listener:
                await dock.until_drained()
                await listener.until(lambda heard: len(numbers(heard)) == 50)
    assert numbers(listener.heard) == list(range(1, 51))


async def test_an_old_broker_hears_the_same_without_content_type(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        dock = FormedDock(mqtt(broker.port, protocol="3.1.1"), Forms(BOTH, 10), [row(seq) for seq in range(1, 31)])
        async with Listener(broker.port, f"{ORIGIN.base}/#") as listener, dock.kept():
            await dock.until_drained()
            await listener.until(lambda heard: len(epcis_numbers(heard)) == 30)
            await asyncio.sleep(0)
    assert numbers(listener.heard) == epcis_numbers(listener.heard) == list(range(1, 31))
    assert listener.content_types[MOVED] == {""}
