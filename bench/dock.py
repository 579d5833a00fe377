"""A pipeline in this process, with time as a number: a dock of one door and one station, and reads of made-up tags."""

from __future__ import annotations

from collections.abc import Iterable

from edgegw.core.counters import Counters
from edgegw.core.dock import Dock, StationSettings
from edgegw.core.door import DoorSettings
from edgegw.core.model import AtStation, Decision, DoorSide, Side, TagRead
from edgegw.core.pipeline import Pipeline
from simulators.llrp_reader.load import epc_of

DOOR, STATION, READER = "door-1", "station-1", "reader-1"
INSIDE, OUTSIDE, AT_STATION = 1, 3, 5
"""An antenna of each; 2 is inside too, 4 outside."""
SIDES: dict[int, Side] = {1: "inside", 2: "inside", 3: "outside", 4: "outside"}
BEGIN_T = 1_795_255_200.0
STEP_S = 0.25
DECIDED_S = 30.0
"""After the last read, whatever is weighed is decided by then."""


def new_pipeline() -> Pipeline:
    """Its reader is up."""
    antennas = {(READER, antenna): DoorSide(DOOR, side) for antenna, side in SIDES.items()}
    pipeline = Pipeline(
        Dock(
            doors=(DoorSettings(DOOR),),
            stations=(StationSettings(STATION),),
            scanners=(),
            antennas=antennas | {(READER, AT_STATION): AtStation(STATION)},
        ),
        Counters(),
    )
    pipeline.link_up(READER, BEGIN_T)
    return pipeline


def reads(tags: Iterable[int], antenna: int, t: float, rssi_dbm: float = -55.0) -> list[TagRead]:
    """One read of each of these tags."""
    return [TagRead(READER, antenna, epc_of(tag), 96, t, rssi_dbm, 0x3000, t) for tag in tags]


def settle(pipeline: Pipeline, t: float) -> list[Decision]:
    """Let silence decide everything, from `t` on."""
    decisions: list[Decision] = []
    for step in range(round(DECIDED_S / STEP_S)):
        decisions += pipeline.advance(t + step * STEP_S)
        pipeline.take_changes()
    return decisions
