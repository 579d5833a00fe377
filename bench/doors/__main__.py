"""`python -m bench.doors`: every track, every method, a table each; see `--help`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click

from bench.doors import boosted, chart, files, recorded, report, targets
from bench.doors.pools import Pool, pools
from bench.doors.runner import BOOSTED, Judged, Wanted, judged, with_boosted
from edgegw.errors import EdgegwError
from simulators.dock_door.suite import SCENES

SLOW = ("four_doors", "s0_static60", "static200", "staged", "s0_turn_back")
"""These begin, so that no processor waits for them in the end."""


@click.command()
@click.option("--tracks", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="recordings")
@click.option(
    "--track", "texts", multiple=True, help="of the recordings, instead of all: NAME[:INSIDE:OUTSIDE[:SLACK]]"
)
@click.option("--scene", "scenes", type=click.Choice(list(SCENES)), multiple=True, help="simulated, instead of all")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(0), help="simulated tracks of each scene")
@click.option("--quick", is_flag=True, help="one seed")
@click.option("--jobs", default=lambda: len(os.sched_getaffinity(0)), type=click.IntRange(1), help="at a time")
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench/results"), show_default=True)
def main(
    folder: Path | None,
    texts: tuple[str, ...],
    scenes: tuple[str, ...],
    seeds: int,
    quick: bool,
    jobs: int,
    out: Path,
) -> None:
    """Score edgegw, simple rules, EdgeX and XGBoost on labelled tracks.

    Simulated tracks always, recordings of real portals with --tracks. Writes doors.json, doors.md and doors.svg.
    """
    began_s = time.monotonic()
    if texts and not folder:
        raise click.UsageError("--track names a recording in the folder that --tracks names")
    seeds = 1 if quick else seeds
    wanted = _recordings(folder, texts) if folder else []
    wanted += [Wanted(scene, seed=seed) for scene in _slow_first(scenes) for seed in range(1, seeds + 1)]
    if not wanted:
        raise click.UsageError("nothing to do: no seeds, and no recordings")
    learn = boosted.is_installed()
    try:
        tracks = _run(wanted, jobs, learn)
    except EdgegwError as error:
        raise click.ClickException(str(error)) from None
    if learn:
        tracks = with_boosted(tracks, jobs)
    found = pools(tracks)
    _print(found, tracks, learn)
    _write(found, tracks, out)
    click.echo(f"\n{out}/doors.json .md .svg - {time.monotonic() - began_s:.0f} s with {jobs} processes")


def _recordings(folder: Path, texts: tuple[str, ...]) -> list[Wanted]:
    for name in recorded.unknown(folder):
        if not any(text.startswith(f"{name}:") for text in texts):
            click.echo(f"{name} is left out: say --track {name}:INSIDE:OUTSIDE with its antennas", err=True)
    return [Wanted(text, folder) for text in texts or recorded.known(folder)]


def _slow_first(scenes: tuple[str, ...]) -> list[str]:
    return sorted(scenes or SCENES, key=lambda scene: scene not in SLOW)


def _run(wanted: list[Wanted], jobs: int, learn: bool) -> list[Judged]:
    with click.progressbar(judged(wanted, jobs, learn), len(wanted), "tracks", file=sys.stderr) as finished:
        return list(finished)


def _print(found: list[Pool], tracks: list[Judged], learn: bool) -> None:
    for pool in found:
        click.echo("\n" + "\n".join(report.table(pool)))
    click.echo(f"\n{report.LEGEND}")
    if not learn:
        click.echo(f"{BOOSTED}: not installed - tools/install bench")
    elif len({one.track.site for one in tracks}) < 2:
        click.echo(f"{BOOSTED}: there is no other site to learn from - more seeds, or --tracks")
    reads, cpu_s = sum(one.reads for one in tracks), sum(one.cpu_s for one in tracks)
    click.echo(f"edgegw weighs {reads / cpu_s:.0f} reads a second on one processor")
    click.echo("\n" + "\n".join(targets.missed_and_met(found)))


def _write(found: list[Pool], tracks: list[Judged], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "doors.json").write_text(files.as_json(found, tracks), encoding="utf-8")
    (out / "doors.md").write_text("\n".join(files.as_markdown(found)) + "\n", encoding="utf-8")
    (out / "doors.svg").write_text(chart.draw(found), encoding="utf-8")


if __name__ == "__main__":
    main()
