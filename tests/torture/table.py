"""One line of honest counts for each fault, and the table of them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """What one fault did. counts: figures in the order they are printed, such as `lost=0`; wanted: the contract in
    words; faults: what broke it, nothing when it held.
    """

    fault: str
    counts: dict[str, int | float | str]
    wanted: str
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the contract held."""
        return not self.faults


def lines(rows: Iterable[Row]) -> Iterable[str]:
    """The table, one line a fault, and under it what broke."""
    for row in rows:
        counts = ", ".join(f"{name}={value}" for name, value in row.counts.items())
        yield f"{'ok  ' if row.holds else 'FAIL'} {row.fault:<58} {counts}   (wanted: {row.wanted})"
        yield from (f"       {fault}" for fault in row.faults)
