"""One fault at a time, at every place of the annotated example where it can stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from edgegw.config import schema
from edgegw.config.schema import Schema, branches
from edgegw.config.tree import Entry, Mapping, Node, Path, Place, Scalar, Sequence
from edgegw.config.yaml_text import read
from tests.config.support import ANNOTATED

TEXT = ANNOTATED.read_text(encoding="utf-8")
LINES = TEXT.split("\n")
NOTHING = "~"


class Injected(NamedTuple):
    """A spoilt file, where it is spoilt, and the key or value that is right."""

    text: str
    place: Place
    right: str
    written: str


def root() -> Mapping:
    tree = read(TEXT).root
    assert tree is not None
    return tree


def spoil(place: Place, right: str, written: str, text: str = TEXT) -> Injected:
    lines = text.split("\n")
    line = lines[place.line - 1]
    start = place.col - 1
    assert line[start:].startswith(right), (line, right)
    lines[place.line - 1] = line[:start] + written + line[start + len(right) :]
    return Injected("\n".join(lines), place, right, written)


def keys(node: Node) -> Iterator[tuple[str, Entry]]:
    """Every key of the file, with its place."""
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            yield key, entry
            yield from keys(entry.value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from keys(item.value)


def scalars(node: Node, path: Path, place: Place) -> Iterator[tuple[Path, Place, Scalar]]:
    """Every value with its path and the place where its emptiness is told: its key, or itself in a list."""
    if isinstance(node, Scalar):
        yield path, place, node
    elif isinstance(node, Mapping):
        for key, entry in node.entries.items():
            yield from scalars(entry.value, (*path, key), entry.place)
    else:
        for at, item in enumerate(node.items):
            yield from scalars(item.value, (*path, at), item.value.place)


def misspelt(key: str) -> Iterator[str]:
    """The key with two neighbouring letters swapped, in every way."""
    for at in range(len(key) - 1):
        swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
        if swapped != key:
            yield swapped


def misspelt_keys() -> Iterator[Injected]:
    for key, entry in keys(root()):
        for written in misspelt(key):
            yield spoil(entry.place, key, written)


def source_of(scalar: Scalar) -> str:
    """The value as it stands in the file; the example needs no escapes."""
    return f'"{scalar.text}"' if scalar.quoted else scalar.text


def bad_values(part: Schema) -> Iterator[str]:
    """Values that this part of the schema refuses, each in another way."""
    may_be_list = any(branch.get("type") == "array" for branch in branches(part))
    yield "{no: 1}" if may_be_list else "[[x]]"  # the fault of a list may stand inside
    for branch in branches(part):
        if branch.get("type") in ("integer", "number"):
            yield from ("ten", "1e99", "-99999", "nan", "inf", '""')
        elif "enum" in branch or "const" in branch or branch.get("type") == "boolean":
            yield from ("perhaps", '""')
        elif "pattern" in branch:
            yield from ('"bad value/"', '""')
        elif branch.get("maxLength"):
            yield "x" * (branch["maxLength"] + 1)
        if branch.get("type") != "object":
            yield "{no: 1}" if len(branches(part)) == 1 else "perhaps"


def empty_values() -> Iterator[Injected]:
    for _, place, scalar in scalars(root(), (), root().place):
        spoilt = spoil(scalar.place, source_of(scalar), NOTHING)
        yield spoilt._replace(place=place)


def wrong_values() -> Iterator[Injected]:
    for path, _, scalar in scalars(root(), (), root().place):
        for bad in bad_values(schema.at(path)):
            yield spoil(scalar.place, source_of(scalar), bad)
