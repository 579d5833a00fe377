"""The files of docs/contract: made from the types, legal by their standards, and able to find faults."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any, TypedDict

import jsonschema
import pytest

from edgegw.contract import json_schema
from edgegw.contract.__main__ import contract_files, main
from edgegw.contract.channels import CHANNELS, DOCUMENTS
from edgegw.contract.json_schema import schema_of
from edgegw.core.event import TYPES
from tests.contract.published import FOLDER, asyncapi, check_message

ASYNCAPI_SCHEMA = Path(__file__).parents[1] / "data/standards/asyncapi-3.0.0.json"
FILES = contract_files()
MESSAGES = asyncapi()["components"]["messages"]


def asyncapi_faults(document: Any) -> list[str]:
    validator = jsonschema.Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text(encoding="utf-8")))
    return [fault.message for fault in validator.iter_errors(document)]


def test_the_files_are_up_to_date() -> None:
    hint = "run: python -m edgegw.contract"
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == FILES, hint


def test_they_can_be_written_elsewhere(tmp_path: Path) -> None:
    main(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == FILES.keys()


def test_the_asyncapi_document_is_one() -> None:
    assert asyncapi_faults(asyncapi()) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("channels", "movement", "address"), 5),
        (("operations", "send_movement", "bindings", "mqtt", "qos"), 3),
        (("operations", "send_movement", "action"), "publish"),
        (("info", "version"), None),
    ],
)
def test_a_fault_in_the_asyncapi_document_is_found(path: tuple[str, ...], value: object) -> None:
    document = json.loads(json.dumps(asyncapi()))
    part = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert asyncapi_faults(document)


def references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [found for item in part for found in references(item)]
    if not isinstance(part, dict):
        return []
    return [found for key, value in part.items() for found in ([value] if key == "$ref" else references(value))]


def test_every_reference_leads_somewhere() -> None:
    for reference in references(asyncapi()):
        name, _, pointer = reference.partition("#")
        part = asyncapi() if not name else json.loads(FILES[name])
        for key in filter(None, pointer.split("/")):
            part = part[key]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".json")])
def test_schemas_are_draft_7(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(FILES[name]))


def test_every_type_of_event_has_its_channel() -> None:
    assert {f"evt/{name}" for name in TYPES} == {channel.topic for channel in CHANNELS if "evt/" in channel.topic}
    assert {f"{name}-batch" for name in TYPES} <= MESSAGES.keys()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_says_what_it_is(name: str) -> None:
    assert MESSAGES[name]["summary"]


def test_examples() -> None:
    assert doctest.testmod(json_schema).attempted
    assert doctest.testmod(json_schema).failed == 0


class Leaf(TypedDict):
    """A leaf."""

    next: Leaf | None


def test_types_that_contain_themselves_end() -> None:
    definitions: dict[str, Any] = {}
    assert schema_of(Leaf, definitions) == {"$ref": "#/definitions/Leaf"}
    branches = definitions["Leaf"]["properties"]["next"]["anyOf"]
    assert branches == [{"$ref": "#/definitions/Leaf"}, {"type": "null"}]


BASE = "edgegw/v1/dc-1/gw"
EPOCH = "01M7Y4KHFY5BXSJNRQHJ3YJYWQ"
SKIPPED = {
    "specversion": "1.0",
    "id": f"gw:{EPOCH}:7",
    "source": f"/{BASE}",
    "type": "edgegw.skipped.v1",
    "subject": "x",
    "time": "2026-11-21T10:00:03.120Z",
    "datacontenttype": "application/json",
    "dataschema": "urn:edgegw:schema:skipped:v1",
    "gateway": "gw",
    "epoch": EPOCH,
    "seq": 7,
    "sequence": "00000000000000000007",
    "data": {"reason": "packet too large", "type": "edgegw.movement.v1"},
}


def test_an_event_and_a_batch_of_events_are_accepted() -> None:
    for document in (SKIPPED, [SKIPPED, SKIPPED]):
        check_message(f"{BASE}/evt/skipped", json.dumps(document).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": "7"},
        {"time": "2026-11-21T10:00:03.120"},
        {"seq": 0, "id": f"gw:{EPOCH}:0", "sequence": "0" * 20},
        {"seq": 2**31, "id": f"gw:{EPOCH}:{2**31}", "sequence": f"{2**31:020}"},
        {"subject": "a\x1db"},
        {"source": "/ü"},
        {"type": "edgegw.movement.v1"},
        {"dataschema": "urn:edgegw:schema:movement:v1"},
        {"data": {"reason": "packet too large"}},
        {"data": {"reason": "packet too large", "type": None, "unnamed": 1}},
        {"unnamed": 1},
        {"Unnamed": 1},
        {"id": f"gw:{EPOCH}:8"},
    ],
    ids=str,
)
def test_a_fault_in_an_event_is_found(change: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_message(f"{BASE}/evt/skipped", json.dumps({**SKIPPED, **change}).encode())


def test_a_topic_outside_the_contract_is_found() -> None:
    with pytest.raises(StopIteration):
        check_message(f"{BASE}/evt/other", json.dumps(SKIPPED).encode())
