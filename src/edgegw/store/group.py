"""What waits for one commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from edgegw.core.logbook import Entry
from edgegw.store import decisions, growth
from edgegw.store.connection import Statement
from edgegw.store.epochs import Epoch

_PARK = """
    INSERT OR IGNORE INTO parked (seq, t, reason, topic, payload)
    SELECT seq, ?, ?, topic, payload FROM outbox JOIN event USING (seq) WHERE seq = ?
"""


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
    """Why an event is not sent. t: since when. note: topic and payload that go out in its place; None: nothing."""

    t: float
    reason: str
    note: tuple[str, bytes] | None


@dataclass(slots=True)
class Group:
    """Committed together or not at all. Of two values for one key the later counts."""

    events: list[Event] = field(default_factory=list)
    units: dict[str, UnitState] = field(default_factory=dict)
    states: dict[tuple[str, str], str | None] = field(default_factory=dict)
    grown: dict[tuple[str, str], str] = field(default_factory=dict)
    published: set[int] = field(default_factory=set)
    confirmed: int = 0
    parked: dict[int, Parking] = field(default_factory=dict)
    unparked: set[int] = field(default_factory=set)
    epochs: list[Epoch] = field(default_factory=list)
    decisions: list[Entry] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        parts = (self.events, self.units, self.states, self.grown, self.published, self.parked, self.unparked)
        return sum(map(len, parts)) + len(self.decisions) + len(self.epochs) + bool(self.confirmed)

    def put_state(self, scope: str, key: str, state: str | None) -> None:
        """Whatever it has grown by is in it."""
        self.states[scope, key] = state
        self.grown.pop((scope, key), None)

    def grow_state(self, scope: str, key: str, addition: str) -> None:
        """`addition` belongs behind the state that was put last, in this group or before it."""
        if known := self.states.get((scope, key)):
            self.states[scope, key] = known + addition
        else:
            self.grown[scope, key] = self.grown.get((scope, key), "") + addition

    def settles(self, seq: int, again: bool) -> bool:
        """Whether this group takes event `seq`, which is sent once more, out of the outbox."""
        parking = self.parked.get(seq)
        confirmed = seq <= self.confirmed and not again
        return seq in self.published or confirmed or (parking is not None and parking.note is None)

    def relief(self) -> Group:
        """What makes the journal smaller, and can be committed alone: what is delivered."""
        return Group(published=set(self.published), confirmed=self.confirmed)

    def drop(self, relief: Group) -> None:
        """That is on disk now."""
        self.published -= relief.published
        self.confirmed = 0 if self.confirmed <= relief.confirmed else self.confirmed

    def statements(self) -> tuple[Statement, ...]:
        """The whole group as SQL. Parking and publishing only apply to what is still in the outbox."""
        deleted = [key for key, state in self.states.items() if state is None]
        kept = [(*key, state) for key, state in self.states.items() if state is not None]
        parked = [(why.t, why.reason, seq) for seq, why in self.parked.items()]
        notes = [(*why.note, seq) for seq, why in self.parked.items() if why.note]
        gone = [*self.published, *(seq for seq, why in self.parked.items() if not why.note)]
        return (
            *(statement for epoch in self.epochs for statement in epoch.statements()),
            ("INSERT INTO event (seq, t, topic, payload) VALUES (?, ?, ?, ?)", self.events),
            ("INSERT INTO outbox (seq) VALUES (?)", [(event.seq,) for event in self.events]),
            ("UPDATE meta SET last_seq = ?", [(event.seq,) for event in self.events[-1:]]),
            ("INSERT INTO moved (unit, place, read_point, t) VALUES (?, ?, ?, ?)", list(self.units.values())),
            ("DELETE FROM state WHERE scope = ? AND key = ?", deleted),
            (growth.PUT, kept),
            (growth.APPEND, [(*key, addition) for key, addition in self.grown.items()]),
            (_PARK, parked),
            ("UPDATE event SET topic = ?, payload = ? WHERE seq = ? AND seq IN (SELECT seq FROM outbox)", notes),
            ("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in gone]),
            ("DELETE FROM outbox WHERE seq <= ? AND NOT again", [(self.confirmed,)] if self.confirmed else []),
            ("DELETE FROM parked WHERE seq = ?", [(seq,) for seq in self.unparked]),
            (decisions.WRITE, self.decisions),
            (decisions.REPLACE, [(seq,) for seq in self.replaced]),
        )
