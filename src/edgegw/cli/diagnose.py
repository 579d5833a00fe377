"""`edgegw diagnose`: everything that helps whoever helps, in one text or archive that may be mailed.

It holds no password, no name to log in with, and, unless asked, no unit. Nothing is changed: the journal is opened
read-only, and the running gateway is only asked how it feels.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import json
import os
import platform
import shutil
import sqlite3
import ssl
import stat
import subprocess
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from edgegw import __version__, control
from edgegw.cli.config_file import config_file
from edgegw.cli.faults import tell
from edgegw.cli.preflight import examine
from edgegw.config import Config
from edgegw.config.certificates import moment
from edgegw.config.secrets import MASK, masked
from edgegw.config.surroundings import clock_trouble, sqlite_note
from edgegw.core.model import Passed
from edgegw.core.packed import Logged, log_key, read_point, unpack
from edgegw.errors import EdgegwError
from edgegw.store.decisions import looking
from edgegw.store.summary import summarise

LAST_DECISIONS = 2000
LAST_UNITS = 50
ASK_S = 5.0

Section = Callable[[Path, Config], Iterator[str]]


class CannotDiagnose(EdgegwError):
    """The report cannot be written where it is wanted."""


@click.command()
@config_file
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="FILE.txt, or FILE.tar.gz; else printed.")
@click.option("--units", is_flag=True, help="With the units of the last decisions: goods of your customers.")
def diagnose(path: Path, out: Path | None, units: bool) -> None:
    """Write down what helps whoever helps you: versions, configuration, links, journal, clock, disk.

    Passwords and names to log in with are not in it, and units only with --units. Look into it before you send it.

    \b
    Examples:
      edgegw diagnose --out dock-1.txt
    """
    report = dict(_report(path, units))
    if out is None:
        click.echo(_as_text(report))
        return
    try:
        with out.open("xb") as file:
            file.write(_as_archive(report) if out.name.endswith((".tar.gz", ".tgz")) else _as_text(report).encode())
    except FileExistsError:
        raise CannotDiagnose(f"{out} is there already - name another file") from None
    except OSError as error:
        raise CannotDiagnose(f"{out} cannot be written: {error.strerror}") from None
    click.echo(f"{out}: look into it, then send it")


def _as_text(report: dict[str, str]) -> str:
    return "\n".join(f"==== {name}\n{text}\n" for name, text in report.items())


def _as_archive(report: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in report.items():
            data = text.encode()
            about = tarfile.TarInfo(f"edgegw/{name}.txt")
            about.size, about.mode, about.mtime = len(data), 0o640, int(time.time())
            archive.addfile(about, io.BytesIO(data))
    return packed.getvalue()


def _report(path: Path, units: bool) -> Iterator[tuple[str, str]]:
    """Name and text of each section. What fails says so in its place."""
    yield "versions", "\n".join(_versions())
    checked = examine(path)
    user = [checked.loaded.config.mqtt.username or ""] if checked.loaded else []
    told = [*tell(checked.faults), *tell(checked.warnings, "warning: "), *checked.notes]
    yield "check", masked("\n".join(told), filter(None, user))
    if checked.loaded is None:
        return
    more: dict[str, Section] = {"units": _units} if units else {}
    for name, section in {**_SECTIONS, **more}.items():
        lines: list[str] = []
        try:
            lines += section(path, checked.loaded.config)
        except (EdgegwError, OSError, sqlite3.Error) as failed:
            lines.append(f"cannot be told: {failed}")
        yield name, masked("\n".join(lines))


def _versions() -> Iterator[str]:
    yield f"edgegw {__version__}, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"
    yield sqlite_note() or f"SQLite {sqlite3.sqlite_version}, without the WAL-reset bug"
    yield f"{platform.platform()} {platform.machine()}, {os.cpu_count()} processors"
    for required in importlib.metadata.requires("edgegw") or ():
        name = required.split(";")[0].split("[")[0].rstrip("0123456789.,<>=! ")
        if "extra ==" not in required:
            yield f"{name} {importlib.metadata.version(name)}"


def _configuration(path: Path, config: Config) -> Iterator[str]:
    """What counts, with defaults; it can hold no password, and the name goes as well."""
    document = config.model_dump(mode="json")
    if config.mqtt.username is not None:
        document["mqtt"]["username"] = MASK
    yield json.dumps(document, indent=2, ensure_ascii=False)


def _gateway(path: Path, config: Config) -> Iterator[str]:
    yield json.dumps(asyncio.run(control.ask(config.journal.path)), indent=2, ensure_ascii=False)


def _journal(path: Path, config: Config) -> Iterator[str]:
    journal = config.journal.path
    for file in sorted(journal.parent.glob(f"{journal.name}*")):
        status = file.lstat()
        about = f"{stat.filemode(status.st_mode)} uid {status.st_uid} gid {status.st_gid} {status.st_size:12} bytes"
        yield f"{about}  {moment(status.st_mtime)}  {file.name}"
    yield from (f"{name} {value}" for name, value in summarise(journal)._asdict().items())


def _decisions(path: Path, config: Config) -> Iterator[str]:
    """How often what was decided where, of the last that are kept; not about which unit."""
    counts: Counter[tuple[str, str]] = Counter()
    with looking(config.journal.path) as log:
        for entry in log.latest(LAST_DECISIONS):
            decision = _unpacked(entry.packed)
            counts[entry.read_point, _verdict(decision) if decision else "unreadable"] += entry.times
    yield from (f"{count:8} {place}: {verdict}" for (place, verdict), count in sorted(counts.items()))


def _units(path: Path, config: Config) -> Iterator[str]:
    with looking(config.journal.path) as log:
        for entry in log.latest(LAST_UNITS):
            if decision := _unpacked(entry.packed):
                what = f"{read_point(decision)}: {_verdict(decision)}: {log_key(decision)}"
                yield f"{moment(entry.decided_t)} {what} {entry.times} times"


def _unpacked(packed: bytes) -> Logged | None:
    try:
        return unpack(packed)
    except ValueError:  # another version wrote it
        return None


def _verdict(decision: Logged) -> str:
    return decision.reason if isinstance(decision, Passed) else type(decision).__name__.lower()


def _clock(path: Path, config: Config) -> Iterator[str]:
    now = datetime.now(UTC)
    yield f"{now.isoformat(' ', 'milliseconds')}, here {now.astimezone().isoformat(' ', 'seconds')}"
    yield f"the machine has run for {time.clock_gettime(time.CLOCK_BOOTTIME):.0f} s"
    yield f"set by a time server: {_synchronised()}"
    if wrong := clock_trouble(config, path):
        yield wrong


def _synchronised() -> str:
    try:
        command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
        return subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "not known, there is no timedatectl that answers"


def _disk(path: Path, config: Config) -> Iterator[str]:
    folder = config.journal.path.parent
    for place in (folder, Path("/"), Path("/tmp")):
        usage: Any = shutil.disk_usage(place)
        yield f"{place}: {usage.free / 1e6:.0f} of {usage.total / 1e6:.0f} MB are free"


_SECTIONS: dict[str, Section] = {
    "configuration": _configuration,
    "gateway": _gateway,
    "journal": _journal,
    "decisions": _decisions,
    "clock": _clock,
    "disk": _disk,
}
