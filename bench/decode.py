"""How fast tag reports become values, next to sllurp, and whether they become the same: `python -m bench.decode`.

Both decode the same messages from memory, round by round in turn. Ours: the whole body verified, every value of every
tag unpacked. Then further: to what the pipeline takes (fields by name, stamps corrected by the reader's clock, one
`TagRead` each), and through it to a station that has read all these tags before (identity, dedupe), one report at a
time; what comes at once is taken together by the session, which `bench.path` measures. The general decoder is what
takes a tag that looks like no other.

At the end, mutated reports: a decoder that has seen them all, one that has seen none, and the general decoder, tag by
tag and parameter by parameter, must say the same of each, or refuse it with the same words.

    python -m bench.decode [--frames 200000] [--seed 1]
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
from sllurp.llrp import LLRPMessage

from bench.rounds import in_turn, median, times
from bench.table import Row, lines
from edgegw.core.counters import Counters
from edgegw.core.dock import ALL_ANTENNAS, Dock, StationSettings
from edgegw.core.llrp.decoder import ReportDecoder
from edgegw.core.llrp.frame import HEADER, HEADER_BYTES, RO_ACCESS_REPORT
from edgegw.core.llrp.parameters import Malformed
from edgegw.core.llrp.reads import ReadMaker
from edgegw.core.llrp.report import TagEntry, decode_report
from edgegw.core.model import AtStation
from edgegw.core.pipeline import Pipeline

FRAMES = 200_000
SLICE_S = 0.08
UNIFORM_TARGET, OTHER_TARGET = 30.0, 6.0
NOW_S = 1_800_000_000.0
IMPINJ, STRANGER = 25882, 17996
CAPTURES = Path(__file__).parents[1] / "tests" / "data" / "readers"
SGTIN = bytes.fromhex("3066C4409047E140")

# ---------------------------------------------------------------- reports


def tlv(kind: int, content: bytes) -> bytes:
    return struct.pack(">HH", kind, 4 + len(content)) + content


def custom(vendor: int, subtype: int, content: bytes) -> bytes:
    return tlv(1023, struct.pack(">II", vendor, subtype) + content)


def epc(bits: int, rng: random.Random) -> bytes:
    """The parameter for an EPC of this length; one of 96 bits is an SGTIN."""
    if bits == 96:
        return b"\x8d" + SGTIN + rng.randbytes(12 - len(SGTIN))
    return tlv(241, struct.pack(">H", bits) + rng.randbytes((bits + 7) // 8))


def stamp(rng: random.Random) -> bytes:
    return struct.pack(">Q", round(NOW_S * 1e6) - rng.randrange(300_000))


def plain_tag(rng: random.Random, bits: int = 96) -> bytes:
    """EPC, antenna, peak RSSI, FirstSeenTimestampUTC, TagSeenCount."""
    where = struct.pack(">BHBb", 0x81, rng.randint(1, 4), 0x86, -rng.randint(40, 75))
    return tlv(240, epc(bits, rng) + where + b"\x82" + stamp(rng) + b"\x88\0\1")


def rich_tag(rng: random.Random, bits: int = 96) -> bytes:
    """13 standard parameters; phase, RSSI and Doppler of Impinj."""
    where = struct.pack(">BIBHBHBH", 0x89, 1, 0x8E, 1, 0x8A, 1, 0x81, rng.randint(1, 4))
    heard = struct.pack(">BbBH", 0x86, -rng.randint(40, 75), 0x87, rng.randint(1, 50))
    when = b"\x82" + stamp(rng) + b"\x84" + stamp(rng) + b"\x88\0\1"
    gen2 = struct.pack(">BIBHBH", 0x90, 0, 0x8C, 0x3000, 0x8B, rng.randrange(1 << 16))
    return tlv(240, epc(bits, rng) + where + heard + when + gen2 + impinj(rng))


def impinj(rng: random.Random) -> bytes:
    fine = {56: rng.randrange(4096), 57: -rng.randint(4000, 7500), 68: rng.randint(-50, 50)}
    return b"".join(custom(IMPINJ, subtype, struct.pack(">H", value & 0xFFFF)) for subtype, value in fine.items())


def mixed_report(rng: random.Random, tags: int) -> bytes:
    """Tags of six layouts, one after the other as they come: two contents, EPCs of three lengths."""
    choices = [(make, bits) for make in (plain_tag, rich_tag) for bits in (96, 128, 240)]
    return b"".join(make(rng, bits) for make, bits in rng.choices(choices, k=tags))


TV_BYTES = {
    1: 2,
    2: 8,
    3: 8,
    4: 8,
    5: 8,
    6: 1,
    7: 2,
    8: 2,
    9: 4,
    10: 2,
    11: 2,
    12: 2,
    14: 2,
    15: 2,
    16: 4,
    19: 2,
    20: 2,
}


def any_tag(rng: random.Random) -> bytes:
    """Any choice of what a tag may have, other makers' parameters too, sometimes out of order or twice."""
    parts = [epc(rng.choice((96, 96, 0, 1, 128, rng.randint(1, 512))), rng)]
    parts += [bytes([0x80 | kind]) + rng.randbytes(size) for kind, size in TV_BYTES.items() if rng.random() < 0.5]
    parts += [tlv(kind, rng.randbytes(rng.choice((3, 5, 9)))) for kind in (349, 350, 361, 999) if rng.random() < 0.15]
    for subtype in (55, 56, 57, 58, 68):
        if rng.random() < 0.3:
            words = rng.randrange(4)
            content = struct.pack(">H", words) + rng.randbytes(2 * words) if subtype == 55 else rng.randbytes(8)
            parts.append(custom(rng.choice((IMPINJ, IMPINJ, STRANGER)), subtype, content[: rng.choice((2, 8, 12))]))
    if rng.random() < 0.2:
        parts = rng.choices(parts, k=len(parts))
    return tlv(240, b"".join(parts))


def captures() -> list[bytes]:
    """Reports of a real R420."""
    return [path.read_bytes() for path in sorted(CAPTURES.glob("ROAccessReport-*.bytes"))]


# ---------------------------------------------------------------- speed


def by_sllurp(bodies: Sequence[bytes]) -> Callable[[], object]:
    frames = [HEADER.pack(1 << 10 | RO_ACCESS_REPORT, HEADER_BYTES + len(body), 1) + body for body in bodies]
    return lambda: [LLRPMessage(msgbytes=frame) for frame in frames]


def by_layouts(bodies: Sequence[bytes]) -> Callable[[], object]:
    decode = ReportDecoder().decode
    return lambda: [decode(body) for body in bodies]


def generally(bodies: Sequence[bytes]) -> Callable[[], object]:
    return lambda: [decode_report(body) for body in bodies]


def to_reads(bodies: Sequence[bytes]) -> Callable[[], object]:
    """What the pipeline takes."""
    decode = ReportDecoder().decode
    maker = ReadMaker("reader-1", 5.0, Counters())
    return lambda: [maker.reads(decode(body), NOW_S) for body in bodies]


def to_station(bodies: Sequence[bytes]) -> Callable[[], object]:
    """Nothing that has not been read there before."""
    station = AtStation("belt")
    dock = Dock((), (StationSettings("belt"),), (), {("reader-1", ALL_ANTENNAS): station})
    pipeline, maker, decode = Pipeline(dock, Counters()), ReadMaker("reader-1", 5.0, Counters()), ReportDecoder().decode

    def take() -> None:
        for body in bodies:
            pipeline.tags(maker.reads(decode(body), NOW_S), NOW_S)

    return take


def rate(work: Callable[[], object], tags: int, slice_s: float) -> Callable[[], float]:
    """Tags per second of CPU, over `slice_s` of it."""

    def measure() -> float:
        done, began_s = 0, time.process_time()
        while (took_s := time.process_time() - began_s) < slice_s:
            work()
            done += tags
        return done / took_s

    return measure


def corpora(rng: random.Random) -> dict[str, tuple[list[bytes], float]]:
    """Reports by their description, and how many times faster than sllurp they should be decoded."""
    return {
        "100 tags of one layout, 5 values each": ([_uniform(plain_tag, 100, rng)], UNIFORM_TARGET),
        "100 tags of one layout, 13 values and 3 of Impinj": ([_uniform(rich_tag, 100, rng)], UNIFORM_TARGET),
        "one tag, 5 values": ([plain_tag(rng) for _ in range(50)], OTHER_TARGET),
        "one tag, 13 values and 3 of Impinj": ([rich_tag(rng) for _ in range(50)], OTHER_TARGET),
        "nine of a real R420, one tag": (captures(), OTHER_TARGET),
        "1 to 8 tags of six layouts, three lengths of EPC": (
            [mixed_report(rng, rng.randint(1, 8)) for _ in range(35)], OTHER_TARGET,
        ),
    }  # fmt: skip


def _uniform(make: Callable[[random.Random], bytes], tags: int, rng: random.Random) -> bytes:
    return b"".join(make(rng) for _ in range(tags))


def rows(frames: int = FRAMES, seed: int = 1, slice_s: float = SLICE_S) -> list[Row]:
    reports = corpora(random.Random(seed))
    found = [row for name, (bodies, target) in reports.items() for row in _speed(name, bodies, target, slice_s)]
    return [*found, _agreement(frames, seed)]


def _speed(name: str, bodies: list[bytes], target: float, slice_s: float) -> Iterator[Row]:
    tags = sum(len(decode_report(body)) for body in bodies)
    contenders = {
        "ours": by_layouts, "theirs": by_sllurp, "reads": to_reads, "station": to_station, "general": generally,
    }  # fmt: skip
    found = in_turn({who: rate(make(bodies), tags, slice_s) for who, make in contenders.items()})
    for who, what, wanted in (
        ("ours", "decode", target), ("reads", "to TagReads", 0.0), ("station", "to a station", 0.0),
        ("general", "in general", 0.0),
    ):  # fmt: skip
        ratio = times(found[who], found["theirs"])
        yield Row(
            f"{what}: {name}, vs sllurp's decoder", _k(found[who]), _k(found["theirs"]), ratio,
            f">= {wanted:g} x" if wanted else "", ratio >= wanted if wanted else None, tuple(found[who]),
        )  # fmt: skip


def _k(found: Sequence[float]) -> str:
    return f"{median(found) / 1e3:,.0f} k tags/s"


# ---------------------------------------------------------------- the same


def outcome(decode: Callable[[bytes], list[TagEntry]], body: bytes) -> object:
    """Its tags, or why there are none."""
    try:
        return decode(body)
    except Malformed as malformed:
        return str(malformed), malformed.at


def entries_by(decoder: ReportDecoder) -> Callable[[bytes], list[TagEntry]]:
    return lambda body: [entry for batch in decoder.decode(body) for entry in batch.entries()]


def disagreements(frames: int, seed: int) -> list[bytes]:
    """Mutated reports of which the three do not say the same."""
    rng, warm = random.Random(seed), entries_by(ReportDecoder())
    corpus = [*captures(), *(mixed_report(rng, tags) for tags in range(1, 9))]
    corpus += [_uniform(make, tags, rng) for make in (plain_tag, rich_tag, any_tag) for tags in (1, 2, 7)]
    bad = []
    for number in range(frames):
        if number % 50 == 0:
            corpus[rng.randrange(len(corpus))] = _report(rng)
        body = mutated(rng.choice(corpus), rng)
        expected = outcome(decode_report, body)
        cold = entries_by(ReportDecoder())
        outcome(cold, body[: len(body) // 2])
        if not expected == outcome(warm, body) == outcome(cold, body) == outcome(cold, body):
            bad.append(body)
    return bad


def _report(rng: random.Random) -> bytes:
    """One tag as many times, or as many different ones."""
    tags = rng.randint(1, 6)
    tag = any_tag(rng)
    return tag * tags if rng.random() < 0.5 else tag + b"".join(any_tag(rng) for _ in range(tags - 1))


def mutated(body: bytes, rng: random.Random) -> bytes:
    """One to three bytes, or two, or a piece, are something else; a tenth stays as it is."""
    data = bytearray(body)
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 2, 3, 3, 3))):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(7):
            case 0 | 1:
                data[at : at + 1] = bytes([(data[at] if data else 0) ^ 1 << rng.randrange(8)])
            case 2:
                data[at : at + 1] = rng.randbytes(1)
            case 3:
                data[at : at + 2] = struct.pack(">H", rng.choice((0, 1, 4, 13, 57, 96, 128, 240, 241, 1023, len(data))))
            case 4:
                del data[at : at + rng.randint(1, 8)]
            case 5:
                data[at:at] = data[at : at + rng.randint(1, 64)]
            case _:
                del data[at:]
    return bytes(data)


def _agreement(frames: int, seed: int) -> Row:
    bad = disagreements(frames, seed)
    return Row(f"warm, cold and general decoder on {frames:,} mutated reports: disagreements", str(len(bad)), "", None,
               "0", not bad)  # fmt: skip


@click.command()
@click.option("--frames", default=FRAMES, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(frames: int, seed: int) -> None:
    """Print the table."""
    print("\n".join(lines(rows(frames, seed))))


if __name__ == "__main__":
    main()
