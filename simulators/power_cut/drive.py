"""The folder where a program has its files, and where it finds an image of them after a power cut.

A file comes back under its inode, as after a real power cut: a program may tell a copy of its file by that.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from simulators.power_cut.disk import Image
from simulators.power_cut.recorder import Recording, recorded


class Drive:
    """`folder` is made if it is not there. A shelf beside it keeps the files that have gone from it.

    numbers  of files that nobody has seen yet
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = count(1)
        self._shelf = folder.with_name(f"{folder.name}.shelf")
        self._image: Image = {}
        folder.mkdir(exist_ok=True)
        self._shelf.mkdir(exist_ok=True)

    @contextmanager
    def recorded(self) -> Iterator[Recording]:
        """Record what this process does in the folder. Raises Unfaithful at the end if something was missed."""
        with recorded(self.folder, self._image, self.numbers) as recording:
            yield recording
        for path, file in recording.names.items():
            if file is not None and not self._shelved(file).exists():
                os.link(self.folder / path, self._shelved(file))

    def lay(self, image: Image) -> None:
        """The folder holds this image and nothing else; the next recording begins with it."""
        self._image = image
        for old in self.folder.iterdir():
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink()
        for path, stored in sorted(image.items()):  # a folder before what is in it
            if stored is None:
                (self.folder / path).mkdir()
                continue
            if self._shelved(stored.file).exists():
                os.link(self._shelved(stored.file), self.folder / path)
            (self.folder / path).write_bytes(stored.content)

    def _shelved(self, file: int) -> Path:
        return self._shelf / str(file)
