"""`edgegw why` on journals that a gateway wrote, and on recordings."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from edgegw import plan
from edgegw.cli import OK, UNAVAILABLE, USAGE, call, drawing
from edgegw.clock import Clock
from edgegw.config.load import load
from edgegw.core.counters import Counters
from edgegw.core.event import Origin
from edgegw.core.model import Decision, Scan, TagRead
from edgegw.core.pipeline import Pipeline
from edgegw.ingest import Ingest
from edgegw.store.journal import Journal
from edgegw.supervise import LinkState

YAML = """\
site: dc-1
gateway: dock-edge-1
readers: [{name: dock-1, host: 10.0.0.21}]
scanners: [{name: pack-1, listen: "127.0.0.1:4001", station: packing, assume: gs1}]
doors: [{name: door-1, sides: {inside: [dock-1/1], outside: [dock-1/2]}}]
stations: [{name: packing}]
mqtt: {host: broker.example}
journal: {path: journal.db}
"""
MOVED, ONE_SIDED, TURNED, STANDING = (f"3066C4409047E140075BCD{n:02X}" for n in (0x15, 0x16, 0x17, 0x18))
RAW = "E2801160600002054F3B2C1D"
SSCC = "106141412345678908"
STORIES: dict[str, list[tuple[float, int, float]]] = {
    MOVED: [(-12, 1, -63), (-11.5, 1, -66), (-9, 2, -61), (-8.5, 2, -60), (-8, 2, -70)],
    RAW: [(-12, 2, -63), (-11.5, 2, -66), (-9, 1, -61), (-8.5, 1, -60), (-8, 1, -70)],
    ONE_SIDED: [(-9, 1, -63), (-8, 1, -64)],
    TURNED: [(-11, 1, -63), (-10, 2, -62), (-9, 1, -60), (-8, 1, -64)],
    STANDING: [(-0.5, 1, -63), (0, 1, -63)],
}
"""Seconds from now, antenna, dBm."""


def reads(now: float) -> list[TagRead]:
    found = [
        TagRead("dock-1", antenna, bytes.fromhex(epc), 96, now + t, dbm)
        for epc, story in STORIES.items()
        for t, antenna, dbm in story
    ]
    return sorted(found, key=lambda read: read.t)


async def live(config: Path) -> None:
    """A gateway without wires: what it hears is decided and written."""
    settings, clock, decided = load(config), Clock(), list[Decision]()
    async with Journal.opened(settings.journal, "dock-edge-1", Counters(), clock.now) as journal:
        pipeline = Pipeline(plan.dock(settings), Counters())
        ingest = Ingest(pipeline, journal, Origin("edgegw/v1", "dc-1", "dock-edge-1"), clock, decided.append)
        ingest.device_link(LinkState("dock-1", "up"))
        ingest.tags(reads(clock.now()))
        for text in (f"00{SSCC}", "HELLO", f"00{SSCC}"):
            ingest.scan(Scan("pack-1", text, clock.now() - 30))
        silence = asyncio.create_task(ingest.run())
        async with asyncio.timeout(10):
            while len(decided) < 6:
                await asyncio.sleep(0.05)
        silence.cancel()
        await asyncio.wait([silence])


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("why") / "edgegw.yaml"
    path.write_text(YAML)
    asyncio.run(live(path))
    return path


@pytest.mark.parametrize(
    "text",
    [
        MOVED,
        MOVED.lower(),
        f"0x{MOVED}",
        "3066 C440 9047 E140 075B CD15",
        "https://id.gs1.org/01/09506000134352/21/123456789",
        "https://shop.example/01/09506000134352/21/123456789?x=1",
        "(01)09506000134352(21)123456789",
        "]d2010950600013435221123456789",
        "010950600013435221123456789",
        "urn:epc:id:sgtin:9506000.013435.123456789",
        "urn:epc:tag:sgtin-96:3.9506000.013435.123456789",
    ],
)
def test_any_notation_of_a_unit(config: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert call(["why", text, "-c", str(config)]) == OK
    out = capsys.readouterr().out
    assert out.startswith("https://id.gs1.org/01/09506000134352/21/123456789\n")
    assert "door-1: MOVED out, from inside to outside" in out


def test_a_movement_is_explained_with_its_numbers(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(["why", MOVED, "-c", str(config)])
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert re.search(
        r"The inside antennas heard it best around [\d:.]+ \(-63 dBm, 2 reads\), "
        r"the outside ones around [\d:.]+ \(-60 dBm, 3 reads\), 3\.1 s later\.",
        text,
    )
    assert re.search(r"It is at outside, says door-1, since [\d:]+\.", text)


def test_no_movement_says_what_helps(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(["why", ONE_SIDED, TURNED, "-c", str(config)])
    one_sided, turned = capsys.readouterr().out.split(f"{0x075BCD17}\n")
    assert "no movement: only one side heard it" in one_sided
    assert "Only the inside antennas heard it" in one_sided
    assert "What helps: No antenna of the other side has heard it." in one_sided
    assert "2 reads are few" in one_sided
    assert "no movement: it came to the door and went back" in turned


def test_a_tag_that_no_rule_names(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(["why", RAW, "-c", str(config)])
    out = capsys.readouterr().out
    assert out.startswith("urn:epc:raw:96.xE2801160600002054F3B2C1D\n")
    assert "MOVED in" in out


@pytest.mark.parametrize("text", [SSCC, f"00{SSCC}", f"(00){SSCC}", f"https://id.gs1.org/00/{SSCC}"])
def test_a_pallet_at_a_station(config: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    call(["why", text, "-c", str(config)])
    out = capsys.readouterr().out
    assert "packing: ARRIVED at packing" in out
    assert "Read by pack-1." in out


def test_a_scan_that_names_no_unit(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(["why", "HELLO", "-c", str(config)])
    assert "packing: no unit" in capsys.readouterr().out


def test_what_is_not_decided_yet(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(["why", STANDING, "-c", str(config)])
    out = capsys.readouterr().out
    assert re.search(r"Being weighed at door-1 since [\d:]+: 2 reads so far, the last at [\d:.]+\.", out)


def test_nothing_known(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["why", "(01)09506000134352(21)nobody", "(01)09506000134352", "-c", str(config)]) == OK
    unknown, doubtful = capsys.readouterr().out.split("https://id.gs1.org/01/09506000134352\n")
    assert "nothing was decided about it in the last 7 days" in unknown
    assert "Is that the right name" not in unknown
    assert "it names a kind of thing" in doubtful


def test_last_counts_from_the_newest(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = tmp_path / "reads.jsonl"
    recording.write_text(
        "\n".join(line(100 * n + t, 1 + (n + half) % 2) for n in range(4) for half, t in enumerate((0, 2)))
    )
    ask = ["why", MOVED, "-c", str(config), "--reads", str(recording)]
    call(ask)
    assert capsys.readouterr().out.count("MOVED") == 4
    call([*ask, "--last", "1"])
    (shown,) = re.findall("MOVED [a-z]+", capsys.readouterr().out)
    assert shown == "MOVED in"


def line(t: float, antenna: int, epc: str = MOVED, dbm: float | None = -60.0) -> str:
    return json.dumps({"t": 1_800_000_000 + t, "reader": "dock-1", "antenna": antenna, "epc": epc, "rssi": dbm})


def test_wrong_use(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["why", "-c", str(config)]) == USAGE
    other = tmp_path / "other.yaml"
    other.write_text(YAML)
    assert call(["why", MOVED, "-c", str(other)]) == UNAVAILABLE
    assert "has the gateway ever run?" in capsys.readouterr().err
    assert call(["why", MOVED, "-c", str(other), "--reads", str(tmp_path / "none.jsonl")]) == UNAVAILABLE


# ------------------------------------------------------------ pictures


def texts(picture: Path) -> str:
    return " ".join(filter(None, (element.text for element in ElementTree.parse(picture).iter())))


def test_a_picture_needs_nothing_else(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "unit.svg"
    assert call(["why", MOVED, TURNED, "-c", str(config), "--plot", str(picture)]) == OK
    assert f"drawn: {picture}" in capsys.readouterr().out
    root = ElementTree.parse(picture).getroot()
    marks = [element.tag.rpartition("}")[2] for element in root]
    assert marks.count("circle") >= 2 + 3
    assert marks.count("polygon") >= 3 + 1
    words = texts(picture)
    for word in (
        "MOVED out, from inside to outside",
        "moved out",
        "decided",
        "inside: 2 reads",
        "outside: 3 reads",
        "dBm",
    ):
        assert word in words
    assert "no movement: it came to the door and went back" in words
    assert re.search(r"other units at this door meanwhile: 0 out \(up\), 1 in \(down\), 2 not moved", words)


def test_a_picture_as_pixels(config: Path, tmp_path: Path) -> None:
    picture = tmp_path / "unit.PNG"
    assert call(["why", MOVED, "-c", str(config), "--plot", str(picture)]) == OK
    with Image.open(picture) as image:
        assert image.size == (1800, 660)
        colors = {color for _, color in image.getcolors(1 << 16) or []}
    assert {(0x0B, 0x6B, 0xA8), (0xD1, 0x57, 0x0C), (0x1A, 0x7F, 0x37)} <= colors


def test_pixels_without_pillow(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    assert call(["why", MOVED, "-c", str(config), "--plot", str(tmp_path / "unit.png")]) == UNAVAILABLE
    assert "pip install 'edgegw[plot]' - or name the file .svg" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "reason"), [("x.jpg", "ends in .svg or .png"), ("no/x.svg", "cannot be written")])
def test_a_picture_that_cannot_be(
    config: Path, tmp_path: Path, name: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["why", MOVED, "-c", str(config), "--plot", str(tmp_path / name)]) == UNAVAILABLE
    assert reason in capsys.readouterr().err
    assert call(["why", SSCC, "-c", str(config), "--plot", str(tmp_path / "x.svg")]) == UNAVAILABLE
    assert "no door has decided about it" in capsys.readouterr().err


def test_a_picture_without_rssi(config: Path, tmp_path: Path) -> None:
    recording, picture = tmp_path / "reads.jsonl.gz", tmp_path / "unit.svg"
    reads = [line(0, 1, dbm=None), line(2, 2, dbm=None)]
    recording.write_bytes(gzip.compress("\n".join(reads).encode()))
    assert call(["why", MOVED, "-c", str(config), "--reads", str(recording), "--plot", str(picture)]) == OK
    assert "MOVED out" in texts(picture)


def test_what_is_written_in_a_picture_is_escaped() -> None:
    text = drawing.svg([drawing.Words((1, 1), "<script>&'\"")], 10, 10)
    (element,) = [one for one in ElementTree.fromstring(text) if one.tag.endswith("text")]
    assert element.text == "<script>&'\""
