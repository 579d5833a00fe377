"""`edgegw status`: the running gateway's own words, or what its journal holds when it does not run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from edgegw import control
from edgegw.cli import UNAVAILABLE
from edgegw.cli.config_file import config_file
from edgegw.cli.words import counted, maker_and_model
from edgegw.config.load import load
from edgegw.errors import LinkDown, LinkRefused, StoreFailed
from edgegw.store.summary import Summary, summarise

Document = dict[str, Any]


@click.command()
@config_file
@click.option("--json", "as_json", is_flag=True, help="the whole status document as JSON")
@click.pass_context
def status(ctx: click.Context, path: Path, as_json: bool) -> None:
    """Show links, movements, what was ignored and why, and what waits for the broker.

    Exit 69 when the gateway does not run, or cannot be asked; then the reason is told, and what its journal holds.
    """
    journal = load(path).journal.path
    try:
        document = asyncio.run(control.ask(journal))
    except LinkDown as down:
        click.echo(_down_as_json(journal, down) if as_json else "\n".join(_down(journal, down)))
        ctx.exit(UNAVAILABLE)
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(_lines(document)))


# When nobody answers


def _down(journal: Path, down: LinkDown) -> Iterator[str]:
    if isinstance(down, LinkRefused):
        yield f"the gateway cannot be asked: {down.reason}"
        return
    yield f"the gateway does not run: {down.reason}"
    try:
        yield from _held(journal, summarise(journal))
    except StoreFailed as failed:
        yield str(failed)


def _held(journal: Path, summary: Summary) -> Iterator[str]:
    yield f"journal {journal}:"
    oldest_t = summary.oldest_pending_t
    yield f"  {_waiting(summary.pending, '' if oldest_t is None else f'since {_moment(oldest_t)}', summary.parked)}"


def _down_as_json(journal: Path, down: LinkDown) -> str:
    if isinstance(down, LinkRefused):
        return json.dumps({"running": None, "reason": down.reason}, indent=2)
    known: Document = {"running": False, "reason": down.reason}
    try:
        known |= summarise(journal)._asdict()
    except StoreFailed as failed:
        known["journal"] = str(failed)
    return json.dumps(known, indent=2)


def _moment(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).astimezone().isoformat(" ", "seconds")


# When it answers


def _lines(document: Document) -> Iterator[str]:
    runs = f"has run for {_duration(document['uptime_s'])} (version {document['version']})"
    yield f"{document['site']}/{document['gateway']} {runs}"
    backlog = document["backlog"]
    waiting = _waiting(backlog["pending"], f"for {_duration(backlog['oldest_age_s'])}", backlog["parked"])
    yield f"movements: {document['movements']}; {waiting}"
    if document["journal"] != "ok":
        yield f"JOURNAL FAILS: {document['journal']}"
    for trouble in document["troubles"].values():
        yield f"TROUBLE: {trouble}"
    left = [f"{name} {certificate['days_left']}" for name, certificate in document["certificates"].items()]
    if left:
        yield f"days left of certificates: {', '.join(left)}"
    counters: dict[str, dict[str, int]] = dict(document["counters"])
    for name, state in sorted(document["links"].items()):
        yield from _link(name, state, document["readers"].get(name))
        yield from _tally(counters.pop(name, {}))
    for scope, tally in sorted(counters.items()):
        yield from (f"{scope}:", *_tally(tally))


def _waiting(pending: int, oldest: str, parked: int) -> str:
    """What has not been delivered. `oldest`: since when or for how long the oldest event waits."""
    waits = "1 event waits" if pending == 1 else f"{pending} events wait"
    since = f", the oldest {oldest}" if pending else ""
    aside = f"; {parked} parked: the broker will never take {'it' if parked == 1 else 'them'}" if parked else ""
    return f"{waits} for the broker{since}{aside}"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _link(name: str, state: dict[str, str], reader: Document | None) -> Iterator[str]:
    about = f": {state['reason']}" if state["reason"] else ""
    yield f"{name}: {state['status']}{about}{_reader(reader) if reader else ''}"
    for trouble in (reader or {}).get("troubles", {}).values():
        yield f"  TROUBLE: {trouble}"


def _reader(reader: Document) -> str:
    offset_s = reader["clock_offset_s"]
    parts = [maker_and_model(reader["model"]), f"clock {offset_s:+.3f} s from ours" if offset_s is not None else ""]
    return "".join(f", {part}" for part in parts if part)


def _tally(tally: dict[str, int]) -> Iterator[str]:
    for reason, count in tally.items():
        if count:
            yield f"  {count:8} {counted(reason)}"
