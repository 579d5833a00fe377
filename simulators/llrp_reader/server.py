"""The reader on the network: it listens, admits one client at a time, and lets tests wait for what happens."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType

from simulators.llrp_reader.codec import Message, parameter
from simulators.llrp_reader.conversation import (
    ANOTHER_CLIENT_TRIED,
    GREETING_CLIENT_EXISTS,
    GREETING_OK,
    Conversation,
)
from simulators.llrp_reader.faults import Faults, Garbage
from simulators.llrp_reader.link import Link, make_garbage
from simulators.llrp_reader.load import generate
from simulators.llrp_reader.outbox import Item
from simulators.llrp_reader.reader import REPORT, Reader

LOG_LIMIT = 10_000


class SimReader(Reader):
    """An LLRP reader that can be connected to.

    async with SimReader(name="dock-1", antennas=4) as reader:
        ...connect to reader.host, reader.port...
        await reader.wait_reading(5)
        reader.see("3074257bf7194e4000001a85", antenna=1, rssi_dbm=-52.5)

    personality   impinj, plain, bare or zeros: see `capabilities`
    port          0 = a free one, kept for the reader's life
    tls           a server-side context: LLRP over TLS
    rate_hz       made-up reads a second over `tags` tags, on the antennas that read; 0 = only what `see` says
    """

    def __init__(
        self,
        name: str = "reader-1",
        antennas: int = 4,
        personality: str = "impinj",
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        rate_hz: float = 0.0,
        tags: int = 50,
    ) -> None:
        super().__init__(name, antennas, personality, faults or Faults())
        self.host = host
        self.port = port
        self.log: deque[Message] = deque(maxlen=LOG_LIMIT)  # what clients sent, oldest first
        self.heard: Counter[str] = Counter()  # the same, counted by name
        self.connections = 0  # clients admitted
        self.refused_connections = 0
        self._tls = tls
        self._rate_hz = rate_hz
        self._tags = tags
        self._server: asyncio.Server | None = None
        self._load: asyncio.Task[None] | None = None
        self._talks: dict[Link, Conversation] = {}
        self._link: Link | None = None
        self._stuck_until = 0.0
        self._eof_next = False
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    # -- life -------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> SimReader:
        await self.listen()
        if self._rate_hz:
            self._load = asyncio.create_task(self._traffic())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._load is not None:
            self._load.cancel()
            await asyncio.gather(self._load, return_exceptions=True)
        self.sleep()
        await self.stop_listening()

    def _traffic(self) -> Coroutine[None, None, None]:
        return generate(self.see, lambda: self.reading_antennas, self._rate_hz, self._tags)

    def pause(self) -> None:
        """No more made-up traffic; what `see` says still counts."""
        if self._load is not None:
            self._load.cancel()

    async def listen(self) -> None:
        """Accept clients, on the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Link(self), self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop_listening(self) -> None:
        """Refuse connections and drop the one there is. Everything else goes on: reads are held."""
        if self._server is None:
            return
        self._server.close()
        for link in list(self._talks):
            link.reset()
        await self._server.wait_closed()
        self._server = None
        await self.wait_until(lambda: not self._talks)

    async def reboot(self, off_s: float = 0.0) -> None:
        """A power cut of off_s: the link drops, ROSpecs, settings and held reports are forgotten."""
        await self.stop_listening()
        self.forget()
        await asyncio.sleep(off_s)
        await self.listen()

    def drop_link(self) -> None:
        """Reset the client's connection."""
        if self._link is not None:
            self._link.reset()

    def close_link(self) -> None:
        """End the connection from the reader's side as the standard wants: ConnectionCloseEvent, then close."""
        if self._link is not None:
            self._talks[self._link].tell(parameter("ConnectionCloseEvent"))
            self._link.finish()

    def inject(self, what: Garbage | bytes) -> None:
        """Put garbage, or these bytes, into the stream now."""
        if self._link is not None:
            self._link.inject(make_garbage(what) if isinstance(what, Garbage) else what)

    def counters(self) -> dict[str, int | str]:
        """Everything counted, by name."""
        return {
            "name": self.name,
            "connections": self.connections,
            "refused_connections": self.refused_connections,
            "reads_seen": self.reads_seen,
            "reads_reported": self.reads_reported,
            "reads_in_reports": self.reads_in_reports,
            "reads_discarded": self.reads_discarded,
            "reads_lost": self.reads_lost,
            "reads_waiting": self.reads_waiting,
            "reports_sent": self.reports_sent,
            "held": self.held,
            "keepalives_sent": self.keepalives_sent,
        }

    # -- waiting ----------------------------------------------------------------------------------------------

    @property
    def has_client(self) -> bool:
        return self._link is not None

    async def wait_until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Until the condition holds; it is asked again after every message, report and change. TimeoutError."""
        if condition():
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((condition, future))
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            raise TimeoutError(f"{self.name}: not within {timeout_s} s; heard {dict(self.heard)}") from None
        finally:
            self._waiting = [waiter for waiter in self._waiting if waiter[1] is not future]

    async def wait_for(self, message: str, timeout_s: float = 5.0, times: int = 1) -> Message:
        """Until clients sent the message so often in all; the newest one. TimeoutError."""
        await self.wait_until(lambda: self.heard[message] >= times, timeout_s)
        return next(one for one in reversed(self.log) if one.name == message)

    async def wait_reading(self, timeout_s: float = 5.0) -> None:
        """Until a client is connected and a ROSpec is active. TimeoutError."""
        await self.wait_until(lambda: self.has_client and self.active, timeout_s)

    def changed(self) -> None:
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)

    # -- Host of links ----------------------------------------------------------------------------------------

    def connected(self, link: Link) -> None:
        if self._eof_next:
            self._eof_next = False
            link.finish()
            return
        talk = Conversation(self, link, self._note)
        self._talks[link] = talk
        if self._link is not None or time.monotonic() < self._stuck_until:
            self._turn_away(link, talk)
            return
        self.connections += 1
        self._link, self.client = link, talk
        if not self.faults.no_greeting:
            talk.greet(GREETING_OK)
        self.flush()
        self.changed()

    def _turn_away(self, link: Link, talk: Conversation) -> None:
        self.refused_connections += 1
        talk.greet(GREETING_CLIENT_EXISTS)
        link.finish()
        if self._link is not None:
            self._talks[self._link].tell(parameter("ConnectionAttemptEvent", Status=ANOTHER_CLIENT_TRIED))

    def received(self, link: Link, data: bytes) -> None:
        if link is self._link and not self.faults.silence:
            self._talks[link].receive(data)

    def writable(self, link: Link) -> None:
        if link is self._link:
            self.flush()

    def sent(self, item: Item) -> None:
        self.reads_reported += item.entries
        self.reads_in_reports += item.reads
        self.reports_sent += item.number == REPORT
        self.changed()

    def unsent(self, items: Sequence[Item]) -> None:
        self.outbox.put_back(items)

    def disconnected(self, link: Link) -> None:
        talk = self._talks.pop(link, None)
        if link is self._link and talk is not None:
            self._link = self.client = None
            self._eof_next = talk.polite_end and self.faults.eof_after_close
            if not talk.polite_end:
                self._stuck_until = time.monotonic() + self.faults.stuck_s
        self.changed()

    def _note(self, message: Message) -> None:
        self.log.append(message)
        self.heard[message.name] += 1
        self.changed()
