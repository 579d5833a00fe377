"""Units that cross a door together are one passage: a load, with its list.

Every movement of a door is in exactly one passage, and one unit alone is a passage of one: who books loads need not
look at movements. Movements come first, each as soon as it is decided; its passage follows when

* nothing that was there when it crossed is still being weighed, and nothing joined it for SETTLE_S;
* or PATIENCE times quiet_s after its first movement was decided, whatever is still in view.

Together are movements of one direction within TOGETHER_S of their middle, a unit once; a movement that a load voted
for counts at the time of its load. What is decided after its passage was reported is a passage of its own.

What is being collected is kept in the journal with the movement itself (`take_changed`), so that after a crash each
movement is still in exactly one passage.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import NamedTuple

from edgegw.core.door import DoorSettings
from edgegw.core.door.load import TOGETHER_S
from edgegw.core.model import Crossing, Direction, Movement, Passage

SETTLE_S = 1.0
RETRY_S = 0.5
PATIENCE = 3.0
MAX_UNITS = 500
"""In one event, about 75 kB; a longer list is split into parts."""
MAX_WAITING = 20_000
"""As many as a door weighs at once. Above it, what there is is reported."""
_SSCC = "00"


class _Member(NamedTuple):
    """`around_t`: when its load crossed."""

    unit: str
    t: float
    around_t: float
    direction: Direction
    decided_t: float
    is_sscc: bool


class Passages:
    """Those of one door."""

    def __init__(self, door: DoorSettings) -> None:
        self._door = door
        self._waiting: dict[int, _Member] = {}
        self._changed: set[int] = set()
        self.due_t = math.inf

    def add(self, movement: Movement, number: int) -> None:
        """This movement has been reported, under this number."""
        assert movement.direction
        vote = movement.why.load if movement.why else None
        self._take(
            number,
            _Member(
                movement.unit.unit or movement.unit.epc_uri,
                movement.t,
                vote.t if vote else movement.t,
                movement.direction,
                movement.decided_t,
                any(key == _SSCC for key, _ in movement.unit.ai),
            ),
        )
        self._changed.add(number)

    def advance(self, through_t: float, now: float, is_weighing: Callable[[float], bool]) -> list[Passage]:
        """What is complete. `is_weighing(t)`: something that was at the door at `t` is undecided."""
        if through_t < self.due_t:
            return []
        passages: list[Passage] = []
        self.due_t = math.inf
        for numbers in self._together():
            due_t = self._complete_t(numbers, through_t, is_weighing)
            if due_t <= through_t or len(self._waiting) > MAX_WAITING:
                passages += self._report(numbers, now)
            else:
                self.due_t = min(self.due_t, due_t)
        return passages

    def take_changed(self) -> dict[str, str | None]:
        """Number -> what is being collected, as JSON, None = reported, since the last call: for the journal."""
        changed = {str(number): self._saved(number) for number in sorted(self._changed)}
        self._changed.clear()
        return changed

    def restore(self, number: str, state: str, now: float) -> None:
        """Take back what `take_changed` gave. Raises ValueError for anything else."""
        try:
            unit, t, around_t, direction, decided_t, is_sscc = json.loads(state)
            member = _Member(str(unit), float(t), float(around_t), direction, min(float(decided_t), now), bool(is_sscc))
        except TypeError as error:
            raise ValueError(f"not a crossing: {error!r}") from None
        if direction not in ("in", "out"):
            raise ValueError(f"not a crossing: direction {direction!r}")
        self._take(int(number), member)

    # ------------------------------------------------------------

    def _take(self, number: int, member: _Member) -> None:
        self._waiting[number] = member
        self.due_t = min(self.due_t, member.decided_t + SETTLE_S)

    def _saved(self, number: int) -> str | None:
        member = self._waiting.get(number)
        return json.dumps(member, separators=(",", ":")) if member else None

    def _together(self) -> Iterator[list[int]]:
        """The numbers of each passage, as far as it is known."""
        for direction in ("in", "out"):
            left = {number: one for number, one in self._waiting.items() if one.direction == direction}
            while left:
                numbers = _first_of(left)
                for number in numbers:
                    del left[number]
                yield numbers

    def _complete_t(self, numbers: Iterable[int], through_t: float, is_weighing: Callable[[float], bool]) -> float:
        members = [self._waiting[number] for number in numbers]
        settled_t = max(one.decided_t for one in members) + SETTLE_S
        if through_t < settled_t or not is_weighing(median(one.around_t for one in members)):
            return settled_t
        patience_s = PATIENCE * self._door.quiet_s
        return max(settled_t, min(through_t + RETRY_S, min(one.decided_t for one in members) + patience_s))

    def _report(self, numbers: list[int], now: float) -> list[Passage]:
        members = {number: self._waiting.pop(number) for number in numbers}
        self._changed.update(numbers)
        ssccs = [one.unit for one in members.values() if one.is_sscc]
        crossings = [Crossing(one.unit, one.t, number) for number, one in members.items()]
        direction = members[numbers[0]].direction
        inside, outside = self._door.inside, self._door.outside
        whole = Passage(
            door=self._door.name,
            number=min(numbers),
            direction=direction,
            origin=inside if direction == "out" else outside,
            place=outside if direction == "out" else inside,
            location=self._door.location,
            first_t=min(one.t for one in crossings),
            last_t=max(one.t for one in crossings),
            decided_t=now,
            total=len(crossings),
            pallet=ssccs[0] if len(ssccs) == 1 else None,
            crossings=tuple(crossings),
            ssccs=tuple(ssccs),
        )
        return list(_parts(whole))


def _first_of(members: dict[int, _Member]) -> list[int]:
    """Numbers of those that crossed with the one that crossed first, in the order in which they crossed."""
    first_t = min(one.around_t for one in members.values())
    middle_t = median(one.around_t for one in members.values() if one.around_t <= first_t + TOGETHER_S)
    near = [number for number, one in members.items() if abs(one.around_t - middle_t) <= TOGETHER_S]
    units: dict[str, int] = {}
    for number in sorted(near, key=lambda number: (members[number].t, number)):
        units.setdefault(members[number].unit, number)
    return list(units.values())


def _parts(whole: Passage) -> Iterator[Passage]:
    parts = math.ceil(whole.total / MAX_UNITS)
    for part in range(parts):
        crossings = whole.crossings[part * MAX_UNITS : (part + 1) * MAX_UNITS]
        units = {one.unit for one in crossings}
        ssccs = tuple(unit for unit in whole.ssccs if unit in units)
        yield whole._replace(crossings=crossings, ssccs=ssccs, part=part + 1, parts=parts)
