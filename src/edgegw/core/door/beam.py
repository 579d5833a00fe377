"""Photo-eyes of a door: what went through it, whatever the tags say.

    beams  what they tell                                                    a movement at that time
    one    interrupted: something was in the door                            may be
           not interrupted                                                   is none
    two    interrupted one after the other, the first cleared first          went that way
           interrupted both, and the one that was first cleared last         is none: it turned back
           only one interrupted, or none                                     is none

An *interval* begins when a beam is interrupted with both clear before, and ends when both are clear; while only one of
the two was interrupted, the other has PASS_S to follow (a short load between beams far apart).

A beam that stays silent while goods cross is dead, and one that is interrupted for STUCK_S is stuck: both are left
out until they change again, and said. A load of many units that agree counts for DEAD crossings: it outweighs a
silent beam.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from edgegw.core.door.order import Order
from edgegw.core.door.verdict import Claim
from edgegw.core.model import Side

PASS_S = 3.0
DEAD = 3
"""Crossings in a row that a beam did not see."""
APART_S = 5.0
"""Crossings within so long are one."""
STUCK_S = 600.0
BEAM_S = 3.0
"""Between the moment when something is in a beam, and when its tags seem to cross."""
AMID_S = 1.0
"""The same, of what both sides saw at about the same time."""
MAX_CHANGES = 256


class Interval(NamedTuple):
    """Something was in the door. last: the side of the beam that was cleared last; None = it is still interrupted."""

    from_t: float
    to_t: float
    first: Side
    last: Side | None
    both: bool

    @property
    def origin(self) -> Side | None:
        """Where it came from, if it went through."""
        return self.first if self.both and self.last not in (None, self.first) else None


class _Change(NamedTuple):
    t: float
    side: Side
    interrupted: bool


@dataclass(slots=True)
class _Beam:
    """silent: crossings it did not see since it changed last, the latest at silent_t."""

    interrupted_t: float | None = None
    silent: int = 0
    silent_t: float = float("-inf")
    fault: str = ""


@dataclass(slots=True)
class Beams:
    """Those of one door: at most one on each side. Times on the gateway's timeline.

    was_blind  side, from_t, to_t -> whether nobody could hear of that beam at some time of it
    """

    wired: Collection[Side]
    was_blind: Callable[[Side, float, float], bool] = lambda *_: False
    _beams: dict[Side, _Beam] = field(init=False)
    _changes: deque[_Change] = field(init=False, default_factory=lambda: deque(maxlen=MAX_CHANGES))

    def __post_init__(self) -> None:
        self._beams = {side: _Beam() for side in self.wired}

    def see(self, side: Side, interrupted: bool, t: float) -> None:
        """A beam changed."""
        beam = self._beams[side]
        if interrupted == (beam.interrupted_t is not None):
            return
        self._beams[side] = _Beam(t if interrupted else None)
        self._changes.append(_Change(t, side, interrupted))
        if len(self._changes) > 1 and self._changes[-2].t > t:  # the two may hang on two readers
            self._changes = deque(sorted(self._changes), maxlen=MAX_CHANGES)

    def faults(self, now: float) -> dict[Side, str]:
        """What is wrong with each beam that is left out now, in a sentence."""
        for beam in self._beams.values():
            if beam.interrupted_t is not None and now - beam.interrupted_t >= STUCK_S:
                beam.fault = (
                    f"interrupted for more than {STUCK_S / 60:g} minutes: something stands in it, or it is stuck"
                )
        return {side: beam.fault for side, beam in self._beams.items() if beam.fault}

    def intervals(self, from_t: float, to_t: float) -> list[Interval]:
        """What was in the door from `from_t` to `to_t`, by the beams that work."""
        return [one for one in self._all() if one.from_t <= to_t and one.to_t >= from_t]

    @property
    def working(self) -> set[Side]:
        return {side for side, beam in self._beams.items() if not beam.fault}

    def miss(self, from_t: float, to_t: float, t: float, weight: int) -> None:
        """Goods seem to have crossed at `t`; beams that were silent from `from_t` to `to_t` have missed it."""
        for side, beam in self._beams.items():
            if beam.fault or beam.interrupted_t is not None or abs(t - beam.silent_t) < APART_S:
                continue
            if not any(one.side == side and from_t <= one.t <= to_t for one in self._changes):
                beam.silent, beam.silent_t = beam.silent + weight, t
                if beam.silent >= DEAD:
                    beam.fault = "silent while goods crossed: look at its cable, power and alignment"

    def judge(self, origin: Side, from_t: float, to_t: float) -> Side | None:
        """From where something went through the door in that time: `origin` unless the beams know better."""
        working = self.working
        if not working:
            return origin
        intervals = self.intervals(from_t, to_t)
        if len(working) == 1 or any(one.last is None for one in intervals):
            return origin if intervals else None
        origins = {one.origin for one in intervals if one.origin}
        return origin if origin in origins else next(iter(origins), None)

    @property
    def is_single(self) -> bool:
        return len(self.working) == 1

    def came_from(self, claim: Claim, from_t: float, to_t: float) -> Side | None:
        """From where it came that seems to cross, and would have been in the beams in that time; None = nothing went
        through. As claimed, where the beams know nothing."""
        if not self.wired or claim.code == "beam" or self._were_blind(from_t, to_t):
            return claim.origin
        self.miss(from_t, to_t, claim.t, DEAD if claim.vote else 1)
        return self.judge(claim.origin, from_t, to_t)

    def passing(self, from_t: float, to_t: float) -> Interval | None:
        """The only thing that was in the door while tags were heard from `from_t` to `to_t`, and is no more."""
        if not self.working or self._were_blind(from_t, to_t):
            return None
        found = self.intervals(from_t - AMID_S, to_t + AMID_S)
        return found[0] if len(found) == 1 and found[0].last is not None else None

    # ------------------------------------------------------------

    def _were_blind(self, from_t: float, to_t: float) -> bool:
        return any(self.was_blind(side, from_t, to_t) for side in self.working)

    def _all(self) -> Iterator[Interval]:
        """Intervals of all changes that are remembered, oldest first."""
        working = self.working
        interrupted: set[Side] = set()
        seen: list[_Change] = []
        for change in self._changes:
            if change.side not in working or not (change.interrupted or interrupted):
                continue
            if not interrupted and seen and not _goes_on(seen, change, working):
                yield _interval(seen, interrupted)
                seen = []
            seen.append(change)
            (interrupted.add if change.interrupted else interrupted.discard)(change.side)
        if seen:
            yield _interval(seen, interrupted)


def span_of(claim: Claim, order: Order, reach_s: float) -> tuple[float, float]:
    """When it would have been in the beams. What only one side saw crossed up to `reach_s` before or after."""
    from_t, to_t = claim.t - BEAM_S, claim.t + BEAM_S
    if claim.code == "crossed" and order.inside and order.outside:
        centres = order.inside.centre_t, order.outside.centre_t
        return min(centres) - BEAM_S, max(centres) + BEAM_S
    if claim.code == "memory":
        return claim.t - reach_s, to_t
    if claim.code == "visit":
        return from_t, claim.t + reach_s
    return from_t, to_t


def _goes_on(seen: list[_Change], change: _Change, working: Collection[Side]) -> bool:
    """With all beams clear: does what comes belong to what was?"""
    if len(working) == 1 or len({one.side for one in seen}) == 2:
        return False
    return change.t - seen[-1].t <= PASS_S


def _interval(seen: list[_Change], interrupted: Collection[Side]) -> Interval:
    sides = {one.side for one in seen}
    to_t = float("inf") if interrupted else seen[-1].t
    return Interval(seen[0].t, to_t, seen[0].side, None if interrupted else seen[-1].side, len(sides) == 2)
