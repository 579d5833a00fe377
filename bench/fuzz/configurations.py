"""YAML texts: each refusal names a place and says what is wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from bench.fuzz.mutations import mutate
from bench.fuzz.tally import sentence
from edgegw.config.load import parse
from edgegw.errors import ConfigError

ROOT = Path(__file__).parents[2]
NASTY = (
    "!!python/object:os.system x", "&a [*a, *a]", "*nowhere", "{", "[[[[[[[[", "1e999", "0x7fffffffffffffffff", "~", "",
    "'", '"\\x', "- " * 200, "{a: " * 200, "\t", "\0", "\ufeff", "\u2028", "NO", ".nan", "-1", "<<: *a", "? :", "|9",
    "2026-02-30", "../../../../etc/shadow", "\U0001f4a5" * 50, "9" * 500,
)  # fmt: skip


class Configurations:
    """Mutated YAML texts through the loader; each refusal names a place and says what is wrong."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._texts = [path.read_bytes() for path in sorted((ROOT / "config").glob("*.yaml"))]

    def inputs(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            if self._rng.random() < 0.3:
                yield mutate(self._texts, self._rng)
            else:
                yield b"\n".join(self._mutated_lines(self._rng.choice(self._texts).split(b"\n")))

    def _mutated_lines(self, lines: list[bytes]) -> list[bytes]:
        for _ in range(self._rng.choice((1, 1, 2, 5))):
            at, other = self._rng.randrange(len(lines)), self._rng.randrange(len(lines))
            match self._rng.randrange(6):
                case 0:
                    lines[at] = lines[other]
                case 1:
                    lines.insert(at, lines[other])
                case 2:
                    lines[at] = b" " * self._rng.randrange(8) + lines[at].lstrip()
                case 3:
                    lines[at] = lines[at].partition(b":")[0] + b":" + lines[other].partition(b":")[2]
                case _:
                    key, colon, _ = lines[at].partition(b":")
                    lines[at] = key + (colon or b":") + b" " + self._rng.choice(NASTY).encode()
        return lines

    def judge(self, data: bytes) -> str:
        try:
            parse(data, "fuzz.yaml", ROOT / "config")
        except ConfigError as error:
            sentences = [sentence(fault.problem) for fault in error.faults]
            return "one fault" if len(sentences) == 1 else "several faults"
        return ""
