"""Labelled situations at dock doors: `SCENES[name](seed)` is a track; the same seed gives the same track.

Loads of 1 to 40 tags come about twice a minute; some come back. Goods lie near the door. Readers use session 1,
single target, which gives few reads, unless the name begins with s0.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from simulators.dock_door import disturbances, site
from simulators.dock_door.antennas import DOOR_SPACING_M
from simulators.dock_door.bands import FCC
from simulators.dock_door.inventory import Air
from simulators.dock_door.shift import EVERY_S, FAR_M, FIRST_S, OTHER_SIDE, Shift
from simulators.dock_door.tags import LIQUIDS_DB
from simulators.dock_door.tracks import START_T, Outage, Track
from simulators.dock_door.walks import SIGN, Walk, start

FORKLIFT_MPS = (2.2, 3.6)
"""5 to 8 miles an hour (MHEDA; 3 near pedestrians)."""
RETURNING = 0.3
"""Share of loads that come back."""
S1, S0 = Air(session=1), Air(session=0)
Scene = Callable[[int], Track]
SCENES: dict[str, Scene] = {}


def scene(make: Scene) -> Scene:
    SCENES[make.__name__] = make
    return make


# ---- loads that cross, and goods that lie


def _crossing(shift: Shift) -> Shift:
    """Loads go through the door, one after the other; some come back."""
    moments = shift.moments()
    for _, tags in shift.loads():
        side = shift.side()
        shift.crosses(tags, next(moments), side, shift.walking())
        if shift.rng.random() < RETURNING:
            shift.crosses(tags, next(moments), OTHER_SIDE[side], shift.walking())
    return shift


def _crossing_past(seed: int, stored: int) -> Shift:
    shift = Shift(seed)
    shift.store(stored)
    return _crossing(shift)


@scene
def clean(seed: int) -> Track:
    """Loads cross; nothing else is there."""
    return _crossing_past(seed, 0).record("clean", S1)


@scene
def static60(seed: int) -> Track:
    """60 tags lie near the door."""
    return _crossing_past(seed, 60).record("static60", S1)


@scene
def static200(seed: int) -> Track:
    """200 tags lie near the door."""
    return _crossing_past(seed, 200).record("static200", S1)


@scene
def s0_static60(seed: int) -> Track:
    """60 tags lie near the door; session 0."""
    return _crossing_past(seed, 60).record("s0_static60", S0)


@scene
def forklift(seed: int) -> Track:
    """Loads cross on forklifts."""
    shift = Shift(seed)
    shift.store(20)
    for at_s, tags in shift.loads():
        shift.crosses(tags, at_s, shift.side(), shift.rng.uniform(*FORKLIFT_MPS))
    return shift.record("forklift", S1)


@scene
def liquid_metal(seed: int) -> Track:
    """Goods that swallow or shade the waves."""
    shift = Shift(seed)
    shift.store(20)
    for at_s, tags in shift.loads(goods_db=LIQUIDS_DB):
        shift.crosses(tags, at_s, shift.side(), shift.walking())
    return shift.record("liquid_metal", S1)


@scene
def two_goods(seed: int) -> Track:
    """Half the loads are dry, half are liquids: the faint ones cross as well."""
    shift = Shift(seed)
    shift.store(20)
    for n, (at_s, tags) in enumerate(shift.loads()):
        goods = [tag._replace(loss_db=shift.rng.uniform(*LIQUIDS_DB)) for tag in tags] if n % 2 else tags
        shift.crosses(goods, at_s, shift.side(), shift.walking())
    return shift.record("two_goods", S1)


@scene
def fcc(seed: int) -> Track:
    """Fifty channels instead of four; RSSI in whole dB."""
    return _crossing_past(seed, 60).record("fcc", Air(session=1, band=FCC, quantum_db=1.0))


# ---- loads that come near and do not cross


def _turning(seed: int, beyond_m: tuple[float, float], kind: str) -> Shift:
    """Every other load turns at the door."""
    shift = Shift(seed)
    shift.store(20)
    for n, (at_s, tags) in enumerate(shift.loads()):
        side, speed = shift.side(), shift.walking()
        if n % 2:
            shift.crosses(tags, at_s, side, speed)
            continue
        far = (SIGN[side] * FAR_M, 0.0)
        walk = shift.amble([far, (-SIGN[side] * shift.rng.uniform(*beyond_m), 0.0)], speed)
        walk = shift.amble_on(walk.stay(shift.rng.uniform(0.5, 3.0)), far, speed)
        shift.goes(tags, walk.later(at_s), kind)
    return shift


@scene
def turn_back(seed: int) -> Track:
    """Half the loads come to the door, 0.3 to 1 m before it, and go back."""
    return _turning(seed, (-1.0, -0.3), "turn_back").record("turn_back", S1)


@scene
def s0_turn_back(seed: int) -> Track:
    """The same with session 0."""
    return _turning(seed, (-1.0, -0.3), "turn_back").record("s0_turn_back", S0)


@scene
def peek(seed: int) -> Track:
    """Half the loads go 0.4 m through the door and back."""
    return _turning(seed, (0.4, 0.4), "peek").record("peek", S1)


@scene
def pass_by(seed: int) -> Track:
    """Half the loads go by, 1.5 m before the door."""
    shift = Shift(seed)
    shift.store(20)
    for n, (at_s, tags) in enumerate(shift.loads()):
        side, speed = shift.side(), shift.walking()
        if n % 2:
            shift.crosses(tags, at_s, side, speed)
            continue
        x, y = SIGN[side] * 1.5, shift.rng.choice((-FAR_M, FAR_M))
        shift.goes(tags, shift.amble([(x, y), (x, 0.0), (x, -y)], speed).later(at_s), "pass_by")
    return shift.record("pass_by", S1)


@scene
def neighbour(seed: int) -> Track:
    """Half the loads go through the next door, left or right, which has no reader."""
    shift = Shift(seed, also_open_m=(-DOOR_SPACING_M, DOOR_SPACING_M))
    shift.store(20)
    for n, (at_s, tags) in enumerate(shift.loads()):
        side, speed = shift.side(), shift.walking()
        if n % 2:
            shift.crosses(tags, at_s, side, speed)
            continue
        x, y = SIGN[side] * FAR_M, DOOR_SPACING_M * shift.rng.choice((-1, 1))
        shift.goes(tags, shift.amble([(x, y), (0.0, y), (-x, y)], speed).later(at_s), "neighbour")
    return shift.record("neighbour", S1)


# ---- loads that stay in view


@scene
def stop_in_portal(seed: int) -> Track:
    """Loads stand still for 20 s in the door before they go on."""
    shift = Shift(seed)
    shift.store(20)
    for at_s, (_, tags) in zip(shift.moments(every_s=(45.0, 55.0)), shift.loads(), strict=False):
        x, speed = SIGN[shift.side()] * FAR_M, shift.walking()
        stop = (shift.rng.uniform(-0.3, 0.3), 0.0)
        walk = shift.amble_on(shift.amble([(x, 0.0), stop], speed).stay(20.0), (-x, 0.0), speed)
        shift.goes(tags, walk.later(at_s), "stop", counts=True)
    return shift.record("stop_in_portal", S1)


def _from_beside(shift: Shift, waiting_s: float) -> tuple[Walk, Walk]:
    """To stand beside the door; and to stand there and then go through."""
    side = shift.side()
    x, y = SIGN[side] * shift.rng.uniform(1.5, 3.0), shift.rng.choice((-1, 1)) * shift.rng.uniform(1.5, 2.5)
    stand = start(x, y).stay(waiting_s)
    taken = shift.amble_on(shift.amble_on(stand, (x, 0.0), 1.0), (-SIGN[side] * FAR_M, 0.0), shift.walking())
    return stand, taken


@scene
def staged(seed: int) -> Track:
    """Loads are put down beside the door, wait there for one to three minutes, and are taken through."""
    shift = Shift(seed)
    shift.store(20)
    for at_s, tags in shift.loads():
        waiting_s = shift.rng.uniform(60.0, 180.0)
        _, taken = _from_beside(shift, waiting_s)
        shift.goes(tags, taken.later(at_s + 180.0 - waiting_s), "staged", counts=True)
    return shift.record("staged", S1)


@scene
def mixed(seed: int) -> Track:
    """Pallets stand beside the door; a part of their tags is taken through, the rest stays."""
    shift = Shift(seed)
    shift.store(20)
    for at_s, tags in shift.loads():
        waiting_s = shift.rng.uniform(30.0, 60.0)
        stand, taken = _from_beside(shift, waiting_s)
        part = shift.rng.randint(1, len(tags))
        shift.goes(tags[:part], taken.later(at_s + 60.0 - waiting_s), "staged", counts=True)
        shift.goes(tags[part:], stand.stay(60.0).later(at_s + 60.0 - waiting_s), "left_behind")
    return shift.record("mixed", S1)


@scene
def shuttle(seed: int) -> Track:
    """A load goes to and fro, 1 to 2 m to each side, in view all the time."""
    shift = Shift(seed)
    shift.store(20)
    for at_s, tags in zip((FIRST_S, 150.0, 280.0, 410.0), map(shift.load, (8, 20, 40, 20)), strict=True):
        reach_m = shift.rng.uniform(1.0, 2.0)
        walk = start(-reach_m).stay(10.0)
        for n in range(8):
            walk = walk.to((-1) ** n * reach_m, 0.0, shift.rng.uniform(0.6, 1.2)).stay(shift.rng.uniform(6.0, 10.0))
        shift.goes(tags, walk.later(at_s), "shuttle", counts=True)
    return shift.record("shuttle", S1)


@scene
def two_way(seed: int) -> Track:
    """Single units go in and out within seconds of each other, and have nothing to do with each other."""
    shift = Shift(seed)
    shift.store(20)
    at_s = FIRST_S
    for _ in range(120):
        shift.crosses(shift.load(1), at_s, shift.side(), shift.walking())
        at_s += shift.rng.uniform(0.5, 6.0)
    return shift.record("two_way", S1)


@scene
def four_doors(seed: int) -> Track:
    """Four doors in a row on one gateway, each with its traffic; loads also go along all of them."""
    shift = Shift(seed, site.row_of_doors(4))
    shift.store(40)
    for door in range(4):
        offset_s = shift.rng.uniform(0, EVERY_S[0])
        for at_s, tags in shift.loads(of_each=2):
            shift.crosses(tags, at_s + offset_s, shift.side(), shift.walking(), door * DOOR_SPACING_M)
    for at_s, tags in shift.loads(of_each=1):
        x = shift.rng.uniform(-4.0, -2.0)
        walk = shift.amble([(x, -FAR_M), (x, 3 * DOOR_SPACING_M + FAR_M)], shift.walking())
        shift.goes(tags, walk.later(at_s), "pass_by")
    return shift.record("four_doors", S1)


# ---- clocks and networks


def _two_readers(seed: int, name: str) -> Track:
    shift = Shift(seed, site.two_readers())
    shift.store(20)
    return _crossing(shift).record(name, S1)


@scene
def clock_skew(seed: int) -> Track:
    """A reader on each side; after correction one clock is still 0.3 s ahead."""
    return disturbances.skew(_two_readers(seed, "clock_skew"), "dock-2", 0.3)


@scene
def reconnect(seed: int) -> Track:
    """A reader on each side; every minute the link to one is down for 5 s, and it reports afterwards."""
    recorded = _two_readers(seed, "reconnect")
    rng = random.Random(seed)
    for minute in range(1, 9):
        from_t = START_T + 60.0 * minute + rng.uniform(0, 30)
        recorded = disturbances.interrupt(recorded, Outage(rng.choice(("dock-1", "dock-2")), from_t, from_t + 5.0))
    return recorded


@scene
def disorder(seed: int) -> Track:
    """A reader on each side; reports come up to 0.5 s late and overtake each other, one in ten comes twice."""
    rng = random.Random(seed)
    recorded = disturbances.delay(_two_readers(seed, "disorder"), 0.5, rng)
    return disturbances.repeat(recorded, 0.1, 0.5, rng)
