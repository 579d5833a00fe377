"""`edgegw resend`: events that were delivered, once more."""

from __future__ import annotations

from pathlib import Path

import click

from edgegw.cli.config_file import config_option
from edgegw.cli.reasons import counted
from edgegw.cli.request import have_done


@click.command()
@click.argument("first", metavar="FROM", type=click.IntRange(min=1))
@click.argument("last", metavar="TO", type=click.IntRange(min=1))
@click.option("--epoch", help="Of another epoch than the present one.")
@config_option
def resend(first: int, last: int, epoch: str | None, path: Path) -> None:
    """Send the events numbered FROM to TO again, under their old numbers.

    For a central system that has lost them: one that has them takes them for repeats. Delivered events are kept for
    journal.keep_h and journal.max_mb.

    \b
    Examples:
      edgegw resend 1200 1300
    """
    if last < first:
        raise click.UsageError(f"from {first} to {last} is no range: name the lower number first")
    answer = have_done(path, {"do": "resend", "from": first, "to": last, **({"epoch": epoch} if epoch else {})})
    click.echo(f"{counted(answer['events'], 'event')} sent again.")
    if others := last - first + 1 - answer["events"]:
        click.echo(f"Not sent again: {others}, kept no more or waiting anyway; the oldest kept is {answer['oldest']}.")
