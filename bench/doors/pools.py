"""Tracks that are counted together."""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.doors.runner import BOOSTED, METHODS, OURS, Judged
from bench.doors.score import Tally
from bench.doors.simulated import THIRTEEN
from simulators.dock_door.suite import SCENES

THIRTEEN_SCENES, ALL_SCENES = "thirteen scenes", "all scenes"
ROWS = (*METHODS, OURS, BOOSTED)


@dataclass(frozen=True)
class Pool:
    """`title` and the tracks that are counted under it."""

    title: str
    tracks: tuple[Judged, ...]

    @functools.cached_property
    def tallies(self) -> dict[str, Tally]:
        """By method, in the order of the table."""
        return {
            name: functools.reduce(operator.add, (one.tallies[name] for one in self.tracks))
            for name in ROWS
            if all(name in one.tallies for one in self.tracks)
        }

    @property
    def unread(self) -> int:
        return sum(one.unread for one in self.tracks)


def pools(tracks: Sequence[Judged]) -> list[Pool]:
    """Recordings, what they are counted with, scenes over all seeds, and scenes together."""
    by_pool: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in sorted(tracks, key=lambda one: one.track.name):
        by_pool[one.track.pool].append(one)
    recorded = {name: own for name, own in by_pool.items() if name not in SCENES}
    scenes = {name: by_pool[name] for name in SCENES if name in by_pool}
    found: list[Pool] = []
    for name, own in (recorded | scenes).items():
        if name in recorded and len(own) > 1:
            found += each(own)
        found.append(Pool(name, tuple(own)))
    if all(name in scenes for name in THIRTEEN):
        found.append(Pool(THIRTEEN_SCENES, tuple(one for name in THIRTEEN for one in scenes[name])))
    if len(scenes) > 1:
        found.append(Pool(ALL_SCENES, tuple(one for own in scenes.values() for one in own)))
    return found


def each(tracks: Sequence[Judged]) -> list[Pool]:
    """Every track for itself."""
    return [Pool(one.track.name, (one,)) for one in tracks]
