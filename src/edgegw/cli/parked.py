"""`edgegw parked`: events that the broker would not take, and what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from edgegw.cli.config_file import config_option
from edgegw.cli.reasons import counted
from edgegw.cli.request import have_done
from edgegw.config.load import load
from edgegw.store.summary import parked_events


@click.group(invoke_without_command=False)
def parked() -> None:
    """Events that the broker would not take.

    A broker that fails on one event, but takes others for minutes, would hold everything up for ever: that event is
    parked, and a note goes out under its number (docs/contract.md). Nothing is lost: cure the broker (its largest
    packet, for example), then retry.
    """


@parked.command("list")
@click.option("--last", "limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@config_option
def list_parked(limit: int, path: Path) -> None:
    """Show them, oldest first: number, since when, size, topic, the broker's reason. Changes nothing."""
    events = parked_events(load(path).journal.path, limit)
    for event in events:
        since = datetime.fromtimestamp(event.t, UTC).astimezone().isoformat(" ", "seconds")
        click.echo(f"{event.seq:10}  {since}  {event.size:6} bytes  {event.topic}  {event.reason}")
    if not events:
        click.echo("No event is parked.")


def _chosen(numbers: tuple[int, ...], everything: bool) -> dict[str, Any]:
    if bool(numbers) == everything:
        raise click.UsageError("name the numbers that edgegw parked list shows, or say --all")
    return {"all": True} if everything else {"seqs": list(numbers)}


def _tell_unknown(numbers: tuple[int, ...], answer: dict[str, Any]) -> None:
    wanted = len(set(numbers))
    if (unknown := wanted - answer["events"] - answer["unreadable"]) > 0:  # with --all none is named
        click.echo(f"Not parked: {unknown} of {wanted}; see edgegw parked list.")


@parked.command()
@click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@config_option
def retry(numbers: tuple[int, ...], everything: bool, path: Path) -> None:
    """Send them after all, under new numbers."""
    answer = have_done(path, {"do": "parked-retry", **_chosen(numbers, everything)})
    click.echo(f"{counted(answer['events'], 'event')} sent under new numbers.")
    if answer["unreadable"]:
        click.echo(f"Not written by edgegw, so left there: {answer['unreadable']}.")
    _tell_unknown(numbers, answer)


@parked.command()
@click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@config_option
def drop(numbers: tuple[int, ...], everything: bool, path: Path) -> None:
    """Give them up for good."""
    answer = have_done(path, {"do": "parked-drop", **_chosen(numbers, everything)})
    click.echo(f"{counted(answer['events'], 'event')} given up.")
    _tell_unknown(numbers, answer)
