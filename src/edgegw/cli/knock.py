"""Is the broker there, and is its certificate what the configuration expects? TCP and TLS, and no word of MQTT.

To log in would take the connection over from the running gateway, which has the same client id.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple

from edgegw.config.certificates import doubt_in, moment
from edgegw.config.model import Mqtt
from edgegw.config.surroundings import Trouble
from edgegw.config.x509 import validity
from edgegw.errors import LinkDown
from edgegw.publish.stream import explain, open_stream

CONNECT_S: Final = 5.0
REFUSAL_S: Final = 0.5
"""With TLS 1.3 a broker says only after the handshake that it does not accept our certificate."""


class Heard(NamedTuple):
    """What came of it: what is wrong, or in a note what is right."""

    troubles: tuple[Trouble, ...] = ()
    note: str = ""


class _Ear(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.BaseTransport | None = None
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

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
    if certificate is None:
        return Heard(note=f"the broker at {place} answers")
    valid = validity(certificate)
    doubt = doubt_in("the broker's certificate", valid, time.time())
    if doubt:
        return Heard((Trouble(("mqtt", "host"), doubt.problem, doubt.cure),))
    return Heard(note=f"the broker at {place} answers; its certificate is good until {moment(valid.end_s)}")


async def _certificate(settings: Mqtt) -> bytes | None:
    """The broker's, in DER; None without TLS. Raises LinkDown."""
    ear = _Ear()
    await open_stream(settings, lambda: ear, CONNECT_S)
    assert ear.transport is not None
    tls = ear.transport.get_extra_info("ssl_object")
    certificate: bytes | None = tls.getpeercert(binary_form=True) if tls else None
    await asyncio.wait([ear.lost], timeout=REFUSAL_S)
    if ear.lost.done() and isinstance(error := ear.lost.result(), OSError):
        raise explain(error, settings) from error
    assert isinstance(ear.transport, asyncio.Transport)
    ear.transport.abort()
    await ear.lost
    return certificate
