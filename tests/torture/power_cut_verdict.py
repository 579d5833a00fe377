"""Open a journal after a power cut as the gateway does, and hold it against what the world was told before."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from edgegw.core.event import OutgoingEvent, encode
from edgegw.errors import StoreFailed
from edgegw.store.journal import Journal
from tests.store.support import opened
from tests.torture.power_cut_life import LAST, ORIGIN, PALLET, STAMP, STATES, Key, Known, Number, identity

ALL: Final = 1 << 40
"""More than any journal has."""

FAULTS: Final = ("lost", "unreadable", "reused", "corrupt", "mixed_up", "needless_epoch")
"""lost            an event, or a state that was saved, is not there although its commit had returned
unreadable      the journal cannot be opened, or was set aside
reused          a number is given to another event, or an event comes under another number
corrupt         PRAGMA integrity_check finds something
mixed_up        a part of one transaction is there without the rest, or the rows have gaps
needless_epoch  numbers begin anew though nobody has put a copy in service
"""


@dataclass
class Verdict:
    """faults: what is wrong, in words, by its kind. states, epoch: what was found."""

    faults: dict[str, str] = field(default_factory=dict)
    states: dict[Key, str | None] = field(default_factory=dict)
    epoch: str = ""

    def expect(self, fault: str, wrong: object) -> None:
        """`wrong` is empty when all is well."""
        if wrong:
            self.faults.setdefault(fault, str(wrong)[:300])


class _Event(NamedTuple):
    row: int
    number: Number
    unit: str | None


async def judge(path: Path, known: Known) -> Verdict:
    """It is another file afterwards: an event more is in it."""
    verdict = Verdict()
    try:
        async with opened(path) as journal:
            verdict.expect("unreadable", journal.troubles().get("damaged"))
            await _look(journal, known, verdict)
            await _look_at_history(journal, known, verdict)
            await _add(journal, known, verdict)
        verdict.expect("corrupt", _corruption(path))
    except (StoreFailed, sqlite3.Error) as error:
        verdict.expect("unreadable", error)
    return verdict


async def _look(journal: Journal, known: Known, verdict: Verdict) -> None:
    """What is pending, and what was being weighed."""
    verdict.epoch = journal.epoch
    verdict.expect("needless_epoch", known.epoch and known.epoch != journal.epoch and journal.troubles())
    verdict.states = await _states(journal)
    for key, state in verdict.states.items():
        verdict.expect("lost", state not in known.may_be(key) and f"{key} is {state}, not {known.may_be(key)}")
    pending = {event.unit for event in await _events(journal)}
    parked = {identity(row.payload)[1] for row in await journal.parked(0, ALL)}
    verdict.expect("lost", [unit for unit in known.units[: known.safe] if unit not in known.settled | pending | parked])
    verdict.expect("mixed_up", await _torn_apart(journal, known, verdict.states[LAST], pending))


async def _states(journal: Journal) -> dict[Key, str | None]:
    found = {
        (scope, unit): state for scope in {scope for scope, _ in STATES} for unit, state in await journal.states(scope)
    }
    return {key: found.get(key) for key in STATES}


async def _events(journal: Journal) -> list[_Event]:
    """What would be sent now."""
    return [_Event(row.seq, *identity(row.payload)) for row in await journal.pending(0, ALL)]


async def _torn_apart(journal: Journal, known: Known, last: str | None, pending: set[str | None]) -> object:
    """An event, the place of its unit and the end of its episode are one transaction."""
    place = await journal.unit(PALLET)
    if (place and place.place) != last:
        return f"the pallet is at {place}, the last event is {last}"
    after = known.units[known.units.index(last) + 1 :] if last in known.units else []
    return [unit for unit in after if unit in pending]


async def _look_at_history(journal: Journal, known: Known, verdict: Verdict) -> None:
    """All that is still kept, as a consumer gets it who asks for it again."""
    await journal.put_back(1, ALL)
    events = await _events(journal)
    rows = [event.row for event in events]
    verdict.expect("mixed_up", rows != list(range(journal.last_seq - len(rows) + 1, journal.last_seq + 1)) and rows)
    sent_as = {unit: number for number, unit in known.sent.items()}
    for event in events:
        if event.unit is None or event.unit in known.parked:
            continue
        verdict.expect("reused", known.sent.get(event.number, event.unit) != event.unit and event)
        verdict.expect("reused", sent_as.get(event.unit, event.number) != event.number and event)


async def _add(journal: Journal, known: Known, verdict: Verdict) -> None:
    """The next event has a number that nobody has heard of."""
    event = OutgoingEvent("movement", "new", STAMP, {"unit": "new"})
    seq = journal.add_event(partial(encode, event, ORIGIN, journal.epoch))
    await journal.flush()
    heard = max((number.seq for number in known.sent if number.epoch == journal.epoch), default=0)
    verdict.expect("reused", seq <= heard and f"{seq} is given again: {heard} was sent")


def _corruption(path: Path) -> object:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchall()
    return found != [("ok",)] and found
