"""A reader's clock against the gateway's.

Readers were seen 14 s ahead, in 1970 and in 2004, and some have only uptime. What arrives now was stamped now or
earlier, so `arrival - stamp` = offset + delay with delay >= 0: the smallest recent value is the offset (the lower
envelope). A backlog only adds delay and cannot drag it. The greeting and other events are stamped as they are
sent and make the best samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

BUCKET_S = 60.0
BUCKETS = 3
JUMP_S = 1.0
JUMP_SAMPLES = 5
STEADY_S = 10.0
ORDER_S = 2.0
"""Reads of one connection are stamped in the order of their arrival, but for so much."""
BELIEVED_S = 7 * 86_400.0


class _Step(NamedTuple):
    """Samples that agree with each other and not with the offset: the first of them, and how many. back: it was that of
    a read, stamped before one that came earlier.
    """

    since_s: float
    sample: float
    samples: int
    back: bool


class ReaderClock:
    """Offset of one clock (UTC or uptime) of one reader: gateway time = reader time + offset.

    The envelope is the minimum of the last two to three minutes, so that a clock which drifts is followed. A single
    stamp far from the others moves nothing; JUMP_SAMPLES that agree with each other do:

        ahead of the offset   at once: nothing is read before it happens, so the clock was set forward
        behind it             when they stayed equally far behind for STEADY_S: the clock was set back. What is
                              delivered late comes faster than it happened, and its delay shrinks
        behind earlier reads  at once: a reader tells its reads in their order, a backlog too, so the clock was set
                              back. Until that is sure, such a read is of the moment of its arrival

    `counted` hears `clock_set_forward` and `clock_set_back`.
    """

    __slots__ = ("_buckets", "_counted", "_latest_s", "_step", "offset_s")

    def __init__(self, counted: Callable[[str], None]) -> None:
        self._counted = counted
        self._buckets: list[tuple[float, float]] = []
        self._step: _Step | None = None
        self._latest_s = -math.inf  # stamp of a read
        self.offset_s: float | None = None

    def reset(self) -> None:
        """Forget everything (a new connection: the reader may have been rebooted)."""
        self._buckets.clear()
        self._step = None
        self._latest_s = -math.inf
        self.offset_s = None

    def correct(self, reader_s: float, arrival_s: float) -> float:
        """Take a stamp as a sample; return when it was on the gateway's timeline.

        Never after its arrival; and a stamp that would make the read older than any backlog (BELIEVED_S) says
        nothing: then it is the arrival.
        """
        return self._correct(reader_s, arrival_s, goes_back=False)

    def _correct(self, reader_s: float, arrival_s: float, goes_back: bool) -> float:
        offset = self._learn(arrival_s - reader_s, arrival_s, goes_back)
        if self._step is not None and self._step.back:
            return arrival_s
        t = min(reader_s + offset, arrival_s)
        return t if arrival_s - t <= BELIEVED_S else arrival_s

    def correct_all(self, readers_s: Sequence[float], arrival_s: float) -> list[float]:
        """`correct` of the stamps of reads, in their order, which arrive together."""
        offset = self.offset_s
        if offset is None or not self._tell_nothing(offset, readers_s, arrival_s):
            return [self._correct_read(reader_s, arrival_s) for reader_s in readers_s]
        self._step = None
        self._latest_s = max(self._latest_s, readers_s[-1])
        ts = [reader_s + offset for reader_s in readers_s]
        return ts if max(ts) <= arrival_s else [min(t, arrival_s) for t in ts]

    def _correct_read(self, reader_s: float, arrival_s: float) -> float:
        t = self._correct(reader_s, arrival_s, goes_back=reader_s < self._latest_s - ORDER_S)
        if self._step is None:
            self._latest_s = max(self._latest_s, reader_s)
        return t

    def _tell_nothing(self, offset: float, readers_s: Sequence[float], arrival_s: float) -> bool:
        """Whether these stamps agree with the offset, and none of them is a better sample."""
        since_s, lowest = self._buckets[-1]
        return (
            arrival_s - since_s < BUCKET_S
            and arrival_s - max(readers_s) >= lowest
            and abs(arrival_s - min(readers_s) - offset) <= JUMP_S
        )

    def _learn(self, sample: float, arrival_s: float, goes_back: bool) -> float:
        """The offset, this sample considered."""
        offset = self.offset_s
        if offset is None or abs(sample - offset) <= JUMP_S:
            self._step = None
        elif self._stepped(sample, sample > offset, arrival_s, goes_back):
            self._counted("clock_set_back" if sample > offset else "clock_set_forward")
            self.reset()
        elif sample < offset:
            return offset
        return self._keep(sample, arrival_s)

    def _keep(self, sample: float, arrival_s: float) -> float:
        if not self._buckets or arrival_s - self._buckets[-1][0] >= BUCKET_S:
            self._buckets.append((arrival_s, sample))
            del self._buckets[:-BUCKETS]
        elif sample < self._buckets[-1][1]:
            self._buckets[-1] = (self._buckets[-1][0], sample)
        self.offset_s = min(offset for _, offset in self._buckets)
        return self.offset_s

    def _stepped(self, sample: float, behind: bool, arrival_s: float, goes_back: bool) -> bool:
        step = self._step
        if step is None or abs(sample - step.sample) > JUMP_S:
            step = _Step(arrival_s, sample, 0, goes_back)
        self._step = step = step._replace(samples=step.samples + 1)
        is_late = behind and not step.back and arrival_s - step.since_s < STEADY_S
        return step.samples >= JUMP_SAMPLES and not is_late
