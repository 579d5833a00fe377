"""Is the broker there, does it speak MQTT, and is its certificate what the configuration expects?

To log in as the gateway would take the connection over from the one that runs. So the broker is asked by somebody
without a name, whom it may well refuse: an answer is an answer. With a certificate of ours it is not even asked, as
that is a name to log in with.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from typing import Any, Final, NamedTuple

from edgegw.config.certificates import doubt_in, moment
from edgegw.config.model import Mqtt, Tls
from edgegw.config.surroundings import Trouble
from edgegw.config.x509 import validity
from edgegw.errors import LinkDown
from edgegw.publish.stream import LINK, explain, open_stream, unanswered

CONNECT_S: Final = 5.0
REFUSAL_S: Final = 0.5
"""With TLS 1.3 a broker says only after the handshake that it does not accept our certificate."""
_CONNACK: Final = 0x20


class Heard(NamedTuple):
    """What came of it: what is wrong, or in a note what is right."""

    troubles: tuple[Trouble, ...] = ()
    note: str = ""


class _Ear(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.BaseTransport | None = None
        self.first: asyncio.Future[int] = asyncio.get_running_loop().create_future()  # byte that it says
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.news: list[asyncio.Future[Any]] = [self.first, self.lost]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.first.done():
            self.first.set_result(data[0])

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(error)


def knock(settings: Mqtt) -> Heard:
    """Connect as the gateway would, and hang up. Never raises for what the network does."""
    place = f"{settings.host}:{settings.effective_port}"
    try:
        certificate = asyncio.run(_certificate(settings))
    except LinkDown as down:
        problem, _, cure = down.reason.partition(": ")
        return Heard((Trouble(("mqtt", "host"), problem, cure),))
    answers = f"the broker at {place} {'takes our certificate' if _has_certificate(settings) else 'answers'}"
    if certificate is None:
        return Heard(note=f"{answers}; nobody was logged in")
    valid = validity(certificate)
    doubt = doubt_in("the broker's certificate", valid, time.time())
    if doubt:
        return Heard((Trouble(("mqtt", "host"), doubt.problem, doubt.cure),))
    return Heard(note=f"{answers}; its certificate is good until {moment(valid.end_s)}; nobody was logged in")


async def _certificate(settings: Mqtt) -> bytes | None:
    """The broker's, in DER; None without TLS. Raises LinkDown."""
    ear = _Ear()
    await open_stream(settings, lambda: ear, CONNECT_S)
    assert ear.transport is not None
    tls = ear.transport.get_extra_info("ssl_object")
    certificate: bytes | None = tls.getpeercert(binary_form=True) if tls else None
    assert isinstance(ear.transport, asyncio.Transport)
    try:
        await _hear(ear, ear.transport, settings)
    finally:
        ear.transport.abort()
    await ear.lost
    return certificate


async def _hear(ear: _Ear, transport: asyncio.Transport, settings: Mqtt) -> None:
    """Return when the broker has said what it should. Raises LinkDown."""
    asks = not _has_certificate(settings)
    if settings.tls:
        await asyncio.wait([ear.lost], timeout=REFUSAL_S)
    if asks and not ear.lost.done():
        transport.write(_connect(settings))
        await asyncio.wait(ear.news, timeout=CONNECT_S, return_when=asyncio.FIRST_COMPLETED)
    cure = "is mqtt.port the broker's MQTT port?"
    if ear.first.done():
        if ear.first.result() != _CONNACK:
            raise LinkDown(LINK, f"what answers there does not speak MQTT: {cure}")
    elif ear.lost.done():
        if isinstance(error := ear.lost.result(), ssl.SSLError):
            raise explain(error, settings) from error
        raise LinkDown(LINK, unanswered(settings))
    elif asks:
        raise LinkDown(LINK, f"nothing has answered CONNECT for {CONNECT_S:g} s: {cure}")


def _has_certificate(settings: Mqtt) -> bool:
    return isinstance(settings.tls, Tls) and settings.tls.cert_file is not None


def _connect(settings: Mqtt) -> bytes:
    """CONNECT of somebody without a name, for a session that ends with the connection (MQTT 3.1.1 and 5, 3.1)."""
    level, properties = (b"\x05", b"\x00") if settings.protocol == "5" else (b"\x04", b"")
    client_id = f"edgegwcheck{os.urandom(4).hex()}".encode()
    rest = b"\x00\x04MQTT" + level + b"\x02\x00\x0a" + properties + b"\x00" + bytes([len(client_id)]) + client_id
    return b"\x10" + bytes([len(rest)]) + rest
