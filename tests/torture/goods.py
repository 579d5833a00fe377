"""Goods that move through a door while things break, and the balance in the end: which movements had to come, and what
came of them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from simulators.dock_door import DockDoor, Expected, Ledger, Scenario, acts, movement
from simulators.dock_door.script import Scanned, TagSeen
from simulators.dock_door.units import Unit
from simulators.subscriber import Event

COMMIT_S: Final = 0.25
"""`journal.commit_ms`, as it is by default."""
LOOK_S: Final = 0.01


class Wire(DockDoor):
    """A dock door that knows which reads its readers have sent lately.

    in_window   units of which reads were on the wire less than COMMIT_S before a kill. Once it is sent a reader has
                forgotten a read, and a gateway that has not committed it yet takes it along: all that the contract lets
                a kill cost. Readers send in the order in which they read.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.in_window: set[str] = set()
        self._epcs: dict[str, list[bytes]] = {name: [] for name in self.readers}
        self._sent: deque[tuple[float, dict[str, int]]] = deque()

    async def watch(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        while True:
            self._look(loop.time())
            await asyncio.sleep(LOOK_S)

    def killed(self) -> None:
        """The gateway has just been killed."""
        now_s = asyncio.get_running_loop().time()
        self._look(now_s)
        before = self._sent[0][1]
        for name, reader in self.readers.items():
            taken = self._epcs[name][before[name] : reader.reads_in_reports]
            self.in_window.update(epc.hex() for epc in taken)

    def _look(self, now_s: float) -> None:
        self._sent.append((now_s, {name: reader.reads_in_reports for name, reader in self.readers.items()}))
        while len(self._sent) > 1 and self._sent[1][0] <= now_s - COMMIT_S:
            self._sent.popleft()

    def _happen(self, moment: TagSeen | Scanned, began_t: float) -> None:
        unheard = self.unheard
        super()._happen(moment, began_t)
        if isinstance(moment, TagSeen) and self.unheard == unheard:
            self._epcs[moment.reader].append(moment.epc)


class Goods:
    """Rounds of a scenario, each with units of its own.

    reads   how many each movement had, as played
    spans   and when the first and the last of them were, seconds since 1970
    tags    unit -> its EPC, in hex
    """

    def __init__(self, dock: DockDoor) -> None:
        self.ledger = Ledger()
        self.reads: dict[Expected, int] = {}
        self.spans: dict[Expected, tuple[float, float]] = {}
        self.tags: dict[str, str] = {}
        self._enough = asyncio.Event()
        self._dock = dock
        self._round = 0

    async def move(self, rounds: int) -> None:
        """So many rounds more, in real time."""
        for _ in range(rounds):
            round_acts = acts(self._dock.scenario, self._round)
            units = [Unit.parse(text, self._round) for text in self._dock.scenario.units.values()]
            self.tags |= {unit.key: unit.epc.hex() for unit in units}
            self._round += 1
            self.ledger.promise(round_acts, 0.0)
            began_t = time.time()
            for act in round_acts:
                self.reads |= {move: len(act.reads) // len(act.moves) for move in act.moves}
                times = [began_t + read.at_s for read in act.reads]
                self.spans |= {move: (min(times), max(times)) for move in act.moves}
            await self._dock.play(round_acts)

    async def move_on(self) -> None:
        """Round after round until `stop`; the last one to its end."""
        while not self._enough.is_set():
            await self.move(1)

    def stop(self) -> None:
        self._enough.set()


class Balance(NamedTuple):
    """What came. lost, too_many: movements, but for `spent`: those of which a kill took reads along; gaps: numbers that
    never came, below the last that did; reused: numbers that came with two contents; astray: movements that are not in
    exactly one passage.
    """

    expected: int
    events: int
    lost: list[Expected]
    too_many: list[Expected]
    spent: list[Expected]
    gaps: list[str]
    reused: list[str]
    astray: list[str]
    redelivered: int
    reads_played: int
    reads_counted: int

    @property
    def share(self) -> float:
        """Of events that came again, of all different events that came."""
        return self.redelivered / max(1, self.events)

    def faults(self, max_share: float) -> Iterator[str]:
        """What breaks the contract; nothing when it holds."""
        named: dict[str, Sequence[object]] = {
            "lost": self.lost,
            "too many, or under two ids": self.too_many,
            "gaps": self.gaps,
            "one number for two events": self.reused,
            "not in exactly one passage": self.astray,
        }
        for name, found in named.items():
            if found:
                yield f"{name}: {', '.join(map(str, found))}"
        if self.share > max_share:
            yield f"{self.share:.2%} of the events came again"

    def counts(self) -> dict[str, int | float | str]:
        """The figures that every table has."""
        return {
            "movements": self.expected,
            "lost": len(self.lost),
            "too many": len(self.too_many),
            "lost or too many in a commit window": len(self.spent),
            "gaps": len(self.gaps),
            "numbers reused": len(self.reused),
            "outside passages": len(self.astray),
            "redelivered": f"{self.redelivered} of {self.events} ({self.share:.2%})",
        }


def balance(
    goods: Goods, events: Sequence[Event], repeated: Sequence[Event], in_window: Collection[str] = ()
) -> Balance:
    """events: each id once, as it came first; repeated: whatever came again under an id that was known; in_window: EPCs
    of which a kill took reads along.
    """
    moved = [event for event in events if event["type"] == "edgegw.movement.v1"]
    for event in moved:
        goods.ledger.enter(event)
    lost, too_many = goods.ledger.missing(float("inf")), goods.ledger.unexpected()
    spent = [move for move in lost + too_many if goods.tags.get(move.unit) in in_window]
    counted = {movement(event): event["data"]["evidence"]["reads"] for event in moved}
    return Balance(
        expected=goods.ledger.promised,
        events=len(events),
        lost=[move for move in lost if move not in spent],
        too_many=[move for move in too_many if move not in spent],
        spent=spent,
        gaps=list(gaps(events)),
        reused=list(reused(events, repeated)),
        astray=list(astray(events)),
        redelivered=len(repeated),
        reads_played=sum(goods.reads.values()),
        reads_counted=sum(reads for move, reads in counted.items() if move in goods.reads),
    )


def is_complete(goods: Goods, events: Sequence[Event]) -> bool:
    """Nothing that was promised is missing, and all of it is in passages."""
    came = Counter(movement(event) for event in events if event["type"] == "edgegw.movement.v1")
    return not goods.ledger.still_missing(came) and not any(astray(events))


def gaps(events: Iterable[Event]) -> Iterator[str]:
    """Numbers below the highest of their epoch that no event has.

    >>> list(gaps([{"epoch": "A", "seq": 4}, {"epoch": "A", "seq": 2}, {"epoch": "B", "seq": 1}]))
    ['A:1', 'A:3']
    """
    numbers: dict[str, set[int]] = {}
    for event in events:
        numbers.setdefault(event["epoch"], set()).add(event["seq"])
    for epoch, known in numbers.items():
        yield from (f"{epoch}:{seq}" for seq in range(1, max(known)) if seq not in known)


def reused(events: Iterable[Event], repeated: Iterable[Event]) -> Iterator[str]:
    """Ids under which two different events came.

    >>> list(reused([{"id": "A:1", "data": 1}, {"id": "A:2"}], [{"id": "A:1", "data": 2}, {"id": "A:2"}]))
    ['A:1']
    """
    first = {event["id"]: event for event in events}
    for event in repeated:
        if json.dumps(event, sort_keys=True) != json.dumps(first[event["id"]], sort_keys=True):
            yield event["id"]


def astray(events: Iterable[Event]) -> Iterator[str]:
    """Ids of door movements that are not in exactly one passage, and what passages name that did not come."""
    moved: Counter[str] = Counter()
    for event in events:
        if event["type"] == "edgegw.movement.v1" and event["data"].get("door"):
            moved[event["id"]] += 1
        elif event["type"] == "edgegw.passage.v1":
            moved.subtract(one["movement"] for one in event["data"]["units"])
    yield from (name for name, left in moved.items() if left)
