"""On what it was measured, without its name: figures of two machines are no comparison."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

CPU_INFO = Path("/proc/cpuinfo")
MODEL = Path("/proc/device-tree/model")
"""Of a Raspberry Pi and its like."""


class Machine(NamedTuple):
    """date: of the run, UTC."""

    date: str
    cpu: str
    cores: int
    python: str

    def __str__(self) -> str:
        return f"{self.date}, {self.cpu}, {self.cores} cores, Python {self.python}"


def this_machine() -> Machine:
    cores = len(os.sched_getaffinity(0))
    return Machine(datetime.now(UTC).date().isoformat(), _cpu(), cores, platform.python_version())


def _cpu() -> str:
    if MODEL.exists():
        return MODEL.read_text().rstrip("\0\n")
    fields = (line.partition(":") for line in CPU_INFO.read_text().splitlines())
    names = [value.strip() for key, _, value in fields if key.strip() == "model name"]
    return names[0] if names else platform.machine()
