"""Every method on every track, each track in a process of its own, as many at a time as there are processors."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from bench.doors import boosted, gateway, rules
from bench.doors.recorded import recorded
from bench.doors.score import Event, Tally, score
from bench.doors.simulated import simulated
from bench.doors.track import Track, crossings

OURS, ALONE, BOOSTED = "edgegw", "edgegw, each alone", "XGBoost, other sites"
METHODS: dict[str, Callable[[Track], list[Event]]] = {
    "first read": rules.first_read,
    "first/last side": rules.first_last,
    "EdgeX mobility": rules.edgex,
    "centroid order": rules.centroid_order,
    ALONE: gateway.each_alone,
}


@dataclass(frozen=True)
class Wanted:
    """A track to be judged: `folder` and the name of a recording there, or a scene and its seed."""

    name: str
    folder: Path | None = None
    seed: int = 0

    def track(self) -> Track:
        return recorded(self.folder, self.name) if self.folder else simulated(self.name, self.seed)


@dataclass(frozen=True)
class Judged:
    """A track without its reads. unread: crossings of tags that nobody read at that time. cpu_s: what edgegw took."""

    track: Track
    reads: int
    unread: int
    cpu_s: float
    tallies: dict[str, Tally]
    passes: list[boosted.Example]


def judged(wanted: Sequence[Wanted], jobs: int, learn: bool) -> Iterator[Judged]:
    """As they are finished. `learn`: describe passes for XGBoost."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        tasks: list[Future[Judged]] = [pool.submit(_judge, one, learn) for one in wanted]
        for task in as_completed(tasks):
            yield task.result()


def with_boosted(tracks: Sequence[Judged], jobs: int) -> list[Judged]:
    """The same with what XGBoost decides on each, where there are other sites to learn from."""
    sites: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in tracks:
        sites[one.track.site].append(one)
    if len(sites) < 2:
        return list(tracks)
    return [
        replace(one, tallies=one.tallies | {BOOSTED: score(boosted.decided(model, one.passes), one.track)})
        for site, own in sites.items()
        for model in [boosted.learned((example for one in _away(tracks, site) for example in one.passes), jobs)]
        for one in own
    ]


def _away(tracks: Sequence[Judged], site: str) -> Iterator[Judged]:
    return (one for one in tracks if one.track.site != site)


def _judge(wanted: Wanted, learn: bool) -> Judged:
    track = wanted.track()
    tallies = {name: score(decide(track), track) for name, decide in METHODS.items()}
    began_s = time.process_time()
    tallies[OURS] = score(gateway.edgegw(track), track)
    cpu_s = time.process_time() - began_s
    passes = boosted.examples(track) if learn else []
    return Judged(replace(track, arrivals=()), len(track.arrivals), _unread(track), cpu_s, tallies, passes)


def _unread(track: Track) -> int:
    """Crossings that no rule can find."""
    times: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for door, sightings in track.sightings.items():
        for seen in sightings:
            times[door, seen.epc].append(seen.t)
            times["", seen.epc].append(seen.t)
    slack_s = track.slack_s
    return sum(
        not any(span.t0 - slack_s <= t <= span.t1 + slack_s for t in times[span.door, span.epc])
        for span in crossings(track.truth)
    )
