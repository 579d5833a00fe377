"""One LLRP reader over TCP: the thin shell around `edgegw.core.llrp.session`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol

from edgegw import net
from edgegw.config.model import TlsChoice
from edgegw.core.counters import Counters
from edgegw.core.llrp import session as conversation
from edgegw.core.llrp.messages import Capabilities, ReaderEvent
from edgegw.core.llrp.reads import ReadMaker
from edgegw.core.llrp.rospec import ReaderSettings
from edgegw.core.llrp.session import Event, Output, Phase, Reading, Session, Stamp, Tags
from edgegw.core.model import TagRead
from edgegw.errors import LinkDown, LinkRefused
from edgegw.sources.sllurp_codec import SllurpCodec
from edgegw.tls import UnusableFileError, server_name, tls_context

CONNECT_S = 5.0
WRITE_S = 5.0
LEAVE_S = 4.0
TURN_BYTES = 1 << 13
TURN_TAGS = 128
"""A reader that talks without a pause gets so much done in one turn; then the others have theirs."""


class TagSink(Protocol):
    """Who takes tag reads, and the events that say what may have been read."""

    def tags(self, reads: list[TagRead]) -> None: ...

    def event(self, reader: str, event: ReaderEvent, t: float) -> None:
        """`t` on the gateway's timeline."""

    async def room(self) -> None:
        """Returns when more reads may come: the journal's back-pressure, passed on to the reader by TCP."""


class ReaderWatch(Protocol):
    """Who cares how readers feel."""

    def reading(self, reader: str, capabilities: Capabilities, missing: tuple[str, ...]) -> None: ...

    def reader_event(self, reader: str, event: ReaderEvent) -> None: ...


class LlrpLink:
    """`supervise.Link` of one reader. Cancellation leaves the reader clean: no ROSpec, connection closed."""

    def __init__(
        self,
        settings: ReaderSettings,
        address: tuple[str, int],
        tls: TlsChoice,
        sink: TagSink,
        watch: ReaderWatch,
        counters: Counters,
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._address = address
        self._tls = tls
        self._sink = sink
        self._watch = watch
        self._counters = counters
        self._now = now
        self._reads = ReadMaker(settings.name, settings.late_after_s, counters)
        self._untaken: deque[Output] = deque()
        self._stamped_t: float | None = None

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def clock_offset_s(self) -> float | None:
        """Gateway time minus reader time; None until measured."""
        return self._reads.offset_s

    async def run(self, up: Callable[[], None]) -> None:
        reader, writer = await self._connect()
        session = Session(self._settings, SllurpCodec(), self._counters, self._now())
        self._reads.reset()
        try:
            await self._serve(session, reader, writer, up)
        except asyncio.CancelledError:
            await self._leave(session, reader, writer)
            raise
        except OSError as error:
            raise LinkDown(self.name, f"the connection broke: {error}") from None
        finally:
            writer.transport.abort()
            self._untaken += session.outputs()
            self._take_all()

    # ------------------------------------------------------------ connection

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._address
        try:
            tls = tls_context(self._tls)
            async with asyncio.timeout(CONNECT_S):
                sock = await net.connect(host, port, CONNECT_S)
                _tune(sock)
                return await asyncio.open_connection(sock=sock, ssl=tls, server_hostname=server_name(self._tls, host))
        except UnusableFileError as error:
            raise LinkRefused(self.name, str(error)) from None
        except (OSError, UnicodeError) as error:
            raise LinkDown(self.name, f"{host}:{port}: {_why_not_connected(error)}") from None

    async def _serve(
        self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: Callable[[], None]
    ) -> None:
        while session.phase is not Phase.CLOSED:
            if not self._untaken:
                await self._exchange(session, reader, writer)
            self._take_turn(up)
            await self._sink.room()
            await asyncio.sleep(0)

    async def _exchange(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wait for bytes or the session's deadline, whichever is first; send what the session has to say."""
        data = await self._hear(reader, session.deadline)
        if data == b"":
            raise LinkDown(self.name, _why_closed(session.phase))
        if data:
            self._untaken += session.receive(data, self._now())
        if self._now() >= session.deadline:  # a reader that talks all the time must keep its deadlines too
            self._untaken += session.tick(self._now())
        if answer := session.outgoing():
            writer.write(answer)
            await self._drain(writer)

    async def _hear(self, reader: asyncio.StreamReader, deadline: float) -> bytes | None:
        """What came until `deadline`; None = nothing. After a pause of our own, what waits was in time."""
        for patience_s in (max(0.0, deadline - self._now()), 0.0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    return await reader.read(TURN_BYTES)
        return None

    async def _drain(self, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(WRITE_S):
                await writer.drain()
        except TimeoutError:
            raise LinkDown(self.name, f"the reader takes no data for {WRITE_S:g} s") from None

    async def _leave(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stop and delete the ROSpec and say goodbye, within LEAVE_S; reads that still arrive are taken."""
        session.stop(self._now())
        writer.write(session.outgoing())
        try:
            async with asyncio.timeout(LEAVE_S):
                while session.phase is not Phase.CLOSED:
                    await self._exchange(session, reader, writer)
                    self._take_all()
        except (LinkDown, OSError, TimeoutError):
            if session.phase is not Phase.CLOSING:  # else it hung up instead of saying goodbye
                self._counters.add(self.name, "left_unclean")

    # ------------------------------------------------------------ what the reader says

    def _take_turn(self, up: Callable[[], None]) -> None:
        """Take some of what was said."""
        tags = 0
        while self._untaken and tags < TURN_TAGS:
            output = self._untaken.popleft()
            tags += output.tags if isinstance(output, Tags) else 0
            self._take(output, up)

    def _take_all(self) -> None:
        """Take what is left when the conversation is over or ends."""
        while self._untaken:
            self._take_turn(_nothing)

    def _take(self, output: Output, up: Callable[[], None]) -> None:
        match output:
            case Tags(batches):
                self._stamped_t = None
                self._sink.tags(self._reads.reads(batches, self._now()))
            case Stamp(utc_us, uptime_us):
                self._stamped_t = self._reads.stamped_t(utc_us, uptime_us, self._now())
            case Event(event):
                self._sink.event(self.name, event, self._now() if self._stamped_t is None else self._stamped_t)
                self._watch.reader_event(self.name, event)
            case Reading(capabilities, missing):
                self._stamped_t = None
                up()
                self._watch.reading(self.name, capabilities, missing)


def _nothing() -> None:
    """`up` while leaving."""


def _why_not_connected(error: OSError | UnicodeError) -> str:
    match error:
        case ConnectionRefusedError():
            return (
                "connection refused: is the reader's LLRP service on? "
                "(Impinj firmware from 8.2 ships with its IoT interface instead)"
            )
        case TimeoutError():
            return f"no answer within {CONNECT_S:g} s: check address, cable and power"
        case ssl.SSLCertVerificationError():
            return f"the reader's certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or error}"
        case socket.gaierror() | UnicodeError():
            return "this name is not known to the DNS"
        case _:
            return error.strerror or str(error)


def _why_closed(phase: conversation.Phase) -> str:
    if phase is Phase.GREETING:
        return "the reader closed the connection without a greeting: another client may hold it"
    return "the reader closed the connection"


def _tune(sock: socket.socket) -> None:
    """Notice dead peers below the protocol too."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)
