"""A shift at a dock: who goes where when, until it is recorded."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from edgegw.core.identity.digits import with_check_digit
from simulators.dock_door import site
from simulators.dock_door.antennas import Vector
from simulators.dock_door.inventory import Air, Trip, inventory
from simulators.dock_door.radio import draw_room
from simulators.dock_door.scenario import Dock
from simulators.dock_door.tags import DRY_GOODS_DB, Spread, Tag, draw_tag
from simulators.dock_door.tracks import Track, track
from simulators.dock_door.units import Unit
from simulators.dock_door.walks import SIGN, Position, Side, Walk, start

LOADS = (1, 3, 8, 20, 40)
"""Tags on a load."""
PALLET_FROM = 8
"""A load of so many has a pallet with a tag of its own."""
EVERY_S = (22.0, 32.0)
"""From one load to the next."""
FIRST_S = 20.0
SPREAD_M: Vector = (0.6, 0.4, 1.6)
"""Half the length, half the width and the height of a loaded euro pallet."""
LOWEST_M = 0.3
LEG_M = 2.0
"""Nobody keeps speed and line for longer."""
FAR_M = 7.0
"""Where loads come from and go to."""
WALKING_MPS = (0.8, 1.4)
"""On foot with a pallet jack."""
STORED_ACROSS_M, STORED_ALONG_M = (1.5, 5.5), (1.2, 5.0)
OTHER_SIDE: dict[Side, Side] = {"inside": "outside", "outside": "inside"}


class Shift:
    """`rng` decides everything that is left open. `also_open_m`: doors without readers, along the wall."""

    def __init__(self, seed: int, dock: Dock | None = None, also_open_m: Sequence[float] = ()) -> None:
        self.rng = random.Random(seed)
        self._dock = dock or site.one_door()
        self._room = draw_room(self.rng, [*site.middles_m(self._dock), *also_open_m])
        self._trips: list[Trip] = []
        self._stored: list[tuple[Tag, Position]] = []
        self._units = 0

    # ---- who, when

    def moments(self, every_s: Spread = EVERY_S) -> Iterator[float]:
        """When loads come, one at a time."""
        at_s = FIRST_S
        while True:
            yield at_s
            at_s += self.rng.uniform(*every_s)

    def loads(self, of_each: int = 4, goods_db: Spread = DRY_GOODS_DB) -> Iterator[tuple[float, list[Tag]]]:
        """When they come, and their tags: of each size so many, in any order."""
        sizes = [size for size in LOADS for _ in range(of_each)]
        self.rng.shuffle(sizes)
        yield from ((at_s, self.load(size, goods_db)) for size, at_s in zip(sizes, self.moments(), strict=False))

    def load(self, size: int, goods_db: Spread = DRY_GOODS_DB) -> list[Tag]:
        """Fresh tags around the middle of a load."""
        return [self._tag(n == 0 and size >= PALLET_FROM, self._on_load(), goods_db) for n in range(size)]

    def side(self) -> Side:
        return self.rng.choice(("inside", "outside"))

    def walking(self) -> float:
        return self.rng.uniform(*WALKING_MPS)

    def _on_load(self) -> Vector:
        length, width, top = SPREAD_M
        return self.rng.uniform(-length, length), self.rng.uniform(-width, width), self.rng.uniform(LOWEST_M, top)

    def _tag(self, is_pallet: bool, place: Vector, goods_db: Spread) -> Tag:
        self._units += 1
        sscc = with_check_digit(f"00950600{self._units:09d}")
        unit = Unit.parse(f"00/{sscc}" if is_pallet else f"01/09506000134352/21/{self._units}")
        return draw_tag(unit.epc.hex().upper(), self.rng, place, goods_db)

    # ---- what they do

    def goes(self, tags: Sequence[Tag], walk: Walk, kind: str, *, counts: bool = False) -> Walk:
        """These tags go this way together."""
        self._trips += [Trip(tag, walk, kind, counts) for tag in tags]
        return walk

    def crosses(self, tags: Sequence[Tag], at_s: float, origin: Side, speed_mps: float, door_y_m: float = 0.0) -> Walk:
        """Through a door, from far to far."""
        x = SIGN[origin] * FAR_M
        walk = self.amble([(x, door_y_m), (0.0, door_y_m), (-x, door_y_m)], speed_mps)
        return self.goes(tags, walk.later(at_s), "crossing", counts=True)

    def amble(self, places: Sequence[Position], speed_mps: float) -> Walk:
        """From place to place as people go: hardly even, hardly straight."""
        walk = start(*places[0])
        for place in places[1:]:
            walk = self.amble_on(walk, place, speed_mps)
        return walk

    def amble_on(self, walk: Walk, place: Position, speed_mps: float) -> Walk:
        _, x0, y0 = walk.points[-1]
        x1, y1 = place
        legs = max(1, round(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 / LEG_M))
        for leg in range(1, legs + 1):
            share, off_m = leg / legs, self.rng.uniform(-0.2, 0.2) if leg < legs else 0.0
            pace = speed_mps * self.rng.uniform(0.85, 1.15)
            walk = walk.to(x0 + share * (x1 - x0), y0 + share * (y1 - y0) + off_m, pace)
        return walk

    def store(self, count: int) -> None:
        """Goods that lie near the door from begin to end, beside the lane, four of five inside."""
        for _ in range(count):
            x = self.rng.uniform(*STORED_ACROSS_M) * (1 if self.rng.random() < 0.2 else -1)
            y = self.rng.uniform(*STORED_ALONG_M) * self.rng.choice((-1, 1))
            self._stored.append((self._tag(False, (0.0, 0.0, self.rng.uniform(LOWEST_M, 2.0)), DRY_GOODS_DB), (x, y)))

    # ---- the end

    def record(self, name: str, air: Air) -> Track:
        """What the readers make of all that."""
        ends_s = max(trip.walk.ends_s for trip in self._trips) + 10.0
        trips = [Trip(tag, start(*place).stay(ends_s), "static") for tag, place in self._stored] + self._trips
        return track(name, self._dock, inventory(site.views(self._dock, self._room), trips, air, self.rng), trips)
