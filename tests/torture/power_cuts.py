"""Cut the power at any moment of a journal's life and open what the disk may hold then.

    python -m tests.torture --only power-cuts

A life (`power_cut_life.py`) is recorded down to each write and fsync of the real SQLite (`simulators.power_cut`), from
the opening of the file to its closing. Of random moments of it images of the disk are made, and each is judged
(`power_cut_verdict.py`). One of them is where the next life begins, so that power also fails while a journal recovers
from a power cut; now and then an old copy of the file is put in service instead.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple
from unittest import mock

from edgegw.core.counters import Counters
from edgegw.store import growth, opening, retention
from simulators.power_cut import Drive, Fate, Image, Recording, Stored
from tests.store.support import Hand, opened
from tests.torture.power_cut_life import KEEP_H, Known, Life, Told
from tests.torture.power_cut_verdict import FAULTS, judge
from tests.torture.table import Row

IMAGES: Final = 5000
OF_A_LIFE: Final = 100
LIVES: Final = 6
"""In a row, each with the disk that the one before has left; then an empty disk."""
STEPS: Final = 60
PROCESSES: Final = 2
FATES: Final = {Fate.KEPT: 1, Fate.LOST: 2, Fate.WRITES: 3, Fate.SECTORS: 4}
SMALL_WAL_BYTES: Final = 32 * 1024
"""The log is copied into the file all the time, not every 4 MB: that is done in one life of ten, with large events."""
SMALL_EVENT_BYTES: Final = 500
LARGE_EVENT_BYTES: Final = 80_000
FEW_ROWS: Final = 40
"""Tables that are folded into others are folded at this size."""
JOURNAL: Final = "state/journal.db"
WANTED: Final = "0 accepted-then-lost, 0 unreadable, 0 sequence reuse"


@dataclass
class Tally:
    """What came of the images. examples: the first of each kind of fault, in words."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, faults: dict[str, str], where: str) -> None:
        self.counts["images"] += 1
        for fault, what in faults.items():
            self.counts[fault] += 1
            self.examples.setdefault(fault, f"{fault}: {where}: {what}")

    def row(self) -> Row:
        names = ("images", "lives", "operations", "events", "forgotten", "recovering", *FAULTS)
        return Row("power cuts", {name: self.counts[name] for name in names}, WANTED, tuple(self.examples.values()))


async def rows(folder: Path, scale: float, seed: int) -> list[Row]:
    """One row. recovering: images of a journal that was being opened, or brought into service."""
    images = max(1, round(IMAGES * scale / PROCESSES))
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        work = [loop.run_in_executor(pool, tally, folder / str(n), images, f"{seed}/{n}") for n in range(PROCESSES)]
        tallies = await asyncio.gather(*work)
    total = Tally()
    for one in tallies:
        total.counts += one.counts
        total.examples = one.examples | total.examples
    return [total.row()]


def tally(folder: Path, images: int, seed: str) -> Tally:
    """The share of one process."""
    return asyncio.run(cut_often(folder, images, random.Random(seed)))


async def cut_often(folder: Path, images: int, rng: random.Random) -> Tally:
    """So many images of one disk after the other."""
    found = Tally()
    while found.counts["images"] < images:
        folder.mkdir()
        gateway = Gateway(Drive(folder / "disk"), rng, found)
        for _ in range(LIVES):
            await gateway.live(min(OF_A_LIFE, images - found.counts["images"]))
        shutil.rmtree(folder)
    return found


class Start(NamedTuple):
    """Where a life begins, and what the world knows then. has_all: the power cut lost nothing."""

    image: Image
    known: Known
    has_all: bool = True


class Gateway:
    """One disk through several lives."""

    def __init__(self, drive: Drive, rng: random.Random, found: Tally) -> None:
        self._drive = drive
        self._path = drive.folder / JOURNAL
        self._rng = rng
        self._found = found
        self._start = Start({}, Known())

    async def live(self, images: int) -> None:
        """Live once; look at so many images of that life; one of them, or of its copies, is the next start."""
        self._found.counts["lives"] += 1
        self._drive.lay(self._start.image)
        with self._drive.recorded() as recording, _hurried(large=self._rng.random() < 0.1) as event_bytes:
            told = Told(self._start.known, lambda: recording.moment)
            in_service = await self._run(told, recording, event_bytes)
        self._found.counts["operations"] += recording.moment
        self._found.counts["events"] += told.now.safe - self._start.known.safe
        heirs = [heir async for heir in self._judged(recording, told, images, in_service)]
        if heirs:
            self._start = self._choose(heirs)

    async def _run(self, told: Told, recording: Recording, event_bytes: int) -> int:
        """Open, work, close, and that again; the moment when the journal was first in service."""
        clock, moments = Hand(), []
        for opening_ in range(2):
            name = f"{self._found.counts['lives']}.{opening_}"
            counters = Counters()
            async with opened(self._path, counters=counters, now=clock, keep_h=KEEP_H) as journal:
                moments.append(recording.moment)
                life = Life(name, journal, told, clock, self._rng, event_bytes)
                await life.begin(new_epoch=self._rng.random() < 0.2)
                await life.go_on(self._rng.randint(1, STEPS))
            self._found.counts["forgotten"] += counters.get("journal", "events_forgotten")
        return moments[0]

    async def _judged(self, recording: Recording, told: Told, images: int, in_service: int) -> AsyncIterator[Start]:
        """Starts of further lives: the images in which nothing is wrong, in order of their moments."""
        moments = sorted(self._rng.randint(0, recording.moment) for _ in range(images))
        for moment, fate, image in recording.cuts(moments, self._fate, self._rng):
            known = told.at(moment)
            self._lay(image)
            verdict = await judge(self._path, known)
            where = f"life {self._found.counts['lives']}, {fate.name} at {moment} of {recording.moment}"
            self._found.add(verdict.faults, where)
            self._found.counts["recovering"] += moment < in_service
            if not verdict.faults:
                yield Start(image, known.came_back(verdict.states, verdict.epoch), fate is Fate.KEPT)

    def _fate(self) -> Fate:
        return self._rng.choices(list(FATES), list(FATES.values()))[0]

    def _lay(self, image: Image) -> None:
        """With anything in the WAL's index: it is not written to disk in any order, nor on purpose."""
        self._drive.lay(image)
        if JOURNAL in image and self._rng.random() < 0.5:
            Path(f"{self._path}-shm").write_bytes(self._rng.randbytes(32 * 1024))

    def _choose(self, heirs: list[Start]) -> Start:
        """Any; sometimes an early one comes back as a backup when a later one has been lost.

        Only one whose witness was on disk, as the kernel sees to within half a minute: a backup is older than that.
        """
        heir, backup = self._rng.choice(heirs), heirs[0]
        if heir.has_all and JOURNAL in backup.image and JOURNAL in heir.image and self._rng.random() < 0.8:
            return self._restored(backup, heir)
        return heir

    def _restored(self, backup: Start, lost: Start) -> Start:
        """The files of a backup beside the witness of what was lost, under their inode or another: both happen."""
        image = dict(backup.image)
        stored = image[JOURNAL]
        if self._rng.random() < 0.5 and stored:
            image[JOURNAL] = Stored(next(self._drive.numbers), stored.content)
        witness = f"{JOURNAL}.lock"
        image[witness] = lost.image.get(witness)
        known = replace(backup.known, sent=backup.known.sent | lost.known.sent, epoch="")
        known.parked = backup.known.parked | lost.known.parked
        return Start(image, known)


@contextmanager
def _hurried(large: bool) -> Iterator[int]:
    """What takes the gateway hours happens soon; yields the size of events."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(retention, "FOLD_ROWS", FEW_ROWS))
        stack.enter_context(mock.patch.object(growth, "FOLD_ROWS", FEW_ROWS))
        if not large:
            stack.enter_context(mock.patch.object(opening, "WAL_BYTES", SMALL_WAL_BYTES))
        yield LARGE_EVENT_BYTES if large else SMALL_EVENT_BYTES
