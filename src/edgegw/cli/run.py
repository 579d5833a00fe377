"""`edgegw run`: the gateway itself."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import click
import structlog

from edgegw import app
from edgegw.config.load import load_with_warnings
from edgegw.config.model import Log


@click.command()
@click.option("-c", "--config", "path", type=click.Path(path_type=Path), required=True, help="the YAML file")
def run(path: Path) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    Readers are left clean and the journal is flushed within 10 seconds. A configuration with faults is refused
    with all of them (exit 78); look at it first with `edgegw check`.
    """
    loaded = load_with_warnings(path)
    configure_log(loaded.config.log)
    for warning in loaded.warnings:
        structlog.get_logger("edgegw").warning("configuration", warning=str(warning))
    asyncio.run(app.run(loaded.config))


def configure_log(settings: Log) -> None:
    """Console on a terminal, one JSON object a line otherwise; to stderr."""
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
