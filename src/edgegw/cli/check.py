"""`edgegw check`: is this configuration right, and what would the gateway do with it?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edgegw.cli import CONFIG, OK, UNAVAILABLE
from edgegw.cli.config_file import config_file
from edgegw.cli.faults import tell
from edgegw.cli.preflight import Report, examine
from edgegw.config.model import Config, Door, Reader, Scanner, Station
from edgegw.core.documents import EVENTS
from edgegw.core.event import Origin
from edgegw.errors import Fault


@click.command()
@config_file
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    help="text for people, json for programs, github for annotations in a pull request.",
)
@click.option("--deny-warnings", is_flag=True, help="Exit 78 for warnings, too.")
@click.option("--file-only", is_flag=True, help="Do not look at this machine (files, ports, folders).")
@click.option("--connect", is_flag=True, help="Also connect to the broker; nobody is logged in.")
@click.pass_context
def check(ctx: click.Context, path: Path, form: str, deny_warnings: bool, file_only: bool, connect: bool) -> None:
    """Check the configuration FILE without starting anything.

    Every fault is shown at once, each with its line and what to do about it. A good file is told back as a
    description of the dock, with the topics on which its events will appear.

    \b
    Exit codes: 0 the gateway would start; 78 the file must be edited first; 69 this machine must be mended first.
    \b
    Examples:
      edgegw check config/minimal.yaml
      edgegw check --connect               is the broker there, is its certificate right
      edgegw check --deny-warnings --file-only --format github site.yaml
    """
    if file_only and connect:
        raise click.UsageError("--file-only and --connect contradict each other")
    report = examine(path, file_only=file_only, connect=connect)
    click.echo(_FORMS[form](report))
    ctx.exit(report.code or (CONFIG if deny_warnings and report.warnings else OK))


def _as_text(report: Report) -> str:
    out = list(tell(report.faults))
    if report.loaded and not report.faults:
        out += describe(report.loaded.config)
    for warning in report.warnings:
        out += ["", *tell([warning], "warning: ")]
    for note in report.notes:
        out += ["", f"note: {note}"]
    return "\n".join([*out, "", _verdict(report)])


def _verdict(report: Report) -> str:
    if report.faults:
        where = "on this machine" if report.code == UNAVAILABLE else "with this file"
        return f"{_count(len(report.faults), 'fault')}: edgegw would not start {where}."
    return f"{report.file} is good: no faults, {_count(len(report.warnings), 'warning')}."


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _as_json(report: Report) -> str:
    config = report.loaded.config if report.loaded else None
    document = {
        "file": str(report.file),
        "good": not report.faults,
        "faults": [_as_object(fault) for fault in report.faults],
        "warnings": [_as_object(warning) for warning in report.warnings],
        "notes": list(report.notes),
        "topics": topics(config) if config else [],
        "hears": heard_topics(config) if config else [],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _as_object(fault: Fault) -> dict[str, Any]:
    """Line and column are 0 when the fault is the file as a whole."""
    return {
        "line": fault.line,
        "column": fault.col,
        "key": fault.key,
        "problem": fault.problem,
        "hint": fault.hint,
        "text": str(fault),
    }


def _as_github(report: Report) -> str:
    """Workflow commands, one per line; what separates their parts must be escaped."""
    annotations = [("error", fault) for fault in report.faults]
    annotations += [("warning", warning) for warning in report.warnings]
    return "\n".join([_annotation(kind, fault) for kind, fault in annotations] or [_verdict(report)])


def _annotation(kind: str, fault: Fault) -> str:
    file = _escaped(fault.path).replace(":", "%3A").replace(",", "%2C")
    place = f",line={fault.line},col={fault.col}" if fault.line else ""
    key = f"{fault.key}: " if fault.key else ""
    hint = f" - {fault.hint}" if fault.hint else ""
    return f"::{kind} file={file}{place}::{_escaped(f'{key}{fault.problem}{hint}')}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


_FORMS = {"text": _as_text, "json": _as_json, "github": _as_github}


def describe(config: Config) -> list[str]:
    """The dock in words, one line for each thing at it."""
    user = f" as {config.mqtt.username}" if config.mqtt.username else ""
    security = " with TLS" if config.mqtt.tls else ""
    return [
        f"{config.gateway} at {config.site}",
        *map(_door, config.doors),
        *(_station(station, config.scanners) for station in config.stations),
        *map(_reader, config.readers),
        *map(_scanner, config.scanners),
        f"  broker {_address(config.mqtt.host, config.mqtt.effective_port)}{security}{user}",
        *(f"    topic {topic}" for topic in topics(config)),
        *(f"    hears {topic}" for topic in heard_topics(config)),
        f"  journal {config.journal.path}",
    ]


def topics(config: Config) -> list[str]:
    """Where this gateway publishes."""
    base, epcis = _base(config), "epcis" in config.delivery.formats
    return [
        *(f"{base}/evt/{event}" for event in EVENTS),
        *(f"{base}/epcis/{kind}" for kind in ("ObjectEvent", "AggregationEvent") if epcis),
        f"{base}/status",
        *(f"{base}/reader/{reader.name}" for reader in config.readers),
        *(f"{base}/loc/{door.name}" for door in config.doors),
        *(f"{base}/loc/{station.name}" for station in config.stations),
        *(f"{base}/cmd/{command}/reply" for command in config.delivery.commands),
    ]


def heard_topics(config: Config) -> list[str]:
    """What it subscribes to."""
    base = _base(config)
    confirmations = [f"{base}/ack"] if config.delivery.confirm == "central" else []
    return [*confirmations, *(f"{base}/cmd/{command}" for command in config.delivery.commands)]


def _base(config: Config) -> str:
    return Origin(config.mqtt.prefix, config.site, config.gateway).base


def _door(door: Door) -> str:
    sides = f"inside {' '.join(door.sides.inside)} | outside {' '.join(door.sides.outside)}"
    eye = door.photo_eye
    beams = [beam for beam in (eye.inside, eye.outside) if beam] if eye else []
    more = [f"photo-eye {' '.join(beams)}"] * bool(beams) + ["decides early"] * door.early
    return ", ".join([f"  {door.name}: {sides}, from {door.places.outside} to {door.places.inside} and back", *more])


def _station(station: Station, scanners: tuple[Scanner, ...]) -> str:
    fed = [*station.antennas, *(scanner.name for scanner in scanners if scanner.station == station.name)]
    within = f", within {station.within}" if station.within else ""
    return f"  {station.name}: {' '.join(fed) or 'nothing reads here'}{within}"


def _reader(reader: Reader) -> str:
    power = "power as set there" if reader.power_dbm is None else f"{reader.power_dbm:g} dBm"
    session = "session as set there" if reader.session is None else f"session {reader.session}"
    security = " with TLS" if reader.tls else ""
    return f"  reader {reader.name}: {_address(reader.host, reader.effective_port)}{security}, {power}, {session}"


def _scanner(scanner: Scanner) -> str:
    way = next(way for way in ("port", "usb", "connect", "listen") if getattr(scanner, way) is not None)
    return f"  scanner {scanner.name}: {way} {getattr(scanner, way)}, for {scanner.station}"


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
