"""The Mosquitto that config/mosquitto makes: the shipped files, with the folders and ports of a test."""

from __future__ import annotations

import getpass
import shutil
import ssl
import subprocess
from pathlib import Path

from tests.mosquitto import Mosquitto, free_port
from tests.security.authority import Authority

SHIPPED = Path(__file__).parents[2] / "config" / "mosquitto"


class ShippedMosquitto(Mosquitto):
    """`port` wants TLS and a password, `mtls_port` a certificate of `clients`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.mtls_port = free_port()
        self.authority = Authority(folder / "authority")
        self.clients = Authority(folder / "clients", "clients")
        self._etc = folder / "etc"
        self._install()

    def _install(self) -> None:
        (self._etc / "certs").mkdir(parents=True)
        (self._etc / "conf.d").mkdir()
        server = self.authority.issue("broker", hosts="IP:127.0.0.1,DNS:broker.test")
        self.replace_server(server.cert, server.key)
        shutil.copy(self.clients.ca, self._etc / "certs" / "clients.pem")
        shutil.copy(SHIPPED / "edgegw.acl", self._etc)
        (self._etc / "edgegw.acl").chmod(0o600)
        (self._etc / "conf.d" / "mtls.conf").write_text(self._here((SHIPPED / "mtls.conf").read_text()))
        (self._etc / "edgegw.passwd").touch(mode=0o600)

    def replace_server(self, cert: Path, key: Path) -> None:
        """With this certificate from the next start on."""
        shutil.copy(cert, self._etc / "certs" / "server.pem")
        shutil.copy(key, self._etc / "certs" / "server.key")

    def allow(self, user: str, password: str) -> None:
        """As docs/security.md says."""
        command = ["mosquitto_passwd", "-b", str(self._etc / "edgegw.passwd"), user, password]
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    @property
    def tls(self) -> ssl.SSLContext:
        """That of a client with a password."""
        return ssl.create_default_context(cafile=self.authority.ca)

    def _text(self) -> str:
        # mosquitto started by root would give up its rights and then fail to write into the test's folder
        return f"user {getpass.getuser()}\n" + self._here((SHIPPED / "mosquitto.conf").read_text())

    def _here(self, text: str) -> str:
        places = {
            "/etc/mosquitto/": f"{self._etc}/",
            "/var/lib/mosquitto/": f"{self._store}/",
            "listener 8883\n": f"listener {self.port} {self.host}\n",
            "listener 8884\n": f"listener {self.mtls_port} {self.host}\n",
        }
        for shipped, here in places.items():
            text = text.replace(shipped, here)
        return text
