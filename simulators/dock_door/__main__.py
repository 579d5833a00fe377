"""`python -m simulators.dock_door SITUATION --out FOLDER`: a labelled recording of a simulated dock; or `--play` it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from simulators.dock_door.live import play
from simulators.dock_door.suite import SCENES
from simulators.dock_door.tracks import Track, write_track


def _address(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise click.BadParameter(f"{text!r} is not host:port, such as 127.0.0.1:1883")
    return host, int(port)


SITUATIONS = "\n".join(["\b", "Situations:", *(f"  {name:16}{make.__doc__}" for name, make in SCENES.items())])


@click.command(epilog=SITUATIONS)
@click.argument("situation", type=click.Choice(list(SCENES)), metavar="SITUATION")
@click.option("--seed", default=1, show_default=True, help="the same seed gives the same recording")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="for its files")
@click.option("--play", "live", is_flag=True, help="let simulated readers tell it to a gateway, in real time")
@click.option("--broker", default="127.0.0.1:1883", callback=_address, help="for the configuration of that gateway")
def main(situation: str, seed: int, folder: Path, live: bool, broker: tuple[str, int]) -> None:
    """Record a situation at a dock door.

    Writes NAME.reads.jsonl.gz, NAME.truth.csv (what really happened) and NAME.yaml, a configuration for
    `edgegw replay`; with --play for `edgegw run`.
    """
    recorded = SCENES[situation](seed)
    if live:
        _play(recorded, folder, broker)
    else:
        write_track(recorded, folder)
    crossings = sum(span.label != "none" for span in recorded.truth)
    click.echo(f"{folder / recorded.name}.*: {len(recorded.reads)} reads, {crossings} crossings")


def _play(recorded: Track, folder: Path, broker: tuple[str, int]) -> None:
    try:
        unheard = asyncio.run(play(recorded, folder, broker, click.echo))
    except TimeoutError:
        raise click.ClickException("no gateway came to read") from None
    if unheard:
        click.echo(f"{unheard} reads were not heard: no gateway had told the reader to read")


if __name__ == "__main__":
    main()
