"""Having something done in the journal: by the gateway that owns it, or, when none runs, by ourselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from edgegw import control
from edgegw.clock import Clock
from edgegw.commands import Commands
from edgegw.config import Config
from edgegw.config.load import load
from edgegw.core.counters import Counters
from edgegw.errors import LinkDown, LinkRefused
from edgegw.store.journal import Journal
from edgegw.store.summary import refuse_missing


def have_done(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request (see `commands`). `path` is that of the configuration.

    Raises ClickException with the sentence when it is refused, LinkRefused when a gateway runs and cannot be asked.
    """
    config = load(path)
    answer = asyncio.run(_ask(config, request))
    if "error" in answer:
        raise click.ClickException(answer["error"])
    return answer


async def _ask(config: Config, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return await control.ask(config.journal.path, request)
    except LinkRefused:
        raise
    except LinkDown:
        click.echo("The gateway does not run: what is changed now takes effect when it starts.", err=True)
    refuse_missing(config.journal.path)
    async with Journal.opened(config.journal, config.gateway, Counters(), Clock().now) as journal:
        return await Commands(journal).do(request, "the command line")
