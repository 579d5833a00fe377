"""Passes: the reads of one tag at one door, as long as it is in view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from bench.doors.track import Sighting, Track

Pass = Sequence[Sighting]


def passes(track: Track, quiet_s: float) -> Iterator[tuple[str, Pass]]:
    """Door and pass. So long a silence ends it."""
    for door, sightings in track.sightings.items():
        tags: defaultdict[str, list[Sighting]] = defaultdict(list)
        for seen in sightings:
            one = tags[seen.epc]
            if one and seen.t - one[-1].t > quiet_s:
                yield door, one
                one = tags[seen.epc] = []
            one.append(seen)
        yield from ((door, one) for one in tags.values())


def side(one: Pass, is_inside: bool) -> list[Sighting]:
    """What one side saw of it."""
    return [seen for seen in one if seen.is_inside == is_inside]


def centre_t(seen: Pass) -> float | None:
    """Power-weighted mean time; None without reads."""
    if not seen:
        return None
    first_t = seen[0].t
    weights = [10 ** (one.rssi_dbm / 10) for one in seen]
    return first_t + sum((one.t - first_t) * weight for one, weight in zip(seen, weights, strict=True)) / sum(weights)
