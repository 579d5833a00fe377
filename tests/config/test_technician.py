"""Slips of a technician: each is found at its place, with a cure that can be typed as it stands."""

from __future__ import annotations

import pytest

from tests.config.support import faults_of

DOCK = """\
site: dc-1
gateway: dock-edge-1

readers:
  - name: dock-1
    host: 10.0.0.21
    power_dbm: 30

scanners:
  - name: pack-1
    station: packing
    port: /dev/serial/by-id/usb-Honeywell-if00

doors:
  - name: door-1
    sides:
      inside: [dock-1/1, dock-1/2]
      outside: [dock-1/3, dock-1/4]

stations:
  - name: packing
    location: "0614141000005"

mqtt:
  host: broker.example
  username: edge

journal:
  path: /var/lib/edgegw/journal.db
"""
PORT = "port: /dev/serial/by-id/usb-Honeywell-if00"
MQTT = "mqtt:\n  host: broker.example\n  username: edge"
READER = "  - name: dock-1\n    host: 10.0.0.21"
STATIONS = 'stations:\n  - name: packing\n    location: "0614141000005"\n'
GLN = '"0614141000005"'

PLACES = [  # indentation, lists, braces: where something stands
    ("    host: 10", "\thost: 10", "6:1", "YAML takes only spaces there"),
    ("    host: 10", "   host: 10", "6:4", "line 5 begins at column 5: indent both alike"),
    (
        "readers:\n  - name: dock-1",
        "readers:\n    name: dock-1",
        "5:5",
        "begin each item of the list with '- ', such as - name: ...",
    ),
    ("  - name: pack-1", "    name: pack-1", "10:5", "begin each item of the list with '- ', such as - name: ..."),
    ("  - name: door-1", "  -name: door-1", "15:3", "write - name: door-1"),
    (
        MQTT,
        "mqtt:\n  - host: broker.example\n    username: edge",
        "25:3",
        "delete the '- ': there is one of these, not a list",
    ),
    (MQTT, "mqtt: broker.example:1883", "24:7", "write its keys below it, indented, such as host: broker.example:1883"),
    ("mqtt:\n  host", "mqtt: host", "24:11", "put what follows 'mqtt:' in quotes, or on a line of its own, indented"),
    ("[dock-1/1, dock-1/2]", "[dock-1/1 dock-1/2]", "17:16", "put ',' between them: dock-1/1, dock-1/2"),
    ("[dock-1/1, dock-1/2]", "[dock-1/1, dock-1/2", "17:15", "add the ']', and ',' between the items"),
    ("site: dc-1", "{site: dc-1", "1:1", "add the '}', and ',' between the keys"),
]
CHARACTERS = [  # what looks right and is another character, or lacks its partner
    ("    host: 10", "    host:10", "6:9", "write host: 10.0.0.21"),
    ("host: broker.example", "host = broker.example", "25:3", "write host: broker.example"),
    ("    host: 10", "    host:\xa010", "6:10", "type a plain space instead"),
    ("    host: 10", "\xa0\xa0\xa0\xa0host: 10", "6:1", "type a plain space instead"),
    ("host: 10.0.0.21", "host： 10.0.0.21", "6:9", "type a plain : instead"),
    ("name: dock-1", "name: dock–1", "5:11", "it holds U+2013 EN DASH: type a plain - instead"),
    ("name: dock-1", "name: dock-1\u200b", "5:11", "it holds U+200B ZERO WIDTH SPACE: delete this invisible character"),
    (GLN, '"0614141000005', "22:15", "add the same quote at the end of the text"),
    (GLN, "“0614141000005”", "22:15", 'it holds U+201C LEFT DOUBLE QUOTATION MARK: type a plain " instead'),
    (GLN, "„0614141000005“", "22:15", 'it holds U+201E DOUBLE LOW-9 QUOTATION MARK: type a plain " instead'),
    ("  username: edge", "  username: @edge", "26:13", "put the whole text in quotes"),
    (
        "  username: edge",
        "  username: edge: dock",
        "26:17",
        "put what follows 'username:' in quotes, or on a line of its own, indented",
    ),
    ("host: broker.example", "host: broker.example#main", "25:9", "put a space before the '#' of a comment"),
]
NUMBERS = [
    ("power_dbm: 30", "power_dbm: 31,5", "7:16", "write 31.5"),
    ("power_dbm: 30", "power_dbm: 30dBm", "7:16", "write 30, the unit is in the key's name"),
    (PORT, "port: /dev/ttyUSB0\n    baud: 9600 baud", "13:11", "write 9600, the unit is in the key's name"),
    ("power_dbm: 30", "power_dbm: 30\n    session: S1", "8:14", "write 1"),
    ("10.0.0.21", "10.0.0,21", "6:11", "four numbers from 0 to 255 with points between, such as 10.0.0.21"),
    (GLN, "0614141000004", "22:15", "061414100000 would end in 5; look for a mistyped digit"),
]
NAMES = [  # keys, and what refers to something else
    ("power_dbm: 30", "power_mw: 1000", "7:5", "did you mean 'power_dbm'?"),
    ("  - name: door-1", "  - name: door-1\n    quiet_ms: 4000", "16:5", "did you mean 'quiet_s'?"),
    (
        "username: edge",
        "username: edge\n  password: secret",
        "27:3",
        "write it into a file, and name that in password_file",
    ),
    ("username: edge", "username: edge\n  password_fil: secret", "27:3", "did you mean 'password_file'?"),
    ("host: 10.0.0.21", "host:", "6:5", "write a text, not empty: IP address or host name"),
    ("    power_dbm: 30", "    power_dbm: 30\n    host: 10.0.0.22", "8:5", "keep one of them"),
    (READER, READER.replace("dock-1", "dock-2") + "\n" + READER, "8:11", "each device has its own"),
    ("dock-1/1, dock-1/2", "dock-1-1, dock-1-2", "17:16", "did you mean 'dock-1/1'?"),
    ("dock-1/1, dock-1/2", "1, 2", "17:16", "write the reader's name before it: dock-1/1"),
    ("dock-1/1, dock-1/2", "dock-1 / 1, dock-1/2", "17:16", "write dock-1/1"),
    ("dock-1/1,", "dock-1/0,", "17:16", "antennas that look into the building"),
    ("dock-1/4", "dock-1/antenna4", "18:27", "write dock-1/4"),
    (
        "dock-1/3, dock-1/4",
        "dock-1/1, dock-1/4",
        "18:17",
        "an antenna belongs to one side of one door, or to one station",
    ),
    ("dock-1/3, dock-1/4", "dock-2/3, dock-2/4", "18:17", "did you mean 'dock-1'?"),
    (STATIONS, "", "11:14", "add it to stations, with name: packing"),
]
ADDRESSES = [
    (PORT, "listen: 4002", "12:13", "write 0.0.0.0:4002 for every address of this device"),
    (PORT, "usb: 0c2e-0901", "12:10", "write 0c2e:0901"),
    (PORT, "port: ttyUSB0", "12:11", "write /dev/ttyUSB0"),
    (PORT, "port: COM3", "12:11", "ls -l /dev/serial/by-id shows the names"),
    ("gateway: dock-edge-1", "gateway: dock edge 1", "2:10", "write dock-edge-1"),
    ("host: broker.example", "host: broker.example\n  prefix: edge gw/v 1", "26:11", "write edge-gw/v-1"),
    ("broker.example", "mqtt://broker.example:1883", "25:9", "write host: broker.example and port: 1883"),
]


def test_the_dock_without_a_slip_is_good() -> None:
    assert faults_of(DOCK) == ()


@pytest.mark.parametrize(("right", "written", "place", "cure"), [*PLACES, *CHARACTERS, *NUMBERS, *NAMES, *ADDRESSES])
def test_place_and_cure(right: str, written: str, place: str, cure: str) -> None:
    assert right in DOCK
    first = faults_of(DOCK.replace(right, written, 1))[0]
    assert (f"{first.line}:{first.col}", first.hint) == (place, cure)


def test_a_decimal_comma_in_braces() -> None:
    written = DOCK.replace(f"{READER}\n    power_dbm: 30", "  - {name: dock-1, host: 10.0.0.21, power_dbm: 31,5}")
    (fault,) = faults_of(written)
    assert (fault.line, fault.col, fault.hint) == (5, 51, "decimals take a point: power_dbm: 31.5")
