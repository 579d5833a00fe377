"""`edgegw status`: the running gateway's own words, or the journal's when it does not run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from edgegw import control
from edgegw.config.load import load
from edgegw.errors import LinkDown, StoreFailed
from edgegw.store.summary import summarise


@click.command()
@click.option("-c", "--config", "path", type=click.Path(path_type=Path), required=True, help="the YAML file")
@click.option("--json", "as_json", is_flag=True, help="the whole status document as JSON")
def status(path: Path, as_json: bool) -> None:
    """Show links, movements, what was ignored and why, and what waits for the broker.

    Exit 69 when the gateway does not run; then what its journal holds is shown.
    """
    config = load(path)
    try:
        document = asyncio.run(control.ask(config.journal.path))
    except LinkDown as down:
        _show_journal(config.journal.path, down, as_json)
        raise click.exceptions.Exit(69) from None
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(_lines(document)))


def _show_journal(path: Path, down: LinkDown, as_json: bool) -> None:
    try:
        summary = summarise(path)._asdict()
    except StoreFailed as failed:
        summary = {"journal": str(failed)}
    if as_json:
        click.echo(json.dumps({"running": False, **summary}, indent=2, default=str))
        return
    click.echo(f"the gateway does not run ({down.reason})")
    for key, value in summary.items():
        click.echo(f"  journal {key}: {value}")


def _lines(document: dict[str, Any]) -> list[str]:
    backlog = document["backlog"]
    return [
        f"{document['site']}/{document['gateway']}  up {document['uptime_s']} s  version {document['version']}",
        f"movements {document['movements']}  last event {document['last_seq']}  epoch {document['epoch']}",
        f"journal {document['journal']}  waiting {backlog['pending']}  parked {backlog['parked']}",
        *(_link(name, state, document) for name, state in sorted(document["links"].items())),
        *(f"ignored {reason}: {count}" for reason, count in sorted(document["ignored"].items())),
    ]


def _link(name: str, state: dict[str, str], document: dict[str, Any]) -> str:
    parts = [f"{name}: {state['status']}", state["reason"]]
    reader = document["readers"].get(name)
    if reader:
        parts += [reader["model"], *reader["troubles"].values()]
        offset_s = reader["clock_offset_s"]
        parts.append(f"clock {offset_s:+.3f} s from ours" if offset_s is not None else "")
        parts.append(f"{document['counters'].get(name, {}).get('reads', 0)} reads")
    return "  ".join(part for part in parts if part)
