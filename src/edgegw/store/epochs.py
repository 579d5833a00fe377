"""Epochs of one journal: which event has which number, and in which row it stands.

A number must never be given twice, or central systems take the second event for a repeat of the first. That is
what would happen after a journal was restored from a copy; so a copy begins a new epoch, which counts from 1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from edgegw.core.reissue import renumbered
from edgegw.store.connection import Statement

ALL: Final = "SELECT epoch, base, stamped FROM epoch ORDER BY number"
_INSERT = "INSERT INTO epoch (epoch, base, stamped) VALUES (?, ?, ?)"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Epoch(NamedTuple):
    """Row = number + base. stamped: rows from base on up to this one were encoded under the epoch before."""

    epoch: str
    base: int
    stamped: int

    def statements(self) -> tuple[Statement, ...]:
        """SQL that makes it the present one."""
        return (_INSERT, [self]), ("UPDATE meta SET epoch = ?", [(self.epoch,)])


class Epochs:
    """All of a journal, the present one last."""

    def __init__(self, epochs: Sequence[Epoch]) -> None:
        self._epochs = list(epochs)

    @property
    def present(self) -> Epoch:
        return self._epochs[-1]

    def begin(self, epoch: Epoch) -> None:
        self._epochs.append(epoch)

    def row_of(self, epoch: str, number: int, last_row: int) -> int | None:
        """The row of an event, or of the place before the first (number 0); None: there is no such event."""
        lasts = [*(later.base for later in self._epochs[1:]), last_row]
        for known, last in zip(self._epochs, lasts, strict=True):
            if known.epoch == epoch:
                row = known.base + number
                return row if known.base <= row <= last else None
        return None

    def base_of(self, epoch: str) -> int:
        return next((known.base for known in self._epochs if known.epoch == epoch), 0)

    def as_sent(self, row: int, payload: bytes) -> bytes:
        """The event as it must be sent; what was encoded before its epoch began is put right."""
        for epoch in self._epochs[1:]:
            if epoch.base < row <= epoch.stamped:
                return renumbered(payload, epoch.epoch, row - epoch.base)
        return payload


def new_epoch(t: float) -> str:
    """A ULID (github.com/ulid/spec): 48 bits of milliseconds and 80 random ones as 26 Crockford digits."""
    value = round(t * 1000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))
