"""XGBoost, trained at all other sites: how far a model gets that has seen many passes, but none of this site.

A pass is described by 21 numbers. None of them counts reads: how many there are depends on a reader's settings, and a
model that has learned them fails wherever these differ. The model says whether it was no crossing, one in or one out.
It is not part of edgegw: `tools/install bench` installs it for the comparison.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Sequence
from statistics import fmean, pstdev
from typing import Any, NamedTuple

from bench.doors.passes import Pass, centre_t, passes, side
from bench.doors.score import Event
from bench.doors.track import Sighting, Track, crossings, middle
from simulators.dock_door.tracks import Span

LOUD = 0.95
"""A signal is told in dB from what this share of a site's reads is fainter than: readers count from different zeros."""
LABELS = ("none", "in", "out")
QUIET_S = 4.0
BORDER_S = 2.0
"""A crossing that is so far from a pass may still be that one's: it was not read in the middle of the door."""
ROUNDS = 150
PARAMETERS = {
    "objective": "multi:softprob",
    "num_class": len(LABELS),
    "max_depth": 5,
    "eta": 0.15,
    "subsample": 0.8,
    "tree_method": "hist",
    "seed": 1,
}


class Example(NamedTuple):
    """A pass, what is known of it, and what it really was (an index of LABELS)."""

    event: Event
    features: tuple[float, ...]
    label: int


def is_installed() -> bool:
    try:
        importlib.import_module("xgboost")
    except ImportError:
        return False
    return True


def examples(track: Track) -> list[Example]:
    """Every pass of a track, as an event that waits for its direction."""
    truth: dict[str, list[Span]] = {}
    for span in crossings(track.truth):
        truth.setdefault(span.epc, []).append(span)
    levels = sorted(seen.rssi_dbm for sightings in track.sightings.values() for seen in sightings)
    loud_dbm = levels[int(len(levels) * LOUD)] if levels else 0.0
    habits: dict[str, list[float]] = {}
    found = []
    for door, one in passes(track, QUIET_S):
        epc = one[0].epc
        own = truth.get(epc, [])
        event = Event(_moment(one), one[-1].t + QUIET_S, epc, "", door)
        found.append(Example(event, _features(one, loud_dbm, habits.setdefault(epc, [])), _label(one, door, own)))
    return found


def learned(others: Iterable[Example], threads: int) -> Any:
    """A model that has seen these passes."""
    xgboost = importlib.import_module("xgboost")
    return xgboost.train(PARAMETERS | {"nthread": threads}, _matrix(list(others)), ROUNDS)


def decided(model: Any, here: Sequence[Example]) -> list[Event]:
    """What it makes of those."""
    labels: list[int] = model.predict(_matrix(here)).argmax(axis=1).tolist()
    return [one.event._replace(direction=LABELS[label]) for one, label in zip(here, labels, strict=True) if label]


def _matrix(found: Sequence[Example]) -> Any:
    xgboost = importlib.import_module("xgboost")
    return xgboost.DMatrix([one.features for one in found], label=[one.label for one in found], missing=math.nan)


def _label(one: Pass, door: str, truth: Sequence[Span]) -> int:
    """What happened in the middle of the pass, if several things did."""
    first_t, last_t = one[0].t - BORDER_S, one[-1].t + BORDER_S
    here = [span for span in truth if first_t <= middle(span) <= last_t and span.door in ("", door)]
    if not here:
        return 0
    return LABELS.index(min(here, key=lambda span: abs(middle(span) - _moment(one))).label)


def _moment(one: Pass) -> float:
    centres = [t for t in (centre_t(side(one, True)), centre_t(side(one, False))) if t is not None]
    return fmean(centres)


def _features(one: Pass, loud_dbm: float, steps: list[float]) -> tuple[float, ...]:
    """`steps`: changes of the tag's signal so far, read by read at one antenna; this pass is added."""
    first_t, duration_s = one[0].t, one[-1].t - one[0].t
    inside, outside = side(one, True), side(one, False)
    inside_t, outside_t = centre_t(inside), centre_t(outside)
    order_s = math.nan if inside_t is None or outside_t is None else outside_t - inside_t
    steps += _steps(one)
    strongest = max(one, key=lambda seen: seen.rssi_dbm)
    third = max(1, len(one) // 3)
    return (
        order_s,
        order_s / duration_s if duration_s else math.nan,
        duration_s,
        len(inside) / len(one),
        *_side(inside, first_t, loud_dbm),
        *_side(outside, first_t, loud_dbm),
        float(one[0].is_inside),
        float(one[-1].is_inside),
        fmean(seen.is_inside for seen in one[:third]),
        fmean(seen.is_inside for seen in one[-third:]),
        float(strongest.is_inside),
        _peak(inside) - _peak(outside),
        fmean(map(abs, steps)) if steps else math.nan,
    )


def _side(seen: Pass, first_t: float, loud_dbm: float) -> tuple[float, ...]:
    """What one side saw: how well, when first and last."""
    if not seen:
        return (math.nan,) * 5
    levels = [one.rssi_dbm - loud_dbm for one in seen]
    return max(levels), fmean(levels), pstdev(levels), seen[0].t - first_t, seen[-1].t - first_t


def _peak(seen: Pass) -> float:
    return max((one.rssi_dbm for one in seen), default=math.nan)


def _steps(one: Pass) -> list[float]:
    last: dict[tuple[str, int], Sighting] = {}
    steps = []
    for seen in one:
        before = last.get(seen.antenna)
        if before:
            steps.append(seen.rssi_dbm - before.rssi_dbm)
        last[seen.antenna] = seen
    return steps
