"""Rounds: every contender after the other, again and again, so that a busy moment of the machine meets them all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

ROUNDS = 5

Name = TypeVar("Name")

median = statistics.median


def in_turn(contenders: Mapping[Name, Callable[[], float]], rounds: int = ROUNDS) -> dict[Name, list[float]]:
    """What each contender gives, round by round. One call each goes before, uncounted: caches are warm."""
    for run in contenders.values():
        run()
    found: dict[Name, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            found[name].append(run())
    return found


def per_cpu_s(work: Callable[[], int]) -> float:
    """How many a second of our own CPU, by a `work` that says how many it did."""
    began_s = time.process_time()
    done = work()
    return done / (time.process_time() - began_s)


def times(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """The median of the ratios round by round: what slows both in a round cancels out."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))
