"""Every counter has words, and the troubleshooting page has them too."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgegw.cli import words
from edgegw.cli.words import COUNTED, FAMILIES, counted, maker_and_model

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
IN_CODE = re.compile(r"`([^`]+)`")


def test_documented_examples() -> None:
    assert doctest.testmod(words).failed == 0


def counters_in_source() -> Iterator[tuple[str, str]]:
    """Place and name of each counter that the program names: `counters.add(scope, NAME)`, `self._count(NAME)`."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                said = {"add": node.args[1:2], "_count": node.args[:1]}.get(node.func.attr, [])
                for name in (part for argument in said for part in choices(argument)):
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        yield f"{path.name}:{name.lineno}", name.value


def choices(name: ast.expr) -> list[ast.expr]:
    """`a if x else b` names two counters, an f-string the family that it begins with."""
    if isinstance(name, ast.IfExp):
        return [*choices(name.body), *choices(name.orelse)]
    return name.values[:1] if isinstance(name, ast.JoinedStr) else [name]


def test_every_counter_of_the_program_has_words() -> None:
    unexplained = {
        place: name
        for place, name in counters_in_source()
        if name not in COUNTED and name.rstrip("_") + "_" not in FAMILIES
    }
    assert not unexplained
    assert len(list(counters_in_source())) > 20


def test_the_page_explains_every_counter_once() -> None:
    table = PAGE[PAGE.index("## Counters") :]
    named = [name for row in table.splitlines() if row.startswith("| `") for name in IN_CODE.findall(row.split("|")[1])]
    assert sorted(named) == sorted([*COUNTED, *(f"{family}..." for family in FAMILIES)])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("161/96008 3.20.23", "Motorola (161) model 96008, firmware 3.20.23"),
        ("99999/7", "maker 99999 model 7"),
        ("0/0", "maker 0 model 0"),
        ("something else", "something else"),
    ],
)
def test_makers(model: str, said: str) -> None:
    assert maker_and_model(model) == said


def test_a_counter_nobody_thought_of_is_told_by_its_name() -> None:
    assert counted("brand_new") == "brand new"
