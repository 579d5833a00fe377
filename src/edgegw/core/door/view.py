"""The units in view of a door: what is weighed of each, who is looked at next, and what the journal has not got yet."""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from edgegw.core.door.episode import Episode, Seen
from edgegw.core.door.known import Known
from edgegw.core.door.lineup import Lineup
from edgegw.core.door.order import Order
from edgegw.core.door.steady import RESIDENT_S
from edgegw.core.identity.value import Identity
from edgegw.core.model import Side, TagRead

SELDOM_S = 60.0
"""So often what has been standing on one side for RESIDENT_S is saved: an SD card wears, and any of its reads tells
where it is. When the other side sees it too, it is saved at once."""


@dataclass(slots=True, eq=False)
class InView:
    """One unit. Times on the gateway's timeline.

    order         what its reads say alone; None = they have changed since
    later         reads after a silence, until that is sure
    due_t         when it is looked at next
    not_before_t  it was weighed and not decided: it is not due before
    saved_t       its last read when it was saved
    """

    unit: str
    identity: Identity
    episode: Episode
    known: Known
    order: Order | None = None
    later: list[Seen] = field(default_factory=list)
    due_t: float = math.inf
    not_before_t: float = -math.inf
    saved_t: float = -math.inf

    def add(self, read: TagRead, side: Side) -> None:
        self.episode.add(read, side)
        self.known.see(read)
        self.order = None

    @property
    def is_worth_saving(self) -> bool:
        """Unless it has been standing on one side, where more reads say nothing new."""
        last_t = self.episode.last_t
        if len(self.episode.sides) == 2 or last_t < self.known.since_t + RESIDENT_S:
            return True
        return last_t >= self.saved_t + SELDOM_S

    def put_off(self, seen: Seen) -> None:
        """It came after a silence of which another reader may have more to tell."""
        insort(self.later, seen, key=_read_t)

    def take_unsaved(self) -> list[Seen] | None:
        """Its reads since the last call; None: now it is saved whole."""
        self.saved_t = self.episode.last_t
        return self.episode.take_unsaved()

    def catch_up(self, quiet_s: float) -> None:
        """Take what was put off and comes less than `quiet_s` after the rest: there was no silence."""
        while self.later and self.later[0][0].t <= self.episode.last_t + quiet_s:
            self.episode.unsaved = None
            self.add(*self.later.pop(0))


def _read_t(seen: Seen) -> float:
    return seen[0].t


class View:
    """
    units    by name, heard last at the end
    pairs    those that both sides saw
    changed  names of which the journal has not got everything
    ended    of which reads were put off
    """

    def __init__(self) -> None:
        self.units: OrderedDict[str, InView] = OrderedDict()
        self.pairs: dict[str, InView] = {}
        self.changed: set[str] = set()
        self.ended: deque[InView] = deque()
        self._due: list[tuple[float, str]] = []
        self._lineup: Lineup | None = None  # of the pairs, until something changes

    def enter(self, one: InView) -> None:
        """It came into view, or back from the journal."""
        self.units[one.unit] = one
        self.pair(one)

    def hear(self, one: InView) -> None:
        """One more read of it."""
        self.units.move_to_end(one.unit)
        if one.is_worth_saving:
            self.changed.add(one.unit)
        self.pair(one)

    def pair(self, one: InView) -> None:
        """The sides that saw it may have changed."""
        self._lineup = None
        if len(one.episode.sides) == 2:
            self.pairs[one.unit] = one
        else:
            self.pairs.pop(one.unit, None)

    def leave(self, one: InView) -> None:
        """It is decided."""
        del self.units[one.unit]
        self.pairs.pop(one.unit, None)
        if self._lineup is not None:
            self._lineup.remove(one.unit)
        self.changed.add(one.unit)
        if one.later:
            self.ended.append(one)

    def latest(self, most: int) -> list[InView]:
        """Those heard last, the last one first."""
        return [self.units[unit] for unit in islice(reversed(self.units), most)]

    # ------------------------------------------------------------ who is looked at next

    def look_at(self, one: InView, t: float) -> None:
        """At `t` at the latest."""
        if t < one.due_t:
            one.due_t = t
            heapq.heappush(self._due, (t, one.unit))

    @property
    def next_due(self) -> InView | None:
        """Who is looked at next."""
        while self._due:
            due_t, unit = self._due[0]
            one = self.units.get(unit)
            if one is not None and one.due_t == due_t:
                return one
            heapq.heappop(self._due)
        return None

    def take_due(self, through_t: float) -> InView | None:
        """Who is to be looked at next until `through_t`, until `look_at` is called again."""
        one = self.next_due
        if one is None or one.due_t > through_t:
            return None
        heapq.heappop(self._due)
        one.due_t = math.inf
        return one

    # ------------------------------------------------------------ who crosses together

    def line_up(self, order_of: Callable[[InView], Order | None]) -> Lineup:
        """Of the pairs that have an order."""
        if self._lineup is None:
            orders = {unit: order for unit, one in self.pairs.items() if (order := order_of(one))}
            self._lineup = Lineup(orders)
        return self._lineup

    def forget_lineup(self) -> None:
        """What is known of units, or of the door, may have changed."""
        self._lineup = None
