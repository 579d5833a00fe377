"""How an episode ends for one unit: with a movement or without, and what is known and learned from then on."""

from __future__ import annotations

from edgegw.core.counters import Counters
from edgegw.core.door.beam import Beams, span_of
from edgegw.core.door.judge import Judge, has_habits, is_resident
from edgegw.core.door.load import OTHERS_ODDS, Load
from edgegw.core.door.order import OTHER, Order
from edgegw.core.door.settings import DoorSettings
from edgegw.core.door.verdict import Claim, Decided, Verdicts
from edgegw.core.door.view import InView, View
from edgegw.core.model import LoadVote, Movement, Passed

LOADS_S = 60.0
"""So long a load that crossed may still take units with it."""


class Endings:
    """Each takes the unit out of view, except `parked`."""

    def __init__(self, settings: DoorSettings, counters: Counters, view: View, judge: Judge, beams: Beams) -> None:
        self._settings = settings
        self._counters = counters
        self._view = view
        self._judge = judge
        self._beams = beams
        self._verdicts = Verdicts(settings, judge)
        self._loads: list[Load] = []  # that crossed lately

    def remember(self, load: Load) -> None:
        """It crossed."""
        self._loads = [one for one in self._loads if one.t > load.t - LOADS_S] + [load]

    def is_dissenter(self, one: InView) -> bool:
        """Whether it goes against a load that crossed lately."""
        return any(self._judge.dissents(one, load) for load in self._loads)

    def alone(self, one: InView, now: float) -> Decided:
        """Decide an episode that is over, without its neighbours, but with the loads that have crossed."""
        order = self._judge.order(one)
        if order.origin is None and self._judge.is_steady(one):
            return [self.without(one, order, "steady", now)]
        if order.origin and not self.is_dissenter(one):
            return self.moved(one, order, now)
        if load := self._joined(one):
            return [self.crossed(one, order, Claim(load.origin, load.t, "load", load.vote), now)]
        if order.reason == "one-side":
            return self._one_side(one, order, now)
        if claim := self._seen_by_beams(one, order):
            return [self.crossed(one, order, claim, now)]
        one.known.be_on(None, one.episode.last_t)
        return [self.without(one, order, "vetoed-by-load" if order.origin else order.reason, now)]

    def _joined(self, one: InView) -> Load | None:
        """The load that it went with, and which counts it from now on."""
        for load in self._loads:
            if not self._judge.may_join(one, load):
                continue
            if self._judge.dissents(one, load):
                return load
            odds = load.odds if self._judge.is_mobile(one, load) else OTHERS_ODDS
            if load.takes(one.episode.glimpses, one.known.sides, odds):
                load.agreed += 1
                load.of += 1
                return load
        return None

    def _one_side(self, one: InView, order: Order, now: float) -> Decided:
        (side,) = one.episode.sides
        known, episode, far = one.known, one.episode, OTHER[side]
        visit_t = None if episode.follows else episode.last_t
        if self._judge.level.is_faint(episode):
            return [self.without(one, order, "weak", now)]
        if self._judge.is_blind(far, episode):
            if known.zone != far:
                known.be_on(side, episode.last_t, visit_t)
            return [self.without(one, order, "blind", now)]
        if not self._judge.from_memory(one):
            known.be_on(side, episode.last_t, visit_t)
            return [self.without(one, order, "one-side", now)]
        if known.visit_t is None:
            return [self.crossed(one, order, Claim(far, episode.first_t, "memory"), now)]
        crossed = self.crossed(one, order, Claim(far, known.visit_t, "visit"), now)
        if isinstance(crossed, Movement):
            known.visit_t = visit_t
        return [crossed]

    # ------------------------------------------------------------ with a movement

    def moved(self, one: InView, order: Order, now: float) -> Decided:
        """A crossing of its own; before it one that only its visit on the other side told."""
        assert order.origin
        claim = Claim(order.origin, order.t, "crossed")
        return [*self._missed(one, order, now), self.crossed(one, order, claim, now)]

    def _missed(self, one: InView, order: Order, now: float) -> Decided:
        known = one.known
        if order.origin is None or known.visit_t is None or known.zone != OTHER[order.origin]:
            return []
        order = order._replace(order_s=None, clarity=None)
        claim = Claim(known.zone, known.visit_t, "visit")
        if self._beams.came_from(claim, *span_of(claim, order, self._settings.max_open_s)) != claim.origin:
            return []
        return [self._movement(one, order, claim, now)]

    def crossed(self, one: InView, order: Order, claim: Claim, now: float) -> Movement | Passed:
        """As far as the photo-eyes agree."""
        came_from = self._beams.came_from(claim, *span_of(claim, order, self._settings.max_open_s))
        if came_from is None:
            one.known.be_on(claim.origin, one.episode.last_t)
            return self.without(one, order, "no-beam", now, claim.vote)
        if came_from != claim.origin:
            claim = claim._replace(origin=came_from, code="beam")
        movement = self._movement(one, order, claim, now)
        self._end(one)
        one.known.have_moved(OTHER[claim.origin], claim.t, one.episode.last_t)
        if claim.vote or (claim.code == "crossed" and not one.episode.follows):
            self._judge.threshold.moved(one.unit, one.known.signal.spread_db())
        return movement

    def _movement(self, one: InView, order: Order, claim: Claim, now: float) -> Movement:
        self._counters.add(self._settings.name, "crossed")
        return self._verdicts.movement(one, order, claim, now)

    def _seen_by_beams(self, one: InView, order: Order) -> Claim | None:
        """Both sides saw it, in no clear order, while one thing went through."""
        if order.order_s is None or one.episode.follows or has_habits(one.known):
            return None
        passing = self._beams.passing(one.episode.first_t, one.episode.last_t)
        if passing is None:
            return None
        origin = passing.origin
        if self._beams.is_single and order.reason == "no-order":
            origin = order.leaning(self._settings.min_order_s / 2)
        if origin is None or one.known.zone == OTHER[origin]:
            return None
        return Claim(origin, (passing.from_t + passing.to_t) / 2, "beam")

    # ------------------------------------------------------------ without one

    def without(self, one: InView, order: Order, reason: str, now: float, vote: LoadVote | None = None) -> Passed:
        self._counters.add(self._settings.name, reason)
        self._end(one)
        self._judge.learn_lying(one)
        return self._verdicts.passed(one, order, reason, now, vote)

    def parked(self, one: InView, now: float) -> Decided:
        """In view for long: what is older than half of max_open_s no longer belongs to a crossing of now."""
        order = self._judge.order(one)
        if order.origin:
            return []
        self._judge.learn_lying(one)
        passed = self._verdicts.passed(one, order, "parked", now)
        self._forget(one)
        self._counters.add(self._settings.name, "parked")
        return [passed]

    def _forget(self, one: InView) -> None:
        episode, known = one.episode, one.known
        came_from = episode.glimpses[0].side
        forgotten = episode.forget_before(episode.last_t - self._settings.max_open_s / 2)
        one.order = None
        self._view.pair(one)
        if is_resident(known):
            known.learn(forgotten)
        if known.zone is None:
            known.be_on(came_from, episode.last_t)

    def _end(self, one: InView) -> None:
        self._view.leave(one)
        one.known.done_with(one.episode)
