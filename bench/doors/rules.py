"""What simple rules decide, and EdgeX. They get every read in order of time, as if none had come late.

first read       a tag that was silent for 10 s has come from the side that sees it first
first/last side  a pass that begins on one side and ends on the other
centroid order   a pass whose power-weighted centres follow each other by 0.4 s and by 12 % of the pass
EdgeX mobility   the mobility rule of edgexfoundry/app-rfid-llrp-inventory with its defaults
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import fmean

from bench.doors.passes import centre_t, passes, side
from bench.doors.score import Event
from bench.doors.track import Sighting, Track

FIRST_QUIET_S = 10.0
QUIET_S = 4.0
MIN_ORDER_S, MIN_ORDER_SHARE = 0.4, 0.12

EDGEX_READS, EDGEX_MIN_READS = 20, 2
EDGEX_THRESHOLD_DB = 6.0
EDGEX_HOLDOFF_S = 0.5
EDGEX_SLOPE_DB_PER_S = -8.0
EDGEX_DEPARTED_S = 600.0


def first_read(track: Track) -> list[Event]:
    return [
        Event(one[0].t, one[0].t, one[0].epc, "out" if one[0].is_inside else "in", door)
        for door, one in passes(track, FIRST_QUIET_S)
    ]


def first_last(track: Track) -> list[Event]:
    return [
        Event((one[0].t + one[-1].t) / 2, one[-1].t + QUIET_S, one[0].epc, "out" if one[0].is_inside else "in", door)
        for door, one in passes(track, QUIET_S)
        if one[0].is_inside != one[-1].is_inside
    ]


def centroid_order(track: Track) -> list[Event]:
    events = []
    for door, one in passes(track, QUIET_S):
        inside_t, outside_t = centre_t(side(one, True)), centre_t(side(one, False))
        if inside_t is None or outside_t is None:
            continue
        order_s = outside_t - inside_t
        if abs(order_s) >= max(MIN_ORDER_S, MIN_ORDER_SHARE * (one[-1].t - one[0].t)):
            t = (inside_t + outside_t) / 2
            events.append(Event(t, one[-1].t + QUIET_S, one[0].epc, "out" if order_s > 0 else "in", door))
    return events


@dataclass(slots=True)
class _Tag:
    """Where EdgeX believes a tag to be, and the last reads of each antenna."""

    at: Sighting
    last_t: float
    reads: defaultdict[tuple[str, int], deque[float]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=EDGEX_READS))
    )
    read_t: dict[tuple[str, int], float] = field(default_factory=dict)

    def see(self, seen: Sighting) -> None:
        self.reads[seen.antenna].append(seen.rssi_dbm)
        self.read_t[seen.antenna] = self.last_t = seen.t

    def has_moved(self, seen: Sighting) -> bool:
        """Whether its mean at that antenna beats the one where it was, by an offset that falls with that one's age."""
        if seen.antenna == self.at.antenna or len(self.reads[seen.antenna]) < EDGEX_MIN_READS:
            return False
        age_s = seen.t - self.read_t[self.at.antenna]
        offset_db = EDGEX_THRESHOLD_DB + min(0.0, EDGEX_SLOPE_DB_PER_S * (age_s - EDGEX_HOLDOFF_S))
        return fmean(self.reads[seen.antenna]) > fmean(self.reads[self.at.antenna]) + offset_db


def edgex(track: Track) -> list[Event]:
    """Antennas are locations, the sides their aliases: only a move to the other side is an event."""
    return [event for door, sightings in track.sightings.items() for event in _edgex(door, sightings)]


def _edgex(door: str, sightings: Iterable[Sighting]) -> Iterator[Event]:
    tags: dict[str, _Tag] = {}
    for seen in sightings:
        tag = tags.get(seen.epc)
        if tag is None or seen.t - tag.last_t > EDGEX_DEPARTED_S:
            tag = tags[seen.epc] = _Tag(seen, seen.t)
        tag.see(seen)
        if tag.has_moved(seen):
            if seen.is_inside != tag.at.is_inside:
                yield Event(seen.t, seen.t, seen.epc, "in" if seen.is_inside else "out", door)
            tag.at = seen
