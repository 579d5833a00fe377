"""What the README tells people to type."""

from __future__ import annotations

import re
from pathlib import Path

from edgegw.cli import COMMANDS
from tests.config.support import loaded

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_GATEWAY = README[README.index("## A first gateway") : README.index("## What arrives")]
TYPED = [line.strip() for line in FIRST_GATEWAY.splitlines() if line.startswith("    ")]


def test_the_first_gateway_is_good_with_and_without_a_scanner() -> None:
    gateway, scanner = re.findall(r"```yaml\n(.*?)```", FIRST_GATEWAY, re.DOTALL)
    assert loaded(gateway).warnings == ()
    assert loaded(gateway + scanner).warnings == ()


def test_every_file_that_is_installed_is_there_and_the_service_starts_what_was_installed() -> None:
    sources = re.findall(r" (systemd/\S+)", "\n".join(TYPED))
    assert len(sources) == 3
    assert all((ROOT / source).is_file() for source in sources)
    unit = (ROOT / "systemd" / "edgegw.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/edgegw/bin/edgegw run /etc/edgegw/edgegw.yaml\n" in unit
    assert any(line.startswith("python3 -m venv /opt/edgegw") for line in TYPED)


def test_every_command_exists() -> None:
    said = set(re.findall(r"`?\bedgegw ([a-z]+)\b", "\n".join([*TYPED, *re.findall(r"`edgegw [a-z]+", README)])))
    assert {"check", "status"} <= said <= set(COMMANDS)
