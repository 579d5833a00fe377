"""The link to the broker: which version it speaks, what runs on each connection, how it is left.

MQTT 5 comes first, because only its acknowledgements say that a message was denied or went to nobody. 3.1.1 is
for brokers that have nothing newer; there, what the broker throws away counts as published.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from edgegw.config.model import Mqtt
from edgegw.errors import LinkDown
from edgegw.publish.mqtt import Connection, Dropped, Silence, Unspoken, Version
from edgegw.publish.stream import LINK

SOON_S: Final = 60.0  # a connection that the broker drops within this was a short one


class MqttLink:
    """The link to the broker, for the supervisor to keep. `services` run side by side on each connection.

    `offline` is a topic and a document that the broker publishes, retained, when the link breaks (Last Will);
    `farewell` makes the one that the link itself publishes before it is stopped. The password is a string, read
    by the caller.
    """

    name: Final = LINK

    def __init__(
        self,
        settings: Mqtt,
        *,
        client_id: str,
        password: str | None,
        offline: tuple[str, bytes],
        farewell: Callable[[], tuple[str, bytes]],
        services: Sequence[Callable[[Connection], Awaitable[None]]],
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._password = password
        self._offline = offline
        self._farewell = farewell
        self._services = tuple(services)
        self._protocol: Version | None = None if settings.protocol == "auto" else settings.protocol
        self._drops = 0  # short connections in a row that the broker dropped
        self.connection: Connection | None = None

    async def run(self, up: Callable[[], None]) -> None:
        """Connect, `up()`, serve until the connection is lost (raises) or this is cancelled (says goodbye)."""
        connection = await self._connect()
        start_s = asyncio.get_running_loop().time()
        try:
            self.connection = connection
            up()
            await self._serve(connection)
        except Dropped as dropped:
            raise self._suspect_clone(dropped, asyncio.get_running_loop().time() - start_s) from None
        except asyncio.CancelledError:
            await connection.close(self._farewell())
            raise
        finally:
            self.connection = None
            await connection.abort()

    async def _serve(self, connection: Connection) -> None:
        """Raises what ends the connection or a service first."""
        works = [connection.lost(), *(service(connection) for service in self._services)]
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _suspect_clone(self, dropped: Dropped, lasted_s: float) -> LinkDown:
        """Name what MQTT 3.1.1 cannot say and Mosquitto 2.0 does not: two clients take turns."""
        self._drops = self._drops + 1 if lasted_s < SOON_S else 0
        if self._drops < 2:
            return dropped
        question = f"does another client use the client id '{self._client_id}'? Give each its own mqtt.client_id"
        return LinkDown(LINK, f"{dropped.reason}, soon after accepting it, {self._drops} times now: {question}")

    async def _connect(self) -> Connection:
        """MQTT 5, or 3.1.1 for a broker that has nothing newer; that is remembered.

        A broker that says so is believed. One that just closes the connection may as well be starting up:
        it lacks MQTT 5 if it then accepts 3.1.1 and closes on 5 once more.
        """
        if self._protocol is not None:
            return await self._dial(self._protocol)
        try:
            return await self._dial("5")
        except Unspoken:
            pass
        except Silence:
            await (await self._dial("3.1.1")).close()
            with contextlib.suppress(Silence):
                return await self._dial("5")
        self._protocol = "3.1.1"
        return await self._dial("3.1.1")

    async def _dial(self, protocol: Version) -> Connection:
        connection = Connection(
            self._settings,
            protocol,
            client_id=self._client_id,
            password=self._password,
            offline=self._offline,
        )
        await connection.open()
        return connection
