"""edgegw with a wall clock that is wrong: `python -m tests.torture.shifted FILE run -c CONFIG`.

FILE holds one double, the seconds that the wall clock is ahead of the truth; whoever changes it sets the clock of the
running program. Nothing else differs: the program asks for the time with `time.time`, and for durations with
`time.monotonic`, which no clock setting moves (time(7), clock_gettime(2)).
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from pathlib import Path
from typing import Final

_SHIFT: Final = struct.Struct("d")


def write_shift(file: Path, shift_s: float) -> None:
    """In place: the program looks at the same bytes. For the first time, before it starts."""
    with file.open("r+b" if file.exists() else "xb") as opened:
        opened.write(_SHIFT.pack(shift_s))


def _set_clock(file: Path) -> None:
    with file.open("rb") as opened:
        seen = mmap.mmap(opened.fileno(), _SHIFT.size, access=mmap.ACCESS_READ)
    true_time = time.time
    time.time = lambda: true_time() + _SHIFT.unpack(seen[:])[0]


def main() -> None:
    """Before anything of edgegw is imported."""
    _, file, *arguments = sys.argv
    _set_clock(Path(file))
    from edgegw.cli import call

    sys.exit(call(arguments))


if __name__ == "__main__":
    main()
