"""Two MQTT clients for the broker's tests: paho, whose word counts, and a bare socket that can misbehave."""

from __future__ import annotations

import socket
from collections.abc import Callable
from queue import Queue
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from simulators.mqtt_broker.packets import MQTT_5, Connack, Connect, Packet, Ping, decode, encode
from simulators.mqtt_broker.wire import Kind, take_frames

WAIT_S = 5.0
LIMIT_BYTES = 8 * 2**20


def paho_properties(packet: int, **values: Any) -> Properties | None:
    """paho's properties for a packet type, e.g. `paho_properties(PacketTypes.CONNECT, ReceiveMaximum=3)`."""
    if not values:
        return None
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho annotates all but this
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _send_at_once(_client: Client, _data: object, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class PahoClient:
    """paho's threaded client with its callbacks turned into queues; every wait is bounded by `WAIT_S`."""

    def __init__(self, port: int, client_id: str = "", level: int = MQTT_5, manual_ack: bool = False) -> None:
        self.messages: Queue[MQTTMessage] = Queue()
        self.disconnects: Queue[ReasonCode] = Queue()
        self.level = level
        self._port = port
        self._connacks: Queue[tuple[bool, ReasonCode, Any]] = Queue()
        self._subacks: Queue[list[ReasonCode]] = Queue()
        self._pubacks: Queue[tuple[int, ReasonCode]] = Queue()
        self._build: Callable[[bool], Client] = lambda clean: Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean if level < MQTT_5 else None,
            protocol=MQTTProtocolVersion(level),
            reconnect_on_failure=False,
            manual_ack=manual_ack,
        )
        self.paho = self._build(True)

    def connect(
        self, clean: bool = True, will: dict[str, Any] | None = None, keepalive: int = 60, **properties: Any
    ) -> tuple[bool, ReasonCode, Any]:
        """Connect anew; session present, reason code and properties of the CONNACK."""
        self.paho = client = self._build(clean)
        client.on_message = lambda _client, _data, message: self.messages.put(message)
        client.on_connect = lambda _c, _d, flags, reason, props: self._connacks.put(
            (flags.session_present, reason, props)
        )
        client.on_disconnect = lambda _c, _d, _flags, reason, _p: self.disconnects.put(reason)
        client.on_subscribe = lambda _c, _d, _mid, reasons, _p: self._subacks.put(reasons)
        client.on_unsubscribe = lambda _c, _d, _mid, reasons, _p: self._subacks.put(reasons)
        client.on_publish = lambda _c, _d, mid, reason, _p: self._pubacks.put((mid, reason))
        client.on_socket_open = _send_at_once
        if will is not None:
            client.will_set(**will)
        options: dict[str, Any] = {}
        if self.level >= MQTT_5:
            options = {"clean_start": clean, "properties": paho_properties(PacketTypes.CONNECT, **properties)}
        client.connect("127.0.0.1", self._port, keepalive, **options)
        client.loop_start()
        return self._connacks.get(timeout=WAIT_S)

    def subscribe(self, topic_filter: str, qos: int = 1, identifier: int = 0, **options: Any) -> list[int]:
        """Subscribe and return the SUBACK's reason codes."""
        if self.level >= MQTT_5:
            ids = {"SubscriptionIdentifier": identifier} if identifier else {}
            self.paho.subscribe(
                topic_filter,
                options=SubscribeOptions(qos, **options),
                properties=paho_properties(PacketTypes.SUBSCRIBE, **ids),
            )
        else:
            self.paho.subscribe(topic_filter, qos)
        return [reason.value for reason in self._subacks.get(timeout=WAIT_S)]

    def unsubscribe(self, topic_filter: str) -> list[int]:
        """Unsubscribe and return the UNSUBACK's reason codes."""
        self.paho.unsubscribe(topic_filter)
        return [reason.value for reason in self._subacks.get(timeout=WAIT_S)]

    def publish(self, topic: str, payload: bytes = b"", qos: int = 1, retain: bool = False, **properties: Any) -> int:
        """Publish, wait for the last acknowledgement and return its reason code (0 at QoS 0)."""
        info = self.send(topic, payload, qos, retain, **properties)
        mid, reason = self._pubacks.get(timeout=WAIT_S)
        assert mid == info.mid
        return reason.value

    def send(
        self, topic: str, payload: bytes = b"", qos: int = 1, retain: bool = False, **properties: Any
    ) -> MQTTMessageInfo:
        """Publish without waiting."""
        made = paho_properties(PacketTypes.PUBLISH, **properties)
        return self.paho.publish(topic, payload, qos, retain, made)

    def take(self, count: int) -> list[MQTTMessage]:
        """The next `count` messages."""
        return [self.messages.get(timeout=WAIT_S) for _ in range(count)]

    def disconnect(self) -> None:
        """Leave politely."""
        self.paho.disconnect()
        self.paho.loop_stop()

    def die(self) -> None:
        """Vanish: the TCP connection closes without a DISCONNECT."""
        sock: Any = self.paho.socket()
        sock.shutdown(socket.SHUT_RDWR)
        self.paho.loop_stop()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()


class RawClient:
    """Our codec on a blocking socket: acknowledges nothing by itself, sends what it is told."""

    def __init__(self, port: int, level: int = MQTT_5) -> None:
        self.level = level
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._buffer = bytearray()

    def connect(self, packet: Connect) -> Connack:
        """Send CONNECT and return the CONNACK."""
        self.send(packet)
        answer = self.receive()
        assert isinstance(answer, Connack)
        return answer

    def send(self, *packets: Packet) -> None:
        """Send packets in one write."""
        self.socket.sendall(b"".join(encode(packet, self.level) for packet in packets))

    def receive(self) -> Packet | None:
        """The next packet; None when the broker closed the connection. Raises `TimeoutError`."""
        while True:
            for frame in take_frames(self._buffer, LIMIT_BYTES):
                return decode(frame, self.level)
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._buffer += data

    def receive_all(self) -> list[Packet]:
        """What the broker has for this client now: the packets before the answer to a ping, or before the end."""
        self.send(Ping(Kind.PINGREQ))
        packets: list[Packet] = []
        while (packet := self.receive()) is not None and packet != Ping(Kind.PINGRESP):
            packets.append(packet)
        return packets

    def receive_until_silence(self, quiet_s: float) -> list[Packet]:
        """Packets until the broker closes or says nothing for `quiet_s`."""
        packets: list[Packet] = []
        self.socket.settimeout(quiet_s)
        try:
            while (packet := self.receive()) is not None:
                packets.append(packet)
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(WAIT_S)
        return packets

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()
