"""A small slice of the fuzz campaign (`python -m bench.fuzz`), always the same one, and proof that it can fail."""

from __future__ import annotations

import random

import pytest

from bench.fuzz.campaign import campaign
from bench.fuzz.mutations import mutate
from bench.fuzz.tally import Tally


@pytest.mark.parametrize(("part", "count"), [("frames", 3000), ("scans", 3000), ("yaml", 300)])
async def test_hostile_input_costs_a_value_a_counter_or_a_sentence(part: str, count: int) -> None:
    (tally,) = await campaign({part: count}, 1)
    assert tally.inputs == count
    assert tally.verdict(slowest_ms=250.0, grown_mb=20.0), list(tally.lines())
    assert tally.accepted > count / 100
    assert tally.refused.total() > count / 2


async def test_reports_between_hostile_frames_all_arrive() -> None:
    (tally,) = await campaign({"tcp": 150}, 1)
    assert tally.failures == []
    assert tally.accepted == 150
    assert tally.refused["counted: bad_frames"] > 50


async def test_every_conversation_ends_in_a_sentence() -> None:
    (tally,) = await campaign({"peers": 200}, 1)
    assert tally.failures == []
    assert tally.refused["a sentence"] > 20
    assert tally.refused["a sentence, after it was up"] > 20


@pytest.mark.parametrize("part", ["serial", "tcp-scans"])
async def test_scans_between_hostile_bytes_arrive_over_the_wire(part: str) -> None:
    (tally,) = await campaign({part: 1000}, 1)
    assert tally.failures == []
    assert tally.accepted > 500
    assert tally.refused["counted: undecodable"] > 100


async def test_commands_between_hostile_ones_are_answered() -> None:
    (tally,) = await campaign({"mqtt": 1000}, 1)
    assert tally.failures == []
    assert tally.accepted >= 10
    assert tally.refused["a command is refused with a sentence"] > 100
    assert tally.refused["counted: acks_unreadable"] > 100
    assert tally.refused["counted: acks"] > 20


async def test_broken_packets_end_the_link_in_a_sentence() -> None:
    (tally,) = await campaign({"packets": 300}, 1)
    assert tally.failures == []
    assert tally.refused["a sentence"] > 50
    assert tally.refused["a sentence, after it was up"] > 20


def test_an_exception_and_a_slow_input_are_failures() -> None:
    tally = Tally("frames")
    tally.take(b"", lambda _data: "" if sum(range(100_000)) else "never")
    assert not tally.verdict(slowest_ms=0.0, grown_mb=20.0)
    assert tally.verdict(slowest_ms=250.0, grown_mb=20.0)
    tally.take(b"\x01", lambda data: str(data[1]))
    assert not tally.verdict(slowest_ms=250.0, grown_mb=20.0)
    assert "IndexError" in tally.failures[0]


def test_mutations_change_something() -> None:
    rng = random.Random(1)
    original = bytes(range(200))
    assert sum(mutate([original], rng) != original for _ in range(100)) > 90
