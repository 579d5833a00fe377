"""Which measures there are, in the order of the table; each runs in a process of its own, undisturbed by the others.

python -m bench.measures NAME      the rows of one, as JSON
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping

from bench.table import Row, as_json, from_json

MEASURES = (
    "decode", "path", "known", "identity", "memory", "delivery", "latency", "soak", "start",
)  # fmt: skip
"""Modules of this package; each has `rows()`."""
LIMIT_S = 600.0


def measured(name: str, environment: Mapping[str, str] | None = None) -> list[Row]:
    """The rows of a measure, from a fresh process; one that says why when there are none."""
    command = [sys.executable, "-m", "bench.measures", name]
    try:
        done = subprocess.run(
            command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [unmeasured(name, f"not done within {LIMIT_S:g} s")]
    if done.returncode:
        return [unmeasured(name, "failed, see above")]
    return list(map(from_json, json.loads(done.stdout)))


def unmeasured(name: str, why: str) -> Row:
    return Row(name, f"not measured: {why}", "", None, "", None)


def main() -> None:
    (name,) = sys.argv[1:]
    try:
        module = importlib.import_module(f"bench.{name}")
    except ModuleNotFoundError as missing:
        if missing.name != f"bench.{name}":
            raise
        found = [unmeasured(name, "there is no such measure yet")]
    else:
        found = module.rows()
    print(json.dumps([as_json(row) for row in found]))


if __name__ == "__main__":
    main()
