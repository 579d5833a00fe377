"""Events against the truth of a track.

A crossing is found when an event of that EPC, at that door, lies within [t0 - slack, t1 + slack]; each event serves one
crossing, the one nearest to its middle among those that are free, in order of time. Every other event is a false
movement. Units that cross one right after the other are a load; a load is right when each of its units was found with
the right direction, and nothing that did not cross was said to cross with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple, Self

from bench.doors.track import Track, crossings, middle
from simulators.dock_door.tracks import Span

SAME_MOMENT_S = 1.0
"""From one tag of a load to the next; the truth about the Alfian gate says a moment of its own for each tag."""
WITH_IT_S = 2.5
"""What is told within so long of the middle of a load, is told of that load: as the gateway books it."""


class Event(NamedTuple):
    """passage: the load that the gateway has booked it in; None = it books no loads."""

    t: float
    emitted_t: float
    epc: str
    direction: str
    door: str
    passage: int | None = None


@dataclass(slots=True)
class Tally:
    """What is counted and can be added up. Times in seconds.

    found, missed        crossings; right: found with the right direction
    false                events that are no crossing; stray: of tags that do not cross then; static: of those that lie
    error_s              between an event's time and the middle of its crossing
    latency_s            from the end of a crossing to its event
    loads, whole, booked all loads of two units or more; those with exactly the right units; those that were also
                         reported as one passage with exactly these units
    """

    found: int = 0
    missed: int = 0
    right: int = 0
    false: int = 0
    stray: int = 0
    stray_s: float = 0.0
    static: int = 0
    static_s: float = 0.0
    loads: int = 0
    whole: int = 0
    booked: int = 0
    error_s: list[float] = field(default_factory=list)
    latency_s: list[float] = field(default_factory=list)

    def __add__(self, other: Self) -> Tally:
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def precision(self) -> float:
        return _share(self.found, self.found + self.false)

    @property
    def recall(self) -> float:
        return _share(self.found, self.found + self.missed)

    @property
    def f1(self) -> float:
        return _share(2 * self.found, 2 * self.found + self.false + self.missed)

    @property
    def direction(self) -> float:
        return _share(self.right, self.found)

    @property
    def f1_direction(self) -> float:
        return self.f1 * self.direction

    def figures(self) -> dict[str, float | None]:
        """Everything a table shows. stray_per_h: per hour that a tag which does not cross was in view."""
        return {
            "P": self.precision,
            "R": self.recall,
            "F1": self.f1,
            "dir": self.direction,
            "F1dir": self.f1_direction,
            "stray_per_h": self.stray / (self.stray_s / 3600) if self.stray_s else None,
            "static_per_h": self.static / (self.static_s / 3600) if self.static_s else None,
            "error_p50_s": quantile(self.error_s, 0.5),
            "error_p95_s": quantile(self.error_s, 0.95),
            "latency_p50_s": quantile(self.latency_s, 0.5),
            "latency_p95_s": quantile(self.latency_s, 0.95),
            "loads_whole": self.whole / self.loads if self.loads else None,
            "loads_booked": self.booked / self.loads if self.loads else None,
        }


def score(events: Sequence[Event], track: Track) -> Tally:
    """What these events are worth."""
    free: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        free[event.epc].append(event)
    taken = [(span, _take(free[span.epc], span, track.slack_s)) for span in crossings(track.truth)]
    found = [(span, event) for span, event in taken if event is not None]
    false = {event for left in free.values() for event in left}
    tally = Tally(
        found=len(found),
        missed=len(taken) - len(found),
        right=sum(event.direction == span.label for span, event in found),
        false=len(events) - len(found),
        error_s=[abs(event.t - middle(span)) for span, event in found],
        latency_s=[event.emitted_t - track.through_t(span) for span, event in found],
    )
    _count_strays(tally, free, track)
    _count_loads(tally, dict(taken), events, false)
    return tally


def loads(spans: Iterable[Span]) -> list[list[Span]]:
    """Crossings of the same door, the same way, one right after the other."""
    found: list[list[Span]] = []
    for span in sorted(spans, key=lambda one: (one[3:], middle(one))):
        last = found[-1][-1] if found else None
        if last and last[3:] == span[3:] and middle(span) - middle(last) < SAME_MOMENT_S:
            found[-1].append(span)
        else:
            found.append([span])
    return found


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share of them lies; None without values."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else None


def _take(free: list[Event], span: Span, slack_s: float) -> Event | None:
    near = [event for event in free if _is_in(event, span, slack_s) and span.door in ("", event.door)]
    if not near:
        return None
    event = min(near, key=lambda one: abs(one.t - middle(span)))
    free.remove(event)
    return event


def _is_in(event: Event, span: Span, slack_s: float) -> bool:
    return span.t0 - slack_s <= event.t <= span.t1 + slack_s


def _count_strays(tally: Tally, free: defaultdict[str, list[Event]], track: Track) -> None:
    for span in track.truth:
        if span.label == "none":
            strays = sum(_is_in(event, span, track.slack_s) for event in free[span.epc])
            tally.stray += strays
            tally.stray_s += span.t1 - span.t0
            if span.kind == "static":
                tally.static += strays
                tally.static_s += span.t1 - span.t0


def _count_loads(tally: Tally, event_of: dict[Span, Event | None], events: Sequence[Event], false: set[Event]) -> None:
    passages: defaultdict[int | None, set[str]] = defaultdict(set)
    for event in events:
        passages[event.passage].add(event.epc)
    for load in loads(event_of):
        if len(load) > 1:
            tally.loads += 1
            first = event_of[load[0]]
            if first and _is_whole(load, event_of, false):
                tally.whole += 1
                tally.booked += first.passage is not None and passages[first.passage] == {span.epc for span in load}


def _is_whole(load: Sequence[Span], event_of: dict[Span, Event | None], false: Iterable[Event]) -> bool:
    found = [(span, event_of[span]) for span in load]
    if not all(event and event.direction == span.label for span, event in found):
        return False
    label, door = load[0].label, load[0].door
    t = sum(map(middle, load)) / len(load)
    near = (event for event in false if abs(event.t - t) <= WITH_IT_S)
    return not any(event.direction == label and door in ("", event.door) for event in near)


def _share(part: float, of: float) -> float:
    return part / of if of else 0.0
