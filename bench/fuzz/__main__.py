"""Command line of the campaign."""

from __future__ import annotations

import asyncio
import sys

import click

from bench.fuzz.campaign import COUNTS, campaign


@click.command()
@click.option("--count", type=int, help="inputs of each part")
@click.option("--seed", default=1, show_default=True)
@click.option("--only", type=click.Choice(list(COUNTS)), multiple=True, help="one part; may be repeated")
@click.option("--slowest-ms", default=250.0, show_default=True, help="longest that one input may take, of CPU time")
@click.option("--grown-mb", default=20.0, show_default=True, help="most that memory may grow in a part")
def main(count: int | None, seed: int, only: tuple[str, ...], slowest_ms: float, grown_mb: float) -> None:
    """Mutated frames, scans, configurations, commands and acknowledgements into the real code."""
    held = True
    for part in only or COUNTS:
        (tally,) = asyncio.run(campaign({part: count or COUNTS[part]}, seed))
        held = tally.verdict(slowest_ms, grown_mb) and held
        for line in tally.lines():
            click.echo(line)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
