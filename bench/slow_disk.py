"""A slower disk for one process: `slow_disk.c`, preloaded, makes each fsync take so much longer.

Needs a C compiler; where there is none, what needs it is left out. Whether it works is seen, not believed: a process
with it must take that long for an fsync.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
PROBE = """
import os, sys, time
with open(sys.argv[1], "w") as file:
    began_s = time.perf_counter()
    os.fsync(file.fileno())
    os.fdatasync(file.fileno())
    print(time.perf_counter() - began_s)
"""


def environment(folder: Path, delay_ms: int) -> dict[str, str] | None:
    """For a process whose every fsync shall take so much longer; None: no compiler, or it does not work here."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "slow_disk.so"
    built = subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], capture_output=True)
    slow = {"LD_PRELOAD": str(library), "SLOW_DISK_MS": str(delay_ms)}
    return slow if built.returncode == 0 and _took_s(folder, slow) >= 2 * delay_ms / 1000 else None


def _took_s(folder: Path, slow: dict[str, str]) -> float:
    probe = [sys.executable, "-c", PROBE, str(folder / "probe")]
    return float(subprocess.run(probe, env={**os.environ, **slow}, check=True, capture_output=True).stdout)
