"""docs/bench-figures.md: the latest figures as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import chart
from bench.machine import Machine
from bench.table import Row, as_markdown

DOCS = Path(__file__).parent.parent / "docs"
PAGE = """\
# How fast edgegw is

    make bench                          every measure, a few minutes
    python -m bench --only path,start   some of them
    python -m bench --publish           and this page

Figures of {machine}.

Ours and theirs were measured in turn in the same run, five rounds or more; a ratio is the median of the ratios of the
rounds. On a shared machine the ratios hold better than the absolute figures.
[bench/README.md](../bench/README.md) says what each measure is, how to run it on a Raspberry Pi, and how to compare
two revisions.

![Every figure with its target](bench-figures.svg)

{table}
"""


def publish(rows: Sequence[Row], machine: Machine, docs: Path = DOCS) -> None:
    """Write the page and its picture."""
    page = PAGE.format(machine=machine, table="\n".join(as_markdown(rows)))
    (docs / "bench-figures.md").write_text(page, encoding="utf-8")
    (docs / "bench-figures.svg").write_text(chart.draw(rows, machine), encoding="utf-8")
