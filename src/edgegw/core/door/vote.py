"""Did a load cross, and who crossed with it? Units whose own reads say so are its seeds; they ask who was there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from edgegw.core.door.judge import Judge
from edgegw.core.door.load import MAX_ODDS, Load, pool
from edgegw.core.door.order import weigh
from edgegw.core.door.settings import DoorSettings
from edgegw.core.door.view import InView
from edgegw.core.model import Side


class Vote(NamedTuple):
    """there: the seeds, and others that both sides saw; joining: others that go with the seeds."""

    load: Load
    seeds: list[InView]
    joining: list[InView]
    there: list[InView]
    has_crossed: bool

    @property
    def last_t(self) -> float:
        return max(one.episode.last_t for one in self.there)


def count(
    load: Load, seeds: list[InView], around: Iterable[InView], pairs: Collection[str], judge: Judge, rule: DoorSettings
) -> Vote:
    """Ask everybody around. What `load` says of its agreement and its odds is set."""
    crossing = {one.unit for one in seeds}
    others = [one for one in around if one.unit not in crossing and judge.may_join(one, load)]
    joining = _joining(load, len(seeds), others, judge)
    crossing |= {one.unit for one in joining}
    there = seeds + [one for one in others if one.unit in pairs]
    load.agreed = len(crossing)
    load.of = load.agreed + sum(one.unit not in crossing for one in there)
    pooled = weigh(pool(one.episode.glimpses for one in there), rule.min_order_s)
    has_crossed = pooled.origin == load.origin and load.agreed >= rule.load_quorum * load.of
    return Vote(load, seeds, joining, there, has_crossed)


def _joining(load: Load, seeds: int, others: list[InView], judge: Judge) -> list[InView]:
    """Who goes against it is taken along, for there is no room for that in a door; of the others, who looks like it.
    Of those that do not, what moves is more likely to have been part of it the more of their kind were."""
    joining, agreeing = _part(others, lambda one: judge.dissents(one, load))
    fitting, left = _part(agreeing, lambda one: load.takes(one.episode.glimpses, one.known.sides))
    joining += fitting
    mobile = [one for one in left if judge.is_mobile(one, load)]
    load.odds = min(MAX_ODDS, (seeds + len(joining) + 1) / (len(mobile) + 1))
    return joining + [one for one in mobile if load.takes(one.episode.glimpses, one.known.sides, load.odds)]


def _part(units: list[InView], is_first: Callable[[InView], bool]) -> tuple[list[InView], list[InView]]:
    parts: tuple[list[InView], list[InView]] = [], []
    for one in units:
        parts[not is_first(one)].append(one)
    return parts


def is_vetoed(company: list[InView], origin: Side, judge: Judge, rule: DoorSettings) -> bool:
    """Enough units for a load, most of which have not crossed, and taken together they did not come from `origin`."""
    if not rule.load_min_tags or len(company) < rule.load_min_tags:
        return False
    crossed = sum(judge.order(one).origin is not None for one in company)
    if crossed >= rule.load_quorum * len(company):
        return False
    return weigh(pool(one.episode.glimpses for one in company), rule.min_order_s).origin != origin
