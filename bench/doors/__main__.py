"""`python -m bench.doors --tracks FOLDER`: every track, every method, one table each."""

from __future__ import annotations

from pathlib import Path

import click

from bench.doors.methods import METHODS
from bench.doors.score import score
from bench.doors.track import track, tracks

HEAD = f"{'':22}{'P':>6}{'R':>7}{'F1':>7}{'dir':>7}{'F1dir':>7}{'stray/h':>9}{'error s':>12}{'latency s':>13}"


@click.command()
@click.option("--tracks", "folder", type=click.Path(path_type=Path, exists=True), required=True, help="the recordings")
@click.option(
    "--track", "texts", multiple=True, help="NAME:INSIDE:OUTSIDE[:SLACK], such as run1:1,2:3,4; else all known"
)
def doors(folder: Path, texts: tuple[str, ...]) -> None:
    """Score our door with its defaults, and what others do, on labelled recordings."""
    found = [track(folder, text) for text in texts] or list(tracks(folder))
    for one in found:
        crossings = sum(span.label != "none" for span in one.truth)
        click.echo(f"\n{one.name}: {len(one.reads)} reads, {crossings} crossings\n{HEAD}")
        for name, method in METHODS.items():
            s = score(method(one), one)
            click.echo(
                f"{name:22}{s.precision:6.3f}{s.recall:7.3f}{s.f1:7.3f}{s.direction:7.3f}{s.f1 * s.direction:7.3f}"
                f"{s.stray_per_h:9.1f}{_pair(s.error_s):>12}{_pair(s.latency_s):>13}"
            )
    click.echo("\nerror and latency: p50 / p95, from the middle of the crossing")


def _pair(quantiles: tuple[float, float]) -> str:
    return f"{quantiles[0]:.1f} / {quantiles[1]:.1f}"


if __name__ == "__main__":
    doors()
