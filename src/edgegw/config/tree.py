"""What a YAML file says, as a tree of texts that know their line and column.

Nothing is typed here: a GLN keeps its zeros and `NO` stays "NO" until a model decides what it is.
Faulty parts are dropped from the tree after they were reported, so that the rest can still be examined;
a `dropped` key is one that the author did write, so nobody may call it missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Place(NamedTuple):
    """Line and column in the file, from 1; 0 = the file as a whole."""

    line: int
    col: int


class Finding(NamedTuple):
    """Something wrong or doubtful at a place of the file; `label` is its key by names."""

    place: Place
    label: str
    problem: str
    hint: str = ""

    @property
    def key(self) -> str:
        return self.label.rpartition(".")[2]


@dataclass(slots=True, eq=False)
class Scalar:
    place: Place
    text: str
    quoted: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing was written, or one of YAML's words for it."""
        return not self.quoted and self.text in ("", "~", "null", "Null", "NULL")


class Entry(NamedTuple):
    """One `key: value` of a mapping; `place` is the key's."""

    place: Place
    value: Node


class Duplicate(NamedTuple):
    key: str
    place: Place
    first: Place


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys and what they hold, in the order of the file."""

    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)
    duplicates: list[Duplicate] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)

    def drop(self, key: str) -> None:
        self.entries.pop(key, None)
        self.dropped.add(key)

    def rename(self, written: str, meant: str) -> None:
        """Go on as if the author had written the key that was meant."""
        self.entries = {meant if key == written else key: entry for key, entry in self.entries.items()}

    def text(self, key: str) -> str | None:
        entry = self.entries.get(key)
        return entry.value.text if entry and isinstance(entry.value, Scalar) else None

    def mappings(self, key: str) -> list[Mapping]:
        """The mappings in the list under `key`."""
        entry = self.entries.get(key)
        items = entry.value.items if entry and isinstance(entry.value, Sequence) else []
        return [item.value for item in items if isinstance(item.value, Mapping)]


class Item(NamedTuple):
    """One item of a list and its number in the file, from 1."""

    number: int
    value: Node


@dataclass(slots=True, eq=False)
class Sequence:
    place: Place
    items: list[Item] = field(default_factory=list)
    length: int = 0

    @property
    def is_thinned(self) -> bool:
        """Some items were dropped as faulty."""
        return len(self.items) < self.length

    def drop(self, number: int) -> None:
        for at, item in enumerate(self.items):
            if item.number == number:
                del self.items[at]
                return


Node = Scalar | Mapping | Sequence
Path = tuple[str | int, ...]
"""Keys, and positions from 0 in lists."""


class Spot(NamedTuple):
    """Where a path of keys and positions leads.

    node    the deepest node on the way that exists
    path    the steps that could be taken
    label   the same by names: `readers[dock-1].power_dbm`
    place   of the value, or of its key when the value is empty
    holder  the mapping or list that holds the node, None for the root
    step    its key or number there
    """

    node: Node
    path: Path
    label: str
    place: Place
    holder: Mapping | Sequence | None = None
    step: str | int = ""

    def drop(self) -> None:
        """Take the node out of the tree."""
        if isinstance(self.holder, Mapping):
            self.holder.drop(str(self.step))
        elif isinstance(self.holder, Sequence) and isinstance(self.step, int):
            self.holder.drop(self.step)


def locate(root: Node, path: Path) -> Spot:
    """Follow a path of keys and of positions (from 0) in lists as far as it goes."""
    spot = Spot(root, (), "", root.place)
    for step in path:
        node = spot.node
        taken = (*spot.path, step)
        if isinstance(node, Mapping) and step in node.entries:
            key = str(step)
            entry = node.entries[key]
            spot = Spot(entry.value, taken, child_label(spot.label, key), _value_place(entry), node, key)
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            item = node.items[step]
            label = spot.label + item_label(item)
            spot = Spot(item.value, taken, label, item.value.place, node, item.number)
        else:
            break
    return spot


def child_label(label: str, key: str) -> str:
    return f"{label}.{key}" if label else key


def item_label(item: Item) -> str:
    """`[dock-1]` for what has a name, `[#2]` for other mappings and lists, nothing for plain texts."""
    if isinstance(item.value, Scalar):
        return ""
    name = item.value.text("name") if isinstance(item.value, Mapping) else None
    return f"[{name}]" if name and len(name) <= 64 and name.isprintable() else f"[#{item.number}]"


def _value_place(entry: Entry) -> Place:
    is_empty = isinstance(entry.value, Scalar) and entry.value.is_empty
    return entry.place if is_empty else entry.value.place


def plain(node: Node) -> object:
    """The tree as dicts, lists and texts; an empty value is None."""
    if isinstance(node, Scalar):
        return None if node.is_empty else node.text
    if isinstance(node, Sequence):
        return [plain(item.value) for item in node.items]
    return {key: plain(entry.value) for key, entry in node.entries.items()}
