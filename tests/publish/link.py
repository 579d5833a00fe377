"""Short ways to a running MqttLink."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from edgegw.config.model import Mqtt
from edgegw.errors import LinkDown
from edgegw.publish.answers import Answer
from edgegw.publish.link import MqttLink
from edgegw.publish.mqtt import Connection

STATUS = "edgegw/v1/dc-1/gw/status"
EVENT = "edgegw/v1/dc-1/gw/evt/movement"
OFFLINE = (STATUS, b'{"online":false}')


def mqtt(port: int, **more: object) -> Mqtt:
    return Mqtt.model_validate({"host": "127.0.0.1", "port": port, **more})


def make_link(
    settings: Mqtt,
    services: Sequence[Callable[[Connection], Awaitable[None]]] = (),
    *,
    client_id: str = "edgegw-dc-1-gw",
    password: str | None = None,
) -> MqttLink:
    return MqttLink(
        settings,
        client_id=client_id,
        password=password,
        offline=OFFLINE,
        farewell=lambda: OFFLINE,
        services=services,
    )


@asynccontextmanager
async def linked(link: MqttLink) -> AsyncIterator[Connection]:
    """Run `link` until the block ends or it is lost, then stop it. Raises what it raises instead of coming up."""
    up = asyncio.Event()
    task = asyncio.create_task(link.run(up.set))
    waiting = asyncio.create_task(up.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        connection = link.connection
        assert connection is not None
        yield connection
    finally:
        waiting.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError, LinkDown):
            await task


async def fails(link: MqttLink, timeout_s: float = 15.0) -> None:
    """Run the link for its error."""
    async with asyncio.timeout(timeout_s):
        await link.run(lambda: None)


async def publish(connection: Connection, topic: str, payload: bytes, *, retain: bool = False) -> Answer:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    await connection.room()
    connection.publish(topic, payload, answer.set_result, retain=retain)
    return await asyncio.wait_for(answer, 10)
