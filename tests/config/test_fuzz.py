"""Files that no person would write: a sentence for each, never a crash, never a second."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.config.syntax import LINE_BREAK
from tests.config.support import ANNOTATED, HEAD, faults_of

SEED_FILE = ANNOTATED.read_bytes()
PIECES = [
    b": ",
    b"\n",
    b"- ",
    b"  ",
    b"\t",
    b"[",
    b"]",
    b"{",
    b"}",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!x ",
    b'"',
    b"'",
    b"|\n",
]
PIECES += [b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"---\n", b"...\n", b"~", b"? ", b"%", b"#", b",", b"9" * 400]
"""What YAML is made of, and what it is not."""


def survive(data: bytes) -> None:
    start = time.process_time()
    faults = faults_of(data)
    assert time.process_time() - start < 1
    assert all(str(fault).isprintable() for fault in faults)
    assert all(len(str(fault)) < 2000 for fault in faults)
    last = len(LINE_BREAK.split(data.decode("utf-8", "replace")))
    assert all(0 <= fault.line <= last for fault in faults)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A few pieces deleted, doubled, moved or put in."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at, length = rng.randrange(len(out)), rng.randint(1, 30)
        match rng.randrange(5):
            case 0:
                del out[at : at + length]
            case 1:
                out[at:at] = out[at : at + length]
            case 2:
                out[at] = rng.randrange(256)
            case 3:
                out[at:at] = rng.choice(PIECES)
            case _:
                moved = bytes(out[at : at + length])
                del out[at : at + length]
                to = rng.randrange(len(out))
                out[to:to] = moved
    return bytes(out)


@pytest.mark.parametrize("seed", range(10))
def test_mutated_files(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(100):
        survive(mutated(SEED_FILE, rng))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    survive(data)


@given(st.text(alphabet="ab:- \n[]{},&*!|>'\"#%@?~<\t", max_size=60))
def test_any_yaml_like_text(text: str) -> None:
    survive(text.encode())


@given(
    st.lists(
        st.sampled_from(
            ["readers", "name", "host", "tls", "start", "gpi", "doors", "sides", "- ", "  ", ": ", "\n", "a"]
        )
    )
)
def test_any_order_of_our_words(words: list[str]) -> None:
    survive((HEAD + "".join(words)).encode())
