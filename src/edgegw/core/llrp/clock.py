"""A reader's clock against the gateway's.

Readers were seen 14 s ahead, in 1970 and in 2004, and some have only uptime. What arrives now was stamped now or
earlier, so `arrival - stamp` = offset + delay with delay >= 0: the smallest recent value is the offset (the lower
envelope). A backlog only adds delay and cannot drag it. The greeting and other events are stamped as they are
sent and make the best samples.
"""

from __future__ import annotations

BUCKET_S = 60.0
BUCKETS = 3
JUMP_S = 1.0
JUMP_SAMPLES = 5
BELIEVED_S = 7 * 86_400.0


class ReaderClock:
    """Offset of one clock (UTC or uptime) of one reader: gateway time = reader time + offset.

    The envelope is the minimum of the last two to three minutes, so that a clock which drifts or is set is
    followed: within a few samples when set forward, after that span when set back. A single stamp far ahead of
    the others is a lie and moves nothing: a jump needs JUMP_SAMPLES in a row.
    """

    __slots__ = ("_buckets", "_jump")

    def __init__(self) -> None:
        self._buckets: list[tuple[float, float]] = []
        self._jump: list[float] = []

    def reset(self) -> None:
        """Forget everything (a new connection: the reader may have been rebooted)."""
        self._buckets.clear()
        self._jump.clear()

    @property
    def offset_s(self) -> float | None:
        return min(offset for _, offset in self._buckets) if self._buckets else None

    def correct(self, reader_s: float, arrival_s: float) -> float:
        """Take a stamp as a sample; return when it was on the gateway's timeline.

        Never after its arrival; and a stamp that would make the read older than any backlog (BELIEVED_S) says
        nothing: then it is the arrival.
        """
        sample = arrival_s - reader_s
        offset = self.offset_s
        if offset is None or sample >= offset - JUMP_S:
            self._jump.clear()
            self._keep(sample, arrival_s)
        elif self._jumped(sample):
            self.reset()
            self._keep(sample, arrival_s)
        offset = self.offset_s
        assert offset is not None
        t = min(reader_s + offset, arrival_s)
        return t if arrival_s - t <= BELIEVED_S else arrival_s

    def _keep(self, sample: float, arrival_s: float) -> None:
        if not self._buckets or arrival_s - self._buckets[-1][0] >= BUCKET_S:
            self._buckets.append((arrival_s, sample))
            del self._buckets[:-BUCKETS]
        elif sample < self._buckets[-1][1]:
            self._buckets[-1] = (self._buckets[-1][0], sample)

    def _jumped(self, sample: float) -> bool:
        if self._jump and abs(sample - self._jump[-1]) > JUMP_S:
            self._jump.clear()
        self._jump.append(sample)
        return len(self._jump) >= JUMP_SAMPLES
