"""One decision of each kind, in the variants that their shape has."""

from __future__ import annotations

from functools import partial

from edgegw.core.epcis.meaning import NOTHING, Meaning, Meanings, add_meaning
from edgegw.core.event import Origin, describe, encode, event_id
from edgegw.core.identity import identify_epc, identify_scan
from edgegw.core.model import (
    Crossing,
    Decision,
    Evidence,
    Movement,
    Observation,
    Outage,
    Passage,
    Port,
    Unidentified,
)
from edgegw.ingest import rfc3339

ORIGIN = Origin("edgegw/v1", "dc-1", "gw")
EPOCH = "01M7Y4KHFY5BXSJNRQHJ3YJYWQ"
T = 1_795_255_203.12

UNIT = identify_epc(bytes.fromhex("3066C4409047E140075BCD15"), 96)
PALLET = "https://id.gs1.org/00/106141412345678908"
RAW = identify_epc(bytes.fromhex("FFEE"), 16)
HEARD = Evidence("3066C4409047E140075BCD15", 14, ("dock-1/1", "dock-1/3"), T - 1, T + 1, -52.25, 8.5)
SCANNED = Evidence("]d2\x1d?", 1, ("pack-1",), T, T)
CROSSINGS = (Crossing(UNIT.unit, T, 1), Crossing(PALLET, T + 1, 2))

MOVEMENT = Movement(UNIT, T, T + 5, "inside", "outside", HEARD, "door-1", "out", location="0614141000012")
ARRIVAL = Movement(UNIT, T, T, None, "packing", SCANNED, station="packing")
PASSAGE = Passage("door-1", 1, "out", "inside", "outside", None, T, T + 1, T + 6, 2, PALLET, CROSSINGS, (PALLET,))

DECISIONS: dict[str, Decision] = {
    "a movement at a door": MOVEMENT,
    "an arrival at a station": ARRIVAL,
    "a tag that no rule names": MOVEMENT._replace(unit=RAW),
    "an observation": Observation(UNIT, T, "packing", "packing", SCANNED, "0614141000005"),
    "a scan of control characters": Unidentified(identify_scan("]d2\x1d?"), T, "packing", SCANNED),
    "a scan of strange characters": Unidentified(
        identify_scan("x"), T, "packing", SCANNED._replace(tag="\x7f\x85\ufdd0\uffff\U0001fffe\ud800€")
    ),
    "a pallet": PASSAGE,
    "a part of a load without pallet": PASSAGE._replace(
        pallet=None, ssccs=(), part=2, parts=3, location="0614141000012"
    ),
    "an outage of a reader": Outage(Port("dock-1"), "link", "no answer", T - 60, T, 2, True, ("door-1",)),
    "an outage of an antenna": Outage(Port("dock-1", 3), "antenna", "disconnected", T - 60, T, stations=("packing",)),
    "a photo-eye": Outage(Port("dock-1", input=1), "photo-eye", "it contradicts", T - 60, T, doors=("door-1",)),
}

MEANINGS = Meanings(
    {
        ("door-1", "out"): Meaning("departing", "in_transit", "https://id.gs1.org/414/0614141000012/254/DOCK-1"),
        ("packing", None): Meaning("packing", None, "geo:50.9,6.9", "https://id.gs1.org/414/0614141000005"),
    },
    loads=True,
)


def published(decision: Decision, meanings: Meanings = NOTHING, origin: Origin = ORIGIN) -> tuple[str, bytes]:
    """Topic and payload as the gateway makes them."""
    event = describe(decision, rfc3339, partial(event_id, origin.gateway, EPOCH))
    assert event is not None
    return encode(add_meaning(event, meanings), origin, EPOCH, 7)
