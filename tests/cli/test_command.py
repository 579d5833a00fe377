"""The command itself: help, exit codes, Ctrl-C at any moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgegw.cli import COMMANDS, CONFIG, INTERRUPTED, OK, USAGE, call, config_file

CTRL_C_AT_IMPORT = """
import os, signal, sys

class CtrlC:
    def find_spec(self, name, *_):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
sys.argv = ["edgegw", "check", "none.yaml"]
from edgegw.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        ("click", -signal.SIGINT, ""),
        ("edgegw.cli.check", INTERRUPTED, "interrupted"),
        ("yaml", INTERRUPTED, "interrupted"),
    ],
)
def test_ctrl_c_while_loading_prints_no_traceback(module: str, code: int, said: str) -> None:
    program = CTRL_C_AT_IMPORT.replace("{module}", module)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr.strip()) == (code, said)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([command, "--help"]) == OK
    assert f"Usage: edgegw {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "check", "status", "replay"])
def test_one_configuration_is_named_or_the_usual_one_is_there(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = tmp_path / "edgegw.yaml"
    monkeypatch.setattr(config_file, "DEFAULT_CONFIG", usual)
    more = ["--reads", "r", "--events", "/dev/null"] if command == "replay" else []
    assert call([command, "a.yaml", "-c", "b.yaml", *more]) == USAGE
    assert "name one configuration file, not two" in capsys.readouterr().err
    assert call([command, *more]) == USAGE
    assert f"there is no {usual}: name one, such as: edgegw {command} FILE" in capsys.readouterr().err
    usual.write_text("site: [")
    for named in ([], [str(usual)], ["-c", str(usual)]):
        assert call([command, *named, *more]) == CONFIG
        assert f"{usual}:1:7: a '[' is never closed" in "".join(capsys.readouterr())
