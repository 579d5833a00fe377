"""The configuration as frozen models: what a technician may write, with every default in one place.

A description here becomes the hover text of the JSON Schema and the comment of the annotated example.
Validators look at the values only, never at the world (ports, files, hosts): that is `edgegw check`'s work.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""Goes into topics and file names: letters, digits, `-`, `_`, `.`; no spaces, no `/ + #`."""

Port = Annotated[int, Field(ge=1, le=65535)]
Gln = Annotated[str, Field(pattern=r"^\d{13}$")]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Tls(Model):
    """TLS 1.2 or newer, with the certificate verified unless `verify: false`."""

    ca_file: Path | None = Field(None, description="CA certificates (PEM); default: the system's")
    cert_file: Path | None = Field(None, description="client certificate (PEM) for mutual TLS")
    key_file: Path | None = Field(None, description="its private key (PEM); default: inside cert_file")
    server_name: str | None = Field(None, description="name in the other side's certificate, if not the host")
    verify: bool = Field(True, description="false: accept any certificate (never on a shared network)")


class GpiStart(Model):
    """Read while a general-purpose input (photo-eye, motion sensor) says so."""

    gpi: int = Field(ge=1, le=255, description="input port of the reader")
    level: Literal["high", "low"] = Field("high", description="the level that starts reading")


class PeriodicStart(Model):
    every_s: float = Field(gt=0, le=86_400, description="start a round of reading this often")


class Stop(Model):
    """When a round of reading ends."""

    after_s: float | None = Field(None, gt=0, le=86_400, description="end the round after this long")
    gpi: int | None = Field(None, ge=1, le=255, description="end it when this input changes")
    level: Literal["high", "low"] = Field("low", description="the level of that input which ends it")

    @model_validator(mode="after")
    def _something_ends_it(self) -> Stop:
        if self.after_s is None and self.gpi is None:
            raise ValueError("say after_s, gpi or both: nothing here ends the round")
        return self


class Reader(Model):
    """One LLRP reader."""

    name: Name
    host: str = Field(min_length=1, description="IP address or host name")
    port: Port | None = Field(None, description="default 5084, with TLS 5085")
    tls: bool | Tls = Field(False, description="LLRP over TLS")
    power_dbm: float | None = Field(
        None, ge=-20, le=40, description="transmit power; must be in the reader's own table; default: as set there"
    )
    session: Literal[0, 1, 2, 3] | None = Field(
        0, description="Gen2 session; 0 gives most reads a pass (right for doors), 1 only 3-4"
    )
    population: int = Field(32, ge=1, le=65_535, description="about how many tags are in the field at once")
    mode: int | None = Field(None, ge=0, description="RF mode identifier from the reader's table; default: its own")
    search: Literal["dual", "single", "reader"] | None = Field(
        None, description="Impinj search mode; dual target gives most reads a pass"
    )
    start: Literal["immediate"] | GpiStart | PeriodicStart = Field("immediate", description="when reading starts")
    stop: Stop | None = Field(None, description="when a round of reading ends; default: never")
    report_every: int = Field(1, ge=1, le=1000, description="tags per report; 1 = each read at once")
    keepalive_s: float = Field(10, ge=1, le=60, description="the reader says this often that it lives")
    late_after_s: float = Field(5, gt=0, description="a report this much older than its arrival is flagged late")
    llrp_version: Literal["auto", "1.0.1", "1.1"] = Field("auto", description="auto: 1.1 where the reader has it")

    @property
    def effective_port(self) -> int:
        return self.port or (5085 if self.tls else 5084)


class SerialRule(Model):
    """A plain (not GS1) barcode of a vendor, recognised by a regular expression."""

    match: str = Field(min_length=1, max_length=500, description="regular expression for the whole text, with named groups")
    unit: str = Field(min_length=1, description="URI of the unit, with the groups in braces: https://example.com/obj/{serial}")

    @field_validator("match")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _groups_exist(self) -> SerialRule:
        wanted = set(re.findall(r"\{(\w+)\}", self.unit))
        named = set(re.compile(self.match).groupindex)
        if not wanted:
            raise ValueError("unit must contain at least one {group} of match, or every scan would be the same unit")
        if wanted - named:
            raise ValueError(f"unit uses {{{sorted(wanted - named)[0]}}}, which match does not name with (?P<...>)")
        if not re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:", self.unit):
            raise ValueError("unit must be a URI such as https://example.com/obj/{serial}")
        return self


class Scanner(Model):
    """One barcode scanner: exactly one of port, usb, connect, listen."""

    name: Name
    station: Name = Field(description="the station where a scan puts the unit")
    port: str | None = Field(None, description="serial device, such as /dev/serial/by-id/usb-...")
    usb: str | None = Field(
        None, pattern=r"^[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}(:.+)?$", description="VID:PID or VID:PID:serial of a USB scanner"
    )
    connect: str | None = Field(None, pattern=r"^\S+:\d+$", description="host:port of a network scanner to connect to")
    listen: str | None = Field(None, pattern=r"^\S+:\d+$", description="host:port where a network scanner connects to us")
    baud: int = Field(9600, ge=300, le=4_000_000)
    frame: Literal["8N1", "8E1", "8O1", "7E1", "7O1", "8N2"] = "8N1"
    terminator: Literal["auto", "cr", "lf", "crlf", "etx", "nul", "tab"] = Field(
        "auto", description="what ends a scan; auto: CR, LF, CRLF or ETX"
    )
    prefix: str = Field("", max_length=15, description="text before every scan, to strip")
    suffix: str = Field("", max_length=15, description="text after every scan, before the terminator, to strip")
    max_length: int = Field(4096, ge=8, le=65_536, description="a longer scan is refused and counted")
    encoding: Literal["utf-8", "latin-1", "ascii", "shift_jis"] = "utf-8"
    assume: Literal["auto", "gs1", "digital-link", "15434", "plain"] = Field(
        "auto", description="what a scan without AIM identifier is"
    )
    gs: str = Field("", max_length=8, description="what the scanner sends in place of the GS character, if not GS")
    serials: tuple[SerialRule, ...] = Field((), description="how vendors' plain serial numbers look here")

    @model_validator(mode="after")
    def _one_way_in(self) -> Scanner:
        ways = [key for key in ("port", "usb", "connect", "listen") if getattr(self, key) is not None]
        if len(ways) != 1:
            found = " and ".join(ways) if ways else "none of them"
            raise ValueError(f"say exactly one of port, usb, connect, listen (found {found})")
        return self


class Sides(Model):
    """Antennas on each side of a door, as `reader/antenna`, or `reader` for all antennas of one."""

    inside: tuple[str, ...] = Field(min_length=1)
    outside: tuple[str, ...] = Field(min_length=1)


class Places(Model):
    """What the two sides of a door are called in `from` and `to`."""

    inside: str = Field("inside", min_length=1)
    outside: str = Field("outside", min_length=1)


class Door(Model):
    """A dock door: what passes from one side's antennas to the other's has moved."""

    name: Name
    sides: Sides
    places: Places = Field(Places(), description="names of the two sides in events")
    location: Gln | None = Field(None, description="GLN of the door")
    quiet_s: float = Field(4, gt=0, le=60, description="a pass is over when the tag was silent this long")
    max_open_s: float = Field(30, gt=0, le=3600, description="a tag seen longer than this without a break is standing there")
    min_order_s: float = Field(0.4, ge=0, le=10, description="the two sides must follow each other by at least this")


class Station(Model):
    """A place where a read means: the unit is here now."""

    name: Name
    location: Gln | None = Field(None, description="GLN of the station")
    antennas: tuple[str, ...] = Field((), description="RFID antennas here, as `reader/antenna` or `reader`")
    repeat_s: float = Field(10, ge=0, le=86_400, description="the same unit again within this long is a repeat")


class Mqtt(Model):
    """The broker that the central systems listen to."""

    host: str = Field(min_length=1)
    port: Port | None = Field(None, description="default 1883, with TLS 8883")
    tls: bool | Tls = False
    username: str | None = None
    password_file: Path | None = Field(None, description="file with the password alone, mode 0600")
    password_credential: Name | None = Field(None, description="name of a systemd credential with the password")
    protocol: Literal["auto", "5", "3.1.1"] = Field("auto", description="auto: MQTT 5, then 3.1.1")
    client_id: str | None = Field(None, min_length=1, max_length=128, description="default: edgegw-SITE-GATEWAY")
    keepalive_s: int = Field(30, ge=5, le=600)
    prefix: str = Field("edgegw/v1", pattern=r"^[^\s+#/$][^\s+#]*[^\s+#/]$", description="first levels of every topic")
    window: int = Field(100, ge=1, le=10_000, description="events on the way to the broker at once")

    @property
    def effective_port(self) -> int:
        return self.port or (8883 if self.tls else 1883)

    @model_validator(mode="after")
    def _password_from_one_place(self) -> Mqtt:
        if self.password_file and self.password_credential:
            raise ValueError("say password_file or password_credential, not both")
        if (self.password_file or self.password_credential) and not self.username:
            raise ValueError("a password needs a username")
        return self


class JournalSettings(Model):
    """The file where every event is safe before it is sent."""

    path: Path
    commit_ms: int = Field(250, ge=1, le=10_000, description="write to disk at least this often")
    commit_rows: int = Field(500, ge=1, le=100_000, description="or when this many rows wait")
    keep_h: float = Field(24, ge=0, le=8760, description="published events stay this long for a replay")
    max_mb: int = Field(512, ge=8, le=1_000_000, description="published events go early when the file is larger")


class Log(Model):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal, else JSON")


class Config(Model):
    """One gateway. Read aloud, it describes the dock."""

    site: Name
    gateway: Name
    readers: tuple[Reader, ...] = ()
    scanners: tuple[Scanner, ...] = ()
    doors: tuple[Door, ...] = ()
    stations: tuple[Station, ...] = ()
    mqtt: Mqtt
    journal: JournalSettings
    log: Log = Log()
