"""The demo's scenario against the gateway as its users run it and a real Mosquitto: what arrives is what happened."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from simulators.dock_door import DockDoor, Gateway, acts, load_scenario, movement
from simulators.dock_door.script import expected
from simulators.subscriber import Event, Subscriber
from tests.contract.published import check_message
from tests.mosquitto import Mosquitto

FINISHED_S = 10.0
SCENARIO = load_scenario("demo")
DELIVERY = "delivery: {format: [cloudevents, epcis], loads: true, batch: 20}\n"
"""Everything that a gateway can say."""


class Played(NamedTuple):
    """One round, and all that a central system heard of it."""

    messages: list[tuple[str, bytes]]
    events: list[Event]
    movements: list[Event]
    epcis: list[Event]
    topics: set[str]
    last_status: Event
    reads_reported: dict[str, int]
    began: datetime
    ended: datetime


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return asyncio.run(_play(tmp_path_factory.mktemp("scenario")))


async def _play(folder: Path) -> Played:
    async with (
        Mosquitto(folder) as broker,
        Subscriber(broker.host, broker.port) as subscriber,
        DockDoor(SCENARIO) as dock,
    ):
        gateway = Gateway(folder)
        gateway.config.write_text(dock.gateway_yaml((broker.host, broker.port), gateway.journal) + DELIVERY)
        messages: list[tuple[str, bytes]] = []
        subscriber.on_message = lambda topic, payload: messages.append((topic, payload))
        async with gateway:
            await subscriber.until_up(dock.links)
            began = datetime.now(UTC)
            await dock.play(acts(SCENARIO))
            await asyncio.sleep((began - datetime.now(UTC)).total_seconds() + SCENARIO.seconds)
            assert await gateway.stop() == 0
            await subscriber.until(lambda: subscriber.status.get("online") is False, FINISHED_S)
        reported = {name: reader.reads_reported for name, reader in dock.readers.items()}
        assert {name: reader.rospecs for name, reader in dock.readers.items()} == {name: {} for name in dock.readers}
        return Played(
            messages,
            subscriber.events,
            subscriber.movements,
            subscriber.epcis,
            subscriber.topics,
            subscriber.status,
            reported,
            began,
            datetime.now(UTC),
        )


def test_movements_are_exactly_those_that_happened(played: Played) -> None:
    assert sorted(map(movement, played.movements), key=str) == sorted(expected(SCENARIO), key=str)


def test_a_unit_that_comes_back_moves_out_and_then_in(played: Played) -> None:
    box = SCENARIO.units["box"]
    ways = [event["data"] for event in played.movements if event["data"]["unit"].endswith(box)]
    assert [(way["direction"], way["from"], way["to"]) for way in ways] == [
        ("out", "inside", "outside"),
        ("in", "outside", "inside"),
    ]


def test_every_reason_to_ignore_is_told(played: Played) -> None:
    status = played.last_status
    assert set(status["ignored"]) == {"one-side", "turned-back", "steady", "parked"}
    assert status["counters"]["packing"]["repeat"] == 1
    assert status["counters"]["pack-1"]["class"] == 1
    assert status["counters"]["pack-1"]["raw"] == 1
    assert [event["data"]["reason"] != "" for event in _of_type(played, "unidentified")] == [True, True]


def test_no_read_is_lost_on_the_way_to_the_gateway(played: Played) -> None:
    counters = played.last_status["counters"]
    assert {name: counters[name]["reads"] for name in played.reads_reported} == played.reads_reported
    assert sum(played.reads_reported.values()) == sum(len(act.reads) for act in acts(SCENARIO))


def test_ids_are_unique_and_numbers_have_no_gap(played: Played) -> None:
    assert len({event["id"] for event in played.events}) == len(played.events)
    assert [event["seq"] for event in played.events] == list(range(1, len(played.events) + 1))
    assert len({event["epoch"] for event in played.events}) == 1


def test_the_envelope_is_a_cloud_event(played: Played) -> None:
    base = "edgegw/v1/demo/dock-edge-1"
    assert {f"{base}/evt/movement", f"{base}/evt/unidentified", f"{base}/status"} <= played.topics
    for event in played.events:
        assert event["specversion"] == "1.0"
        assert event["source"] == f"/{base}"
        assert event["id"] == f"dock-edge-1:{event['epoch']}:{event['seq']}"
        assert event["datacontenttype"] == "application/json"
    for event in played.movements:
        assert event["type"] == "edgegw.movement.v1"
        assert event["subject"] == event["data"]["unit"]
        assert event["time"] == event["data"]["time"]


def test_everything_that_is_said_keeps_the_contract(played: Played) -> None:
    for topic, payload in played.messages:
        check_message(topic, payload)
    base = "edgegw/v1/demo/dock-edge-1"
    said = {"status", "reader/dock-1", "loc/door-1", "loc/packing", "evt/passage", "epcis/ObjectEvent"}
    assert {f"{base}/{topic}" for topic in said} <= played.topics


def test_both_forms_of_an_event_are_one_event(played: Played) -> None:
    ids = {event["edgegw:id"]: event for event in played.epcis if event["type"] == "ObjectEvent"}
    assert ids.keys() == {event["id"] for event in played.movements + _of_type(played, "observation")}
    for event in played.movements:
        assert ids[event["id"]]["epcList"] == [event["data"]["unit"]]
        assert ids[event["id"]]["eventTime"] == event["time"]
    ways = {ids[event["id"]].get("bizStep") for event in played.movements if event["data"]["direction"]}
    assert ways == {"departing", "arriving"}


def test_the_pallet_is_told_with_what_is_on_it(played: Played) -> None:
    (load,) = (event for event in played.epcis if event["type"] == "AggregationEvent")
    assert load["parentID"].endswith(SCENARIO.units["pallet"])
    cases = {SCENARIO.units[name] for name in ("case-1", "case-2", "case-3")}
    assert {epc.removeprefix("https://id.gs1.org/") for epc in load["childEPCs"]} >= cases


def test_wrong_reader_clocks_do_not_show(played: Played) -> None:
    offsets = {name: reader["clock_offset_s"] for name, reader in played.last_status["readers"].items()}
    assert offsets == pytest.approx({"dock-1": 0.0, "dock-2": -14.0}, abs=0.5)
    for event in played.movements:
        when = datetime.fromisoformat(event["time"])
        assert played.began - timedelta(seconds=0.5) <= when <= played.ended


def test_evidence_counts_the_reads_of_the_pass(played: Played) -> None:
    made = {move: len(act.reads) for act in acts(SCENARIO) for move in act.moves if len(act.moves) == 1}
    counted = {movement(event): event["data"]["evidence"]["reads"] for event in played.movements}
    at_door = {move: reads for move, reads in made.items() if move.direction}
    assert len(at_door) == 3
    assert {move: counted[move] for move in at_door} == at_door


def _of_type(played: Played, kind: str) -> list[Event]:
    return [event for event in played.events if event["type"] == f"edgegw.{kind}.v1"]
