"""The power-cut recorder: what it hears, what it lets survive, and that SQLite's own promises come out of it."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from simulators.power_cut import Disk, Drive, Fate, Image, Recording, Stored, Unfaithful
from simulators.power_cut.operations import Enter, Operation, Rename, Resize, Sync, SyncFolder, Unlink, Write
from simulators.power_cut.sqlite_tap import why_not

needs_sqlite = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

OLD = Stored(1, b"o" * 1536)
LUCKY: list[Fate] = [Fate.WRITES, Fate.SECTORS]


def cut(fate: Fate, *operations: Operation, start: Image | None = None, seed: int = 1) -> dict[str, bytes | None]:
    disk = Disk({"a": OLD} if start is None else start)
    for operation in operations:
        disk.do(operation)
    return {path: stored and stored.content for path, stored in disk.cut(fate, random.Random(seed)).items()}


def outcomes(fate: Fate, *operations: Operation) -> set[bytes | None]:
    return {cut(fate, *operations, seed=seed).get("a") for seed in range(300)}


@pytest.mark.parametrize("fate", Fate)
def test_what_was_synced_is_there(fate: Fate) -> None:
    new = Write(1, 512, b"n" * 512)
    assert cut(fate, new, Resize(1, 1024), Sync(1)) == {"a": b"o" * 512 + b"n" * 512}


def test_what_was_not_synced_is_there_or_not() -> None:
    new = Write(1, 0, b"n" * 1536)
    assert outcomes(Fate.KEPT, new) == {b"n" * 1536}
    assert outcomes(Fate.LOST, new) == {OLD.content}
    assert outcomes(Fate.WRITES, new) == {b"n" * 1536, OLD.content}


def test_a_write_is_torn_between_its_sectors_whatever_its_offset() -> None:
    torn = outcomes(Fate.SECTORS, Write(1, 256, b"n" * 768))
    pieces = [(b"o" * 256, b"n" * 256), (b"o" * 512, b"n" * 512)]
    assert torn == {b"o" * 256 + first + second + b"o" * 512 for first in pieces[0] for second in pieces[1]}


def test_a_later_write_may_be_there_without_an_earlier_one() -> None:
    first, second = Write(1, 0, b"1" * 512), Write(1, 512, b"2" * 512)
    assert {content[:1] + content[512:513] for content in outcomes(Fate.WRITES, first, second) if content} == {
        b"oo",
        b"1o",
        b"o2",
        b"12",
    }


def test_where_a_file_has_grown_there_is_anything() -> None:
    ends = {(content or b"")[1536:2048] for content in outcomes(Fate.SECTORS, Write(1, 2048, b"n" * 512))}
    assert b"" in ends
    assert bytes(512) in ends
    assert any(end not in (b"", bytes(512)) for end in ends)


def test_names_are_lost_in_order_until_their_folder_is_synced() -> None:
    moves: list[Operation] = [Rename("a", "b"), Enter("a", 2), Write(2, 0, b"new"), Sync(2)]
    found = [cut(fate, *moves, seed=seed) for fate in LUCKY for seed in range(50)]
    assert {tuple(sorted(names)) for names in found} == {("a",), ("b",), ("a", "b")}
    assert all(names["a"] == b"new" for names in found if "b" in names and "a" in names)
    assert cut(Fate.LOST, *moves) == {"a": OLD.content}
    assert cut(Fate.LOST, *moves, SyncFolder("")) == {"a": b"new", "b": OLD.content}
    assert cut(Fate.LOST, Unlink("a"), SyncFolder("")) == {}


def test_a_folder_that_is_lost_takes_what_is_in_it_along() -> None:
    made: list[Operation] = [Enter("d", None), Enter("d/f", 1), Write(1, 0, b"x"), Sync(1), SyncFolder("d")]
    assert cut(Fate.LOST, *made, start={}) == {}
    assert cut(Fate.LOST, *made, SyncFolder(""), start={}) == {"d": None, "d/f": b"x"}


def test_calls_of_python_are_recorded(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "disk")
    with drive.recorded() as recording:
        (drive.folder / "d").mkdir()
        file = os.open(drive.folder / "d" / "f", os.O_RDWR | os.O_CREAT)
        os.pwrite(file, b"abc", 2)
        os.fsync(file)
        os.posix_fallocate(file, 0, 100)
        os.close(file)
        (drive.folder / "d" / "f").rename(drive.folder / "d" / "g")
        os.unlink(drive.folder / "d" / "g")
        folder = os.open(drive.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    assert recording.operations == [
        Enter("d", None),
        Enter("d/f", 1),
        Write(1, 2, b"abc"),
        Sync(1),
        Resize(1, 100),
        Rename("d/f", "d/g"),
        Unlink("d/g"),
        SyncFolder(""),
    ]


def write_unheard(drive: Drive) -> None:
    with drive.recorded():
        (drive.folder / "f").write_bytes(b"abc")


def test_a_recording_that_missed_something_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unfaithful, match="happened to f"):
        write_unheard(Drive(tmp_path / "disk"))


@needs_sqlite
def test_a_file_comes_back_under_its_inode(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "disk")
    path = drive.folder / "a.db"
    recording = commits(drive, "FULL", 2)[0]
    inode = path.stat().st_ino
    images = [image for *_, image in recording.cuts([0, recording.moment], lambda: Fate.KEPT, random.Random(1))]
    drive.lay(images[0])
    assert not path.exists()
    drive.lay(images[1])
    assert path.stat().st_ino == inode


def commits(drive: Drive, synchronous: str, count: int) -> tuple[Recording, list[int]]:
    """A table of numbers, one after the other; the moments when the commits had returned."""
    moments = []
    with drive.recorded() as recording:
        with contextlib.closing(sqlite3.connect(drive.folder / "a.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("PRAGMA wal_autocheckpoint = 20")
            connection.execute("CREATE TABLE t (n)")
            for n in range(count):
                connection.execute("INSERT INTO t VALUES (?)", (n,))
                moments.append(recording.moment)
    return recording, moments


def found(path: Path) -> int | None:
    """How many rows there are; None: the file is broken."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return None
            if not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
                return 0
            return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])
        except sqlite3.DatabaseError:
            return None


@needs_sqlite
@pytest.mark.parametrize(
    ("synchronous", "becomes"), [("FULL", {"kept"}), ("NORMAL", {"kept", "lost"}), ("OFF", {"kept", "lost", "broken"})]
)
def test_sqlite_keeps_what_its_documentation_says(tmp_path: Path, synchronous: str, becomes: set[str]) -> None:
    """https://sqlite.org/pragma.html#pragma_synchronous"""
    drive, rng = Drive(tmp_path / "disk"), random.Random(1)
    recording, returned = commits(drive, synchronous, 60)
    moments = sorted(rng.randint(returned[0], recording.moment) for _ in range(150))
    fates: Counter[str] = Counter()
    for moment, _, image in recording.cuts(moments, lambda: rng.choice(list(Fate)), rng):
        drive.lay(image)
        rows, wanted = found(drive.folder / "a.db"), sum(one <= moment for one in returned)
        fates["broken" if rows is None else "lost" if rows < wanted else "kept"] += 1
    assert set(fates) == becomes
