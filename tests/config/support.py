"""Texts of configurations and what the checker says about them."""

from __future__ import annotations

from pathlib import Path

from edgegw.config.load import Loaded, parse
from edgegw.errors import ConfigError, Fault

CONFIG_DIR = Path(__file__).parents[2] / "config"
ANNOTATED = CONFIG_DIR / "edgegw.yaml"
MINIMAL = CONFIG_DIR / "minimal.yaml"

HEAD = """\
site: dc-1
gateway: edge-1
mqtt: {host: broker}
journal: {path: /var/lib/edgegw/journal.db}
"""
"""Four lines that every configuration needs; what is tested begins at line 5."""

READER = "readers: [{name: dock-1, host: 10.0.0.21}]\n"


def loaded(text: str) -> Loaded:
    return parse(text, "f")


def faults_of(text: str | bytes) -> tuple[Fault, ...]:
    """Every fault of a text; none if it is good."""
    try:
        parse(text, "f")
    except ConfigError as error:
        return error.faults
    return ()


def told(text: str | bytes) -> list[str]:
    return [str(fault) for fault in faults_of(text)]


def warned(text: str) -> list[str]:
    return [str(warning) for warning in loaded(text).warnings]
