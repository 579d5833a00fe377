"""`edgegw run`: the gateway itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import structlog

from edgegw import app
from edgegw.cli import BUG, CONFIG, OK, UNAVAILABLE
from edgegw.cli.config_file import config_file
from edgegw.cli.log import keep_stderr, logging_to_stderr, one_text
from edgegw.cli.preflight import examine
from edgegw.config import Config
from edgegw.core.counters import Counters
from edgegw.errors import ConfigError, EdgegwError

log = structlog.get_logger("edgegw")


@click.command()
@config_file
@click.pass_context
def run(ctx: click.Context, path: Path) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    Readers are left clean and the journal is flushed within 10 seconds. A configuration with faults is refused
    with all of them (exit 78), and so is a machine that lacks what it names (exit 78 or 69); look at both first
    with `edgegw check`.
    """
    keep_stderr()
    report = examine(path)
    config = report.config()
    counters = Counters()
    with logging_to_stderr(config.log, counters):
        for warning in report.warnings:
            log.warning("configuration", warning=str(warning))
        code = _serve(config, counters)
    ctx.exit(code)


def _serve(config: Config, counters: Counters) -> int:
    """The exit code. Whatever ends the gateway is one line of the log; a bug says where it is."""
    try:
        asyncio.run(app.run(config, counters))
    except Exception as error:  # noqa: BLE001  # the last place that can say it in the log
        expected = _expected(error)
        if expected is None:
            log.critical("a bug in edgegw ended it", traceback=one_text(error))
            return BUG
        log.critical("ended", reason=str(expected))
        return CONFIG if isinstance(expected, ConfigError) else UNAVAILABLE
    return OK


def _expected(error: BaseException) -> EdgegwError | None:
    """The error that says who must act, also out of a group of tasks; None for a bug."""
    while isinstance(error, BaseExceptionGroup):
        expected, bugs = error.split(EdgegwError)
        if expected is None or bugs is not None:
            return None
        error = expected.exceptions[0]
    return error if isinstance(error, EdgegwError) else None
