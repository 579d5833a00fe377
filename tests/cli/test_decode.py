"""The `edgegw decode` command."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from edgegw.cli.decode import LONGEST_LINE, decode

TAG = "3066C4409047E140075BCD15"
UNIT = "https://id.gs1.org/01/09506000134352/21/123456789"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(decode, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def answers(*lines: object) -> list[dict[str, Any]]:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    result = CliRunner().invoke(decode, ["--jsonl"], input=text)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_a_tag_and_its_bits() -> None:
    output = run(TAG)
    assert UNIT in output
    assert "(21) SERIAL: 123456789" in output
    assert "company prefix: 95060001343" in output
    assert "58-95" in output


def test_several_at_once() -> None:
    output = run(TAG, "]d2010950600013435221123456789")
    assert output.count(UNIT) == 2


def test_a_refusal_says_why() -> None:
    assert "partition 7 does not exist" in run("301C00000000000000000000")


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        (TAG, "sgtin-96"),
        ("00106141412345678908", "gs1"),
        ("4006381333931", "raw"),
        ("E2" + "0" * 22, "raw"),
        ("CAFE", "raw"),
    ],
)
def test_auto_tells_tags_from_scans(text: str, scheme: str) -> None:
    output = run(text)
    assert f"read as {scheme}" in output
    assert ("bits" in output) == (len(text) == 24)


def test_as_scan_and_as_epc() -> None:
    assert "data:,3066" in run("--as", "scan", TAG)
    assert "urn:epc:raw:16.xCAFE" in run("--as", "epc", "CAFE")
    assert "is not hexadecimal" in run("--as", "epc", "hello")


def test_settings_of_a_scanner() -> None:
    assert "LOT" in run("--gs", "|", "]C10109506000134352" + "10LOT|21A")
    assert "(21) SERIAL: A" in run("--assume", "gs1", "010950600013435221A")


def test_control_characters_are_shown_by_name() -> None:
    assert "10LOT<GS>21A" in run("]C1010950600013435210LOT\x1d21A")


def test_lines_are_answered_in_order() -> None:
    first, second, third = answers(
        {"epc": TAG}, {"scan": "]C1010950600013435210LOT\x1d21123456789"}, {"epc": "FB342CDE795211411234538566CB0AFC4"}
    )
    assert first == {
        "unit": UNIT,
        "kind": "unit",
        "scheme": "sgtin-96",
        "ai": {"01": "09506000134352", "21": "123456789"},
        "epc_uri": "urn:epc:tag:sgtin-96:3.95060001343.05.123456789",
        "attributes": {"filter": "3"},
        "reason": "",
    }
    assert (second["unit"], second["attributes"]) == (UNIT, {"10": "LOT"})
    assert third["attributes"]["17"] == "220630"


def test_pc_and_bits_of_a_line() -> None:
    iso, trimmed = answers({"epc": TAG, "pc": "31A1"}, {"epc": TAG + "FFFF", "bits": 96})
    assert iso["kind"] == "raw"
    assert trimmed["unit"] == UNIT


@pytest.mark.parametrize(
    "line",
    [
        "no json\n",
        "[]\n",
        "{}\n",
        '{"epc": 5}\n',
        '{"epc": "xyz"}\n',
        '{"epc": "30", "bits": "8"}\n',
        "[" * 60_000 + "\n",
    ],
)
def test_bad_lines_are_answers_too(line: str) -> None:
    bad, good = answers(line, {"epc": TAG})
    assert bad["kind"] == "invalid"
    assert bad["reason"]
    assert good["unit"] == UNIT


def test_a_line_without_end_is_one_answer() -> None:
    bad, good = answers('{"scan": "' + "x" * 3 * LONGEST_LINE + '"}\n', {"epc": TAG})
    assert "longer than" in bad["reason"]
    assert good["unit"] == UNIT


def test_bad_bytes_are_one_answer() -> None:
    result = CliRunner().invoke(decode, ["--jsonl"], input=b'\xff\xfe{\n{"scan": "\\udce9"}\n')
    kinds = [json.loads(line)["kind"] for line in result.output.splitlines()]
    assert kinds == ["invalid", "raw"]


def test_nothing_to_do_is_wrong_use() -> None:
    assert CliRunner().invoke(decode, []).exit_code == 2
