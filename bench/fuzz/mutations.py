"""Small damage of the kinds that find faults."""

from __future__ import annotations

import random
from collections.abc import Sequence


def flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def remove(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randint(1, 8) :]


def duplicate(data: bytes, rng: random.Random) -> bytes:
    """A piece stands twice: with luck, a whole parameter or line."""
    at = rng.randrange(len(data))
    end = at + rng.randint(1, 64)
    return data[:end] + data[at:end] + data[end:]


def insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randint(1, 16)) + data[at:]


def lie(data: bytes, rng: random.Random) -> bytes:
    """Two bytes become a number that is often a boundary: in LLRP, a length or a type."""
    at = rng.randrange(len(data))
    value = rng.choice((0, 1, 3, 4, 5, 10, 0x7FFF, 0x8000, 0xFFFF, len(data), rng.randrange(0x10000)))
    return data[:at] + (value & 0xFFFF).to_bytes(2) + data[at + 2 :]


MUTATIONS = (flip, flip, truncate, remove, duplicate, insert, lie, lie)


def mutate(corpus: Sequence[bytes], rng: random.Random) -> bytes:
    """One of the corpus, or two spliced, changed one to three times."""
    data = rng.choice(corpus)
    if rng.random() < 0.1:
        other = rng.choice(corpus)
        data = data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]
    for _ in range(rng.choice((1, 1, 2, 3))):
        if data:
            data = rng.choice(MUTATIONS)(data, rng)
    return data
