"""A process to be killed: commits events as fast as it can and says each number once it is safe.

    python -m tests.store.committer JOURNAL ROUND

Prints the last number found at start, then the last committed number after every commit. Each event, the
unit's place and the open state are collected in one step, so that a survivor can be checked for whole groups.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from edgegw.store.group import UnitState
from edgegw.store.journal import Journal
from tests.store.support import opened


def decide(journal: Journal, round_: str) -> None:
    seq = journal.add_event(lambda seq: (f"round/{round_}", b"%d" % seq))
    journal.put_unit(UnitState("urn:u:pallet", str(seq), "door-1", float(seq)))
    journal.put_state("open", str(seq - 1), None)
    journal.put_state("open", str(seq), "{}")


async def report(journal: Journal) -> None:
    said = -1
    while True:
        await journal.wait_committed(said)
        said = journal.last_seq
        os.write(1, b"%d\n" % said)


async def drain(journal: Journal) -> None:
    seq = 0
    while True:
        await journal.wait_committed(seq)
        for row in await journal.pending(seq, 50):
            seq = row.seq
            if seq % 97 == 0:
                journal.park(seq, "every 97th")
            else:
                journal.mark_published(seq)


async def collect(journal: Journal, round_: str) -> None:
    while True:
        await journal.room()
        decide(journal, round_)
        await asyncio.sleep(0)


async def main(path: Path, round_: str) -> None:
    async with (
        opened(path, commit_ms=1, commit_rows=100, now=time.time) as journal,
        asyncio.TaskGroup() as tasks,
    ):
        os.write(1, b"%d\n" % journal.last_seq)
        for work in (journal.run(), report(journal), drain(journal), collect(journal, round_)):
            tasks.create_task(work)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
