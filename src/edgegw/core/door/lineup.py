"""Units that both sides saw, by the time at which they seem to cross: who belongs together is found by halving."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from statistics import median

from edgegw.core.door.load import TOGETHER_S
from edgegw.core.door.order import Order
from edgegw.core.model import Side

LAST = "\U0010ffff"
"""After every unit."""


class Lineup:
    def __init__(self, orders: Mapping[str, Order]) -> None:
        self._rows: dict[Side | None, list[tuple[float, str]]] = {"inside": [], "outside": [], None: []}
        self._orders = dict(orders)
        for unit, order in self._orders.items():
            self._rows[order.origin].append((order.t, unit))
        for rows in self._rows.values():
            rows.sort()

    def remove(self, unit: str) -> None:
        """It is decided."""
        order = self._orders.pop(unit, None)
        if order is not None:
            rows = self._rows[order.origin]
            del rows[bisect_left(rows, (order.t, unit))]

    def load(self, around: Order) -> tuple[float, list[str]]:
        """The middle of the load that a crossing belongs to, and its units; its own time and none if it is alone."""
        t, found = around.t, self._near(around.origin, around.t)
        for _ in range(2):
            if found:
                t = median(at for at, _ in found)
                found = self._near(around.origin, t)
        return (t, [unit for _, unit in found]) if found else (around.t, [])

    def company(self, t: float) -> list[str]:
        """Whoever was in the door at that time, whatever became of it."""
        return [unit for origin in self._rows for _, unit in self._near(origin, t)]

    def _near(self, origin: Side | None, t: float) -> list[tuple[float, str]]:
        rows = self._rows[origin]
        return rows[bisect_left(rows, (t - TOGETHER_S, "")) : bisect_right(rows, (t + TOGETHER_S, LAST))]
