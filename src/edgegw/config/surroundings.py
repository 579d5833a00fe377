"""Whether this machine has what a configuration names: files, ports, a place for the journal. No network.

All of it can change without the file, and `edgegw check` may run as another user or on another machine than
the gateway: what is found here is a warning, never a fault.
"""

from __future__ import annotations

import os
import sqlite3
import ssl
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from edgegw.config.model import Config, Tls
from edgegw.config.tree import Finding, Mapping, locate
from edgegw.config.tree import Path as TreePath


def warnings(config: Config, root: Mapping) -> Iterator[Finding]:
    """What is missing here or open to others, at the key that names it."""
    trouble = chain(_password(config), _certificates(config), _journal(config), _serial_ports(config))
    for path, problem, hint in trouble:
        spot = locate(root, path)
        yield Finding(spot.place, spot.label, problem, hint)


def sqlite_note(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """SQLite 3.7.0 to 3.51.2 can damage a file that two connections checkpoint at once (sqlite.org/wal.html)."""
    if not (3, 7, 0) <= version <= (3, 51, 2):
        return ""
    name = ".".join(map(str, version))
    return f"SQLite {name} has the WAL-reset bug: let no other program write to the journal (fixed in 3.51.3)"


_Trouble = tuple[TreePath, str, str]


def _password(config: Config) -> Iterator[_Trouble]:
    file = config.mqtt.password_file
    if file is None:
        return
    path = ("mqtt", "password_file")
    if problem := _unreadable(file):
        yield path, *problem
        return
    if file.stat().st_size == 0:
        yield path, f"{file} is empty", "write the password into it"
    yield from _open_to_others(path, file)


def _certificates(config: Config) -> Iterator[_Trouble]:
    yield from _tls(("mqtt", "tls"), config.mqtt.tls)
    for at, reader in enumerate(config.readers):
        yield from _tls(("readers", at, "tls"), reader.tls)


def _tls(path: TreePath, tls: bool | Tls) -> Iterator[_Trouble]:
    if not isinstance(tls, Tls):
        return
    given = {"ca_file": tls.ca_file, "cert_file": tls.cert_file, "key_file": tls.key_file}
    missing = {key: problem for key, file in given.items() if file and (problem := _unreadable(file))}
    for key, problem in missing.items():
        yield (*path, key), *problem
    if not missing:
        yield from _bad_pem(path, tls)
    if tls.key_file and "key_file" not in missing:
        yield from _open_to_others((*path, "key_file"), tls.key_file)


def _bad_pem(path: TreePath, tls: Tls) -> Iterator[_Trouble]:
    """Let the TLS library read what it will have to read."""
    context = ssl.create_default_context()
    try:
        if tls.ca_file:
            context.load_verify_locations(tls.ca_file)
    except (ssl.SSLError, OSError):
        yield (*path, "ca_file"), f"{tls.ca_file} holds no certificates", "a PEM file has -----BEGIN CERTIFICATE-----"
    try:
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except (ssl.SSLError, OSError):
        hint = "both must be PEM, belong together and have no passphrase"
        yield (*path, "cert_file"), f"{tls.cert_file} and its private key cannot be used", hint


def _journal(config: Config) -> Iterator[_Trouble]:
    """The gateway makes the folder of the journal, but not the folders above it."""
    path, file = ("journal", "path"), config.journal.path
    folder = file.parent if file.parent.exists() else file.parent.parent
    if file.is_dir():
        yield path, f"{file} is a folder", f"name a file in it, such as {file}/journal.db"
    elif not folder.is_dir():
        yield path, f"there is no folder {folder}", "make it, or change journal.path"
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield path, f"{folder} is not writable for this user", "it must be for the user that edgegw runs as"
    elif file.exists() and not os.access(file, os.R_OK | os.W_OK):
        yield path, f"{file} is not writable for this user", "it must be for the user that edgegw runs as"


def _serial_ports(config: Config) -> Iterator[_Trouble]:
    for at, scanner in enumerate(config.scanners):
        if scanner.port:
            problem = _unusable_port(scanner.port)
            if problem:
                yield ("scanners", at, "port"), *problem


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


def _open_to_others(path: TreePath, file: Path) -> Iterator[_Trouble]:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & stat.S_IROTH:
        yield path, f"everybody on this machine can read {file} (mode {mode:04o})", f"chmod 600 {file}"
