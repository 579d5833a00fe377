"""What became of hostile inputs, part by part."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import psutil


@dataclass
class Tally:
    """What became of the inputs of one part."""

    part: str
    inputs: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    grown_mb: float = 0.0
    failures: list[str] = field(default_factory=list)

    def take(self, data: bytes, judge: Callable[[bytes], str]) -> None:
        """Give one input to `judge`, which says why it was refused, or nothing when it was accepted."""
        self.inputs += 1
        began = time.thread_time()
        try:
            refusal = judge(data)
        except Exception as error:  # noqa: BLE001 - the very thing this program looks for
            self.failures.append(f"{error!r} for {data[:400].hex()}")
            return
        self.slowest_ms = max(self.slowest_ms, (time.thread_time() - began) * 1000)
        if refusal:
            self.refused[refusal] += 1
        else:
            self.accepted += 1

    def lines(self) -> Iterator[str]:
        yield (
            f"{self.part:9} inputs {self.inputs:6}  accepted {self.accepted:6}  refused {self.refused.total():6}"
            f"  slowest {self.slowest_ms:7.2f} ms  memory +{self.grown_mb:.1f} MB  failures {len(self.failures)}"
        )
        for reason, count in self.refused.most_common(12):
            yield f"          {count:6}  {reason}"
        yield from (f"          FAILED {failure}" for failure in self.failures[:5])

    def verdict(self, slowest_ms: float, grown_mb: float) -> bool:
        return not self.failures and self.slowest_ms <= slowest_ms and self.grown_mb <= grown_mb


class Speechless(Exception):
    """A refusal without a word."""


def sentence(words: str) -> str:
    if not words.strip():
        raise Speechless
    return "a sentence"


class Source(Protocol):
    """Inputs, and what a part of the program makes of them."""

    def inputs(self, count: int) -> Iterator[bytes]: ...

    def judge(self, data: bytes) -> str:
        """Why it was refused; nothing when it was accepted. Whatever it raises is a failure."""


def run(part: str, source: Source, count: int) -> Tally:
    """All inputs, one after the other, in this process."""
    tally = Tally(part)
    growth = Growth(count)
    for data in source.inputs(count):
        growth.step()
        tally.take(data, source.judge)
    tally.grown_mb = growth.mb()
    return tally


class Growth:
    """How much memory grew in a part, once its first quarter has filled caches and buffers."""

    def __init__(self, count: int) -> None:
        self._left = count // 4
        self._settled_mb = rss_mb()

    def step(self) -> None:
        """One more input."""
        self._left -= 1
        if self._left == 0:
            self._settled_mb = rss_mb()

    def mb(self) -> float:
        return rss_mb() - self._settled_mb


def rss_mb() -> float:
    """Of this process, now."""
    return float(psutil.Process().memory_info().rss / 1e6)
