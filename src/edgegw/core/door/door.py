"""One door: reads come in, time decides. The rules stand in the package's docstring."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from edgegw.core.counters import Counters
from edgegw.core.door import saved
from edgegw.core.door.beam import Beams
from edgegw.core.door.ending import Endings
from edgegw.core.door.episode import Episode, Seen
from edgegw.core.door.judge import SAME_PASS_S, Judge
from edgegw.core.door.known import Known, Memory
from edgegw.core.door.load import AROUND_S
from edgegw.core.door.settings import DoorSettings
from edgegw.core.door.surroundings import ALONE, Surroundings
from edgegw.core.door.verdict import Decided
from edgegw.core.door.view import InView, View
from edgegw.core.door.weighing import Weighing
from edgegw.core.identity.value import Identity
from edgegw.core.model import Side, TagRead

MAX_OPEN = 20_000
MAX_LATER = 512
"""So many reads of one unit wait until its silence is sure."""
LATER_S = 0.05
"""What was weighed and not decided is not weighed again at once."""


class Changed(NamedTuple):
    """Of units: whole states, None = forgotten; and what other states have grown by, to be appended."""

    whole: dict[str, str | None]
    grown: dict[str, str]


class Door:
    """All episodes of one door. `see` takes reads, `advance` decides what time has finished."""

    def __init__(self, settings: DoorSettings, counters: Counters, surroundings: Surroundings = ALONE) -> None:
        self.settings = settings
        self.beams = Beams(settings.photo_eyes, partial(surroundings.were_blind, "photo-eye"))
        self._counters = counters
        self._dock = surroundings
        self._view = View()
        self._memory = Memory(settings.memory_s, self._view.changed.add)
        self._judge = Judge(settings, surroundings)
        self._endings = Endings(settings, counters, self._view, self._judge, self.beams)
        self._weighing = Weighing(settings, surroundings, self._view, self._judge, self._endings)

    # ------------------------------------------------------------ reads

    def see(self, unit: str, identity: Identity, read: TagRead, side: Side, now: float) -> Decided:
        """Weigh one read. Returns what it decided: an episode that this read shows to be over."""
        one = self._view.units.get(unit)
        if one is None or not 0.0 <= read.t - one.episode.last_t <= self.settings.quiet_s:
            return self._see_anew(unit, identity, read, side, now)
        return self._add(one, read, side, now)

    def _add(self, one: InView, read: TagRead, side: Side, now: float) -> Decided:
        """One more read of what is being weighed."""
        one.add(read, side)
        if one.later:
            one.catch_up(self.settings.quiet_s)
        self._view.hear(one)
        episode = one.episode
        is_long = episode.last_t - episode.first_t > self.settings.max_open_s
        decided = self._endings.parked(one, now) if is_long else []
        if one.due_t == math.inf:
            self._weighing.schedule(one)
        elif len(episode.sides) == 2:
            self._weighing.hear(one)
        return decided

    def _see_anew(self, unit: str, identity: Identity, read: TagRead, side: Side, now: float) -> Decided:
        """A read that does not follow the last one of its unit: the first one, one after silence, or a late one."""
        known = self._memory.of(unit, read.t)
        if read.t <= known.decided_t:
            self._counters.add(self.settings.name, "late")
            return []
        decided: Decided = []
        one = self._view.units.get(unit)
        if one and read.t > one.episode.last_t + self.settings.quiet_s:
            if not self._is_told(one, now) and len(one.later) < MAX_LATER:
                self._put_off(one, (read, side))
                return []
            decided += [*self._endings.alone(one, now), *self._resume(now)]
            return [*decided, *self.see(unit, identity, read, side, now)]
        if one is None:
            decided += self._make_room(now)
            one = self._enter(unit, identity, read, known)
        return [*decided, *self._add(one, read, side, now), *self._resume(now)]

    def _enter(self, unit: str, identity: Identity, read: TagRead, known: Known) -> InView:
        self._judge.recall(unit, known)
        follows = read.t <= known.decided_t + self.settings.quiet_s
        one = InView(unit, identity, Episode(read, follows), known)
        self._view.enter(one)
        return one

    def _make_room(self, now: float) -> Decided:
        """Decide the one that was heard longest ago if there are too many."""
        if len(self._view.units) < MAX_OPEN:
            return []
        self._counters.add(self.settings.name, "crowded")
        return self._endings.alone(next(iter(self._view.units.values())), now)

    def _is_told(self, one: InView, now: float) -> bool:
        """Whether no reader has more to tell of the silence after its last read."""
        return self._dock.told_until(now) >= one.episode.last_t + self.settings.quiet_s

    def _put_off(self, one: InView, seen: Seen) -> None:
        one.put_off(seen)
        one.episode.note(*seen)
        self._view.changed.add(one.unit)

    def _resume(self, now: float) -> Decided:
        """See what was put off until its unit was decided."""
        decided: Decided = []
        while self._view.ended:
            one = self._view.ended.popleft()
            for read, side in one.later:
                decided += self.see(one.unit, one.identity, read, side, now)
        return decided

    # ------------------------------------------------------------ time

    def advance(self, through_t: float, now: float) -> Decided:
        """Decide everything that is due until `through_t`, oldest first."""
        decided: Decided = []
        self._view.forget_lineup()
        while one := self._view.take_due(through_t):
            if self._weighing.due_t(one) <= through_t:
                decided += self._weighing.weigh(one, through_t, now)
                one.not_before_t = max(one.not_before_t, through_t + LATER_S)
            if self._view.units.get(one.unit) is one:
                self._weighing.schedule(one)
        return [*decided, *self._resume(now)]

    @property
    def due_t(self) -> float | None:
        """When time decides something next; None with nothing in view."""
        one = self._view.next_due
        return one.due_t if one else None

    # ------------------------------------------------------------ what the rest of the dock asks

    @property
    def units_in_view(self) -> int:
        return len(self._view.units)

    def is_open(self, unit: str) -> bool:
        """Whether it is being weighed here."""
        return unit in self._view.units

    def is_weighing(self, t: float) -> bool:
        """Whether something is undecided that was there at `t` and may have crossed then."""
        return any(
            one.episode.is_around(t, AROUND_S) and one.known.moved_t < t - AROUND_S and not self._judge.is_steady(one)
            for one in self._view.units.values()
        )

    def has_moved(self, unit: str, t: float) -> bool:
        """Whether it crossed this door around `t`."""
        known = self._memory.get(unit)
        return known is not None and abs(known.moved_t - t) <= SAME_PASS_S

    def power_around(self, unit: str, t: float) -> float:
        """Summed power of its reads around `t`, also of those that have been weighed already."""
        one, known = self._view.units.get(unit), self._memory.get(unit)
        power = one.episode.power_around(t, SAME_PASS_S) if one else 0.0
        if known is not None and abs(known.power_t - t) <= SAME_PASS_S:
            power += known.power
        return power

    def crossing_around(self, t: float) -> list[str]:
        """Units that both sides saw, and that were in the middle of the door then."""
        return self._weighing.line_up().company(t)

    def disclaim(self, unit: str) -> None:
        """The movement that was just decided took place at another door."""
        known = self._memory.get(unit)
        if known is not None:
            known.moved_t = -math.inf
            known.be_on(None, known.seen_t)

    # ------------------------------------------------------------ what survives a crash

    def take_changed(self) -> Changed:
        """What is weighed and known since the last call, for the journal."""
        changed = Changed({}, {})
        for unit in self._view.changed:
            one = self._view.units.get(unit)
            unsaved = one.take_unsaved() if one else None
            if unsaved is None:
                changed.whole[unit] = self._whole(unit, one)
            elif unsaved:
                changed.grown[unit] = saved.growth(unsaved)
        self._view.changed.clear()
        return changed

    def _whole(self, unit: str, one: InView | None) -> str | None:
        if one:
            return saved.to_json(one.episode, one.known.saved()) + saved.growth(one.later)
        known = self._memory.get(unit)
        return saved.to_json(None, known.saved()) if known else None

    def restore(self, unit: str, state: str, identify: Callable[[TagRead], Identity], now: float) -> bool:
        """Take back what `take_changed` gave. False: it is too long ago to be of use. Raises ValueError for anything
        else, and for what lies in the future."""
        episode, what_was_known, unseen = saved.parse(state)
        known = Known(now)
        known.restore(what_was_known)
        latest_t = max([known.seen_t, *(read.t for read, _ in unseen)])
        if latest_t > now:
            raise ValueError("it lies in the future: the clock has been set back since")
        if episode is None and now - latest_t > self.settings.memory_s:
            return False
        self._memory.put(unit, known)
        if episode is not None:
            self._reopen(InView(unit, identify(episode.read), episode, known), unseen)
        return True

    def _reopen(self, one: InView, unseen: Iterable[Seen]) -> None:
        for seen in unseen:
            one.put_off(seen)
            one.catch_up(self.settings.quiet_s)
        self._view.enter(one)
        self._weighing.schedule(one)

    def restore_decided(self, unit: str, until_t: float, place: str = "") -> None:
        """Take back that a unit was decided until then, and is on the side called `place`."""
        known = self._memory.of(unit, until_t)
        known.decided_t = known.moved_t = until_t
        known.be_on(self.settings.side(place), until_t)
