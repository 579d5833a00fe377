"""What the parts of a configuration say about each other."""

from __future__ import annotations

import pytest

from edgegw.config.antennas import antenna_map
from edgegw.core.model import AtStation, DoorSide
from tests.config.support import HEAD, READER, loaded, told, warned

TWO = "readers: [{name: dock-1, host: 10.0.0.21}, {name: dock-2, host: 10.0.0.22}]\n"
DOOR = "doors: [{name: door-1, sides: {inside: [dock-1/1], outside: [dock-1/2]}}]\n"
STATION = "stations: [{name: packing, antennas: [dock-1]}]\n"


def scanner(keys: str, name: str = "pack-1") -> str:
    return f"scanners: [{{name: {name}, station: packing, {keys}}}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f:1:1: there is nothing to read with - add readers or scanners"),
        (
            READER + scanner("port: /x", "dock-1") + STATION,
            "f:6:19: scanners[dock-1].name: 'dock-1' is already the name of a reader (line 5)",
        ),
        (
            READER + DOOR + "stations: [{name: door-1, antennas: [dock-1/3]}]\n",
            "f:7:19: stations[door-1].name: 'door-1' is already the name of a door (line 6)",
        ),
        (
            scanner("port: /x") + "stations: [{name: packign}]\n",
            "f:5:36: scanners[pack-1].station: there is no station 'packing' - did you mean 'packign'?",
        ),
        (scanner("port: /x"), "there is no station 'packing' - add it to stations, with name: packing"),
        (
            READER + scanner("port: /x") + DOOR.replace("door-1", "packing"),
            "there is no station 'packing' - packing is a door; a scan happens at a station",
        ),
        (
            READER + DOOR.replace("dock-1/2", "dokc-1/2"),
            "f:6:62: doors[door-1].sides.outside: there is no reader 'dokc-1' (found 'dokc-1/2') - "
            "did you mean 'dock-1'?",
        ),
        (DOOR, "there is no reader 'dock-1' (found 'dock-1/1') - add it to readers, with name: dock-1"),
        (
            scanner("port: /x") + "stations: [{name: packing, antennas: [pack-1]}]\n",
            "there is no reader 'pack-1' (found 'pack-1') - pack-1 is a scanner; scanners name their station",
        ),
        (
            READER + DOOR.replace("dock-1/2", "dock-1/1"),
            "f:6:62: doors[door-1].sides.outside: dock-1/1 is already used in doors[door-1].sides.inside as dock-1/1",
        ),
        (
            READER + DOOR + STATION,
            "stations[packing].antennas: dock-1 is already used in doors[door-1].sides.inside as",
        ),
        (
            READER + DOOR.replace("dock-1/1", "dock-1"),
            "doors[door-1].sides.outside: dock-1/2 is already used in doors[door-1].sides.inside as dock-1 (line 6)",
        ),
        (
            TWO.replace("10.0.0.22", "10.0.0.21"),
            "f:5:65: readers[dock-2].host: 10.0.0.21:5084 is already used by readers[dock-1].host (line 5)",
        ),
        (
            TWO.replace("{name: dock-2, host: 10.0.0.22", "{name: dock-2, host: 10.0.0.21, port: 5084"),
            "already used by",
        ),
        (
            "scanners:\n- {name: a, station: packing, port: /x}\n- {name: b, station: packing, port: /x}\n" + STATION,
            "f:7:37: scanners[b].port: /x is already used by scanners[a].port (line 6)",
        ),
        (
            "scanners:\n- {name: a, station: s, usb: '0c2e:0901'}\n- {name: b, station: s, usb: '0C2E:0901'}\n",
            "scanners[b].usb: 0c2e:0901 is already used by scanners[a].usb",
        ),
    ],
)
def test_contradictions(text: str, expected: str) -> None:
    said = told(HEAD + text)
    assert any(expected in line for line in said), said


@pytest.mark.parametrize(
    "text",
    [
        READER + DOOR,
        TWO + DOOR + "stations: [{name: packing, antennas: [dock-2]}]\n",
        TWO.replace("host: 10.0.0.22", "host: 10.0.0.21, port: 5085, tls: true") + DOOR + STATION.replace("-1", "-2"),
        scanner("port: /x") + "stations: [{name: packing}]\n",
        scanner("listen: '127.0.0.1:4001'") + "stations: [{name: packing}]\n",
        scanner("listen: '0.0.0.0:4001', from: [10.0.0.31, 'fe80::/10']") + "stations: [{name: packing}]\n",
    ],
)
def test_docks_without_fault_or_warning(text: str) -> None:
    assert warned(HEAD + text) == []


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "readers: [{name: 'dock 1', host: h}]\n" + DOOR,
        HEAD + "readers: [{host: h}]\n" + DOOR,
        HEAD + "readers: ~\n" + DOOR,
        HEAD + "readers: [~]\n" + DOOR,
        HEAD + scanner("port: /x") + "stations: [{name: 'a b'}]\n",
    ],
)
def test_nothing_is_unknown_while_a_name_is_missing(text: str) -> None:
    assert len(told(text)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TWO + DOOR, "f:5:51: readers[dock-2].name: no door or station uses dock-2 - add dock-2/1 to a side"),
        (
            READER + DOOR + "stations: [{name: packing}]\n",
            "f:7:19: stations[packing].name: nothing reads at packing - give it antennas, or a scanner",
        ),
        (
            READER.replace("}", ", session: 1}") + DOOR,
            "f:5:52: readers[dock-1].session: session 1 gives a door only 3 to 4 reads a pass, too few to see the "
            "direction - write session: 0",
        ),
        (READER.replace("}", ", port: 5085}") + DOOR, "readers[dock-1].port: port 5085 is usually with TLS"),
        (
            READER.replace("}", ", tls: true, port: 5084}") + DOOR,
            "readers[dock-1].port: port 5084 is usually without TLS",
        ),
        (
            READER.replace("}", ", tls: {verify: false}}") + DOOR,
            "readers[dock-1].tls.verify: whoever answers is believed: TLS protects from nobody",
        ),
        (
            READER.replace("}", ", stop: {after_s: 1, level: low}}") + DOOR,
            "readers[dock-1].stop.level: has no effect - level belongs to gpi, which is not given",
        ),
        (
            READER + DOOR.replace("]}}]", "]}, places: {inside: “hall”}}]"),
            "f:6:91: doors[door-1].places.inside: the text holds U+201C LEFT DOUBLE QUOTATION MARK - type a plain",
        ),
        (
            READER + DOOR.replace("]}}]", "]}, places: {inside: hall\u00a02}}]"),
            "doors[door-1].places.inside: the text holds U+00A0 NO-BREAK SPACE - type a plain space instead",
        ),
        (
            scanner("listen: '127.0.0.1:4001', baud: 9600") + "stations: [{name: packing}]\n",
            "f:5:71: scanners[pack-1].baud: has no effect - a network scanner has no serial line",
        ),
        (
            scanner("listen: '0.0.0.0:4001'") + "stations: [{name: packing}]\n",
            "f:5:53: scanners[pack-1].listen: whoever reaches this port can say what was scanned - add from: with",
        ),
        (
            scanner("connect: '10.0.0.31:4001', from: [10.0.0.31]") + "stations: [{name: packing}]\n",
            "scanners[pack-1].from: has no effect - from belongs to listen, which is not given",
        ),
    ],
)
def test_what_looks_like_a_mistake(text: str, expected: str) -> None:
    (said,) = warned(HEAD + text)
    assert expected in said


@pytest.mark.parametrize("secret", ["password_file: /p", "password_credential: p"])
@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ("host: 10.0.0.9", "whoever listens on the way to 10.0.0.9 can read the password - write tls: true"),
        ("host: broker", "whoever listens on the way to broker can read the password - write tls: true"),
        ("host: broker, tls: true", ""),
        ("host: localhost", ""),
        ("host: 127.0.0.1", ""),
        ("host: '::1'", ""),
    ],
)
def test_a_password_in_clear_is_for_this_machine_alone(broker: str, secret: str, expected: str) -> None:
    text = HEAD.replace("{host: broker}", f"{{{broker}, username: edge, {secret}}}") + READER + DOOR
    said = warned(text)
    assert bool(said) is bool(expected)
    assert all(f"mqtt.{secret.partition(':')[0]}: {expected}" in line for line in said)


def test_session_1_away_from_doors_is_nobodys_business() -> None:
    assert warned(HEAD + READER.replace("}", ", session: 1}") + STATION) == []


def test_antenna_map() -> None:
    text = TWO + DOOR + "stations: [{name: packing, antennas: [dock-2, dock-1/3]}]\n"
    assert antenna_map(loaded(HEAD + text).config) == {
        ("dock-1", 1): DoorSide("door-1", "inside"),
        ("dock-1", 2): DoorSide("door-1", "outside"),
        ("dock-2", 0): AtStation("packing"),
        ("dock-1", 3): AtStation("packing"),
    }


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        ("[10.0.0.31/24]", "is an address and no network (found '10.0.0.31/24') - write 10.0.0.0/24, or 10.0.0.31"),
        ("[dock]", "is no network and no IP address (found 'dock') - such as 10.0.0.0/24 or 10.0.0.31"),
        ("10.0.0.31", "scanners[pack-1].from: must be a list (found '10.0.0.31') - write [10.0.0.31]"),
    ],
)
def test_from_names_networks(networks: str, expected: str) -> None:
    said = told(HEAD + scanner(f"listen: '0.0.0.0:4001', from: {networks}") + "stations: [{name: packing}]\n")
    assert any(expected in line for line in said), said
