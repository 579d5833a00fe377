"""A small backlog, through the same gateway process, and a central system that can complain."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.torture import backlog
from tests.torture.witness import Witness


async def test_a_backlog_arrives_in_order_and_costs_little(tmp_path: Path) -> None:
    kind = backlog.KINDS[1]
    drained = await backlog.drain(tmp_path, 2000, kind)
    assert (drained.witness.events, drained.witness.missing, drained.witness.out_of_order) == (2000, 0, 0)
    assert drained.witness.messages < 2000 / 20
    assert drained.rss_mb > 20  # it was measured
    row = backlog._row(kind, 2000, drained)
    assert row.counts["lost"] == 0
    assert not backlog._row(kind, 2001, drained).holds


class Sink(asyncio.Transport):
    """Remembers what a witness writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data


async def test_the_witness_counts_repeats_gaps_and_disorder_whatever_the_packets_are_cut_into() -> None:
    def publish(identifier: int, *seqs: int) -> bytes:
        payload = b"[" + b",".join(b'{"id":"gw:E:%d","seq":%d,"x":"%s"}' % (seq, seq, b"x" * 99) for seq in seqs) + b"]"
        body = b"\x00\x01a" + identifier.to_bytes(2) + payload
        return bytes([0x32, len(body) & 127 | 128, len(body) >> 7]) + body

    witness, sink = Witness(0, "#"), Sink()
    witness.connection_made(sink)
    said = publish(1, 1, 2) + publish(2, 5) + publish(3, 3, 5) + publish(4, 7)
    for at in range(0, len(said), 7):
        witness.data_received(said[at : at + 7])
    assert (witness.events, witness.repeats, witness.out_of_order, witness.missing) == (5, 1, 1, 2)
    assert witness.messages == 4
    assert sink.written.endswith(b"".join(b"\x40\x02" + number.to_bytes(2) for number in (1, 2, 3, 4)))
