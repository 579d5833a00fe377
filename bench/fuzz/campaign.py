"""All parts, each with a random stream of its own."""

from __future__ import annotations

import random
from collections.abc import Mapping

from bench.fuzz import llrp, mqtt, packets, scans
from bench.fuzz.configurations import Configurations
from bench.fuzz.tally import Tally, run

COUNTS: Mapping[str, int] = {
    "frames": 100_000,
    "tcp": 2_000,
    "peers": 2_000,
    "scans": 100_000,
    "serial": 20_000,
    "tcp-scans": 20_000,
    "mqtt": 20_000,
    "packets": 20_000,
    "yaml": 100_000,
}
"""Inputs of each part."""


async def campaign(counts: Mapping[str, int], seed: int) -> list[Tally]:
    """The parts that are asked for, with so many inputs each."""
    talks = [await llrp.record(personality) for personality in llrp.PERSONALITIES]
    return [await _part(part, count, random.Random(seed), talks) for part, count in counts.items()]


async def _part(part: str, count: int, rng: random.Random, talks: list[list[bytes]]) -> Tally:
    match part:
        case "frames":
            return run(part, llrp.Frames(talks, rng), count)
        case "tcp":
            return await llrp.over_tcp(count, rng, [frame for talk in talks for frame in talk])
        case "peers":
            return await llrp.conversations(count, rng, talks)
        case "scans":
            return run(part, scans.Scans(rng), count)
        case "serial":
            return await scans.over_serial(count, rng)
        case "tcp-scans":
            return await scans.over_tcp(count, rng)
        case "mqtt":
            return await mqtt.over_mqtt(count, rng)
        case "packets":
            return await packets.over_tcp(count, rng)
        case "yaml":
            return run(part, Configurations(rng), count)
    raise ValueError(f"no part '{part}'")
