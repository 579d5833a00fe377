"""Passwords and names to log in with are in nothing that edgegw says or writes, whatever goes wrong."""

from __future__ import annotations

import asyncio
import doctest
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgegw.cli import call
from edgegw.cli.check import check
from edgegw.cli.diagnose import diagnose
from edgegw.cli.parked import parked
from edgegw.cli.status import status
from edgegw.config import secrets
from edgegw.config.load import load
from edgegw.config.password import read_password
from edgegw.errors import ConfigError
from tests.config.test_technician import DOCK, MQTT
from tests.mosquitto import Mosquitto, free_port
from tests.publish.test_gateway import scan, until_status, write_scanner_config
from tests.security.shipped import ShippedMosquitto
from tests.test_app import gateway, stopped

PASSWORD, USER = "correct-horse-battery", "login-of-this-dock"


class Broken:
    """A gateway whose way to the broker is broken in one way, and everything that is said about it."""

    def __init__(self, folder: Path, mqtt: dict[str, Any], sentence: str) -> None:
        folder.mkdir()
        self._folder = folder
        self._sentence = sentence
        self._password = folder / "password"
        self._password.write_text(f"{PASSWORD}\n")
        self._password.chmod(0o600)
        login = {"username": USER, "password_file": str(self._password)}
        self._config, self._port = write_scanner_config(
            folder, 0, mqtt={"host": "127.0.0.1", **login, **mqtt}, log={"level": "debug"}
        )

    async def said(self, printing: asyncio.Lock) -> dict[str, str]:
        """By who says it, once the way has failed as expected. Only one at a time may print."""
        async with gateway(self._config) as process:
            await scan(self._port, "what is this")
            async with asyncio.timeout(20):
                while self._sentence not in json.dumps(await until_status(self._folder, last_seq=1)):
                    await asyncio.sleep(0.1)
            async with printing:
                names = ("status", "json", "diagnose", "parked")
                told = {name: await asyncio.to_thread(self._run, name) for name in names}
            _, log = await stopped(process)
        assert self._sentence in log
        journal = b"".join(file.read_bytes() for file in self._folder.glob("journal.db*") if file.is_file())
        return {**told, "log": log, "journal": journal.decode("latin-1")}

    def _run(self, name: str) -> str:
        commands = {
            "status": (status, []),
            "json": (status, ["--json"]),
            "diagnose": (diagnose, ["--units"]),
            "parked": (parked, ["list", "-c"]),
        }
        command, options = commands[name]
        return CliRunner().invoke(command, [*options, str(self._config)]).output

    def checked(self) -> str:
        return CliRunner().invoke(check, [str(self._config), "--connect"]).output


async def test_no_secret_is_said_however_the_broker_fails(tmp_path: Path) -> None:
    secured = ShippedMosquitto(tmp_path / "secured")
    secured.allow(USER, "another password")
    secured.allow("allowed-nothing", PASSWORD)
    plain = Mosquitto(tmp_path)
    tls = {"ca_file": str(secured.authority.ca)}
    other = {"ca_file": str(secured.clients.ca)}
    ways: list[tuple[dict[str, Any], str]] = [
        ({"port": free_port()}, "nothing listens"),
        ({"port": 1883, "host": "nobody.invalid"}, "no address for"),
        ({"port": secured.port, "tls": tls}, "not authorised"),
        ({"port": secured.port, "tls": tls, "username": "allowed-nothing"}, "does not let us publish"),
        ({"port": secured.port, "tls": other}, "is not accepted"),
        ({"port": secured.port, "tls": {**tls, "server_name": "wrong.test"}}, "is not accepted"),
        ({"port": secured.port}, "instead of answering CONNECT"),
        ({"port": plain.port, "tls": True}, "is this the broker's TLS port"),
    ]
    async with secured, plain:
        broken = [Broken(tmp_path / str(number), *way) for number, way in enumerate(ways)]
        printing = asyncio.Lock()
        for one, told in zip(broken, await asyncio.gather(*(one.said(printing) for one in broken)), strict=True):
            assert not [who for who, text in told.items() if PASSWORD in text or USER in text]
            assert PASSWORD not in await asyncio.to_thread(one.checked)


SECRET = "hunter2"
LINES = [
    "password: hunter2", "password: 'hunter2", 'password: "hunter2', "password:hunter2", "password = hunter2",
    "passwd: hunter2", "pasword: hunter2", "passwort: hunter2", "mqtt_password: hunter2", "key_passphrase: hunter2",
    "password: hunter2: x", "password: @hunter2", "password: %hunter2", "- password: hunter2", "password: [hunter2",
    "password: {hunter2: x", "password: hunter2#x", "password：hunter2", "password: hunter2\n  password: hunter2",
    "password: |\n    hunter2", "password:\n    hunter2", "password: &a hunter2", "password: *hunter2",
    "password hunter2",    "password: !hunter2 x", "password: “hunter2”", "secret_key: hunter2", "token: hunter2",
    "user: edge:hunter2@x",
]  # fmt: skip
HOSTS = [
    "mqtt://edge:hunter2@broker.example:1883", "mqtts://edge:hunter2@b", "edge:hunter2@broker.example",
    "edge:hunter2@broker.example:1883", "mqtt://edge:hunter2/x@broker", "mqtt://:hunter2@b", "[edge:hunter2@b]",
    "mqtt://averyveryverylongusername.with.dots:hunter2hunter2hunter2@broker.example", "mqtt://edge:hunter2@b@c",
]  # fmt: skip
SPOILT = [
    *(DOCK.replace("  username: edge", f"  {line}") for line in LINES),
    *(DOCK.replace("broker.example", host) for host in HOSTS),
    *(DOCK.replace(MQTT, f"mqtt: {host}") for host in HOSTS),
    DOCK.replace(MQTT, "mqtt: {host: broker, password: hunter2, windo: 3}"),
    DOCK.replace(MQTT, "mqtt: {host: broker, password hunter2}"),
]


def test_examples() -> None:
    assert doctest.testmod(secrets).failed == 0


@pytest.mark.parametrize("text", SPOILT)
def test_what_was_written_into_the_yaml_is_not_said_again(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert SECRET in text
    file = tmp_path / "edgegw.yaml"
    file.write_text(text)
    outputs = [CliRunner().invoke(check, [str(file), "--file-only", "--format", form]).output for form in
               ("text", "json", "github")]  # fmt: skip
    outputs.append(CliRunner().invoke(diagnose, [str(file)]).output)
    if "fault" in outputs[0]:
        assert call(["run", str(file)]) == 78
    outputs += capsys.readouterr()
    assert not [output for output in outputs if SECRET in output]
    assert "edgegw.yaml" in outputs[0]


@pytest.mark.parametrize("content", [None, b"", b"hunter2\nhunter2\n", b"\xff", "folder"])
def test_a_file_called_password_is_named_whole(tmp_path: Path, content: bytes | str | None) -> None:
    secret = tmp_path / "mqtt.password"
    if content == "folder":
        secret.mkdir()
    elif isinstance(content, bytes):
        secret.write_bytes(content)
    file = tmp_path / "edgegw.yaml"
    file.write_text(DOCK.replace("  username: edge", "  username: edge\n  password_file: mqtt.password"))
    ends = ("cannot be read (No such", "is empty", "holds more than one line", "is not UTF-8 text", "is no file")
    output = CliRunner().invoke(check, [str(file)]).output
    assert any(f"mqtt.password_file: {secret} {end}" in secrets.masked(output) for end in ends)
    with pytest.raises(ConfigError) as refused:
        read_password(load(file).mqtt)
    assert secrets.masked(str(refused.value)) == str(refused.value)


@pytest.mark.parametrize("text", ["mqtt.password hunter2", "mqtt.password: hunter2", "readers[0].tls.password hunter2"])
def test_a_key_before_a_secret_is_no_file(text: str) -> None:
    assert secrets.masked(f"edgegw.yaml:3:4: {text}") == f"edgegw.yaml:3:4: {text.replace('hunter2', '***')}"


def test_the_caret_stays_under_its_word(tmp_path: Path) -> None:
    file = tmp_path / "edgegw.yaml"
    file.write_text(DOCK.replace(MQTT, "mqtt: {host: edge:hunter2@broker, windo: 3}"))
    lines = CliRunner().invoke(check, [str(file), "--file-only"]).output.splitlines()
    carets = [(lines[at - 1][line.index("^") :], line) for at, line in enumerate(lines) if line.endswith("^")]
    assert [text[:5] for text, _ in carets] == ["***@b", "windo"]


async def test_a_report_can_be_mailed(tmp_path: Path) -> None:
    unit = "(01)09506000134352(21)77"
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(tmp_path, broker.port)
        config.write_text(config.read_text().replace("assume: plain", "assume: auto"))
        async with gateway(config):
            await scan(port, unit)
            await until_status(tmp_path, movements=1)
            await asyncio.sleep(0.1)
            outs = [tmp_path / "report.txt", tmp_path / "report.tar.gz", tmp_path / "units.txt"]
            for out in outs:
                options = ["--units"] if out.name == "units.txt" else []
                done = await asyncio.to_thread(CliRunner().invoke, diagnose, [str(config), "--out", str(out), *options])
                assert (done.exit_code, done.output) == (0, f"{out}: look into it, then send it\n")
            again = await asyncio.to_thread(CliRunner().invoke, diagnose, [str(config), "--out", str(outs[0])])
            assert "is there already - name another file" in str(again.exception)
        after = await asyncio.to_thread(CliRunner().invoke, diagnose, [str(config)])
    text = outs[0].read_text()
    sections = ["versions", "check", "configuration", "gateway", "journal", "decisions", "clock", "disk"]
    assert [line.removeprefix("==== ") for line in text.splitlines() if line.startswith("==== ")] == sections
    assert "edgegw " in text
    assert '"last_seq": 1' in text
    assert "       1 packing: movement" in text
    assert "-rw-r-----" in text
    assert "134352" not in text
    assert "https://id.gs1.org/01/09506000134352/21/77" in outs[2].read_text()
    with tarfile.open(outs[1]) as archive:
        assert archive.getnames() == [f"edgegw/{name}.txt" for name in sections]
    assert "cannot be told: gateway: " in after.output
    assert "pending 1" in after.output
