"""`python -m bench`: every measure side by side in one run, a table, JSON and a picture; see `--help`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from bench import chart, figures
from bench.machine import Machine, this_machine
from bench.measures import MEASURES, measured
from bench.table import Row, as_json, lines

RESULTS = Path(__file__).parent / "results"


def chosen(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, ...]:
    """Names of measures out of a list with commas."""
    names = tuple(filter(None, text.split(",")))
    if unknown := [name for name in names if name not in MEASURES]:
        raise click.BadParameter(f"there is no {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    return names


@click.command()
@click.option("--only", "names", callback=chosen, default=",".join(MEASURES), show_default=True, metavar="NAMES")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS / "bench.json")
@click.option("--publish", is_flag=True, help="Update docs/bench-figures.md and its picture.")
def main(names: tuple[str, ...], file: Path, publish: bool) -> None:
    """Measure, print a table with ratios and targets, write JSON and beside it a picture.

    Exit code 1 when a measure could not run; a missed target is a figure, not a failure.
    """
    if publish and set(names) != set(MEASURES):
        raise click.UsageError("--publish is for the whole table, without --only")
    began_s, rows = time.monotonic(), []
    for name in names:
        click.echo(f"{name} ...", err=True)
        rows += measured(name)  # under the name of the measure itself when it failed
    machine = this_machine()
    click.echo("\n".join([str(machine), "", *lines(rows)]))
    _write(rows, machine, file)
    if publish:
        figures.publish(rows, machine)
    click.echo(f"\n{file} and .svg - {time.monotonic() - began_s:.0f} s", err=True)
    sys.exit(1 if any(row.measure in names for row in rows) else 0)


def _write(rows: Sequence[Row], machine: Machine, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine._asdict(), "rows": [as_json(row) for row in rows]}
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    file.with_suffix(".svg").write_text(chart.draw(rows, machine), encoding="utf-8")


if __name__ == "__main__":
    main()
