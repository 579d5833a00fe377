"""The only composition root: builds everything from the configuration, starts it in order, stops it in order.

Start: journal, memory rebuilt from it, writer, broker, readers and scanners, READY.
Stop (SIGTERM, SIGINT), within STOP_S: sources, each reader left clean; what is decided written and drained to the
broker; offline status; journal closed. What is still being weighed stays in the journal.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import structlog

from edgegw import control, plan
from edgegw.clock import Clock
from edgegw.commands import Commands
from edgegw.config import Config
from edgegw.config.model import Reader, Scanner, split_host_port
from edgegw.config.password import read_password
from edgegw.core.counters import Counters
from edgegw.core.event import Origin
from edgegw.core.pipeline import Pipeline
from edgegw.drain import Drain
from edgegw.errors import StoreFailed
from edgegw.expiry import Expiry, named_tls
from edgegw.health import Health, notify
from edgegw.ingest import Ingest
from edgegw.publish.forms import Forms
from edgegw.publish.link import MqttLink
from edgegw.publish.retained import Retained
from edgegw.remote import Remote
from edgegw.sources.intake import Intake
from edgegw.sources.llrp import LlrpLink
from edgegw.sources.serial_port import SerialScanner, SerialSettings
from edgegw.sources.tcp import ConnectingScanner, ListeningScanner
from edgegw.store.journal import Journal
from edgegw.supervise import BROKER, READER, SCANNER, Link, LinkState, keep
from edgegw.tap import Tap

SOURCES_STOP_S = 5.0
DRAIN_STOP_S = 3.0
GOODBYE_S = 1.5
LOOK_S = 1.0

log = structlog.get_logger("edgegw")


async def run(config: Config, counters: Counters) -> None:
    """The gateway, until SIGTERM or SIGINT. Raises StoreFailed, ConfigError, and whatever is a bug."""
    clock = Clock()
    origin = Origin(config.mqtt.prefix, config.site, config.gateway)
    with _stop_signal() as stop:
        async with Journal.opened(config.journal, config.gateway, counters, clock.now) as journal:
            gateway = Gateway(config, origin, clock, counters, journal)
            await gateway.restore()
            path = config.journal.path
            async with control.serving(path, gateway.status, gateway.commands.do), gateway.tap.serving(path):
                await gateway.serve(stop)


class Gateway:
    """The parts of one gateway, put together."""

    def __init__(self, config: Config, origin: Origin, clock: Clock, counters: Counters, journal: Journal) -> None:
        self._config = config
        self._clock = clock
        self._counters = counters
        self._journal = journal
        self._retained = Retained(counters)
        ack_topic = f"{origin.base}/ack" if config.delivery.confirm == "central" else None
        forms = Forms(config.delivery.formats, config.delivery.batch)
        self._drain = Drain(journal, counters, ack_topic, forms, config.delivery.rate_per_s)
        self.commands = Commands(journal, self._drain.send_again)
        self._remote = Remote(origin.base, config.delivery.commands, self.commands.do, counters)
        self._ingest = Ingest(
            Pipeline(plan.dock(config), counters),
            journal,
            origin,
            clock,
            lambda decision: self.health.decided(decision),
            plan.meanings(config),
        )
        self.tap = Tap(self._ingest)
        self._reader_links: list[LlrpLink] = []
        self._expiry = Expiry(named_tls(config), self._broker_certificate, time.time)
        self.health = Health(
            origin,
            clock,
            counters,
            journal,
            self._retained,
            readers=tuple(reader.name for reader in config.readers),
            rounds=lambda: self._ingest.rounds,
            clock_offsets=lambda: {link.name: link.clock_offset_s for link in self._reader_links},
            causes=self._troubles,
            outages=self._ingest.outages,
            places=lambda: self._ingest.last_seen,
            certificates=self._expiry.documents,
        )
        self._reader_links = [self._reader(reader) for reader in config.readers]
        self._scanner_links = [self._scanner(scanner) for scanner in config.scanners]
        self._mqtt = MqttLink(
            config.mqtt,
            client_id=config.mqtt.client_id or f"edgegw-{config.site}-{config.gateway}",
            password=read_password(config.mqtt),
            offline=self.health.offline(),
            farewell=self.health.farewell,
            services=[self._retained.serve, self._drain.serve, self._remote.serve],
        )

    def _troubles(self) -> dict[str, str]:
        """What a person should look at, in sentences by cause, from all who know of something."""
        return (
            self._drain.troubles()
            | self._retained.troubles()
            | self._journal.troubles()
            | self._ingest.troubles()
            | self._expiry.troubles()
        )

    def _broker_certificate(self) -> bytes | None:
        return self._mqtt.connection.certificate if self._mqtt.connection else None

    async def restore(self) -> None:
        await self._ingest.restore([door.name for door in self._config.doors])

    async def status(self) -> dict[str, Any]:
        """How the gateway feels at this moment, for `edgegw status`."""
        await _within(LOOK_S, self.health.look())
        return self.health.status()

    async def serve(self, stop: asyncio.Event) -> None:
        """Run until `stop`, then stop in order. A part that fails takes the rest with it."""
        async with asyncio.TaskGroup() as group:
            start = partial(_start, group)
            writer = start("journal", self._journal.run())
            broker = start("mqtt", keep(self._mqtt, BROKER, self.health.link))
            watchers = [start("health", self.health.run()), start("watchdog", self.health.watch())]
            silence = start("silence", self._ingest.run())
            sources = [start(link.name, keep(link, READER, self._device_state)) for link in self._reader_links]
            sources += [start(link.name, keep(link, SCANNER, self._device_state)) for link in self._scanner_links]
            log.info("running", site=self._config.site, gateway=self._config.gateway, epoch=self._journal.epoch)
            notify("READY=1")
            await stop.wait()
            notify("STOPPING=1")
            log.info("stopping")
            await _end([*sources, silence], SOURCES_STOP_S)
            await self._flush()
            if not await _within(DRAIN_STOP_S, self._drain.drained()):
                log.info("the broker has not taken everything yet: the journal keeps it")
            await self._flush()
            await _end(watchers, GOODBYE_S)
            await self.health.look()
            self.health.publish()
            if self._mqtt.connection is not None:
                await _within(GOODBYE_S, self._retained.settled())
            await _end([broker], GOODBYE_S)
            await _end([writer], GOODBYE_S)
        log.info("stopped", **self.health.summary())

    async def _flush(self) -> None:
        """What cannot be written is said when the journal is closed; until then the rest stops in order."""
        with suppress(StoreFailed):
            await self._journal.flush()

    def _device_state(self, state: LinkState) -> None:
        self._ingest.device_link(state)
        self.health.link(state)

    def _reader(self, reader: Reader) -> LlrpLink:
        return LlrpLink(
            plan.reader_settings(reader, self._config),
            (reader.host, reader.effective_port),
            reader.tls,
            sink=self.tap,
            watch=self.health,
            counters=self._counters,
            now=self._clock.now,
        )

    def _scanner(self, scanner: Scanner) -> Link:
        framing = plan.scan_settings(scanner)
        intake = Intake(framing, self._ingest.scan, self._ingest.room, self._clock.now, self._counters)
        if scanner.connect:
            return ConnectingScanner(split_host_port(scanner.connect), intake)
        if scanner.listen:
            return ListeningScanner(split_host_port(scanner.listen), intake, scanner.from_)
        path = str(scanner.port) if scanner.port else None
        return SerialScanner(SerialSettings(path, scanner.usb, scanner.baud, scanner.frame), intake)


def _start(group: asyncio.TaskGroup, name: str, work: Awaitable[None]) -> asyncio.Task[None]:
    async def task() -> None:
        await work

    return group.create_task(task(), name=name)


async def _end(tasks: list[asyncio.Task[None]], within_s: float) -> None:
    """Cancel and wait; one that hangs longer is left to the end of the program."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within_s)


async def _within(limit_s: float, work: Awaitable[None]) -> bool:
    """Whether `work` was done in time."""
    try:
        async with asyncio.timeout(limit_s):
            await work
    except TimeoutError:
        return False
    return True


@contextmanager
def _stop_signal() -> Iterator[asyncio.Event]:
    """Set by SIGTERM or SIGINT while the block runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
