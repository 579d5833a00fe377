"""Name, TCP and TLS on the way to the broker: one deadline, and a sentence for everything that fails."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final

from edgegw import net
from edgegw.config.certificates import moment
from edgegw.config.model import Mqtt
from edgegw.errors import LinkDown, LinkRefused
from edgegw.tls import UnusableFileError, server_name, tls_context

LINK: Final = "mqtt"
_TLS_CLOSE_S: Final = 2.0
_CERTIFICATE_TIMES: Final = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_CERTIFICATE_NAMES: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


async def open_stream(settings: Mqtt, protocol: Callable[[], asyncio.Protocol], timeout_s: float) -> None:
    """Connect `protocol` to the broker, TCP_NODELAY set. Raises LinkDown or LinkRefused.

    A cancelled call leaves nothing open.
    """
    try:
        tls = tls_context(settings.tls)
        async with asyncio.timeout(timeout_s):
            sock = await net.connect(settings.host, settings.effective_port, timeout_s)
            await asyncio.get_running_loop().create_connection(
                protocol,
                sock=sock,
                ssl=tls,
                server_hostname=server_name(settings.tls, settings.host),
                ssl_shutdown_timeout=_TLS_CLOSE_S if tls else None,
            )
    except UnusableFileError as error:
        raise LinkRefused(LINK, str(error)) from error
    except (OSError, UnicodeError) as error:
        raise explain(error, settings) from error


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


def unanswered(settings: Mqtt) -> str:
    """Why the broker may have closed the connection instead of answering CONNECT."""
    cure = "is mqtt.port the broker's MQTT port?" if settings.tls else "does it want TLS? write `tls: true`"
    return f"the broker closed the connection instead of answering CONNECT: {cure}"


def _explain_certificate(error: ssl.SSLCertVerificationError) -> LinkRefused:
    if error.verify_code in _CERTIFICATE_TIMES:
        cure = f"renew it, or set this gateway's clock if that is wrong: its date is {moment(time.time())[:10]}"
    elif error.verify_code in _CERTIFICATE_NAMES:
        cure = "set mqtt.host or mqtt.tls.server_name to a name in the certificate"
    else:
        cure = "set mqtt.tls.ca_file to the certificate of the authority that signed it"
    return LinkRefused(LINK, f"the broker's certificate is not accepted ({error.verify_message}): {cure}")


def _explain_tls(error: ssl.SSLError, place: str) -> LinkDown:
    reason = error.reason or str(error)
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        return LinkRefused(
            LINK, f"the broker does not accept our certificate ({reason}): check mqtt.tls.cert_file and key_file"
        )
    return LinkDown(LINK, f"no TLS with {place} ({reason}): is this the broker's TLS port?")
