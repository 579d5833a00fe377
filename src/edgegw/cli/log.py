"""The gateway's log: one structured entry a line on stderr, which may be slow, full, gone or closed.

Lines wait in a bounded queue for a thread that writes them. A stderr that nobody reads (a full pipe, a dead
journald) costs log lines, which are counted as `log: lost`, and never holds up the gateway. What Python's own
modules say (asyncio's complaints, warnings) becomes such lines too.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog

from edgegw.config.model import Log
from edgegw.core.counters import Counters

STDERR = 2
ROOM_LINES = 1000
LAST_LINES_S = 1.0
"""So long the end of the program waits for its last lines to be taken."""


def keep_stderr() -> None:
    """A closed stream is opened on /dev/null, or the next socket would be the one that Python's complaints go to."""
    for stream in (0, 1, STDERR):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one


@contextmanager
def logging_to_stderr(settings: Log, counters: Counters) -> Iterator[None]:
    """Every logger of this program writes to stderr as `settings` say, until the block ends."""
    writer = LogWriter(counters)
    level = getattr(logging, settings.level.upper())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _renderer(settings.format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_PythonLog()], level=level, force=True)
    logging.captureWarnings(True)
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_ended
    writer.start()
    try:
        yield
    finally:
        writer.stop()


def _renderer(form: str) -> structlog.typing.Processor:
    """Console on a terminal, one JSON object a line otherwise."""
    on_terminal = os.isatty(STDERR)
    if form == "console" or (form == "auto" and on_terminal):
        return structlog.dev.ConsoleRenderer(colors=on_terminal)
    return structlog.processors.JSONRenderer()


class LogWriter:
    """What structlog hands its finished lines to. `msg` is for the event loop's thread and never waits."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._lines: queue.Queue[str | None] = queue.Queue(ROOM_LINES)
        self._unwritten = 0  # the thread counts here,
        self._told = 0  # because only one may write to the counters
        self._thread = threading.Thread(target=self._write, name="edgegw-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, but do not wait for long."""
        with suppress(queue.Full):
            self._lines.put_nowait(None)
            self._thread.join(LAST_LINES_S)

    def msg(self, line: str) -> None:
        lost, self._told = self._unwritten - self._told, self._unwritten
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            lost += 1
        if lost:
            self._counters.add("log", "lost", lost)

    debug = info = warning = error = critical = msg

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                write_line(line)
            except OSError:  # nobody reads any more
                self._unwritten += 1


def write_line(text: str) -> None:
    """To stderr itself: its buffer has a lock that a blocked write would hold at the end of the program."""
    data = f"{text}\n".encode(errors="backslashreplace")
    while data:
        data = data[os.write(STDERR, data) :]


class _PythonLog(logging.Handler):
    """Hands what the standard library logs on to structlog, with a traceback as one more field."""

    def emit(self, record: logging.LogRecord) -> None:
        more: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            more["traceback"] = one_text(record.exc_info[1])
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        structlog.get_logger("python").log(level, " ".join(record.getMessage().split()), **more)


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    what = f"{unraisable.err_msg or 'exception ignored'} in {unraisable.object!r}"
    structlog.get_logger("python").error(what, traceback=one_text(unraisable.exc_value))


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "unknown"
    structlog.get_logger("python").error("a thread ended", thread=name, traceback=one_text(ended.exc_value))


def one_text(error: BaseException | None) -> str:
    """Its traceback."""
    return "".join(traceback.format_exception(error)) if error else ""
