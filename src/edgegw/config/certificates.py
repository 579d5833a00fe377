"""The certificates that a configuration names: can they be used, and how long.

| left                   | called      |
|------------------------|-------------|
| more than 30 days      |             |
| 30 days                | ends-soon   |
| 7 days                 | ends-now    |
| nothing                | expired     |
| it has not begun       | not-yet     |
| file missing or broken | unusable    |

Where time decides, the clock may be what is wrong: each sentence about a certificate out of its time says what this
machine takes the time to be, and `impossible_time` tells when that cannot be.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from edgegw.config.model import Tls
from edgegw.config.x509 import Validity, certificates, validity

DAY_S: Final = 86_400.0
SOON_DAYS: Final = 30
NOW_DAYS: Final = 7
SKEW_S: Final = 3600.0
"""A file may come from a machine whose clock is ahead by this much."""
MAX_BYTES: Final = 4 << 20
"""The bundles of whole systems have 300 kB."""

CERTIFICATE_KEYS: Final = {"ca_file": "the CA certificate", "cert_file": "the client certificate"}
"""What they are in words."""


class Doubt(NamedTuple):
    """What is wrong with a certificate or its file. kind: from the table above."""

    kind: str
    problem: str
    cure: str


class Papers(NamedTuple):
    """What the files of one `tls:` hold, by key of the configuration: their time, or why they cannot be used."""

    valid: Mapping[str, Validity]
    unusable: Mapping[str, Doubt]


def papers(tls: Tls) -> Papers:
    """Look at the files now."""
    files = named_files(tls)
    unusable = unreadable(tls)
    valid: dict[str, Validity] = {}
    for key in CERTIFICATE_KEYS.keys() & files.keys() - unusable.keys():
        try:
            valid[key] = _validity_of(key, files[key])
        except (OSError, ValueError):
            unusable[key] = Doubt("unusable", f"{files[key]} holds no certificate", _PEM_HINT)
    if not unusable and tls.cert_file and (doubt := _mismatch(tls.cert_file, tls.key_file)):
        unusable["key_file" if tls.key_file else "cert_file"] = doubt
    return Papers(valid, unusable)


def unreadable(tls: Tls) -> dict[str, Doubt]:
    """By key of the configuration, which files are not there, may not be read, or are no files: what waits in a FIFO
    would be waited for."""
    return {key: doubt for key, file in named_files(tls).items() if (doubt := _unreadable(file))}


def named_files(tls: Tls) -> dict[str, Path]:
    files = {"ca_file": tls.ca_file, "cert_file": tls.cert_file, "key_file": tls.key_file}
    return {key: file for key, file in files.items() if file}


def doubt_in(what: str, valid: Validity, now_s: float) -> Doubt | None:
    """Whether `what` (a certificate, in words) is out of its time or nearly so."""
    clock = f"this machine's clock says {moment(now_s)}"
    if now_s < valid.start_s:
        problem = f"{what} is valid from {moment(valid.start_s)} on, and {clock}"
        return Doubt("not-yet", problem, "set the clock if that is wrong (timedatectl), else wait, or have one issued")
    if now_s >= valid.end_s:
        problem = f"{what} expired on {moment(valid.end_s)}, and {clock}"
        return Doubt("expired", problem, "renew it, or set the clock if that is wrong (timedatectl)")
    days = days_left(valid, now_s)
    if days >= SOON_DAYS:
        return None
    left = f"in {days} day{'' if days == 1 else 's'}" if days else "within a day"
    problem = f"{what} expires on {moment(valid.end_s)}, {left}"
    return Doubt("ends-soon", problem, "renew it") if days >= NOW_DAYS else Doubt("ends-now", problem, "renew it now")


def days_left(valid: Validity, now_s: float) -> int:
    """Whole days; below 0 when it is over.

    >>> days_left(Validity(0.0, 10.5 * DAY_S), 0.0), days_left(Validity(0.0, 0.0), 1.0)
    (10, -1)
    """
    return int((valid.end_s - now_s) // DAY_S)


def moment(t: float) -> str:
    """To the minute.

    >>> moment(0.0)
    '1970-01-01 00:00 UTC'
    """
    return f"{_datetime(t).isoformat(' ', 'minutes').removesuffix('+00:00')} UTC"


def rfc3339(t: float) -> str:
    """
    >>> rfc3339(0.0)
    '1970-01-01T00:00:00.000Z'
    """
    return _datetime(t).isoformat("T", "milliseconds").replace("+00:00", "Z")


def _datetime(t: float) -> datetime:
    """Certificates may have years that `fromtimestamp` does not know on every machine."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=t)


def impossible_time(now_s: float, files: Iterable[Path]) -> str:
    """Why it cannot be so early, or nothing: one of `files`, or edgegw itself, was written later.

    A device without a battery boots in the past, and then no certificate is valid.
    """
    written = [(_written_s(file), file) for file in (Path(__file__), *files)]
    latest_s, file = max(written)
    if latest_s <= now_s + SKEW_S:
        return ""
    return f"this machine's clock says {moment(now_s)}, but {file} was written on {moment(latest_s)}"


CLOCK_CURE: Final = "set it: timedatectl set-ntp true; certificates and the times in events depend on it"


def _written_s(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


_PEM_HINT = "a PEM file has -----BEGIN CERTIFICATE-----"


def _validity_of(key: str, file: Path) -> Validity:
    """Of a CA file with several the longest; a client certificate and its chain are needed all at once."""
    found = [validity(der) for der in certificates(file.read_bytes()[:MAX_BYTES])]
    if not found:
        raise ValueError("there is no certificate in it")
    if key == "ca_file":
        _let_tls_read(file)
        return max(found, key=lambda one: one.end_s)
    return Validity(max(one.start_s for one in found), min(one.end_s for one in found))


def _let_tls_read(file: Path) -> None:
    """ssl.SSLError, which is an OSError."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)


def _unreadable(file: Path) -> Doubt | None:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return Doubt("unusable", f"{file} cannot be read ({error.strerror})", "check the path")
    if not stat.S_ISREG(mode):
        return Doubt("unusable", f"{file} is no file", "check the path")
    if not os.access(file, os.R_OK):
        return Doubt("unusable", f"{file} is not readable for this user", "it must be for the user that edgegw runs as")
    return None


def _mismatch(certificate: Path, key: Path | None) -> Doubt | None:
    """Let the TLS library read what it will have to read."""
    try:
        # The empty password makes an encrypted key an error instead of a question on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        return _explain_mismatch(certificate, key, error.reason or "")
    except OSError as error:
        return Doubt("unusable", f"{certificate} cannot be read ({error.strerror})", "check the path")
    return None


def _explain_mismatch(certificate: Path, named_key: Path | None, reason: str) -> Doubt:
    key = named_key or certificate
    content = key.read_bytes()[:MAX_BYTES]
    if not named_key and b"PRIVATE KEY" not in content:
        return Doubt("unusable", f"{certificate} holds no private key", "name the file that does in key_file")
    if b"ENCRYPTED" in content:
        cure = f"edgegw starts without a person: openssl pkey -in {key} -out NEW takes it off, chmod 600 NEW"
        return Doubt("unusable", f"the private key in {key} has a passphrase", cure)
    if reason == "KEY_VALUES_MISMATCH":
        return Doubt("unusable", f"{key} is not the private key of {certificate}", "name the key that belongs to it")
    return Doubt("unusable", f"{key} holds no private key for {certificate}", "it must be PEM, BEGIN PRIVATE KEY")
