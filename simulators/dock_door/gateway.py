"""The gateway as its users run it: `edgegw run -c FILE` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.dock_door import tied

STOP_S = 12.0
"""The gateway promises to stop within 10 seconds."""


class Gateway:
    """One gateway with its files in `folder`. Ends with us, however we end; not by our terminal's Ctrl-C.

    `program`: what Python runs, where it is not `edgegw` itself.
    """

    def __init__(self, folder: Path, program: Sequence[str] = ("-m", "edgegw")) -> None:
        self.config = folder / "edgegw.yaml"
        self.journal = folder / "journal.db"
        self.log = folder / "edgegw.log"
        self._program = tuple(program)
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, or start it again."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, tied.__file__, str(os.getpid())),
                *(sys.executable, *self._program, "run", "-c", str(self.config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        return await self._running.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code. SIGKILL if it does not stop in time."""
        try:
            async with asyncio.timeout(STOP_S):
                return await self._end(signal.SIGTERM)
        except TimeoutError:
            return await self._end(signal.SIGKILL)

    async def kill(self) -> None:
        """SIGKILL: a power cut for the gateway."""
        await self._end(signal.SIGKILL)

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("the gateway was not started")
        return self._process

    async def _end(self, number: signal.Signals) -> int:
        process = self._running
        if process.returncode is None:
            process.send_signal(number)
        return await process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
