"""What a recording says about the antennas and readers of a door: what starves its decisions, and the cure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from edgegw.cli.reasons import counted
from edgegw.config.model import Door, Reader
from edgegw.core.model import DoorSide
from edgegw.core.survey import Ears, Outcome, Passes

ENOUGH_MOVEMENTS = 20
FEW_READS = 8
"""Of one pass. Below, a turn-back cannot be told from a crossing by a unit's own reads."""
MOSTLY_LYING = 0.5
WRONG_SIDE = 0.15
ONE_SIDED = 0.2
DEAF = 0.2
"""A side's share of the reads of passes."""
FAINT_DBM = -72.0
SKEW_S = 0.3
WEAK_ANTENNA = 0.1
"""Share of the movements in which an antenna takes part."""
SOME = 0.01


class Advice(NamedTuple):
    """`finding` with its numbers, and what to do about it."""

    finding: str
    cure: str


class Evidence(NamedTuple):
    """All that the advice rests on."""

    door: Door
    readers: tuple[Reader, ...]
    ears: Ears
    outcome: Outcome
    passes: Passes | None


def advise(evidence: Evidence) -> list[Advice]:
    """What a technician should do, the most important first."""
    found = [*_antennas(evidence), *_reads(evidence), *_lying(evidence)]
    if evidence.passes:
        found += [*_starved(evidence, evidence.passes), *_sides(evidence, evidence.passes)]
    return [*found, *_too_short(evidence)]


def _antennas(evidence: Evidence) -> Iterator[Advice]:
    movements = evidence.outcome.movements
    heard = Counter(antenna for one in movements for antenna in one.evidence.antennas)
    for name, (reads, at) in evidence.ears.by_antenna(evidence.door.name).items():
        if at is None:
            finding = f"{counted(reads, 'read')} came by {name}, which no door or station has"
            yield Advice(finding, "name it in `sides`, or disconnect it")
        elif not reads and isinstance(at, DoorSide):
            cure = "its cable and connector; `edgegw status` says what the reader sees"
            yield Advice(f"{name} ({at.side}) has heard nothing", cure)
        elif heard[name] < WEAK_ANTENNA * len(movements) and isinstance(at, DoorSide):
            finding = f"{name} ({at.side}) took part in {heard[name]} of {counted(len(movements), 'movement')}"
            yield Advice(finding, "its cable, where it looks, its power")


def _reads(evidence: Evidence) -> Iterator[Advice]:
    ears = evidence.ears
    if ears.without_rssi > SOME * ears.total:
        yield Advice(
            f"{ears.without_rssi / ears.total:.0%} of the reads have no RSSI",
            "switch peak RSSI on in the reader's reports: without it nothing shows what lies still",
        )
    if ears.late > SOME * ears.total:
        yield Advice(f"{ears.late / ears.total:.0%} of the reads came late", "the network between reader and gateway")


def _lying(evidence: Evidence) -> Iterator[Advice]:
    lying, reads = evidence.outcome.lying(), evidence.ears.by_tag(evidence.door.name)
    share = sum(reads[one.tag] for one in lying) / (reads.total() or 1)
    if share > MOSTLY_LYING:
        yield Advice(
            f"{share:.0%} of all reads are of {counted(len(lying), 'tag')} that lie there: what moves is heard less",
            "move these goods away, lower `power_dbm`, or let a photo-eye start the reader (`start: {gpi: 1}`)",
        )


def _starved(evidence: Evidence, passes: Passes) -> Iterator[Advice]:
    if passes.reads < FEW_READS:
        yield Advice(
            f"a pass gives {passes.reads:g} reads (middle of {passes.crossings} passes; {FEW_READS} and more are good)",
            "; ".join(f"{reader.name}: {_more_reads(reader)}" for reader in evidence.readers),
        )
    if passes.one_sided > ONE_SIDED:
        yield Advice(
            f"{passes.one_sided:.0%} of the movements were heard by one side only",
            "the antennas that hear less: nearer to the way, more power, turned towards the goods",
        )
    for side, dbm in passes.peak_dbm.items():
        if dbm < FAINT_DBM:
            yield Advice(
                f"the {side} hears what passes with {dbm:.0f} dBm at best",
                "more power, or antennas nearer to the way; the floor of a reader is about -80 dBm",
            )


def _more_reads(reader: Reader) -> str:
    """What starves a pass, by the reader's settings."""
    if reader.session not in (0, None):
        return f"`session: {reader.session}` silences a tag that has answered; with `session: 0` it goes on answering"
    if reader.search != "dual":
        return "if it was recorded with `session: 0` as configured, try `search: dual` (Impinj), or fewer tags in view"
    return "its settings are right: fewer tags in view, or slower through the door"


def _sides(evidence: Evidence, passes: Passes) -> Iterator[Advice]:
    if passes.wrong_side > WRONG_SIDE:
        yield Advice(
            f"{passes.wrong_side:.0%} of the reads more than a second away from the crossing came by the wrong side",
            "the sides overlap: turn their antennas apart, or their power down",
        )
    total = sum(passes.side_reads.values()) or 1
    for side, reads in passes.side_reads.items():
        if reads < DEAF * total:
            yield Advice(
                f"the {side} gives only {reads / total:.0%} of the reads of passes",
                f"cables, power and direction of the {side} antennas",
            )
    if passes.skew_s is not None and abs(passes.skew_s) > SKEW_S:
        yield _skew(evidence, passes.skew_s)


def _skew(evidence: Evidence, skew_s: float) -> Advice:
    late, early = ("outside", "inside") if skew_s > 0 else ("inside", "outside")
    finding = f"the {late} hears units {abs(skew_s):.1f} s later than the way in and the way out together allow"
    if len(evidence.readers) > 1:
        return Advice(finding, "give the readers of both sides the same NTP server: their clocks differ")
    return Advice(finding, f"the {early} antennas look too far ahead, or the {late} ones away from the way")


def _too_short(evidence: Evidence) -> Iterator[Advice]:
    moved = len(evidence.outcome.movements)
    if moved < ENOUGH_MOVEMENTS:
        yield Advice(
            f"{counted(moved, 'movement')} in {evidence.ears.span_s:.0f} s say little",
            f"record again while at least {ENOUGH_MOVEMENTS} units go out and come in",
        )
