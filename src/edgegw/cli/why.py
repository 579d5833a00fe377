"""`edgegw why`: why was this a movement, or none? The last decisions about a unit, in words and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from edgegw.cli.config_file import config_option
from edgegw.cli.picture import draw
from edgegw.cli.reasons import because, clock, counted, cure, moment, verdict
from edgegw.cli.rehearsal import rehearse
from edgegw.cli.told import Archive, Journalled, Replayed, Told
from edgegw.cli.unit_text import doubt_about, keys_of
from edgegw.config import Config
from edgegw.config.load import load
from edgegw.core.door import saved
from edgegw.core.model import Passed
from edgegw.core.packed import read_point
from edgegw.sources.replay import recorded_reads
from edgegw.store.decisions import KEEP_S, Log, looking

SAME_PASS_S = 10.0
ENOUGH = 50
"""So many decisions are looked through for what another door said about the same pass."""


@click.command()
@click.argument("units", nargs=-1, required=True, metavar="UNIT...")
@config_option
@click.option("--last", type=click.IntRange(1, 1000), default=5, show_default=True, help="So many decisions of each.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw them: FILE.svg or FILE.png.")
@click.option("--reads", type=click.Path(path_type=Path), help="A recording, instead of what the gateway has seen.")
def why(units: tuple[str, ...], path: Path, last: int, plot: Path | None, reads: Path | None) -> None:
    """Explain the last decisions about units: moved or not, which way, and why.

    A unit may be named as on its label or tag: Digital Link, EPC (hexadecimal or URI), (01)...(21)..., the 18 digits of
    an SSCC. Works while the gateway runs, and after. Nothing is changed.

    \b
    Examples:
      edgegw why 3066C4409047E140075BCD15
      edgegw why '(01)09506000134352(21)123456789' --last 20
      edgegw why 106141412345678908 --plot pallet.svg
      edgegw why 3066C4409047E140075BCD15 --reads monday.jsonl.gz
    """
    config = load(path)
    with ExitStack() as stack:
        log = None if reads else stack.enter_context(looking(config.journal.path))
        archive = _archive(config, log, reads)
        shown: list[Told] = []
        for text in map(str.strip, units):
            key, told = _find(archive, keys_of(text, config), last)
            doubt = "" if told else doubt_about(text, config)
            click.echo("\n".join([*_explain(key, told, archive), *_missing(told, doubt, log), *_now(key, log)]))
            shown += told
        if plot:
            draw(plot, [(one, archive.around(one)) for one in shown])
            click.echo(f"drawn: {plot}")


def _archive(config: Config, log: Log | None, reads: Path | None) -> Archive:
    if log:
        return Journalled(log)
    assert reads
    return Replayed(rehearse(config, recorded_reads(reads)))


def _find(archive: Archive, keys: list[str], last: int) -> tuple[str, list[Told]]:
    """The key under which something is known, and what; else the likeliest key and nothing."""
    for key in keys:
        if told := archive.about(key, last):
            return key, told
    return keys[0], []


def _explain(key: str, told: list[Told], archive: Archive) -> Iterator[str]:
    """What helps is said once for each reason."""
    yield click.style(key, bold=True)
    helps = {cure(one.decision): one for one in told}
    for one in told:
        yield _headline(one)
        yield _indented(f"{because(one.decision)}{_elsewhere(one, key, archive)}")
        text = cure(one.decision)
        if text and helps[text] is one:
            yield _indented(f"What helps: {text}.")


def _headline(told: Told) -> str:
    decision = told.decision
    often = f" ({told.times} times since {moment(told.since_t)})" if told.times > 1 else ""
    return f"  {moment(decision.t)} {read_point(decision)}: {click.style(verdict(decision), bold=True)}{often}"


def _indented(text: str) -> str:
    return click.wrap_text(text, 110, initial_indent="      ", subsequent_indent="      ")


def _elsewhere(told: Told, key: str, archive: Archive) -> str:
    """What another door decided about the same pass."""
    if not isinstance(told.decision, Passed) or told.decision.reason != "other-door":
        return ""
    for other in archive.about(key, ENOUGH):
        point = read_point(other.decision)
        if point != told.decision.door and abs(other.decision.t - told.decision.t) <= SAME_PASS_S:
            return f" There, at {point}: {verdict(other.decision)}."
    return ""


def _missing(told: list[Told], doubt: str, log: Log | None) -> Iterator[str]:
    """What to say when nothing was decided."""
    if told:
        return
    where = f"in the last {KEEP_S / 86_400:g} days" if log else "in this recording"
    yield f"  nothing was decided about it {where}: no door or station has read it"
    if doubt:
        yield _indented(f"Is that the right name? {doubt}.")


def _now(key: str, log: Log | None) -> Iterator[str]:
    """Where it is, and what is not decided yet."""
    if log is None:
        return
    if place := log.place_of(key):
        yield f"  It is at {place.place}, says {place.read_point}, since {moment(place.t)}."
    for door, _, state in log.being_weighed(key):
        try:
            seen = saved.from_json(state)
        except ValueError:
            continue
        so_far = f"{counted(seen.reads, 'read')} so far, the last at {clock(seen.last_t, 1)}"
        yield f"  Being weighed at {door} since {clock(seen.first_t)}: {so_far}."
