"""The socket for `edgegw status`: it may be missing, forbidden, left over or not a socket, and never in the way."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from edgegw import control
from edgegw.errors import LinkDown, LinkRefused


async def feel() -> dict[str, Any]:
    return {"online": True}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_the_answer_is_of_this_moment_and_the_socket_goes(journal: Path) -> None:
    asked = 0

    async def count() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"asked": asked}

    async with control.serving(journal, count):
        assert await control.ask(journal) == {"asked": 1}
        assert await control.ask(journal) == {"asked": 2}
        assert stat.S_IMODE(control.socket_path(journal).stat().st_mode) == 0o660
    assert not control.socket_path(journal).exists()


async def test_what_a_killed_gateway_left_behind_is_replaced(journal: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(control.socket_path(journal)))
    with pytest.raises(LinkDown, match=r"nobody listens at .*journal\.db\.sock: it ended without a goodbye"):
        await control.ask(journal)
    async with control.serving(journal, feel):
        assert await control.ask(journal) == {"online": True}


async def test_no_gateway(journal: Path) -> None:
    with pytest.raises(LinkDown, match=r"there is no .*journal\.db\.sock") as raised:
        await control.ask(journal)
    assert not isinstance(raised.value, LinkRefused)


async def test_a_folder_in_the_way_costs_the_status_only(journal: Path) -> None:
    control.socket_path(journal).mkdir()
    with structlog.testing.capture_logs() as logs:
        async with control.serving(journal, feel):
            with pytest.raises(LinkRefused, match=r"is not a socket - remove it and start the gateway again"):
                await control.ask(journal)
    assert logs == [
        {
            "event": "edgegw status will not work",
            "log_level": "warning",
            "reason": f"{journal}.sock is a folder - remove it and start again",
        }
    ]
    assert control.socket_path(journal).is_dir()


async def test_a_place_without_room_for_a_socket_costs_the_status_only(tmp_path: Path) -> None:
    for journal, words in (
        (tmp_path / "none" / "journal.db", "No such file or directory - the gateway's user must be able to write"),
        (tmp_path / ("x" * 100), "the path is longer than 100 bytes"),
    ):
        with structlog.testing.capture_logs() as logs:
            async with control.serving(journal, feel):
                pass
        assert words in logs[0]["reason"]
    with pytest.raises(LinkRefused, match=r"a shorter journal\.path cures it"):
        await control.ask(tmp_path / ("x" * 100))


async def test_what_answers_is_no_gateway(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def chat(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello")
        writer.close()

    async with await asyncio.start_unix_server(chat, control.socket_path(journal)):
        with pytest.raises(LinkRefused, match="does not answer as a gateway does"):
            await control.ask(journal)


async def test_a_gateway_that_hangs(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ANSWER_S", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(control.socket_path(journal)))
        silent.listen()
        with pytest.raises(LinkRefused, match=r"it runs, but has not answered within 0\.2 s"):
            await control.ask(journal)


ASKING = "import asyncio, pathlib, sys; from edgegw import control; asyncio.run(control.ask(pathlib.Path(sys.argv[1])))"
MODES_COUNT = [] if os.geteuid() else ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.mark.parametrize("hidden", ["socket", "folder"])
def test_who_may_not_ask_is_told_the_way_in(journal: Path, hidden: str) -> None:
    with socket.socket(socket.AF_UNIX) as running:
        running.bind(str(control.socket_path(journal)))
        running.listen()
        place = control.socket_path(journal) if hidden == "socket" else journal.parent
        os.chown(place, -1, 5 if os.geteuid() == 0 else os.getegid())
        place.chmod(0)
        try:
            words = [*MODES_COUNT, sys.executable, "-c", ASKING, str(journal)]
            errors = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False).stderr
        finally:
            place.chmod(0o700)
    assert "LinkRefused: gateway: this user may not ask it" in errors
    assert "use sudo, or join its group: usermod -aG" in errors
