"""What waits for one commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from edgegw.store.connection import Statement


class Event(NamedTuple):
    """An outgoing event with its number. t: accepted at, seconds since 1970, gateway timeline."""

    seq: int
    t: float
    topic: str
    payload: bytes


class UnitState(NamedTuple):
    """Where a unit was last known to be. t: since when, seconds since 1970, gateway timeline."""

    unit: str
    place: str
    read_point: str
    t: float


class Parking(NamedTuple):
    """Why an event will never be sent. t: since when."""

    t: float
    reason: str


@dataclass(slots=True)
class Group:
    """Committed together or not at all. Of two values for one key the later counts."""

    events: list[Event] = field(default_factory=list)
    units: dict[str, UnitState] = field(default_factory=dict)
    states: dict[tuple[str, str], str | None] = field(default_factory=dict)
    published: set[int] = field(default_factory=set)
    parked: dict[int, Parking] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, (self.events, self.units, self.states, self.published, self.parked)))

    def settles(self, seq: int) -> bool:
        """Whether this group takes event `seq` out of the outbox."""
        return seq in self.published or seq in self.parked

    def statements(self) -> tuple[Statement, ...]:
        """The whole group as SQL. Parking and publishing only apply to what is still in the outbox."""
        deleted = [key for key, state in self.states.items() if state is None]
        kept = [(*key, state) for key, state in self.states.items() if state is not None]
        return (
            ("INSERT INTO event (seq, t, topic, payload) VALUES (?, ?, ?, ?)", self.events),
            ("INSERT INTO outbox (seq) VALUES (?)", [(event.seq,) for event in self.events]),
            ("UPDATE meta SET last_seq = ?", [(event.seq,) for event in self.events[-1:]]),
            ("INSERT INTO moved (unit, place, read_point, t) VALUES (?, ?, ?, ?)", list(self.units.values())),
            ("DELETE FROM state WHERE scope = ? AND key = ?", deleted),
            (
                "INSERT INTO state (scope, key, state) VALUES (?, ?, ?)"
                " ON CONFLICT (scope, key) DO UPDATE SET state = excluded.state",
                kept,
            ),
            (
                "INSERT INTO parked (seq, t, reason) SELECT seq, ?, ? FROM outbox WHERE seq = ?",
                [(why.t, why.reason, seq) for seq, why in self.parked.items()],
            ),
            ("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in (*self.published, *self.parked)]),
        )
