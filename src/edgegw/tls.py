"""TLS for every link: 1.2 or newer, certificate and name verified unless the configuration says no.

A context is made for each connection, so files that were replaced are used with the next one.
"""

from __future__ import annotations

import ssl

from edgegw.config.certificates import Doubt, named_files, papers, unreadable
from edgegw.config.model import Tls, TlsChoice


class UnusableFileError(Exception):
    """A certificate or key of the configuration cannot be used; the message names key, file and cure."""


def tls_context(choice: TlsChoice) -> ssl.SSLContext | None:
    """None = no TLS. Raises UnusableFileError."""
    if choice is False:
        return None
    tls = choice if isinstance(choice, Tls) else Tls.model_validate({})
    for key, doubt in unreadable(tls).items():
        raise _doubtful(key, doubt)
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:
        raise _unusable(tls, "ca_file", error) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        try:
            # The empty password makes an encrypted key an error instead of a question on the terminal.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
        except OSError as error:
            raise _unusable(tls, "cert_file", error) from error
    return context


def _unusable(tls: Tls, key: str, error: OSError) -> UnusableFileError:
    """In the words of `edgegw check`, which has looked closer than the TLS library says."""
    for found, doubt in papers(tls).unusable.items():
        return _doubtful(found, doubt)
    return UnusableFileError(f"cannot use tls.{key} {named_files(tls)[key]}: {error.strerror or error}")


def _doubtful(key: str, doubt: Doubt) -> UnusableFileError:
    return UnusableFileError(f"cannot use tls.{key} ({doubt.problem}): {doubt.cure}")


def server_name(choice: TlsChoice, host: str) -> str | None:
    """The name that the certificate must carry; None without TLS."""
    if choice is False:
        return None
    return (choice.server_name if isinstance(choice, Tls) else None) or host
