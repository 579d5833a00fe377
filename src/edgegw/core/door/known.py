"""What a door remembers of a unit between its episodes: the side it is on, unexplained visits, how its signal is."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from edgegw.core.door.episode import Episode
from edgegw.core.door.glimpse import Glimpse
from edgegw.core.door.saved import number, number_or_none, side_of
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
    power       summed power of the last episode, and the middle of it in time
    sides       reads of each side over all episodes
    """

    __slots__ = (
        "decided_t", "moved_t", "power", "power_t", "seen_t", "sides", "signal", "since_t", "told_t", "visit_t",
        "zone", "zone_t",
    )  # fmt: skip

    def __init__(self, t: float) -> None:
        self.zone: Side | None = None
        self.zone_t = t
        self.visit_t: float | None = None
        self.moved_t = -math.inf
        self.told_t = -math.inf
        self.power = 0.0
        self.power_t = -math.inf
        self.decided_t = -math.inf
        self.since_t = t
        self.seen_t = t
        self.sides: dict[Side, float] = {}
        self.signal = Signal()

    def saved(self) -> dict[str, Any]:
        """In terms of JSON."""
        return {
            "zone": [self.zone, self.zone_t, self.visit_t, _or_none(self.told_t)],
            "times": [self.since_t, self.seen_t, _or_none(self.decided_t), _or_none(self.moved_t)],
            "power": [self.power, _or_none(self.power_t)],
            "sides": self.sides,
            "signal": self.signal.saved(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take back what `saved` gave. Raises ValueError for anything else."""
        try:
            zone, zone_t, visit_t, told_t = saved["zone"]
            since_t, seen_t, decided_t, moved_t = saved["times"]
            power, power_t = saved["power"]
            self.be_on(None if zone is None else side_of(zone), number(zone_t), number_or_none(visit_t))
            self.told_t, self.since_t, self.seen_t = _or_never(told_t), number(since_t), number(seen_t)
            self.decided_t, self.moved_t = _or_never(decided_t), _or_never(moved_t)
            self.power, self.power_t = number(power), _or_never(power_t)
            self.sides = {side_of(side): max(0.0, number(count)) for side, count in saved["sides"].items()}
            self.signal = Signal.restored(*saved["signal"])
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"not what a door knows of a unit: {error!r}") from None

    def see(self, read: TagRead) -> None:
        reader, antenna, _, _, t, dbm, _, _, _ = read
        if dbm is not None:
            self.signal.add((reader, antenna), t, dbm)
        if t > self.seen_t:
            self.seen_t = t

    def be_on(self, side: Side | None, t: float, visit_t: float | None = None) -> None:
        self.zone, self.zone_t, self.visit_t = side, t, visit_t

    def have_moved(self, side: Side, t: float, last_t: float) -> None:
        """It went to that side at `t`, and was last seen at `last_t`."""
        self.be_on(side, last_t)
        self.since_t, self.moved_t = last_t, t

    def done_with(self, episode: Episode) -> None:
        """Its reads have been weighed; what they say about the tag's habits stays."""
        self.decided_t = max(self.decided_t, episode.last_t)
        self.learn(episode.glimpses)
        self.power = sum(one.weight for one in episode.glimpses)
        self.power_t = sum(one.weight * one.t for one in episode.glimpses) / self.power

    def learn(self, glimpses: Iterable[Glimpse]) -> None:
        """Which sides see it; what was long ago fades."""
        for one in glimpses:
            self.sides[one.side] = self.sides.get(one.side, 0.0) + 1
        while sum(self.sides.values()) > MAX_HABIT:
            self.sides = {side: count * FADE for side, count in self.sides.items()}


def _or_none(t: float) -> float | None:
    return t if math.isfinite(t) else None


def _or_never(saved: object) -> float:
    return -math.inf if saved is None else number(saved)


class Memory:
    """Units known at one door, in bounded number, each for `memory_s` after it was last seen.

    `forgotten` hears of a unit for which there is no more room.
    """

    def __init__(self, memory_s: float, forgotten: Callable[[str], None]) -> None:
        self._memory_s = memory_s
        self._forgotten = forgotten
        self._units: OrderedDict[str, Known] = OrderedDict()

    def get(self, unit: str) -> Known | None:
        return self._units.get(unit)

    def of(self, unit: str, t: float) -> Known:
        """What is known of a unit that is seen at `t`."""
        known = self._units.get(unit)
        if known is None or t - known.seen_t > self._memory_s:
            fresh = Known(t)
            fresh.decided_t = known.decided_t if known else fresh.decided_t
            known = fresh
        self.put(unit, known)
        return known

    def put(self, unit: str, known: Known) -> None:
        """It is the one that was seen last."""
        self._units[unit] = known
        self._units.move_to_end(unit)
        if len(self._units) > MAX_KNOWN:
            self._forgotten(self._units.popitem(last=False)[0])
