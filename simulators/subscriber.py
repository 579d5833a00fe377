"""A central system for the demo and for tests: hears what gateways publish, over paho, and comes back by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

Event = dict[str, Any]

CONNECT_S = 10.0


class Subscriber:
    """Subscribed to everything below `prefix`, with QoS 1, from entry to exit.

    With a `client_id` the broker keeps what comes while the subscriber is away.

    events  CloudEvents in order of arrival, alone or in batches; one that came again is in `repeated` instead
    epcis   EPCIS events in order of arrival, alone or in documents, one that came again left out
    status  the gateway's latest status document
    topics  every topic heard
    """

    def __init__(self, host: str, port: int, prefix: str = "edgegw", client_id: str = "") -> None:
        self.events: list[Event] = []
        self.repeated: list[Event] = []
        self.epcis: list[Event] = []
        self.status: Event = {}
        self.topics: set[str] = set()
        self.on_event: Callable[[Event], None] = lambda event: None
        self.on_message: Callable[[str, bytes], None] = lambda topic, payload: None
        self._host, self._port, self._topic = host, port, f"{prefix}/#"
        self._ids: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._keeps = bool(client_id)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda *_: self._subscribe()
        self._client.on_subscribe = lambda *_: self._in_loop(self._subscribed.set)
        self._client.on_message = lambda _client, _data, message: self._in_loop(
            lambda: self._hear(message.topic, bytes(message.payload))
        )

    @property
    def movements(self) -> list[Event]:
        """The events that say that a unit moved."""
        return [event for event in self.events if event["type"].startswith("edgegw.movement.")]

    async def until(self, enough: Callable[[], bool], timeout_s: float) -> None:
        """Wait until the condition holds; it is asked again after every message. TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not enough():
                self._news.clear()
                await self._news.wait()

    async def until_up(self, links: list[str], timeout_s: float = 15.0) -> None:
        """Wait until the gateway says that these links are up. TimeoutError."""
        await self.until(lambda: all(map(self._is_up, links)), timeout_s)

    def _is_up(self, link: str) -> bool:
        links: dict[str, Event] = self.status.get("links", {})
        return self.status.get("online") is True and links.get(link, {}).get("status") == "up"

    def _subscribe(self) -> None:
        self._client.subscribe(self._topic, qos=1)

    def _in_loop(self, call: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(call)

    def _hear(self, topic: str, payload: bytes) -> None:
        self.topics.add(topic)
        self.on_message(topic, payload)
        document = json.loads(payload)
        if topic.endswith("/status"):
            self.status = document
        elif "/evt/" in topic:
            for event in document if isinstance(document, list) else [document]:
                self._take(event)
        elif "/epcis/" in topic:
            body = document.get("epcisBody")
            for event in body["eventList"] if body else [document]:
                self._take_epcis(event)
        self._news.set()

    def _take(self, event: Event) -> None:
        if event["id"] in self._ids:
            self.repeated.append(event)
            return
        self._ids.add(event["id"])
        self.events.append(event)
        self.on_event(event)

    def _take_epcis(self, event: Event) -> None:
        if event["eventID"] not in self._ids:
            self._ids.add(event["eventID"])
            self.epcis.append(event)

    async def __aenter__(self) -> Self:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho annotates all but this
        properties.SessionExpiryInterval = 3600 if self._keeps else 0
        self._client.connect_async(self._host, self._port, clean_start=not self._keeps, properties=properties)
        self._client.loop_start()
        async with asyncio.timeout(CONNECT_S):
            await self._subscribed.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
