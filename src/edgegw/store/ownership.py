"""Owning a journal: one process at a time, and the files that it opened, not others of their names.

The lock is an flock on `PATH.lock`, which the kernel drops with the process, kill -9 included. The file stays
behind on purpose: removing it would let two processes lock two different files. A person may remove it all the
same, or the journal, or put a backup in its place: what is written then goes into a file that has no name.

The lock file also bears witness: it says how far the journal had come, in three lines,

    12345                                   the process that owns it
    01JD3K8Q4W7Z9X2M5N6P7R8S9T 1234         the epoch and the last row
    suspect                                 the journal could not be read: look at all of it

It is written after each commit and not forced to disk: it may lag behind the journal, and is never ahead of it. A
journal that knows less than its witness has been restored from a copy. When an epoch begins it is forced to disk, or
a power cut might bring the witness of another one back, and its journal would be taken for a copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from edgegw.errors import StoreFailed


class Witness(NamedTuple):
    """How far the journal had come when its witness last wrote. epoch "": it has never written."""

    epoch: str = ""
    row: int = 0
    suspect: bool = False

    def knows_more_than(self, epochs: Collection[str], last_row: int) -> bool:
        """Whether a journal with these epochs and rows is older than what was seen."""
        return bool(self.epoch) and (self.epoch not in epochs or self.row > last_row)


class Ownership:
    """Made by `held`. `watch` once the files are open, then ask `lost` now and then.

    witness: what was found at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock, self.witness = _take_lock(path)
        self._files: dict[Path, tuple[int, int]] = {}

    def watch(self) -> None:
        """Remember which files are the journal's."""
        files = (self._path, Path(f"{self._path}-wal"))
        self._files = {path: identity for path in files if (identity := _identity(path))}

    def lost(self) -> str | None:
        """None, or why nothing may be written any more, with the cure. A lock file that is gone is made anew."""
        for path, opened in self._files.items():
            if _identity(path) != opened:
                cure = "put the file back where it was; or restart edgegw, which begins a new journal"
                return f"{path} was removed or replaced while edgegw runs: {cure}"
        if _identity(_lock_path(self._path)) == _identity(self._lock):
            return None
        return self._lock_again()

    def _lock_again(self) -> str | None:
        try:
            lock, _ = _take_lock(self._path)
        except StoreFailed as failed:
            return str(failed)
        os.close(self._lock)
        self._lock = lock
        return None

    def bear_witness(self, witness: Witness) -> None:
        """Some microseconds: the kernel writes it to disk some time later."""
        _write(self._lock, witness)

    def force_witness(self) -> None:
        """To disk now. Blocks."""
        with contextlib.suppress(OSError):  # a disk that cannot do that has said so elsewhere
            os.fsync(self._lock)

    def release(self) -> None:
        os.close(self._lock)


def witness_of(path: Path) -> Witness:
    """What the witness of a journal says, whoever owns it. Raises OSError."""
    lock = os.open(_lock_path(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return _read(lock)
    finally:
        os.close(lock)


@contextlib.contextmanager
def held(path: Path) -> Iterator[Ownership]:
    """Own the journal. Raises StoreFailed when another process does or the directory cannot be written."""
    _make_directory(path)
    ownership = Ownership(path)
    try:
        yield ownership
    finally:
        ownership.release()


def _identity(file: Path | int) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _lock_path(path: Path) -> Path:
    return Path(f"{path}.lock")


def _make_directory(path: Path) -> None:
    """A power cut must not take it away again, with the journal in it."""
    folder = path.parent
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o750, exist_ok=True)
            _sync_directory(folder.parent)
    except OSError as error:
        problem = f"cannot create the directory {path.parent}: {error.strerror}"
        raise StoreFailed(f"journal {path}: {problem} - create it or change journal.path") from error


def _sync_directory(folder: Path) -> None:
    """Names in it are on disk when this returns (fsync(2))."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _take_lock(path: Path) -> tuple[int, Witness]:
    """A descriptor of the locked file, and what it witnesses.

    A symbolic link in its place is not followed: it could lead anywhere.
    """
    try:
        lock = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        problem = f"cannot write {_lock_path(path)}: {error.strerror}"
        raise StoreFailed(
            f"journal {path}: {problem} - remove what is in its place, or let edgegw write there"
        ) from error
    try:
        _lock(lock, path)
        witness = _read(lock)
        _write(lock, witness)
    except BaseException:
        os.close(lock)
        raise
    return lock, witness


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = (os.pread(lock, 20, 0).decode("ascii", "replace").split() or ["unknown"])[0]
        problem = f"another edgegw (process {owner}) is using it"
        raise StoreFailed(f"journal {path}: {problem} - stop that one, or give each its own journal.path") from error


def _read(lock: int) -> Witness:
    """Anything may stand there: what is no witness witnesses nothing."""
    lines = os.pread(lock, 200, 0).decode("ascii", "replace").splitlines()
    match [line.split() for line in lines[1:3]]:
        case [[epoch, row], *more] if row.isascii() and row.isdecimal():
            return Witness(epoch, int(row[:19]), more == [["suspect"]])
    return Witness()


def _write(lock: int, witness: Witness) -> None:
    suspect = "suspect" if witness.suspect else ""
    text = f"{os.getpid():<10}\n{witness.epoch:<26} {witness.row:<19}\n{suspect:<10}\n"
    with contextlib.suppress(OSError):  # a full disk must not keep the gateway down; the lock holds without it
        os.pwrite(lock, text.encode(), 0)
