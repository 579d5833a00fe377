"""TLS for every link: 1.2 or newer, certificate and name verified unless the configuration says no."""

from __future__ import annotations

import ssl

from edgegw.config.model import Tls, TlsChoice


def tls_context(choice: TlsChoice) -> ssl.SSLContext | None:
    """None = no TLS. Raises OSError (ssl.SSLError is one) naming the file that cannot be used."""
    if choice is False:
        return None
    tls = choice if isinstance(choice, Tls) else Tls.model_validate({})
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        # The empty password makes an encrypted key an error instead of a question on the terminal.
        context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    return context


def server_name(choice: TlsChoice, host: str) -> str | None:
    """The name that the certificate must carry; None without TLS."""
    if choice is False:
        return None
    return (choice.server_name if isinstance(choice, Tls) else None) or host
