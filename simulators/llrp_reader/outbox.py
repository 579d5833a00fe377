"""Reports and events on their way to the client, held while there is none or it does not want them yet.

Bounded, as in a real reader: one more than HOLD_LIMIT and the oldest is lost, which is counted.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

HOLD_LIMIT = 66_000


class Item(NamedTuple):
    """Body of a message of type `number`; the tag entries in it, and the reads that these stand for."""

    number: int
    body: bytes
    entries: int = 0
    reads: int = 0


class Outbox:
    """First in, first out."""

    def __init__(self) -> None:
        self.entries = 0  # tag entries held now
        self.entries_lost = 0
        self.reads_lost = 0
        self._items: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> bool:
        """Append. False: the oldest had to go."""
        self._items.append(item)
        self.entries += item.entries
        if len(self._items) <= HOLD_LIMIT:
            return True
        lost = self.take()
        self.entries_lost += lost.entries
        self.reads_lost += lost.reads
        return False

    def take(self) -> Item:
        """The oldest; IndexError if there is none."""
        item = self._items.popleft()
        self.entries -= item.entries
        return item

    def clear(self) -> None:
        self._items.clear()
        self.entries = 0
