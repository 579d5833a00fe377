"""Tracks of the simulated dock. Every seed has a room of its own: other walls, other goods, other people."""

from __future__ import annotations

from bench.doors.track import Arrival, Track
from edgegw.core.model import TagRead
from simulators.dock_door.suite import SCENES
from simulators.dock_door.tracks import LATE_S, TOLERANCE_S, Read

THIRTEEN = (
    "clean", "static60", "static200", "turn_back", "peek", "pass_by", "neighbour", "forklift", "liquid_metal",
    "stop_in_portal", "staged", "s0_static60", "s0_turn_back",
)  # fmt: skip
"""The situations of the suite's first design; the others are harder, or about clocks and networks."""


def simulated(scene: str, seed: int) -> Track:
    made = SCENES[scene](seed)
    return Track(
        name=f"{scene}/{seed}",
        pool=scene,
        site=f"room {seed}",
        dock=made.dock,
        arrivals=tuple(map(_arrival, made.reads)),
        truth=made.truth,
        tolerance_s=TOLERANCE_S,
        outages=made.outages,
    )


def _arrival(read: Read) -> Arrival:
    epc = bytes.fromhex(read.epc)
    late = read.arrived_t - read.t > LATE_S
    return Arrival(read.arrived_t, TagRead(read.reader, read.antenna, epc, 8 * len(epc), read.t, read.rssi, late=late))
