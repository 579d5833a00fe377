"""Serial scanners on real ptys: scans, unplugging, sharing a port, refusals in words."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgegw.core.scan import ScanSettings
from edgegw.errors import LinkDown, LinkRefused
from edgegw.sources import serial_port
from edgegw.sources.serial_port import SerialScanner, SerialSettings, UsbPort, find_usb
from simulators.scanner import Framing, PtyScanner
from tests.sources.harness import PATIENCE_S, Desk, kept

ROOT = Path(__file__).parents[2]
NOBODY = 65534
TTY = 5  # the group that Debian gives terminals to


@pytest.fixture
def scanner() -> Iterator[PtyScanner]:
    with PtyScanner() as plugged:
        yield plugged


def link_to(place: PtyScanner | SerialSettings | str, desk: Desk, framing: ScanSettings | None = None) -> SerialScanner:
    if not isinstance(place, SerialSettings):
        place = SerialSettings(path=place.port if isinstance(place, PtyScanner) else place)
    return SerialScanner(place, desk.intake(framing or ScanSettings("pack-1")))


async def reason_of(link: SerialScanner) -> LinkDown:
    """Why a link that cannot come up does not."""
    with pytest.raises(LinkDown) as caught:
        await asyncio.wait_for(link.run(lambda: pytest.fail("came up")), PATIENCE_S)
    assert caught.value.link == "pack-1"
    return caught.value


def open_ports() -> list[str]:
    """The ptys that this process has open, once for each time."""
    open_files = [fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    return [str(file) for file in open_files if file.is_relative_to("/dev/pts")]


async def test_scans_arrive_with_name_and_time(scanner: PtyScanner) -> None:
    desk = Desk()
    async with kept(link_to(scanner, desk), desk):
        before = desk.now()
        scanner.scan("]C1010950600013435221A1")
        scan = await asyncio.wait_for(desk.scans.get(), PATIENCE_S)
    assert scan[:2] == ("pack-1", "]C1010950600013435221A1")
    assert before <= scan.t <= desk.now()


async def test_framing_noise_and_a_slow_line() -> None:
    sent = Framing(b"\r\n", b"P:", b"!", stx=True, noise=b"\x13\x00\x11", byte_delay_s=0.002)
    understood = ScanSettings("pack-1", prefix="P:", suffix="!")
    desk = Desk()
    with PtyScanner(sent) as scanner:
        async with kept(link_to(scanner, desk, understood), desk):
            await asyncio.to_thread(scanner.scan, "A1")
            await asyncio.to_thread(scanner.scan, b"B\x1d2")
            assert [await desk.text(), await desk.text()] == ["A1", "B\x1d2"]
    assert desk.counters.snapshot() == {"pack-1": {"scans": 2}}


async def test_garbage_costs_only_itself(scanner: PtyScanner) -> None:
    desk = Desk()
    async with kept(link_to(scanner, desk), desk):
        await asyncio.to_thread(scanner.send, os.urandom(200_000) + b"x" * 100_000 + b"\r")
        await asyncio.to_thread(scanner.scan, "A1")
        while await desk.text() != "A1":
            pass
    counts = desk.counters.snapshot()["pack-1"]
    assert counts["undecodable"] > 100
    assert counts["too_long"] >= 1


async def test_unplug_is_noticed_at_once(scanner: PtyScanner) -> None:
    desk = Desk()
    async with kept(link_to(scanner, desk), desk):
        for _ in range(3):
            unplugged_at = time.monotonic()
            scanner.unplug()
            state = await desk.state("down")
            assert time.monotonic() - unplugged_at < 0.1
            assert state.reason.startswith(f"{scanner.port} was unplugged")
            scanner.replug()
            await desk.state("up")


async def test_an_unplugged_scanner_costs_no_cpu(scanner: PtyScanner) -> None:
    desk = Desk()
    async with kept(link_to(scanner, desk), desk):
        scanner.unplug()
        cpu_s = time.process_time()
        await asyncio.sleep(1.0)
        cpu_s = time.process_time() - cpu_s
    assert cpu_s < 0.1


async def test_replug_is_back_within_two_seconds_without_the_half_scan_from_before(scanner: PtyScanner) -> None:
    desk = Desk()
    async with kept(link_to(scanner, desk), desk):
        for n in range(3):
            scanner.send(b"B2\rhalf")
            assert await desk.text() == "B2"
            scanner.unplug()
            await desk.state("down")
            replugged_at = time.monotonic()
            scanner.replug()
            await desk.state("up")
            assert time.monotonic() - replugged_at < 2.0
            scanner.scan(f"A{n}")
            assert await desk.text() == f"A{n}"


async def test_half_a_scan_is_counted_when_the_link_ends(scanner: PtyScanner) -> None:
    desk = Desk()
    async with kept(link_to(scanner, desk), desk):
        scanner.send(b"A1\rhalf")
        assert await desk.text() == "A1"
    assert desk.counters.snapshot() == {"pack-1": {"scans": 1, "unterminated": 1}}


HOLD = """
import asyncio, sys
from tests.sources.test_serial_port import Desk, link_to
asyncio.run(link_to(sys.argv[1], Desk()).run(lambda: print("up", flush=True)))
"""


async def test_a_port_held_by_another_process_is_refused_by_name(scanner: PtyScanner) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", HOLD, scanner.port),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert holder.stdout
        assert await asyncio.wait_for(holder.stdout.readline(), 20) == b"up\n"
        desk = Desk()
        refusal = await reason_of(link_to(scanner, desk))
    finally:
        holder.kill()
        await holder.communicate()
    assert isinstance(refusal, LinkRefused)
    who = f"{Path(sys.executable).name} (pid {holder.pid})"
    assert refusal.reason == f"{scanner.port} is held by {who}: only one can read a scanner"
    async with kept(link_to(scanner, desk), desk):
        scanner.scan("A1")
        assert await desk.text() == "A1"


async def test_two_scanners_of_one_gateway_cannot_share_a_port(scanner: PtyScanner) -> None:
    desk = Desk()
    async with kept(link_to(scanner, desk), desk):
        refusal = await reason_of(link_to(scanner, desk))
        assert isinstance(refusal, LinkRefused)
        assert "held by another scanner of this gateway" in refusal.reason
        scanner.scan("A1")
        assert await desk.text() == "A1"


async def test_a_missing_port_is_down_not_refused(tmp_path: Path) -> None:
    down = await reason_of(link_to(f"{tmp_path}/ttyACM0", Desk()))
    assert not isinstance(down, LinkRefused)
    assert down.reason.startswith(f"{tmp_path}/ttyACM0 is not there")


@pytest.mark.parametrize("path", ["/dev/null", "/", __file__])
async def test_what_is_no_serial_port_is_refused(path: str) -> None:
    refusal = await reason_of(link_to(path, Desk()))
    assert isinstance(refusal, LinkRefused)
    assert refusal.reason == f"{path} is not a serial port"


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may open everything, so be nobody for a while; others are not privileged anyway."""
    if os.geteuid() != 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


@pytest.mark.parametrize(
    ("mode", "cure"), [(0o060, " (usermod -aG "), (0o000, "a udev rule must give it to a group of ")]
)
async def test_a_forbidden_port_names_the_cure(scanner: PtyScanner, mode: int, cure: str) -> None:
    device = os.path.realpath(scanner.port)
    if os.geteuid() == 0:
        os.chown(device, 0, TTY)
    os.chmod(device, mode)  # an owner without permission is denied, whatever the group may do
    link = link_to(device, Desk())
    with unprivileged():
        refusal = await reason_of(link)
    assert isinstance(refusal, LinkRefused)
    assert refusal.reason.startswith(f"no permission to open {device}")
    assert cure in refusal.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a port to root's group")
async def test_nobody_is_sent_to_join_the_group_of_root(scanner: PtyScanner) -> None:
    device = os.path.realpath(scanner.port)
    os.chown(device, 0, 0)
    os.chmod(device, 0o660)
    with unprivileged():
        refusal = await reason_of(link_to(device, Desk()))
    assert "a udev rule must give it to a group of " in refusal.reason


@pytest.mark.parametrize(("frame", "shows"), [("8N1", 0), ("8N2", termios.CSTOPB), ("7O1", termios.PARODD), ("7E1", 0)])
async def test_line_settings_reach_the_port(scanner: PtyScanner, frame: str, shows: int) -> None:
    """As far as a pty shows them: it takes the speed, stop bits and kind of parity, but is always 8 bits wide."""
    desk = Desk()
    async with kept(link_to(SerialSettings(scanner.port, baud=115200, frame=frame), desk), desk):
        fd = os.open(scanner.port, os.O_RDONLY | os.O_NOCTTY)
        flags, speed = (termios.tcgetattr(fd)[n] for n in (2, 4))
        os.close(fd)
    assert speed == termios.B115200
    assert flags & (termios.CSTOPB | termios.PARODD) == shows


async def test_cancellation_closes_the_port(scanner: PtyScanner) -> None:
    desk = Desk()
    before = open_ports()
    async with kept(link_to(scanner, desk), desk):
        assert len(open_ports()) == len(before) + 1
    assert open_ports() == before


async def test_without_room_the_port_is_not_read(scanner: PtyScanner) -> None:
    desk = Desk()
    async with kept(link_to(scanner, desk), desk):
        desk.open.clear()
        scanner.scan("A1")
        assert await desk.text() == "A1"
        scanner.scan("B2")
        await asyncio.sleep(0.05)
        assert desk.scans.empty()
        desk.open.set()
        assert await desk.text() == "B2"


@dataclass
class Plugged:
    """A port as pyserial lists it."""

    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None


PLUGGED = [
    Plugged("/dev/ttyS0"),
    Plugged("/dev/ttyACM0", 0x0C2E, 0x0B61, "S:1"),
    Plugged("/dev/ttyACM1", 0x0C2E, 0x0B61, "S2"),
    Plugged("/dev/ttyUSB0", 0x05E0, 0x1701),
]


@pytest.mark.parametrize(
    ("usb", "devices"),
    [
        ("0c2e:0b61:S:1", ["/dev/ttyACM0"]),
        ("0C2E:0B61", ["/dev/ttyACM0", "/dev/ttyACM1"]),
        ("05e0:1701", ["/dev/ttyUSB0"]),
        ("05e0:1701:S2", []),
        ("0000:0000", []),
    ],
)
def test_usb_ids_pick_ports(usb: str, devices: list[str]) -> None:
    assert [port.device for port in find_usb(PLUGGED, usb)] == devices


def plug(monkeypatch: pytest.MonkeyPatch, *ports: UsbPort) -> None:
    """This machine has no USB scanner; only the listing is played."""
    monkeypatch.setattr(serial_port, "_list_ports", lambda: ports)


async def test_a_usb_scanner_is_found_wherever_it_is(monkeypatch: pytest.MonkeyPatch, scanner: PtyScanner) -> None:
    plug(monkeypatch, *PLUGGED, Plugged(scanner.port, 0x1234, 0x5678, "S3"))
    desk = Desk()
    async with kept(link_to(SerialSettings(usb="1234:5678"), desk), desk):
        scanner.scan("A1")
        assert await desk.text() == "A1"


async def test_two_matching_usb_scanners_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, *PLUGGED)
    refusal = await reason_of(link_to(SerialSettings(usb="0c2e:0b61"), Desk()))
    assert isinstance(refusal, LinkRefused)
    assert "/dev/ttyACM0 (serial S:1), /dev/ttyACM1 (serial S2)" in refusal.reason


async def test_an_absent_usb_scanner_is_down() -> None:
    down = await reason_of(link_to(SerialSettings(usb="ffff:fffe"), Desk()))
    assert not isinstance(down, LinkRefused)
    assert "ffff:fffe" in down.reason


async def test_the_simulator_as_a_command() -> None:
    desk = Desk()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulators.scanner", "--terminator", "crlf"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    port = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
    async with kept(link_to(port, desk), desk):
        process.stdin.write(b"A\\x1d1\n")
        assert await desk.text() == "A\x1d1"
        process.stdin.write(b"!unplug\n")  # not before: what is unread goes with the cable
        await desk.state("down")
        process.stdin.write(b"!replug\n")
        await desk.state("up")
        process.stdin.write(b"B2\n")
        assert await desk.text() == "B2"
        process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0
    assert not Path(port).parent.exists()
