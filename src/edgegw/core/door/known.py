"""What a door remembers of a unit between its episodes: the side it is on, unexplained visits, how its signal is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from edgegw.core.door.episode import Episode, Glimpse
from edgegw.core.door.steady import Signal
from edgegw.core.model import Side, TagRead

MAX_HABIT = 128
FADE = 0.75
MAX_KNOWN = 32_768
"""The unit seen longest ago is forgotten first (about 1 kB each)."""


class Known:
    """One unit at one door. Times on the gateway's timeline.

    zone        the side it was last known to be on, since zone_t
    visit_t     it came to the door on that side and vanished: if it turns up on the other side, it crossed then
    moved_t     its last movement
    decided_t   reads until then have been weighed
    since_t     seen since then without a movement
    told_t      when it was seen on `zone` elsewhere on the dock; as old as zone_t if that is how the zone is known
    sides       reads of each side over all episodes
    """

    __slots__ = (
        "decided_t", "moved_t", "seen_t", "sides", "signal", "since_t", "told_t", "visit_t", "zone", "zone_t",
    )  # fmt: skip

    def __init__(self, t: float) -> None:
        self.zone: Side | None = None
        self.zone_t = t
        self.visit_t: float | None = None
        self.moved_t = float("-inf")
        self.told_t = float("-inf")
        self.decided_t = float("-inf")
        self.since_t = t
        self.seen_t = t
        self.sides: dict[Side, float] = {}
        self.signal = Signal()

    def see(self, read: TagRead) -> None:
        self.signal.add(read)
        self.seen_t = max(self.seen_t, read.t)

    def be_on(self, side: Side | None, t: float, visit_t: float | None = None) -> None:
        self.zone, self.zone_t, self.visit_t = side, t, visit_t

    def done_with(self, episode: Episode) -> None:
        """Its reads have been weighed; what they say about the tag's habits stays."""
        self.decided_t = max(self.decided_t, episode.last_t)
        self.learn(episode.glimpses)

    def learn(self, glimpses: Iterable[Glimpse]) -> None:
        """Which sides see it; what was long ago fades."""
        for one in glimpses:
            self.sides[one.side] = self.sides.get(one.side, 0.0) + 1
        while sum(self.sides.values()) > MAX_HABIT:
            self.sides = {side: count * FADE for side, count in self.sides.items()}


class Memory:
    """Units known at one door, in bounded number, each for `memory_s` after it was last seen."""

    def __init__(self, memory_s: float) -> None:
        self._memory_s = memory_s
        self._units: OrderedDict[str, Known] = OrderedDict()

    def get(self, unit: str) -> Known | None:
        return self._units.get(unit)

    def of(self, unit: str, t: float) -> Known:
        """What is known of a unit that is seen at `t`."""
        known = self._units.get(unit)
        if known is None or t - known.seen_t > self._memory_s:
            fresh = Known(t)
            fresh.decided_t = known.decided_t if known else fresh.decided_t
            self._units[unit] = known = fresh
        self._units.move_to_end(unit)
        if len(self._units) > MAX_KNOWN:
            self._units.popitem(last=False)
        return known
