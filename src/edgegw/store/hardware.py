"""Which device this is: what tells one board from another, so that a copy of a whole card is known for one.

A copy made block by block has the inode and the witness of the original. What it has not is the board: its serial
number or UUID, and the addresses that its network cards were made with. Only hashes of them are kept. What cannot be
read, as in most containers, says nothing.

>>> here, there = Hardware({"a"}, {"b", "c"}), Hardware({"a"}, {"d"})
>>> here.is_other_than(there), here.is_other_than(Hardware({"a"}, {"c"})), here.is_other_than(Hardware(set(), set()))
(True, False, False)
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Path = Path("/")
_BOARD: Final = ("proc/device-tree/serial-number", "sys/class/dmi/id/product_uuid")
_PERMANENT: Final = "0"
"""addr_assign_type (Linux, Documentation/ABI/testing/sysfs-class-net): neither random nor set by somebody."""
_LOCAL: Final = 0x02
"""IEEE 802, 8.2.2: not given by the maker of the card."""
_LONGEST: Final = 200


class Hardware(NamedTuple):
    """Hashes. Other in either part means another device; an empty part is not known."""

    board: Collection[str]
    cards: Collection[str]

    def is_other_than(self, known: Hardware) -> bool:
        parts = zip(self, known, strict=True)
        return any(here and there and not set(here) & set(there) for here, there in parts)

    def or_else(self, known: Hardware) -> Hardware:
        """What is not known now may have been before."""
        return Hardware(self.board or known.board, self.cards or known.cards)

    def as_text(self) -> str:
        return json.dumps([sorted(part) for part in self])


UNKNOWN: Final = Hardware((), ())


def read_hardware(root: Path) -> Hardware:
    """Of the machine whose files are below `root`."""
    board = [said for name in _BOARD if len(set(said := _said(root / name)) - {"-"}) > 1]  # some makers write zeros
    return Hardware({_hashed(one) for one in board}, {_hashed(one) for one in _cards(root / "sys/class/net")})


def from_text(text: str | None) -> Hardware:
    """What `as_text` gave; anything else says nothing."""
    try:
        board, cards = json.loads(text or "")
    except (ValueError, TypeError, RecursionError):
        return UNKNOWN
    are_lists = isinstance(board, list) and isinstance(cards, list)
    return Hardware(board, cards) if are_lists and all(isinstance(one, str) for one in board + cards) else UNKNOWN


def _cards(folder: Path) -> Iterator[str]:
    """Addresses of what is no bridge, tunnel or container's, and keeps its address over a restart."""
    with contextlib.suppress(OSError):
        for card in sorted(folder.iterdir()):
            address = _said(card / "address")
            if (card / "device").exists() and _said(card / "addr_assign_type") == _PERMANENT and _is_makers(address):
                yield address


def _is_makers(address: str) -> bool:
    try:
        octets = bytes.fromhex(address.replace(":", ""))
    except ValueError:
        return False
    return any(octets) and not octets[0] & _LOCAL


def _said(file: Path) -> str:
    """Nothing where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(_LONGEST).decode("utf-8", "replace").strip("\0 \n").lower()
    except OSError:
        return ""


def _hashed(text: str) -> str:
    return sha256(b"edgegw " + text.encode()).hexdigest()[:16]
