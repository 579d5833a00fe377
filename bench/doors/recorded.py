"""Tracks of real portals, from a folder.

NAME.reads.jsonl.gz  a recording, as for `edgegw replay`, in order of time
NAME.truth.csv       t0,t1,epc,label[,kind[,door]]: in|out = that tag crossed once between t0 and t1; none = not then

The EMSE dock door (corentinbouton/RFID-tags-detection, MIT) and the gate of Alfian et al. (Food Control 110:107016)
are known by their names; any other track is told with its sides.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.doors.track import Arrival, BadTrack, Track
from edgegw.sources.replay import recorded_reads
from simulators.dock_door.scenario import Dock, DoorSpec, ReaderSpec
from simulators.dock_door.tracks import Span

ENDING = ".reads.jsonl.gz"
EMSE_POOLS = {"run1": "EMSE hard", "run2": "EMSE hard", "run3": "EMSE", "run4": "EMSE", "run5": "EMSE"}
"""Runs 1 and 2 shuttle over 1 m and 2 m, nearer than the standard customer specification: 3 m."""
EMSE_OTHER, OTHER_SITES = "EMSE other day", "other sites"
MOST_ANTENNAS = 32


class Sides(NamedTuple):
    """Antennas of each side; slack_s and tolerance_s as in `Track`."""

    inside: tuple[int, ...]
    outside: tuple[int, ...]
    slack_s: float = 0.0
    tolerance_s: float | None = None


SITES = {"emse": Sides((1, 2), (3, 4), tolerance_s=6.0), "alfian": Sides((1,), (2,), slack_s=4.0)}
"""By the first word of a track's name."""


def known(folder: Path) -> list[str]:
    """Names of tracks whose sides are known, in order."""
    return [name for name in _names(folder) if _site(name) in SITES]


def unknown(folder: Path) -> list[str]:
    """Names of those that must be told with their sides."""
    return [name for name in _names(folder) if _site(name) not in SITES]


def recorded(folder: Path, text: str) -> Track:
    """The track of that name, or `NAME:INSIDE:OUTSIDE[:SLACK_S]`, such as `hall_2:1,2:3,4`. Raises BadTrack."""
    name, *parts = text.split(":")
    sides = _told(parts, text) if parts else SITES.get(_site(name))
    if sides is None:
        raise BadTrack(f"nobody knows the sides of {name} - say --track {name}:1,2:3,4 (antennas inside : outside)")
    try:
        arrivals = tuple(_arrivals(folder / f"{name}{ENDING}"))
        truth = tuple(_truth(folder / f"{name}.truth.csv"))
    except (OSError, KeyError, ValueError) as error:
        raise BadTrack(f"{name}: {error} - a track is {name}{ENDING} and {name}.truth.csv (t0,t1,epc,label)") from None
    return Track(name, _pool(name), _site(name), _dock(arrivals, sides), arrivals, truth, *sides[2:])


def _names(folder: Path) -> list[str]:
    return sorted(path.name.removesuffix(ENDING) for path in folder.glob(f"*{ENDING}"))


def _site(name: str) -> str:
    return name.split("_")[0]


def _pool(name: str) -> str:
    site, _, run = name.partition("_")
    if site == "emse":
        return EMSE_POOLS.get(run, EMSE_OTHER)
    return "Alfian gate" if site == "alfian" else OTHER_SITES


def _told(parts: list[str], text: str) -> Sides:
    try:
        inside, outside, *slack = parts
        return Sides(_antennas(inside), _antennas(outside), float(slack[0]) if slack else 0.0)
    except ValueError:
        raise BadTrack(
            f"{text!r} is not NAME:INSIDE:OUTSIDE[:SLACK_S], such as hall_2:1,2:3,4 or hall_2:1:2:4"
        ) from None


def _antennas(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _arrivals(path: Path) -> Iterator[Arrival]:
    """A recording says nothing of its way to the gateway: each read came at once, or with the newest before it."""
    now = float("-inf")
    for read in recorded_reads(path):
        now = max(now, read.t)
        yield Arrival(now, read)


def _truth(path: Path) -> Iterator[Span]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            t0, t1, epc = float(row["t0"]), float(row["t1"]), row["epc"].upper()
            yield Span(t0, t1, epc, row["label"], row.get("kind") or "", row.get("door") or "")


def _dock(arrivals: tuple[Arrival, ...], sides: Sides) -> Dock:
    """One door, on all readers of the recording."""
    readers = sorted({arrival.read.reader for arrival in arrivals})
    return Dock(
        readers=tuple(ReaderSpec(name=reader, antennas=MOST_ANTENNAS) for reader in readers),
        doors=(
            DoorSpec(
                name="door-1",
                inside=tuple(f"{reader}/{number}" for reader in readers for number in sides.inside),
                outside=tuple(f"{reader}/{number}" for reader in readers for number in sides.outside),
            ),
        ),
    )
