"""Fixed barcode scanners over TCP: we connect to the scanner, or it connects to us.

Each connection has a framer of its own, so half a scan of one never meets the other half of another. A scanner
may be silent for hours; TCP keepalive asks whether it is still there, and a peer that vanished without a word
is given up after `VANISHED_S`. Scans that come faster than anybody can move goods are read more slowly, and TCP holds
their sender back: nothing is lost, and the journal does not fill with a flood.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from edgegw import net
from edgegw.errors import LinkDown, LinkRefused
from edgegw.sources.intake import Intake

READ_BYTES = 4096
CONNECT_S = 5.0
KEEPALIVE_IDLE_S = 10
KEEPALIVE_EVERY_S = 5
VANISHED_S = 25
MAX_CLIENTS = 16
SCANS_PER_S = 100
"""Of one scanner, over all of its connections. A fast belt brings ten."""
KNOWN_HOSTS = 64


class TcpScanner:
    """What both roles share: bytes of a connection to scans. `address` is host (or IP) and port."""

    def __init__(self, address: tuple[str, int], intake: Intake) -> None:
        self._host, self._port = address
        self._intake = intake
        self._pausing = 0  # connections that wait for their next turn

    @property
    def name(self) -> str:
        return self._intake.name

    @property
    def address(self) -> str:
        """For sentences: `10.0.0.30:4001`, `[::1]:4001`."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, scanned: Callable[[], None] = lambda: None
    ) -> None:
        """Hand over scans until the peer closes; raises LinkDown when the connection breaks."""
        framer = self._intake.framer()
        try:
            _ask_for_life(writer)
            while data := await self._receive(reader):
                if scans := await self._intake.take(data, framer):
                    scanned()
                    await self._pause(scans)
                    framer.resume(self._intake.now())
                await asyncio.sleep(0)  # neither wait need give way: a flood must not starve the other links
        finally:
            framer.end()
            writer.transport.abort()

    async def _pause(self, scans: int) -> None:
        """As long as so many scans take at `SCANS_PER_S`, which connections share: who says little waits little."""
        self._pausing += 1
        try:
            await asyncio.sleep(scans * self._pausing / SCANS_PER_S)
        finally:
            self._pausing -= 1

    async def _receive(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(READ_BYTES)
        except OSError as error:
            raise LinkDown(self.name, f"connection at {self.address} broken: {_reason(error)}") from error


class ConnectingScanner(TcpScanner):
    """A link (see `supervise.Link`) to a scanner that listens."""

    async def run(self, up: Callable[[], None]) -> None:
        """Connect and read until the connection ends, which raises LinkDown."""
        reader, writer = await self._connect()
        up()
        await self._read(reader, writer)
        raise LinkDown(self.name, f"{self.address} closed the connection")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            connection = await net.connect(self._host, self._port, CONNECT_S)
            return await asyncio.open_connection(sock=connection, limit=READ_BYTES)
        except TimeoutError as error:
            raise LinkDown(self.name, f"no answer from {self.address} within {CONNECT_S:g} s") from error
        except (OSError, UnicodeError) as error:
            raise LinkDown(self.name, f"cannot connect to {self.address}: {_reason(error)}") from error


class ListeningScanner(TcpScanner):
    """A link (see `supervise.Link`) that scanners connect to; up while it listens.

    networks: from where, as `10.0.0.0/24` or `10.0.0.31`; none: from anywhere. Others are closed at once.
    """

    def __init__(self, address: tuple[str, int], intake: Intake, networks: Sequence[str] = ()) -> None:
        super().__init__(address, intake)
        self._hosts = _Hosts(networks)

    async def run(self, up: Callable[[], None]) -> None:
        """Serve for ever; raises LinkRefused when this machine does not let us listen there."""
        async with asyncio.TaskGroup() as group:
            refusal = await self._listen(_Clients(group, self._hosts, self._serve, self._count), up)
        raise refusal

    async def _listen(self, clients: _Clients, up: Callable[[], None]) -> LinkRefused:
        """Returns the refusal, because what is raised leaves the group wrapped in an ExceptionGroup."""
        try:
            server = await asyncio.start_server(clients.admit, self._host, self._port, limit=READ_BYTES)
        except (OSError, UnicodeError) as error:
            return LinkRefused(self.name, self._cannot_listen(error))
        up()
        forever: asyncio.Future[LinkRefused] = asyncio.get_running_loop().create_future()
        try:
            return await forever
        finally:
            server.close()
            clients.close()

    def _cannot_listen(self, error: OSError | UnicodeError) -> str:
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE:
            return f"port {self._port} on {self._host} is in use by another program (`ss -ltnp` names it)"
        if number == errno.EADDRNOTAVAIL:
            return f"this machine has no address {self._host}"
        return f"cannot listen on {self.address}: {_reason(error)}"

    async def _serve(self, client: _Client) -> None:
        def scanned() -> None:
            client.last_scan_t = self._intake.now()
            self._hosts.know(client.host)

        self._count("connections")
        try:
            await self._read(client.reader, client.writer, scanned)
        except LinkDown:
            self._count("connections_broken")

    def _count(self, what: str) -> None:
        self._intake.counters.add(self.name, what)


@dataclass(eq=False, slots=True)
class _Client:
    """One connection to a listening scanner; `last_scan_t` 0 = it has not scanned yet."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str
    last_scan_t: float = 0.0


class _Hosts:
    """Which hosts may connect, and which have scanned since the start: the first `KNOWN_HOSTS`, in order."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ip_network(network) for network in networks]
        self._known: dict[str, int] = {}

    def may_come(self, host: str) -> bool:
        return not self._networks or any(ip_address(host) in network for network in self._networks)

    def know(self, host: str) -> None:
        """It has scanned."""
        if len(self._known) < KNOWN_HOSTS:
            self._known.setdefault(host, len(self._known))

    def rank(self, host: str) -> int:
        """0 = the first that has scanned."""
        return self._known.get(host, KNOWN_HOSTS)


class _Clients:
    """The connections to one listening scanner: the scanner, its unfinished predecessors, and strangers.

    When `MAX_CLIENTS` are there, one has to go for the next: of the newcomer's own host, if that has any, the one whose
    last scan is the oldest; else the newest of a host that has never scanned, or that began to scan last. So a host
    that opens many connections pushes out its own, and whoever came after the scanner never pushes it out.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        hosts: _Hosts,
        serve: Callable[[_Client], Coroutine[None, None, None]],
        count: Callable[[str], None],
    ) -> None:
        self._group = group
        self._hosts = hosts
        self._serve = serve
        self._count = count
        self._tasks: dict[_Client, asyncio.Task[None]] = {}
        self._closed = False

    def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new connection: asyncio's `client_connected_cb`."""
        if self._closed:
            writer.transport.abort()
            return
        host = writer.get_extra_info("peername")[0]
        if not self._hosts.may_come(host):
            writer.transport.abort()
            self._count("connections_refused")
            return
        if len(self._tasks) >= MAX_CLIENTS:
            self._evict(host)
        client = _Client(reader, writer, host)
        task = self._group.create_task(self._serve(client))
        task.add_done_callback(lambda _: self._forget(client))
        self._tasks[client] = task

    def close(self) -> None:
        """No more connections; the group ends those that are there."""
        self._closed = True

    def _evict(self, host: str) -> None:
        own = [client for client in self._tasks if client.host == host]
        if own:
            leaving = min(own, key=lambda client: client.last_scan_t)
        else:
            leaving = max(reversed(self._tasks), key=lambda client: self._hosts.rank(client.host))
        self._tasks.pop(leaving).cancel()
        self._count("connections_evicted")

    def _forget(self, client: _Client) -> None:
        """Runs even for a task that was cancelled before its first step, whose `finally` never does."""
        self._tasks.pop(client, None)
        client.writer.transport.abort()


def _ask_for_life(writer: asyncio.StreamWriter) -> None:
    """TCP keepalive, tcp(7). TCP_USER_TIMEOUT takes the place of a number of probes."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_S * 1000)


def _reason(error: OSError | UnicodeError) -> str:
    """The system's words; asyncio replaces them with less."""
    if isinstance(error, UnicodeError):
        return "not a host name"
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)
