"""`edgegw check` as a technician uses it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgegw.cli import call
from edgegw.cli.check import check
from edgegw.config.surroundings import sqlite_note
from edgegw.core.event import TYPES
from edgegw.store.migrate import shipped_migrations
from edgegw.store.opening import Birth, open_file
from edgegw.store.ownership import Witness

CONFIG_DIR = Path(__file__).parents[2] / "config"
GOOD = """\
site: dc-1
gateway: edge-1
readers:
  - {name: dock-1, host: 10.0.0.21, power_dbm: 30}
doors:
  - name: door-1
    sides: {inside: [dock-1/1, dock-1/2], outside: [dock-1/3]}
mqtt: {host: broker.example, tls: true, username: edge}
journal: {path: journal.db}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "edgegw.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(check, [str(argument) for argument in arguments])


def add(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_good_file_is_told_back(file: Path) -> None:
    add(file, "scanners: [{name: gun, station: packing, listen: '127.0.0.1:4001'}]\nstations: [{name: packing}]\n")
    result = run(file)
    assert result.exit_code == 0
    lines = [line.strip() for line in result.output.splitlines()]
    assert lines[: 12 + len(TYPES)] == [
        "edge-1 at dc-1",
        "door-1: inside dock-1/1 dock-1/2 | outside dock-1/3, from outside to inside and back",
        "packing: gun",
        "reader dock-1: 10.0.0.21:5084, 30 dBm, session 0",
        "scanner gun: listen 127.0.0.1:4001, for packing",
        "broker broker.example:8883 with TLS as edge",
        *(f"topic edgegw/v1/dc-1/edge-1/evt/{event}" for event in TYPES),
        "topic edgegw/v1/dc-1/edge-1/status",
        "topic edgegw/v1/dc-1/edge-1/reader/dock-1",
        "topic edgegw/v1/dc-1/edge-1/loc/door-1",
        "topic edgegw/v1/dc-1/edge-1/loc/packing",
        f"journal {file.parent}/journal.db",
        "",
    ]
    assert lines[-1] == f"{file} is good: no faults, no warnings."


@pytest.mark.parametrize("arguments", [[CONFIG_DIR / "minimal.yaml"], ["-c", CONFIG_DIR / "minimal.yaml"]])
def test_the_file_is_named_either_way(arguments: list[str | Path]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0
    assert "door-1: inside dock-1/1 | outside dock-1/2" in result.output


def test_every_fault_with_line_and_caret(file: Path) -> None:
    replace(file, "power_dbm: 30", "power_dmb: 30")
    replace(file, "dock-1/3", "dokc-1/3")
    result = run(file)
    assert result.exit_code == 78
    assert result.output.splitlines() == [
        f"{file}:4:37: readers[dock-1].power_dmb: unknown key 'power_dmb' - did you mean 'power_dbm'?",
        "     4 |   - {name: dock-1, host: 10.0.0.21, power_dmb: 30}",
        "       |                                     ^",
        f"{file}:7:53: doors[door-1].sides.outside: there is no reader 'dokc-1' (found 'dokc-1/3') - "
        "did you mean 'dock-1'?",
        "     7 |     sides: {inside: [dock-1/1, dock-1/2], outside: [dokc-1/3]}",
        "       |                                                     ^",
        "",
        "2 faults: edgegw would not start with this file.",
    ]


def test_a_long_line_is_cut_around_its_caret(file: Path) -> None:
    add(file, "stations: [{name: a, antennas: [" + "dock-1/4, " * 30 + "]}]\n")
    *_, excerpt, caret, _, _ = run(file).output.splitlines()
    assert excerpt[caret.index("^") :].startswith("dock-1/4")
    assert len(excerpt) < 130


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("none.yaml", "there is no such file"), (".", "is a folder"), ("/dev/null", "is not a regular file")],
)
def test_what_is_no_file(tmp_path: Path, name: str, sentence: str) -> None:
    result = run(tmp_path / name)
    assert result.exit_code == 78
    assert sentence in result.output
    assert "1 fault" in result.output


def test_control_characters_stay_in_the_file(file: Path) -> None:
    add(file, 'x: "\x1b[2Jgone"\n')
    result = run(file)
    assert result.exit_code == 78
    assert "\x1b" not in result.output
    assert "(U+001B)" in result.output


def test_warnings_do_not_stop_unless_denied(file: Path) -> None:
    replace(file, "power_dbm: 30", "session: 1")
    result = run(file)
    assert result.exit_code == 0
    assert "warning: " in result.output
    assert "     4 |   - {name: dock-1, host: 10.0.0.21, session: 1}" in result.output
    assert run(file, "--deny-warnings").exit_code == 78


def test_all_topics_are_named(file: Path) -> None:
    add(file, "delivery: {format: [cloudevents, epcis], confirm: central, commands: [resend]}\n")
    document = json.loads(run(file, "--format", "json").output)
    base = "edgegw/v1/dc-1/edge-1"
    assert document["hears"] == [f"{base}/ack", f"{base}/cmd/resend"]
    assert {f"{base}/epcis/ObjectEvent", f"{base}/epcis/AggregationEvent", f"{base}/cmd/resend/reply"} <= set(
        document["topics"]
    )
    assert f"    hears {base}/ack" in run(file).output.splitlines()


def test_room_for_the_journal(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(file.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=15 << 20))
    sentence = "journal.path: only 15 MB are free on its disk, and the journal begins with 16 MB - free some space"
    assert sentence in warned(file)[0]
    Path(file.parent / "journal.db-wal").write_bytes(b"")
    assert warned(file) == []


def test_json(file: Path) -> None:
    document = json.loads(run(file, "--format", "json").output)
    assert document["good"] is True
    assert document["topics"][0] == "edgegw/v1/dc-1/edge-1/evt/movement"
    replace(file, "host: broker.example", "hsot: broker.example")
    result = run(file, "--format", "json")
    assert result.exit_code == 78
    document = json.loads(result.output)
    assert (document["good"], document["topics"]) == (False, [])
    assert document["faults"] == [
        {
            "line": 8,
            "column": 8,
            "key": "mqtt.hsot",
            "problem": "unknown key 'hsot'",
            "hint": "did you mean 'host'?",
            "text": f"{file}:8:8: mqtt.hsot: unknown key 'hsot' - did you mean 'host'?",
        }
    ]


def test_github_annotations(file: Path) -> None:
    replace(file, "power_dbm: 30", "session: 1")
    assert run(file, "--format", "github").output.startswith(f"::warning file={file},line=4,col=46::readers[dock-1]")
    replace(file, "session: 1", "'a%b': 1")
    result = run(file, "--format", "github")
    assert result.exit_code == 78
    assert result.output.startswith(f"::error file={file},line=4,col=37::readers[dock-1].a%25b: unknown key 'a%25b'")
    assert len(result.output.splitlines()) == 1


# ---------------------------------------------------------------- what this machine has


def warned(file: Path) -> list[str]:
    result = run(file)
    assert result.exit_code == 0, result.output
    return [line for line in result.output.splitlines() if line.startswith("warning: ")]


def refused(file: Path, code: int) -> str:
    """The one fault, with which `edgegw run` does not start either."""
    said = refusal(file, code).splitlines()
    assert said[-1].startswith("1 fault: edgegw would not start")
    return said[0]


def refusal(file: Path, code: int) -> str:
    """The faults, with which `edgegw run` does not start either."""
    result = run(file)
    assert result.exit_code == code, result.output
    assert call(["run", str(file)]) == code
    return result.output


def test_this_machine_is_not_looked_at_when_told_so(file: Path) -> None:
    replace(file, "journal.db", "none/of/these/journal.db")
    assert "there is no folder" in run(file).output
    assert run(file).exit_code == 69
    assert run(file, "--file-only", "--deny-warnings").exit_code == 0


def test_password_file(file: Path) -> None:
    replace(file, "username: edge", "username: edge, password_file: secret")
    said = refused(file, 78)
    assert f"mqtt.password_file: {file.parent}/secret cannot be read (No such file or directory)" in said
    assert ":8:72: " in said
    secret = file.parent / "secret"
    secret.touch(mode=0o600)
    assert "secret is empty - write the password into it" in refused(file, 78)
    secret.write_text("edge\nhush\n", encoding="utf-8")
    assert "secret holds more than one line - it must hold the password alone" in refused(file, 78)
    secret.write_bytes(b"\xff\xfe")
    assert "secret is not UTF-8 text" in refused(file, 78)
    secret.write_text("hush\n", encoding="utf-8")
    assert warned(file) == []
    secret.chmod(0o644)
    assert f"everybody on this machine can read {secret} (mode 0644) - chmod 600 {secret}" in warned(file)[0]
    secret.unlink()
    secret.mkdir()
    assert "secret is no file" in refused(file, 78)


def test_a_credential_is_systemds_business(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(file, "username: edge", "username: edge, password_credential: mqtt")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (said,) = warned(file)
    assert "cannot be looked at here - its unit must say LoadCredential=mqtt:FILE" in said
    assert call(["run", str(file)]) == 78
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "mqtt cannot be read (No such file or directory)" in refused(file, 78)
    (tmp_path / "mqtt").write_text("hush\n")
    assert warned(file) == []


def test_certificates(file: Path) -> None:
    folder = file.parent
    replace(file, "tls: true", "tls: {ca_file: ca.pem, cert_file: edge.pem, key_file: edge.key}")
    said = refusal(file, 78)
    assert said.count("cannot be read (No such file or directory) - check the path") == 3
    assert run(file, "--connect").output == said  # nothing is said twice
    for name in ("ca.pem", "edge.pem", "edge.key"):
        (folder / name).write_text("no certificate", encoding="utf-8")
        (folder / name).chmod(0o600)
    said = refusal(file, 78)
    assert f"mqtt.tls.ca_file: {folder}/ca.pem holds no certificate" in said
    assert f"mqtt.tls.cert_file: {folder}/edge.pem holds no certificate" in said
    make_certificate(folder)
    replace(file, ", key_file: edge.key", "")
    assert f"{folder}/edge.pem holds no private key - name the file that does in key_file" in refused(file, 78)
    replace(file, "cert_file: edge.pem", "cert_file: edge.pem, key_file: edge.key")
    assert warned(file) == []
    replace(file, "power_dbm: 30}", "power_dbm: 30, tls: {ca_file: none.pem}}")
    assert "none.pem cannot be read" in warned(file)[0]  # a reader may be without
    replace(file, ", tls: {ca_file: none.pem}}", "}")
    (folder / "edge.key").chmod(0o604)
    assert "everybody on this machine can read" in warned(file)[0]


def make_certificate(folder: Path) -> None:
    """A certificate that signs itself."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=edge", "-days", "99"]
    files = ["-keyout", f"{folder}/edge.key", "-out", f"{folder}/edge.pem"]
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=60)
    (folder / "edge.key").chmod(0o600)
    (folder / "ca.pem").write_bytes((folder / "edge.pem").read_bytes())


def test_serial_port(file: Path) -> None:
    master, slave = os.openpty()
    try:
        add(file, f"stations: [{{name: s}}]\nscanners: [{{name: gun, station: s, port: {os.ttyname(slave)}}}]\n")
        assert warned(file) == []
        replace(file, os.ttyname(slave), "/dev/serial/by-id/usb-none")
        assert (
            "scanners[gun].port: /dev/serial/by-id/usb-none is not there now - plug the scanner in" in warned(file)[0]
        )
        replace(file, "/dev/serial/by-id/usb-none", str(file))
        assert "edgegw.yaml is no serial port" in warned(file)[0]
    finally:
        os.close(master)
        os.close(slave)


def test_journal(file: Path) -> None:
    replace(file, "journal.db", "made-at-start/journal.db")
    assert warned(file) == []
    replace(file, "made-at-start/journal.db", str(file.parent))
    assert f"{file.parent} is a folder - name a file in it, such as {file.parent}/journal.db" in refused(file, 78)
    replace(file, f"path: {file.parent}", f"path: {file}/x/journal.db")
    assert f"there is no folder {file}" in refused(file, 69)


def test_a_journal_that_is_none_or_anothers(file: Path) -> None:
    journal = file.parent / "journal.db"
    journal.touch()
    assert warned(file) == []
    journal.write_text("no database at all, but long enough to be looked at as one: " + "x" * 100)
    assert "the file is not an SQLite database" in refused(file, 69)
    journal.unlink()
    with contextlib.closing(sqlite3.connect(journal)) as killed_at_its_first_start:
        killed_at_its_first_start.execute("PRAGMA journal_mode = WAL")
    assert warned(file) == []
    with contextlib.closing(sqlite3.connect(journal)) as foreign:
        foreign.execute("CREATE TABLE photos (x)")
    assert "this file was not made by edgegw" in refused(file, 69)
    journal.unlink()
    with contextlib.closing(open_file(journal, Birth("edge-9", "01"), shipped_migrations(), Witness()).connection):
        pass
    said = refused(file, 69)
    assert f"{journal} belongs to gateway 'edge-9', not to 'edge-1' - set gateway back" in said
    with contextlib.closing(sqlite3.connect(journal)) as newer:
        newer.execute("PRAGMA user_version = 99")
    assert f"{journal} has schema version 99, this edgegw knows up to" in refused(file, 69)


MODES_COUNT = [] if os.geteuid() else ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""Root without its right to ignore the modes of files."""


@pytest.mark.parametrize("command", ["check", "run"])
def test_what_this_user_may_not(file: Path, command: str) -> None:
    def refusal(code: int) -> str:
        words = [*MODES_COUNT, sys.executable, "-m", "edgegw", command, str(file)]
        process = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert process.returncode == code, process
        return process.stdout + process.stderr

    file.parent.chmod(0o555)
    assert f"{file.parent} is not writable for this user" in refusal(69)
    file.parent.chmod(0o755)
    closed = file.parent / "closed"
    closed.mkdir(mode=0)
    replace(file, "journal.db", "closed/journal.db")
    assert f"{closed} is not writable for this user" in refusal(69)
    replace(file, "closed/journal.db", "journal.db")
    lock = file.parent / "journal.db.lock"
    lock.touch(0o400)
    assert f"{lock} is not writable for this user - it must be for the user that edgegw runs as" in refusal(69)
    file.chmod(0o200)
    assert f"{file}: cannot be read (Permission denied) - run edgegw as a user who may read it" in refusal(78)


@pytest.mark.parametrize(
    ("version", "is_told"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_sqlite_with_the_wal_reset_bug_is_named(version: tuple[int, ...], is_told: bool) -> None:
    assert bool(sqlite_note(version)) is is_told


def test_the_note_is_about_the_sqlite_in_use(file: Path) -> None:
    told = f"note: SQLite {sqlite3.sqlite_version} has the WAL-reset bug" in run(file).output
    assert told is bool(sqlite_note())
