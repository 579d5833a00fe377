"""Recorded reads through the real pipeline."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from edgegw.cli import CONFIG, OK, UNAVAILABLE, USAGE, call

YAML = """\
site: dc-1
gateway: dock-edge-1
readers: [{name: dock-1, host: 10.0.0.21}]
doors: [{name: door-1, sides: {inside: [dock-1/1], outside: [dock-1/2]}}]
mqtt: {host: broker.example}
journal: {path: /nowhere/journal.db}
"""
READS = [(0.0, 1), (1.0, 1), (2.0, 2), (3.0, 2), (3.5, 2), (20.0, 1), (20.5, 1)]


def line(t: float, antenna: int) -> str:
    read = {"t": 1_800_000_000 + t, "reader": "dock-1", "antenna": antenna, "epc": "3066C4409047E140075BCD15"}
    return json.dumps({**read, "rssi": -60.0})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edgegw.yaml"
    path.write_text(YAML)
    return path


def replay(config: Path, reads: Path, folder: Path) -> tuple[int, list[dict[str, object]], list[dict[str, object]]]:
    events, verdicts = folder / "events.jsonl", folder / "verdicts.jsonl"
    code = call(
        ["replay", "-c", str(config), "--reads", str(reads), "--events", str(events), "--verdicts", str(verdicts)]
    )
    return code, *(
        [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []
        for path in (events, verdicts)
    )  # type: ignore[return-value]  # mypy cannot count a starred generator


@pytest.mark.parametrize("compressed", [False, True])
def test_movements_and_verdicts(config: Path, tmp_path: Path, compressed: bool) -> None:
    text = "\n".join(line(t, antenna) for t, antenna in READS)
    reads = tmp_path / ("reads.jsonl.gz" if compressed else "reads.jsonl")
    reads.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    code, (event, back), verdicts = replay(config, reads, tmp_path)
    assert code == OK
    assert event["t"] == pytest.approx(1_800_000_001.667, abs=0.001)
    assert event["emitted_t"] == 1_800_000_005.667
    assert (event["epc"], event["door"], event["direction"]) == ("3066C4409047E140075BCD15", "door-1", "out")
    assert event["unit"] == "https://id.gs1.org/01/09506000134352/21/123456789"
    assert (event["reason"], event["order_s"], event["load"]) == ("crossed", 2.33, None)
    assert (back["reason"], back["direction"], back["t"]) == ("memory", "in", 1_800_000_020.0)
    assert [(verdict["reason"], verdict["direction"]) for verdict in verdicts] == [("crossed", "out"), ("memory", "in")]
    assert verdicts[0]["inside"] == {"reads": 2, "t": 1_800_000_000.5, "peak_rssi_dbm": -60.0}
    assert verdicts[1]["outside"] is None


def test_the_same_reads_give_the_same_output(config: Path, tmp_path: Path) -> None:
    reads = tmp_path / "reads.jsonl"
    reads.write_text("\n".join(line(t / 7, 1 + t // 5 % 2) for t in range(500)))
    assert replay(config, reads, tmp_path) == replay(config, reads, tmp_path)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("{", "reads.jsonl:1"),
        (line(0, 1) + "\n[]", "reads.jsonl:2"),
        (line(0, 1).replace("3066", "zz66"), "reads.jsonl:1"),
        (line(0, 1).replace('"t"', '"time"'), "reads.jsonl:1"),
        ('{"t": 1%s, "reader": "dock-1", "antenna": 1, "epc": "3066"}' % ("0" * 400), "reads.jsonl:1"),
        ('{"t": -1e300, "reader": "dock-1", "antenna": 1, "epc": "3066"}', "reads.jsonl:1"),
        ('{"t": NaN, "reader": "dock-1", "antenna": 1, "epc": "3066"}', "reads.jsonl:1"),
        ('{"t": 1, "reader": "dock-1", "antenna": 1e300, "epc": "3066"}', "reads.jsonl:1"),
        ('{"t": 1, "reader": "dock-1", "antenna": -1, "epc": "3066"}', "reads.jsonl:1"),
        ('{"t": 1, "reader": "dock-1", "antenna": 1, "epc": "3066", "rssi": -401}', "reads.jsonl:1"),
        ('{"t": 1, "reader": "dock-1", "antenna": 1, "epc": "3066", "pc": 65536}', "reads.jsonl:1"),
    ],
)
def test_a_bad_recording_is_named(
    config: Path, tmp_path: Path, content: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reads = tmp_path / "reads.jsonl"
    reads.write_text(content)
    assert replay(config, reads, tmp_path)[0] == UNAVAILABLE
    error = capsys.readouterr().err
    assert place in error
    assert "a read is" in error
    assert "Traceback" not in error


def test_a_missing_recording_and_a_cut_one(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(config, tmp_path / "none.jsonl", tmp_path)[0] == UNAVAILABLE
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress((line(0, 1) * 50).encode())[:-20])
    assert replay(config, cut, tmp_path)[0] == UNAVAILABLE
    assert "cannot be read" in capsys.readouterr().err


def test_wrong_use_and_wrong_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["replay"]) == USAGE
    assert call(["no-such-command"]) == USAGE
    broken = tmp_path / "broken.yaml"
    broken.write_text("site: [\n")
    assert replay(broken, tmp_path / "x", tmp_path)[0] == CONFIG
    assert "broken.yaml" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == OK
    for command in ("run", "check", "status", "decode", "replay", "demo"):
        assert call([command, "--help"]) == OK
    assert "First steps" in capsys.readouterr().out


def test_a_file_without_reads_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Path(__file__).parents[2] / "config" / "minimal.yaml"
    assert call(["replay", str(config), "--reads", "/dev/null", "--events", str(tmp_path / "events.jsonl")]) == OK
    assert "/dev/null holds no reads" in capsys.readouterr().err
