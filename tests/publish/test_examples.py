"""The examples in the docstrings of the way out hold."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from edgegw.core import reissue
from edgegw.publish import answers, confirmation, mqtt
from tests.publish import consumer


@pytest.mark.parametrize("module", [answers, confirmation, consumer, mqtt, reissue])
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
