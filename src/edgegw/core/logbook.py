"""Which decisions are kept for a person who asks why, and how often they cost the disk something.

A movement is always kept. Everything else comes again and again: a pallet beside the door is decided every few
seconds. Of what was decided alike about one unit at one read point, one entry is kept, the latest, which says since
when and how many times. It is written at once, and again when that has gone on for half as long again, but at least
every AGAIN_S; so a person who tries something sees it, and what lies there for days costs six writes an hour.

    alike               the same unit, read point and reason, with pauses of at most AGAIN_S and no movement between
    more than PER_S     (a dock full of tags that nobody has seen before) the rest is not written now, and counts

Bounded: MAX_UNITS units at about 0.6 kB each.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from edgegw.core.allowance import Allowance
from edgegw.core.model import Movement, Passed
from edgegw.core.packed import Logged, log_key, pack, read_point

AGAIN_S = 600.0
GROWTH = 0.5
PER_S = 10.0
BURST = 300.0
MAX_UNITS = 16_384


class Entry(NamedTuple):
    """One row of the log. Times: decided_t on the gateway's timeline, since_t by the wall clock."""

    seq: int
    decided_t: float
    unit: str
    read_point: str
    since_t: float
    times: int
    packed: bytes


class Note(NamedTuple):
    """What is to be written. `instead_of`: the number of the entry that it replaces; 0 = none."""

    entry: Entry
    instead_of: int


@dataclass(slots=True)
class _Alike:
    """Decisions of one kind, one after the other."""

    seq: int
    since_t: float
    written_t: float
    last_t: float
    times: int

    def is_due(self) -> bool:
        return self.last_t - self.written_t >= min(AGAIN_S, GROWTH * (self.written_t - self.since_t))


class Logbook:
    """`last_seq`: the number of the newest entry that is there already."""

    def __init__(self, last_seq: int = 0) -> None:
        self.last_seq = last_seq
        self._units: OrderedDict[str, dict[tuple[str, str], _Alike]] = OrderedDict()
        self._allowance = Allowance(PER_S, BURST)

    def note(self, decision: Logged, shift_s: float) -> Note | None:
        """What to write about this decision, if anything. `shift_s`: from the gateway's timeline to the wall clock."""
        unit = log_key(decision)
        if isinstance(decision, Movement):
            self._units.pop(unit, None)
            return self._write(decision, decision.decided_t, decision.decided_t, shift_s)
        alike = self._find(unit, decision)
        if not alike.is_due() or not self._allowance.take(alike.last_t):
            return None
        note = self._write(decision, alike.last_t, alike.since_t, shift_s, alike.times, alike.seq)
        alike.seq, alike.written_t = note.entry.seq, alike.last_t
        return note

    def _find(self, unit: str, decision: Logged) -> _Alike:
        """What this decision is one more of, with this one."""
        t = decision.decided_t if isinstance(decision, Passed) else decision.t
        kinds = self._units.setdefault(unit, {})
        self._units.move_to_end(unit)
        if len(self._units) > MAX_UNITS:
            self._units.popitem(last=False)
        key = (read_point(decision), decision.reason if isinstance(decision, Passed) else type(decision).__name__)
        alike = kinds.get(key)
        if alike is None or t - alike.last_t > AGAIN_S:
            alike = kinds[key] = _Alike(0, t, t, t, 0)
        alike.last_t = max(alike.last_t, t)
        alike.times += 1
        return alike

    def _write(
        self, decision: Logged, t: float, since_t: float, shift_s: float, times: int = 1, instead_of: int = 0
    ) -> Note:
        self.last_seq += 1
        packed = pack(decision, shift_s)
        entry = Entry(self.last_seq, t, log_key(decision), read_point(decision), since_t + shift_s, times, packed)
        return Note(entry, instead_of)
