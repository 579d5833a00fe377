"""Reports and events on their way to the client, held while there is none or it does not want them yet.

Bounded, as in a real reader: one more than HOLD_LIMIT and the oldest is lost; the reader counts it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

HOLD_LIMIT = 66_000


class Item(NamedTuple):
    """Body of a message of type `number`; the tag entries in it, and the reads that these stand for."""

    number: int
    body: bytes
    entries: int = 0
    reads: int = 0


class Outbox:
    """First in, first out. `entries` and `reads` = how many are held now."""

    def __init__(self) -> None:
        self.entries = 0
        self.reads = 0
        self._items: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> Item | None:
        """Append. Returns the oldest if it had to go for it."""
        self._items.append(item)
        self._count(item, 1)
        return self.take() if len(self._items) > HOLD_LIMIT else None

    def put_back(self, items: Sequence[Item]) -> None:
        """What was taken and could not be sent, oldest first, back to the front."""
        self._items.extendleft(reversed(items))
        for item in items:
            self._count(item, 1)

    def take(self) -> Item:
        """The oldest; IndexError if there is none."""
        item = self._items.popleft()
        self._count(item, -1)
        return item

    def clear(self) -> None:
        while self._items:
            self.take()

    def _count(self, item: Item, sign: int) -> None:
        self.entries += sign * item.entries
        self.reads += sign * item.reads
