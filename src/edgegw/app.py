"""The only composition root: builds everything from the configuration, starts it in order, stops it in order.

Start: journal, memory rebuilt from it, writer, broker, readers and scanners, READY.
Stop (SIGTERM, SIGINT), within STOP_S: sources, each reader left clean; what is decided written and drained to the
broker; offline status; journal closed. What is still being weighed stays in the journal.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog

from edgegw import control, plan
from edgegw.clock import Clock
from edgegw.config import Config
from edgegw.config.model import Mqtt, Reader, Scanner, split_host_port
from edgegw.core.counters import Counters
from edgegw.core.event import Origin
from edgegw.core.pipeline import Pipeline
from edgegw.drain import Drain
from edgegw.errors import ConfigError, Fault
from edgegw.health import Health, notify
from edgegw.ingest import Ingest
from edgegw.publish.link import MqttLink
from edgegw.publish.retained import Retained
from edgegw.sources.llrp import LlrpLink
from edgegw.sources.serial_port import SerialScanner, SerialSettings
from edgegw.sources.tcp import ConnectingScanner, ListeningScanner
from edgegw.store.journal import Journal
from edgegw.supervise import BROKER, READER, SCANNER, Link, LinkState, keep

SOURCES_STOP_S = 5.0
DRAIN_STOP_S = 3.0
GOODBYE_S = 1.5

log = structlog.get_logger("edgegw")


async def run(config: Config) -> None:
    """The gateway, until SIGTERM or SIGINT. Raises StoreFailed, ConfigError, and whatever is a bug."""
    clock, counters = Clock(), Counters()
    origin = Origin(config.mqtt.prefix, config.site, config.gateway)
    with _stop_signal() as stop:
        async with Journal.opened(config.journal, config.gateway, counters, clock.now) as journal:
            gateway = Gateway(config, origin, clock, counters, journal)
            await gateway.restore()
            async with control.serving(config.journal.path, gateway.health.status):
                await gateway.serve(stop)


class Gateway:
    """The parts of one gateway, put together."""

    def __init__(self, config: Config, origin: Origin, clock: Clock, counters: Counters, journal: Journal) -> None:
        self._config = config
        self._clock = clock
        self._counters = counters
        self._journal = journal
        self._retained = Retained(counters)
        self._drain = Drain(journal, counters)
        self._ingest = Ingest(
            Pipeline(plan.dock(config), counters),
            journal,
            origin,
            clock,
            lambda decision: self.health.decided(decision),
        )
        self._reader_links: list[LlrpLink] = []
        self.health = Health(
            origin,
            clock,
            counters,
            journal,
            self._retained,
            readers=tuple(reader.name for reader in config.readers),
            rounds=lambda: self._ingest.rounds,
            clock_offsets=lambda: {link.name: link.clock_offset_s for link in self._reader_links},
        )
        self._reader_links = [self._reader(reader) for reader in config.readers]
        self._scanner_links = [self._scanner(scanner) for scanner in config.scanners]
        self._mqtt = MqttLink(
            config.mqtt,
            client_id=config.mqtt.client_id or f"edgegw-{config.site}-{config.gateway}",
            password=read_password(config.mqtt),
            offline=self.health.offline(),
            farewell=self.health.farewell,
            services=[self._retained.serve, self._drain.serve],
        )

    async def restore(self) -> None:
        await self._ingest.restore([door.name for door in self._config.doors])

    async def serve(self, stop: asyncio.Event) -> None:
        """Run until `stop`, then stop in order. A part that fails takes the rest with it."""
        async with asyncio.TaskGroup() as group:
            start = partial(_start, group)
            writer = start("journal", self._journal.run())
            broker = start("mqtt", keep(self._mqtt, BROKER, self.health.link))
            watchers = [start("health", self.health.run()), start("watchdog", self.health.watch())]
            silence = start("silence", self._ingest.run())
            sources = [start(link.name, keep(link, READER, self._reader_state)) for link in self._reader_links]
            sources += [start(link.name, keep(link, SCANNER, self.health.link)) for link in self._scanner_links]
            log.info("running", site=self._config.site, gateway=self._config.gateway, epoch=self._journal.epoch)
            notify("READY=1")
            await stop.wait()
            notify("STOPPING=1")
            log.info("stopping")
            await _end([*sources, silence], SOURCES_STOP_S)
            await self._journal.flush()
            if not await _within(DRAIN_STOP_S, self._drain.drained()):
                log.info("the broker has not taken everything yet: the journal keeps it")
            await _end(watchers, GOODBYE_S)
            await self.health.look()
            self.health.publish()
            if self._mqtt.connection is not None:
                await _within(GOODBYE_S, self._retained.settled())
            await _end([broker], GOODBYE_S)
            await _end([writer], GOODBYE_S)
        log.info("stopped", **self.health.summary())

    def _reader_state(self, state: LinkState) -> None:
        self._ingest.reader_link(state)
        self.health.link(state)

    def _reader(self, reader: Reader) -> LlrpLink:
        return LlrpLink(
            plan.reader_settings(reader, self._config),
            (reader.host, reader.effective_port),
            reader.tls,
            sink=self._ingest,
            watch=self.health,
            counters=self._counters,
            now=self._clock.now,
        )

    def _scanner(self, scanner: Scanner) -> Link:
        framing = plan.scan_settings(scanner)
        if scanner.connect or scanner.listen:
            kind = ConnectingScanner if scanner.connect else ListeningScanner
            address = split_host_port(scanner.connect or scanner.listen or "")
            return kind(
                address,
                framing,
                sink=self._ingest.scan,
                room=self._ingest.room,
                now=self._clock.now,
                counters=self._counters,
            )
        return SerialScanner(
            SerialSettings(str(scanner.port) if scanner.port else None, scanner.usb, scanner.baud, scanner.frame),
            framing,
            sink=self._ingest.scan,
            room=self._ingest.room,
            now=self._clock.now,
            counters=self._counters,
        )


def read_password(mqtt: Mqtt) -> str | None:
    """From the file or the systemd credential that the configuration names. Raises ConfigError."""
    if mqtt.password_file is not None:
        return _secret(mqtt.password_file, "mqtt.password_file")
    if mqtt.password_credential is not None:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise ConfigError(
                [_fault("mqtt.password_credential", "systemd handed no credentials over", "LoadCredential=")]
            )
        return _secret(Path(folder) / mqtt.password_credential, "mqtt.password_credential")
    return None


def _secret(path: Path, key: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([_fault(key, f"{path} cannot be read: {error}", "the user edgegw must be able to")]) from None


def _fault(key: str, problem: str, hint: str) -> Fault:
    return Fault("configuration", 0, 0, key, problem, hint)


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
