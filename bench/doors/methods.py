"""What decides: our door, and what others do.

first read     a tag that was silent for 10 s moves from the side that sees it
first/last     a pass (4 s of silence end it) that begins on one side and ends on the other
centroid       a pass whose power-weighted centres follow each other by 0.4 s and by 12 % of the pass
EdgeX          the mobility rule of app-rfid-llrp-inventory with its defaults, from its published formula
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator

from bench.doors.score import Event
from bench.doors.track import Track
from edgegw.core.counters import Counters
from edgegw.core.door import Door, DoorSettings
from edgegw.core.identity import Identity
from edgegw.core.model import Movement, Passed, TagRead

Pass = list[TagRead]


def door(track: Track, load_min_tags: int = 5) -> list[Event]:
    """Our door with its defaults, in virtual time."""
    watched = Door(DoorSettings("door", load_min_tags=load_min_tags), Counters())
    decided: list[Movement | Passed] = []
    for read in track.reads:
        while (due_t := watched.due_t) is not None and due_t <= read.t:
            decided += watched.advance(due_t, due_t)
        epc = read.epc.hex().upper()
        side = "inside" if track.is_inside(read) else "outside"
        decided += watched.see(epc, Identity("raw", epc, ""), read, side, read.t)  # type: ignore[arg-type]
    while (due_t := watched.due_t) is not None:
        decided += watched.advance(due_t, due_t)
    return [
        Event(one.t, one.decided_t, one.evidence.tag, one.direction or "")
        for one in decided
        if isinstance(one, Movement)
    ]


def door_alone(track: Track) -> list[Event]:
    """The same without votes of loads."""
    return door(track, load_min_tags=0)


def first_read(track: Track) -> list[Event]:
    return [
        Event(one[0].t, one[0].t, _epc(one), "out" if track.is_inside(one[0]) else "in")
        for one in _passes(track, quiet_s=10)
    ]


def first_last(track: Track) -> list[Event]:
    events = []
    for one in _passes(track, quiet_s=4):
        first, last = track.is_inside(one[0]), track.is_inside(one[-1])
        if first != last:
            middle_t = (one[0].t + one[-1].t) / 2
            events.append(Event(middle_t, one[-1].t + 4, _epc(one), "out" if first else "in"))
    return events


def centroid(track: Track) -> list[Event]:
    events = []
    for one in _passes(track, quiet_s=4):
        inside, outside = _centre(one, track, True), _centre(one, track, False)
        if inside is None or outside is None:
            continue
        order_s = outside - inside
        if abs(order_s) >= max(0.4, 0.12 * (one[-1].t - one[0].t)):
            events.append(Event((inside + outside) / 2, one[-1].t + 4, _epc(one), "out" if order_s > 0 else "in"))
    return events


def edgex(track: Track) -> list[Event]:
    """A tag is where its mean signal (at most 20 reads, at least 2) is stronger than where it was, plus an offset.

    The offset is 6 dB, and falls by 0.008 dB per ms once the old place has not read it for 500 ms. A tag not seen for
    600 s has departed.
    """
    events = []
    means: defaultdict[tuple[str, bool], deque[float]] = defaultdict(lambda: deque(maxlen=20))
    place: dict[str, bool] = {}
    last_t: dict[tuple[str, bool], float] = {}
    for read in track.reads:
        epc, here = read.epc.hex().upper(), track.is_inside(read)
        if read.t - max(last_t.get((epc, True), read.t), last_t.get((epc, False), read.t)) > 600:
            place.pop(epc, None)
        means[epc, here].append(read.rssi_dbm or 0.0)
        last_t[epc, here] = read.t
        there = place.setdefault(epc, here)
        if there == here or len(means[epc, here]) < 2:
            continue
        age_ms = (read.t - last_t[epc, there]) * 1000
        offset_db = min(6.0, 6.0 - 0.008 * (age_ms - 500))
        if _mean(means[epc, here]) > _mean(means[epc, there]) + offset_db:
            place[epc] = here
            events.append(Event(read.t, read.t, epc, "in" if here else "out"))
    return events


METHODS: dict[str, Callable[[Track], list[Event]]] = {
    "first read": first_read,
    "first/last side": first_last,
    "centroid order": centroid,
    "EdgeX mobility": edgex,
    "edgegw, each alone": door_alone,
    "edgegw": door,
}


def _passes(track: Track, quiet_s: float) -> Iterator[Pass]:
    tags: defaultdict[str, Pass] = defaultdict(list)
    for read in track.reads:
        reads = tags[read.epc.hex()]
        if reads and read.t - reads[-1].t > quiet_s:
            yield reads[:]
            reads.clear()
        reads.append(read)
    yield from tags.values()


def _epc(one: Pass) -> str:
    return one[0].epc.hex().upper()


def _centre(one: Pass, track: Track, inside: bool) -> float | None:
    reads = [
        (read.t - one[0].t, 10 ** ((read.rssi_dbm or 0.0) / 10)) for read in one if track.is_inside(read) == inside
    ]
    weight = sum(power for _, power in reads)
    return one[0].t + sum(t * power for t, power in reads) / weight if reads else None


def _mean(values: deque[float]) -> float:
    return sum(values) / len(values)
