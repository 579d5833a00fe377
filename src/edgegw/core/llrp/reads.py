"""Batches of tags -> reads on the gateway's timeline: what a reader says, with its own clock taken out of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby

from edgegw.core.counters import Counters
from edgegw.core.identity.epc import MOST_EPC_BITS
from edgegw.core.llrp.clock import ReaderClock
from edgegw.core.llrp.layout import Clock, Row, TagBatch
from edgegw.core.model import TagRead


class ReadMaker:
    """Of one reader, for all its connections. late_after_s: older reads are flagged as late."""

    def __init__(self, reader: str, late_after_s: float, counters: Counters) -> None:
        self._reader = reader
        self._late_after_s = late_after_s
        self._counters = counters
        self._utc = ReaderClock(partial(counters.add, reader))
        self._uptime = ReaderClock(partial(counters.add, reader))

    @property
    def offset_s(self) -> float | None:
        """Gateway time minus reader time; None until measured."""
        return self._utc.offset_s if self._utc.offset_s is not None else self._uptime.offset_s

    def reset(self) -> None:
        """A new connection: the reader may have been rebooted."""
        self._utc.reset()
        self._uptime.reset()

    def stamped_t(self, utc_us: int | None, uptime_us: int | None, arrival: float) -> float | None:
        """When a message was sent; None: it does not say. The best samples that the clocks get."""
        if utc_us is not None:
            return self._utc.correct(utc_us / 1e6, arrival)
        return None if uptime_us is None else self._uptime.correct(uptime_us / 1e6, arrival)

    def reads(self, batches: Sequence[TagBatch], arrival: float) -> list[TagRead]:
        """In the reader's order. Tags without an EPC, and with one that no tag can hold, are counted and left out."""
        tags = sum([batch.tags for batch in batches])
        named = [batch for batch in batches if 0 < batch.layout.constants.epc_bits <= MOST_EPC_BITS]
        reads: list[TagRead] = []
        for clock, group in groupby(named, _clock):
            reads += self._made([row for batch in group for row in batch.rows()], clock, arrival)
        self._counters.add(self._reader, "reads", tags)
        if len(reads) < tags:
            empty = sum([batch.tags for batch in batches if not batch.layout.constants.epc_bits])
            self._count("empty_epc", empty)
            self._count("impossible_epc", tags - len(reads) - empty)
        return reads

    def _made(self, rows: Sequence[Row], clock: Clock | None, arrival: float) -> list[TagRead]:
        """Of tags with stamps of one clock."""
        reader_ts, ts = self._times(rows, clock, arrival)
        lates = [False] * len(ts)
        if arrival - min(ts) > self._late_after_s:
            lates = [arrival - t > self._late_after_s for t in ts]
            self._counters.add(self._reader, "late_reads", sum(lates))
        rssis = [row[3] for row in rows]
        if max(filter(None, rssis), default=0.0) > 0.0:
            self._count("impossible_rssi", sum(rssi is not None and rssi > 0.0 for rssi in rssis))
            rssis = [None if rssi is None or rssi > 0.0 else rssi for rssi in rssis]
        reader, make = self._reader, tuple.__new__  # the constructor of a named tuple takes twice the time
        columns = zip(rows, rssis, ts, reader_ts, lates, strict=True)
        return [
            make(TagRead, (reader, antenna, epc, epc_bits, t, rssi_dbm, pc, reader_t, late))
            for (antenna, epc, epc_bits, _, pc, _), rssi_dbm, t, reader_t, late in columns
        ]

    def _count(self, reason: str, tags: int) -> None:
        if tags:
            self._counters.add(self._reader, reason, tags)

    def _times(
        self, rows: Sequence[Row], clock: Clock | None, arrival: float
    ) -> tuple[Sequence[float | None], Sequence[float]]:
        """The reader's stamps in seconds, and when that was on the gateway's timeline."""
        if clock is None:
            return [None] * len(rows), [arrival] * len(rows)
        reader_ts = [row[-1] / 1e6 for row in rows]
        return reader_ts, (self._utc if clock == "utc" else self._uptime).correct_all(reader_ts, arrival)


def _clock(batch: TagBatch) -> Clock | None:
    return batch.layout.clock
