"""What the models say about a tree, told in our words at the places of the file.

A faulty part is dropped, or a misspelt key put right, and the models judge again, so that one fault hides no
other and causes no second one.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from edgegw.config import explain, schema
from edgegw.config.model import BRANCHES, Config
from edgegw.config.suggest import closest, way_of_secret
from edgegw.config.tree import (
    Finding,
    Mapping,
    Node,
    Place,
    Scalar,
    Sequence,
    Spot,
    child_label,
    item_label,
    locate,
    plain,
)
from edgegw.config.tree import Path as TreePath

MAX_FAULTS = 200
"""Nobody mends more than this in one go, and a hostile file shall not keep us busy."""


class Examination:
    """Drives the models over a tree until they have nothing new to say."""

    def __init__(self, root: Mapping, folder: Path | None) -> None:
        self._root = root
        self._folder = folder
        self._said: set[tuple[int, str]] = set()
        self.faults: list[Finding] = []

    def config(self) -> Config | None:
        """The models if they take the tree as it is now; the faults tell what was wrong before."""
        while unknown := [error for error in self._errors() if error["type"] == "extra_forbidden"]:
            for spot, error in self._located(unknown):
                self._unknown_key(spot, str(error["loc"][-1]))
            if len(self.faults) > MAX_FAULTS:
                return None
        self._walk(self._root, (), "")
        if len(self.faults) > MAX_FAULTS:
            return None
        while errors := self._errors():
            known = len(self.faults)
            for spot, error in self._located(errors):
                self._judge(spot, error)
            if len(self.faults) == known or len(self.faults) > MAX_FAULTS:
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
        self.faults.append(Finding(place, key, problem, hint))

    def _unknown_key(self, spot: Spot, written: str) -> None:
        mapping = spot.holder
        assert isinstance(mapping, Mapping)  # nothing else has keys
        place = mapping.entries[written].place
        known = schema.properties(schema.at(spot.path[:-1]))
        meant = closest(written, known)
        if written in known:
            others = ", ".join(key for key in mapping.entries if key != written)
            self._add(place, spot.label, f"does not go together with {others}", "keep one way")
        else:
            hint = f"did you mean '{meant}'?" if meant else f"keys here: {', '.join(known)}"
            hint = way_of_secret(written, known) or hint
            hint = _decimal_comma(mapping, written) or explain.slip(Scalar(place, written)) or hint
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
            node.items = [item for item in node.items if not _is_empty(item.value)]
        elif isinstance(node, Mapping):
            for again in node.duplicates:
                problem = f"key '{again.key}' is given twice (first at line {again.first.line})"
                self._add(again.place, child_label(label, again.key), problem, "keep one of them")
            for key, entry in list(node.entries.items()):
                self._visit(entry.value, entry.place, (*path, key), child_label(label, key))
                if _is_empty(entry.value):
                    node.drop(key)

    def _visit(self, node: Node, place: Place, path: TreePath, label: str) -> None:
        if not _is_empty(node):
            self._walk(node, path, label)
            return
        if len(self.faults) > MAX_FAULTS:
            return
        wanted = schema.at(path)
        way_out = f": {wanted.get('description', '')}" if schema.is_required(path) else ", or delete it"
        self._add(place, label, "has no value", f"write {explain.expectation(wanted)}{way_out}")

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
        assert isinstance(mapping, Mapping)  # nothing else has keys
        is_branch = not BRANCHES.isdisjoint(error["loc"])  # what was dropped may have told another branch
        if key in mapping.dropped or (is_branch and mapping.dropped) or self._was_said(mapping, key):
            return
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
            hint = explain.slip(spot.node) or told["hint"]
            self._add(spot.place, spot.label, f"{told['problem']} (found {explain.found(spot.node)})", hint)
            spot.drop()
            return
        mapping, keys = spot.node, told["keys"]
        if mapping.dropped.intersection(keys) or self._was_said(mapping, told["problem"]):
            return
        blamed = next((key for key in keys if key in mapping.entries), None)
        place = mapping.entries[blamed].place if blamed else spot.place
        label = child_label(spot.label, blamed) if blamed else spot.label
        self._add(place, label, told["problem"], told["hint"])
        if blamed:
            mapping.drop(blamed)

    def _was_said(self, mapping: Mapping, what: str) -> bool:
        """Nothing can be dropped for what is missing, so the models repeat it."""
        said = (id(mapping), what) in self._said
        self._said.add((id(mapping), what))
        return said

    def _not_as_expected(self, spot: Spot) -> None:
        wanted = schema.at(spot.path)
        problem = f"must be {explain.expectation(wanted)} (found {explain.found(spot.node)})"
        self._add(
            spot.place, spot.label, problem, explain.hint(spot.node, wanted, is_item=isinstance(spot.path[-1], int))
        )
        spot.drop()


def _decimal_comma(mapping: Mapping, written: str) -> str:
    """In braces, `power_dbm: 31,5` says two things: `power_dbm: 31` and a key `5` without a value."""
    keys = list(mapping.entries)
    before = keys[keys.index(written) - 1] if keys.index(written) else ""
    whole = mapping.text(before) or ""
    if written.isdecimal() and whole.lstrip("-").isdecimal() and _is_empty(mapping.entries[written].value):
        return f"decimals take a point: {before}: {whole}.{written}"
    return ""


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_empty


def _keys(error: dict[str, Any]) -> TreePath:
    """Where an error is, without the names of branches (`<gpi>`), which are no keys of the file."""
    *way, last = error["loc"]
    path = [step for step in way if step not in BRANCHES]
    is_key = error["type"] == "extra_forbidden" or last not in BRANCHES
    return (*path, last) if is_key else tuple(path)
