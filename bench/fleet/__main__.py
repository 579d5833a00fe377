"""`python -m bench.fleet`: where the broker becomes the limit, in some two minutes; see `--help`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from bench.fleet.steps import GATEWAYS, Fleet, Step, steps
from bench.machine import this_machine

FLEETS = {
    Fleet(1, 1): (500.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0),
    Fleet(1, 2): (4_000.0, 8_000.0, 16_000.0),
    Fleet(50, 1): (8_000.0, 16_000.0, 32_000.0),
    Fleet(50, 2): (16_000.0, 32_000.0),
}
"""Events a second of the whole fleet, one pace after the other. 100 gateways of 5 events a second are a busy yard."""

WIDTHS = (9, 9, 9, 11, 9, 8)


@click.command()
@click.option("--seconds", default=5.0, show_default=True, help="of each pace")
def main(seconds: float) -> None:
    """Let 100 gateways publish to one Mosquitto, faster and faster, until something does not keep up.

    One consumer has the subscription for itself; two share it ($share, MQTT 5): each event goes to one of them.
    """
    click.echo(f"{this_machine()}; {GATEWAYS} gateways\n")
    titles = ("a message", "consumers", "offered/s", "published/s", "arrived/s", "p99 ms")
    click.echo(" ".join(f"{title:>{width}}" for title, width in zip(titles, WIDTHS, strict=True)) + "  of a core each")
    with tempfile.TemporaryDirectory(prefix="edgegw-bench-") as folder:
        for number, (fleet, paces_hz) in enumerate(FLEETS.items()):
            own = Path(folder) / str(number)
            own.mkdir()
            for step in steps(fleet, paces_hz, seconds, own):
                click.echo("  ".join(_cells(step)))


def _cells(step: Step) -> Iterator[str]:
    numbers = (step.fleet.batch, step.fleet.consumers, step.offered_hz, step.published_hz, step.arrived_hz, step.p99_ms)
    yield " ".join(f"{number:{width}.0f}" for number, width in zip(numbers, WIDTHS, strict=True))
    yield ", ".join(f"{name} {share:.0%}" for name, share in step.cores.items()) + f"; machine {step.machine:.0%}"
    yield f"LIMIT: {step.limit}" if step.limit else ""


if __name__ == "__main__":
    main()
