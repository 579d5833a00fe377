"""One MQTT connection: the only module that knows paho.

asyncio does name, TCP and TLS; paho is the codec and the protocol's state, over bytes that asyncio moves. So
nothing here blocks, no thread touches paho, and a cancelled connect leaves nothing behind. Two protected
methods of paho are replaced for that (see `_Client`); the tests notice when a release renames them.

paho's own queue is RAM that survives no crash, ignores the broker's Receive Maximum and is sent again in one
burst after a reconnect. It is not used: every connection has a new client and its own window, `publish` is
for what is to be sent now, and what is unanswered when the connection ends goes back to whoever asked.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.client import CONNACK, DISCONNECT, PINGRESP, PUBACK, PUBLISH, SUBACK
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgegw.config.model import Mqtt
from edgegw.errors import LinkDown, LinkRefused
from edgegw.publish import answers
from edgegw.publish.answers import Answer
from edgegw.publish.stream import LINK, explain, open_stream, unanswered
from edgegw.publish.wire import INCOMING_MAX, TURN_BYTES, Wire

Version = Literal["5", "3.1.1"]

CONNECT_S: Final = 10.0  # for name, TCP and TLS, and again for the broker's CONNACK
STALL_S: Final = 5.0  # without an acknowledgement of the oldest message in flight: the broker is frozen
GOODBYE_S: Final = 2.0
_TICK_S: Final = 0.25
FLYING_BYTES: Final = 1024 * 1024
"""In flight at once: large batches must not cost a window of them in memory. A megabyte a round trip is a fast WAN."""

_QOS_2: Final = 0x04

_PAHO_VERSION: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


class Message(NamedTuple):
    """What the broker hands on to us. retain: it was kept there, nobody says it now. expires: its sender has limited
    how long it may wait on the way (MQTT 5, 3.3.2.3.3)."""

    topic: str
    payload: bytes
    retain: bool
    expires: bool = False


class Unspoken(LinkRefused):
    """The broker says that it does not speak this version."""


class Silence(LinkDown):
    """The broker closed the connection instead of answering CONNECT: some do so on a version they lack."""


class Dropped(LinkDown):
    """The broker accepted the connection and later closed it without a word."""


class _Client(paho.Client):
    """paho without a socket of its own, and with a narrow ear."""

    def __init__(self, wire: Wire, version: Version, client_id: str, on_puback: Callable[[int, int], None]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=_PAHO_VERSION[version],
            reconnect_on_failure=False,
        )
        self._wire = wire
        self._on_puback = on_puback
        self._greeted = False
        self.listening = False
        self.suppress_exceptions = True
        self.max_inflight_messages_set(0)  # no limit here, hence no queue: the window is Connection's

    def _create_socket(self) -> Wire:
        return self._wire

    def _packet_handle(self) -> MQTTErrorCode:
        """Take PUBACK ourselves, and nothing that we did not ask for.

        paho ends the link on a code that the standard lacks for PUBACK, and Mosquitto says one (0x95, packet
        too large); its decoding is also half of its work per message. What is let in makes paho store nothing,
        so a hostile broker finds nothing to fill.
        """
        try:
            return self._take_packet()
        except (MQTTException, struct.error, LookupError, ValueError, TypeError):  # so paho ends at what is malformed
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _take_packet(self) -> MQTTErrorCode:
        kind = self._in_packet["command"] & 0xF0
        if kind == PUBACK:
            return self._take_puback(self._in_packet["packet"])
        if kind == CONNACK and self._greeted:  # paho would start the session over
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._greeted = self._greeted or kind == CONNACK
        wanted = kind in (CONNACK, PINGRESP, DISCONNECT) or (self.listening and kind in (SUBACK, PUBLISH))
        if wanted and not (kind == PUBLISH and self._in_packet["command"] & _QOS_2):  # we are granted QoS 1
            return super()._packet_handle()
        return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _take_puback(self, packet: bytearray) -> MQTTErrorCode:
        if len(packet) < 2:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        identifier = int.from_bytes(packet[:2], "big")
        if self._out_messages.pop(identifier, None) is not None:
            self._on_puback(identifier, packet[2] if len(packet) > 2 else 0)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


class _ContentType(Properties):
    """The one property that our PUBLISH packets have: packed once, where paho would do it for each message."""

    def __init__(self, content_type: str) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
        self.ContentType = content_type
        object.__setattr__(self, "_packed", super().pack())  # type: ignore[no-untyped-call]  # paho's gap

    def pack(self) -> bytes:
        packed: bytes = object.__getattribute__(self, "_packed")
        return packed


_content_type = functools.cache(_ContentType)


class _Sent(NamedTuple):
    done: Callable[[Answer], None]
    retain: bool
    size: int


class Connection:
    """One TCP connection that speaks MQTT, from CONNECT to its end. All methods belong to the event loop."""

    def __init__(
        self,
        settings: Mqtt,
        protocol: Version,
        *,
        client_id: str,
        password: str | None,
        offline: tuple[str, bytes],
    ) -> None:
        self.protocol: Final[Version] = protocol
        self.receive_maximum = 65_535
        self.certificate: bytes | None = None  # the broker's, in DER, as the handshake brought it
        self._settings = settings
        self._client_id = client_id
        self._window = settings.window
        self._packet_max: int | None = None
        self._sent: OrderedDict[int, _Sent] = OrderedDict()  # by packet identifier, in the order sent
        self._flying_bytes = 0
        self._answered: list[tuple[int, int]] = []
        self._messages: list[Message] = []
        self._ears: dict[str, Callable[[Message], None]] = {}
        self._subscribing: dict[int, asyncio.Future[bool]] = {}
        self._room = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._oldest: int | None = None
        self._oldest_since_s = 0.0
        self._accepted = asyncio.Event()
        self._closed = asyncio.Event()
        self._ended = asyncio.Event()
        self._end: LinkDown | None = None
        self._wire = Wire(self._read, self._close)
        self._client = self._prepare_client(password, offline)

    def _prepare_client(self, password: str | None, offline: tuple[str, bytes]) -> _Client:
        client = _Client(self._wire, self.protocol, self._client_id, self._hear_puback)
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, password)
        topic, payload = offline
        client.will_set(topic, payload, qos=1, retain=True)
        client.on_connect = self._hear_connack
        client.on_disconnect = self._hear_disconnect
        client.on_subscribe = self._hear_suback
        client.on_message = self._hear_message
        client.on_socket_register_write = self._hear_unsent
        return client

    async def open(self) -> None:
        """Connect, up to the broker's CONNACK. Raises LinkDown or LinkRefused; then nothing stays open."""
        try:
            await open_stream(self._settings, lambda: self._wire, CONNECT_S)
            self.certificate = self._wire.certificate
            self._tick()
            self._send_connect()
            async with asyncio.timeout(CONNECT_S):
                await self._opened()
        except TimeoutError as error:
            raise LinkDown(LINK, f"the broker does not answer CONNECT within {CONNECT_S:.0f} s") from error
        finally:
            if not self._accepted.is_set() or self._end:
                await self.abort()

    def _send_connect(self) -> None:
        address = (self._settings.host, self._settings.effective_port, self._settings.keepalive_s)
        if self.protocol == "5":
            # No session expiry is said: the session ends with the link.
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
            properties.MaximumPacketSize = INCOMING_MAX
            self._client.connect(*address, clean_start=True, properties=properties)
        else:
            self._client.connect(*address)

    async def _opened(self) -> None:
        await self._accepted.wait()
        if self._end is not None:
            raise self._end

    async def lost(self) -> None:
        """Wait for the end of the connection and raise its reason (LinkDown or LinkRefused)."""
        await self._ended.wait()
        assert self._end is not None
        raise self._end

    async def room(self) -> None:
        """Wait until `publish` may be called once. Raises LinkDown when the connection has ended."""
        while self._end is None and (len(self._sent) >= self._window or self._flying_bytes >= FLYING_BYTES):
            self._room.clear()
            await self._room.wait()
        if self._end is not None:
            raise self._end

    @property
    def packet_max(self) -> int | None:
        """Bytes of a packet that the broker takes; None: any number."""
        return self._packet_max

    def publish(
        self,
        topic: str,
        payload: bytes,
        done: Callable[[Answer], None],
        *,
        retain: bool = False,
        content_type: str = "",
    ) -> None:
        """Send with QoS 1. `done` is called later in the event loop, exactly once whatever happens.

        Call it only after `room()` has returned, before anything else is awaited, or in a `done`: what was answered
        has left its place. MQTT 3.1.1 has no content type.
        """
        properties = _content_type(content_type) if content_type and self.protocol == "5" else None
        refused = self._refuse_unsent(topic, payload, len(content_type))
        if refused is not None:
            self._loop.call_soon(done, refused)
            return
        if len(self._sent) >= self._window:
            raise RuntimeError("publish() without room()")
        try:
            info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        except ValueError:  # a wildcard in the topic, or longer than MQTT can say
            self._loop.call_soon(done, answers.IMPOSSIBLE)
            return
        if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._sent[info.mid] = _Sent(done, retain, len(payload))
            self._flying_bytes += len(payload)
        else:
            self._loop.call_soon(done, answers.LINK_LOST)

    def _refuse_unsent(self, topic: str, payload: bytes, type_bytes: int) -> Answer | None:
        if self._end is not None:
            return answers.LINK_LOST
        if self._packet_max is not None and _publish_size(topic, payload, type_bytes) > self._packet_max:
            return answers.TOO_LARGE
        return None

    async def subscribe(self, topic: str, hear: Callable[[Message], None]) -> bool:
        """Let `hear` have every message to exactly this topic, retained ones too; false: the broker does not allow it.

        Raises LinkDown when the connection has ended.
        """
        if self._end is not None:
            raise self._end
        self._client.listening = True
        self._ears[topic] = hear
        _, identifier = self._client.subscribe(topic, qos=1)
        granted: asyncio.Future[bool] = self._loop.create_future()
        if identifier is not None:
            self._subscribing[identifier] = granted
        try:
            async with asyncio.timeout(CONNECT_S):
                return await granted
        except TimeoutError as error:
            raise LinkDown(LINK, f"the broker does not answer SUBSCRIBE within {CONNECT_S:.0f} s") from error

    async def close(self, farewell: tuple[str, bytes] | None = None) -> None:
        """Publish `farewell` retained, wait for the answers to all that was sent, then DISCONNECT: no will."""
        try:
            async with asyncio.timeout(GOODBYE_S):
                if farewell is not None:
                    await self._publish_last(*farewell)
                self._client.disconnect()
                await self._closed.wait()
        except (TimeoutError, LinkDown):
            pass  # the will says what we could not
        finally:
            await self.abort()

    async def _publish_last(self, topic: str, payload: bytes) -> None:
        answered = asyncio.Event()
        await self.room()
        self.publish(topic, payload, lambda _: answered.set(), retain=True)
        await answered.wait()

    async def abort(self) -> None:
        """End it at once; the broker publishes the will."""
        self._lose(LinkDown(LINK, "closed by us"))
        self._wire.abort()
        if self._wire.open:
            await self._closed.wait()

    # What asyncio calls.

    def _read(self) -> None:
        """One turn; while there is more, the next turn comes before the broker may say more."""
        self._wire.allowed = TURN_BYTES
        while self._wire.readable and self._end is None:
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        self._settle_answered()
        self._hand_on_messages()
        more = bool(self._wire.unread) and self._end is None
        self._wire.listen(not more)
        if more:
            self._loop.call_soon(self._read)

    def _write(self) -> None:
        self._client.loop_write()
        if not self._wire.flush():
            self._lose(LinkDown(LINK, "the broker does not read what we send"))

    def _tick(self) -> None:
        if self._end is not None:
            return
        self._loop.call_later(_TICK_S, self._tick)
        self._client.loop_misc()  # pings, and their missing answers
        oldest = next(iter(self._sent), None)
        now_s = self._loop.time()
        if oldest is None or oldest != self._oldest:
            self._oldest, self._oldest_since_s = oldest, now_s
        elif now_s - self._oldest_since_s >= STALL_S:
            self._lose(LinkDown(LINK, f"broker does not acknowledge: nothing for {STALL_S:.0f} s"))

    def _close(self, error: Exception | None) -> None:
        if isinstance(error, ssl.SSLError):
            self._lose(explain(error, self._settings))
        elif self._accepted.is_set():
            self._lose(Dropped(LINK, "the broker closed the connection without a reason"))
        else:
            self._lose(Silence(LINK, unanswered(self._settings)))
        self._closed.set()

    # What paho calls: take note, raise nothing.

    def _hear_connack(
        self, _client: paho.Client, _data: object, _flags: object, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._lose_by_code(code.value)
            return
        self.receive_maximum = getattr(properties, "ReceiveMaximum", self.receive_maximum)
        self._window = max(1, min(self._settings.window, self.receive_maximum))
        self._packet_max = getattr(properties, "MaximumPacketSize", None)
        lacks = answers.shortfall(
            qos_max=getattr(properties, "MaximumQoS", 2),
            retain=bool(getattr(properties, "RetainAvailable", True)),
            packet_max=self._packet_max,
        )
        if lacks is not None:
            self._lose(LinkRefused(LINK, lacks))
        self._accepted.set()

    def _hear_puback(self, identifier: int, code: int) -> None:
        self._answered.append((identifier, code))

    def _hear_disconnect(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.DisconnectFlags,
        code: ReasonCode,
        _properties: object,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._lose_by_code(code.value)
        elif code.value == 0x8D:
            self._lose(LinkDown(LINK, "the broker does not answer pings"))
        elif code.is_failure:
            self._lose(LinkDown(LINK, "the broker sent something that is not MQTT"))

    def _hear_suback(
        self, _client: paho.Client, _data: object, identifier: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        granted = self._subscribing.pop(identifier, None)
        if granted is not None and not granted.done():
            granted.set_result(bool(codes) and not codes[0].is_failure)

    def _hear_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        expires = hasattr(message.properties, "MessageExpiryInterval")
        self._messages.append(Message(message.topic, bytes(message.payload), message.retain, expires))

    def _hear_unsent(self, _client: paho.Client, _data: object, _wire: object) -> None:
        self._loop.call_soon(self._write)

    # What follows from it.

    def _settle_answered(self) -> None:
        answered, self._answered = self._answered, []
        for identifier, code in answered:
            sent = self._sent.pop(identifier, None)
            if sent is not None:
                self._flying_bytes -= sent.size
                sent.done(answers.answer_to_publish(code, retain=sent.retain))
        self._room.set()

    def _hand_on_messages(self) -> None:
        messages, self._messages = self._messages, []
        for message in messages:
            hear = self._ears.get(message.topic)
            if hear is not None:
                hear(message)

    def _lose_by_code(self, code: int) -> None:
        reason = answers.end_of_link(LINK, code, client_id=self._client_id, protocol=self.protocol)
        if code == answers.UNSUPPORTED_VERSION:
            reason = Unspoken(LINK, reason.reason)
        self._lose(reason)

    def _lose(self, reason: LinkDown) -> None:
        """The first reason counts. Everything unanswered goes back to whoever asked."""
        if self._end is not None:
            return
        self._end = reason
        self._loop.call_soon(self._give_back)
        for waiting in (self._accepted, self._room, self._ended):
            waiting.set()

    def _give_back(self) -> None:
        self._settle_answered()
        self._wire.abort()
        for granted in self._subscribing.values():
            if not granted.done():
                assert self._end is not None
                granted.set_exception(self._end)
        while self._sent:
            _, sent = self._sent.popitem(last=False)
            sent.done(answers.LINK_LOST)


def _publish_size(topic: str, payload: bytes, type_bytes: int = 0) -> int:
    """Bytes of a PUBLISH packet of MQTT 5 (3.3) with at most a content type.

    >>> _publish_size("a/b", b"x" * 100), _publish_size("a/b", b"x" * 100, 16)
    (110, 129)
    """
    properties = 3 + type_bytes if type_bytes else 0
    rest = 2 + len(topic.encode()) + 2 + 1 + properties + len(payload)
    return 1 + max(1, -(-rest.bit_length() // 7)) + rest
