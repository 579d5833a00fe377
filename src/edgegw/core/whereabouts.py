"""Where each unit was last known to be: what `from` in an event says.

Bounded: the unit that moved longest ago is forgotten first, and its next movement comes from nowhere.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

MAX_UNITS = 65_536


class Whereabout(NamedTuple):
    """`t` on the gateway's timeline."""

    place: str
    read_point: str
    t: float


class Whereabouts:
    """Also keeps what changed since it was last asked, for the journal."""

    def __init__(self, max_units: int = MAX_UNITS) -> None:
        self._units: OrderedDict[str, Whereabout] = OrderedDict()
        self._changed: dict[str, Whereabout] = {}
        self._max_units = max_units

    def restore(self, unit: str, whereabout: Whereabout) -> None:
        self._units[unit] = whereabout
        self._units.move_to_end(unit)
        if len(self._units) > self._max_units:
            self._units.popitem(last=False)

    def get(self, unit: str) -> Whereabout | None:
        return self._units.get(unit)

    def place_of(self, unit: str) -> str | None:
        whereabout = self._units.get(unit)
        return whereabout.place if whereabout else None

    def move(self, unit: str, whereabout: Whereabout) -> str | None:
        """Take a new place; return the old one. A report older than what is known changes nothing."""
        known = self._units.get(unit)
        if known is None or whereabout.t >= known.t:
            self.restore(unit, whereabout)
            self._changed[unit] = whereabout
        return known.place if known else None

    def take_changed(self) -> dict[str, Whereabout]:
        changed, self._changed = self._changed, {}
        return changed
