"""What is left of the certificates of a running gateway: counted down, told in time, read anew when they are replaced.

A certificate that nobody renews stops the gateway on a night of its own choosing; this says so 30 days before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from edgegw.config.certificates import (
    CERTIFICATE_KEYS,
    CLOCK_CURE,
    Papers,
    days_left,
    doubt_in,
    impossible_time,
    named_files,
    papers,
    rfc3339,
)
from edgegw.config.model import Config, Tls
from edgegw.config.x509 import Validity, validity
from edgegw.core.documents import CertificateShape


def named_tls(config: Config) -> dict[str, Tls]:
    """The parts of a configuration that may name certificates, by name."""
    named = {"mqtt.tls": config.mqtt.tls, **{f"readers[{one.name}].tls": one.tls for one in config.readers}}
    return {name: tls for name, tls in named.items() if isinstance(tls, Tls)}


class Expiry:
    """The certificates of a running gateway: what is left of each, counted down, files looked at when they change.

    `files` by name of its part of the configuration (`mqtt.tls`); `broker` is the broker's certificate in DER, as it
    came with the last handshake; `wall` the wall clock.
    """

    def __init__(self, files: Mapping[str, Tls], broker: Callable[[], bytes | None], wall: Callable[[], float]) -> None:
        self._tls = files
        self._broker = broker
        self._wall = wall
        self._known: dict[str, tuple[object, Papers]] = {}
        self._broker_valid: Validity | None = None

    def documents(self) -> dict[str, CertificateShape]:
        """For the status document."""
        now_s = self._wall()
        return {
            name: {"until": rfc3339(valid.end_s), "days_left": days_left(valid, now_s)}
            for name, (_, valid) in self._valid().items()
        }

    def troubles(self) -> dict[str, str]:
        """Sentences by cause."""
        now_s = self._wall()
        doubts = {name: doubt_in(what, valid, now_s) for name, (what, valid) in self._valid().items()}
        unusable = {f"{name}.{key}": doubt for name in self._tls for key, doubt in self._papers(name).unusable.items()}
        told = {
            f"certificate {doubt.kind} {name}": f"{doubt.problem} - {doubt.cure}"
            for name, doubt in (doubts | unusable).items()
            if doubt
        }
        clock = impossible_time(now_s, (file for tls in self._tls.values() for file in named_files(tls).values()))
        return {**({"clock": f"{clock} - {CLOCK_CURE}"} if clock else {}), **told}

    def _valid(self) -> dict[str, tuple[str, Validity]]:
        """In words, and its time, by name."""
        found = {
            f"{name}.{key}": (f"{CERTIFICATE_KEYS[key]} {named_files(tls)[key]}", valid)
            for name, tls in self._tls.items()
            for key, valid in sorted(self._papers(name).valid.items())
        }
        broker = self._of_broker()
        return found | ({"broker": ("the broker's certificate", broker)} if broker else {})

    def _papers(self, name: str) -> Papers:
        """Read anew when a file is another one than before."""
        tls = self._tls[name]
        now = [_fingerprint(file) for file in named_files(tls).values()]
        if name not in self._known or self._known[name][0] != now:
            self._known[name] = now, papers(tls)
        return self._known[name][1]

    def _of_broker(self) -> Validity | None:
        """The last one that was seen stands while there is no connection."""
        der = self._broker()
        if der is not None:
            try:
                self._broker_valid = validity(der)
            except ValueError:  # TLS took it, so it is one; but it is hostile until it is read
                self._broker_valid = None
        return self._broker_valid


def _fingerprint(file: Path) -> tuple[int, ...]:
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode, status.st_uid
