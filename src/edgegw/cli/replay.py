"""`edgegw replay`: recorded reads through the real pipeline, in virtual time, without broker or journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import click

from edgegw import plan
from edgegw.cli.config_file import config_file
from edgegw.cli.words import counted
from edgegw.config import Config
from edgegw.config.load import load
from edgegw.core.counters import Counters
from edgegw.core.event import unit_key
from edgegw.core.model import Decision, Evidence, Movement, Passed, SideSight, TagRead, Why
from edgegw.core.pipeline import Pipeline
from edgegw.core.survey import Ears
from edgegw.sources.replay import recorded_reads


@click.command()
@config_file
@click.option("--reads", type=click.Path(path_type=Path), required=True, help="recording: .jsonl or .jsonl.gz")
@click.option("--events", type=click.File("w", encoding="utf-8"), required=True, help="movements, a line each")
@click.option("--verdicts", type=click.File("w", encoding="utf-8"), help="also what was no movement, and why")
def replay(path: Path, reads: Path, events: IO[str], verdicts: IO[str] | None) -> None:
    """Run recorded reads through the pipeline and write what the gateway would have decided.

    \b
    A read:  {"t": 1673022029.164, "reader": "dock-1", "antenna": 1, "epc": "AD38...", "rssi": -72.0}
    Output:  {"t", "emitted_t", "epc", "unit", "door", "direction", ...}

    The same reads and configuration give the same output, however fast the machine is. A summary of what was
    counted goes to stderr.
    """
    counters, ears = Counters(), Ears({})
    for decision in replayed(load(path), ears.listen(recorded_reads(reads)), counters):
        if isinstance(decision, Movement):
            _write(events, _movement(decision))
        if verdicts is not None and isinstance(decision, Movement | Passed):
            _write(verdicts, _verdict(decision))
    if not ears.total:
        click.echo(f"{reads} holds no reads", err=True)
    for scope, tally in counters.snapshot().items():
        click.echo(f"{scope}:", err=True)
        for reason, count in tally.items():
            click.echo(f"  {count:8} {counted(reason)}", err=True)


def replayed(config: Config, reads: Iterable[TagRead], counters: Counters) -> Iterator[Decision]:
    """Decisions in the order in which a gateway with a perfect timer would have made them."""
    pipeline = Pipeline(plan.dock(config), counters)
    for reader in config.readers:
        pipeline.watermarks.up(reader.name, float("-inf"))
    now = float("-inf")
    for read in reads:
        now = max(now, read.t)
        yield from _until(now, pipeline)
        yield from pipeline.tags((read,), now)
    yield from _until(float("inf"), pipeline)


def _until(t: float, pipeline: Pipeline) -> Iterator[Decision]:
    """What silence decides before `t`, each at its own moment."""
    while (due_t := pipeline.due_t) is not None and due_t <= t:
        yield from pipeline.advance(due_t)


def _write(file: IO[str], line: dict[str, Any]) -> None:
    file.write(json.dumps(line, separators=(",", ":")) + "\n")


def _movement(movement: Movement) -> dict[str, Any]:
    return {
        "t": round(movement.t, 3),
        "emitted_t": round(movement.decided_t, 3),
        "epc": movement.evidence.tag,
        "unit": unit_key(movement.unit),
        "door": movement.door or None,
        "station": movement.station or None,
        "direction": movement.direction,
        "from": movement.origin,
        "to": movement.place,
        **_why(movement.why),
        **_evidence(movement.evidence),
    }


def _verdict(decision: Movement | Passed) -> dict[str, Any]:
    reason = decision.reason if isinstance(decision, Passed) else "arrived"
    return {
        "t": round(decision.t, 3),
        "emitted_t": round(decision.decided_t, 3),
        "epc": decision.evidence.tag,
        "unit": unit_key(decision.unit),
        "door": decision.door or None,
        "direction": decision.direction if isinstance(decision, Movement) else None,
        "reason": reason,
        **_why(decision.why),
        **_evidence(decision.evidence),
    }


def _why(why: Why | None) -> dict[str, Any]:
    """The reason of a door and its numbers."""
    if why is None:
        return {}
    return {
        "reason": why.code,
        "inside": _sight(why.inside),
        "outside": _sight(why.outside),
        "order_s": _rounded(why.order_s),
        "clarity": _rounded(why.clarity),
        "spread_db": _rounded(why.spread_db),
        "load": {"t": round(why.load.t, 3), "agreed": why.load.agreed, "of": why.load.of} if why.load else None,
        "steady_db": _rounded(why.steady_db),
        "faint_dbm": _rounded(why.faint_dbm),
    }


def _sight(sight: SideSight | None) -> dict[str, Any] | None:
    if sight is None:
        return None
    return {"reads": sight.reads, "t": round(sight.centre_t, 3), "peak_rssi_dbm": sight.peak_rssi_dbm}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "reads": evidence.reads,
        "antennas": list(evidence.antennas),
        "peak_rssi_dbm": evidence.peak_rssi_dbm,
        "first_t": round(evidence.first_t, 3),
        "last_t": round(evidence.last_t, 3),
        "late": evidence.late,
    }
