"""When is a unit weighed, and what comes of it? Loads are weighed as a whole, what is in doubt waits.

what                                               when
silent for quiet_s                                 then; what others around may explain, twice as late
it seems to have crossed                           quiet_s after the crossing, or EARLY_S with `early`
it has not gone away on the far side               every RETRY_S, until it has stayed STAYS times quiet_s
another door hears it better and weighs it too     after that one, up to YIELDS times quiet_s
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgegw.core.door.ending import Endings
from edgegw.core.door.glimpse import Glimpse
from edgegw.core.door.judge import SAME_PASS_S, Judge
from edgegw.core.door.lineup import Lineup
from edgegw.core.door.load import AROUND_S, Load, pool
from edgegw.core.door.order import OTHER, Order, has_arrived, has_left, may_cross
from edgegw.core.door.settings import DoorSettings
from edgegw.core.door.surroundings import Surroundings
from edgegw.core.door.verdict import Claim, Decided
from edgegw.core.door.view import InView, View
from edgegw.core.door.vote import Vote, count, is_vetoed
from edgegw.core.model import LoadVote, Side

DESERTER_ODDS, DESERTERS = 300.0, 0.1
"""What stands in view with others that came with it leaves alone only if its reads are so much likelier than its
habits; alone is with less than this share of them."""
RETRY_S = 0.5
STAYS = 2.0
"""What stays on the far side for so many times quiet_s has crossed, though it is still in view."""
YIELDS = 3.0
"""For so many times quiet_s a door waits for a neighbour that hears the unit better."""
COMPANY = 64
"""Of so many units, read last, doors compare how well they hear them."""
EARLY_S = 1.0
"""An early decision waits so long for a read of the side it left."""


class Weighing:
    """Decides what is due; what is left to wait gets a time before which it is not due again."""

    def __init__(self, settings: DoorSettings, dock: Surroundings, view: View, judge: Judge, endings: Endings) -> None:
        self._settings = settings
        self._dock = dock
        self._view = view
        self._judge = judge
        self._endings = endings
        self._min_tags: float = settings.load_min_tags or math.inf
        self._settle_s = min(EARLY_S, settings.quiet_s) if settings.early else settings.quiet_s
        """From a crossing until it is weighed at the earliest."""

    # ------------------------------------------------------------ when

    def schedule(self, one: InView) -> None:
        self._view.look_at(one, self.due_t(one))

    def hear(self, one: InView) -> None:
        """Both sides saw it, and one of them once more: only a crossing is due sooner than what is silent. Most reads
        are of what stands there and needs no more than a glance."""
        earliest_t = max(one.episode.first_t + self._settle_s, one.not_before_t)
        if earliest_t < one.due_t and may_cross(one.episode.balance, self._settings.min_order_s):
            self.schedule(one)

    def due_t(self, one: InView) -> float:
        """Silence finishes an episode; quiet_s on the far side finishes it too, though it is still in view."""
        episode, quiet_s = one.episode, self._settings.quiet_s
        due_t = episode.last_t + quiet_s
        if len(episode.sides) == 2:
            order = self._judge.order(one)
            if order.origin:
                due_t = min(due_t, order.t + self._settle_s)
        elif self._judge.from_memory(one):
            due_t = min(due_t, episode.first_t + quiet_s)
        return max(due_t, one.not_before_t)

    def _is_silent(self, one: InView, through_t: float) -> bool:
        return one.episode.last_t + self._settings.quiet_s <= through_t

    def _wait(self, units: Sequence[InView], until_t: float) -> Decided:
        for one in units:
            one.not_before_t = until_t
        return []

    # ------------------------------------------------------------ what

    def weigh(self, one: InView, through_t: float, now: float) -> Decided:
        """Decide it, and perhaps others with it, or let it wait."""
        order = self._judge.order(one)
        if order.origin:
            t, units = self._load_around(order)
            if len(units) >= self._min_tags:
                return self._weigh_load(t, order.origin, units, through_t, now)
        if self._is_patient(order.t, through_t) and self._may_be_elsewhere(one, order):
            return self._wait([one], through_t + RETRY_S)
        if order.origin:
            return self._weigh_single(one, order, order.origin, through_t, now)
        if self._may_be_explained(one, through_t):
            return self._wait([one], through_t + RETRY_S)
        return self._endings.alone(one, now)

    def _is_patient(self, t: float, through_t: float) -> bool:
        return through_t < t + YIELDS * self._settings.quiet_s

    def _may_be_elsewhere(self, one: InView, order: Order) -> bool:
        """It may have moved, and a door that hears it better has not decided: ours may be about the same pass."""
        may_move = order.origin is not None or self._judge.from_memory(one)
        return may_move and self._dock.hears_better(self._came_with(one, order.t), order.t)

    def _may_be_explained(self, one: InView, through_t: float) -> bool:
        """It is still in view, or others are that it may have crossed with."""
        if not self._is_silent(one, through_t) and not self._judge.from_memory(one):
            return True
        is_fresh = one.episode.last_t + 2 * self._settings.quiet_s > through_t
        return is_fresh and len(self._view.pairs) >= self._min_tags

    def _came_with(self, one: InView, t: float) -> set[str]:
        """It, and of the units heard last those that came into view around then."""
        latest = (other for other in self._view.latest(COMPANY) if not other.episode.follows)
        return {one.unit, *(other.unit for other in latest if abs(other.episode.first_t - t) <= AROUND_S)}

    # ------------------------------------------------------------ one for itself

    def _weigh_single(self, one: InView, order: Order, origin: Side, through_t: float, now: float) -> Decided:
        if self._endings.is_dissenter(one):
            return self._endings.alone(one, now)
        other_t, others = self._load_around(order._replace(origin=OTHER[origin]))
        if len(others) >= self._min_tags and other_t + self._settings.quiet_s > through_t:
            return self._wait([one], other_t + self._settings.quiet_s + RETRY_S)
        if not self._is_ripe(order.t, origin, one.episode.glimpses, through_t):
            self._came_from(one, origin)
            return self._wait([one], through_t + RETRY_S)
        company = self._company(order.t)
        if is_vetoed(company, origin, self._judge, self._settings):
            return self._veto(one, company, order.t, through_t, now)
        if self._judge.level.is_faint(one.episode):
            return [self._endings.without(one, order, "weak", now)]
        if one.episode.follows and self._is_deserter(one, order, origin):
            return self._stay(one, order, through_t, now)
        return self._endings.moved(one, order, now)

    def _company(self, t: float) -> list[InView]:
        """Units that came to the middle of the door at the same time, whatever became of them."""
        there = (self._view.units[unit] for unit in self.line_up().company(t))
        return [one for one in there if not one.episode.follows]

    def _veto(self, one: InView, company: list[InView], t: float, through_t: float, now: float) -> Decided:
        if not all(self._is_silent(other, through_t) for other in company):
            return self._wait([one], through_t + RETRY_S)
        vote = LoadVote(t, 1, len(company))
        return self._all_without(company, "vetoed-by-load", now, vote)

    def _stay(self, one: InView, order: Order, through_t: float, now: float) -> Decided:
        if not self._is_silent(one, through_t):
            return self._wait([one], through_t + RETRY_S)
        return [self._endings.without(one, order, "no-order", now)]

    def _is_deserter(self, one: InView, order: Order, origin: Side) -> bool:
        """Others came with it and stay, and its reads are not so clear that it must have left them."""
        since_t = one.known.since_t
        units = self._view.units.values()
        mates = sum(abs(other.known.since_t - since_t) <= SAME_PASS_S for other in units) - 1
        if mates + 1 < self._min_tags or len(self._load_around(order)[1]) - 1 >= DESERTERS * mates:
            return False
        return self._judge.gain(one, order, origin) < math.log(DESERTER_ODDS)

    def _is_ripe(self, t: float, origin: Side, glimpses: Sequence[Glimpse], through_t: float) -> bool:
        """It has gone away on the far side, or stays there for long; for an early decision, it has come there."""
        if self._settings.early and has_arrived(glimpses, origin, through_t - EARLY_S):
            return True
        quiet_s = self._settings.quiet_s
        if through_t < t + quiet_s:
            return False
        return has_left(glimpses, origin, through_t) or through_t >= t + STAYS * quiet_s

    def _came_from(self, one: InView, origin: Side) -> None:
        """What seems to cross came from there; if it turns out to be on its way back, it has not moved."""
        if one.known.zone is None:
            one.known.be_on(origin, one.episode.last_t)
            one.episode.unsaved = None
            self._view.changed.add(one.unit)

    # ------------------------------------------------------------ loads

    def line_up(self) -> Lineup:
        """Of what both sides saw and does not lie still."""
        return self._view.line_up(self._judge.order_if_moving)

    def _load_around(self, order: Order) -> tuple[float, list[str]]:
        return self.line_up().load(order) if self._settings.load_min_tags else (order.t, [])

    def _weigh_load(self, t: float, origin: Side, units: list[str], through_t: float, now: float) -> Decided:
        seeds = [self._view.units[unit] for unit in units]
        if t + self._settle_s > through_t:
            return self._wait(seeds, t + self._settle_s)
        load = Load(t, origin, [one.episode.glimpses for one in seeds])
        vote = count(load, seeds, self._view.units.values(), self._view.pairs, self._judge, self._settings)
        if not self._is_over(vote, through_t):
            for one in seeds:
                self._came_from(one, origin)
            return self._wait(seeds, through_t + RETRY_S)
        if not vote.has_crossed:
            return self._all_without(vote.there, "vetoed-by-load", now, load.vote)
        if self._is_patient(t, through_t) and self._dock.hears_better(units, t):
            return self._wait(seeds, through_t + RETRY_S)
        return self._cross(vote, now)

    def _is_over(self, vote: Vote, through_t: float) -> bool:
        """Silent, or crossed and gone."""
        if vote.last_t + self._settings.quiet_s <= through_t:
            return True
        glimpses = pool(one.episode.glimpses for one in vote.seeds)
        return vote.has_crossed and self._is_ripe(vote.load.t, vote.load.origin, glimpses, through_t)

    def _cross(self, vote: Vote, now: float) -> Decided:
        load, level, order_of = vote.load, self._judge.level, self._judge.order
        crossed = [one.episode for one in vote.seeds]
        if level.is_far(crossed):
            return self._all_without(vote.seeds, "weak", now, load.vote)
        level.learn(crossed)
        self._endings.remember(load)
        decided: Decided = []
        for one in vote.seeds:
            order = order_of(one)
            claim = Claim(load.origin, order.t, "crossed", load.vote)
            decided.append(self._endings.crossed(one, order, claim, now))
        for one in vote.joining:
            claim = Claim(load.origin, load.t, "load", load.vote)
            decided.append(self._endings.crossed(one, order_of(one), claim, now))
        return decided

    def _all_without(self, units: Sequence[InView], reason: str, now: float, vote: LoadVote) -> Decided:
        return [self._endings.without(one, self._judge.order(one), reason, now, vote) for one in units]
