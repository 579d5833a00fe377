"""A barcode scanner on a serial port, built in, USB or pty: the only module that knows pyserial.

pyserial opens the port and takes its lock; reading is ours, because pyserial's `read` cannot tell an unplugged
device from a silent one (pyserial issue 341). A port that is readable and yields nothing has been unplugged.
"""

from __future__ import annotations

import asyncio
import errno
import grp
import os
import pwd
import stat
import termios
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import serial
from serial.tools import list_ports

from edgegw.core.scan import ScanFramer
from edgegw.errors import LinkDown, LinkRefused
from edgegw.sources.intake import Intake

READ_BYTES = 4096
_ABSENT = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO)
_DENIED = (errno.EACCES, errno.EPERM)
_HELD = (errno.EAGAIN, errno.EBUSY)
_NO_TTY = (errno.ENOTTY, errno.EISDIR)


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """Where the port is and how it talks: exactly one of `path` and `usb`.

    usb     VID:PID or VID:PID:serial, hexadecimal numbers as `lsusb` prints them
    frame   data bits, parity, stop bits: 8N1
    """

    path: str | None = None
    usb: str | None = None
    baud: int = 9600
    frame: str = "8N1"


class UsbPort(Protocol):
    """What `find_usb` wants to know of a port."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None


class SerialScanner:
    """A link (see `supervise.Link`): the bytes of one port to its intake."""

    def __init__(self, settings: SerialSettings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake

    @property
    def name(self) -> str:
        return self._intake.name

    async def run(self, up: Callable[[], None]) -> None:
        """Open the port and read until it is unplugged, which raises LinkDown. See `supervise.Link`."""
        path = await self._find_port()
        with closing(self._open(path)) as port:
            up()
            framer = self._intake.framer()
            try:
                await self._read(port.fileno(), path, framer)
            finally:
                framer.end()

    async def _find_port(self) -> str:
        if self._settings.path is not None:
            return self._settings.path
        usb = self._settings.usb or ""
        found = find_usb(await asyncio.to_thread(_list_ports), usb)
        if not found:
            raise LinkDown(self.name, f"no serial port of a USB device {usb}: unplugged, or in keyboard mode")
        if len(found) > 1:
            raise LinkRefused(self.name, _ambiguous(usb, found))
        return found[0].device

    def _open(self, path: str) -> serial.Serial:
        bits, parity, stops = tuple(self._settings.frame)
        try:
            return serial.Serial(path, self._settings.baud, int(bits), parity, int(stops), timeout=0, exclusive=True)
        except (OSError, termios.error, ValueError) as error:
            raise self._explain(path, error) from error

    def _explain(self, path: str, error: Exception) -> LinkDown:
        number = _errno(error)
        if number in _ABSENT:
            return LinkDown(self.name, f"{path} is not there: unplugged, or it has another name now")
        if number in _DENIED:
            return LinkRefused(self.name, _permission(path))
        if number in _HELD:
            return LinkRefused(self.name, f"{path} is held by {_holder(path)}: only one can read a scanner")
        if number in _NO_TTY:
            return LinkRefused(self.name, f"{path} is not a serial port")
        return LinkDown(self.name, f"cannot open {path} at {self._settings.baud} baud: {error}")

    async def _read(self, fd: int, path: str, framer: ScanFramer) -> None:
        while True:
            await _readable(fd)
            try:
                data = os.read(fd, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise LinkDown(self.name, f"{path} was unplugged ({error.strerror})") from error
            if not data:
                raise LinkDown(self.name, f"{path} was unplugged, or another program reads it too")
            await self._intake.take(data, framer)


def find_usb(ports: Iterable[UsbPort], usb: str) -> list[UsbPort]:
    """The ports of the USB device VID:PID[:serial]; numbers compare as numbers, serials exactly."""
    vid, pid, *serial_number = usb.split(":", 2)
    device = (int(vid, 16), int(pid, 16))
    return [
        port
        for port in ports
        if (port.vid, port.pid) == device and (not serial_number or serial_number == [port.serial_number])
    ]


def _list_ports() -> Iterable[UsbPort]:
    try:
        return list_ports.comports()
    except (TypeError, ValueError):  # how pyserial fails on a device that is unplugged while it looks at it
        return []


async def _readable(fd: int) -> None:
    """Wait for bytes or the end. Watches only while waiting, so a reader held up elsewhere costs nothing."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(fd)


def _ambiguous(usb: str, found: list[UsbPort]) -> str:
    ports = ", ".join(f"{port.device} (serial {port.serial_number or 'none'})" for port in found)
    return f"{len(found)} ports match USB {usb}: {ports}; say usb: VID:PID:serial, or port: /dev/serial/by-path/..."


def _permission(path: str) -> str:
    """Why `path` cannot be opened and what to do. Debian gives serial ports to dialout, some to plugdev."""
    try:
        status = os.stat(path)
        user = pwd.getpwuid(os.geteuid()).pw_name
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return f"no permission to open {path}"
    if status.st_gid != 0 and status.st_mode & 0o060 == 0o060:
        return f"no permission to open {path}: add user {user} to group {group} (usermod -aG {group} {user})"
    mode = stat.filemode(status.st_mode)
    return f"no permission to open {path} ({mode}, group {group}): a udev rule must give it to a group of {user}"


def _holder(path: str) -> str:
    """Who has the lock on `path`, as /proc/locks says; proc_locks(5)."""
    try:
        status = os.stat(path)
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        pid = next(int(lock[4]) for lock in locks if lock[1] == "FLOCK" and lock[5] == place)
    except (OSError, StopIteration):
        return f"another program (`fuser -v {path}` names it)"
    return f"{_program(pid)} (pid {pid})" if pid != os.getpid() else "another scanner of this gateway"


def _program(pid: int) -> str:
    """The name of a process; a service may not see those of other users (systemd.exec(5), ProtectProc=)."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "another program"


def _errno(error: Exception) -> int | None:
    """The system's error number; pyserial drops that of a termios error and keeps its text."""
    source = error.__context__ if isinstance(error.__context__, termios.error) else error
    number = source.args[0] if source.args else None
    return number if isinstance(number, int) else None
