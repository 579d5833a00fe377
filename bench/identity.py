"""How fast identities are, next to the libraries that do the same: `python -m bench.identity`.

Microseconds of CPU a call. Needs the development dependencies epcpy and biip.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import biip
from epcpy.epc_schemes.sgtin import SGTIN

from bench.rounds import in_turn, median
from bench.table import Row, lines
from edgegw.core.identity import Identifier, identify_epc, identify_scan
from edgegw.core.identity.digits import with_check_digit

TAGS = 2000
CACHED_LIMIT_US = 0.3
RATIO_TARGET = 5.0


def sgtin_96(source: random.Random) -> bytes:
    prefix, reference, serial = source.randrange(10**7), source.randrange(10**6), source.randrange(2**38)
    number = 0x30 << 88 | 3 << 85 | 5 << 82 | prefix << 58 | reference << 38 | serial
    return number.to_bytes(12)


def gs1_scan(source: random.Random) -> str:
    gtin = with_check_digit("0" + str(source.randrange(10**12)).zfill(12))
    return f"]C101{gtin}21{source.randrange(10**8)}\x1d10LOT{source.randrange(1000)}"


def micros(call: Callable[[Any], object], inputs: Sequence[Any]) -> Callable[[], float]:
    """A round of calls; microseconds each."""

    def measure() -> float:
        began_s = time.process_time()
        for item in inputs:
            call(item)
        return (time.process_time() - began_s) / len(inputs) * 1e6

    return measure


def by_epcpy(tag: str) -> str:
    return str(SGTIN.from_hex(tag).epc_uri)


def rows() -> list[Row]:
    source = random.Random(1)
    tags = [sgtin_96(source) for _ in range(TAGS)]
    scans = [gs1_scan(source) for _ in range(TAGS // 10)]
    identifier = Identifier()
    found = in_turn(
        {
            "cached": micros(lambda tag: identifier.epc(tag, 96, 0x3000), tags),
            "tag": micros(lambda tag: identify_epc(tag, 96), tags),
            "epcpy": micros(by_epcpy, [tag.hex() for tag in tags]),
            "scan": micros(identify_scan, scans),
            "biip": micros(biip.parse, scans),
        }
    )
    cached_us = median(found["cached"])
    return [
        Row(
            "identity of a tag that was read before", f"{cached_us:.2f} us", "", None, f"<= {CACHED_LIMIT_US:g} us",
            cached_us <= CACHED_LIMIT_US, tuple(found["cached"]), -1,
        ),
        _versus("identity of a new SGTIN-96, vs epcpy", found["tag"], found["epcpy"]),
        _versus("identity of a GS1 scan, vs biip", found["scan"], found["biip"]),
    ]  # fmt: skip


def _versus(measure: str, ours_us: list[float], theirs_us: list[float]) -> Row:
    ratio = median(theirs / ours for ours, theirs in zip(ours_us, theirs_us, strict=True))
    return Row(
        measure, f"{median(ours_us):.1f} us", f"{median(theirs_us):.1f} us", ratio, f">= {RATIO_TARGET:g} x",
        ratio >= RATIO_TARGET, tuple(ours_us), -1,
    )  # fmt: skip


if __name__ == "__main__":
    print("\n".join(lines(rows())))
