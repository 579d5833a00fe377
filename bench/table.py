"""One line for each figure, and the table of them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bench.rounds import median


class Row(NamedTuple):
    """A measure of ours, next to others where there are any.

    measure  what was measured, in a few words
    ours     our figure with its unit
    theirs   the same of whoever it is compared with; empty: nobody
    ratio    how many times better ours is (0.5: half as good), or how many times a larger case costs; None: no ratio
    target   what it should be, such as `>= 30 x`; empty: nothing is asked, the figure is for orientation
    holds    whether it is; None: not asked, or could not be measured
    rounds   ours, round by round, for the comparison of two revisions
    sign     1: the more the better, -1: the less the better
    """

    measure: str
    ours: str
    theirs: str
    ratio: float | None
    target: str
    holds: bool | None
    rounds: tuple[float, ...] = ()
    sign: int = 1


COLUMNS = ("measure", "ours", "theirs", "ratio", "target", "")


def cells(row: Row) -> tuple[str, ...]:
    """A row in the words of the table.

    >>> cells(Row("decode", "9.1 M tags/s", "0.17 M tags/s", 53.5, ">= 30 x", True))
    ('decode', '9.1 M tags/s', '0.17 M tags/s', '54 x', '>= 30 x', 'ok')
    """
    ratio = "" if row.ratio is None else f"{row.ratio:.3g} x" if row.ratio < 10 else f"{row.ratio:.0f} x"
    verdict = {True: "ok", False: "MISSED", None: ""}[row.holds]
    return row.measure, row.ours, row.theirs, ratio, row.target, verdict


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The table for a screen."""
    table = [COLUMNS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def as_markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table for a document."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for row in rows:
        yield f"| {' | '.join(cells(row))} |"


def as_json(row: Row) -> dict[str, Any]:
    """A row with the median of its rounds."""
    return row._asdict() | {"median": median(row.rounds) if row.rounds else None}


def from_json(content: dict[str, Any]) -> Row:
    """What `as_json` made."""
    row = Row(**{name: content[name] for name in Row._fields})
    return row._replace(rounds=tuple(row.rounds))
