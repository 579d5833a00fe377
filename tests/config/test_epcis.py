"""What a technician writes about EPCIS, and what it means."""

from __future__ import annotations

import pytest

from edgegw import plan
from edgegw.core.epcis.meaning import NOTHING, Meaning
from edgegw.core.epcis.places import place_uri
from tests.config.support import HEAD, faults_of, loaded

DOCK = """\
readers: [{name: dock-1, host: 10.0.0.21}]
doors:
  - name: door-1
    sides: {inside: [dock-1/1], outside: [dock-1/2]}
"""
PACKING = """\
scanners: [{name: pack-1, station: packing, listen: "127.0.0.1:4002"}]
stations:
  - name: packing
"""
HERE = "https://id.gs1.org/414/0614141000012"


def test_nothing_is_meant_while_nobody_wants_epcis() -> None:
    assert plan.meanings(loaded(HEAD + DOCK).config) == NOTHING


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("", ("cloudevents",)),
        ("delivery: {format: epcis}\n", ("epcis",)),
        ("delivery: {format: [cloudevents, epcis]}\n", ("cloudevents", "epcis")),
        ("delivery: {format: [epcis, epcis]}\n", ("epcis",)),
    ],
)
def test_formats(text: str, formats: tuple[str, ...]) -> None:
    assert loaded(HEAD + DOCK + '    location: "0614141000012"\n' + text).config.delivery.formats == formats


def test_a_door_and_a_station_mean_something_by_themselves() -> None:
    text = HEAD + DOCK + '    location: "0614141000012"\n' + PACKING + '    location: "0614141000005"\n'
    meanings = plan.meanings(loaded(text + "delivery: {format: epcis, loads: true}\n").config)
    station = "https://id.gs1.org/414/0614141000005"
    assert meanings.loads
    assert meanings.points == {
        ("door-1", "out"): Meaning("departing", "in_transit", HERE, None),
        ("door-1", "in"): Meaning("arriving", "in_progress", HERE, None),
        ("packing", None): Meaning(None, None, station, station),
    }


def test_what_is_written_counts() -> None:
    text = (
        HEAD
        + DOCK
        + '    location: "0614141000012"\n'
        + "    epcis:\n      read_point: urn:epc:id:sgln:0614141.00001.DOCK-1\n"
        + '      outbound: {biz_step: shipping}\n      inbound: {biz_location: "0614141000005"}\n'
        + PACKING
        + '    epcis: {biz_step: packing, disposition: "https://x.example/d", read_point: "geo:1.5,2.5"}\n'
        + "delivery: {format: epcis}\n"
    )
    assert plan.meanings(loaded(text).config).points == {
        ("door-1", "out"): Meaning("shipping", "in_transit", f"{HERE}/254/DOCK-1", None),
        ("door-1", "in"): Meaning(
            "arriving", "in_progress", f"{HERE}/254/DOCK-1", "https://id.gs1.org/414/0614141000005"
        ),
        ("packing", None): Meaning("packing", "https://x.example/d", "geo:1.5,2.5", None),
    }


@pytest.mark.parametrize(
    ("epcis", "problem", "hint"),
    [
        ("outbound: {biz_step: shiping}", "is no word of CBV 2.0 and no URI", "did you mean 'shipping'?"),
        ("outbound: {biz_step: q}", "is no word of CBV 2.0 and no URI", "CBV 2.0, 7.1, has the list"),
        ("inbound: {disposition: in_transport}", "is no word of CBV 2.0 and no URI", "did you mean 'in_transit'?"),
        ('read_point: "0614141000013"', "check digit 3 should be 2", "such as 0614141000012"),
        ("read_point: dock 5", "is neither a GLN nor a URI", "such as 0614141000012"),
        ("read_point: urn:epc:id:sgln:0614141.DOCK", "is neither a GLN nor a URI", "urn:epc:id:sgln"),
        ("read_point: https://id.gs1.org/414/0614141000013", "check digit", "such as"),
    ],
)
def test_a_fault_is_told_with_its_cure(epcis: str, problem: str, hint: str) -> None:
    (fault,) = faults_of(HEAD + DOCK + f"    epcis: {{{epcis}}}\n")
    assert problem in fault.problem
    assert hint in fault.hint


def test_events_without_a_place_are_warned_of() -> None:
    text = HEAD + DOCK + PACKING + '    location: "0614141000005"\n'
    assert loaded(text).warnings == ()
    (warning,) = loaded(text + "delivery: {format: [cloudevents, epcis]}\n").warnings
    assert warning.problem == "EPCIS events of door-1 will not say where they happened"
    assert (warning.line, warning.hint) == (7, "give it a location (GLN), or epcis.read_point")


def test_loads_without_epcis_are_warned_of() -> None:
    (warning,) = loaded(HEAD + DOCK + "delivery: {loads: true}\n").warnings
    assert warning.problem == "has no effect"


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("urn:epc:id:sgln:0614141.00001.0", HERE),
        ("https://shop.example/gln/0614141000012", HERE),
        (f"{HERE}/254/0", HERE),
        ("https://example.com/hall/5", "https://example.com/hall/5"),
    ],
)
def test_places_have_one_form(text: str, uri: str) -> None:
    assert place_uri(text) == uri
