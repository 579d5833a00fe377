"""What was decided about a unit: from the journal of a gateway, or from a recording as it would have been."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from edgegw.core.logbook import Entry
from edgegw.core.model import Observation, Unidentified
from edgegw.core.packed import Logged, log_key, read_point, unpack
from edgegw.store.decisions import Log

AROUND_S = 30.0
"""Decisions about passes of one moment are made within so long of each other."""


class Told(NamedTuple):
    """A decision; `times` = how many alike since since_t it stands for. decided_t: as the journal orders them."""

    decision: Logged
    decided_t: float
    since_t: float
    times: int


class Archive(Protocol):
    def about(self, key: str, last: int) -> list[Told]:
        """The last decisions about one unit, newest last."""
        ...

    def around(self, told: Told) -> list[Logged]:
        """What the same door decided about other units at about the same time."""
        ...


class Journalled:
    """In a journal. What cannot be read (another version wrote it) is left out."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def about(self, key: str, last: int) -> list[Told]:
        return list(filter(None, map(_told, self._log.of_unit(key, last))))

    def around(self, told: Told) -> list[Logged]:
        point, key, t = read_point(told.decision), log_key(told.decision), told.decided_t
        entries = self._log.around(point, t - AROUND_S, t + AROUND_S)
        return [other.decision for other in filter(None, map(_told, entries)) if log_key(other.decision) != key]


class Replayed:
    """In the decisions about a recording."""

    def __init__(self, decisions: Iterable[object]) -> None:
        self._told = [Told(one, _decided_t(one), _decided_t(one), 1) for one in decisions if isinstance(one, Logged)]

    def about(self, key: str, last: int) -> list[Told]:
        return [one for one in self._told if log_key(one.decision) == key][-last:]

    def around(self, told: Told) -> list[Logged]:
        point, key = read_point(told.decision), log_key(told.decision)
        near = (one.decision for one in self._told if abs(one.decided_t - told.decided_t) <= AROUND_S)
        return [one for one in near if read_point(one) == point and log_key(one) != key]


def _told(entry: Entry) -> Told | None:
    try:
        return Told(unpack(entry.packed), entry.decided_t, entry.since_t, entry.times)
    except ValueError:
        return None


def _decided_t(decision: Logged) -> float:
    return decision.t if isinstance(decision, Observation | Unidentified) else decision.decided_t
