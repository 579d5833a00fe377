"""A foreign subscriber: paho on its own thread, reconnecting by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion


class Heard(NamedTuple):
    topic: str
    payload: bytes
    retain: bool


class Listener:
    """Subscribes with QoS 0, so that Mosquitto hands each message on before it acknowledges it to the publisher."""

    def __init__(self, port: int, topic: str = "#") -> None:
        self.heard: list[Heard] = []
        self.content_types: dict[str, set[str]] = {}  # by topic
        self._port = port
        self._topic = topic
        self._loop = asyncio.get_running_loop()
        self._subscribed = asyncio.Event()
        self._news = asyncio.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda *_: self._subscribe()
        self._client.on_subscribe = lambda *_: self._in_loop(self._subscribed.set)
        self._client.on_message = self._hear

    def _subscribe(self) -> None:
        self._client.subscribe(self._topic)

    def _hear(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        heard = Heard(message.topic, bytes(message.payload), message.retain)
        content_type = getattr(message.properties, "ContentType", "")
        self._in_loop(lambda: self._note(heard, content_type))

    def _in_loop(self, call: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(call)

    def _note(self, heard: Heard, content_type: str) -> None:
        self.heard.append(heard)
        self.content_types.setdefault(heard.topic, set()).add(content_type)
        self._news.set()

    async def until(self, enough: Callable[[list[Heard]], bool], timeout_s: float = 10.0) -> list[Heard]:
        """Wait until what was heard is enough."""
        async with asyncio.timeout(timeout_s):
            while not enough(self.heard):
                self._news.clear()
                await self._news.wait()
        return self.heard

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain)

    @property
    def payloads(self) -> list[bytes]:
        return [heard.payload for heard in self.heard]

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._client.connect, "127.0.0.1", self._port)
        self._client.loop_start()
        await asyncio.wait_for(self._subscribed.wait(), 10)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
