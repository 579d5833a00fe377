"""Decisions as the log keeps them."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.core import packed
from edgegw.core.identity import Identity
from edgegw.core.model import (
    Evidence,
    Heard,
    LoadVote,
    Movement,
    Observation,
    Passed,
    SideSight,
    Unidentified,
    Why,
)
from edgegw.core.packed import MAX_TEXT, Logged, log_key, pack, read_point, unpack

T = 1_800_000_000.0
UNIT = "https://id.gs1.org/01/09506000134352/21/123456789"
IDENTITY = Identity("unit", UNIT, "sgtin-96")
EVIDENCE = Evidence("3066C4409047E140075BCD15", 5, ("dock-1/1", "dock-1/3"), T - 2, T + 1.5, -61.5)
WHY = Why(
    "crossed",
    SideSight(2, T - 1.8, -63.0),
    SideSight(3, T + 0.5, None),
    order_s=2.3,
    clarity=1.8,
    spread_db=2.75,
    load=LoadVote(T + 0.25, 18, 20),
    steady_db=1.1,
    faint_dbm=-71.5,
    known_t=T - 300,
    heard=(Heard(T - 2, "inside", 2, -63.0), Heard(T + 0.5, "outside", 3, None)),
)
MOVEMENT = Movement(IDENTITY, T, T + 4, "inside", "outside", EVIDENCE, door="door-1", direction="out", why=WHY)
DECISIONS: list[Logged] = [
    MOVEMENT,
    Movement(IDENTITY, T, T, None, "packing", EVIDENCE, station="packing"),
    Passed(IDENTITY, T, T + 4, "door-1", "crossed", EVIDENCE._replace(late=True), WHY),
    Observation(IDENTITY, T, "packing", "packing", EVIDENCE),
    Unidentified(Identity("raw", "data:,HELLO", "raw", reason="no rule"), T, "packing", EVIDENCE),
]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda one: type(one).__name__)
def test_there_and_back(decision: Logged) -> None:
    again = unpack(pack(decision))
    if isinstance(decision, Unidentified):
        decision = decision._replace(identity=decision.identity._replace(kind="unit"))
    assert again == decision


def test_the_clocks_shift_moves_all_times() -> None:
    moved = unpack(pack(DECISIONS[0], 3600.0))
    assert isinstance(moved, Movement)
    assert (moved.t, moved.decided_t, moved.evidence.first_t) == (T + 3600, T + 3604, T + 3598)
    assert moved.why
    assert moved.why.load == LoadVote(T + 3600.25, 18, 20)
    assert moved.why.heard[0].t == T + 3598
    assert moved.why.known_t == T + 3300


def test_a_movement_with_a_full_episode_is_small() -> None:
    heard = tuple(Heard(T + n * 0.25, "inside" if n < 32 else "outside", 1 + n % 4, -60 - n % 9) for n in range(64))
    movement = MOVEMENT._replace(why=WHY._replace(heard=heard))
    assert len(pack(movement)) < 400
    assert len(pack(DECISIONS[0])) < 200


def test_keys_and_read_points() -> None:
    assert [read_point(decision) for decision in DECISIONS] == ["door-1", "packing", "door-1", "packing", "packing"]
    assert log_key(DECISIONS[0]) == UNIT
    assert log_key(DECISIONS[4]) == "data:,HELLO"
    nameless = Unidentified(Identity("invalid", "", "gs1"), T, "packing", EVIDENCE._replace(tag="?" * 5000))
    assert log_key(nameless) == "?" * MAX_TEXT
    assert len(pack(nameless)) < 300


def test_lone_surrogates_of_a_hostile_scan_are_kept() -> None:
    scanned = DECISIONS[4]._replace(evidence=EVIDENCE._replace(tag="\ud800"))
    assert unpack(pack(scanned)).evidence.tag == "\ud800"


def deflated(text: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS, zdict=packed._DICTIONARY)
    return deflate.compress(text) + deflate.flush()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"is":"movement","t":1}',
        b'{"is":"nothing","t":1,"at":"x","unit":"u","evidence":{"reads":1,"first":0,"last":0}}',
        b'{"is":"passed","t":1,"at":"x","unit":"u","evidence":{"reads":1,"first":0,"last":0},"why":{"code":"x","heard":[1]}}',
        b'{"is":"passed","t":"soon","at":"x","unit":"u","evidence":{}}',
        b"[" * 60_000,
        b" " * 10_000_000,
    ],
)
def test_what_pack_did_not_make_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(deflated(text))


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(data: bytes) -> None:
    try:
        decision = unpack(data)
    except ValueError:
        return
    assert isinstance(decision, Logged)


@given(st.integers(0, 180), st.integers(0, 255))
def test_damaged_entries_do_no_harm(at: int, byte: int) -> None:
    data = bytearray(pack(DECISIONS[0]))
    data[at % len(data)] = byte
    try:
        unpack(bytes(data))
    except ValueError:
        return
