"""`edgegw tune` on recordings of a simulated dock, and on small ones that tell one thing each."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from edgegw.cli import CONFIG, OK, UNAVAILABLE, USAGE, call
from edgegw.cli.tune import Change, suggestions
from edgegw.config.load import load
from edgegw.core.survey import Outcome
from simulators.dock_door.suite import SCENES
from simulators.dock_door.tracks import write_track
from tests.core.test_survey import lay

YAML = """\
site: dc-1
gateway: dock-edge-1
readers:
  - {name: dock-1, host: 10.0.0.21%(reader)s}
  - {name: dock-2, host: 10.0.0.22}
doors:
  - name: door-1
    sides: {inside: [dock-1/1, dock-1/2], outside: [%(outside)s]}
%(door)s
mqtt: {host: broker.example}
journal: {path: journal.db}
"""
Read = tuple[float, str, int, float | None]


def configured(folder: Path, door: str = "", reader: str = "", outside: str = "dock-1/3, dock-1/4") -> Path:
    path = folder / "edgegw.yaml"
    path.write_text(YAML % {"door": f"    {door}" if door else "", "reader": reader, "outside": outside})
    return path


def recorded(folder: Path, reads: Sequence[tuple[int, Read]]) -> Path:
    path = folder / "reads.jsonl"
    lines = [
        {"t": 1_800_000_000 + t, "reader": reader, "antenna": antenna, "epc": f"3066C4409047E14007{n:06X}", "rssi": dbm}
        for n, (t, reader, antenna, dbm) in sorted(reads, key=lambda one: one[1][0])
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def crossings(
    count: int = 20,
    reads: int = 4,
    outside: tuple[str, int] = ("dock-1", 3),
    late_s: float = 0.0,
    dbm: float | None = -60.0,
    wrong: bool = False,
) -> list[tuple[int, Read]]:
    """Units one after the other, alternately out and in: `reads` on each side, 0.5 s apart, the second side later."""
    found: list[tuple[int, Read]] = []
    for n in range(count):
        for half, side in enumerate(("inside", "outside") if n % 2 else ("outside", "inside")):
            for one in range(reads):
                t = n * 30 + half * reads * 0.5 + one * 0.5
                level = None if dbm is None else dbm - abs(2 * one - reads)
                place = (t, "dock-1", 1, level) if side == "inside" else (t + late_s, *outside, level)
                found.append((100 + n, place))
                if wrong:
                    found.append((100 + n, (t, "dock-1", 2, -75.0)))
    return found


def tune(config: Path, reads: Path, *options: str) -> int:
    return call(["tune", "door-1", "--reads", str(reads), "-c", str(config), *options])


# ------------------------------------------------------------ a whole dock


@pytest.fixture(scope="module")
def dock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty tags lie there, loads go through; session 1."""
    folder = tmp_path_factory.mktemp("dock")
    write_track(SCENES["static60"](1), folder)
    return folder


def test_a_dock_is_surveyed(dock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(dock / "static60.yaml", dock / "static60.reads.jsonl.gz") == OK
    out = capsys.readouterr().out
    assert re.search(r"^ +\d+ by dock-1/1, inside$", out, re.MULTILINE)
    moved = sum(int(number) for number in re.findall(r"^  moved (?:out|in) +(\d+)", out, re.MULTILINE))
    with (dock / "static60.truth.csv").open() as truth:
        crossings = sum(row["label"] != "none" for row in csv.DictReader(truth))
    assert 0.6 * crossings < moved < 1.1 * crossings
    lying = re.search(r"(\d+) tags lie here; what lies still here wanders by less than ([\d.]+) dB", out)
    assert lying
    assert 25 <= int(lying[1]) <= 60
    assert 0.5 < float(lying[2]) < 4
    share = re.search(r"(\d+)% of all reads are of \d+ tags that lie there: what moves is heard less", out)
    assert share
    assert 50 < int(share[1]) <= 100
    assert sum(map(int, re.findall(r"(?:in|out)side, (\d+) reads in", out))) <= int(out.split()[1])
    assert "no movement: it stays in view of the door" in out


def test_settings_side_by_side(dock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, reads = dock / "static60.yaml", dock / "static60.reads.jsonl.gz"
    assert tune(config, reads, "--set", "load.min_tags=0", "--set", "quiet_s=2") == OK
    out = capsys.readouterr().out
    assert re.search(r"now +proposed$", out, re.MULTILINE)
    assert "What would be told no more:" in out
    told = re.search(r"seconds until a movement is told \(middle\) +([\d.]+) +([\d.]+)", out)
    assert told
    assert float(told[2]) < float(told[1])
    proposed = out.split("instead of what stands there:\n\n")[1]
    (door,) = yaml.safe_load(proposed)["doors"]
    assert door == {"name": "door-1", "quiet_s": 2, "load": {"min_tags": 0}}


# ------------------------------------------------------------ what is proposed


def test_the_level_of_what_lies_still_is_suggested(tmp_path: Path) -> None:
    """Not from four tags, and not instead of a level that somebody has set."""
    (door,) = load(configured(tmp_path)).doors
    five, four = (Outcome((), tuple(lay(t, f"u{n}") for n in range(count) for t in (0, 90))) for count in (5, 4))
    assert suggestions(door, five) == [Change("steady_db", 1.3, "learned from 5 tags that lie here")]
    assert suggestions(door, four) == []
    (door,) = load(configured(tmp_path, door="steady_db: 1.0")).doors
    assert suggestions(door, five) == []


def test_dense_reads_are_told_sooner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    assert tune(config, recorded(tmp_path, crossings(count=30))) == OK
    out = capsys.readouterr().out
    assert "quiet_s: 2.0   # reads of one pass are at most 0.5 s apart, 99 times in 100" in out
    assert "What would be told no more" not in out
    pasted = configured(tmp_path, door="quiet_s: 2.0")
    assert load(pasted).doors[0].quiet_s == 2
    assert tune(pasted, tmp_path / "reads.jsonl") == OK
    assert "Nothing to change in the settings of this door." in capsys.readouterr().out


def test_few_passes_propose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(configured(tmp_path), recorded(tmp_path, crossings(count=6))) == OK
    out = capsys.readouterr().out
    assert "Nothing to change" in out
    assert "6 movements in 154 s say little" in out


# ------------------------------------------------------------ what starves the decision


def advice(config: Path, reads: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert tune(config, reads) == OK
    return re.sub(r"\s+", " ", capsys.readouterr().out.split("Antennas and readers:")[1])


def test_nothing_to_complain_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path, outside="dock-1/3", reader=", search: dual").read_text().replace(", dock-1/2]", "]")
    (tmp_path / "edgegw.yaml").write_text(config)
    assert advice(tmp_path / "edgegw.yaml", recorded(tmp_path, crossings()), capsys).startswith(" nothing to complain")


def test_session_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = advice(configured(tmp_path, reader=", session: 1"), recorded(tmp_path, crossings(reads=2)), capsys)
    assert "A pass gives 4 reads (middle of 20 passes; 8 and more are good)." in said
    assert "Dock-1: `session: 1` silences a tag that has answered" in said


def test_an_antenna_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = advice(configured(tmp_path), recorded(tmp_path, crossings()), capsys)
    assert "Dock-1/4 (outside) has heard nothing." in said


def test_an_antenna_that_hears_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reads = recorded(tmp_path, [*crossings(), (100, (1.0, "dock-1", 4, -60.0))])
    said = advice(configured(tmp_path), reads, capsys)
    assert "Dock-1/4 (outside) took part in 1 of 20 movements." in said


def test_an_antenna_that_nobody_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reads = recorded(tmp_path, [*crossings(), (0, (1.0, "dock-1", 7, -60.0))])
    assert "1 read came by dock-1/7, which no door or station has." in advice(configured(tmp_path), reads, capsys)


def test_sides_that_overlap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = advice(configured(tmp_path), recorded(tmp_path, crossings(wrong=True)), capsys)
    assert re.search(r"\d\d% of the reads more than a second away from the crossing came by the wrong side", said)


def test_clocks_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two readers; the outside one stamps its reads 0.6 s late."""
    config = configured(tmp_path, outside="dock-2/1")
    said = advice(config, recorded(tmp_path, crossings(outside=("dock-2", 1), late_s=0.6)), capsys)
    assert "The outside hears units 0.6 s later than the way in and the way out together allow." in said
    assert "the same NTP server" in said


def test_faint_passes_and_no_rssi(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = advice(configured(tmp_path), recorded(tmp_path, crossings(dbm=-78.0)), capsys)
    assert "The inside hears what passes with -78 dBm at best" in said
    said = advice(configured(tmp_path), recorded(tmp_path, crossings(dbm=None)), capsys)
    assert "100% of the reads have no RSSI." in said


# ------------------------------------------------------------ wrong use


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("quite_s=3", "did you mean 'quiet_s'?"),
        ("load.min_tag=3", "did you mean 'min_tags'?"),
        ("quiet_s.x=3", "a door has no such setting"),
        ("quiet_s=soon", "--set quiet_s: "),
        ("max_open_s=2", "max_open_s (2) must be longer than quiet_s (4)"),
        ("sides=1", "write KEY=VALUE"),
        ("quiet_s", "write KEY=VALUE"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, setting: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(configured(tmp_path), recorded(tmp_path, crossings(2)), "--set", setting) == USAGE
    assert reason in capsys.readouterr().err


def test_wrong_doors_and_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, reads = configured(tmp_path), recorded(tmp_path, [(0, (0.0, "other", 1, -60.0))])
    assert tune(config, reads) == UNAVAILABLE
    assert "no antenna of door-1 is in this recording, which has heard other/1 (1)" in capsys.readouterr().err
    assert call(["tune", "door-9", "--reads", str(reads), "-c", str(config)]) == UNAVAILABLE
    assert "its doors: door-1" in capsys.readouterr().err
    assert tune(config, tmp_path / "none.jsonl") == UNAVAILABLE
    config.write_text("site: [")
    assert tune(config, reads) == CONFIG


def test_photo_eyes_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path, door="photo_eye: {inside: dock-1/gpi1}")
    assert tune(config, recorded(tmp_path, crossings())) == OK
    out = capsys.readouterr().out
    assert "decided as without its photo-eyes" in out
    assert re.search(r"moved out +10", out)
