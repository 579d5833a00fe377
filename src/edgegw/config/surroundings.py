"""Whether this machine has what a configuration names: files, ports, a place for the journal. No network.

What keeps the gateway from starting is a fault (edit the file) or an obstacle (mend the machine); the rest can
come right while it runs and is a warning. All of it is seen with the eyes of the user who looks.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from itertools import chain
from os.path import exists, isdir, isfile  # pathlib's raise where a folder may not be entered
from pathlib import Path
from typing import Final, NamedTuple

from edgegw.config.certificates import CERTIFICATE_KEYS, doubt_in, impossible_time, named_files, papers
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
    if isinstance(config.mqtt.tls, Tls):
        unusable = papers(config.mqtt.tls).unusable
        yield from (Trouble(("mqtt", "tls", key), doubt.problem, doubt.cure) for key, doubt in unusable.items())
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
    """What is missing here, out of its time or open to others; the gateway starts all the same."""
    return chain(_password(config), _certificates(config, time.time()), _serial_ports(config))


def clock_trouble(config: Config, file: Path) -> str:
    """Why this machine's clock cannot be right, or nothing; `file` is the configuration's."""
    tls = (
        choice for choice in (config.mqtt.tls, *(reader.tls for reader in config.readers)) if isinstance(choice, Tls)
    )
    written = [file, config.journal.path, *chain.from_iterable(named_files(one).values() for one in tls)]
    return impossible_time(time.time(), written)


def sqlite_note(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """SQLite can damage a file that two connections checkpoint at once (sqlite.org/wal.html#walresetbug): 3.7.0 to
    3.51.2 do, without the last releases of 3.44 and 3.50, which were mended too."""
    mended = version[:2] in _MENDED and version >= _MENDED[version[:2]]
    if mended or not (3, 7, 0) <= version <= (3, 51, 2):
        return ""
    name = ".".join(map(str, version))
    cause = "harmless while no other program writes to the journal"
    return f"SQLite {name} has the WAL-reset bug, {cause}: nothing to do (fixed in 3.51.3, 3.50.7 and 3.44.6)"


_MENDED: Final[dict[tuple[int, ...], tuple[int, ...]]] = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}


def _password(config: Config) -> Iterator[Trouble]:
    file, credential = config.mqtt.password_file, config.mqtt.password_credential
    if credential and not has_credentials():
        problem = "only the service gets it from systemd, so it cannot be looked at here"
        yield Trouble(("mqtt", "password_credential"), problem, f"its unit must say LoadCredential={credential}:FILE")
    if file and isfile(file):
        yield from _open_to_others(("mqtt", "password_file"), file)


def _certificates(config: Config, now_s: float) -> Iterator[Trouble]:
    yield from _tls(("mqtt", "tls"), config.mqtt.tls, now_s)
    for at, reader in enumerate(config.readers):
        path: TreePath = ("readers", at, "tls")
        if isinstance(reader.tls, Tls):
            unusable = papers(reader.tls).unusable
            yield from (Trouble((*path, key), doubt.problem, doubt.cure) for key, doubt in unusable.items())
        yield from _tls(path, reader.tls, now_s)


def _tls(path: TreePath, tls: bool | Tls, now_s: float) -> Iterator[Trouble]:
    """What can be used, but not for long, or by too many."""
    if not isinstance(tls, Tls):
        return
    files = named_files(tls)
    for key, valid in papers(tls).valid.items():
        if doubt := doubt_in(f"{CERTIFICATE_KEYS[key]} {files[key]}", valid, now_s):
            yield Trouble((*path, key), doubt.problem, doubt.cure)
    key = "key_file" if tls.key_file else "cert_file"
    if key in files and isfile(files[key]):
        yield from _open_to_others((*path, key), files[key])


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


def _open_to_others(path: TreePath, file: Path) -> Iterator[Trouble]:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & stat.S_IROTH:
        yield Trouble(path, f"everybody on this machine can read {file} (mode {mode:04o})", f"chmod 600 {file}")
