"""A reader's clock against the gateway's.

Readers were seen 14 s ahead, in 1970 and in 2004, and some have only uptime. What arrives now was stamped now or
earlier, so `arrival - stamp` = offset + delay with delay >= 0: the smallest recent value is the offset (the lower
envelope). A backlog only adds delay and cannot drag it. The greeting and other events are stamped as they are
sent and make the best samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

BUCKET_S = 60.0
BUCKETS = 3
JUMP_S = 1.0
JUMP_SAMPLES = 5
STEADY_S = 10.0
BELIEVED_S = 7 * 86_400.0


class _Step(NamedTuple):
    """Samples that agree with each other and not with the offset: the first of them, and how many."""

    since_s: float
    sample: float
    samples: int


class ReaderClock:
    """Offset of one clock (UTC or uptime) of one reader: gateway time = reader time + offset.

    The envelope is the minimum of the last two to three minutes, so that a clock which drifts is followed. A single
    stamp far from the others moves nothing; JUMP_SAMPLES that agree with each other do:

        ahead of the offset   at once: nothing is read before it happens, so the clock was set forward
        behind it             when they stayed equally far behind for STEADY_S: the clock was set back. What is
                              delivered late comes faster than it happened, and its delay shrinks

    `counted` hears `clock_set_forward` and `clock_set_back`.
    """

    __slots__ = ("_buckets", "_counted", "_step")

    def __init__(self, counted: Callable[[str], None]) -> None:
        self._counted = counted
        self._buckets: list[tuple[float, float]] = []
        self._step: _Step | None = None

    def reset(self) -> None:
        """Forget everything (a new connection: the reader may have been rebooted)."""
        self._buckets.clear()
        self._step = None

    @property
    def offset_s(self) -> float | None:
        return min(offset for _, offset in self._buckets) if self._buckets else None

    def correct(self, reader_s: float, arrival_s: float) -> float:
        """Take a stamp as a sample; return when it was on the gateway's timeline.

        Never after its arrival; and a stamp that would make the read older than any backlog (BELIEVED_S) says
        nothing: then it is the arrival.
        """
        sample = arrival_s - reader_s
        offset = self._learn(sample, arrival_s)
        t = min(reader_s + offset, arrival_s)
        return t if arrival_s - t <= BELIEVED_S else arrival_s

    def _learn(self, sample: float, arrival_s: float) -> float:
        """The offset, this sample considered."""
        offset = self.offset_s
        if offset is None or abs(sample - offset) <= JUMP_S:
            self._step = None
        elif self._stepped(sample, sample > offset, arrival_s):
            self._counted("clock_set_back" if sample > offset else "clock_set_forward")
            self.reset()
        elif sample < offset:
            return offset
        self._keep(sample, arrival_s)
        return min(offset for _, offset in self._buckets)

    def _keep(self, sample: float, arrival_s: float) -> None:
        if not self._buckets or arrival_s - self._buckets[-1][0] >= BUCKET_S:
            self._buckets.append((arrival_s, sample))
            del self._buckets[:-BUCKETS]
        elif sample < self._buckets[-1][1]:
            self._buckets[-1] = (self._buckets[-1][0], sample)

    def _stepped(self, sample: float, back: bool, arrival_s: float) -> bool:
        step = self._step
        if step is None or abs(sample - step.sample) > JUMP_S:
            step = _Step(arrival_s, sample, 0)
        self._step = step._replace(samples=step.samples + 1)
        return self._step.samples >= JUMP_SAMPLES and (not back or arrival_s - step.since_s >= STEADY_S)
