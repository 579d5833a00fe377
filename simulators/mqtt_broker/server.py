"""The broker as a whole: listens, owns the state of all clients, and lets tests break things at run time.

async with Broker() as broker:
    ...  # clients connect to 127.0.0.1, broker.port
    broker.faults.drop_puback_every = 3
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from simulators.mqtt_broker.client import Client
from simulators.mqtt_broker.faults import Faults
from simulators.mqtt_broker.link import Hub
from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.router import Router
from simulators.mqtt_broker.session import Limits, Session


class Broker:
    """An MQTT 5 and 3.1.1 broker in this event loop. `port` 0 = any free one; `users` None = everybody.

    State is kept from `stop` to the next `start`, which listens on the same port.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults | None = None,
        limits: Limits | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.faults = faults or Faults()
        limits = limits or Limits()
        self._hub = Hub(Router(limits), self.faults, limits, users)
        self._server: asyncio.Server | None = None

    @property
    def counts(self) -> Counter[str]:
        """What happened so far: connects, publishes, malformed, pubacks_dropped and others."""
        return self._hub.counts

    @property
    def sessions(self) -> Mapping[str, Session]:
        """Sessions by client identifier, of connected and of absent clients."""
        return self._hub.router.sessions

    @property
    def clients(self) -> frozenset[str]:
        """Identifiers of the clients that are connected."""
        return frozenset(self._hub.clients)

    @property
    def unsent_bytes(self) -> int:
        """Bytes that were handed to sockets and that clients have not taken yet."""
        return sum(link.unsent_bytes for link in self._hub.links)

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self._hub), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take leave of every client and stop listening."""
        if self._server is None:
            return
        self._server.close()
        for link in list(self._hub.links):
            link.end(Reason.SERVER_SHUTTING_DOWN)
            link.abort()
        if self._hub.links:
            await self._hub.nobody.wait()
        await self._server.wait_closed()
        self._hub.stop_waiting()
        self._server = None

    def freeze(self) -> None:
        """Fall silent: connections stay open and new ones are accepted, but nothing is read, written or timed."""
        self._hub.freeze()

    def thaw(self) -> None:
        """Go on where `freeze` stopped."""
        self._hub.thaw()

    def cut(self) -> None:
        """Cut every connection at once, without a word."""
        for link in list(self._hub.links):
            link.abort()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
