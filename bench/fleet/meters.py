"""Numbers that the processes of a fleet share: the pace, what is published, what has arrived and how late."""

from __future__ import annotations

import math
from collections.abc import Sequence
from multiprocessing.context import SpawnContext
from typing import Any

BUCKETS, GROWTH, FIRST_MS = 160, 1.1, 0.1
"""Delays are counted in buckets, each a tenth wider than the one before: from 0.1 ms to some minutes."""


class Meters:
    """Handed to every process when it is started.

    pace_hz     events a second of each gateway
    published   events that the broker has acknowledged, by process of gateways
    arrived     events, by consumer
    delays      events by bucket of delay, of all consumers
    """

    def __init__(self, context: SpawnContext, processes: int, consumers: int) -> None:
        self.pace_hz: Any = context.Value("d", 0.0)
        self.published: Any = context.Array("Q", processes, lock=False)
        self.arrived: Any = context.Array("Q", consumers, lock=False)
        self.delays: Any = [context.Array("Q", BUCKETS, lock=False) for _ in range(consumers)]

    def all_delays(self) -> list[int]:
        return [sum(counts) for counts in zip(*self.delays, strict=True)]


def bucket(delay_ms: float) -> int:
    """
    >>> bucket(0.05), bucket(1.0), bucket(1e12)
    (0, 25, 159)
    """
    if delay_ms <= FIRST_MS:
        return 0
    return min(BUCKETS - 1, 1 + int(math.log(delay_ms / FIRST_MS, GROWTH)))


def percentile_ms(counts: Sequence[int], share: float) -> float:
    """The upper end of the bucket below which this share of the delays lies."""
    wanted, seen = share * sum(counts), 0
    for number, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return FIRST_MS * GROWTH**number
    return math.inf
