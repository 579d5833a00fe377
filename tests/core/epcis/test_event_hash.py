"""The event hash id against published vectors, and the properties that make it an id."""

from __future__ import annotations

import doctest
import random
from typing import Any

import pytest

from edgegw.core.epcis import canonical, event_hash, instant
from edgegw.core.epcis.canonical import canonical_value
from edgegw.core.epcis.instant import canonical_instant
from tests.core.identity.support import Row, rows

VECTORS = rows("epcis_hash_vectors")
A_REPOSITORY_S_OWN = {"eh-035": ("repository-x:hash", "example:captureID")}
"""Fields that the vector's expected value leaves out, though they stand in the event."""


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["id"])
def test_published_vectors(row: Row) -> None:
    ignored = A_REPOSITORY_S_OWN.get(row["id"], ())
    assert event_hash.pre_hash(row["event"], row["context"], ignored) == row["prehash"]
    assert event_hash.event_hash(row["event"], row["context"], ignored) == row["hash"]


@pytest.mark.parametrize("module", [canonical, event_hash, instant], ids=lambda module: module.__name__)
def test_examples(module: Any) -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0


SENSED = next(row for row in VECTORS if row["id"] == "eh-016")


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same in another order of keys and of list items."""
    if isinstance(value, dict):
        return dict(rng.sample([(key, shuffled(inner, rng)) for key, inner in value.items()], len(value)))
    if isinstance(value, list):
        return rng.sample([shuffled(inner, rng) for inner in value], len(value))
    return value


@pytest.mark.parametrize("seed", range(10))
def test_order_does_not_count(seed: int) -> None:
    event = shuffled(SENSED["event"], random.Random(seed))
    assert event_hash.event_hash(event, SENSED["context"]) == SENSED["hash"]


def test_what_the_event_says_elsewhere_does_not_count() -> None:
    event = {
        **SENSED["event"],
        "eventID": "urn:uuid:f4d9f3ee-6d1b-4a0c-8fd5-86e0fb0b3c63",
        "recordTime": "2026-01-01T00:00:00Z",
        "errorDeclaration": {"declarationTime": "2026-01-01T00:00:00Z"},
        "@context": SENSED["context"],
        "rdfs:comment": "a remark",
    }
    assert event_hash.event_hash(event) == SENSED["hash"]


@pytest.mark.parametrize(
    "change",
    [
        {"eventTime": "2022-02-16T14:00:00.001Z"},
        {"action": "ADD"},
        {"bizStep": "receiving"},
        {"epcList": []},
        {"edgegw:id": "gw:E:1"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_change_counts(change: dict[str, Any]) -> None:
    assert event_hash.event_hash({**SENSED["event"], **change}, SENSED["context"]) != SENSED["hash"]


def test_extensions_stand_where_they_belong_with_their_namespace() -> None:
    event = {
        "@context": {"x": "https://x.example/"},
        "type": "ObjectEvent",
        "readPoint": {"x:note": "n", "id": "geo:1,2"},
        "x:list": [True, None, 2.50, {"x:b": 1, "x:a": ""}],
    }
    own = "{https://x.example/}"
    assert event_hash.pre_hash(event) == (
        f"eventType=ObjectEventreadPointid=geo:1,2{own}note=n{own}list=2.5{own}list=true{own}list{own}a{own}b=1"
    )


@pytest.mark.parametrize(
    ("text", "canonical_text"),
    [
        ("urn:epc:idpat:grai:4012345.00022.*", "https://id.gs1.org/8003/04012345000221"),
        ("urn:epc:idpat:cpi:0614141.12AB.*", "https://id.gs1.org/8010/061414112AB"),
        ("https://x.example/01/09506000134352/22/v/10/L", "https://id.gs1.org/01/09506000134352/10/L"),
        ("https://x.example/sscc/106141412345678908/#top", "https://id.gs1.org/00/106141412345678908"),
        ("https://x.example/01/123", "https://x.example/01/123"),
        ("https://x.example/01", "https://x.example/01"),
        ("https://x.example", "https://x.example"),
        ("urn:epc:id:gid:1.2.3", "urn:epc:id:gid:1.2.3"),
        ("urn:epc:id:sgtin:nonsense", "urn:epc:id:sgtin:nonsense"),
        ("urn:epc:idpat:*", "urn:epc:idpat:*"),
        ("1e3", "1000"),
        ("9" * 5000, "9" * 5000),
        ("0012345678901234567890", "12345678901234567890"),
        ("-0.50", "-0.5"),
        ("1_000", "1_000"),
        ("nan", "nan"),
    ],
)
def test_canonical_values(text: str, canonical_text: str) -> None:
    assert canonical_value(text) == canonical_text


@pytest.mark.parametrize(
    ("text", "canonical_text"),
    [
        ("2024-02-29T23:30:00-01:00", "2024-03-01T00:30:00.000Z"),
        ("2023-02-02T11:04:03.1415Z", "2023-02-02T11:04:03.142Z"),
        ("2100-03-01T00:00:00+00:01", "2100-02-28T23:59:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00"),
        ("2026-13-01T00:00:00Z", "2026-13-01T00:00:00Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("yesterday", "yesterday"),
    ],
)
def test_canonical_instants(text: str, canonical_text: str) -> None:
    assert canonical_instant(text) == canonical_text
