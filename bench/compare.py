"""Is the newer revision slower? `python -m bench.compare OLD [NEW]`; NEW is the working tree when left out.

    python -m bench.compare HEAD                         what is not committed yet, against the last commit
    python -m bench.compare v0.1.0 main --only path

This bench measures both, in turn: only `src` is taken from the revisions. A measure that an older revision cannot run
(this bench knows the present interfaces) is named and left out. A difference counts when it is larger than SMALL and
no round of the worse one is as good as any round of the better one: with five rounds each, chance does that once in
126 figures. Exit code 1 when something became slower.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from bench.__main__ import chosen
from bench.measures import measured
from bench.rounds import ROUNDS, median
from bench.table import Row

ROOT = Path(__file__).parent.parent
QUICK = "path,known,identity,delivery,start"
"""A minute a round. `decode` takes another, for its mutated reports; latencies and soaks need a quiet machine."""
SMALL = 0.05


class Difference(NamedTuple):
    """old, new: a median each run. times: how many times better the new one is."""

    measure: str
    old: tuple[float, ...]
    new: tuple[float, ...]
    sign: int

    @property
    def times(self) -> float:
        old, new = median(self.old), median(self.new)
        better, worse = (new, old) if self.sign > 0 else (old, new)
        return better / worse if worse else 1.0

    @property
    def verdict(self) -> str:
        """`slower`, `faster`, or nothing when it may be chance."""
        old, new = ([self.sign * value for value in values] for values in (self.old, self.new))
        if self.times < 1 - SMALL and max(new) < min(old):
            return "SLOWER"
        return "faster" if self.times > 1 + SMALL and min(new) > max(old) else ""


@click.command()
@click.argument("old")
@click.argument("new", required=False)
@click.option("--only", "names", callback=chosen, default=QUICK, show_default=True, metavar="NAMES")
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(2), help="runs of each revision")
def main(old: str, new: str | None, names: tuple[str, ...], rounds: int) -> None:
    """Measure revision OLD and NEW (default: the working tree) in turn, and say what became slower."""
    with tempfile.TemporaryDirectory(prefix="edgegw-bench-") as folder:
        try:
            sources = [_taken_out(old, Path(folder) / "old"), _taken_out(new, Path(folder) / "new")]
        except subprocess.CalledProcessError as failed:
            raise click.ClickException(failed.stderr.decode().strip()) from None
        found = list(_found(names, sources, rounds))
    click.echo("\n".join(_lines(found, old, new or "working tree")))
    sys.exit(1 if any(one.verdict == "SLOWER" for one in found) else 0)


def _taken_out(revision: str | None, folder: Path) -> Path:
    """The sources of a revision; those of the working tree when there is none."""
    if revision is None:
        return ROOT / "src"
    archive = subprocess.run(["git", "archive", revision, "src"], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder / "src"


def _found(names: Sequence[str], sources: Sequence[Path], rounds: int) -> Iterator[Difference]:
    for name in names:
        runs: list[list[list[Row]]] = [[], []]
        for number in range(rounds):
            click.echo(f"{name}, round {number + 1} of {rounds}", err=True)
            for source, found in zip(sources, runs, strict=True):
                found.append(measured(name, _using(source)))
            if not all(any(row.rounds for row in found[-1]) for found in runs):
                break  # one of them cannot run it at all
        yield from differences(*runs)


def _using(source: Path) -> Mapping[str, str]:
    return {"PYTHONPATH": str(source)}


def differences(old: Sequence[Sequence[Row]], new: Sequence[Sequence[Row]]) -> Iterator[Difference]:
    """Row by row, by the names of measures; what was not measured in every run of both is named and left out."""
    before, after = _by_measure(old), _by_measure(new)
    for measure, row in {row.measure: row for rows in (*new, *old) for row in rows}.items():
        if len(before.get(measure, ())) == len(old) and len(after.get(measure, ())) == len(new):
            yield Difference(measure, tuple(before[measure]), tuple(after[measure]), row.sign)
        else:
            click.echo(f"left out: {measure}: not measured in every run of both", err=True)


def _by_measure(runs: Sequence[Sequence[Row]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in (row for rows in runs for row in rows if row.rounds):
        found.setdefault(row.measure, []).append(median(row.rounds))
    return found


def _lines(found: Sequence[Difference], old: str, new: str) -> Iterator[str]:
    width = max((len(one.measure) for one in found), default=0)
    yield f"{'measure':{width}}  {old:>14}  {new:>14}  times better"
    for one in found:
        yield f"{one.measure:{width}}  {median(one.old):14.5g}  {median(one.new):14.5g}  {one.times:.2f}  {one.verdict}"


if __name__ == "__main__":
    main()
