"""A real Mosquitto for tests: the reference that our publisher and our own broker are held against."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0


def find_mosquitto() -> str:
    """Path of the mosquitto executable; Debian keeps it in /usr/sbin, which users' PATH often lacks."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise FileNotFoundError("mosquitto is not installed - apt-get install mosquitto")
    return found


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """One broker process on a loopback port; starts and stops with `with` or `async with`.

    `extra_config` is appended to the configuration.
    After `stop` or `kill`, `start` finds the same port and files.
    """

    def __init__(self, directory: Path, extra_config: str = "") -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.log = directory / "mosquitto.log"
        self._config = directory / "mosquitto.conf"
        self._store = directory / "mosquitto-store"
        self._extra_config = extra_config
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker and return once it accepts connections."""
        self._store.mkdir(parents=True, exist_ok=True)
        self._config.write_text(self._text())
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([find_mosquitto(), "-v", "-c", str(self._config)], stdout=log, stderr=log)
        self._wait_until_accepting(self._process)

    def stop(self) -> None:
        """Ask the broker to end (it saves its store) and wait for it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the process without closing its sockets: the peer sees silence."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo `freeze`."""
        self._running().send_signal(signal.SIGCONT)

    def _text(self) -> str:
        # mosquitto started by root would give up its rights and then fail to write into the test's directory
        return (
            f"user {getpass.getuser()}\n"
            f"listener {self.port} {self.host}\n"
            "allow_anonymous true\n"
            "persistence true\n"
            f"persistence_location {self._store}/\n"
            f"{self._extra_config}\n"
        )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("mosquitto is not running")
        return self._process

    def _wait_until_accepting(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._accepts():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"mosquitto did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.01)

    def _accepts(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _end(self, signal_number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal_number)
        self._process.send_signal(signal.SIGCONT)  # a frozen process would not see SIGTERM
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running Mosquitto that ends with the test."""
    with Mosquitto(tmp_path) as broker:
        yield broker
