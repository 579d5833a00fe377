"""Every key misspelt and every value spoilt: one fault, at its line and column, with the right hint.

A fault that causes a second message, hides another or points beside its place fails here.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator

import pytest

from edgegw.config.load import parse
from edgegw.config.tree import Place
from edgegw.errors import Fault
from tests.config import injection
from tests.config.injection import Injected
from tests.config.support import ANNOTATED, faults_of

JARGON = re.compile(r"pydantic|Input should|validation|Traceback|type=|https?://errors|NoneType|<[a-z]+>")


def place(fault: Fault) -> Place:
    return Place(fault.line, fault.col)


def test_every_misspelt_key_is_found_and_the_right_one_named() -> None:
    injected = list(injection.misspelt_keys())
    assert len(injected) > 400
    for spoilt in injected:
        (fault,) = faults_of(spoilt.text)
        assert place(fault) == spoilt.place, spoilt.written
        assert fault.problem == f"unknown key '{spoilt.written}'"
        assert fault.hint == f"did you mean '{spoilt.right}'?"


@pytest.mark.parametrize(
    ("inject", "least"), [(injection.empty_values, 90), (injection.wrong_values, 300)], ids=["empty", "wrong"]
)
def test_every_spoilt_value_is_found(inject: Callable[[], Iterator[Injected]], least: int) -> None:
    injected = list(inject())
    assert len(injected) > least
    for spoilt in injected:
        (fault,) = faults_of(spoilt.text)
        assert place(fault) == spoilt.place, f"{spoilt.written} for {spoilt.right}: {fault}"
        assert "found" in fault.problem or fault.problem == "has no value", fault
        assert fault.hint, fault
        assert not JARGON.search(str(fault)), fault


@pytest.mark.parametrize("seed", range(20))
def test_many_faults_are_all_told_at_once(seed: int) -> None:
    """Twenty faults on twenty lines, keys and values mixed: each is told, as if it were alone."""
    rng = random.Random(seed)
    pool = [*injection.misspelt_keys(), *injection.empty_values(), *injection.wrong_values()]
    chosen: dict[int, Injected] = {}
    for spoilt in rng.sample(pool, 60):
        if len(chosen) < 20:
            chosen.setdefault(spoilt.place.line, spoilt)
    lines = list(injection.LINES)
    for number, spoilt in chosen.items():
        lines[number - 1] = spoilt.text.split("\n")[number - 1]
    told = {place(fault): fault.problem for fault in faults_of("\n".join(lines))}
    alone = {spoilt.place: faults_of(spoilt.text)[0].problem for spoilt in chosen.values()}
    assert alone.items() <= told.items()


def test_a_good_file_is_checked_in_a_blink_and_a_bad_one_too() -> None:
    good = ANNOTATED.read_bytes() + b"\n" * 120
    bad = good.replace(b"name", b"nmae").replace(b": 30 ", b": 3O ")
    assert good.count(b"\n") > 250
    assert min(duration_s(good) for _ in range(5)) < 0.05
    assert len(faults_of(bad)) > 10
    assert min(duration_s(bad) for _ in range(5)) < 0.05


def duration_s(data: bytes) -> float:
    start = time.process_time()
    faults_of(data)
    return time.process_time() - start


def test_the_example_is_good_without_injection() -> None:
    assert parse(injection.TEXT, "f").warnings == ()
