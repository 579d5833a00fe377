"""A card that was copied block by block: the same inode and witness, another board."""

from __future__ import annotations

import contextlib
import doctest
import sqlite3
from pathlib import Path

import pytest

from edgegw.store import hardware
from edgegw.store.hardware import UNKNOWN, from_text, read_hardware
from tests.store.support import add, opened, pending_seqs

SERIAL = "proc/device-tree/serial-number"
UUID = "sys/class/dmi/id/product_uuid"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def device(root: Path, *, serial: str = "", uuid: str = "", cards: tuple[str, ...] = ()) -> Path:
    """The files by which Linux names a device."""
    for name, text in ((SERIAL, f"{serial}\0" if serial else ""), (UUID, f"{uuid}\n" if uuid else "")):
        if text:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    for number, address in enumerate(cards):
        card(root, f"eth{number}", address)
    return root


def card(root: Path, name: str, address: str, *, kind: str = "0", is_physical: bool = True) -> None:
    folder = root / "sys/class/net" / name
    folder.mkdir(parents=True)
    (folder / "address").write_text(f"{address}\n")
    (folder / "addr_assign_type").write_text(f"{kind}\n")
    if is_physical:
        (folder / "device").mkdir()


async def live(path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> tuple[str, bool]:
    """One start there, and an event: the epoch, and whether it says that it came from elsewhere."""
    monkeypatch.setattr(hardware, "ROOT", root)
    async with opened(path) as journal:
        add(journal)
        return journal.epoch, "comes from another device" in journal.troubles().get("restored", "")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"serial": "10000000aaaa0001"}, {"serial": "10000000aaaa0002"}),
        ({"uuid": "4c4c4544-0001"}, {"uuid": "4c4c4544-0002"}),
        ({"cards": ("dc:a6:32:00:00:01",)}, {"cards": ("dc:a6:32:00:00:02",)}),
        ({"uuid": "03000200-0400", "cards": ("dc:a6:32:00:00:01",)},
         {"uuid": "03000200-0400", "cards": ("dc:a6:32:00:00:02",)}),
    ],
)  # fmt: skip
async def test_another_device_begins_a_new_epoch(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: dict[str, str], second: dict[str, str]
) -> None:
    """The file stays where it is, as on a card that was copied: neither inode nor witness can tell."""
    here = device(tmp_path / "here", **first)  # type: ignore[arg-type]  # of texts and tuples of them
    there = device(tmp_path / "there", **second)  # type: ignore[arg-type]  # the same
    epoch, came = await live(path, monkeypatch, here)
    assert not came
    assert await live(path, monkeypatch, here) == (epoch, False)
    new, came = await live(path, monkeypatch, there)
    assert (new != epoch, came) == (True, True)
    assert await live(path, monkeypatch, there) == (new, False)
    async with opened(path) as journal:
        assert await pending_seqs(journal) == [1, 2, 3, 4]
        assert journal.last_number == 2


async def test_what_is_not_known_changes_nothing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container, or a user who may not read the UUID."""
    bare = tmp_path / "bare"
    known = device(tmp_path / "known", serial="10000000aaaa0001", cards=("dc:a6:32:00:00:01",))
    less = device(tmp_path / "less", cards=("dc:a6:32:00:00:01",))
    other = device(tmp_path / "other", serial="10000000aaaa0002")
    epoch, _ = await live(path, monkeypatch, bare)
    for root in (bare, known, bare, less, known):
        assert await live(path, monkeypatch, root) == (epoch, False)
    assert (await live(path, monkeypatch, less))[1] is False
    assert (await live(path, monkeypatch, other))[1] is True  # the serial number was not forgotten meanwhile


async def test_a_card_more_or_less_is_the_same_device(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = "dc:a6:32:00:00:01", "dc:a6:32:00:00:02"
    epoch, _ = await live(path, monkeypatch, device(tmp_path / "a", cards=(one,)))
    assert await live(path, monkeypatch, device(tmp_path / "b", cards=(one, two))) == (epoch, False)
    assert await live(path, monkeypatch, device(tmp_path / "c", cards=(two,))) == (epoch, False)


def test_addresses_that_do_not_stay_are_no_mark(tmp_path: Path) -> None:
    card(tmp_path, "random", "dc:a6:32:00:00:01", kind="1")
    card(tmp_path, "local", "02:42:ac:11:00:02")
    card(tmp_path, "veth", "dc:a6:32:00:00:03", is_physical=False)
    card(tmp_path, "zero", "00:00:00:00:00:00")
    card(tmp_path, "none", "")
    device(tmp_path, serial="0000000000000000", uuid="ffffffff-ffff-ffff-ffff-ffffffffffff")
    assert read_hardware(tmp_path) == (set(), set())


@pytest.mark.parametrize("text", [None, "", "x", "1", "[]", "[1,2]", '["a","b"]', "[[1],[]]", "[" * 100_000])
def test_what_another_program_wrote_says_nothing(text: str | None) -> None:
    assert from_text(text) == UNKNOWN


async def test_nothing_of_the_device_can_be_read_in_the_journal(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(path, monkeypatch, device(tmp_path / "here", serial="10000000aaaa0001", cards=("dc:a6:32:00:00:01",)))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((state,),) = connection.execute("SELECT state FROM state WHERE key = 'hardware'").fetchall()
    assert "aaaa0001" not in state
    assert "dc:a6" not in state


def test_the_example_in_the_docstring() -> None:
    assert doctest.testmod(hardware).failed == 0
