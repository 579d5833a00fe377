"""kill -9 at random moments: what was said to be safe is there, once, under its number."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.store.support import opened

ROUNDS = 24


def run_and_kill(path: Path, round_: int, rng: random.Random) -> tuple[int, int]:
    """The number that the process started after, and the last one that it said was safe."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.store.committer", str(path), str(round_)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        start = int(process.stdout.readline())
        time.sleep(rng.choice((0, rng.uniform(0, 0.01), rng.uniform(0, 0.15))))
        process.kill()
        said = process.stdout.read().split(b"\n")
    whole_lines = [int(line) for line in said[:-1]]
    return start, max(whole_lines, default=start)


def count(connection: sqlite3.Connection, query: str, *values: object) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {query}", values).fetchone()[0])


async def test_nothing_that_was_safe_is_lost_and_no_number_used_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    rng = random.Random(20)
    accepted = 0
    for round_ in range(ROUNDS):
        start, safe = run_and_kill(path, round_, rng)
        accepted += safe - start
        async with opened(path) as journal:
            last = journal.last_seq
            assert last >= safe
            unit = await journal.unit("urn:u:pallet")
            assert (unit.place if unit else "0") == str(last)
            assert await journal.states("open") == ([(str(last), "{}")] if last else [])
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT ifnull(max(seq), 0), count(*) FROM event").fetchone() == (last, last)
            assert count(connection, "event WHERE CAST(payload AS TEXT) != seq") == 0
            topic = f"round/{round_}"  # what this round said to be safe is this round's still, nobody else's
            assert (
                count(connection, "event WHERE seq > ? AND seq <= ? AND topic = ?", start, safe, topic) == safe - start
            )
            assert count(connection, "event WHERE seq <= ? AND topic = ?", start, topic) == 0
            assert count(connection, "outbox WHERE seq IN (SELECT seq FROM parked)") == 0
            assert count(connection, "outbox WHERE seq NOT IN (SELECT seq FROM event)") == 0
            assert count(connection, "parked WHERE seq % 97") == 0
    assert accepted > 20 * ROUNDS  # the kills hit a journal at work
