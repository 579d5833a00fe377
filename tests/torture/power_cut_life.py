"""A journal at work, as the gateway uses it, and what the world knows of it at each moment.

What comes next is luck that a seed repeats: events are accepted, sent, acknowledged, confirmed, parked and tried again;
what is being weighed is saved and grows; old things are forgotten, the log is copied into the file, ranges are sent
once more, epochs begin.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from edgegw.core.event import Origin, OutgoingEvent, encode
from edgegw.core.reissue import renumbered, skipped
from edgegw.store.group import UnitState
from edgegw.store.journal import Journal, Parked, Row
from tests.store.support import GATEWAY, Hand

ORIGIN: Final = Origin("edgegw", "dc-1", GATEWAY)
STAMP: Final = "2026-11-21T10:00:03.120Z"
PALLET: Final = "urn:u:pallet"
DOOR: Final = "door/door-1"
UNITS: Final = ("a", "b", "c", "d", "e")
KEEP_H: Final = 1.0
"""Delivered events are forgotten after so long; the clock is moved by up to that."""

Key = tuple[str, str]
LAST: Final = ("last", "event")
"""The state that every event puts anew, as a movement ends its episode: it names the event's unit."""
STATES: Final = (LAST, *((DOOR, unit) for unit in UNITS))


class Number(NamedTuple):
    """What a consumer knows an event by."""

    epoch: str
    seq: int


@dataclass
class Known:
    """What the world has been told at some moment, and what may be on disk then.

    units      every unit with an event that was collected, in order
    safe       how many of the first of them are accepted: a commit returned
    settled    their events may be forgotten: taken by the broker, confirmed, or given up
    parked     in place of their events notes go out
    sent       number -> unit
    histories  what each state was, one after the other; None: not there
    kept       which place of its history a state has certainly reached
    epoch      the present one; "": it may change just now
    """

    units: list[str] = field(default_factory=list)
    safe: int = 0
    settled: set[str] = field(default_factory=set)
    parked: set[str] = field(default_factory=set)
    sent: dict[Number, str] = field(default_factory=dict)
    histories: dict[Key, list[str | None]] = field(default_factory=lambda: {key: [None] for key in STATES})
    kept: dict[Key, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    epoch: str = ""

    def keep(self, epoch: str) -> None:
        """Everything that was collected is on disk."""
        self.safe = len(self.units)
        self.kept = {key: len(history) - 1 for key, history in self.histories.items()}
        self.epoch = epoch

    def may_be(self, key: Key) -> list[str | None]:
        return self.histories[key][self.kept[key] :]

    def came_back(self, states: dict[Key, str | None], epoch: str) -> Known:
        """After a power cut these states were found: what was collected later has never been."""
        last = states[LAST]
        survived = self.units[: self.units.index(last) + 1] if last else []
        known = copy.deepcopy(self)
        known.units, known.histories = survived, {key: [state] for key, state in states.items()}
        known.keep(epoch if epoch == self.epoch else "")  # else it may have begun only after the power cut
        return known


class Told:
    """What the world is told in the course of a recording. `now`: as the program itself knows it."""

    def __init__(self, before: Known, moment: Callable[[], int]) -> None:
        self.now = copy.deepcopy(before)
        self._before = before
        self._moment = moment
        self._lessons: list[tuple[int, Callable[[Known], object]]] = []

    def tell(self, lesson: Callable[[Known], object]) -> None:
        """From this moment on."""
        self._lessons.append((self._moment(), lesson))
        lesson(self.now)

    def at(self, moment: int) -> Known:
        known = copy.deepcopy(self._before)
        for told, lesson in self._lessons:
            if told <= moment:
                lesson(known)
        return known


def identity(payload: bytes) -> tuple[Number, str | None]:
    """Number and unit of an event; a note has no unit."""
    event = json.loads(payload)
    return Number(event["epoch"], event["seq"]), event["data"].get("unit")


class Life:
    """From one opening of the journal to its closing. name: no other life's."""

    def __init__(self, name: str, journal: Journal, told: Told, clock: Hand, rng: random.Random, event_bytes: int):
        self._name = name
        self._journal = journal
        self._told = told
        self._clock = clock
        self._rng = rng
        self._event_bytes = event_bytes
        self._serial = 0
        self._centrally = rng.random() < 0.3
        self._in_flight: list[Row] = []
        self._sent_upto = 0

    async def begin(self, new_epoch: bool) -> None:
        """new_epoch: a central system says that it knows later events of this one, before any is sent."""
        await self._keep()
        if new_epoch:
            self._decide()
            self._told.tell(lambda known: setattr(known, "epoch", ""))
            await self._journal.begin_epoch()
            await self._keep()

    async def go_on(self, steps: int) -> None:
        kinds: dict[Callable[[], Awaitable[None] | None], int] = {
            self._decide: 8,
            self._weigh: 8,
            self._keep: 10,
            self._send: 6,
            self._settle: 6,
            self._park: 2,
            self._release: 1,
            self._forget: 2,
            self._checkpoint: 1,
            self._send_again: 1,
        }
        for step in self._rng.choices(list(kinds), list(kinds.values()), k=steps):
            done = step()
            if done is not None:
                await done

    def _decide(self) -> None:
        """Some events, each in one step with the place of its unit and the end of its episode."""
        for _ in range(self._rng.randint(1, 6)):
            unit = self._new("unit")
            filler = "x" * self._rng.randint(0, self._event_bytes)
            event = OutgoingEvent("movement", unit, STAMP, {"unit": unit, "filler": filler})
            self._journal.add_event(partial(encode, event, ORIGIN, self._journal.epoch))
            self._journal.put_unit(UnitState(PALLET, unit, "door-1", self._clock.t))
            self._journal.put_state(*LAST, unit)
            self._told.tell(partial(_collect, unit))

    def _weigh(self) -> None:
        """An episode begins, grows, is saved anew or ends."""
        key = (DOOR, self._rng.choice(UNITS))
        was = self._told.now.histories[key][-1]
        addition = self._new("+")
        if was is not None and self._rng.random() < 0.7:
            self._journal.grow_state(*key, addition)
            state: str | None = was + addition
        else:
            state = None if was is not None and self._rng.random() < 0.3 else addition + "." * 200
            self._journal.put_state(*key, state)
        self._told.tell(lambda known: known.histories[key].append(state))

    async def _keep(self) -> None:
        """When this returns everybody may rely on what was collected."""
        await self._journal.flush()
        epoch = self._journal.epoch
        self._told.tell(lambda known: known.keep(epoch))

    async def _send(self) -> None:
        for row in await self._journal.pending(self._sent_upto, self._rng.randint(1, 20)):
            number, unit = identity(row.payload)
            if unit is not None:
                self._told.tell(partial(_sent, number, unit))
            self._in_flight.append(row)
            self._sent_upto = row.seq

    def _settle(self) -> None:
        """Acknowledgements come, oldest first."""
        count = self._rng.randint(0, len(self._in_flight))
        acknowledged, self._in_flight = self._in_flight[:count], self._in_flight[count:]
        units = {unit for row in acknowledged if (unit := identity(row.payload)[1])}
        self._told.tell(lambda known: known.settled.update(units))
        for row in acknowledged:
            if row.again or not self._centrally:
                self._journal.mark_published(row.seq)
        if self._centrally and acknowledged:
            self._journal.confirm(acknowledged[-1].seq)

    def _park(self) -> None:
        """The broker does not take the last one: a note goes out in its place."""
        row = self._in_flight.pop() if self._in_flight else None
        note = skipped(row.topic, row.payload, "packet too large") if row else None
        if row and note:
            unit = identity(row.payload)[1]
            self._told.tell(lambda known: known.parked.add(unit or ""))
            self._journal.park(row.seq, "packet too large", note)
            self._sent_upto = min(self._sent_upto, row.seq - 1)

    async def _release(self) -> None:
        """Parked events are tried again under new numbers, or given up."""
        await self._keep()
        for parked in await self._journal.parked(0, 10):
            if self._rng.random() < 0.5:
                self._journal.add_event(partial(self._once_more, parked))
            else:
                unit = identity(parked.payload)[1]
                self._told.tell(partial(_give_up, unit or ""))
            self._journal.unpark(parked.seq)

    def _once_more(self, parked: Parked, seq: int) -> tuple[str, bytes]:
        return parked.topic, renumbered(parked.payload, self._journal.epoch, seq)

    async def _forget(self) -> None:
        await self._keep()
        self._clock.t += self._rng.uniform(0, KEEP_H * 3600)
        await self._journal.tidy()

    async def _checkpoint(self) -> None:
        """The log is copied into the file, and begun anew."""
        kind = self._rng.choice(("PASSIVE", "RESTART", "TRUNCATE"))
        await self._journal._connection.read(f"PRAGMA wal_checkpoint({kind})")

    async def _send_again(self) -> None:
        """A consumer asks for a range; the broker was away, and what is not settled comes once more."""
        await self._keep()
        first = self._rng.randint(1, max(1, self._journal.last_seq))
        await self._journal.put_back(first, first + self._rng.randint(0, 5))
        self._in_flight, self._sent_upto = [], 0

    def _new(self, what: str) -> str:
        self._serial += 1
        return f"{what}{self._name}.{self._serial}"


def _collect(unit: str, known: Known) -> None:
    known.units.append(unit)
    known.histories[LAST].append(unit)


def _sent(number: Number, unit: str, known: Known) -> None:
    known.sent[number] = unit


def _give_up(unit: str, known: Known) -> None:
    known.settled.add(unit)
