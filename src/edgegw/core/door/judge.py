"""What the reads of one unit say, against its own habits and what the door has learned of its site.

its own order (`order`) says crossed, but             then it is
it lies still, and its habits explain its reads       steady
it was on the far side a moment ago, and stayed       turned-back
its habits explain its reads as well                  no-order
"""

from __future__ import annotations

import math

from edgegw.core.door.episode import Episode
from edgegw.core.door.known import Known
from edgegw.core.door.level import Level
from edgegw.core.door.load import AROUND_S, TOGETHER_S, Load, likeness
from edgegw.core.door.order import OTHER, Order, weigh
from edgegw.core.door.settings import DoorSettings
from edgegw.core.door.steady import RESIDENT_S, Threshold
from edgegw.core.door.surroundings import Surroundings
from edgegw.core.door.view import InView
from edgegw.core.model import Side

HABIT_READS = 8
"""Fewer glimpses are no habit."""
MOBILE_DB = 1.5
"""A signal that wanders by less is no sign of movement, however still the site's other tags lie."""
STANDING_ODDS = 4.0
"""A tag that has been standing in view crosses rarely: its reads must be this much likelier than its habits."""
MOVED_ODDS, TAKEN_ODDS = 1e3, 1e6
"""What lies still by its signal has crossed only if its reads are so much likelier than its habits; the second where
it lies still beyond doubt, for a box that is carried past changes which side hears it."""
BEYOND_DOUBT = 0.7
"""Share of the threshold of what lies still."""
SAME_PASS_S = 5.0
"""What two doors hear within so long is one pass."""
TOLD_READS = 3
"""So many reads on the other side make a crossing of what only the rest of the dock knew: one may be a reflection."""


class Judge:
    """`level` and `threshold`: what the site's own tags have taught."""

    def __init__(self, settings: DoorSettings, dock: Surroundings) -> None:
        self.level = Level()
        self.threshold = Threshold()
        self._settings = settings
        self._dock = dock

    @property
    def steady_db(self) -> float:
        return self.threshold.db if self._settings.steady_db is None else self._settings.steady_db

    def order(self, one: InView) -> Order:
        """What its own reads say, against its own habits."""
        if one.order is None:
            one.order = weigh(one.episode.glimpses, self._settings.min_order_s)
        if one.order.origin is None:
            return one.order
        objection = self._objection(one, one.order, one.order.origin)
        return one.order._replace(reason=objection, origin=None) if objection else one.order

    def order_if_moving(self, one: InView) -> Order | None:
        """None = it lies still."""
        return None if self.is_steady(one) else self.order(one)

    def _objection(self, one: InView, order: Order, origin: Side) -> str:
        gain = self.gain(one, order, origin)
        if self.is_steady(one) and gain < math.log(self._odds_of_steady(one)):
            return "steady"
        if self._is_return(one.known, order):
            return "turned-back"
        odds = STANDING_ODDS if one.episode.follows else 1.0
        return "no-order" if has_habits(one.known) and gain < math.log(odds) else ""

    def gain(self, one: InView, order: Order, origin: Side) -> float:
        """Log of how much better a crossing explains its reads than its habits do."""
        return likeness(one.episode.glimpses, order.t, origin, one.known.sides)

    def _odds_of_steady(self, one: InView) -> float:
        return TAKEN_ODDS if one.known.signal.is_below(BEYOND_DOUBT * self.steady_db) else MOVED_ODDS

    def _is_return(self, known: Known, order: Order) -> bool:
        """Back to where it was a moment ago, and nothing says that it had left."""
        if known.zone is None or known.zone == order.origin or known.visit_t is not None:
            return False
        return order.t - known.zone_t < self._settings.max_open_s

    # ------------------------------------------------------------ what is known of it

    def from_memory(self, one: InView) -> bool:
        """Seen on one side only, and known to have been on the other."""
        episode, known = one.episode, one.known
        if len(episode.sides) != 1 or episode.follows or known.zone is None or known.zone in episode.sides:
            return False
        if episode.first_t - known.zone_t > self._settings.memory_s:
            return False
        return known.told_t != known.zone_t or _is_sure(episode, known.told_t)

    def recall(self, unit: str, known: Known) -> None:
        """Before a new episode: has the rest of the dock seen it since?"""
        told = self._dock.told(unit)
        if told is None or (known.zone is not None and told.t + SAME_PASS_S < known.zone_t):
            return
        if known.zone != told.side or known.zone_t < told.t:
            known.be_on(told.side, told.t)
            known.told_t = told.t

    def is_blind(self, side: Side, episode: Episode) -> bool:
        """Whether that side could not have seen it: then its silence means nothing."""
        quiet_s = self._settings.quiet_s
        return self._dock.were_blind("antennas", side, episode.first_t - quiet_s, episode.last_t + quiet_s)

    def is_steady(self, one: InView) -> bool:
        return one.known.signal.is_below(self.steady_db)

    def learn_lying(self, one: InView) -> None:
        """A tag that has been here for long teaches what steady means."""
        spread_db = one.known.signal.spread_db()
        if spread_db is not None and is_resident(one.known):
            self.threshold.lies(one.unit, spread_db)

    # ------------------------------------------------------------ it and a load

    def dissents(self, one: InView, load: Load) -> bool:
        """Would have crossed the other way in the middle of the load: there is no room for that in a door."""
        order = self.order(one)
        return order.origin == OTHER[load.origin] and abs(order.t - load.t) <= TOGETHER_S

    def may_join(self, one: InView, load: Load) -> bool:
        """Was there, does not lie there, and has not crossed with it already."""
        episode, known = one.episode, one.known
        if not episode.is_around(load.t, AROUND_S):
            return False
        if known.moved_t >= load.t - 2 * TOGETHER_S or self.is_steady(one):
            return False
        if known.signal.spread_db() is None and load.is_faint(episode.glimpses):
            return False
        if known.zone == OTHER[load.origin] and load.origin not in episode.sides:
            return False
        return not self._dock.hears_better([one.unit], load.t)

    def is_mobile(self, one: InView, load: Load) -> bool:
        """Its signal wanders like that of a tag that moves, or it came with the load."""
        spread_db = one.known.signal.spread_db()
        if spread_db is None:
            return not one.known.sides and one.episode.first_t >= load.t - AROUND_S
        return not one.episode.follows and spread_db > max(MOBILE_DB, self.threshold.db)


def has_habits(known: Known) -> bool:
    return sum(known.sides.values()) >= HABIT_READS


def is_resident(known: Known) -> bool:
    """In view for so long without a movement that it lies there."""
    return known.seen_t - known.since_t >= RESIDENT_S


def _is_sure(episode: Episode, told_t: float) -> bool:
    """Whether it was heard often enough, and long enough after the rest of the dock told where it is."""
    return episode.reads >= TOLD_READS and episode.first_t > told_t + SAME_PASS_S
