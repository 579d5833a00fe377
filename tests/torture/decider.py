"""A gateway that decides by itself: `python -m tests.torture.decider CONFIG COUNT`.

The whole gateway as `edgegw run` builds it, without devices. COUNT movements go into its journal as the pipeline puts
them there (encoded, numbered, group commit), as fast as the disk takes them. Prints `decided` when all are on disk, and
runs on until SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path

from edgegw import control
from edgegw.app import Gateway
from edgegw.cli.log import logging_to_stderr
from edgegw.clock import Clock
from edgegw.config import Config
from edgegw.config.load import load
from edgegw.core.counters import Counters
from edgegw.core.event import Origin, describe, encode, event_id
from edgegw.ingest import rfc3339
from edgegw.store.journal import Journal
from tests.contract.samples import MOVEMENT


async def run(config: Config, counters: Counters, count: int) -> None:
    """The gateway and its decisions, until SIGTERM."""
    clock = Clock()
    origin = Origin(config.mqtt.prefix, config.site, config.gateway)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Journal.opened(config.journal, config.gateway, counters, clock.now) as journal:
        gateway = Gateway(config, origin, clock, counters, journal)
        await gateway.restore()
        async with control.serving(config.journal.path, gateway.status, gateway.commands.do):
            async with asyncio.TaskGroup() as group:
                group.create_task(gateway.serve(stop))
                group.create_task(decide(journal, origin, count))


async def decide(journal: Journal, origin: Origin, count: int) -> None:
    """Movements, and then the word."""
    before = journal.last_seq
    described = describe(MOVEMENT, rfc3339, partial(event_id, origin.gateway, journal.epoch))
    assert described is not None
    for _ in range(count):
        await journal.room()
        journal.add_event(partial(encode, described, origin, journal.epoch))
    await journal.wait_committed(before + count - 1)
    print("decided", flush=True)


def main() -> None:
    """Log to stderr, as the program does."""
    path, count = sys.argv[1:]
    config, counters = load(Path(path)), Counters()
    with logging_to_stderr(config.log, counters):
        asyncio.run(run(config, counters, int(count)))


if __name__ == "__main__":
    main()
