"""Certificates in and out of their time: in `edgegw check`, at a real broker, and while the gateway runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgegw.cli.check import check
from edgegw.config import certificates as certificates_module
from edgegw.config import x509
from edgegw.config.certificates import DAY_S, impossible_time
from edgegw.config.model import Tls
from edgegw.config.x509 import Validity, validity
from edgegw.expiry import Expiry
from edgegw.tls import tls_context
from tests.publish.test_gateway import scan, until_status, write_scanner_config
from tests.security.authority import Authority, Paper
from tests.security.person import Person
from tests.security.shipped import ShippedMosquitto
from tests.test_app import gateway, stopped

BASE = "edgegw/v1/dc-1/gw-1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


# ---------------------------------------------------------------- what a certificate says


@pytest.mark.parametrize(("first", "last"), [(-1, 365), (-400, -1), (-1, 40_000), (20, 21)])
def test_the_time_of_a_certificate_is_what_openssl_says(authority: Authority, first: float, last: float) -> None:
    """40,000 days go beyond 2050, where RFC 5280 wants another form of times."""
    paper = authority.issue("any", from_days=first, days=last)
    (der,) = x509.certificates(paper.cert.read_bytes())
    words = ["openssl", "x509", "-in", str(paper.cert), "-noout", "-dates", "-dateopt", "iso_8601"]
    told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout
    start_s, end_s = validity(der)
    assert told.split("\n")[:2] == [f"notBefore={_as_openssl(start_s)}", f"notAfter={_as_openssl(end_s)}"]


def _as_openssl(t: float) -> str:
    return certificates_module.rfc3339(t).replace("T", " ").replace(".000", "")


def test_no_certificate_cut_or_changed_does_more_than_say_so(authority: Authority) -> None:
    (der,) = x509.certificates(authority.issue("any").cert.read_bytes())
    good = validity(der)
    for cut in range(len(der)):
        with pytest.raises(ValueError, match=r"certificate"):
            validity(der[:cut])
    for at in range(min(len(der), 200)):
        for byte in (0, 0x30, 0x7F, 0x80, 0x84, 0xFF):
            try:
                found = validity(der[:at] + bytes([byte]) + der[at + 1 :])
            except ValueError:
                continue
            assert isinstance(found, Validity)
    assert validity(der) == good


# ---------------------------------------------------------------- check


def checked(folder: Path, **tls: Path) -> list[str]:
    """What `edgegw check` warns of about these files, or refuses."""
    named = {key: str(path) for key, path in tls.items()}
    file, _ = write_scanner_config(folder, 1, mqtt={"host": "broker.example", "tls": named})
    result = CliRunner().invoke(check, [str(file), "--format", "json"])
    said = json.loads(result.output)
    assert result.exit_code == (78 if said["faults"] else 0), result.output
    return [one["text"].removeprefix(f"{file}:") for one in (*said["faults"], *said["warnings"])]


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (-1, 31, None),
        (-1, 29.5, ", in 29 days - renew it"),
        (-1, 7.5, ", in 7 days - renew it"),
        (-1, 6.5, ", in 6 days - renew it now"),
        (-1, 1.5, ", in 1 day - renew it now"),
        (-1, 0.5, ", within a day - renew it now"),
        (-9, -2, r"expired on \d{4}-\d\d-\d\d \d\d:\d\d UTC, and this machine's clock says"),
        (2, 9, "is valid from .* on, and this machine's clock says .* - set the clock if that is wrong"),
    ],
)
def test_check_names_what_is_out_of_its_time(
    authority: Authority, tmp_path: Path, first: float, last: float, sentence: str | None
) -> None:
    paper = authority.issue("edge", from_days=first, days=last)
    warnings = checked(tmp_path, ca_file=authority.ca, cert_file=paper.cert, key_file=paper.key)
    if sentence is None:
        assert warnings == []
    else:
        (warning,) = warnings
        assert f"mqtt.tls.cert_file: the client certificate {paper.cert} " in warning
        assert re.search(sentence, warning)


def _encrypted(paper: Paper, _: Paper) -> None:
    words = ["openssl", "pkey", "-in", str(paper.key), "-aes256", "-passout", "pass:hush", "-out", f"{paper.key}.new"]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    Path(f"{paper.key}.new").replace(paper.key)


def _anothers(paper: Paper, other: Paper) -> None:
    shutil.copy(other.key, paper.key)


def _no_key(paper: Paper, _: Paper) -> None:
    paper.key.write_text("no key")


def _no_certificate(paper: Paper, _: Paper) -> None:
    paper.cert.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")


def _gone(paper: Paper, _: Paper) -> None:
    paper.key.unlink()


@pytest.mark.parametrize(
    ("spoil", "key", "sentence"),
    [
        (_encrypted, "key_file", "the private key in {key} has a passphrase - edgegw starts without a person: openssl"),
        (_anothers, "key_file", "{key} is not the private key of {cert} - name the key that belongs to it"),
        (_no_key, "key_file", "{key} holds no private key for {cert} - it must be PEM"),
        (_no_certificate, "cert_file", "{cert} holds no certificate - a PEM file has"),
        (_gone, "key_file", "{key} cannot be read (No such file or directory) - check the path"),
    ],
)
def test_check_names_what_cannot_be_used(
    authority: Authority, tmp_path: Path, spoil: Callable[[Paper, Paper], None], key: str, sentence: str
) -> None:
    paper = authority.issue("spoilt")
    spoil(paper, authority.issue("other"))
    (warning,) = checked(tmp_path, ca_file=authority.ca, cert_file=paper.cert, key_file=paper.key)
    assert f"mqtt.tls.{key}: {sentence.format(cert=paper.cert, key=paper.key)}" in warning


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
def test_nobody_waits_for_what_comes_out_of_a_fifo(authority: Authority, tmp_path: Path, key: str) -> None:
    """One in the place of a certificate once stopped the whole gateway. In a process of its own: it can be ended."""
    paper, fifo = authority.issue("edge"), tmp_path / "fifo"
    os.mkfifo(fifo)
    files = {"ca_file": authority.ca, "cert_file": paper.cert, "key_file": paper.key, key: fifo}
    assert f"mqtt.tls.{key}: {fifo} is no file - check the path" in checked(tmp_path, **files)[0]
    program = (
        f"from edgegw.config.model import Tls\nfrom edgegw.tls import tls_context\ntls_context(Tls({_said(files)}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert f"UnusableFileError: cannot use tls.{key} ({fifo} is no file): check the path" in done.stderr


def _said(files: dict[str, Path]) -> str:
    return ", ".join(f"{key}={str(file)!r}" for key, file in files.items())


def test_check_names_a_ca_file_that_is_over(authority: Authority, tmp_path: Path) -> None:
    """Of several the one that lasts longest counts: an old one beside it does no harm."""
    old, new = (authority.issue(name, days=days, from_days=-99).cert for name, days in (("old", -3), ("new", 90)))
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(old.read_bytes())
    assert "mqtt.tls.ca_file: the CA certificate" in checked(tmp_path, ca_file=bundle)[0]
    bundle.write_bytes(old.read_bytes() + new.read_bytes())
    assert checked(tmp_path, ca_file=bundle) == []


def test_a_clock_that_cannot_be_right_is_said_first(authority: Authority, tmp_path: Path) -> None:
    paper = authority.issue("edge")
    file = tmp_path / "edgegw.yaml"
    checked(tmp_path, ca_file=authority.ca, cert_file=paper.cert, key_file=paper.key)
    ahead = time.time() + 5 * DAY_S
    os.utime(file, (ahead, ahead))
    result = CliRunner().invoke(check, [str(file)])
    assert f"warning: clock: this machine's clock says {certificates_module.moment(time.time())[:10]}" in (
        result.output
    )
    assert f"but {file} was written on" in result.output
    assert impossible_time(time.time(), [tmp_path / "none"]) == ""
    assert "1970-01-01 00:01 UTC, but " in impossible_time(60.0, [])  # a boot without a battery: edgegw itself is newer


# ---------------------------------------------------------------- at a broker


async def test_nothing_below_tls_1_2_and_nobody_without_a_right_certificate(tmp_path: Path) -> None:
    ours = tls_context(True)
    assert ours is not None
    assert (ours.minimum_version, ours.verify_mode) == (ssl.TLSVersion.TLSv1_2, ssl.CERT_REQUIRED)
    assert ours.check_hostname
    broker = ShippedMosquitto(tmp_path)
    async with broker:
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = broker.tls
            context.maximum_version = newest
            _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
            assert writer.get_extra_info("ssl_object").version() == newest.name.replace("_", ".")
            writer.transport.abort()
        words = [
            "openssl",
            "s_client",
            "-connect",
            f"{broker.host}:{broker.port}",
            "-tls1_1",
            "-cipher",
            "ALL@SECLEVEL=0",
        ]
        old = await asyncio.to_thread(subprocess.run, words, input=b"", capture_output=True, timeout=30, check=False)
        assert old.returncode != 0
        assert b"alert protocol version" in old.stderr


async def test_check_knocks_at_the_broker(tmp_path: Path) -> None:
    broker = ShippedMosquitto(tmp_path)

    async def knocked(port: int = broker.port, **tls: str) -> str:
        config, _ = write_scanner_config(
            tmp_path, port, mqtt={"host": "127.0.0.1", "port": port, **({"tls": tls} if tls else {})}
        )
        result = await asyncio.to_thread(CliRunner().invoke, check, [str(config), "--connect"])
        return result.output

    ca = str(broker.authority.ca)
    assert "nothing listens on 127.0.0.1" in await knocked(ca_file=ca)
    async with broker:
        assert "answers; its certificate is good until " in await knocked(ca_file=ca)
        assert "set mqtt.host or mqtt.tls.server_name to a name in the certificate" in await knocked(
            ca_file=ca, server_name="wrong.test"
        )
        assert "set mqtt.tls.ca_file to the certificate of the authority" in await knocked(
            ca_file=str(broker.clients.ca)
        )
        assert "instead of answering CONNECT - does it want TLS? write `tls: true`" in await knocked()
        paper = broker.clients.issue("edgegw/v1/dc-1/gw-1")
        named = {"cert_file": str(paper.cert), "key_file": str(paper.key)}
        assert "takes our certificate; its" in await knocked(broker.mtls_port, ca_file=ca, **named)
        assert "does not accept our certificate" in await knocked(broker.mtls_port, ca_file=ca)
    for days, words in ((20.5, "in 20 days - renew it"), (-1.0, "its date is")):
        paper = broker.authority.issue("broker", days=days, from_days=-30)
        broker.replace_server(paper.cert, paper.key)
        async with broker:
            assert words in await knocked(ca_file=ca)


async def _say(words: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(words)
    await writer.drain()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what answers there does not speak MQTT - is mqtt.port the broker's MQTT port?"),
        (b"", "nothing has answered CONNECT for 0.3 s - is mqtt.port the broker's MQTT port?"),
        (b"\x20\x02\x00\x05", "answers; nobody was logged in"),
    ],
)
async def test_an_open_port_is_no_broker(
    tmp_path: Path, words: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgegw.cli.knock.CONNECT_S", 0.3)
    ended: list[asyncio.Future[bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _say(words, writer)
        ended.append(asyncio.ensure_future(reader.read()))
        await ended[-1]
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        config, _ = write_scanner_config(tmp_path, server.sockets[0].getsockname()[1])
        result = await asyncio.to_thread(CliRunner().invoke, check, [str(config), "--connect"])
    assert sentence in result.output


def gateway_config(folder: Path, broker: ShippedMosquitto, paper: Paper) -> tuple[Path, int]:
    files = {"ca_file": str(broker.authority.ca), "cert_file": str(paper.cert), "key_file": str(paper.key)}
    mqtt = {"host": "127.0.0.1", "port": broker.mtls_port, "tls": files}
    return write_scanner_config(folder, broker.mtls_port, mqtt=mqtt)


async def test_a_certificate_logs_a_gateway_in_under_its_name(tmp_path: Path) -> None:
    broker = ShippedMosquitto(tmp_path)
    broker.allow("wms", "third")
    paper = broker.clients.issue(BASE, days=20.5)
    config, port = gateway_config(tmp_path, broker, paper)
    async with broker, Person(broker.port, "wms", "third", broker.tls) as wms:
        await wms.subscribe("edgegw/v1/+/+/#")
        async with gateway(config) as process:
            await scan(port, "ONE")
            await wms.until(lambda heard: f"{BASE}/evt/unidentified" in {said.topic for said in heard})
            document = await until_status(tmp_path, certificates__broker__days_left=364)
            assert document["certificates"]["mqtt.tls.cert_file"]["days_left"] == 20
            assert ", in 20 days - renew it" in document["troubles"]["certificate ends-soon mqtt.tls.cert_file"]
            await until_status(tmp_path, backlog__pending=0)
            broker.clients.issue(BASE, days=399.5)  # over the old files, used with the next connection
            await until_days_left(tmp_path, 399)
            broker.stop()
            broker.start()
            await scan(port, "TWO")
            await until_status(tmp_path, backlog__pending=0, links__mqtt__status="up", last_seq=2, troubles={})
            _, log = await stopped(process)
    causes = [line["cause"] for line in map(json.loads, log.splitlines()) if line["event"] == "trouble"]
    assert causes.count("certificate ends-soon mqtt.tls.cert_file") == 1
    assert "certificate expired" not in " ".join(causes)


async def until_days_left(folder: Path, days: int) -> None:
    async with asyncio.timeout(15):
        while (await until_status(folder))["certificates"]["mqtt.tls.cert_file"]["days_left"] != days:
            await asyncio.sleep(0.1)


def _expired(broker: ShippedMosquitto) -> Paper:
    return broker.clients.issue(BASE, days=-2.0, from_days=-9.0)


def _of_another_authority(broker: ShippedMosquitto) -> Paper:
    return broker.authority.issue(BASE)


@pytest.mark.parametrize(
    ("issue", "words"),
    [
        (_expired, "the broker does not accept our certificate"),
        (_of_another_authority, "the broker does not accept our certificate"),
    ],
)
async def test_what_the_broker_does_not_accept_is_named(
    tmp_path: Path, issue: Callable[[ShippedMosquitto], Paper], words: str
) -> None:
    broker = ShippedMosquitto(tmp_path)
    config, _ = gateway_config(tmp_path, broker, issue(broker))
    async with broker, gateway(config):
        document = await until_status(tmp_path, links__mqtt__status="refused")
    assert document["links"]["mqtt"]["reason"].startswith(words)


async def test_another_gateways_certificate_is_noticed_before_the_first_event(tmp_path: Path) -> None:
    """Mosquitto lets it in, and refuses what it says."""
    broker = ShippedMosquitto(tmp_path)
    config, _ = gateway_config(tmp_path, broker, broker.clients.issue("edgegw/v1/dc-1/gw-2"))
    async with broker, gateway(config):
        document = await until_status(tmp_path, troubles__denied=...)
    said = "the broker does not let us publish to 'edgegw/v1/dc-1/gw-1/status': is mqtt.username this gateway's?"
    assert document["troubles"]["denied"].startswith(said)


# ---------------------------------------------------------------- while it runs


def test_it_counts_down_and_sees_what_is_replaced(authority: Authority, tmp_path: Path) -> None:
    paper = authority.issue("edge", days=40.5)
    other = authority.issue("later", days=99.5)
    tls = Tls(ca_file=authority.ca, cert_file=paper.cert, key_file=paper.key)
    (broker,) = x509.certificates(authority.issue("broker", days=35.5).cert.read_bytes())
    seen: list[bytes | None] = [None]
    passed_days = 0.0
    expiry = Expiry({"mqtt.tls": tls}, lambda: seen[-1], lambda: time.time() + passed_days * DAY_S)

    def left() -> dict[str, int]:
        return {name: document["days_left"] for name, document in expiry.documents().items()}

    assert left() == {"mqtt.tls.ca_file": 3649, "mqtt.tls.cert_file": 40}
    assert expiry.troubles() == {}
    seen += [broker, None]  # the link is lost: what was seen stands
    seen.pop()
    assert left()["broker"] == 35
    seen.append(None)
    passed_days = 11
    assert (left()["broker"], left()["mqtt.tls.cert_file"]) == (24, 29)
    assert set(expiry.troubles()) == {"certificate ends-soon broker", "certificate ends-soon mqtt.tls.cert_file"}
    passed_days = 35.6
    assert set(expiry.troubles()) == {"certificate expired broker", "certificate ends-now mqtt.tls.cert_file"}
    shutil.copy(other.cert, paper.cert)
    assert "is not the private key of" in expiry.troubles()["certificate unusable mqtt.tls.key_file"]
    shutil.copy(other.key, paper.key)
    assert set(expiry.troubles()) == {"certificate expired broker"}
    paper.cert.unlink()
    assert "cannot be read" in expiry.troubles()["certificate unusable mqtt.tls.cert_file"]
