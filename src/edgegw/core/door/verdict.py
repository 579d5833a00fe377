"""What a door says of a unit: a movement, or the reason why there was none, with the numbers behind it."""

from __future__ import annotations

from typing import NamedTuple

from edgegw.core.door.glimpse import Glimpse
from edgegw.core.door.judge import Judge
from edgegw.core.door.order import OTHER, Order
from edgegw.core.door.settings import DoorSettings
from edgegw.core.door.view import InView
from edgegw.core.model import Direction, Heard, LoadVote, Movement, Passed, Side, Why

_DIRECTION: dict[Side, Direction] = {"inside": "out", "outside": "in"}

Decided = list[Movement | Passed]


class Claim(NamedTuple):
    """It seems to have crossed from `origin` at `t`, by the evidence `code`, with the load that voted so."""

    origin: Side
    t: float
    code: str
    vote: LoadVote | None = None


class Verdicts:
    """In the terms of one door. They change nothing."""

    def __init__(self, settings: DoorSettings, judge: Judge) -> None:
        self._settings = settings
        self._judge = judge

    def movement(self, one: InView, order: Order, claim: Claim, now: float) -> Movement:
        settings = self._settings
        return Movement(
            unit=one.identity,
            t=claim.t,
            decided_t=max(now, one.episode.last_t),
            origin=settings.place(claim.origin),
            place=settings.place(OTHER[claim.origin]),
            evidence=one.episode.evidence(),
            door=settings.name,
            direction=_DIRECTION[claim.origin],
            location=settings.location,
            why=self._why(one, order, claim.code, claim.vote),
        )

    def passed(self, one: InView, order: Order, reason: str, now: float, vote: LoadVote | None = None) -> Passed:
        t = one.episode.last_t
        why = self._why(one, order, reason, vote)
        return Passed(one.identity, t, max(now, t), self._settings.name, reason, one.episode.evidence(), why)

    def _why(self, one: InView, order: Order, code: str, vote: LoadVote | None) -> Why:
        inside, outside = order.inside, order.outside
        return Why(
            code=code,
            inside=inside.sight() if inside else None,
            outside=outside.sight() if outside else None,
            order_s=order.order_s,
            clarity=order.clarity,
            spread_db=one.known.signal.spread_db(),
            load=vote,
            steady_db=self._judge.steady_db,
            faint_dbm=self._judge.level.faint_dbm,
            known_t=one.known.zone_t if one.known.zone else None,
            heard=heard(one.episode.glimpses),
        )


def heard(glimpses: list[Glimpse]) -> tuple[Heard, ...]:
    return tuple([Heard(t, side, reads, peak_dbm) for t, side, _, reads, peak_dbm in glimpses])
