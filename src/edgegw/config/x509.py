"""From when until when a certificate is valid, which the standard library tells of no file.

The fields are those of RFC 5280, 4.1, in the encoding of X.690 (DER).
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_LENGTH_BYTES: Final = 4


class Validity(NamedTuple):
    """First and last moment, in seconds since 1970 UTC."""

    start_s: float
    end_s: float


class _Part(NamedTuple):
    """One element of DER: its tag, and where its content begins and ends."""

    tag: int
    start: int
    end: int


def certificates(pem: bytes) -> list[bytes]:
    """The certificates in a PEM file, in DER, in their order. ValueError: one is not base64."""
    try:
        return [base64.b64decode(b"".join(body.split()), validate=True) for body in _PEM.findall(pem)]
    except binascii.Error as error:
        raise ValueError(f"a certificate in it is no base64: {error}") from None


def validity(der: bytes) -> Validity:
    """Of one certificate. ValueError: it is none."""
    try:
        certificate = _part(der, 0, _SEQUENCE)
        body = _part(der, certificate.start, _SEQUENCE)
        at = body.start
        if der[at] == _VERSION:
            at = _part(der, at).end
        for _serial_signature_issuer in range(3):
            at = _part(der, at).end
        period = _part(der, at, _SEQUENCE)
        first = _part(der, period.start)
        return Validity(_moment(der, first), _moment(der, _part(der, first.end)))
    except IndexError:
        raise ValueError("the certificate is cut off") from None


def _part(der: bytes, at: int, tag: int | None = None) -> _Part:
    """The element at `at` (X.690, 8.1). IndexError: it goes beyond the end."""
    if tag is not None and der[at] != tag:
        raise ValueError("this is no certificate")
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= _LENGTH_BYTES:
            raise ValueError("this is no certificate")
        length, start = int.from_bytes(der[start : start + count], "big"), start + count
    if start + length > len(der):
        raise IndexError
    return _Part(der[at], start, start + length)


def _moment(der: bytes, part: _Part) -> float:
    """RFC 5280, 4.1.2.5: to the second and in UTC; two digits of a year from 50 on mean the last century."""
    text = der[part.start : part.end].decode("ascii", "replace")
    if part.tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif part.tag != _GENERALIZED_TIME:
        raise ValueError("this is no certificate")
    if not re.fullmatch(r"[0-9]{14}Z", text):
        raise ValueError("the certificate has a time that is none")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
