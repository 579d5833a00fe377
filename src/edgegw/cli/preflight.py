"""What `edgegw check` tells and `edgegw run` insists on: the file, and what it names on this machine."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from edgegw.cli import CONFIG, OK, UNAVAILABLE
from edgegw.cli.knock import Heard, knock
from edgegw.config import Config, surroundings
from edgegw.config.certificates import CLOCK_CURE
from edgegw.config.load import Loaded, as_faults, load_with_warnings
from edgegw.config.surroundings import JOURNAL, Trouble
from edgegw.config.tree import Finding, locate
from edgegw.errors import ConfigError, Fault, StoreFailed
from edgegw.store.migrate import shipped_migrations
from edgegw.store.space import missing_bytes
from edgegw.store.summary import owner

SERVICE_USER = "edgegw"
"""As whom the service in systemd/ runs."""


class Report(NamedTuple):
    """What is said about a file.

    faults   what keeps edgegw from starting, in the file (then `loaded` is None) or on this machine
    code     what `edgegw run` exits with because of them
    """

    file: Path
    code: int = OK
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    loaded: Loaded | None = None

    def config(self) -> Config:
        """The configuration. Raises ConfigError or StoreFailed when the gateway cannot start with it."""
        if self.code == UNAVAILABLE:
            raise StoreFailed("\n".join(map(str, self.faults)))
        if self.loaded is None or self.faults:
            raise ConfigError(self.faults)
        return self.loaded.config


def examine(file: Path, *, file_only: bool = False, connect: bool = False) -> Report:
    """Look at the file and, unless told not to, at what it names on this machine; on demand at the broker, too."""
    try:
        loaded = load_with_warnings(file)
    except ConfigError as error:
        return Report(file, CONFIG, error.faults)
    if file_only:
        return Report(file, warnings=loaded.warnings, loaded=loaded)
    to_edit = _faults(loaded, file, surroundings.faults(loaded.config))
    in_the_way = _faults(loaded, file, surroundings.obstacles(loaded.config)) or _foreign_journal(loaded, file)
    broker = knock(loaded.config.mqtt) if connect and not to_edit else Heard()
    troubles = [*surroundings.warnings(loaded.config), *_little_room(loaded.config.journal.path), *broker.troubles]
    doubtful = _faults(loaded, file, troubles)
    return Report(
        file,
        CONFIG if to_edit else UNAVAILABLE if in_the_way else OK,
        _in_order(to_edit + in_the_way),
        _clock(loaded.config, file) + _in_order(loaded.warnings + doubtful),
        tuple(filter(None, (broker.note, surroundings.sqlite_note(), _user_note()))),
        loaded,
    )


def _clock(config: Config, file: Path) -> tuple[Fault, ...]:
    problem = surroundings.clock_trouble(config, file)
    return (Fault("clock", 0, 0, "", problem, CLOCK_CURE),) if problem else ()


def _faults(loaded: Loaded, file: Path, troubles: Iterable[Trouble]) -> tuple[Fault, ...]:
    """The troubles at the places of the keys that name what is in trouble."""
    spots = [(locate(loaded.root, trouble.key), trouble) for trouble in troubles]
    findings = (Finding(spot.place, spot.label, trouble.problem, trouble.hint) for spot, trouble in spots)
    return as_faults(findings, str(file))


def _in_order(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: (fault.line, fault.col)))


def _foreign_journal(loaded: Loaded, file: Path) -> tuple[Fault, ...]:
    """What opening the journal would meet, without writing to it: another gateway may be using it just now."""
    journal = loaded.config.journal.path
    if not os.path.isfile(journal) or not os.path.getsize(journal):  # pathlib's raise in a folder that is closed to us
        return ()
    try:
        found = owner(journal)
    except StoreFailed as failed:
        return _faults(loaded, file, [Trouble(JOURNAL, str(failed))])
    known, gateway = len(shipped_migrations()), loaded.config.gateway
    if found is None:
        return ()
    if found.schema > known:
        problem = f"{journal} has schema version {found.schema}, this edgegw knows up to {known}"
        return _faults(loaded, file, [Trouble(JOURNAL, problem, "install the edgegw that wrote it, or a newer one")])
    if found.gateway != gateway:
        problem = f"{journal} belongs to gateway {found.gateway!r}, not to {gateway!r}"
        hint = "set gateway back, or give this gateway its own journal.path"
        return _faults(loaded, file, [Trouble(JOURNAL, problem, hint)])
    return ()


def _little_room(journal: Path) -> Iterator[Trouble]:
    """A full disk must not come before there is what recovers from it."""
    with contextlib.suppress(OSError):
        needed, free = missing_bytes(journal), shutil.disk_usage(_existing(journal.parent)).free
        if free < needed:
            problem = f"only {free >> 20} MB are free on its disk, and the journal begins with {_megabytes(needed)} MB"
            yield Trouble(JOURNAL, problem, "free some space: on a full disk reading is held back")


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if os.path.isdir(one))


def _megabytes(size: int) -> int:
    return -(-size // (1 << 20))


def _user_note() -> str:
    """Root may read and write everything, the gateway may not."""
    if os.geteuid() != 0 or SERVICE_USER not in {user.pw_name for user in pwd.getpwall()}:
        return ""
    return f"looked at as root; the service runs as {SERVICE_USER}: runuser -u {SERVICE_USER} -- edgegw check FILE"
