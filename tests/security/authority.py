"""An authority with the openssl command line: certificates for any name and any time, and their keys."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

_CONFIG = """\
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
serial = serial
unique_subject = no
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""


_NEW_KEY = "-config ca.conf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


class Paper(NamedTuple):
    """A certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """Signs in `folder`; `ca` is what others must trust."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        (folder / "ca.conf").write_text(_CONFIG)
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._run(
            f"req -x509 {_NEW_KEY} -keyout {self._key} -out {self.ca} -days 3650",
            *("-addext", "basicConstraints=critical,CA:TRUE", "-subj", f"/CN={name}"),
        )

    def issue(self, name: str, *, days: float = 365.0, from_days: float = -1.0, hosts: str = "IP:127.0.0.1") -> Paper:
        """A certificate whose common name is `name`, valid from so many days from now on until so many."""
        file = name.replace("/", "_")
        paper = Paper(self._folder / f"{file}.pem", self._folder / f"{file}.key")
        common = name.replace("/", "\\/")
        self._run(
            f"req -new {_NEW_KEY} -keyout {paper.key} -out {file}.csr -addext subjectAltName={hosts}",
            *("-subj", f"/CN={common}"),
        )
        self._run(
            f"ca -batch -notext -config ca.conf -cert {self.ca} -keyfile {self._key} -in {file}.csr -out {paper.cert}"
            f" -startdate {_stamp(from_days)} -enddate {_stamp(days)}"
        )
        paper.key.chmod(0o600)
        return paper

    def _run(self, command: str, *more: str) -> None:
        words = ["openssl", *command.split(), *more]
        done = subprocess.run(words, cwd=self._folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def _stamp(days: float) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y%m%d%H%M%SZ}"
