"""Faults as a person wants to see them: the sentence, then the line with a caret under its column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from edgegw.config.load import printable, read_source
from edgegw.config.secrets import masked
from edgegw.config.syntax import LINE_BREAK
from edgegw.errors import ConfigError, Fault

LONGEST_LINE = 110
NEAR = 1000
"""Of a very long line, so much is looked at on both sides of a fault."""


def tell(faults: Iterable[Fault], prefix: str = "") -> Iterator[str]:
    """The lines to print. `prefix` stands before each sentence."""
    files: dict[str, list[str]] = {}
    for fault in faults:
        if fault.path not in files:
            files[fault.path] = _source_lines(Path(fault.path))
        yield f"{prefix}{fault}"
        yield from _excerpt(files[fault.path], fault)


def _source_lines(file: Path) -> list[str]:
    try:
        return LINE_BREAK.split(read_source(file).decode("utf-8-sig", "replace"))
    except ConfigError:
        return []


def _excerpt(lines: list[str], fault: Fault) -> Iterator[str]:
    """A long line is cut around its caret, with secrets masked."""
    if not 0 < fault.line <= len(lines):
        return
    line, before = lines[fault.line - 1].replace("\t", " "), fault.col - 1
    cut = max(0, before - NEAR)
    shown, at = masked(line[cut : before + NEAR]), len(masked(line[cut:before]))
    start = max(0, at - LONGEST_LINE + 21)
    yield f"{fault.line:6} | {printable(shown)[start : start + LONGEST_LINE]}"
    yield f"       | {' ' * (at - start)}^"
