"""Name, TCP and TLS on the way to the broker: one deadline, and a sentence for everything that fails."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Final

from edgegw.config.model import Mqtt, Tls
from edgegw.errors import LinkDown, LinkRefused

LINK: Final = "mqtt"
_TLS_CLOSE_S: Final = 2.0
_CERTIFICATE_TIMES: Final = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_CERTIFICATE_NAMES: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


async def open_stream(settings: Mqtt, protocol: Callable[[], asyncio.Protocol], timeout_s: float) -> None:
    """Connect `protocol` to the broker, TCP_NODELAY set. Raises LinkDown or LinkRefused.

    A cancelled call leaves nothing open.
    """
    tls = tls_context(Tls.model_validate({}) if settings.tls is True else settings.tls) if settings.tls else None
    try:
        async with asyncio.timeout(timeout_s):
            sock = await _connect_any(settings.host, settings.effective_port, timeout_s)
            await _add_protocol(sock, protocol, settings, tls)
    except (OSError, UnicodeError) as error:
        raise explain(error, settings) from error


async def _add_protocol(
    sock: socket.socket, protocol: Callable[[], asyncio.Protocol], settings: Mqtt, tls: ssl.SSLContext | None
) -> None:
    loop = asyncio.get_running_loop()
    if tls is None:
        await loop.create_connection(protocol, sock=sock)
        return
    server_name = settings.tls.server_name if isinstance(settings.tls, Tls) else None
    await loop.create_connection(
        protocol,
        sock=sock,
        ssl=tls,
        server_hostname=server_name or settings.host,
        ssl_shutdown_timeout=_TLS_CLOSE_S,
    )


async def _connect_any(host: str, port: int, timeout_s: float) -> socket.socket:
    """The first address that answers; a dead one may use its share of the time only."""
    addresses = await _resolve(host, port)
    failure: OSError = ConnectionRefusedError()
    for family, address in addresses:
        try:
            async with asyncio.timeout(timeout_s / len(addresses) * 0.9):
                return await _connect(family, address)
        except OSError as error:  # TimeoutError is one
            failure = error
    raise failure


async def _connect(family: int, address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does so for sockets of its own only
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:  # cancellation too: an open socket has no owner yet
        sock.close()
        raise
    return sock


async def _resolve(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """Addresses of `host`, asked for in a daemon thread: a resolver that hangs holds up no shutdown."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[tuple[int, tuple[str, int]]]] = loop.create_future()

    def settle(addresses: list[tuple[int, tuple[str, int]]], error: Exception | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def ask() -> None:
        addresses: list[tuple[int, tuple[str, int]]] = []
        failure: Exception | None = None
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                addresses.append((family, address))  # type: ignore[arg-type]  # IPv6 has four members
        except (OSError, UnicodeError) as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(settle, addresses, failure)

    threading.Thread(target=ask, name="edgegw-resolve", daemon=True).start()
    return await found


def tls_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and name verified unless the settings say no. Raises LinkRefused."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:
        raise LinkRefused(LINK, f"cannot use tls.ca_file {tls.ca_file}: {error.strerror or error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        _load_certificate(context, tls)
    return context


def _load_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    assert tls.cert_file is not None
    try:
        # The empty password makes an encrypted key an error instead of a question on the terminal.
        context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except OSError as error:
        files = f"tls.cert_file {tls.cert_file} with key {tls.key_file or 'in the same file'}"
        cure = "both must be readable PEM, belong together and have no passphrase"
        raise LinkRefused(LINK, f"cannot use {files}: {error.strerror or error} - {cure}") from error


def explain(error: OSError | UnicodeError, settings: Mqtt) -> LinkDown:
    """What went wrong on the way to the broker, and what to do about it."""
    place = f"{settings.host}:{settings.effective_port}"
    match error:
        case ssl.SSLCertVerificationError():
            return _explain_certificate(error)
        case ssl.SSLError():
            return _explain_tls(error, place)
        case socket.gaierror() | UnicodeError():
            return LinkDown(LINK, f"no address for '{settings.host}' ({error}): check mqtt.host and the DNS")
        case ConnectionRefusedError():
            return LinkDown(LINK, f"nothing listens on {place}: is the broker running, is mqtt.port right?")
        case TimeoutError():
            return LinkDown(LINK, f"{place} does not answer: check the network, the firewall and mqtt.port")
        case ConnectionError() if settings.tls:
            return LinkDown(LINK, f"{place} closed the connection during TLS: is this the broker's TLS port?")
        case _:
            return LinkDown(LINK, f"no connection to {place} ({error.strerror or error})")


def _explain_certificate(error: ssl.SSLCertVerificationError) -> LinkRefused:
    if error.verify_code in _CERTIFICATE_TIMES:
        cure = "renew it, or set this gateway's clock if that is wrong"
    elif error.verify_code in _CERTIFICATE_NAMES:
        cure = "set mqtt.host or mqtt.tls.server_name to a name in the certificate"
    else:
        cure = "set mqtt.tls.ca_file to the certificate of the authority that signed it"
    return LinkRefused(LINK, f"the broker's certificate is not accepted ({error.verify_message}): {cure}")


def _explain_tls(error: ssl.SSLError, place: str) -> LinkDown:
    reason = error.reason or str(error)
    if "CERTIFICATE" in reason:
        return LinkRefused(
            LINK, f"the broker does not accept our certificate ({reason}): check mqtt.tls.cert_file and key_file"
        )
    return LinkDown(LINK, f"no TLS with {place} ({reason}): is this the broker's TLS port?")
