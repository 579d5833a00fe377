"""How fast identities are, next to the libraries that do the same: `python bench/identity.py`.

Prints one JSON line a figure, in microseconds a call (median of the rounds), and the ratios. Exit code 1 if
a limit is missed. Needs the development dependencies epcpy and biip.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import biip
from epcpy.epc_schemes.sgtin import SGTIN

from edgegw.core.identity import Identifier, identify_epc, identify_scan
from edgegw.core.identity.digits import with_check_digit

ROUNDS = 7
TAGS = 2000
CACHED_LIMIT_US = 0.3
RATIO_LIMIT = 5.0


def sgtin_96(source: random.Random) -> bytes:
    prefix, reference, serial = source.randrange(10**7), source.randrange(10**6), source.randrange(2**38)
    number = 0x30 << 88 | 3 << 85 | 5 << 82 | prefix << 58 | reference << 38 | serial
    return number.to_bytes(12)


def gs1_scan(source: random.Random) -> str:
    gtin = with_check_digit("0" + str(source.randrange(10**12)).zfill(12))
    return f"]C101{gtin}21{source.randrange(10**8)}\x1d10LOT{source.randrange(1000)}"


def measure(call: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """Microseconds a call."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for item in inputs:
            call(item)
        rounds.append((time.perf_counter() - start) / len(inputs) * 1e6)
    return statistics.median(rounds)


def by_epcpy(tag: str) -> str:
    return str(SGTIN.from_hex(tag).epc_uri)


def main() -> int:
    source = random.Random(1)
    tags = [sgtin_96(source) for _ in range(TAGS)]
    scans = [gs1_scan(source) for _ in range(TAGS // 10)]
    identifier = Identifier()
    figures = {
        "cached tag": measure(lambda tag: identifier.epc(tag, 96, 0x3000), tags),
        "fresh sgtin-96": measure(lambda tag: identify_epc(tag, 96), tags),
        "fresh sgtin-96, epcpy": measure(by_epcpy, [tag.hex() for tag in tags]),
        "gs1 scan": measure(identify_scan, scans),
        "gs1 scan, biip": measure(biip.parse, scans),
        "digital link": measure(identify_scan, ["https://x.example/01/09506000134352/21/12345?17=271231"] * 200),
    }
    for name, micros in figures.items():
        print(json.dumps({"figure": name, "us": round(micros, 3)}))
    ratios = {
        "sgtin-96 over epcpy": figures["fresh sgtin-96, epcpy"] / figures["fresh sgtin-96"],
        "gs1 scan over biip": figures["gs1 scan, biip"] / figures["gs1 scan"],
    }
    for name, ratio in ratios.items():
        print(json.dumps({"ratio": name, "times": round(ratio, 1), "limit": RATIO_LIMIT}))
    met = figures["cached tag"] < CACHED_LIMIT_US and min(ratios.values()) >= RATIO_LIMIT
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
