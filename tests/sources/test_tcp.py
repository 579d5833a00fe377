"""TCP scanners over real sockets, in both roles: scans, lost peers, strangers, refusals in words."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from edgegw.core.scan import ScanSettings
from edgegw.errors import LinkDown, LinkRefused
from edgegw.sources import tcp
from edgegw.sources.tcp import MAX_CLIENTS, ConnectingScanner, ListeningScanner
from simulators.scanner import Framing, TcpScannerClient, TcpScannerServer
from tests.sources.harness import PATIENCE_S, Desk, kept

LOOPBACKS = ["127.0.0.1", "::1"]
Address = tuple[str, int]


@pytest.fixture(params=LOOPBACKS)
def free_address(request: pytest.FixtureRequest) -> Address:
    host: str = request.param
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        return host, server.getsockname()[1]


@pytest.fixture
def address() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return "127.0.0.1", server.getsockname()[1]


@pytest.fixture
def scanner() -> Iterator[TcpScannerServer]:
    with TcpScannerServer() as listening:
        yield listening


def connecting(address: Address, desk: Desk) -> ConnectingScanner:
    return ConnectingScanner(address, desk.intake(ScanSettings("gate-1")))


def listening(address: Address, desk: Desk, *networks: str) -> ListeningScanner:
    return ListeningScanner(address, desk.intake(ScanSettings("gate-1")), networks)


async def reason_of(link: ConnectingScanner | ListeningScanner) -> LinkDown:
    """Why a link that cannot come up does not."""
    with pytest.raises(LinkDown) as caught:
        await asyncio.wait_for(link.run(lambda: pytest.fail("came up")), PATIENCE_S)
    assert caught.value.link == "gate-1"
    return caught.value


async def counted(desk: Desk, what: str, n: int) -> None:
    """Wait until the tally of `what` is n."""
    async with asyncio.timeout(PATIENCE_S):
        while desk.counters.get("gate-1", what) != n:
            await asyncio.sleep(0.01)  # counters are plain numbers, nothing announces them


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_scans_of_a_scanner_that_listens(host: str) -> None:
    desk = Desk()
    with TcpScannerServer((host, 0), Framing(b"\r\n", stx=True)) as scanner:
        async with kept(connecting(scanner.address, desk), desk):
            scanner.scan("A1")
            scanner.scan(b"B\x1d2")
            assert [await desk.text(), await desk.text()] == ["A1", "B\x1d2"]


async def test_scans_of_a_scanner_that_connects(free_address: Address) -> None:
    desk = Desk()
    async with kept(listening(free_address, desk), desk):
        with TcpScannerClient(free_address) as scanner:
            scanner.scan("A1")
            assert await desk.text() == "A1"
            scanner.replug()
            scanner.scan("B2")
            assert await desk.text() == "B2"


async def test_a_closed_connection_is_down_and_comes_back_without_its_half_scan(scanner: TcpScannerServer) -> None:
    desk = Desk()
    async with kept(connecting(scanner.address, desk), desk):
        scanner.send(b"A1\rhalf")
        assert await desk.text() == "A1"
        scanner.hang_up()
        assert (await desk.state("down")).reason == f"{scanner.place} closed the connection"
        await desk.state("up")
        scanner.scan("B2")
        assert await desk.text() == "B2"
    assert desk.counters.snapshot() == {"gate-1": {"scans": 2, "unterminated": 1}}


async def test_nothing_listens_at_the_scanner(address: Address) -> None:
    down = await reason_of(connecting(address, Desk()))
    assert not isinstance(down, LinkRefused)
    assert down.reason == f"cannot connect to 127.0.0.1:{address[1]}: Connection refused"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
async def test_a_host_that_is_none(host: str) -> None:
    assert (await reason_of(connecting((host, 4001), Desk()))).reason.startswith(f"cannot connect to {host}:4001: ")
    refusal = await reason_of(listening((host, 4001), Desk()))
    assert isinstance(refusal, LinkRefused)
    assert refusal.reason.startswith(f"cannot listen on {host}:4001: ")


async def test_a_scanner_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as others:
        for _ in range(2):  # a full backlog lets the kernel drop what comes next
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(server.getsockname())
        down = await reason_of(connecting(server.getsockname(), Desk()))
    assert down.reason.endswith("within 0.2 s")


async def test_a_port_in_use_is_refused_by_name(free_address: Address) -> None:
    host, port = free_address
    desk = Desk()
    async with kept(listening(free_address, desk), desk):
        refusal = await reason_of(listening(free_address, Desk()))
    assert isinstance(refusal, LinkRefused)
    assert refusal.reason.startswith(f"port {port} on {host} is in use by another program")


async def test_an_address_of_another_machine_is_refused() -> None:
    refusal = await reason_of(listening(("192.0.2.1", 4001), Desk()))
    assert isinstance(refusal, LinkRefused)
    assert refusal.reason == "this machine has no address 192.0.2.1"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel counts keepalive in whole seconds: ask after one, give up after two."""
    monkeypatch.setattr(tcp, "KEEPALIVE_IDLE_S", 1)
    monkeypatch.setattr(tcp, "KEEPALIVE_EVERY_S", 1)
    monkeypatch.setattr(tcp, "VANISHED_S", 2)


@pytest.mark.usefixtures("_impatient")
async def test_a_scanner_behind_a_cut_cable_is_noticed(scanner: TcpScannerServer) -> None:
    desk = Desk()
    async with kept(connecting(scanner.address, desk), desk):
        scanner.cut_cable()
        down = await desk.state("down")
        assert down.reason == f"connection at {scanner.place} broken: Connection timed out"
        await desk.state("up")
        scanner.scan("A1")
        assert await desk.text() == "A1"


@pytest.mark.usefixtures("_impatient")
async def test_a_client_behind_a_cut_cable_is_let_go(address: Address) -> None:
    desk = Desk()
    async with kept(listening(address, desk), desk):
        with TcpScannerClient(address) as scanner:
            await counted(desk, "connections", 1)
            scanner.cut_cable()
            await counted(desk, "connections_broken", 1)


async def test_a_reset_costs_a_client_only_itself(address: Address) -> None:
    desk = Desk()
    async with kept(listening(address, desk), desk):
        with TcpScannerClient(address) as scanner, socket.create_connection(address) as rude:
            rude.sendall(b"half")
            await counted(desk, "connections", 2)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            rude.close()
            await counted(desk, "connections_broken", 1)
            scanner.scan("A1")
            assert await desk.text() == "A1"
    assert desk.counters.get("gate-1", "unterminated") == 1


@asynccontextmanager
async def flood(address: Address, data: bytes) -> AsyncIterator[None]:
    """Send `data` over and over, without ever reading."""

    async def pour() -> None:
        _, writer = await asyncio.open_connection(*address)
        try:
            while True:
                writer.write(data)
                await writer.drain()
        finally:
            writer.transport.abort()

    pouring = asyncio.create_task(pour())
    try:
        yield
    finally:
        assert pouring.cancel(), "the flood ended by itself"
        await asyncio.gather(pouring, return_exceptions=True)


@pytest.mark.parametrize("data", [b"x" * 65536, b"\r\n" * 32768, b"\xff\r" * 32768, b"\x02" * 65536])
async def test_a_flood_of_garbage_does_not_keep_a_scanner_waiting(address: Address, data: bytes) -> None:
    desk = Desk()
    async with kept(listening(address, desk), desk):
        async with flood(address, data):
            with TcpScannerClient(address) as scanner:
                for n in range(20):
                    scanner.scan(f"A{n}")
                    assert await asyncio.wait_for(desk.text(), 1) == f"A{n}"


async def test_connections_are_few_and_a_scanner_at_work_keeps_its_own(address: Address) -> None:
    desk = Desk()
    async with kept(listening(address, desk), desk):
        with TcpScannerClient(address) as scanner, ExitStack() as strangers:
            scanner.scan("A1")
            assert await desk.text() == "A1"
            for n in range(100):
                strangers.enter_context(socket.create_connection(address))
                await counted(desk, "connections", n + 2)
            assert len(connections_at(address)) == MAX_CLIENTS
            scanner.scan("A2")
            assert await desk.text() == "A2"
            scanner.replug()
            scanner.scan("A3")
            assert await desk.text() == "A3"
    one_more = desk.counters.get("gate-1", "connections_evicted") - (101 - MAX_CLIENTS)
    assert one_more in (0, 1)  # when the end of the scanner's first connection is seen after its second has come
    assert connections_at(address) == []


async def test_a_host_with_many_connections_pushes_out_its_own(address: Address) -> None:
    desk = Desk()
    async with kept(listening(address, desk), desk):
        with TcpScannerClient(address) as scanner, ExitStack() as strangers:
            await counted(desk, "connections", 1)  # has not scanned yet
            for n in range(2 * MAX_CLIENTS):
                strangers.enter_context(socket.create_connection(address, source_address=("127.0.0.2", 0)))
                await counted(desk, "connections", n + 2)
            scanner.scan("A1")
            assert await desk.text() == "A1"


async def test_strangers_who_scan_do_not_push_out_who_began_before_them(address: Address) -> None:
    """A stranger has as many addresses as the network has."""
    desk = Desk()
    async with kept(listening(address, desk), desk):
        with TcpScannerClient(address) as scanner, ExitStack() as strangers:
            scanner.scan("A1")
            assert await desk.text() == "A1"
            for n in range(2, 2 + 2 * MAX_CLIENTS):
                stranger = socket.create_connection(address, source_address=(f"127.0.0.{n}", 0))
                strangers.enter_context(stranger).sendall(b"forged\r")
                assert await desk.text() == "forged"
            scanner.scan("A2")
            assert await desk.text() == "A2"
    assert desk.counters.get("gate-1", "connections_evicted") == 1 + MAX_CLIENTS


async def test_a_known_host_that_comes_back_is_let_in(address: Address) -> None:
    """And is not the first to go for the next stranger, although it has not scanned again yet."""
    desk = Desk()
    async with kept(listening(address, desk), desk):
        with ExitStack() as strangers:
            with TcpScannerClient(address) as scanner:
                scanner.scan("A1")
                assert await desk.text() == "A1"
            for n in range(MAX_CLIENTS):
                strangers.enter_context(socket.create_connection(address, source_address=(f"127.0.0.{n + 2}", 0)))
                await counted(desk, "connections", n + 2)
            with TcpScannerClient(address) as scanner:
                await counted(desk, "connections", MAX_CLIENTS + 2)
                for n in range(MAX_CLIENTS):
                    strangers.enter_context(socket.create_connection(address, source_address=(f"127.0.0.{n + 99}", 0)))
                    await counted(desk, "connections", MAX_CLIENTS + 3 + n)
                scanner.scan("A2")
                assert await desk.text() == "A2"


@pytest.mark.parametrize(
    ("networks", "is_let_in"),
    [(("127.0.0.0/30",), True), (("10.0.0.0/8", "127.0.0.1"), True), (("127.0.0.2", "::1"), False)],
)
async def test_from_says_who_may_connect(address: Address, networks: tuple[str, ...], is_let_in: bool) -> None:
    desk = Desk()
    async with kept(listening(address, desk, *networks), desk):
        with socket.create_connection(address) as client:
            await counted(desk, "connections" if is_let_in else "connections_refused", 1)
            if is_let_in:
                client.sendall(b"A1\r")
                assert await desk.text() == "A1"
    assert desk.counters.get("gate-1", "connections") == int(is_let_in)


async def test_a_flood_of_scans_is_read_slowly_and_loses_nothing(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "READ_BYTES", 40)
    desk = Desk()
    async with kept(listening(address, desk), desk):
        with socket.create_connection(address) as client, TcpScannerClient(("127.0.0.1", address[1])) as scanner:
            began_t = desk.now()
            client.sendall(b"".join(b"%07d\r" % n for n in range(150)))
            scanner.scan("patient")
            texts = [await desk.text() for _ in range(151)]
            assert desk.now() - began_t > 1.2
    assert "patient" in texts[:20]
    texts.remove("patient")
    assert texts == [f"{n:07d}" for n in range(150)]


async def test_connections_waiting_for_room_can_be_pushed_out(address: Address) -> None:
    desk = Desk()
    desk.open.clear()
    async with kept(listening(address, desk), desk):
        with ExitStack() as strangers:
            for n in range(2 * MAX_CLIENTS):
                strangers.enter_context(socket.create_connection(address)).sendall(b"A1\r")
                await counted(desk, "scans", n + 1)
            assert len(connections_at(address)) == MAX_CLIENTS


async def test_without_room_a_connection_is_not_read(scanner: TcpScannerServer) -> None:
    desk = Desk()
    async with kept(connecting(scanner.address, desk), desk):
        desk.open.clear()
        scanner.scan("A1")
        assert await desk.text() == "A1"
        with pytest.raises(TimeoutError):  # TCP stops the sender
            await asyncio.to_thread(scanner.send, b"B2\r" * 5_000_000)
        assert desk.scans.empty()
        desk.open.set()
        assert await desk.text() == "B2"


def connections_at(address: Address) -> list[str]:
    """What the kernel has connected to a listening IPv4 address; proc_pid_net(5)."""
    local = f"{int.from_bytes(socket.inet_aton(address[0]), sys.byteorder):08X}:{address[1]:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[2] for row in rows if row[1] == local and row[3] == "01"]
