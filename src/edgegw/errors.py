"""Errors are instructions: each class says who must act.

Verdicts about reads (repeat, late, unidentified, malformed) are values and counters, never exceptions.
Anything that is not one of these classes is a bug and surfaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class EdgegwError(Exception):
    """Base of every error that edgegw raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a configuration file. `line` and `col` count from 1; 0 = the file as a whole."""

    path: str
    line: int
    col: int
    key: str
    problem: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.col}" if self.line else self.path
        key = f"{self.key}: " if self.key else ""
        hint = f" - {self.hint}" if self.hint else ""
        return f"{place}: {key}{self.problem}{hint}"


class ConfigError(EdgegwError):
    """The operator must edit the configuration: exit 78, no restart. Holds every fault found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class LinkDown(EdgegwError):
    """A link to a device or broker is lost or never came up: the supervisor retries."""

    def __init__(self, link: str, reason: str) -> None:
        self.link = link
        self.reason = reason
        super().__init__(f"{link}: {reason}")


class LinkRefused(LinkDown):
    """The other side works but refuses what is asked of it: a person must change something.

    The supervisor still retries, at its slowest pace, because the cure may happen over there.
    """


class StoreFailed(EdgegwError):
    """The journal cannot keep its promises (disk full, corrupt, foreign): say so loudly."""
