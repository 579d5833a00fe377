"""From a file to models, or to sentences that a technician can act on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgegw.config.load import load, load_with_warnings, parse
from edgegw.config.model import GpiStart, PeriodicStart, Tls
from edgegw.errors import ConfigError
from tests.config.support import HEAD, MINIMAL, READER, loaded, told

USED = READER + "stations: [{name: s, antennas: [dock-1]}]\n"


def reader(keys: str) -> str:
    return HEAD + f"readers:\n  - {{name: dock-1, host: 10.0.0.21, {keys}}}\n"


def scanner(keys: str) -> str:
    return HEAD + f"scanners:\n  - {{name: pack-1, station: packing, {keys}}}\nstations: [{{name: packing}}]\n"


def test_the_minimal_file_is_a_dock() -> None:
    config = load(MINIMAL)
    assert (config.site, config.gateway) == ("dc-1", "dock-edge-1")
    assert config.readers[0].effective_port == 5084
    assert config.doors[0].sides.outside == ("dock-1/2",)
    assert config.mqtt.effective_port == 1883


def test_values_take_the_type_of_their_key() -> None:
    config = loaded(
        reader("power_dbm: 31.5, session: 2, tls: {verify: no}, llrp_version: 1.1").replace("site: dc-1", "site: NO")
        + "stations: [{name: s, location: 0614141000005, antennas: [dock-1]}]\n"
    ).config
    assert config.site == "NO"
    assert config.stations[0].location == "0614141000005"
    assert (config.readers[0].power_dbm, config.readers[0].session) == (31.5, 2)
    assert config.readers[0].llrp_version == "1.1"
    assert config.readers[0].tls == Tls(verify=False)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("start: immediate", "immediate"),
        ("start: {gpi: 2, level: low}", GpiStart(gpi=2, level="low")),
        ("start: {every_s: 0.5}", PeriodicStart(every_s=0.5)),
    ],
)
def test_three_ways_to_start(written: str, meant: object) -> None:
    assert loaded(reader(written)).config.readers[0].start == meant


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "power_dbm: 31 dBm",
            "must be a number from -20 to 40 (found '31 dBm') - write 31, the unit is in the key's name",
        ),
        ("power_dbm: '30,5'", "must be a number from -20 to 40 (found '30,5') - write 30.5"),
        ("population: 2.5", "must be a whole number from 1 to 65535 (found '2.5')"),
        ("late_after_s: 0", "must be a number above 0, at most 3600 (found '0')"),
        ("search: Dual", "must be one of dual, single, reader (found 'Dual') - did you mean 'dual'?"),
        ("search: [dual]", "must be one of dual, single, reader (found a list) - write one text, without brackets"),
        (
            "tls: ture",
            "must be true or false or a mapping (ca_file, cert_file, key_file, server_name, verify) (found 'ture')",
        ),
        ("tls: ture", "did you mean 'true'?"),
        ("tls: [a]", "readers[dock-1].tls: must be true or false or a mapping"),
        ("tls: {verify: perhaps}", "readers[dock-1].tls.verify: must be true or false (found 'perhaps')"),
        ("tls: {key_file: /k}", "readers[dock-1].tls.key_file: a private key needs its certificate - add cert_file"),
        ("start: imediate", "(found 'imediate') - did you mean 'immediate'?"),
        ("start: {gpi: 0}", "readers[dock-1].start.gpi: must be a whole number from 1 to 255 (found '0')"),
        ("start: {level: low}", "readers[dock-1].start.gpi: is missing - write a whole number from 1 to 255"),
        ("start: {evrey_s: 0}", "readers[dock-1].start.every_s: must be a number above 0, at most 86400 (found '0')"),
        ("start: {gpi: 1, every_s: 2}", "readers[dock-1].start.every_s: does not go together with gpi"),
        ("stop: {}", "readers[dock-1].stop: nothing here ends the round - add after_s, gpi or both"),
        ("stop: {level: low}", "readers[dock-1].stop: nothing here ends the round - add after_s, gpi or both"),
        ("colour: red", "unknown key 'colour' - keys here: name, host, port, tls,"),
        ("mode: ", "readers[dock-1].mode: has no value - write a whole number from 0 to 65535, or delete it"),
        ("mode: null", "readers[dock-1].mode: has no value - write a whole number from 0 to 65535, or delete it"),
        ("host: 1.2.3.4", "readers[dock-1].host: key 'host' is given twice (first at line 6) - keep one of them"),
    ],
)
def test_faults_of_a_reader(keys: str, expected: str) -> None:
    said = told(reader(keys))
    assert any(expected in line for line in said), said
    assert len(said) == (2 if "evrey_s" in keys else 1)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (
            "10.0.0.300",
            "is not an IP address (found '10.0.0.300') - four numbers from 0 to 255 with points between, such as",
        ),
        ("10.0.0", "is not an IP address"),
        ("10.0.0.21:5084", "must be a host alone (found '10.0.0.21:5084') - write host: 10.0.0.21 and port: 5084"),
        ("llrp://dock", "must be a host alone (found 'llrp://dock') - write host: dock"),
        ("dock one", "is not a host name (found 'dock one')"),
        ("dóck", "is not a host name"),
        ("-dock", "is not a host name"),
        ("", "must be a text, not empty (found '')"),
    ],
)
def test_hosts_that_nobody_could_reach(host: str, expected: str) -> None:
    (said,) = told(HEAD + f"readers: [{{name: dock-1, host: {host!r}}}]\n")
    assert said.startswith("f:5:32: readers[dock-1].host: ")
    assert expected in said


@pytest.mark.parametrize(
    "host", ["10.0.0.21", "dock-1", "dock_1.example.org.", "fe80::1", "::1", "xn--dck-1na.example"]
)
def test_hosts(host: str) -> None:
    assert loaded(HEAD + f"readers: [{{name: dock-1, host: '{host}'}}]\n").config.readers[0].host == host


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("baud: 9600", "f:6:5: scanners[pack-1]: how it is connected is missing - say exactly one of port, usb"),
        ("port: /x, usb: '1234:5678'", "scanners[pack-1].usb: only one of port and usb can be"),
        ("port: , baud: 1", "scanners[pack-1].port: has no value"),
        ("usb: scanner", "must be VID:PID or VID:PID:serial, as lsusb shows (found 'scanner')"),
        ("connect: 10.0.0.5", "must be host:port with a port from 1 to 65535 (found '10.0.0.5')"),
        ("connect: '10.0.0.5:70000'", "must be host:port with a port from 1 to 65535"),
        ("listen: '10.0.0.500:1'", "is not an IP address"),
        (
            "port: /x, serials: {match: a}",
            "must be a list (found a mapping (match)) - begin each item of the list with",
        ),
        ("port: /x, serials: [{match: '(', unit: 'a:{b}'}]", "serials[#1].match: is not a regular expression"),
        ("port: /x, serials: [{match: '(?P<b>(a*)*)c', unit: 'a:{b}'}]", "serials[#1].match: could try for ever"),
        (
            "port: /x, serials: [{match: '[a--b]', unit: 'a:{b}'}]",
            "is not a regular expression (found '[a--b]') - Possible",
        ),
        ("port: /x, serials: [{match: '(?P<a>.)', unit: 'a:{b}'}]", "unit uses {b}, which match does not name"),
        ("port: /x, serials: [{match: '(?P<a>.)', unit: 'b/{a}'}]", "is not a URI (found 'b/{a}')"),
        ("port: /x, serials: [{match: '(?P<a>.)', unit: 'a:b'}]", "names no group of match"),
        ("port: ''", "scanners[pack-1].port: must be the full path of a serial port (found '')"),
    ],
)
def test_faults_of_a_scanner(keys: str, expected: str) -> None:
    said = told(scanner(keys))
    assert any(expected in line for line in said), said


def test_a_faulty_way_in_is_not_called_missing() -> None:
    assert len(told(scanner("usb: scanner"))) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqtt:\n", "f:1:1: mqtt: has no value - write a mapping (host, port,"),
        ("mqtt: broker\n", "f:1:7: mqtt: must be a mapping (host, port,"),
        ("mqtt: {}\n", "f:1:7: mqtt.host: is missing - write a text, not empty: IP address or host name of the broker"),
        ("mqtt: {host: b, password_file: p}\n", "mqtt.password_file: a password needs a name to log in with"),
        (
            "mqtt: {host: b, username: u, password_file: p, password_credential: c}\n",
            "mqtt.password_credential: the password cannot come from two places - keep password_file or",
        ),
        ("mqtt: {host: b, prefix: /a}\n", "mqtt.prefix: must be levels joined by '/', without spaces"),
        ("readers: dock-1\n", "f:1:10: readers: must be a list (found 'dock-1')"),
        ("readers:\n  name: dock-1\n", "f:2:3: readers: must be a list (found a mapping (name)) - begin each item"),
        ("readers:\n", "f:1:1: readers: has no value - write a list, or delete it"),
        ("readers: [~]\n", "f:1:11: readers: has no value"),
        ("readers: [[]]\n", "f:1:11: readers[#1]: must be a mapping (name, host,"),
        ("doors: [{name: d, places: {inside: a, outside: a}}]\n", "doors[d].places.outside: both sides are called 'a'"),
        ("doors: [{name: d, max_open_s: 4}]\n", "doors[d].sides: is missing - write a mapping (inside, outside)"),
        ("doors: [{sides: {inside: [], outside: [a]}}]\n", "doors[#1].sides.inside: must be a list of at least one"),
        (
            "doors: [{sides: {inside: a, outside: [a]}}]\n",
            "inside: must be a list of at least one (found 'a') - write [a]",
        ),
        ("stations: [{name: s, location: 614141000005}]\n", "must be a GLN of 13 digits (found '614141000005')"),
        (
            "stations: [{name: s, location: '0614141000004'}]\n",
            "its check digit does not fit (found '0614141000004') - 061414100000 would end in 5",
        ),
        (
            "stations: [{name: a b}]\n",
            "must be a name of letters, digits, '-', '_' and '.', at most 64 long (found 'a b')",
        ),
    ],
)
def test_faults_of_the_rest(text: str, expected: str) -> None:
    said = told(text)
    assert any(expected in line for line in said), said


def test_limits_between_keys() -> None:
    door = "doors: [{name: d, sides: {inside: [dock-1/1], outside: [dock-1/2]}, quiet_s: 5, max_open_s: 5}]\n"
    (said,) = told(HEAD + READER + door)
    assert "f:6:81: doors[d].max_open_s: max_open_s (5) must be longer than quiet_s (5)" in said


def test_faults_come_in_the_order_of_the_file() -> None:
    said = told("log: {level: x}\nstie: a\nreaders: [{nmae: b}]\n")
    places = [tuple(map(int, line.split(":")[1:3])) for line in said]
    assert places == sorted(places)
    missing = [line for line in told("log: {}\n") if "is missing" in line]
    assert [line.split(":")[3].strip() for line in missing] == ["site", "gateway", "mqtt", "journal"]


def test_one_fault_behind_an_alias_is_told_once() -> None:
    text = HEAD + "readers:\n  - &r {name: a, host: h, power_dbm: 99}\n  - {<<: *r, name: b, host: i}\n"
    assert [line for line in told(text) if "power_dbm" in line] == [
        "f:6:38: readers[a].power_dbm: must be a number from -20 to 40 (found '99') - transmit power; "
        "must be in the reader's own table; default: as set there"
    ]


def test_shared_settings_by_merge_key() -> None:
    text = HEAD + "readers:\n  - &r {name: a, host: h, power_dbm: 20}\n  - {<<: *r, name: b, host: i}\n"
    assert [reader.power_dbm for reader in loaded(text).config.readers] == [20, 20]


def test_hostile_words_do_not_reach_the_terminal() -> None:
    (said,) = told(HEAD + READER + '"\\e[31mred\\nline": 1\n')
    assert said.isprintable()


def test_a_branch_name_of_ours_is_no_key() -> None:
    (said,) = told(reader('start: {gpi: 1, "<gpi>": 2}'))
    assert "unknown key '<gpi>'" in said


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "edgegw.yaml"
    file.write_text(HEAD.replace("/var/lib/edgegw/journal.db", "journal.db") + USED, encoding="utf-8")
    assert load(file).journal.path == tmp_path / "journal.db"
    assert load_with_warnings(file).warnings == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing.yaml", "there is no such file"),
        (".", "is a folder"),
        ("pipe", "is not a regular file"),
        ("a\0b", "cannot be read"),
        ("pipe/x.yaml", r"cannot be read \(Not a directory\)"),
    ],
)
def test_what_is_no_file(name: str, expected: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=expected) as raised:
        load(tmp_path / name)
    assert raised.value.faults[0].line == 0


def test_parse_takes_bytes_and_text() -> None:
    assert parse(HEAD + USED, "f").config == parse((HEAD + USED).encode(), "f").config
