"""Events against the truth of a track.

A crossing is found when an event of that EPC lies within [t0 - slack, t1 + slack]; each event serves one crossing,
the one nearest to its middle. Every other event is a false movement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bench.doors.track import Span, Track


class Event(NamedTuple):
    t: float
    emitted_t: float
    epc: str
    direction: str


class Score(NamedTuple):
    """stray: false movements per hour that a tag which does not cross was in view. Times in seconds.

    error_s is of the event's time, latency_s of its emission, both from the middle of the crossing: p50 and p95.
    """

    precision: float
    recall: float
    direction: float
    stray_per_h: float
    error_s: tuple[float, float]
    latency_s: tuple[float, float]

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(events: Sequence[Event], track: Track) -> Score:
    by_epc: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_epc[event.epc].append(event)
    crossings = [span for span in sorted(track.truth) if span.label != "none"]
    taken = [(span, _take(by_epc[span.epc], span, track.slack_s)) for span in crossings]
    found = [(span, event) for span, event in taken if event is not None]
    none = [span for span in track.truth if span.label == "none"]
    hours = sum(span.t1 - span.t0 for span in none) / 3600
    stray = sum(_is_in(event, span, track.slack_s) for span in none for event in by_epc[span.epc])
    return Score(
        precision=len(found) / len(events) if events else 0.0,
        recall=len(found) / len(crossings) if crossings else 0.0,
        direction=sum(event.direction == span.label for span, event in found) / len(found) if found else 0.0,
        stray_per_h=stray / hours if hours else 0.0,
        error_s=_quantiles([abs(event.t - _middle(span)) for span, event in found]),
        latency_s=_quantiles([event.emitted_t - _middle(span) for span, event in found]),
    )


def _take(free: list[Event], span: Span, slack_s: float) -> Event | None:
    near = [event for event in free if _is_in(event, span, slack_s)]
    if not near:
        return None
    event = min(near, key=lambda one: abs(one.t - _middle(span)))
    free.remove(event)
    return event


def _is_in(event: Event, span: Span, slack_s: float) -> bool:
    return span.t0 - slack_s <= event.t <= span.t1 + slack_s


def _middle(span: Span) -> float:
    return (span.t0 + span.t1) / 2


def _quantiles(values: list[float]) -> tuple[float, float]:
    values.sort()
    return (values[len(values) // 2], values[int(len(values) * 0.95)]) if values else (0.0, 0.0)
