"""`edgegw record`: every tag read of some minutes into a file, for `edgegw tune`, `why` and `replay`.

While the gateway runs, it gives copies (`edgegw.tap`) and notices nothing. While it does not, the readers are asked
directly, as the gateway would, and left clean at the end; nothing is decided or published.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from edgegw import plan
from edgegw.cli.config_file import config_file
from edgegw.cli.reasons import counted
from edgegw.clock import Clock
from edgegw.config import Config
from edgegw.config.load import load
from edgegw.config.model import Reader
from edgegw.core import recording
from edgegw.core.counters import Counters
from edgegw.core.llrp.messages import Capabilities, ReaderEvent
from edgegw.core.model import TagRead
from edgegw.errors import EdgegwError, LinkRefused
from edgegw.sources.llrp import LlrpLink
from edgegw.supervise import READER, LinkState, keep
from edgegw.tap import HEARD, socket_path

LONGEST_LINE = 1 << 16


class CannotRecord(EdgegwError):
    """Nothing can be recorded, or nothing came: says why and what helps."""


@click.command()
@config_file
@click.option(
    "--seconds", type=click.IntRange(1, 86_400), default=600, show_default=True, help="Ctrl-C ends it sooner."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="FILE.jsonl.gz or .jsonl")
def record(path: Path, seconds: int, out: Path) -> None:
    """Record what the readers see, for `edgegw tune`.

    A running gateway gives copies and is not disturbed. Without one the readers are asked directly: then nothing is
    decided or published, which is how to commission a dock before it goes live.
    """
    config = load(path)
    with _recording(out) as file:
        tape = Tape(file)
        asyncio.run(_record(config, tape, seconds))
    if not tape.reads:
        out.unlink()
        raise CannotRecord("no tag was read - `edgegw status` says how the readers feel")
    click.echo(f"{out}: {counted(tape.reads, 'read')}")


@contextmanager
def _recording(out: Path) -> Iterator[IO[str]]:
    """A new file. Raises CannotRecord."""
    try:
        with _open(out) as file:
            yield file
    except FileExistsError:
        raise CannotRecord(f"{out} is there already - name another file") from None
    except OSError as error:
        raise CannotRecord(f"{out} cannot be written: {error.strerror}") from None


def _open(out: Path) -> IO[str]:
    if out.suffix == ".gz":
        return gzip.open(out, "xt", encoding="utf-8")
    return out.open("x", encoding="utf-8")


class Tape:
    """Where reads go: as a sink of readers, and line by line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.reads = 0

    def tags(self, reads: list[TagRead]) -> None:
        for read in reads:
            self.line(recording.line(read))

    def line(self, text: str) -> None:
        self._file.write(text)
        self.reads += 1

    def event(self, reader: str, event: ReaderEvent, t: float) -> None:
        """A recording holds reads alone."""

    async def room(self) -> None:
        """Always."""


async def _record(config: Config, tape: Tape, seconds: float) -> None:
    with _stop_signal() as stop:
        try:
            tapped = await asyncio.open_unix_connection(socket_path(config.journal.path), limit=LONGEST_LINE)
        except PermissionError:
            raise LinkRefused("gateway", "this user may not listen to it - use sudo, or join its group") from None
        except OSError:
            click.echo(f"no gateway runs: asking the readers directly for {seconds} s", err=True)
            await _ask_readers(config, tape, seconds, stop)
        else:
            await _listen(*tapped, tape, seconds, stop)


@contextmanager
def _stop_signal() -> Iterator[asyncio.Event]:
    """Set by Ctrl-C or SIGTERM: what has come by then is kept."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _stopped(stop: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await stop.wait()
    except TimeoutError:
        return


# ------------------------------------------------------------ from the gateway


async def _listen(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tape: Tape, seconds: float, stop: asyncio.Event
) -> None:
    async def take() -> None:
        while text := await reader.readline():
            if text == HEARD:
                click.echo(f"listening to the gateway for {seconds} s", err=True)
            else:
                _take(text.decode(), tape)

    taking = asyncio.create_task(take())
    waiting = asyncio.create_task(_stopped(stop, seconds))
    await asyncio.wait([taking, waiting], return_when=asyncio.FIRST_COMPLETED)
    if taking.done():
        click.echo("the gateway ended; what came until then is kept", err=True)
    else:
        writer.write_eof()
    waiting.cancel()
    await asyncio.wait([taking, waiting])
    writer.close()
    try:
        taking.result()
    except (OSError, ValueError) as error:
        raise CannotRecord(f"what listens beside the journal does not speak as a gateway does: {error}") from None


def _take(text: str, tape: Tape) -> None:
    if text.startswith('{"lost"'):
        click.echo(f"{counted(json.loads(text)['lost'], 'read')} lost: this machine was too slow", err=True)
    else:
        tape.line(text)


# ------------------------------------------------------------ from the readers


class Watch:
    """Says how readers feel, when that changes."""

    def __init__(self) -> None:
        self._told: dict[str, LinkState] = {}

    def link(self, state: LinkState) -> None:
        if state.status in ("up", "down", "refused") and state != self._told.get(state.link):
            self._told[state.link] = state
            click.echo(f"{state.link}: {state.status}{f': {state.reason}' if state.reason else ''}", err=True)

    def reading(self, reader: str, capabilities: Capabilities, missing: tuple[str, ...]) -> None:
        for what in missing:
            click.echo(f"{reader}: gives less than asked: {what}", err=True)

    def reader_event(self, reader: str, event: ReaderEvent) -> None:
        """They say nothing about reads."""


async def _ask_readers(config: Config, tape: Tape, seconds: float, stop: asyncio.Event) -> None:
    watch, clock = Watch(), Clock()
    links = [_link(reader, config, tape, watch, clock) for reader in config.readers]
    if not links:
        raise CannotRecord("the configuration has no readers")
    tasks = [asyncio.create_task(keep(link, READER, watch.link)) for link in links]
    await _stopped(stop, seconds)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


def _link(reader: Reader, config: Config, tape: Tape, watch: Watch, clock: Clock) -> LlrpLink:
    return LlrpLink(
        plan.reader_settings(reader, config),
        (reader.host, reader.effective_port),
        reader.tls,
        sink=tape,
        watch=watch,
        counters=Counters(),
        now=clock.now,
    )
