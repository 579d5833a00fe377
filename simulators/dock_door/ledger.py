"""What must come against what came.

>>> box_out = Expected("https://id.gs1.org/01/09506000134352/21/1", "door-1", "out")
>>> ledger = Ledger()
>>> ledger.promise([Act(0.0, decided_s=6.0, reads=(), scans=(), moves=(box_out,))], began_s=100.0)
>>> ledger.missing(105.0), ledger.missing(106.0) == [box_out]
([], True)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from simulators.dock_door.script import Act, Expected


def movement(event: Mapping[str, Any]) -> Expected:
    """What a movement event says."""
    data = event["data"]
    return Expected(data["unit"], data.get("door") or data["station"], data["direction"])


class Ledger:
    """`promise` what will happen, `enter` what arrives, ask for the difference."""

    def __init__(self) -> None:
        self._due: list[tuple[float, Expected]] = []
        self._arrived: Counter[Expected] = Counter()

    def promise(self, acts: Iterable[Act], began_s: float) -> None:
        """These acts happen in a round that began at `began_s`."""
        self._due += [(began_s + act.decided_s, move) for act in acts for move in act.moves]

    def enter(self, event: Mapping[str, Any]) -> None:
        self._arrived[movement(event)] += 1

    def still_missing(self, arrived: Counter[Expected]) -> list[Expected]:
        """Of all that is promised, what is not among these."""
        return list((Counter(move for _, move in self._due) - arrived).elements())

    def missing(self, now_s: float) -> list[Expected]:
        """Movements that should have arrived by now."""
        due = Counter(move for due_s, move in self._due if due_s <= now_s)
        return list((due - self._arrived).elements())

    def unexpected(self) -> list[Expected]:
        """Movements that nothing on the timeline explains, and those that arrived once too often."""
        return list((self._arrived - Counter(move for _, move in self._due)).elements())

    @property
    def promised(self) -> int:
        return len(self._due)

    @property
    def arrived(self) -> int:
        return self._arrived.total()
