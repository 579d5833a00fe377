"""`edgegw tune`: commission a door on a recording: what it decides now, what it could decide, and what starves it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml
from pydantic import ValidationError

from edgegw.cli.advice import Evidence, advise
from edgegw.cli.config_file import config_option
from edgegw.cli.reasons import VERDICTS, counted, moment
from edgegw.cli.rehearsal import rehearse
from edgegw.config import Config
from edgegw.config.antennas import antenna_map, parse_antenna
from edgegw.config.load import load
from edgegw.config.model import Door, Reader
from edgegw.config.suggest import did_you_mean
from edgegw.core.event import unit_key
from edgegw.core.model import DoorSide, Movement, Passed
from edgegw.core.survey import SOONER_S, Ears, Outcome, compared, is_better, passes
from edgegw.errors import EdgegwError
from edgegw.sources.replay import recorded_reads

SHOWN = 20
ENOUGH_LYING = 5
ENOUGH_MOVEMENTS = 20
SHORTEST_QUIET_S = 2.0
WHOLE_GAPS = 2.0
"""quiet_s must be so many times the longest pause in a pass."""
_PLACES = {"name", "sides", "places", "location"}
"""What a door is, not how it decides."""


class UnknownDoor(EdgegwError):
    """The command line names a door that the configuration does not have, or that the recording does not know."""


class Change(NamedTuple):
    """One setting of a door, and why it should have this value."""

    key: str
    value: object
    reason: str


@click.command()
@click.argument("door")
@click.option("--reads", type=click.Path(path_type=Path), required=True, help="A recording, as `edgegw record` makes.")
@config_option
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Try this: quiet_s=3, load.min_tags=3 ...")
def tune(door: str, reads: Path, path: Path, settings: tuple[str, ...]) -> None:
    """Show what DOOR decides on a recording with its settings and with better ones, and what its readers lack.

    Nothing is changed: what is proposed is printed as YAML to paste.

    \b
    Examples:
      edgegw record --seconds 600 --out monday.jsonl.gz
      edgegw tune door-1 --reads monday.jsonl.gz
      edgegw tune door-1 --reads monday.jsonl.gz --set quiet_s=3 --set load.min_tags=3
    """
    config = load(path)
    present = _door(config, door)
    ears = Ears(antenna_map(config))
    now = _outcome(config, present, reads, ears)
    _refuse_silence(present, ears)
    changes = _asked_for(settings) if settings else _worthwhile(config, present, reads, now)
    proposed = _changed(present, changes)
    then = _outcome(config, proposed, reads, Ears({})) if changes else now
    evidence = Evidence(present, tuple(_readers(config, present)), ears, now, passes(now.movements))
    parts = (
        _head(present, ears),
        _table(now, then, changes),
        _differences(now, then),
        _lying(now, ears.by_tag(door)),
        _advice(evidence),
        _proposal(proposed, changes),
    )
    click.echo("\n".join(line for part in parts for line in part))


# ------------------------------------------------------------ trying settings


def _door(config: Config, name: str) -> Door:
    for door in config.doors:
        if door.name == name:
            return door
    names = ", ".join(door.name for door in config.doors) or "none"
    raise UnknownDoor(f"there is no door {name!r} in the configuration - its doors: {names}")


def _outcome(config: Config, door: Door, reads: Path, ears: Ears) -> Outcome:
    """What that door decides with these settings."""
    others = tuple(door if other.name == door.name else other for other in config.doors)
    tried = config.model_copy(update={"doors": others})
    decisions = list(rehearse(tried, ears.listen(recorded_reads(reads))))
    return Outcome(
        tuple(one for one in decisions if isinstance(one, Movement) and one.door == door.name),
        tuple(one for one in decisions if isinstance(one, Passed) and one.door == door.name),
    )


def _refuse_silence(door: Door, ears: Ears) -> None:
    antennas = ears.by_antenna(door.name)
    if any(ear.reads for ear in antennas.values() if ear.at):
        return
    heard = ", ".join(f"{name} ({ear.reads})" for name, ear in antennas.items() if ear.reads) or "nothing"
    raise UnknownDoor(f"no antenna of {door.name} is in this recording, which has heard {heard} - see `sides`")


def _readers(config: Config, door: Door) -> Iterator[Reader]:
    names = {parse_antenna(text).reader for text in (*door.sides.inside, *door.sides.outside)}
    return (reader for reader in config.readers if reader.name in names)


def _asked_for(settings: tuple[str, ...]) -> list[Change]:
    changes = []
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or key.strip() in _PLACES:
            raise click.UsageError(f"--set {text}: write KEY=VALUE with a key of a door, such as quiet_s=3")
        changes.append(Change(key.strip(), value.strip(), "as asked for"))
    return changes


def _changed(door: Door, changes: list[Change]) -> Door:
    """The door with other settings. Raises UsageError for what the configuration would refuse too."""
    fields: dict[str, Any] = door.model_dump()
    for key, value, _ in changes:
        inner, last = _place(fields, key)
        inner[last] = value
    try:
        return Door.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise click.UsageError(f"--set {place or 'together'}: {first['msg']}") from None


def _place(fields: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """Where a key such as load.min_tags stands. Raises UsageError for one that a door does not have."""
    *outer, last = key.split(".")
    for name in outer:
        inner = fields.get(name)
        fields = inner if isinstance(inner, dict) else {}
    if last not in fields:
        known = fields.keys() - _PLACES
        hint = did_you_mean(last, known) or f"its settings are {', '.join(sorted(known)) or 'single values'}"
        raise click.UsageError(f"--set {key}: a door has no such setting - {hint}")
    return fields, last


def _worthwhile(config: Config, door: Door, reads: Path, now: Outcome) -> list[Change]:
    """What the recording suggests, if deciding it again shows that it does good and no harm."""
    changes: list[Change] = []
    for change in suggestions(door, now):
        then = _outcome(config, _changed(door, [*changes, change]), reads, Ears({}))
        if is_better(now, then):
            changes.append(change)
            now = then
    return changes


def suggestions(door: Door, now: Outcome) -> list[Change]:
    """What to try, from what the recording shows."""
    return [*_steady(door, now), *_quiet(door, now)]


def _steady(door: Door, now: Outcome) -> Iterator[Change]:
    """What lies still here is known from the first second, and not only when enough tags have been lying there."""
    lying, steady_db = now.lying(), now.steady_db()
    if door.steady_db == "auto" and len(lying) >= ENOUGH_LYING and steady_db is not None:
        yield Change("steady_db", round(steady_db, 1), f"learned from {len(lying)} tags that lie here")


def _quiet(door: Door, now: Outcome) -> Iterator[Change]:
    """Where reads come densely, silence tells sooner."""
    seen = passes(now.movements)
    if seen is None or seen.crossings < ENOUGH_MOVEMENTS:
        return
    quiet_s = max(SHORTEST_QUIET_S, math.ceil(seen.gap_s * WHOLE_GAPS * 2) / 2)
    if quiet_s <= door.quiet_s - SOONER_S:
        yield Change("quiet_s", quiet_s, f"reads of one pass are at most {seen.gap_s:.1f} s apart, 99 times in 100")


# ------------------------------------------------------------ saying it


def _head(door: Door, ears: Ears) -> Iterator[str]:
    yield f"{door.name}: {ears.reads_at(door.name)} reads in {ears.span_s:.0f} s"
    if door.photo_eye:
        yield "  decided as without its photo-eyes: a recording holds reads alone"
    for name, (reads, at) in ears.by_antenna(door.name).items():
        yield f"  {reads:8} by {name}, {at.side if isinstance(at, DoorSide) else 'which no door or station has'}"
    yield ""


def _table(now: Outcome, then: Outcome, changes: list[Change]) -> Iterator[str]:
    rows = list(_rows(now, then))
    width = max(len(label) for label, _, _ in rows)
    for label, before, after in [("", "now", "proposed"), *rows]:
        yield f"  {label:{width}}{before:>8}" + (f"{after:>10}" if changes else "")


def _rows(now: Outcome, then: Outcome) -> Iterator[tuple[str, str, str]]:
    for direction in ("out", "in"):
        yield f"moved {direction}", str(now.directions()[direction]), str(then.directions()[direction])
    yield "  of these doubtful", str(len(now.doubtful())), str(len(then.doubtful()))
    before, after = now.reasons(), then.reasons()
    for reason in sorted(before | after):
        yield f"no movement: {VERDICTS.get(reason, reason)}", str(before[reason]), str(after[reason])
    yield "seconds until a movement is told (middle)", _seconds(now), _seconds(then)


def _seconds(outcome: Outcome) -> str:
    told_after_s = outcome.told_after_s()
    return "-" if told_after_s is None else f"{told_after_s:.1f}"


def _differences(now: Outcome, then: Outcome) -> Iterator[str]:
    """Unit by unit: what would no longer be told, what would be, and what cannot be true."""
    lost, won = compared(now, then)
    yield from _listed("What would be told no more:", lost)
    yield from _listed("What would be told too:", won)
    yield from _listed(
        "Doubtful: the same way twice in a row, or on the same side before and after (`edgegw why UNIT --reads ...`):",
        [one for one in now.doubtful() if one not in lost],
    )


def _listed(title: str, movements: list[Movement]) -> Iterator[str]:
    if movements:
        yield f"\n{title}"
    for one in movements[:SHOWN]:
        yield f"  {one.direction:4}{moment(one.t)}  {unit_key(one.unit)}"
    if len(movements) > SHOWN:
        yield f"  and {len(movements) - SHOWN} more"


def _lying(now: Outcome, reads: Counter[str]) -> Iterator[str]:
    lying, steady_db = now.lying(), now.steady_db()
    if not lying:
        return
    level = "" if steady_db is None else f"; what lies still here wanders by less than {steady_db:.1f} dB"
    yield f"\n{counted(len(lying), 'tag')} lie here{level}:"
    for one in sorted(lying, key=lambda one: -reads[one.tag])[:SHOWN]:
        spread = "" if one.spread_db is None else f", wanders by {one.spread_db:.1f} dB"
        yield f"  {one.tag}  {one.side}, {counted(reads[one.tag], 'read')} in {one.seen_s:.0f} s{spread}"
    if len(lying) > SHOWN:
        yield f"  and {len(lying) - SHOWN} more"


def _advice(evidence: Evidence) -> Iterator[str]:
    found = advise(evidence)
    yield "\nAntennas and readers:" if found else "\nAntennas and readers: nothing to complain about."
    for finding, cure in found:
        yield click.wrap_text(f"{finding[:1].upper()}{finding[1:]}.", 110, "  ! ", "    ")
        yield click.wrap_text(f"{cure[:1].upper()}{cure[1:]}.", 110, "    ", "    ")


def _proposal(door: Door, changes: list[Change]) -> Iterator[str]:
    """What differs from the defaults, as YAML."""
    if not changes:
        yield "\nNothing to change in the settings of this door."
        return
    reasons = {key: reason for key, _, reason in changes}
    yield "\nPut this into the configuration, instead of what stands there:\n"
    yield f"doors:\n  - name: {door.name}\n    # sides, places and location stay as they are"
    for key, value in door.model_dump(mode="json", exclude_defaults=True, exclude=_PLACES).items():
        text = yaml.safe_dump({key: value}, default_flow_style=None if isinstance(value, dict) else False).strip()
        yield f"    {text}" + (f"   # {reasons[key]}" if key in reasons else "")
