"""A configuration file -> the frozen models, or every fault in it at once.

The text becomes a tree with places (`yaml_text`), the models judge its texts, and each of their errors is told
again in our words at its place. A faulty part is dropped, or a misspelt key put right, and the models judge
again, so that one fault hides no other. `crosscheck` then looks at what the parts say about each other.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from collections.abc import Mapping as AnyMapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from edgegw.config import crosscheck, explain, schema
from edgegw.config.crosscheck import Finding
from edgegw.config.model import BRANCHES, Config
from edgegw.config.suggest import closest
from edgegw.config.tree import Mapping, Node, Place, Scalar, Sequence, Spot, child_label, item_label, locate, plain
from edgegw.config.tree import Path as TreePath
from edgegw.config.yaml_text import MAX_BYTES, Flaw, decode, read
from edgegw.errors import ConfigError, Fault

MAX_FAULTS = 200
"""Nobody mends more than this in one go, and a hostile file shall not keep us busy."""


class Loaded(NamedTuple):
    """A configuration without faults. The warnings are in the order of the file, `root` is what it says where."""

    config: Config
    warnings: tuple[Fault, ...]
    root: Mapping


def load(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError with every fault of it."""
    return load_with_warnings(path).config


def load_with_warnings(path: Path) -> Loaded:
    """Like `load`, with what is allowed but looks like a mistake."""
    return parse(read_source(path), str(path), path.parent)


def read_source(path: Path) -> bytes:
    """The bytes of a regular file, not many more than a configuration may have. Raises ConfigError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise ConfigError([Fault(str(path), 0, 0, "", f"is {kind}", "name the YAML file itself")])
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([Fault(str(path), 0, 0, "", "there is no such file", "check the path")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Fault(str(path), 0, 0, "", f"cannot be read ({reason})")]) from None


def parse(source: bytes | str, name: str, folder: Path | None = None) -> Loaded:
    """The configuration in a text. `name` stands in the faults; relative paths count from `folder`."""
    text = source if isinstance(source, str) else decode(source)
    if isinstance(text, Flaw):
        raise ConfigError([_fault(name, text.place, "", text.problem, text.hint)])
    reading = read(text)
    faults = [_fault(name, place, "", problem, hint) for place, problem, hint in reading.flaws]
    config = None
    if reading.root is not None:
        examination = _Examination(reading.root, name, folder)
        config = examination.config()
        between = islice(crosscheck.faults(reading.root), MAX_FAULTS)
        faults += [*examination.faults, *(_fault(name, *finding) for finding in between)]
    if reading.root is None or config is None or faults:
        raise ConfigError(_tidy(faults, name))
    return Loaded(config, as_faults(crosscheck.warnings(config, reading.root), name), reading.root)


def as_faults(findings: Iterable[Finding], name: str) -> tuple[Fault, ...]:
    """The findings about a file of that name, in its order."""
    return tuple(_tidy([_fault(name, *finding) for finding in findings], name))


def _fault(name: str, place: Place, key: str, problem: str, hint: str) -> Fault:
    return Fault(name, *place, printable(key), printable(problem), printable(hint))


def printable(text: str) -> str:
    """Without the control characters of a hostile file, which would act on the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _tidy(faults: list[Fault], name: str) -> list[Fault]:
    """In the order of the file, each thing once (an alias repeats what it stands for), and not too many."""
    once = {(fault.line, fault.col, fault.problem): fault for fault in reversed(faults)}
    ordered = sorted(once.values(), key=lambda fault: (fault.line, fault.col))
    if len(ordered) > MAX_FAULTS:
        more = Fault(name, 0, 0, "", f"has more than {MAX_FAULTS} faults", "the rest is not shown")
        return [*ordered[:MAX_FAULTS], more]
    return ordered


class _Examination:
    """Drives the models over a tree until they have nothing new to say."""

    def __init__(self, root: Mapping, name: str, folder: Path | None) -> None:
        self._root = root
        self._name = name
        self._folder = folder
        self._missing: set[tuple[int, str]] = set()
        self.faults: list[Fault] = []

    def config(self) -> Config | None:
        """The models if they take the tree as it is now; the faults tell what was wrong before."""
        while unknown := [error for error in self._errors() if error["type"] == "extra_forbidden"]:
            for spot, error in self._located(unknown):
                self._unknown_key(spot, str(error["loc"][-1]))
            if len(self.faults) > MAX_FAULTS:
                return None
        self._walk(self._root, (), "")
        while errors := self._errors():
            known = len(self.faults)
            for spot, error in self._located(errors):
                self._judge(spot, error)
            if len(self.faults) == known or known > MAX_FAULTS:
                return None
        return self._validated()

    def _validated(self) -> Config:
        return Config.model_validate(plain(self._root), context={"folder": self._folder})

    def _errors(self) -> list[dict[str, Any]]:
        try:
            self._validated()
        except ValidationError as invalid:
            return cast(list[dict[str, Any]], invalid.errors(include_url=False, include_input=False))
        return []

    def _located(self, errors: list[dict[str, Any]]) -> list[tuple[Spot, dict[str, Any]]]:
        """All places first: mending one fault moves what comes after it."""
        return [(locate(self._root, _keys(error)), error) for error in errors[: MAX_FAULTS + 1]]

    def _add(self, place: Place, key: str, problem: str, hint: str = "") -> None:
        self.faults.append(_fault(self._name, place, key, problem, hint))

    def _unknown_key(self, spot: Spot, written: str) -> None:
        mapping = spot.holder
        if not isinstance(mapping, Mapping) or written not in mapping.entries:
            return  # put right already: an alias leads here twice
        place = mapping.entries[written].place
        known = schema.properties(schema.at(spot.path[:-1]))
        meant = closest(written, known)
        if written in known:
            others = ", ".join(key for key in mapping.entries if key != written)
            self._add(place, spot.label, f"does not go together with {others}", "keep one way")
        else:
            hint = f"did you mean '{meant}'?" if meant else f"keys here: {', '.join(known)}"
            self._add(place, spot.label, f"unknown key {explain.shortened(written)}", hint)
        if meant is None or meant in mapping.entries:
            mapping.drop(written)
        else:
            mapping.rename(written, meant)

    def _walk(self, node: Node, path: TreePath, label: str) -> None:
        """Find what the models cannot see: keys given twice, keys and items without a value."""
        if isinstance(node, Sequence):
            for at, item in enumerate(node.items):
                self._visit(item.value, item.value.place, (*path, at), label + item_label(item))
            for item in list(node.items):
                if isinstance(item.value, Scalar) and item.value.is_empty:
                    node.drop(item.number)
        elif isinstance(node, Mapping):
            for again in node.duplicates:
                problem = f"key '{again.key}' is given twice (first at line {again.first.line})"
                self._add(again.place, child_label(label, again.key), problem, "keep one of them")
            for key, entry in list(node.entries.items()):
                self._visit(entry.value, entry.place, (*path, key), child_label(label, key))
                if isinstance(entry.value, Scalar) and entry.value.is_empty:
                    node.drop(key)

    def _visit(self, node: Node, place: Place, path: TreePath, label: str) -> None:
        if isinstance(node, Scalar) and node.is_empty:
            expected = explain.expectation(schema.at(path))
            self._add(place, label, "has no value", f"write {expected}, or delete it")
        else:
            self._walk(node, path, label)

    def _judge(self, spot: Spot, error: dict[str, Any]) -> None:
        if error["type"] == "missing":
            self._missing_key(spot, error)
        elif error["type"] == "wrong":
            self._told_by_validator(spot, error["ctx"])
        elif not (isinstance(spot.node, Sequence) and spot.node.is_thinned):
            self._not_as_expected(spot)

    def _missing_key(self, spot: Spot, error: dict[str, Any]) -> None:
        key = str(error["loc"][-1])
        mapping = spot.node
        if not isinstance(mapping, Mapping) or (id(mapping), key) in self._missing:
            return
        is_branch = not BRANCHES.isdisjoint(error["loc"])  # what was dropped may have told another branch
        if key in mapping.dropped or (is_branch and mapping.dropped):
            return
        self._missing.add((id(mapping), key))
        expected = schema.at((*spot.path, key))
        self._add(
            spot.place,
            child_label(spot.label, key),
            "is missing",
            f"write {explain.expectation(expected)}: {expected.get('description', '')}",
        )

    def _told_by_validator(self, spot: Spot, told: AnyMapping[str, Any]) -> None:
        """A validator of ours says what is wrong, with one value or with keys that contradict each other."""
        if not isinstance(spot.node, Mapping):
            self._add(spot.place, spot.label, f"{told['problem']} (found {explain.found(spot.node)})", told["hint"])
            spot.drop()
            return
        mapping, keys = spot.node, told["keys"]
        if mapping.dropped.intersection(keys):
            return
        blamed = next((key for key in keys if key in mapping.entries), None)
        place = mapping.entries[blamed].place if blamed else spot.place
        if not any((fault.line, fault.col, fault.problem) == (*place, told["problem"]) for fault in self.faults):
            self._add(place, child_label(spot.label, blamed) if blamed else spot.label, told["problem"], told["hint"])
        if blamed:
            mapping.drop(blamed)

    def _not_as_expected(self, spot: Spot) -> None:
        wanted = schema.at(spot.path)
        problem = f"must be {explain.expectation(wanted)} (found {explain.found(spot.node)})"
        self._add(spot.place, spot.label, problem, explain.hint(spot.node, wanted))
        spot.drop()


def _keys(error: dict[str, Any]) -> TreePath:
    """Where an error is, without the names of branches (`<gpi>`), which are no keys of the file."""
    *way, last = error["loc"]
    path = [step for step in way if step not in BRANCHES]
    is_key = error["type"] == "extra_forbidden" or last not in BRANCHES
    return (*path, last) if is_key else tuple(path)
