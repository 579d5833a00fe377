"""TLS for every link: 1.2 or newer, certificate and name verified unless the configuration says no."""

from __future__ import annotations

import ssl

from edgegw.config.model import Tls, TlsChoice


class UnusableFileError(Exception):
    """A certificate or key of the configuration cannot be used; the message names key, file and cure."""


def tls_context(choice: TlsChoice) -> ssl.SSLContext | None:
    """None = no TLS. Raises UnusableFileError."""
    if choice is False:
        return None
    tls = choice if isinstance(choice, Tls) else Tls.model_validate({})
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:
        raise UnusableFileError(f"cannot use tls.ca_file {tls.ca_file}: {error.strerror or error}") from error
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
        raise UnusableFileError(f"cannot use {files}: {error.strerror or error} - {cure}") from error


def server_name(choice: TlsChoice, host: str) -> str | None:
    """The name that the certificate must carry; None without TLS."""
    if choice is False:
        return None
    return (choice.server_name if isinstance(choice, Tls) else None) or host
