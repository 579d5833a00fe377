"""The broker's password: the one secret, and never in the configuration itself."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edgegw.config.model import Mqtt
from edgegw.errors import ConfigError, Fault

LONGEST_BYTES = 65_535
"""MQTT 5, 1.5.6: binary data has a length of two bytes."""


def read_password(mqtt: Mqtt) -> str | None:
    """From the file or the systemd credential that the configuration names. Raises ConfigError."""
    if mqtt.password_file is not None:
        return _secret("password_file", mqtt.password_file)
    if mqtt.password_credential is not None:
        return _secret("password_credential", _credential(mqtt.password_credential))
    return None


def has_credentials() -> bool:
    """Whether systemd has handed some over: it does so to a service only."""
    return bool(os.environ.get("CREDENTIALS_DIRECTORY"))


def _credential(name: str) -> Path:
    if not has_credentials():
        hint = f"write LoadCredential={name}:FILE into its unit, or use password_file"
        raise _fault("password_credential", "systemd has handed no credentials to this program", hint)
    return Path(os.environ["CREDENTIALS_DIRECTORY"]) / name


def _secret(key: str, file: Path) -> str:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise _fault(key, f"{file} is no file", "name the file that holds the password")
        with file.open("rb") as opened:
            content = opened.read(LONGEST_BYTES + 3)
        password = content.decode().removesuffix("\n").removesuffix("\r")
    except PermissionError:
        hint = "the user that edgegw runs as must be able to read it: chown edgegw FILE"
        raise _fault(key, f"{file} is not readable for this user", hint) from None
    except OSError as error:
        hint = "check the path of the file that holds the password"
        raise _fault(key, f"{file} cannot be read ({error.strerror})", hint) from None
    except UnicodeDecodeError:
        raise _fault(key, f"{file} is not UTF-8 text", "write the password alone into it") from None
    if not password:
        raise _fault(key, f"{file} is empty", "write the password into it")
    if "\n" in password or len(content) > LONGEST_BYTES:
        raise _fault(key, f"{file} holds more than one line", "it must hold the password alone")
    return password


def _fault(key: str, problem: str, hint: str) -> ConfigError:
    return ConfigError([Fault("configuration", 0, 0, f"mqtt.{key}", problem, hint)])
