"""Whether what is published keeps the contract of docs/contract, and says nothing that it does not name."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry, Resource

from edgegw.core.epcis.event_hash import event_hash

FOLDER = Path(__file__).parents[2] / "docs/contract"
GS1_SCHEMA = os.environ.get("EDGEGW_EPCIS_SCHEMA")
"""GS1's own schema of EPCIS events, which may not be passed on: see tests/data/standards/README.md."""

Json = Any


def check_message(topic: str, payload: bytes) -> None:
    """AssertionError that says what is wrong. An empty payload clears a retained document."""
    document = json.loads(payload) if payload else None
    if document is None:
        return
    _, messages = next(found for found in _channels() if found[0].fullmatch(topic))
    faults = {name: _faults(schema, document) for name, schema in messages.items()}
    assert [] in faults.values(), f"{topic}: {faults}"
    for event in cloud_events(document):
        check_cloud_event(event)
    for event in epcis_events(document):
        check_epcis_event(event, document.get("@context"))
    check_with_gs1(document)


def cloud_events(document: Json) -> Iterator[dict[str, Any]]:
    for one in document if isinstance(document, list) else [document]:
        if "specversion" in one:
            yield one


def epcis_events(document: Json) -> list[dict[str, Any]]:
    if isinstance(document, dict) and document.get("type") == "EPCISDocument":
        found: list[dict[str, Any]] = document["epcisBody"]["eventList"]
        return found
    return [document] if isinstance(document, dict) and "eventTime" in document else []


def check_cloud_event(event: dict[str, Any]) -> None:
    """The rules of CloudEvents 1.0.2 that JSON Schema cannot say, or says too little of."""
    for name, value in event.items():
        assert re.fullmatch("[a-z0-9]{1,20}", name), name
        if name == "data":
            continue
        assert isinstance(value, str | bool) or (type(value) is int and -(2**31) <= value < 2**31), name
        assert not any(_is_forbidden(ord(character)) for character in str(value)), name
    assert all(event[name] for name in ("id", "source", "specversion", "type", "sequence"))
    assert event.get("subject") != ""
    assert event["id"] == f"{event['gateway']}:{event['epoch']}:{event['seq']}"
    assert int(event["sequence"]) == event["seq"]


def _is_forbidden(code: int) -> bool:
    """Control characters, surrogates and noncharacters (CloudEvents 1.0.2, "Type System")."""
    ranges = (range(0x20), range(0x7F, 0xA0), range(0xD800, 0xE000), range(0xFDD0, 0xFDF0))
    return any(code in one for one in ranges) or code & 0xFFFE == 0xFFFE


def check_epcis_event(event: dict[str, Any], context: Json) -> None:
    assert event["eventID"] == event_hash(event, context)


def check_with_gs1(document: Json) -> None:
    if epcis_events(document) and GS1_SCHEMA:
        schema = json.loads(Path(GS1_SCHEMA).read_text(encoding="utf-8"))
        faults = jsonschema.Draft7Validator(schema, format_checker=_FORMATS).iter_errors(document)
        assert [fault.message for fault in faults] == []


_FORMATS = jsonschema.FormatChecker()


def _faults(schema: Json, document: Json) -> list[str]:
    validator = jsonschema.Draft7Validator(schema, registry=_registry(), format_checker=_FORMATS)
    return [f"{list(fault.absolute_path)}: {fault.message}" for fault in validator.iter_errors(document)]


@functools.cache
def asyncapi() -> Json:
    return yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))


@functools.cache
def _channels() -> list[tuple[re.Pattern[str], dict[str, Json]]]:
    """What may be said on which topics: name and schema of each message."""
    messages = asyncapi()["components"]["messages"]
    return [
        (
            re.compile(re.sub(r"\{\w+\}", "[^/]+", channel["address"])),
            {name: _strict(messages[name]["payload"]) for name in channel["messages"]},
        )
        for channel in asyncapi()["channels"].values()
    ]


@functools.cache
def _registry() -> Registry[Json]:
    """The schema files by name, as the AsyncAPI document refers to them, and by $id, as they refer to themselves."""
    schemas = {path.name: _strict(json.loads(path.read_text(encoding="utf-8"))) for path in FOLDER.glob("*.json")}
    resources = {name: Resource.from_contents(schema) for name, schema in schemas.items()}
    return Registry[Json]().with_resources(
        [*resources.items(), *((resource.id() or name, resource) for name, resource in resources.items())]
    )


def _strict(schema: Json) -> Json:
    """Consumers must bear fields that they do not know; the tests must find those that the contract does not name."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    if "properties" in strict and "required" in strict:
        strict.setdefault("additionalProperties", False)
    return strict
