"""Labelled recordings of real portals.

NAME.reads.jsonl.gz  a read a line: {"t": unix seconds, "reader", "antenna", "epc": hex, "rssi": dBm}
NAME.truth.csv       t0,t1,epc,label: in|out = that tag crossed once between t0 and t1; none = it did not cross then
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgegw.core.model import TagRead
from edgegw.sources.replay import recorded_reads

SITES: dict[str, tuple[tuple[int, ...], tuple[int, ...], float]] = {
    "emse": ((1, 2), (3, 4), 0.0),
    "alfian": ((1,), (2,), 4.0),
}
"""By the first word of a track's name: antennas inside, antennas outside, slack in seconds."""


class Span(NamedTuple):
    """`label`: in, out or none."""

    t0: float
    t1: float
    epc: str
    label: str


@dataclass(frozen=True)
class Track:
    name: str
    reads: tuple[TagRead, ...]
    truth: tuple[Span, ...]
    inside: tuple[int, ...]
    outside: tuple[int, ...]
    slack_s: float

    def is_inside(self, read: TagRead) -> bool:
        return read.antenna in self.inside

    @property
    def readers(self) -> tuple[str, ...]:
        return tuple(sorted({read.reader for read in self.reads}))


def tracks(folder: Path) -> Iterator[Track]:
    """Every track of a folder whose site is known."""
    for path in sorted(folder.glob("*.reads.jsonl.gz")):
        name = path.name.removesuffix(".reads.jsonl.gz")
        site = SITES.get(name.split("_")[0])
        if site is not None:
            yield _track(path, name, *site)


def track(folder: Path, text: str) -> Track:
    """`NAME:INSIDE:OUTSIDE[:SLACK]`, such as `emse_run1:1,2:3,4` or `alfian_dev:1:2:4`."""
    name, inside, outside, *slack = text.split(":")
    path = folder / f"{name}.reads.jsonl.gz"
    return _track(path, name, _antennas(inside), _antennas(outside), float(slack[0]) if slack else 0.0)


def _antennas(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _track(path: Path, name: str, inside: tuple[int, ...], outside: tuple[int, ...], slack_s: float) -> Track:
    with (path.parent / f"{name}.truth.csv").open(encoding="utf-8", newline="") as file:
        truth = tuple(
            Span(float(row["t0"]), float(row["t1"]), row["epc"].upper(), row["label"]) for row in csv.DictReader(file)
        )
    return Track(name, tuple(recorded_reads(path)), truth, inside, outside, slack_s)
