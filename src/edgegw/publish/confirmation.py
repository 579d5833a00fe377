"""What the broker took and no central system has confirmed: how much may be under way, and what is sent again when.

PUBACK is not delivery: a broker that is killed loses what it acknowledged. With `delivery.confirm: central` an
event stays in the journal until a central system says on topic `ack` that it has stored it, and all before it,
and, if it likes, which of those after a gap:

    {"epoch": "01JD...", "seq": 1234, "beyond": [[1240, 1300]]}

| what happens               | what follows                                                                        |
|----------------------------|-------------------------------------------------------------------------------------|
| WINDOW events unconfirmed  | nothing more is sent                                                                |
| no progress for RESEND_S   | the oldest is sent again, alone, after pauses that double up to RESEND_MAX_S: no    |
|                            | storm into the queue of a central system that is away                               |
| it is confirmed then       | what is still unconfirmed SETTLE_S later is sent again: the broker has lost it      |
| any other progress         | the first pause again                                                               |

A new connection gives the central system RESEND_S before anything is sent again.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

WINDOW: Final = 2000
RESEND_S: Final = 5.0
RESEND_MAX_S: Final = 60.0
SETTLE_S: Final = 1.0
ACK_BYTES: Final = 8192
RANGES: Final = 256

Range = tuple[int, int]
"""First and last number, both included."""


class Ack(NamedTuple):
    """Everything of `epoch` up to and including `seq` is stored, and these ranges above it, ascending and apart."""

    epoch: str
    seq: int
    beyond: tuple[Range, ...] = ()

    def covers(self, seq: int) -> bool:
        return seq <= self.seq or any(first <= seq <= last for first, last in self._around(seq))

    def _around(self, seq: int) -> tuple[Range, ...]:
        """The one range that may have it."""
        after = bisect_right(self.beyond, seq, key=lambda one: one[0])
        return self.beyond[max(0, after - 1) : after]

    @property
    def highest(self) -> int:
        return self.beyond[-1][1] if self.beyond else self.seq

    def among(self, rows: Collection[int]) -> set[int]:
        """Which of them are stored."""
        ascending = sorted(rows)
        found = set(ascending[: bisect_right(ascending, self.seq)])
        for first, last in self.beyond:
            found.update(ascending[bisect_left(ascending, first) : bisect_right(ascending, last)])
        return found


def apart(ranges: Iterable[Range], above: int) -> tuple[Range, ...]:
    """The same numbers above `above` in as few ranges as it takes, ascending.

    >>> apart([(30, 40), (9, 8), (14, 20), (16, 25), (1, 2)], above=12)
    ((14, 25), (30, 40))
    """
    merged: list[Range] = []
    for first, last in sorted(one for one in ranges if max(one[0], above + 1) <= one[1]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def parse_ack(payload: bytes) -> Ack | None:
    """None: that is no acknowledgement.

    >>> parse_ack(b'{"epoch": "01JD", "seq": 12, "beyond": [[14, 20]]}')
    Ack(epoch='01JD', seq=12, beyond=((14, 20),))
    """
    if len(payload) > ACK_BYTES:
        return None
    try:
        document = json.loads(payload)
        epoch, seq = document["epoch"], document["seq"]
        beyond = [(first, last) for first, last in document.get("beyond", ())]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    numbers = [seq, *(number for one in beyond for number in one)]
    right = isinstance(epoch, str) and all(type(number) is int and number >= 0 for number in numbers)
    return Ack(epoch, seq, apart(beyond, seq)) if right and len(beyond) <= RANGES else None


class Unconfirmed:
    """Numbers of rows. Times are those of one clock that never runs backwards, in seconds.

    sent_to: the highest row that was sent, or may have been sent before the start.
    """

    def __init__(self, sent_to: int) -> None:
        self.sent_to = sent_to
        self._rows: set[int] = set()
        self._resend_at_s = 0.0
        self._tries = 0  # of the oldest, since the last progress
        self._answered = False  # the oldest was confirmed when it came again

    def __contains__(self, seq: int) -> bool:
        return seq in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def is_full(self, flying: int) -> bool:
        """Whether nothing more may be sent, with so many rows in flight."""
        return len(self._rows) + flying >= WINDOW

    @property
    def is_silent(self) -> bool:
        """Whether nobody confirms what was sent again and again."""
        return self._tries > 1

    @property
    def resend_at_s(self) -> float | None:
        return self._resend_at_s if self._rows else None

    def sending(self, seqs: Iterable[int]) -> None:
        self.sent_to = max(self.sent_to, *seqs)

    def add(self, seq: int, now_s: float) -> None:
        if not self._rows:
            self._wait(now_s)
        self._rows.add(seq)

    def confirm(self, ack: Ack, now_s: float) -> set[int]:
        """Which of them are confirmed now."""
        confirmed = ack.among(self._rows)
        if confirmed:
            self._answered, self._tries = self._tries > 0, 0
            self._wait(now_s)
        self._rows -= confirmed
        return confirmed

    def release(self, first: int, last: int) -> None:
        """Have these sent again now."""
        self._rows = {seq for seq in self._rows if not first <= seq <= last}

    def connected(self, now_s: float) -> None:
        self._wait(now_s)

    def take_due(self, now_s: float) -> Collection[int]:
        """What is to be sent again now."""
        if not self._rows or now_s < self._resend_at_s:
            return ()
        due = list(self._rows) if self._answered else [min(self._rows)]
        self._tries += not self._answered
        self._answered = False
        self._rows.difference_update(due)
        self._wait(now_s)
        return due

    def _wait(self, now_s: float) -> None:
        pause_s = SETTLE_S if self._answered else min(RESEND_MAX_S, RESEND_S * 2**self._tries)
        self._resend_at_s = now_s + pause_s
