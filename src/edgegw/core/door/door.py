"""The episodes of one door, and what becomes of them. The rules stand in the package's docstring."""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from edgegw.core.counters import Counters
from edgegw.core.door import episode as episodes
from edgegw.core.door.beam import DEAD, Beams
from edgegw.core.door.episode import Episode, Glimpse, Seen
from edgegw.core.door.known import Known, Memory
from edgegw.core.door.level import Level
from edgegw.core.door.load import AROUND_S, MAX_ODDS, TOGETHER_S, Lineup, Load, likeness, pool
from edgegw.core.door.order import OTHER, Order, has_arrived, has_left, weigh
from edgegw.core.door.settings import DoorSettings
from edgegw.core.door.steady import RESIDENT_S, Threshold
from edgegw.core.door.surroundings import ALONE, Surroundings
from edgegw.core.identity.value import Identity
from edgegw.core.model import Direction, Heard, LoadVote, Movement, Passed, Side, TagRead, Why

MAX_OPEN = 20_000
MAX_LATER = 512
"""So many reads of one unit wait until its silence is sure."""
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
DESERTER_ODDS, DESERTERS = 300.0, 0.1
"""What stands in view with others that came with it leaves alone only if its reads are so much likelier than its
habits; alone is with less than this share of them."""
RETRY_S = 0.5
LATER_S = 0.05
"""What was weighed and not decided is not weighed again at once."""
STAYS = 2.0
"""What stays on the far side for so many times quiet_s has crossed, though it is still in view."""
YIELDS = 3.0
"""For so many times quiet_s a door waits for a neighbour that hears the unit better."""
COMPANY = 64
"""Of so many units, read last, doors compare how well they hear them."""
SAME_PASS_S = 5.0
"""What two doors hear within so long is one pass."""
TOLD_READS = 3
"""So many reads on the other side make a crossing of what only the rest of the dock knew: one may be a reflection."""
BEAM_S = 3.0
"""Between the moment when something is in a beam, and when its tags seem to cross."""
EARLY_S = 1.0
"""An early decision waits so long for a read of the side it left."""
_DIRECTION: dict[Side, Direction] = {"inside": "out", "outside": "in"}

Decided = list[Movement | Passed]


class Changed(NamedTuple):
    """Of units: whole states, None = forgotten; and what other states have grown by, to be appended."""

    whole: dict[str, str | None]
    grown: dict[str, str]


@dataclass(slots=True, eq=False)
class _Open:
    """`order`: what the reads of that version say alone. `later`: reads after a silence, until that is sure."""

    unit: str
    identity: Identity
    episode: Episode
    known: Known
    order: Order | None = None
    version: int = -1
    later: list[Seen] = field(default_factory=list)


def _read_t(seen: Seen) -> float:
    return seen.read.t


class Door:
    """All episodes of one door. `see` takes reads, `advance` decides what time has finished."""

    def __init__(self, settings: DoorSettings, counters: Counters, surroundings: Surroundings = ALONE) -> None:
        self.settings = settings
        self.beams = Beams(settings.photo_eyes)
        self._counters = counters
        self._dock = surroundings
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._pairs: dict[str, _Open] = {}  # those that both sides saw
        self._lineup: Lineup | None = None  # of these, until something changes
        self._due: list[tuple[float, str]] = []
        self._ended: deque[_Open] = deque()  # of which reads were put off
        self._changed: set[str] = set()
        self._memory = Memory(settings.memory_s, self._changed.add)
        self._threshold = Threshold()
        self._level = Level()
        self._loads: list[Load] = []

    def see(self, unit: str, identity: Identity, read: TagRead, side: Side, now: float) -> Decided:
        """Weigh one read. Returns what it decided: an episode that this read shows to be over."""
        one = self._open.get(unit)
        if one is None or not 0.0 <= read.t - one.episode.last_t <= self.settings.quiet_s:
            return self._see_anew(unit, identity, read, side, now)
        return self._add(one, read, side, now)

    def _see_anew(self, unit: str, identity: Identity, read: TagRead, side: Side, now: float) -> Decided:
        """A read that does not follow the last one of its unit: the first one, one after silence, or a late one."""
        known = self._memory.of(unit, read.t)
        if read.t <= known.decided_t:
            self._counters.add(self.settings.name, "late")
            return []
        decided: Decided = []
        one = self._open.get(unit)
        if one and read.t > one.episode.last_t + self.settings.quiet_s:
            if not self._is_told(one, now) and len(one.later) < MAX_LATER:
                self._put_off(one, Seen(read, side))
                return []
            decided += [*self._finish(one, read.t, now), *self._resume(now)]
            return [*decided, *self.see(unit, identity, read, side, now)]
        if one is None:
            self._recall(unit, known)
            follows = read.t <= known.decided_t + self.settings.quiet_s
            one = _Open(unit, identity, Episode(read, follows), known)
            decided += self._make_room(now)
            self._open[unit] = one
        return [*decided, *self._add(one, read, side, now), *self._resume(now)]

    def _put_off(self, one: _Open, seen: Seen) -> None:
        """It came after a silence of which another reader may have more to tell."""
        insort(one.later, seen, key=_read_t)
        one.episode.note(*seen)
        self._changed.add(one.unit)

    def _resume(self, now: float) -> Decided:
        """See what was put off until its unit was decided."""
        decided: Decided = []
        while self._ended:
            one = self._ended.popleft()
            for read, side in one.later:
                decided += self.see(one.unit, one.identity, read, side, now)
        return decided

    def _catch_up(self, one: _Open) -> None:
        """There was no silence, as another reader has told."""
        while one.later and one.later[0].read.t <= one.episode.last_t + self.settings.quiet_s:
            seen = one.later.pop(0)
            one.episode.unsaved = None
            one.episode.add(*seen)
            one.known.see(seen.read)

    def _add(self, one: _Open, read: TagRead, side: Side, now: float) -> Decided:
        """One more read of what is being weighed."""
        episode = one.episode
        episode.add(read, side)
        one.known.see(read)
        if one.later:
            self._catch_up(one)
        if read.t >= episode.last_t:
            self._open.move_to_end(one.unit)
        self._changed.add(one.unit)
        decided = self._shorten(one, now) if episode.last_t - episode.first_t > self.settings.max_open_s else []
        self._pair(one)
        if len(episode.sides) == 2 or episode.due_t == math.inf:
            self._schedule(one)
        return decided

    def advance(self, through_t: float, now: float) -> Decided:
        """Decide everything that is due until `through_t`, oldest first."""
        decided: Decided = []
        self._lineup = None
        while self._due and self._due[0][0] <= through_t:
            due_t, unit = heapq.heappop(self._due)
            one = self._open.get(unit)
            if one is None or one.episode.due_t != due_t:
                continue
            one.episode.due_t = math.inf
            if self._due_t(one) <= through_t:
                decided += self._weigh(one, through_t, now)
                one.episode.not_before_t = max(one.episode.not_before_t, through_t + LATER_S)
            if self._open.get(unit) is one:
                self._schedule(one)
        return [*decided, *self._resume(now)]

    @property
    def due_t(self) -> float | None:
        """When time decides something next; None with nothing in view."""
        while self._due:
            due_t, unit = self._due[0]
            one = self._open.get(unit)
            if one is not None and one.episode.due_t == due_t:
                return due_t
            heapq.heappop(self._due)
        return None

    def has_moved(self, unit: str, t: float) -> bool:
        """Whether it crossed this door around `t`."""
        known = self._memory.get(unit)
        return known is not None and abs(known.moved_t - t) <= SAME_PASS_S

    def power_around(self, unit: str, t: float) -> float:
        """Summed power of its reads around `t`, also of those that have been weighed already."""
        one, known = self._open.get(unit), self._memory.get(unit)
        power = one.episode.power_around(t, SAME_PASS_S) if one else 0.0
        if known is not None and abs(known.power_t - t) <= SAME_PASS_S:
            power += known.power
        return power

    def crossing_around(self, t: float) -> list[str]:
        """Units that both sides saw, and that were in the middle of the door then."""
        return self._line_up().company(t)

    def is_open(self, unit: str) -> bool:
        """Whether it is being weighed here."""
        return unit in self._open

    def disclaim(self, unit: str) -> None:
        """The movement that was just decided took place at another door."""
        known = self._memory.get(unit)
        if known is not None:
            known.moved_t = -math.inf
            known.be_on(None, known.seen_t)

    def is_weighing(self, t: float) -> bool:
        """Whether something is undecided that was there at `t` and may have crossed then."""
        return any(
            self._is_around(one, t) and one.known.moved_t < t - AROUND_S and not self._is_steady(one)
            for one in self._open.values()
        )

    @property
    def units_in_view(self) -> int:
        return len(self._open)

    def take_changed(self) -> Changed:
        """What is weighed and known since the last call, for the journal."""
        changed = Changed({}, {})
        for unit in self._changed:
            one = self._open.get(unit)
            known = one.known if one else self._memory.get(unit)
            unsaved = one.episode.take_unsaved() if one else None
            if unsaved:
                changed.grown[unit] = episodes.growth(unsaved)
            elif unsaved is None:
                whole = episodes.to_json(one.episode if one else None, known.saved()) if known else None
                changed.whole[unit] = whole + episodes.growth(one.later) if whole and one else whole
        self._changed.clear()
        return changed

    def restore(self, unit: str, state: str, identify: Callable[[TagRead], Identity], now: float) -> bool:
        """Take back what `take_changed` gave. False: it is too long ago to be of use. Raises ValueError for anything
        else, and for what lies in the future."""
        episode, saved, unseen = episodes.parse(state)
        known = Known(now)
        known.restore(saved)
        latest_t = max([known.seen_t, *(read.t for read, _ in unseen)])
        if latest_t > now:
            raise ValueError("it lies in the future: the clock has been set back since")
        if episode is None and now - latest_t > self.settings.memory_s:
            return False
        self._memory.put(unit, known)
        if episode is not None:
            self._reopen(_Open(unit, identify(episode.read), episode, known), unseen)
        return True

    def _reopen(self, one: _Open, unseen: Sequence[Seen]) -> None:
        for seen in unseen:
            insort(one.later, seen, key=_read_t)
            self._catch_up(one)
        self._open[one.unit] = one
        self._pair(one)
        self._schedule(one)

    def restore_decided(self, unit: str, until_t: float, place: str = "") -> None:
        """Take back that a unit was decided until then, and is on the side called `place`."""
        known = self._memory.of(unit, until_t)
        known.decided_t = known.moved_t = until_t
        known.be_on(self.settings.side(place), until_t)

    # ------------------------------------------------------------ when

    def _schedule(self, one: _Open) -> None:
        due_t = self._due_t(one)
        if due_t < one.episode.due_t:
            one.episode.due_t = due_t
            heapq.heappush(self._due, (due_t, one.unit))

    def _due_t(self, one: _Open) -> float:
        """Silence finishes an episode; quiet_s on the far side finishes it too, though it is still in view."""
        episode, quiet_s = one.episode, self.settings.quiet_s
        due_t = episode.last_t + quiet_s
        if len(episode.sides) == 2:
            order = self._order(one)
            if order.origin:
                due_t = min(due_t, order.t + self._settle_s)
        elif self._from_memory(one):
            due_t = min(due_t, episode.first_t + quiet_s)
        return max(due_t, episode.not_before_t)

    @property
    def _settle_s(self) -> float:
        """From a crossing until it is weighed at the earliest."""
        return min(EARLY_S, self.settings.quiet_s) if self.settings.early else self.settings.quiet_s

    def _order(self, one: _Open) -> Order:
        """What its own reads say, against its own habits."""
        order = self._own_order(one)
        if order.origin is None:
            return order
        gain = likeness(one.episode.glimpses, order.t, order.origin, one.known.sides)
        still = one.known.signal.is_below(BEYOND_DOUBT * self._steady_db)
        if self._is_steady(one) and gain < math.log(TAKEN_ODDS if still else MOVED_ODDS):
            return order._replace(reason="steady", origin=None)
        if self._is_return(one.known, order):
            return order._replace(reason="turned-back", origin=None)
        habits = one.known.sides
        if sum(habits.values()) >= HABIT_READS:
            odds = STANDING_ODDS if one.episode.follows else 1.0
            if gain < math.log(odds):
                return order._replace(reason="no-order", origin=None)
        return order

    def _own_order(self, one: _Open) -> Order:
        """What its own reads say alone; weighed again only when they have changed."""
        if one.order is None or one.version != one.episode.version:
            one.order = weigh(one.episode.glimpses, self.settings.min_order_s)
            one.version = one.episode.version
        return one.order

    def _is_return(self, known: Known, order: Order) -> bool:
        """Back to where it was a moment ago, and nothing says that it had left."""
        if known.zone is None or known.zone == order.origin or known.visit_t is not None:
            return False
        return order.t - known.zone_t < self.settings.max_open_s

    def _is_told(self, one: _Open, now: float) -> bool:
        """Whether no reader has more to tell of the silence after its last read."""
        return self._dock.told_until(now) >= one.episode.last_t + self.settings.quiet_s

    def _wait(self, one: _Open, until_t: float) -> Decided:
        one.episode.not_before_t = until_t
        return []

    # ------------------------------------------------------------ what

    def _weigh(self, one: _Open, through_t: float, now: float) -> Decided:
        episode, quiet_s = one.episode, self.settings.quiet_s
        order = self._order(one)
        is_silent = episode.last_t + quiet_s <= through_t
        if order.origin:
            t, units = self._load_around(order)
            if len(units) >= self._min_tags:
                return self._weigh_load(t, order.origin, units, through_t, now)
        may_move = order.origin is not None or self._from_memory(one)
        rival = self._dock.rival(self._came_with(one, order.t), order.t) if may_move else None
        if through_t < order.t + YIELDS * quiet_s and rival == "weighing":
            return self._wait(one, through_t + RETRY_S)  # its decision comes first, and ours may be about the same pass
        if order.origin and rival:
            return [self._pass(one, order, "other-door", now)] if is_silent else self._wait(one, through_t + RETRY_S)
        if order.origin:
            return self._weigh_single(one, order, through_t, now)
        if not is_silent and not self._from_memory(one):
            return self._wait(one, through_t + RETRY_S)
        if len(self._pairs) >= self._min_tags and episode.last_t + 2 * quiet_s > through_t:
            return self._wait(one, through_t + RETRY_S)
        return self._finish(one, through_t, now)

    def _weigh_load(self, t: float, origin: Side, units: list[str], through_t: float, now: float) -> Decided:
        if t + self._settle_s <= through_t:
            return self._decide_load(t, origin, units, through_t, now)
        for unit in units:
            self._wait(self._open[unit], t + self._settle_s)
        return []

    def _weigh_single(self, one: _Open, order: Order, through_t: float, now: float) -> Decided:
        assert order.origin
        episode, quiet_s = one.episode, self.settings.quiet_s
        if any(self._dissents(one, load) for load in self._loads):
            return self._finish(one, through_t, now)
        other_t, others = self._load_around(order._replace(origin=OTHER[order.origin]))
        if len(others) >= self._min_tags and other_t + quiet_s > through_t:
            return self._wait(one, other_t + quiet_s + RETRY_S)
        if not self._is_ripe(order.t, order.origin, episode.glimpses, through_t):
            self._came_from(one, order.origin)
            return self._wait(one, through_t + RETRY_S)
        company = self._company(order.t)
        if self._turned_back(company, order):
            if max(other.episode.last_t for other in company) + quiet_s > through_t:
                return self._wait(one, through_t + RETRY_S)
            vote = LoadVote(order.t, 1, len(company))
            return [self._pass(other, self._order(other), "vetoed-by-load", now, vote) for other in company]
        if self._level.is_faint(one.episode):
            return [self._pass(one, order, "weak", now)]
        if episode.follows and self._is_deserter(one, order):
            if episode.last_t + quiet_s > through_t:
                return self._wait(one, through_t + RETRY_S)
            return [self._pass(one, order, "no-order", now)]
        return self._move(one, order, now)

    def _is_deserter(self, one: _Open, order: Order) -> bool:
        """Others came with it and stay, and its reads are not so clear that it must have left them."""
        assert order.origin
        since_t = one.known.since_t
        mates = sum(abs(other.known.since_t - since_t) <= SAME_PASS_S for other in self._open.values()) - 1
        if mates + 1 < self._min_tags or len(self._load_around(order)[1]) - 1 >= DESERTERS * mates:
            return False
        return likeness(one.episode.glimpses, order.t, order.origin, one.known.sides) < math.log(DESERTER_ODDS)

    def _came_with(self, one: _Open, t: float) -> set[str]:
        """It, and of the units heard last those that came into view around then."""
        latest = (self._open[unit] for unit in islice(reversed(self._open), COMPANY))
        fresh = (other for other in latest if not other.episode.follows and abs(other.episode.first_t - t) <= AROUND_S)
        return {one.unit, *(other.unit for other in fresh)}

    def _company(self, t: float) -> list[_Open]:
        """Units that came to the middle of the door at the same time, whatever became of them."""
        there = (self._open[unit] for unit in self._line_up().company(t))
        return [one for one in there if not one.episode.follows]

    def _turned_back(self, company: Sequence[_Open], order: Order) -> bool:
        """Enough units for a load, most of which have not crossed, and taken together they did not cross this way."""
        if len(company) < self._min_tags:
            return False
        crossed = sum(self._order(one).origin is not None for one in company)
        if crossed >= self.settings.load_quorum * len(company):
            return False
        return weigh(pool(one.episode.glimpses for one in company), self.settings.min_order_s).origin != order.origin

    def _is_ripe(self, t: float, origin: Side, glimpses: Sequence[Glimpse], through_t: float) -> bool:
        """It has gone away on the far side, or stays there for long; for an early decision, it has come there."""
        if self.settings.early and has_arrived(glimpses, origin, through_t - EARLY_S):
            return True
        quiet_s = self.settings.quiet_s
        if through_t < t + quiet_s:
            return False
        return has_left(glimpses, origin, through_t) or through_t >= t + STAYS * quiet_s

    def _came_from(self, one: _Open, origin: Side) -> None:
        """What seems to cross came from there; if it turns out to be on its way back, it has not moved."""
        if one.known.zone is None:
            one.known.be_on(origin, one.episode.last_t)
            one.episode.unsaved = None
            self._changed.add(one.unit)

    def _finish(self, one: _Open, t: float, now: float) -> Decided:
        """Decide an episode that is over, alone."""
        order = self._order(one)
        if order.origin is None and self._is_steady(one):
            return [self._pass(one, order, "steady", now)]
        if order.origin and not any(self._dissents(one, load) for load in self._loads):
            return self._move(one, order, now)
        for load in self._loads:
            if self._may_join(one, load) and self._dissents(one, load):
                return [self._cross(one, order, load.origin, load.t, "load", now, load.vote)]
            odds = load.odds if self._is_mobile(one, load) else 1 / 1.6
            if self._may_join(one, load) and load.takes(one.episode.glimpses, one.known.sides, odds):
                load.agreed += 1
                load.of += 1
                return [self._cross(one, order, load.origin, load.t, "load", now, load.vote)]
        if order.reason == "one-side":
            return self._one_side(one, order, now)
        if passing := self._seen_by_beams(one, order):
            return [self._cross(one, order, *passing, "beam", now)]
        one.known.be_on(None, one.episode.last_t)
        return [self._pass(one, order, "vetoed-by-load" if order.origin else order.reason, now)]

    def _move(self, one: _Open, order: Order, now: float) -> Decided:
        """A crossing of its own."""
        assert order.origin
        decided: Decided = []
        known = one.known
        missed = order._replace(order_s=None, clarity=None)
        if (
            known.zone == OTHER[order.origin]
            and known.visit_t is not None
            and (self._came_by_beams(missed, known.zone, known.visit_t, "visit", None) == known.zone)
        ):
            decided.append(self._movement(one, missed, known.zone, known.visit_t, "visit", now))
        decided.append(self._cross(one, order, order.origin, order.t, "crossed", now))
        return decided

    def _one_side(self, one: _Open, order: Order, now: float) -> Decided:
        (side,) = one.episode.sides
        known, episode = one.known, one.episode
        visit_t = None if episode.follows else episode.last_t
        if self._level.is_faint(episode):
            return [self._pass(one, order, "weak", now)]
        if self._is_blind(OTHER[side], episode):
            if known.zone != OTHER[side]:
                known.be_on(side, episode.last_t, visit_t)
            return [self._pass(one, order, "blind", now)]
        if not self._from_memory(one):
            known.be_on(side, episode.last_t, visit_t)
            return [self._pass(one, order, "one-side", now)]
        if known.visit_t is None:
            return [self._cross(one, order, OTHER[side], episode.first_t, "memory", now)]
        crossed = self._cross(one, order, OTHER[side], known.visit_t, "visit", now)
        if isinstance(crossed, Movement):
            known.visit_t = visit_t
        return [crossed]

    def _is_blind(self, side: Side, episode: Episode) -> bool:
        """Whether that side could not have seen it: then its silence means nothing."""
        quiet_s = self.settings.quiet_s
        return self._dock.were_blind("antennas", side, episode.first_t - quiet_s, episode.last_t + quiet_s)

    def _from_memory(self, one: _Open) -> bool:
        """Seen on one side only, and known to have been on the other."""
        episode, known = one.episode, one.known
        if (
            len(episode.sides) != 1
            or episode.follows
            or known.zone is None
            or episode.first_t - known.zone_t > self.settings.memory_s
        ):
            return False
        if known.told_t == known.zone_t and (
            episode.reads < TOLD_READS or episode.first_t <= known.told_t + SAME_PASS_S
        ):
            return False
        return known.zone not in episode.sides

    def _recall(self, unit: str, known: Known) -> None:
        """Before a new episode: has the rest of the dock seen it since?"""
        told = self._dock.told(unit)
        if told is None or (known.zone is not None and told.t + SAME_PASS_S < known.zone_t):
            return
        if known.zone != told.side or known.zone_t < told.t:
            known.be_on(told.side, told.t)
            known.told_t = told.t

    # ------------------------------------------------------------ loads

    @property
    def _min_tags(self) -> float:
        return self.settings.load_min_tags or math.inf

    def _load_around(self, order: Order) -> tuple[float, list[str]]:
        if not self.settings.load_min_tags:
            return order.t, []
        return self._line_up().load(order)

    def _line_up(self) -> Lineup:
        if self._lineup is None:
            self._lineup = Lineup({one.unit: self._order(one) for one in self._two_sided()})
        return self._lineup

    def _two_sided(self) -> list[_Open]:
        return [one for one in self._pairs.values() if not self._is_steady(one)]

    def _pair(self, one: _Open) -> None:
        """Its reads have changed: keep in mind who was seen by both sides."""
        self._lineup = None
        if len(one.episode.sides) == 2:
            self._pairs[one.unit] = one
        else:
            self._pairs.pop(one.unit, None)

    def _decide_load(self, t: float, origin: Side, units: list[str], through_t: float, now: float) -> Decided:
        seeds = [self._open[unit] for unit in units]
        crossing = set(units)
        load = Load(t, origin, [one.episode.glimpses for one in seeds])
        others = [one for one in self._open.values() if one.unit not in crossing and self._may_join(one, load)]
        there = seeds + [one for one in others if one.unit in self._pairs]
        pooled = weigh(pool(one.episode.glimpses for one in there), self.settings.min_order_s)
        dissenting = {one.unit for one in others if self._dissents(one, load)}
        agreeing = [one for one in others if one.unit not in dissenting]
        fitting = {one.unit for one in agreeing if load.takes(one.episode.glimpses, one.known.sides)}
        joining = [one for one in others if one.unit in dissenting]
        joining += [one for one in agreeing if one.unit in fitting]
        left = [one for one in agreeing if one.unit not in fitting and self._is_mobile(one, load)]
        load.odds = min(MAX_ODDS, (len(seeds) + len(joining) + 1) / (len(left) + 1))
        joining += [one for one in left if load.takes(one.episode.glimpses, one.known.sides, load.odds)]
        crossing |= {one.unit for one in joining}
        load.agreed = len(crossing)
        load.of = load.agreed + sum(one.unit not in crossing for one in there)
        last_t = max(one.episode.last_t for one in there)
        is_silent = last_t + self.settings.quiet_s <= through_t
        glimpses = pool(one.episode.glimpses for one in seeds)
        crossed = pooled.origin == origin and load.agreed >= self.settings.load_quorum * load.of
        if not is_silent and not (crossed and self._is_ripe(t, origin, glimpses, through_t)):
            for one in seeds:
                self._came_from(one, origin)
                self._wait(one, through_t + RETRY_S)
            return []
        if not crossed:
            return [self._pass(one, self._order(one), "vetoed-by-load", now, load.vote) for one in there]
        rival = self._dock.rival(units, t)
        if rival == "weighing" and through_t < t + YIELDS * self.settings.quiet_s:
            for one in seeds:
                self._wait(one, through_t + RETRY_S)
            return []
        if rival:
            return [self._pass(one, self._order(one), "other-door", now, load.vote) for one in seeds]
        episodes_of_load = [one.episode for one in seeds]
        if self._level.is_far(episodes_of_load):
            return [self._pass(one, self._order(one), "weak", now, load.vote) for one in seeds]
        self._level.learn(episodes_of_load)
        self._loads = [other for other in self._loads if other.t > t - 60] + [load]
        decided: Decided = []
        for one in seeds:
            order = self._order(one)
            decided.append(self._cross(one, order, origin, order.t, "crossed", now, load.vote))
        for one in joining:
            decided.append(self._cross(one, self._order(one), origin, load.t, "load", now, load.vote))
        return decided

    def _dissents(self, one: _Open, load: Load) -> bool:
        """Would have crossed the other way in the middle of the load: there is no room for that in a door."""
        order = self._order(one)
        return order.origin == OTHER[load.origin] and abs(order.t - load.t) <= TOGETHER_S

    def _is_around(self, one: _Open, t: float) -> bool:
        return one.episode.first_t <= t + AROUND_S and one.episode.last_t >= t - AROUND_S

    def _may_join(self, one: _Open, load: Load) -> bool:
        """Was there, does not lie there, and has not crossed with it already."""
        episode, known = one.episode, one.known
        if not self._is_around(one, load.t):
            return False
        if known.moved_t >= load.t - 2 * TOGETHER_S or self._is_steady(one):
            return False
        if known.signal.spread_db() is None and load.is_faint(episode.glimpses):
            return False
        if known.zone == OTHER[load.origin] and load.origin not in episode.sides:
            return False
        return self._dock.rival([one.unit], load.t) is None

    # ------------------------------------------------------------ verdicts

    def _cross(
        self, one: _Open, order: Order, origin: Side, t: float, code: str, now: float, vote: LoadVote | None = None
    ) -> Movement | Passed:
        came_from = self._came_by_beams(order, origin, t, code, vote)
        if came_from is None:
            one.known.be_on(origin, one.episode.last_t)
            return self._pass(one, order, "no-beam", now, vote)
        if came_from != origin:
            origin, code = came_from, "beam"
        movement = self._movement(one, order, origin, t, code, now, vote)
        self._end(one)
        one.known.be_on(OTHER[origin], one.episode.last_t)
        one.known.since_t = one.episode.last_t
        one.known.moved_t = t
        if vote or (code == "crossed" and not one.episode.follows):
            self._threshold.moved(one.unit, one.known.signal.spread_db())
        return movement

    def _movement(
        self, one: _Open, order: Order, origin: Side, t: float, code: str, now: float, vote: LoadVote | None = None
    ) -> Movement:
        self._counters.add(self.settings.name, "crossed")
        return Movement(
            unit=one.identity,
            t=t,
            decided_t=max(now, one.episode.last_t),
            origin=self.settings.place(origin),
            place=self.settings.place(OTHER[origin]),
            evidence=one.episode.evidence(),
            door=self.settings.name,
            direction=_DIRECTION[origin],
            location=self.settings.location,
            why=self._why(one, order, code, vote),
        )

    def _pass(self, one: _Open, order: Order, reason: str, now: float, vote: LoadVote | None = None) -> Passed:
        self._counters.add(self.settings.name, reason)
        self._end(one)
        self._learn(one)
        return self._passed(one, order, reason, now, vote)

    def _passed(self, one: _Open, order: Order, reason: str, now: float, vote: LoadVote | None = None) -> Passed:
        t = one.episode.last_t
        why = self._why(one, order, reason, vote)
        return Passed(one.identity, t, max(now, t), self.settings.name, reason, one.episode.evidence(), why)

    def _why(self, one: _Open, order: Order, code: str, vote: LoadVote | None) -> Why:
        return order.why(code)._replace(
            spread_db=one.known.signal.spread_db(),
            load=vote,
            steady_db=self._steady_db,
            faint_dbm=self._level.faint_dbm,
            known_t=one.known.zone_t if one.known.zone else None,
            heard=tuple(Heard(seen.t, seen.side, seen.reads, seen.peak_dbm) for seen in one.episode.glimpses),
        )

    # ------------------------------------------------------------ photo-eyes

    def _came_by_beams(self, order: Order, origin: Side, t: float, code: str, vote: LoadVote | None) -> Side | None:
        """From where it came, as far as the photo-eyes know; None = they saw nothing go through."""
        if not self.beams.wired or code == "beam":
            return origin
        reach_s = self.settings.max_open_s
        from_t, to_t = t - BEAM_S, t + BEAM_S
        if code == "crossed" and order.inside and order.outside:
            centres = order.inside.centre_t, order.outside.centre_t
            from_t, to_t = min(centres) - BEAM_S, max(centres) + BEAM_S
        elif code == "memory":
            from_t = t - reach_s
        elif code == "visit":
            to_t = t + reach_s
        if self._is_beam_blind(from_t, to_t):
            return origin
        self.beams.miss(from_t, to_t, t, DEAD if vote else 1)
        return self.beams.judge(origin, from_t, to_t)

    def _seen_by_beams(self, one: _Open, order: Order) -> tuple[Side, float] | None:
        """Both sides saw it, in no clear order, while one thing went through: from where, and when."""
        episode, known = one.episode, one.known
        if not self.beams.working or order.order_s is None or episode.follows:
            return None
        if self._is_beam_blind(episode.first_t, episode.last_t) or sum(known.sides.values()) >= HABIT_READS:
            return None
        passings = self.beams.intervals(episode.first_t - EARLY_S, episode.last_t + EARLY_S)
        if len(passings) != 1 or passings[0].last is None:
            return None
        (passing,) = passings
        origin = passing.origin
        if len(self.beams.working) == 1 and order.reason == "no-order":
            is_ordered = abs(order.order_s) >= self.settings.min_order_s / 2
            origin = ("inside" if order.order_s > 0 else "outside") if is_ordered else None
        if origin is None or known.zone == OTHER[origin]:
            return None
        return origin, (passing.from_t + passing.to_t) / 2

    def _is_beam_blind(self, from_t: float, to_t: float) -> bool:
        return any(self._dock.were_blind("photo-eye", side, from_t, to_t) for side in self.beams.working)

    # ------------------------------------------------------------ house-keeping

    def _shorten(self, one: _Open, now: float) -> Decided:
        """In view for long: what is older than half of max_open_s no longer belongs to a crossing of now."""
        order = self._order(one)
        if order.origin:
            return []
        self._learn(one)
        passed = self._passed(one, order, "parked", now)
        came_from = one.episode.glimpses[0].side
        forgotten = one.episode.forget_before(one.episode.last_t - self.settings.max_open_s / 2)
        if one.known.seen_t - one.known.since_t >= RESIDENT_S:
            one.known.learn(forgotten)
        if one.known.zone is None:
            one.known.be_on(came_from, one.episode.last_t)
        self._counters.add(self.settings.name, "parked")
        return [passed]

    def _learn(self, one: _Open) -> None:
        """A tag that has been here for long teaches what steady means."""
        spread_db = one.known.signal.spread_db()
        if spread_db is None or one.known.seen_t - one.known.since_t < RESIDENT_S:
            return
        self._threshold.lies(one.unit, spread_db)

    def _is_steady(self, one: _Open) -> bool:
        return one.known.signal.is_below(self._steady_db)

    @property
    def _steady_db(self) -> float:
        return self._threshold.db if self.settings.steady_db is None else self.settings.steady_db

    def _is_mobile(self, one: _Open, load: Load) -> bool:
        """Its signal wanders like that of a tag that moves, or it came with the load."""
        if one.known.signal.spread_db() is None:
            return not one.known.sides and one.episode.first_t >= load.t - AROUND_S
        spread_db = one.known.signal.spread_db()
        return not one.episode.follows and spread_db is not None and spread_db > max(MOBILE_DB, self._threshold.db)

    def _make_room(self, now: float) -> Decided:
        if len(self._open) < MAX_OPEN:
            return []
        self._counters.add(self.settings.name, "crowded")
        oldest = next(iter(self._open.values()))
        return self._finish(oldest, oldest.episode.last_t, now)

    def _end(self, one: _Open) -> None:
        del self._open[one.unit]
        self._pairs.pop(one.unit, None)
        if self._lineup is not None:
            self._lineup.remove(one.unit)
        self._changed.add(one.unit)
        one.known.done_with(one.episode)
        if one.later:
            self._ended.append(one)
