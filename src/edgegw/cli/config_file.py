"""How a command is told its configuration file: `FILE`, `-c FILE`, or nothing for the usual one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

DEFAULT_CONFIG = Path("/etc/edgegw/edgegw.yaml")


def config_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameter `path`. Exit 64 when two files are named, or none and the usual one is missing."""

    @functools.wraps(command)
    def with_path(*args: Any, file: Path | None, named: Path | None, **options: Any) -> Any:
        if file and named:
            raise click.UsageError("name one configuration file, not two")
        path = file or named or DEFAULT_CONFIG
        if not (file or named or DEFAULT_CONFIG.exists()):
            raise click.UsageError(f"there is no {DEFAULT_CONFIG}: name one, such as: edgegw {command.__name__} FILE")
        return command(*args, path=path, **options)

    kind = click.Path(path_type=Path, readable=False)  # an unreadable file is for us to explain
    named = click.option("-c", "--config", "named", type=kind, help=f"The same as FILE. Default: {DEFAULT_CONFIG}")
    return click.argument("file", type=kind, required=False)(named(with_path))


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command whose arguments name other things the parameter `path`: `-c FILE`, or the usual one. Exit 64 when
    that is missing."""

    @functools.wraps(command)
    def with_path(*args: Any, named: Path | None, **options: Any) -> Any:
        if not (named or DEFAULT_CONFIG.exists()):
            raise click.UsageError(f"there is no {DEFAULT_CONFIG}: name a configuration with -c FILE")
        return command(*args, path=named or DEFAULT_CONFIG, **options)

    kind = click.Path(path_type=Path, readable=False)
    help_text = f"The configuration. Default: {DEFAULT_CONFIG}"
    return click.option("-c", "--config", "named", type=kind, help=help_text)(with_path)
