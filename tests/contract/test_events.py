"""Every event that the gateway can make keeps the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgegw.core.epcis.meaning import NOTHING
from edgegw.core.epcis.rendering import epcis_document, epcis_event
from edgegw.core.event import Origin, describe
from edgegw.core.model import Outage, Port
from edgegw.core.reissue import renumbered, skipped
from tests.contract.published import check_epcis_event, check_message
from tests.contract.samples import (
    ARRIVAL,
    DECISIONS,
    EPOCH,
    MEANINGS,
    MOVEMENT,
    ORIGIN,
    PALLET,
    PASSAGE,
    UNIT,
    T,
    published,
)

OBJECT, AGGREGATION = f"{ORIGIN.base}/epcis/ObjectEvent", f"{ORIGIN.base}/epcis/AggregationEvent"


def rendered(name: str) -> Any:
    return epcis_event(json.loads(published(DECISIONS[name], MEANINGS)[1]))


@pytest.mark.parametrize("meanings", [NOTHING, MEANINGS], ids=["bare", "meant"])
@pytest.mark.parametrize("name", DECISIONS)
def test_it_keeps_the_contract(name: str, meanings: Any) -> None:
    check_message(*published(DECISIONS[name], meanings))


def test_what_lasts_is_no_event() -> None:
    assert describe(Outage(Port("dock-1"), "link", "no answer", T), str, str) is None


def test_the_envelope_stays_legal_whatever_the_prefix_is() -> None:
    origin = Origin('größe?%2F"<x>', "dc-1", "gw")
    event = json.loads(published(MOVEMENT, origin=origin)[1])
    assert event["source"] == "/gr%C3%B6%C3%9Fe%3F%252F%22%3Cx%3E/dc-1/gw"
    check_message(f"{ORIGIN.base}/evt/movement", json.dumps(event).encode())


def test_characters_that_no_attribute_may_hold_are_shown_in_the_subject_and_kept_in_the_data() -> None:
    event = json.loads(published(DECISIONS["a scan of control characters"])[1])
    assert event["subject"] == "]d2␝?"
    assert event["data"]["evidence"]["tag"] == "]d2\x1d?"
    strange = json.loads(published(DECISIONS["a scan of strange characters"])[1])
    assert strange["subject"] == "␡\ufffd\ufffd\ufffd\ufffd?€"


def test_a_note_for_a_parked_event_keeps_the_contract() -> None:
    topic, payload = published(DECISIONS["a scan of control characters"])
    note = skipped(topic, payload, "packet too large")
    assert note is not None
    check_message(*note)
    again = renumbered(payload, EPOCH, 2**31 - 1)
    check_message(topic, again)
    assert json.loads(again)["sequence"] == "00000000002147483647"


@pytest.mark.parametrize("name", ["a movement at a door", "an arrival at a station", "an observation"])
def test_observed_units_are_object_events(name: str) -> None:
    event = rendered(name)
    check_message(OBJECT, json.dumps(event).encode())
    assert event["epcList"] == [UNIT.unit]
    assert event["edgegw:id"] == f"gw:{EPOCH}:7"


def test_the_business_context_is_that_of_the_read_point() -> None:
    out, here = rendered("a movement at a door"), rendered("an arrival at a station")
    assert (out["bizStep"], out["disposition"]) == ("departing", "in_transit")
    assert out["readPoint"] == {"id": "https://id.gs1.org/414/0614141000012/254/DOCK-1"}
    assert "bizLocation" not in out
    assert here["bizStep"] == "packing"
    assert "disposition" not in here
    assert here["bizLocation"] == {"id": "https://id.gs1.org/414/0614141000005"}
    bare = epcis_event(json.loads(published(MOVEMENT)[1]))
    assert bare is not None
    assert bare.keys().isdisjoint({"bizStep", "disposition", "readPoint", "bizLocation"})


def test_a_pallet_is_an_aggregation() -> None:
    event = rendered("a pallet")
    check_message(AGGREGATION, json.dumps(event).encode())
    assert (event["parentID"], event["childEPCs"]) == (PALLET, [UNIT.unit])


@pytest.mark.parametrize(
    "name",
    [
        "a tag that no rule names",
        "a scan of control characters",
        "a part of a load without pallet",
        "an outage of a reader",
    ],
)
def test_what_epcis_has_no_words_for_is_no_epcis_event(name: str) -> None:
    assert rendered(name) is None


def test_loads_are_aggregations_on_request_only() -> None:
    assert epcis_event(json.loads(published(PASSAGE, MEANINGS._replace(loads=False))[1])) is None


def test_a_pallet_alone_is_no_aggregation() -> None:
    assert epcis_event(json.loads(published(PASSAGE._replace(crossings=PASSAGE.crossings[1:]), MEANINGS)[1])) is None


def test_a_unit_that_is_no_uri_is_no_epcis_event() -> None:
    assert epcis_event(json.loads(published(ARRIVAL._replace(unit=UNIT._replace(unit="no uri")))[1])) is None


def test_several_are_a_document_with_the_same_ids() -> None:
    events = [rendered("a movement at a door"), rendered("an observation")]
    ids = [event["eventID"] for event in events]
    document = epcis_document(events)
    check_message(OBJECT, json.dumps(document).encode())
    assert [event["eventID"] for event in document["epcisBody"]["eventList"]] == ids


def test_a_changed_event_is_found() -> None:
    event = rendered("a movement at a door")
    with pytest.raises(AssertionError):
        check_epcis_event({**event, "action": "ADD"}, event["@context"])
