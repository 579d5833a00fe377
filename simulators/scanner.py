"""Barcode scanners without hardware: one on a pty, one that listens on TCP, one that connects.

`python -m simulators.scanner` prints where the scanner is, then sends each line of its input as a scan (`\\xHH`
stands for a byte). The lines `!unplug` and `!replug` do what they say.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import select
import signal
import socket
import struct
import sys
import tempfile
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

TERMINATORS = {
    "cr": b"\r",
    "lf": b"\n",
    "crlf": b"\r\n",
    "etx": b"\x03",
    "nul": b"\x00",
    "tab": b"\t",
    "none": b"",
}
WRITE_TIMEOUT_S = 1.0
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; the socket module has no name for it
_BPF_RETURN = 0x06  # linux/bpf_common.h


@dataclass(frozen=True, slots=True)
class Framing:
    """What stands around each scan. `noise` comes before it; `byte_delay_s` makes a slow line."""

    terminator: bytes = b"\r"
    prefix: bytes = b""
    suffix: bytes = b""
    stx: bool = False
    noise: bytes = b""
    byte_delay_s: float = 0.0

    def wrap(self, scan: str | bytes) -> bytes:
        symbol = scan.encode() if isinstance(scan, str) else scan
        start = self.noise + (b"\x02" if self.stx else b"")
        return start + self.prefix + symbol + self.suffix + self.terminator


class Scanner(ABC):
    """What all scanners do. A context manager: it is plugged in from entry to exit."""

    def __init__(self, framing: Framing | None = None) -> None:
        self.framing = framing or Framing()

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the gateway finds the scanner, or the scanner the gateway."""

    def scan(self, scan: str | bytes) -> None:
        """Send one scan with its framing."""
        self.send(self.framing.wrap(scan))

    def send(self, data: bytes) -> None:
        """Send bytes as they are: half a scan, garbage, several scans in one go."""
        if not self.framing.byte_delay_s:
            self._write(data)
            return
        for byte in data:
            self._write(bytes([byte]))
            time.sleep(self.framing.byte_delay_s)

    @abstractmethod
    def unplug(self) -> None:
        """The cable is pulled; harmless when it is out already."""

    @abstractmethod
    def replug(self) -> None:
        """The cable is back, at the same place."""

    @abstractmethod
    def _write(self, data: bytes) -> None:
        """Put bytes on the line now."""

    def __enter__(self) -> Self:
        self.replug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()


class PtyScanner(Scanner):
    """A serial scanner. `port` is a link that outlives unplugging, as udev's names in /dev/serial do."""

    def __init__(self, framing: Framing | None = None, port: Path | None = None) -> None:
        super().__init__(framing)
        self._folder = ExitStack()
        self._port = port
        self._fds: tuple[int, int] | None = None

    @property
    def port(self) -> str:
        if self._port is None:
            folder = self._folder.enter_context(tempfile.TemporaryDirectory(prefix="scanner-"))
            self._port = Path(folder, "tty")
        return str(self._port)

    @property
    def place(self) -> str:
        return self.port

    def replug(self) -> None:
        self.unplug()
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._fds = master, slave
        os.symlink(os.ttyname(slave), self.port)

    def unplug(self) -> None:
        if os.path.islink(self.port):  # never a real device
            os.unlink(self.port)
        for fd in self._fds or ():
            os.close(fd)
        self._fds = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._folder.close()

    def _write(self, data: bytes) -> None:
        """Raises TimeoutError when the line is full and nobody reads it."""
        if self._fds is None:
            raise ConnectionError("the scanner is unplugged")
        while data:
            if not select.select([], [self._fds[0]], [], WRITE_TIMEOUT_S)[1]:
                raise TimeoutError("nobody reads the scanner's port")
            data = data[os.write(self._fds[0], data) :]


class TcpScanner(Scanner):
    """What both TCP scanners do."""

    def __init__(self, address: tuple[str, int], framing: Framing | None = None) -> None:
        super().__init__(framing)
        self.address = address
        self._connections: list[socket.socket] = []
        self._deaf: list[socket.socket] = []

    @property
    def place(self) -> str:
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def hang_up(self) -> None:
        """Close the connections properly."""
        for connection in self._connections + self._deaf:
            connection.close()
        self._connections, self._deaf = [], []

    def cut_cable(self) -> None:
        """From now on, nothing that the peer sends arrives, and it hears nothing: the connection is half-open."""
        drop_all = ctypes.create_string_buffer(struct.pack("=HBBI", _BPF_RETURN, 0, 0, 0))
        program = struct.pack("@HP", 1, ctypes.addressof(drop_all))  # socket(7), SO_ATTACH_FILTER
        for connection in self._connections:
            connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        self._deaf += self._connections
        self._connections = []

    def unplug(self) -> None:
        self.hang_up()

    def _write(self, data: bytes) -> None:
        for connection in self._connections:
            connection.sendall(data)


class TcpScannerServer(TcpScanner):
    """A fixed scanner that the gateway connects to. Port 0: any, see `address` afterwards."""

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0), framing: Framing | None = None) -> None:
        super().__init__(address, framing)
        self._listener: socket.socket | None = None

    def replug(self) -> None:
        self.unplug()
        self._listener = socket.create_server(self.address, family=_family(self.address[0]))
        self._listener.setblocking(False)
        self.address = self._listener.getsockname()[:2]

    def unplug(self) -> None:
        self.hang_up()
        if self._listener:
            self._listener.close()
        self._listener = None

    def hang_up(self) -> None:
        self._welcome()
        super().hang_up()

    def cut_cable(self) -> None:
        self._welcome()
        super().cut_cable()

    def _welcome(self) -> None:
        """Take in who has connected; the kernel has answered for us until now."""
        while self._listener:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection.settimeout(WRITE_TIMEOUT_S)
            self._connections.append(connection)

    def _write(self, data: bytes) -> None:
        self._welcome()
        super()._write(data)


class TcpScannerClient(TcpScanner):
    """A fixed scanner that connects to the gateway."""

    def replug(self) -> None:
        self.unplug()
        self._connections.append(socket.create_connection(self.address, WRITE_TIMEOUT_S))


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _bytes(text: str) -> bytes:
    """Text with `\\xHH` for bytes that cannot be typed."""
    parts = re.split(r"\\x([0-9A-Fa-f]{2})", text)
    return b"".join(bytes.fromhex(part) if n % 2 else part.encode() for n, part in enumerate(parts))


def _obey(scanner: Scanner, lines: Iterable[str]) -> None:
    commands = {"!unplug": scanner.unplug, "!replug": scanner.replug}
    for line in (line.rstrip("\r\n") for line in lines):
        if line in commands:
            commands[line]()
        elif line:
            scanner.scan(_bytes(line))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.scanner", description=__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=Path, help="name for the pty (default: a new one in the temporary folder)")
    where.add_argument("--listen", type=_address, metavar="HOST:PORT", help="be a scanner that listens on TCP")
    where.add_argument("--connect", type=_address, metavar="HOST:PORT", help="be one that connects to the gateway")
    parser.add_argument("--terminator", choices=TERMINATORS, default="cr")
    parser.add_argument("--prefix", type=_bytes, default=b"")
    parser.add_argument("--suffix", type=_bytes, default=b"")
    parser.add_argument("--stx", action="store_true", help="send STX before every scan")
    parser.add_argument("--noise", type=_bytes, default=b"", help="bytes before every scan")
    parser.add_argument("--byte-delay-s", type=float, default=0.0, help="a slow line")
    return parser.parse_args()


def _scanner(wanted: argparse.Namespace) -> Scanner:
    terminator = TERMINATORS[wanted.terminator]
    framing = Framing(terminator, wanted.prefix, wanted.suffix, wanted.stx, wanted.noise, wanted.byte_delay_s)
    if wanted.listen:
        return TcpScannerServer(wanted.listen, framing)
    if wanted.connect:
        return TcpScannerClient(wanted.connect, framing)
    return PtyScanner(framing, wanted.port)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    with _scanner(_arguments()) as scanner:
        print(scanner.place, flush=True)
        _obey(scanner, sys.stdin)


if __name__ == "__main__":
    main()
