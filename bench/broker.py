"""A Mosquitto of our own, which logs nothing but errors: what it would write for each message is not to be measured."""

from __future__ import annotations

import getpass
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.mosquitto import find_mosquitto, free_port

START_LIMIT_S = 10.0


class RunningBroker(NamedTuple):
    port: int
    pid: int


@contextmanager
def mosquitto(folder: Path, *settings: str) -> Iterator[RunningBroker]:
    """It accepts connections while the block runs. settings: lines of its configuration."""
    port, config = free_port(), folder / "mosquitto.conf"
    basics = (f"user {getpass.getuser()}", f"listener {port} 127.0.0.1", "allow_anonymous true", "log_type error")
    config.write_text("\n".join((*basics, *settings, "")))
    process = subprocess.Popen([find_mosquitto(), "-c", config], stderr=subprocess.DEVNULL)
    try:
        _wait_until_accepting(port, process)
        yield RunningBroker(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_until_accepting(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError("mosquitto did not start") from None
            time.sleep(0.01)
        else:
            return
