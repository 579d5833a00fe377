"""Whether this machine has what a configuration names: files, ports, a place for the journal. No network.

What keeps the gateway from starting is a fault (edit the file) or an obstacle (mend the machine); the rest can
come right while it runs and is a warning. All of it is seen with the eyes of the user who looks.
"""

from __future__ import annotations

import os
import sqlite3
import ssl
import stat
from collections.abc import Iterator
from itertools import chain
from os.path import exists, isdir, isfile  # pathlib's raise where a folder may not be entered
from pathlib import Path
from typing import NamedTuple

from edgegw.config.model import Config, Tls
from edgegw.config.password import has_credentials, read_password
from edgegw.config.tree import Path as TreePath
from edgegw.errors import ConfigError

JOURNAL: TreePath = ("journal", "path")


class Trouble(NamedTuple):
    """Something wrong with what a key names."""

    key: TreePath
    problem: str
    hint: str = ""


_CURE = "it must be for the user that edgegw runs as: chown edgegw"


def faults(config: Config) -> Iterator[Trouble]:
    """What the gateway refuses to start with until the file is edited."""
    file = config.journal.path
    if isdir(file):
        yield Trouble(JOURNAL, f"{file} is a folder", f"name a file in it, such as {file}/journal.db")
    if config.mqtt.password_credential and not has_credentials():
        return  # `warnings` says so; the service may have them
    try:
        read_password(config.mqtt)
    except ConfigError as error:
        (fault,) = error.faults
        yield Trouble(tuple(fault.key.split(".")), fault.problem, fault.hint)


def obstacles(config: Config) -> Iterator[Trouble]:
    """What the gateway cannot start with now: a place where its journal cannot be."""
    file = config.journal.path
    if not isdir(file):
        yield from _journal(file)


def warnings(config: Config) -> Iterator[Trouble]:
    """What is missing here or open to others; the gateway starts all the same."""
    return chain(_password(config), _certificates(config), _serial_ports(config))


def sqlite_note(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """SQLite 3.7.0 to 3.51.2 can damage a file that two connections checkpoint at once (sqlite.org/wal.html)."""
    if not (3, 7, 0) <= version <= (3, 51, 2):
        return ""
    name = ".".join(map(str, version))
    return f"SQLite {name} has the WAL-reset bug: let no other program write to the journal (fixed in 3.51.3)"


def _password(config: Config) -> Iterator[Trouble]:
    file, credential = config.mqtt.password_file, config.mqtt.password_credential
    if credential and not has_credentials():
        problem = "only the service gets it from systemd, so it cannot be looked at here"
        yield Trouble(("mqtt", "password_credential"), problem, f"its unit must say LoadCredential={credential}:FILE")
    if file and isfile(file):
        yield from _open_to_others(("mqtt", "password_file"), file)


def _certificates(config: Config) -> Iterator[Trouble]:
    yield from _tls(("mqtt", "tls"), config.mqtt.tls)
    for at, reader in enumerate(config.readers):
        yield from _tls(("readers", at, "tls"), reader.tls)


def _tls(path: TreePath, tls: bool | Tls) -> Iterator[Trouble]:
    if not isinstance(tls, Tls):
        return
    given = {"ca_file": tls.ca_file, "cert_file": tls.cert_file, "key_file": tls.key_file}
    missing = {key: problem for key, file in given.items() if file and (problem := _unreadable(file))}
    for key, problem in missing.items():
        yield Trouble((*path, key), *problem)
    if not missing:
        yield from _bad_pem(path, tls)
    if tls.key_file and "key_file" not in missing:
        yield from _open_to_others((*path, "key_file"), tls.key_file)


def _bad_pem(path: TreePath, tls: Tls) -> Iterator[Trouble]:
    """Let the TLS library read what it will have to read."""
    context = ssl.create_default_context()
    try:
        if tls.ca_file:
            context.load_verify_locations(tls.ca_file)
    except (ssl.SSLError, OSError):
        problem = f"{tls.ca_file} holds no certificates"
        yield Trouble((*path, "ca_file"), problem, "a PEM file has -----BEGIN CERTIFICATE-----")
    try:
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except (ssl.SSLError, OSError):
        hint = "both must be PEM, belong together and have no passphrase"
        yield Trouble((*path, "cert_file"), f"{tls.cert_file} and its private key cannot be used", hint)


def _journal(file: Path) -> Iterator[Trouble]:
    """The gateway makes the folder of the journal, but not the folders above it."""
    folder = file.parent if exists(file.parent) else file.parent.parent
    if not isdir(folder):
        yield Trouble(JOURNAL, f"there is no folder {folder}", "make it, or change journal.path")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Trouble(JOURNAL, f"{folder} is not writable for this user", _CURE)
    for part in ("", "-wal", "-shm", ".lock"):
        beside = Path(f"{file}{part}")
        if exists(beside) and not os.access(beside, os.R_OK | os.W_OK):
            yield Trouble(JOURNAL, f"{beside} is not writable for this user", _CURE)


def _serial_ports(config: Config) -> Iterator[Trouble]:
    for at, scanner in enumerate(config.scanners):
        if scanner.port:
            problem = _unusable_port(scanner.port)
            if problem:
                yield Trouble(("scanners", at, "port"), *problem)


def _unusable_port(port: Path) -> tuple[str, str] | None:
    try:
        mode = port.stat().st_mode
    except OSError:
        return f"{port} is not there now", "plug the scanner in, or look at ls -l /dev/serial/by-id"
    if not stat.S_ISCHR(mode):
        return f"{port} is no serial port", "look at ls -l /dev/serial/by-id"
    if not os.access(port, os.R_OK | os.W_OK):
        return f"{port} may not be used by this user", "the user that edgegw runs as must be in the group of the port"
    return None


def _unreadable(file: Path) -> tuple[str, str] | None:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return f"{file} cannot be read ({error.strerror})", "check the path"
    if not stat.S_ISREG(mode):
        return f"{file} is no file", "check the path"
    if not os.access(file, os.R_OK):
        return f"{file} is not readable for this user", "it must be for the user that edgegw runs as"
    return None


def _open_to_others(path: TreePath, file: Path) -> Iterator[Trouble]:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & stat.S_IROTH:
        yield Trouble(path, f"everybody on this machine can read {file} (mode {mode:04o})", f"chmod 600 {file}")
