"""A recording of a simulated dock with the truth about it, in the shape of the recordings of real portals.

NAME.reads.jsonl.gz  a read a line, in the order in which they reached the gateway: {"t", "reader", "antenna", "epc",
                     "rssi", "phase"}; "arrived" where a read came later than it was made, "late" where much later
NAME.truth.csv       t0,t1,epc,label,kind,door: in|out = that tag crossed once, in the middle of t0 to t1; none = it
                     did not cross then
NAME.yaml            the configuration of a gateway at this dock, for `edgegw replay`
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import NamedTuple

from simulators.dock_door.antennas import DOOR_SPACING_M
from simulators.dock_door.inventory import Answer, Trip
from simulators.dock_door.scenario import Dock
from simulators.dock_door.settings import gateway_yaml
from simulators.dock_door.walks import Position

START_T = 1_750_000_000.0
"""When every track begins: seconds since 1970."""
TOLERANCE_S = 6.0
"""An event is right within so long of the crossing, unless the tag crosses again before; as for the EMSE data."""
LATE_S = 5.0
"""A report that much older than its arrival is late: the gateway's `late_after_s`."""
WORTH_TELLING_S = 1.0
"""A shorter stay without a crossing is not in the truth."""


class Read(NamedTuple):
    """t and arrived_t: when it was made and when it reached the gateway, seconds since 1970. phase: 4096 to a turn."""

    arrived_t: float
    t: float
    reader: str
    antenna: int
    epc: str
    rssi: float
    phase: int


class Span(NamedTuple):
    """`label`: in, out or none. `door`: which one, or "" for none."""

    t0: float
    t1: float
    epc: str
    label: str
    kind: str
    door: str


class Outage(NamedTuple):
    """The gateway had no link to the reader; what it read then came afterwards."""

    reader: str
    from_t: float
    to_t: float


@dataclass(frozen=True)
class Track:
    """`reads` in order of arrival."""

    name: str
    dock: Dock
    reads: tuple[Read, ...]
    truth: tuple[Span, ...]
    outages: tuple[Outage, ...] = ()


def track(name: str, dock: Dock, answers: Iterable[Answer], trips: Sequence[Trip]) -> Track:
    """What was read and what happened."""
    return Track(name, dock, tuple(map(_read, answers)), tuple(sorted(_truth(dock, trips))))


def _read(answer: Answer) -> Read:
    t = round(START_T + answer.at_s, 4)
    antenna = answer.antenna
    return Read(t, t, antenna.reader, antenna.number, answer.trip.tag.epc, answer.rssi_dbm, answer.phase)


def _truth(dock: Dock, trips: Sequence[Trip]) -> Iterator[Span]:
    of_tag: defaultdict[str, list[Trip]] = defaultdict(list)
    for trip in trips:
        of_tag[trip.tag.epc].append(trip)
    for epc, own in of_tag.items():
        crossings = list(_crossings(dock, epc, own))
        yield from crossings
        for trip in own:
            yield from _stays(trip, crossings)


def _crossings(dock: Dock, epc: str, trips: Iterable[Trip]) -> Iterator[Span]:
    """Windows around the crossings of one tag, that do not meet."""
    found = sorted((crossing, trip) for trip in trips if trip.counts for crossing in trip.walk.crossings())
    ends_s = [-inf, *(crossing.end_s for crossing, _ in found)]
    begins_s = [*(crossing.begin_s for crossing, _ in found), inf]
    for (crossing, trip), before_s, after_s in zip(found, ends_s, begins_s[1:], strict=False):
        more_s = min(TOLERANCE_S, (crossing.begin_s - before_s) / 2, (after_s - crossing.end_s) / 2)
        t0, t1 = START_T + crossing.begin_s - more_s, START_T + crossing.end_s + more_s
        yield Span(t0, t1, epc, crossing.direction, trip.kind, _door_at(dock, trip.walk.at(crossing.end_s)))


def _door_at(dock: Dock, position: Position) -> str:
    return dock.doors[round(position[1] / DOOR_SPACING_M)].name


def _stays(trip: Trip, crossings: Sequence[Span]) -> Iterator[Span]:
    """The time of a trip outside these windows."""
    begin_t, end_t = START_T + trip.walk.begins_s, START_T + trip.walk.ends_s
    inside = [span for span in crossings if begin_t < (span.t0 + span.t1) / 2 < end_t]
    edges = [begin_t, *(t for span in inside for t in (span.t0, span.t1)), end_t]
    for t0, t1 in zip(edges[::2], edges[1::2], strict=True):
        if t1 - t0 >= WORTH_TELLING_S:
            yield Span(t0, t1, trip.tag.epc, "none", trip.kind, "")


def starting(recorded: Track, t: float) -> Track:
    """The same at another time."""
    by_s = t - START_T
    return replace(
        recorded,
        reads=tuple(read._replace(t=read.t + by_s, arrived_t=read.arrived_t + by_s) for read in recorded.reads),
        truth=tuple(span._replace(t0=span.t0 + by_s, t1=span.t1 + by_s) for span in recorded.truth),
        outages=tuple(one._replace(from_t=one.from_t + by_s, to_t=one.to_t + by_s) for one in recorded.outages),
    )


def write_track(recorded: Track, folder: Path, gateway: str = "") -> None:
    """The three files of a track; `gateway`: YAML instead of that for `edgegw replay`. OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / f"{recorded.name}.reads.jsonl.gz", "wt", encoding="utf-8") as reads:
        reads.writelines(json.dumps(_line(read), separators=(",", ":")) + "\n" for read in recorded.reads)
    with (folder / f"{recorded.name}.truth.csv").open("w", encoding="utf-8", newline="") as truth:
        writer = csv.writer(truth)
        writer.writerow(Span._fields)
        writer.writerows((f"{span.t0:.3f}", f"{span.t1:.3f}", *span[2:]) for span in recorded.truth)
    (folder / f"{recorded.name}.yaml").write_text(gateway or replay_yaml(recorded.dock), encoding="utf-8")


def replay_yaml(dock: Dock) -> str:
    """The configuration of a gateway that connects to nothing."""
    readers = {reader.name: ("127.0.0.1", 5084 + n) for n, reader in enumerate(dock.readers)}
    return gateway_yaml(dock, readers, {}, ("127.0.0.1", 1883), Path("journal.db"))


def _line(read: Read) -> dict[str, object]:
    line = {"t": read.t, "reader": read.reader, "antenna": read.antenna, "epc": read.epc, "rssi": read.rssi}
    delay_s = read.arrived_t - read.t
    return {
        **line,
        "phase": read.phase,
        **({"arrived": round(read.arrived_t, 4)} if delay_s else {}),
        **({"late": True} if delay_s > LATE_S else {}),
    }
