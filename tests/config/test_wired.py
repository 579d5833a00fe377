"""Photo-eyes, stations within a place and early doors: what may be written, and what becomes of it."""

from __future__ import annotations

import pytest

from edgegw import plan
from edgegw.cli.check import describe
from edgegw.core.dock import PhotoEye
from edgegw.core.model import DoorSide, Port
from tests.config.support import HEAD, READER, loaded, told

DOOR = (
    "doors: [{name: door-1, sides: {inside: [dock-1/1], outside: [dock-1/2]}, places: {outside: yard}, "
    "photo_eye: {inside: dock-1/gpi3, outside: dock-1/gpi1, level: low}, early: true}]\n"
)
STATION = "stations: [{name: packing, antennas: [dock-1/3], within: inside}]\n"


def test_a_wired_door_and_a_station_within() -> None:
    config = loaded(HEAD + READER + DOOR + STATION).config
    dock = plan.dock(config)
    assert dock.photo_eyes == {
        ("dock-1", 3): PhotoEye("door-1", "inside", high=False),
        ("dock-1", 1): PhotoEye("door-1", "outside", high=False),
    }
    assert (dock.doors[0].photo_eyes, dock.doors[0].early) == (("inside", "outside"), True)
    assert dock.stations[0].within == "inside"
    assert plan.reader_settings(config.readers[0], config).gpi_ports == (1, 3)
    assert dock.photo_eyes_of(DoorSide("door-1", "outside")) == (Port("dock-1", 0, 1),)
    assert (dock.doors_at(Port("dock-1")), dock.stations_at(Port("dock-1"))) == (("door-1",), ("packing",))
    assert (dock.doors_at(Port("dock-1", 3)), dock.stations_at(Port("dock-1", 3))) == ((), ("packing",))
    assert dock.doors_at(Port("dock-1", 0, 1)) == ("door-1",)
    assert not dock.has(Port("dock-1", 0, 2))


def test_check_tells_them_back() -> None:
    lines = describe(loaded(HEAD + READER + DOOR + STATION).config)
    told_back = ", from yard to inside and back, photo-eye dock-1/gpi3 dock-1/gpi1, decides early"
    assert f"  door-1: inside dock-1/1 | outside dock-1/2{told_back}" in lines
    assert "  packing: dock-1/3, within inside" in lines


def test_one_beam_is_enough_and_none_is_the_default() -> None:
    one = loaded(HEAD + READER + DOOR.replace("inside: dock-1/gpi3, ", "")).config
    assert plan.dock(one).doors[0].photo_eyes == ("outside",)
    none = loaded(HEAD + READER + DOOR[: DOOR.index(", photo_eye")] + "}]\n").config
    assert (plan.dock(none).photo_eyes, plan.dock(none).doors[0].early) == ({}, False)
    assert plan.reader_settings(none.readers[0], none).gpi_ports == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DOOR.replace("dock-1/gpi3", "dock-1/3"), "reader/gpi and the number of its input from 1"),
        (DOOR.replace("dock-1/gpi3", "dock-1/gpi0"), "reader/gpi and the number of its input from 1"),
        (DOOR.replace("dock-1/gpi3", "dock-1/gpi1"), "both beams are dock-1/gpi1"),
        (DOOR.replace("inside: dock-1/gpi3, outside: dock-1/gpi1, ", ""), "no beam is wired - add inside, outside or"),
        (
            DOOR.replace("dock-1/gpi3", "dokc-1/gpi3"),
            "there is no reader 'dokc-1' (found 'dokc-1/gpi3') - did you mean",
        ),
        (
            DOOR[:-2] + ", {name: door-2, sides: {inside: [dock-1/4], outside: [dock-1/5]}, "
            "photo_eye: {inside: dock-1/gpi3}}]\n",
            "dock-1/gpi3 is already used by doors[door-1].photo_eye.inside (line 6) - each beam has its own input",
        ),
        (
            DOOR + STATION.replace("within: inside", "within: yrad"),
            "no door has a side called 'yrad' - sides are",
        ),
        (DOOR + STATION.replace("within: inside", "within: outside"), "sides are called inside and yard"),
        (STATION, "sides are called nothing: add doors"),
    ],
)
def test_faults_name_the_place_and_the_cure(text: str, expected: str) -> None:
    faults = told(HEAD + READER + text)
    assert any(expected in fault for fault in faults), faults
