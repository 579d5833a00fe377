"""`python -m simulators.dock_door.fidelity`: the simulated dock next to what a real one was measured to do.

The real numbers are of the public EMSE recordings (github.com/corentinbouton/RFID-tags-detection, runs 3 and 5: 100
tags in a box go 20 times through an open portal, 100 lie 3 m away or farther; session 1, European channels). Constants
were fitted to these very numbers, so this is no proof; it shows that a change to the physics did no harm.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import median, pstdev, quantiles
from typing import NamedTuple

import click

from simulators.dock_door import site
from simulators.dock_door.inventory import Air, Answer, Trip, inventory
from simulators.dock_door.radio import draw_room
from simulators.dock_door.tags import DRY_GOODS_DB, Tag, draw_tag
from simulators.dock_door.walks import Direction, Walk, start

CROSSINGS = 12
EVERY_S = 17.0
BOX_MPS = 2.2
BOX_FAR_M = 9.0
"""Until nobody reads it: the box was out of sight 4 s after it had crossed."""
BOX_DB = (2.0, 9.0)
"""A hundred tags in one box shade each other."""
KEPT_OUT_M = 3.0
HIDDEN_S = 0.5
"""The recordings do not say when the box crossed; it was worked out from the reads, about so well."""
ENOUGH_READS = 20


class Hall(NamedTuple):
    """What was read in the hall, tag by tag, and when the box crossed which way."""

    moving: dict[str, list[Answer]]
    lying: dict[str, list[Answer]]
    crossings: Sequence[tuple[float, Direction]]
    reads_per_s: float


def hall(seed: int) -> Hall:
    """The EMSE recording, acted again."""
    rng = random.Random(seed)
    box = _box()
    trips = [Trip(_boxed(n, rng), box, "moving") for n in range(100)]
    trips += [Trip(_lying(n, rng), start(*_place(rng)).stay(box.ends_s), "lying") for n in range(100)]
    views = site.views(site.one_door(), draw_room(rng, [0.0], wall=False))
    answers = inventory(views, trips, Air(session=1), rng)
    by_kind: dict[str, defaultdict[str, list[Answer]]] = {"moving": defaultdict(list), "lying": defaultdict(list)}
    for answer in answers:
        by_kind[answer.trip.kind][answer.trip.tag.epc].append(answer)
    crossings = [((one.begin_s + one.end_s) / 2 + rng.gauss(0, HIDDEN_S), one.direction) for one in box.crossings()]
    return Hall(by_kind["moving"], by_kind["lying"], crossings, len(answers) / box.ends_s)


def _box() -> Walk:
    walk, x = start(-BOX_FAR_M).stay(5.0), -BOX_FAR_M
    for _ in range(CROSSINGS):
        x = -x
        walk = walk.to(x, 0.0, BOX_MPS).stay(EVERY_S - 2 * BOX_FAR_M / BOX_MPS)
    return walk


def _boxed(number: int, rng: random.Random) -> Tag:
    place = rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), rng.uniform(0.3, 1.4)
    return draw_tag(f"{number:024X}", rng, place, BOX_DB)


def _lying(number: int, rng: random.Random) -> Tag:
    return draw_tag(f"{1000 + number:024X}", rng, (0.0, 0.0, rng.uniform(0.3, 2.0)), DRY_GOODS_DB)


def _place(rng: random.Random) -> tuple[float, float]:
    """Outside the lane, and as far from the portal as it had to be."""
    while True:
        x, y = rng.uniform(-5, 5), rng.uniform(-4, 4)
        if math.hypot(x, y) >= KEPT_OUT_M and abs(y) >= 1.0:
            return x, y


# ---- what is measured


def reads_a_pass(hall: Hall) -> list[list[Answer]]:
    """The reads of each tag in the box within 6 s of each crossing."""
    return [
        [one for one in answers if abs(one.at_s - crossing_s) < 6.0]
        for answers in hall.moving.values()
        for crossing_s, _ in hall.crossings
    ]


def right_side(hall: Hall, from_s: float, to_s: float) -> float:
    """Share of the reads so long before or after a crossing that were made on the side where the box was."""
    right = [
        (one.antenna.side == "inside") is ((one.at_s < crossing_s) is (way == "out"))
        for answers in hall.moving.values()
        for crossing_s, way in hall.crossings
        for one in answers
        if from_s <= abs(one.at_s - crossing_s) < to_s
    ]
    return sum(right) / len(right)


def one_side_only(hall: Hall) -> float:
    """Share of passes of which only one side, or none, made reads."""
    passes = reads_a_pass(hall)
    return sum(len({one.antenna.side for one in reads}) < 2 for reads in passes) / len(passes)


def seen_by_both(hall: Hall) -> int:
    """Lying tags of which each side made a fifth of the reads or more."""
    shares = [sum(one.antenna.side == "inside" for one in reads) / len(reads) for reads in hall.lying.values()]
    return sum(0.2 <= share <= 0.8 for share in shares)


def wander_db(tags: dict[str, list[Answer]]) -> float:
    """Median standard deviation of what an antenna hears of a tag."""
    series: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for epc, answers in tags.items():
        for one in answers:
            series[epc, one.antenna.number].append(one.rssi_dbm)
    return median(pstdev(levels) for levels in series.values() if len(levels) >= ENOUGH_READS)


def level_dbm(tags: dict[str, list[Answer]], percent: int) -> float:
    """So many percent of the reads are as faint as this."""
    return quantiles([one.rssi_dbm for answers in tags.values() for one in answers], n=100)[percent - 1]


class Measure(NamedTuple):
    """real: of the recordings, in words; bounds: where the simulation may be."""

    name: str
    real: str
    bounds: tuple[float, float]
    of: Callable[[Hall], float]


MEASURES = (
    Measure("reads/s, 175 tags", "41 - 46", (35, 65), lambda hall: hall.reads_per_s),
    Measure("reads a tag and pass, 10 %", "2", (1, 3), lambda hall: quantiles(map(len, reads_a_pass(hall)), n=10)[0]),
    Measure("                   median", "3 - 4", (3, 5), lambda hall: median(map(len, reads_a_pass(hall)))),
    Measure("                   90 %", "5 - 6", (4, 7), lambda hall: quantiles(map(len, reads_a_pass(hall)), n=10)[8]),
    Measure("passes seen by one side only", ".13 - .18", (0.10, 0.27), one_side_only),
    Measure("right side, < 1 s", ".74 - .76", (0.68, 0.84), lambda hall: right_side(hall, 0, 1)),
    Measure("            1 - 2 s", ".94 - .95", (0.89, 0.98), lambda hall: right_side(hall, 1, 2)),
    Measure("            2 - 3 s", ".96 - .97", (0.90, 1.00), lambda hall: right_side(hall, 2, 3)),
    Measure("            > 3 s", ".96 - .98", (0.90, 1.00), lambda hall: right_side(hall, 3, 6)),
    Measure("moving tags, dBm, 5 %", "-75", (-78, -73), lambda hall: level_dbm(hall.moving, 5)),
    Measure("                  median", "-69.5", (-72.5, -67.5), lambda hall: level_dbm(hall.moving, 50)),
    Measure("                  95 %", "-62.5", (-65, -59), lambda hall: level_dbm(hall.moving, 95)),
    Measure("lying tags seen, of 100", "71 - 76", (60, 88), lambda hall: len(hall.lying)),
    Measure("lying tags seen by both sides", "6 - 8", (3, 12), seen_by_both),
    Measure("lying tags, dBm, 5 %", "-76", (-78, -74), lambda hall: level_dbm(hall.lying, 5)),
    Measure("                 median", "-70", (-74, -68), lambda hall: level_dbm(hall.lying, 50)),
    Measure("                 95 %", "-64.5", (-67, -60), lambda hall: level_dbm(hall.lying, 95)),
    Measure("lying tags wander by, dB", "1.3 - 1.8", (1.2, 2.0), lambda hall: wander_db(hall.lying)),
)


def compare(halls: Sequence[Hall]) -> Iterator[tuple[Measure, float]]:
    """Each measure with its mean over these halls."""
    for measure in MEASURES:
        yield measure, sum(map(measure.of, halls)) / len(halls)


@click.command()
@click.option("--seeds", default=5, show_default=True, help="so many halls are simulated and averaged")
def main(seeds: int) -> None:
    """Compare the simulated dock with recordings of real ones. Exit 1 when something is out of bounds."""
    click.echo(f"{'':32}{'real':>12}{'simulated':>12}   bounds")
    wrong = 0
    for measure, value in compare([hall(seed) for seed in range(seeds)]):
        least, most = measure.bounds
        inside = least <= value <= most
        wrong += not inside
        click.echo(f"{measure.name:32}{measure.real:>12}{value:12.2f}   {least:g} - {most:g}{'' if inside else '  !'}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
