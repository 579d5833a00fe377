"""Somebody at the broker: a paho client with a name and a password, or a certificate, who hears what it may do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

DENIED = 0x87
NOBODY = 0x10


class Said(NamedTuple):
    topic: str
    payload: bytes


class Person:
    """`async with` connects; `code` is then the broker's answer. What is refused raises nothing.

    With the name of a `session` the broker keeps what comes meanwhile. client_id: one that wants no session to be kept.
    """

    def __init__(
        self,
        port: int,
        user: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        session: str = "",
        client_id: str = "",
    ) -> None:
        self.heard: list[Said] = []
        self.code = -1
        self._port = port
        self._topics: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._answers: dict[tuple[str, int], asyncio.Future[int]] = {}
        self._connected: asyncio.Future[int] = self._loop.create_future()
        self._news = asyncio.Event()
        self._session = session
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, session or client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        if user is not None:
            self._client.username_pw_set(user, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = lambda _c, _d, _f, code, _p: self._in_loop(self._greeted, code.value)
        self._client.on_publish = lambda _c, _d, mid, code, _p: self._in_loop(self._answer, "publish", mid, code)
        self._client.on_subscribe = lambda _c, _d, mid, codes, _p: self._in_loop(
            self._answer, "subscribe", mid, codes[0]
        )
        self._client.on_message = lambda _c, _d, one: self._in_loop(self._hear, Said(one.topic, bytes(one.payload)))

    def _in_loop(self, call: Callable[..., None], *args: Any) -> None:
        self._loop.call_soon_threadsafe(call, *args)

    def _greeted(self, code: int) -> None:
        self._settle(self._connected, code)
        for topic in self._topics:  # the broker has been away
            self._client.subscribe(topic, qos=1)

    def _settle(self, future: asyncio.Future[int], code: int) -> None:
        if not future.done():
            future.set_result(code)

    def _answer(self, kind: str, mid: int, code: ReasonCode) -> None:
        self._settle(self._future(kind, mid), code.value)

    def _future(self, kind: str, mid: int) -> asyncio.Future[int]:
        return self._answers.setdefault((kind, mid), self._loop.create_future())

    def _hear(self, said: Said) -> None:
        self.heard.append(said)
        self._news.set()

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False, expires_s: int | None = None) -> int:
        """The broker's reason code."""
        properties = None
        if expires_s is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
            properties.MessageExpiryInterval = expires_s
        mid = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties).mid
        return await asyncio.wait_for(self._future("publish", mid), 10)

    async def subscribe(self, topic: str) -> int:
        """The broker's reason code: below 0x80 it allows it."""
        self._topics.append(topic)
        _, mid = self._client.subscribe(topic, qos=1)
        assert mid is not None
        return await asyncio.wait_for(self._future("subscribe", mid), 10)

    async def until(self, enough: Callable[[list[Said]], bool], timeout_s: float = 15.0) -> list[Said]:
        async with asyncio.timeout(timeout_s):
            while not enough(self.heard):
                self._news.clear()
                await self._news.wait()
        return self.heard

    def topics(self) -> set[str]:
        return {said.topic for said in self.heard}

    async def __aenter__(self) -> Self:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
        properties.SessionExpiryInterval = 3600 if self._session else 0
        await asyncio.to_thread(
            self._client.connect, "127.0.0.1", self._port, clean_start=not self._session, properties=properties
        )
        self._client.loop_start()
        self.code = await asyncio.wait_for(self._connected, 10)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
