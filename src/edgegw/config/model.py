"""The configuration as frozen models: what a technician may write, with every default in one place.

A description here becomes the hover text of the JSON Schema and the hint of a fault.
Validators look at the values only, never at the world (ports, files, hosts): that is `edgegw check`'s work.
What one part says about another (a door about a reader's antennas) is `crosscheck`'s work.
"""

from __future__ import annotations

import ipaddress
import re
import warnings
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from edgegw.config.suggest import closest, did_you_mean
from edgegw.core.epcis.places import place_uri
from edgegw.core.epcis.vocabulary import BIZ_STEPS, DISPOSITIONS
from edgegw.core.identity import VendorRule
from edgegw.core.identity.digits import check_digit

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_HOST_PORT = "must be host:port with a port from 1 to 65535"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def wrong(problem: str, hint: str = "", keys: tuple[str, ...] = ()) -> PydanticCustomError:
    """The error that validators raise. `keys`: the keys concerned; the first one present is pointed at.

    >>> print(wrong("is not an IP address", "such as 10.0.0.21"))
    is not an IP address - such as 10.0.0.21
    """
    text = f"{problem} - {hint}" if hint else problem
    return PydanticCustomError("wrong", "{text}", {"text": text, "problem": problem, "hint": hint, "keys": keys})


def _text(pattern: str, meaning: str) -> FieldInfo:
    """A constraint on a text together with its meaning in words, which editors and `check` show."""
    return Field(pattern=f"^{pattern}$", json_schema_extra={"patternErrorMessage": meaning})  # type: ignore[no-any-return]  # Field() is typed Any


def is_loopback(host: str) -> bool:
    """Whether only this machine is meant.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "10.0.0.5", "broker", "0.0.0.0")]
    [True, True, True, False, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").casefold() == "localhost"


def _check_host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        pass
    else:
        return value
    if address := re.match(r"(\w+)://(?:.*@)?([^/:]+)(?::(\d+))?", value):
        scheme, host, port = address.groups()
        also = [f"port: {port}"] * bool(port) + ["tls: true"] * (scheme in ("mqtts", "ssl", "tls", "https"))
        raise wrong("must be a host alone", " and ".join([f"write host: {host}", *also]))
    if with_port := re.fullmatch(r"\[?(.*?)\]?:(\d+)", value):
        host, port = with_port.groups()
        raise wrong("must be a host alone", f"write host: {host} and port: {port}")
    if re.fullmatch(r"[\d.,]+", value):
        raise wrong("is not an IP address", "four numbers from 0 to 255 with points between, such as 10.0.0.21")
    if not _HOST_NAME.fullmatch(value):
        raise wrong("is not a host name", "letters, digits, '-' and '.', or an IP address")
    return value


def split_host_port(text: str) -> tuple[str, int]:
    """`host:port` or `[ipv6]:port` as its two parts; raises a validation error that says what is wrong.

    >>> split_host_port("[::1]:4001")
    ('::1', 4001)
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port[:6]) <= 65535:
        raise wrong(_HOST_PORT, "such as 10.0.0.30:4001")
    return _check_host(host.removeprefix("[").removesuffix("]")), int(port)


def _check_host_port(value: str, info: ValidationInfo) -> str:
    if value.isdecimal():
        listens = info.field_name == "listen"
        hint = f"write 0.0.0.0:{value} for every address of this device" if listens else f"write HOST:{value}"
        raise wrong(_HOST_PORT, hint)
    split_host_port(value)
    return value


def _check_network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        try:
            meant = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise wrong("is no network and no IP address", "such as 10.0.0.0/24 or 10.0.0.31") from None
        raise wrong("is an address and no network", f"write {meant}, or {value.partition('/')[0]}") from None
    return value


def _check_device(value: Path) -> Path:
    """Nothing else is absolute by need: a device beside the configuration file would be a strange one."""
    if not value.is_absolute():
        name = str(value)
        hint = f"write /dev/{name}" if re.fullmatch(r"tty\w+", name) else "ls -l /dev/serial/by-id shows the names"
        raise wrong("must be the full path of a serial port", hint)
    return value


def _check_gln(value: str) -> str:
    """The last digit of a GLN is a check digit (GS1 General Specifications 7.9.1)."""
    right = check_digit(value[:-1])
    if right != value[-1]:
        raise wrong(
            "is not a GLN: its check digit does not fit",
            f"{value[:-1]} would end in {right}; look for a mistyped digit",
        )
    return value


def _check_place(value: str) -> str:
    """In the form in which EPCIS events carry it."""
    try:
        return place_uri(value)
    except ValueError as error:
        raise wrong(str(error), "such as 0614141000012 or urn:epc:id:sgln:0614141.00001.DOCK-5") from None


def _check_word(value: str, words: tuple[str, ...], paragraph: str) -> str:
    if value not in words and not _URI.match(value):
        hint = did_you_mean(value, words) or f"CBV 2.0, {paragraph}, has the list: {', '.join(words[:3])} ..."
        raise wrong("is no word of CBV 2.0 and no URI", hint)
    return value


def _check_biz_step(value: str) -> str:
    return _check_word(value, BIZ_STEPS, "7.1")


def _check_disposition(value: str) -> str:
    return _check_word(value, DISPOSITIONS, "7.2")


def _from_folder(value: Path, info: ValidationInfo) -> Path:
    """A relative path counts from the folder of the configuration file, wherever edgegw is started."""
    folder = (info.context or {}).get("folder")
    if value == Path():
        raise wrong("must be the path of a file")
    return folder / value if folder else value


Name = Annotated[str, _text(_NAME, "a name of letters, digits, '-', '_' and '.', at most 64 long")]
"""Goes into topics and file names: letters, digits, `-`, `_`, `.`; no spaces, no `/ + #`."""

AntennaText = Annotated[
    str,
    _text(rf"{_NAME}(/[1-9][0-9]{{0,3}})?", "reader/antenna with antennas from 1, or a reader's name for all of it"),
]
InputText = Annotated[str, _text(rf"{_NAME}/gpi[1-9][0-9]{{0,2}}", "reader/gpi and the number of its input from 1")]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, Field(min_length=1), AfterValidator(_check_host)]
Network = Annotated[str, Field(min_length=1), AfterValidator(_check_network)]
HostPort = Annotated[str, Field(min_length=1), AfterValidator(_check_host_port)]
Gln = Annotated[str, _text(r"[0-9]{13}", "a GLN of 13 digits"), AfterValidator(_check_gln)]
File = Annotated[Path, Field(json_schema_extra={"minLength": 1}), AfterValidator(_from_folder)]
Device = Annotated[Path, Field(json_schema_extra={"minLength": 1}), AfterValidator(_check_device)]
PlaceText = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_place)]
BizStep = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_biz_step)]
Disposition = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_disposition)]
Level = Literal["high", "low"]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Tls(Model):
    """TLS 1.2 or newer, with the certificate verified unless `verify: false`."""

    ca_file: File | None = Field(default=None, description="CA certificates (PEM); default: the system's")
    cert_file: File | None = Field(default=None, description="client certificate (PEM) for mutual TLS")
    key_file: File | None = Field(default=None, description="its private key (PEM); default: inside cert_file")
    server_name: Host | None = Field(default=None, description="name in the other side's certificate, if not the host")
    verify: bool = Field(default=True, description="false: accept any certificate (never on a shared network)")

    @model_validator(mode="after")
    def _key_has_certificate(self) -> Tls:
        if self.key_file and not self.cert_file:
            raise wrong("a private key needs its certificate", "add cert_file", keys=("key_file", "cert_file"))
        return self


def _tls_branch(value: object) -> str:
    return "<settings>" if isinstance(value, (dict, Tls)) else "<switch>"


TlsChoice = Annotated[
    Annotated[bool, Tag("<switch>")] | Annotated[Tls, Tag("<settings>")],
    Discriminator(_tls_branch),
]
"""`true`, `false`, or the settings."""


class GpiStart(Model):
    """Read while a general-purpose input (photo-eye, motion sensor) says so."""

    gpi: int = Field(ge=1, le=255, description="input port of the reader that starts reading")
    level: Level = Field(default="high", description="the level that starts reading")


class PeriodicStart(Model):
    """Read again and again."""

    every_s: float = Field(gt=0, le=86_400, description="start a round of reading this often")


def _start_branch(value: object) -> str:
    """Which way to start the author meant, also when a key is misspelt."""
    if isinstance(value, PeriodicStart):
        return "<periodic>"
    if isinstance(value, dict):
        meant = {closest(str(key), ("gpi", "level", "every_s")) for key in value}
        return "<periodic>" if "every_s" in meant and not meant & {"gpi", "level"} else "<gpi>"
    return "<gpi>" if isinstance(value, GpiStart) else "<word>"


StartChoice = Annotated[
    Annotated[Literal["immediate"], Tag("<word>")]
    | Annotated[GpiStart, Tag("<gpi>")]
    | Annotated[PeriodicStart, Tag("<periodic>")],
    Discriminator(_start_branch),
]


BRANCHES = frozenset({"<switch>", "<settings>", "<word>", "<list>", "<gpi>", "<periodic>"})
"""The tags above. They stand in the location of an error but are no keys."""


class Stop(Model):
    """When a round of reading ends."""

    after_s: float | None = Field(default=None, gt=0, le=86_400, description="end the round after this long")
    gpi: int | None = Field(default=None, ge=1, le=255, description="end it when this input changes")
    level: Level = Field(default="low", description="the level of that input which ends it")

    @model_validator(mode="after")
    def _something_ends_it(self) -> Stop:
        if self.after_s is None and self.gpi is None:
            raise wrong("nothing here ends the round", "add after_s, gpi or both", keys=("after_s", "gpi"))
        return self


class Reader(Model):
    """One LLRP reader."""

    name: Name = Field(description="what doors and stations call it; part of topics and log lines")
    host: Host = Field(description="IP address or host name")
    port: Port | None = Field(default=None, description="default 5084, with TLS 5085")
    tls: TlsChoice = Field(default=False, description="LLRP over TLS")
    power_dbm: float | None = Field(
        default=None,
        ge=-20,
        le=40,
        description="transmit power; must be in the reader's own table; default: as set there",
    )
    session: int | None = Field(
        default=0, ge=0, le=3, description="Gen2 session; 0 gives most reads a pass (right for doors), 1 only 3-4"
    )
    population: int = Field(default=32, ge=1, le=65_535, description="about how many tags are in the field at once")
    mode: int | None = Field(
        default=None, ge=0, le=65_535, description="RF mode identifier from the reader's table; default: its own"
    )
    search: Literal["dual", "single", "reader"] | None = Field(
        default=None, description="Impinj search mode; dual target gives most reads a pass"
    )
    start: StartChoice = Field(
        default="immediate", description="when reading starts: at once, by a photo-eye, periodically"
    )
    stop: Stop | None = Field(default=None, description="when a round of reading ends; default: never")
    report_every: int = Field(default=1, ge=1, le=1000, description="tags per report; 1 = each read at once")
    keepalive_s: float = Field(default=10, ge=1, le=60, description="the reader says this often that it lives")
    late_after_s: float = Field(
        default=5, gt=0, le=3600, description="a report this much older than its arrival is flagged late"
    )
    llrp_version: Literal["auto", "1.0.1", "1.1"] = Field(
        default="auto", description="auto: 1.1 where the reader has it"
    )

    @property
    def effective_port(self) -> int:
        return self.port or (5085 if self.tls else 5084)


class SerialRule(Model):
    """A plain (not GS1) barcode of a vendor, recognised by a regular expression."""

    match: str = Field(
        min_length=1, max_length=500, description="regular expression for the whole text, with named groups"
    )
    unit: str = Field(
        min_length=1,
        max_length=500,
        description="URI of the unit, with the groups in braces: https://example.com/obj/{serial}",
    )

    @field_validator("match")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # what a later Python will read differently
                re.compile(value)
        except (re.error, OverflowError, RecursionError, Warning) as error:
            raise wrong("is not a regular expression", str(error)) from None
        return value

    @field_validator("unit")
    @classmethod
    def _is_uri(cls, value: str) -> str:
        if not _URI.match(value):
            raise wrong("is not a URI", "such as https://example.com/obj/{serial}")
        if not re.search(r"\{\w+\}", value):
            raise wrong(
                "names no group of match, so every scan would be the same unit",
                "such as https://example.com/obj/{serial}",
            )
        return value

    @model_validator(mode="after")
    def _groups_exist(self) -> SerialRule:
        named = re.compile(self.match).groupindex
        for group in re.findall(r"\{(\w+)\}", self.unit):
            if group not in named:
                raise wrong(
                    f"unit uses {{{group}}}, which match does not name",
                    f"write (?P<{group}>...) in match",
                    keys=("unit", "match"),
                )
        try:
            VendorRule.parse(self.match, self.unit)
        except ValueError:
            raise wrong(
                "could try for ever on a hostile text",
                "give its repeats limits such as {1,12}, or make them possessive (*+ or ++), "
                "and do not repeat a group that holds a repeat",
                keys=("match",),
            ) from None
        return self


class Scanner(Model):
    """One barcode scanner: exactly one of port, usb, connect, listen."""

    name: Name = Field(description="part of topics and log lines")
    station: Name = Field(description="the station where a scan puts the unit")
    port: Device | None = Field(default=None, description="serial device, such as /dev/serial/by-id/usb-...")
    usb: (
        Annotated[str, _text(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}(:.+)?", "VID:PID or VID:PID:serial, as lsusb shows")]
        | None
    ) = Field(default=None, description="VID:PID or VID:PID:serial of a USB scanner, wherever it is plugged in")
    connect: HostPort | None = Field(default=None, description="host:port of a network scanner to connect to")
    listen: HostPort | None = Field(default=None, description="host:port of ours where a network scanner connects")
    from_: tuple[Network, ...] = Field(
        default=(), alias="from", description="with listen: networks or addresses that may connect; default: any"
    )
    baud: int = Field(default=9600, ge=300, le=4_000_000, description="speed of the serial line")
    frame: Literal["8N1", "8E1", "8O1", "7E1", "7O1", "8N2"] = Field(
        default="8N1", description="data bits, parity and stop bits of the serial line"
    )
    terminator: Literal["auto", "cr", "lf", "crlf", "etx", "nul", "tab"] = Field(
        default="auto", description="what ends a scan; auto: CR, LF, CRLF or ETX"
    )
    prefix: str = Field(default="", max_length=15, description="text before every scan, to strip")
    suffix: str = Field(default="", max_length=15, description="text after every scan, before the terminator, to strip")
    max_length: int = Field(default=4096, ge=8, le=65_536, description="a longer scan is refused and counted")
    encoding: Literal["utf-8", "latin-1", "ascii", "shift_jis"] = Field(
        default="utf-8", description="how the scanner writes characters beyond ASCII"
    )
    assume: Literal["auto", "gs1", "digital-link", "15434", "plain"] = Field(
        default="auto", description="what a scan without AIM identifier is"
    )
    gs: str = Field(
        default="", max_length=8, description="what the scanner sends in place of the GS character, if not GS"
    )
    serials: tuple[SerialRule, ...] = Field(default=(), description="how vendors' plain serial numbers look here")

    @model_validator(mode="after")
    def _one_way_in(self) -> Scanner:
        ways = ("port", "usb", "connect", "listen")
        given = [way for way in ways if getattr(self, way) is not None]
        if len(given) != 1:
            problem = f"only one of {' and '.join(given)} can be" if given else "how it is connected is missing"
            raise wrong(problem, f"say exactly one of {', '.join(ways)}", keys=(*given[1:], *ways))
        return self


class Sides(Model):
    """Antennas on each side of a door, as `reader/antenna`, or `reader` for all antennas of one."""

    inside: tuple[AntennaText, ...] = Field(min_length=1, description="antennas that look into the building")
    outside: tuple[AntennaText, ...] = Field(min_length=1, description="antennas that look at the lorry")


class Places(Model):
    """What the two sides of a door are called in `from` and `to`."""

    inside: str = Field(default="inside", min_length=1, max_length=200, description="name of the inside in events")
    outside: str = Field(default="outside", min_length=1, max_length=200, description="name of the outside in events")

    @model_validator(mode="after")
    def _differ(self) -> Places:
        if self.inside == self.outside:
            raise wrong(
                f"both sides are called {self.inside!r}",
                "with one name no event could say where a unit went",
                keys=("outside", "inside"),
            )
        return self


class LoadVote(Model):
    """Units that cross together vote."""

    min_tags: int = Field(
        default=5, ge=0, le=1000, description="so many units crossing together are a load; 0 = each for itself"
    )
    quorum: float = Field(default=0.5, gt=0, le=1, description="share of a load that must have crossed")


class PhotoEye(Model):
    """Beams across a door on inputs of readers. One sees that something went through, two also which way."""

    inside: InputText | None = Field(default=None, description="input of the beam nearer to the building")
    outside: InputText | None = Field(default=None, description="input of the beam nearer to the lorry")
    level: Level = Field(default="high", description="the level while something interrupts the beam")

    @model_validator(mode="after")
    def _something_is_wired(self) -> PhotoEye:
        if self.inside is None and self.outside is None:
            raise wrong("no beam is wired", "add inside, outside or both", keys=("inside", "outside"))
        if self.inside == self.outside:
            raise wrong(
                f"both beams are {self.inside}",
                "each has its own input; one beam alone is given once",
                keys=("outside",),
            )
        return self


class Outbound(Model):
    """What EPCIS says of what goes out (CBV 2.0, 7)."""

    biz_step: BizStep = Field(default="departing", description="word of CBV, or a URI")
    disposition: Disposition = Field(default="in_transit", description="word of CBV, or a URI")
    biz_location: PlaceText | None = Field(default=None, description="where the unit is then; on the way: nowhere")


class Inbound(Model):
    """What EPCIS says of what comes in (CBV 2.0, 7)."""

    biz_step: BizStep = Field(default="arriving", description="word of CBV, or a URI")
    disposition: Disposition = Field(default="in_progress", description="word of CBV, or a URI")
    biz_location: PlaceText | None = Field(default=None, description="where the unit is then, such as the building")


class DoorEpcis(Model):
    """What a door's EPCIS events say."""

    read_point: PlaceText | None = Field(
        default=None, description="GLN, SGLN or another URI of the place; default: the door's location"
    )
    outbound: Outbound = Field(default=Outbound(), description="of what goes out")
    inbound: Inbound = Field(default=Inbound(), description="of what comes in")


class StationEpcis(Model):
    """What a station's EPCIS events say."""

    read_point: PlaceText | None = Field(
        default=None, description="GLN, SGLN or another URI of the place; default: the station's location"
    )
    biz_step: BizStep | None = Field(default=None, description="word of CBV, or a URI")
    disposition: Disposition | None = Field(default=None, description="word of CBV, or a URI")
    biz_location: PlaceText | None = Field(
        default=None, description="where the unit is then; default: the station's location"
    )


class Door(Model):
    """A dock door: what passes from one side's antennas to the other's has moved."""

    name: Name = Field(description="part of topics and events")
    sides: Sides = Field(description="antennas on each side of the door")
    places: Places = Field(default=Places(), description="names of the two sides in events")
    location: Gln | None = Field(default=None, description="GLN of the door; in quotes, it may start with 0")
    quiet_s: float = Field(default=4, gt=0, le=60, description="a pass is over when the tag was silent this long")
    max_open_s: float = Field(
        default=12, gt=0, le=3600, description="a tag seen longer than this without a break is standing there"
    )
    min_order_s: float = Field(
        default=0.4, ge=0, le=10, description="the two sides must follow each other by at least this"
    )
    steady_db: Literal["auto"] | Annotated[float, Field(ge=0, le=20)] = Field(
        default="auto", description="a tag whose signal wanders less lies still; auto: learned from the tags here"
    )
    memory_s: float = Field(
        default=900, ge=0, le=86_400, description="the side where a unit was last seen counts for this long"
    )
    load: LoadVote = Field(default=LoadVote(), description="units that cross together vote")
    photo_eye: PhotoEye | None = Field(
        default=None, description="beams across the door: without one interrupted nothing has crossed"
    )
    early: bool = Field(
        default=False, description="decide about 3 s sooner, and more often wrongly about what turns back"
    )
    epcis: DoorEpcis = Field(default=DoorEpcis(), description="what its EPCIS events say")

    @model_validator(mode="after")
    def _can_end(self) -> Door:
        if self.max_open_s <= self.quiet_s:
            raise wrong(
                f"max_open_s ({self.max_open_s:g}) must be longer than quiet_s ({self.quiet_s:g})",
                "otherwise every tag would count as standing there",
                keys=("max_open_s", "quiet_s"),
            )
        return self


class Station(Model):
    """A place where a read means: the unit is here now."""

    name: Name = Field(description="part of topics and events")
    location: Gln | None = Field(default=None, description="GLN of the station; in quotes, it may start with 0")
    antennas: tuple[AntennaText, ...] = Field(default=(), description="RFID antennas here, as reader/antenna or reader")
    repeat_s: float = Field(default=10, ge=0, le=86_400, description="the same unit again within this long is a repeat")
    within: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="the side of doors where the station lies, as their places call it: doors then know its units",
    )
    epcis: StationEpcis = Field(default=StationEpcis(), description="what its EPCIS events say")


class Mqtt(Model):
    """The broker that the central systems listen to."""

    host: Host = Field(description="IP address or host name of the broker")
    port: Port | None = Field(default=None, description="default 1883, with TLS 8883")
    tls: TlsChoice = Field(default=False, description="MQTT over TLS")
    username: str | None = Field(default=None, min_length=1, max_length=1000, description="name to log in with")
    password_file: File | None = Field(default=None, description="file with the password alone, mode 0600")
    password_credential: Name | None = Field(default=None, description="name of a systemd credential with the password")
    protocol: Literal["auto", "5", "3.1.1"] = Field(default="auto", description="auto: MQTT 5, then 3.1.1")
    client_id: str | None = Field(
        default=None, min_length=1, max_length=128, description="default: edgegw-SITE-GATEWAY"
    )
    keepalive_s: int = Field(default=30, ge=5, le=600, description="the broker hears this often that we live")
    prefix: Annotated[
        str,
        _text(
            r"[^\s+#/$]([^\s+#]*[^\s+#/])?", "levels joined by '/', without spaces, '+', '#', and '/' or '$' in front"
        ),
    ] = Field(default="edgegw/v1", max_length=200, description="first levels of every topic")
    window: int = Field(default=100, ge=1, le=10_000, description="messages on the way to the broker at once")

    @property
    def effective_port(self) -> int:
        return self.port or (8883 if self.tls else 1883)

    @model_validator(mode="after")
    def _password_from_one_place(self) -> Mqtt:
        if self.password_file and self.password_credential:
            raise wrong(
                "the password cannot come from two places",
                "keep password_file or password_credential",
                keys=("password_credential", "password_file"),
            )
        if (self.password_file or self.password_credential) and not self.username:
            raise wrong(
                "a password needs a name to log in with",
                "add username",
                keys=("password_file", "password_credential", "username"),
            )
        return self


Format = Literal["cloudevents", "epcis"]


def _format_branch(value: object) -> str:
    return "<list>" if isinstance(value, (list, tuple)) else "<word>"


FormatChoice = Annotated[
    Annotated[Format, Tag("<word>")] | Annotated[tuple[Format, ...], Field(min_length=1), Tag("<list>")],
    Discriminator(_format_branch),
]
"""One, or a list of both."""


class Delivery(Model):
    """How events go out, and when they count as delivered."""

    format: FormatChoice = Field(
        default="cloudevents", description="cloudevents, epcis (2.0), or both: [cloudevents, epcis]"
    )
    loads: bool = Field(
        default=False, description="with epcis: also an AggregationEvent for each load with one SSCC among its tags"
    )
    batch: int = Field(default=1, ge=1, le=500, description="so many waiting events go into one message")
    rate_per_s: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        description="pace of a backlog, with fresh events at once beside it; default: as fast as the broker takes it, "
        "in order",
    )
    confirm: Literal["broker", "central"] = Field(
        default="broker",
        description="who must have it: the broker, or a central system that says so on topic ack; "
        "brokers lose what they acknowledged when they are killed",
    )
    commands: tuple[Literal["resend"], ...] = Field(
        default=(), description="what a central system may ask for over MQTT, on topics cmd/..."
    )

    @property
    def formats(self) -> tuple[Format, ...]:
        return (self.format,) if isinstance(self.format, str) else tuple(dict.fromkeys(self.format))


class JournalSettings(Model):
    """The file where every event is safe before it is sent."""

    path: File = Field(description="SQLite file; its folder must be writable for edgegw")
    commit_ms: int = Field(
        default=250, ge=1, le=10_000, description="write to disk at least this often; events within 20 ms"
    )
    commit_rows: int = Field(default=500, ge=1, le=100_000, description="or when this many rows wait")
    keep_h: float = Field(default=24, ge=0, le=8760, description="published events stay this long for a replay")
    max_mb: int = Field(
        default=512, ge=8, le=1_000_000, description="published events go early when the file is larger"
    )


GtinPrefix = Annotated[str, _text(r"\d{1,14}", "the first 1 to 14 digits of a GTIN-14")]


class IdentitySettings(Model):
    """Which unit a read is, where the standards leave a choice."""

    raw: Literal["forward", "count", "drop"] = Field(
        default="forward",
        description="tags that no rule names: move under their bits, are counted as raw, or only as dropped",
    )
    strip_leading_zeros: tuple[GtinPrefix, ...] = Field(
        default=(),
        description="GTIN-14 prefixes whose labels print serials with leading zeros that 96-bit tags cannot hold",
    )


class Log(Model):
    """What edgegw says about itself."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is said")
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto: console on a terminal, else JSON"
    )


class Config(Model):
    """One gateway. Read aloud, it describes the dock."""

    site: Name = Field(description="the warehouse; part of every topic")
    gateway: Name = Field(description="this device; part of every topic, unique on the site")
    readers: tuple[Reader, ...] = Field(default=(), description="the RFID readers")
    scanners: tuple[Scanner, ...] = Field(default=(), description="the barcode scanners")
    doors: tuple[Door, ...] = Field(default=(), description="the dock doors, where sides decide the direction")
    stations: tuple[Station, ...] = Field(default=(), description="the places where a read means: here now")
    mqtt: Mqtt = Field(description="the broker that the central systems listen to")
    delivery: Delivery = Field(default=Delivery(), description="how events go out, and when they count as delivered")
    journal: JournalSettings = Field(description="the file where every event is safe before it is sent")
    identity: IdentitySettings = Field(default=IdentitySettings(), description="which unit a read is")
    log: Log = Field(default=Log(), description="what edgegw says about itself")
