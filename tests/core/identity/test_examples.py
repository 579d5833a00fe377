"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from edgegw.core import identity

MODULES = [module.name for module in pkgutil.iter_modules(identity.__path__, f"{identity.__name__}.")]


@pytest.mark.parametrize("name", [identity.__name__, *MODULES])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_most_modules_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    with_examples = [name for name in MODULES if any(t.examples for t in finder.find(importlib.import_module(name)))]
    assert len(with_examples) > len(MODULES) / 2
