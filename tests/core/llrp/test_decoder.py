"""The hot path: every report becomes the same as in the general decoder, whatever came before, and cheaply."""

from __future__ import annotations

import doctest
import random
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.decode import (
    any_tag,
    captures,
    custom,
    disagreements,
    entries_by,
    epc,
    mixed_report,
    mutated,
    outcome,
    plain_tag,
    rich_tag,
    rows,
    tlv,
)
from edgegw.core.llrp import decoder as hot_path
from edgegw.core.llrp import layout
from edgegw.core.llrp.decoder import BATCH_TAGS, LEARN_EVERY, MAX_LAYOUTS, MAX_TAG_BYTES, ReportDecoder
from edgegw.core.llrp.layout import learn
from edgegw.core.llrp.parameters import Malformed
from edgegw.core.llrp.report import TagEntry, decode_report

RNG = random.Random(5)


def forbid_the_general_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> TagEntry:
        raise AssertionError("this tag should be of a known layout")

    monkeypatch.setattr(hot_path, "decode_tag", refuse)


def warm(*bodies: bytes) -> ReportDecoder:
    """A decoder that knows the layouts of these."""
    decoder = ReportDecoder()
    for body in bodies * LEARN_EVERY * 4:
        outcome(entries_by(decoder), body)
    return decoder


def agree(decoder: ReportDecoder, body: bytes) -> None:
    assert outcome(entries_by(decoder), body) == outcome(decode_report, body)


# ---------------------------------------------------------------- the same


def test_mutated_reports_are_the_same_warm_cold_and_in_general() -> None:
    """`python -m bench.decode` does so with 200,000."""
    assert disagreements(4000, seed=7) == []


PARAMETERS = st.one_of(
    st.tuples(st.sampled_from([1, 2, 6, 8, 13, 15, 16, 21]), st.binary(min_size=8, max_size=12)).map(
        lambda of: bytes([0x80 | of[0]]) + of[1]
    ),
    st.tuples(st.sampled_from([13, 127, 128, 241, 349, 999]), st.binary(max_size=20)).map(lambda of: tlv(*of)),
    st.tuples(st.integers(0, 130), st.binary(min_size=12, max_size=20)).map(
        lambda of: tlv(241, pack(">H", of[0]) + of[1])
    ),
    st.integers(480, 520).map(lambda bits: tlv(241, pack(">H", bits) + bytes(65))),
    st.tuples(st.sampled_from([25882, 1]), st.sampled_from([55, 56, 57, 58, 68, 99]), st.binary(max_size=12)).map(
        lambda of: custom(*of)
    ),
    st.binary(max_size=6),
)
TAGS = st.lists(PARAMETERS, max_size=5).map(lambda parts: tlv(240, b"".join(parts)))
BODIES = st.lists(TAGS, max_size=4).map(b"".join) | st.binary(max_size=60)


@given(st.lists(BODIES, min_size=1, max_size=6))
def test_any_bytes_are_the_same_or_refused_by_both(bodies: list[bytes]) -> None:
    decoder = ReportDecoder()
    for body in [*bodies, *bodies, bodies[0] * 3]:
        agree(decoder, body)


@pytest.mark.parametrize("tags", [1, 2, 3, 63, 64, 100, 127, 129, 300])
@pytest.mark.parametrize("make", [plain_tag, rich_tag], ids=["plain", "rich"])
def test_a_uniform_report_of_any_length(make: object, tags: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(make)
    body = b"".join(make(RNG) for _ in range(tags))
    decoder = warm(make(RNG))
    expected = decode_report(body)
    forbid_the_general_decoder(monkeypatch)
    batches = decoder.decode(body)
    assert [entry for batch in batches for entry in batch.entries()] == expected
    assert max(batch.tags for batch in batches) <= BATCH_TAGS


@pytest.mark.parametrize("odd", [0, 1, 50, 99])
def test_one_other_tag_in_a_uniform_report(odd: int) -> None:
    tags = [plain_tag(RNG) for _ in range(100)]
    tags[odd] = plain_tag(RNG, 128)
    agree(warm(plain_tag(RNG)), b"".join(tags))
    tags[odd] = tags[0][:-3] + b"\x87\0\1"  # as long, but the last parameter is another
    agree(warm(plain_tag(RNG)), b"".join(tags))


@pytest.mark.parametrize("first", [b"", b"\x8d" + b"E" * 12])
def test_an_impossible_epc_is_none_for_both(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the reader gives another one before it: of a parameter that is given twice, the last counts."""
    tag = tlv(240, first + tlv(241, pack(">H", 497) + bytes(63)) + b"\x81\0\1")
    decoder, expected = warm(tag), decode_report(tag)
    forbid_the_general_decoder(monkeypatch)
    assert entries_by(decoder)(tag * 3) == expected * 3
    assert (expected[0].epc, expected[0].epc_bits) == (b"", 497)


def test_mixed_reports_take_the_hot_path_too(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [mixed_report(RNG, tags) for tags in range(1, 9)] + captures()
    decoder, expected = warm(*bodies), [decode_report(body) for body in bodies]
    forbid_the_general_decoder(monkeypatch)
    assert [entries_by(decoder)(body) for body in bodies] == expected


def test_every_parameter_of_the_standard_and_of_impinj(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, so that it is not only two decoders of ours that agree."""
    tag = tlv(
        240,
        epc(100, random.Random(1))
        + b"\x89\0\0\0\1" + b"\x8e\0\2" + b"\x8a\0\3" + b"\x81\0\4" + b"\x86\xc4" + b"\x87\0\5"
        + b"".join(bytes([0x80 | kind]) + pack(">Q", 10**15 + kind) for kind in (2, 3, 4, 5))
        + b"\x88\0\6" + b"\x90\0\0\0\7" + b"\x8c\x34\0" + b"\x8b\xab\xcd" + b"\x93\0\x08" + b"\x94\0\x09"
        + tlv(349, b"\0\0\1\0\1\x12\x34") + tlv(350, b"\0\0\2\0\1")
        + custom(25882, 55, b"\0\2\xe2\x80\x11\x05")
        + custom(25882, 56, b"\x0f\xff")
        + custom(25882, 57, pack(">h", -5225))
        + custom(25882, 58, pack(">ii", 51_000_000, -7_000_000))
        + custom(25882, 68, pack(">h", -3))
        + custom(161, 57, b"\0\1"),
    )  # fmt: skip
    expected = TagEntry(
        epc(100, random.Random(1))[6:], 100, 4, -52.25, 10**15 + 2, 10**15 + 4, 10**15 + 3, 10**15 + 5, 6, 0x3400, 5,
        4095, -3, 0xABCD, 8, 9, 1, 2, 3, 7, b"\xe2\x80\x11\x05", (51_000_000, -7_000_000),
        ((349, b"\0\0\1\0\1\x12\x34"), (350, b"\0\0\2\0\1")),
    )  # fmt: skip
    assert decode_report(tag) == [expected]
    decoder = warm(tag)
    forbid_the_general_decoder(monkeypatch)
    assert entries_by(decoder)(tag * 3) == [expected] * 3


def test_the_whole_bench_runs_and_finds_no_disagreement() -> None:
    *speeds, agreement = rows(frames=200, slice_s=0.001)
    assert len(speeds) == 24
    assert (agreement.ours, agreement.holds) == ("0", True)


# ---------------------------------------------------------------- what decides


@pytest.mark.parametrize(
    ("known", "other"),
    [
        (custom(25882, 57, b"\xec\x78"), custom(17996, 57, b"\xec\x78")),
        (custom(17996, 57, b"\xec\x78"), custom(25882, 57, b"\xec\x78")),
        (custom(25882, 57, b"\xec\x78"), custom(25882, 68, b"\xec\x78")),
        (custom(25882, 55, b"\0\1abcd"), custom(25882, 55, b"\0\2abcd")),
        (custom(25882, 55, b"\0\1abcd"), custom(25882, 55, b"\0\3abcd")),
        (tlv(241, b"\0\x20abcd"), tlv(241, b"\0\x1fabcd")),
        (tlv(241, b"\0\x20abcd"), tlv(241, b"\0\x21abcd")),
        (b"\x82" + bytes(8), b"\x84" + bytes(8)),
        (tlv(350, b"\0\0\1\0\1"), tlv(999, b"\0\0\1\0\1")),
        (tlv(350, b"\0\0\1\0\1"), b"\x8c\0\0\x8c\0\0\x8c\0\0"),
    ],
)
def test_what_decides_the_meaning_decides_the_layout(known: bytes, other: bytes) -> None:
    """Once a warm decoder took a Custom parameter of a vendor for that of another."""
    first, second = (tlv(240, b"\x8d" + b"E" * 12 + part) for part in (known, other))
    assert len(first) == len(second)
    agree(warm(first), second)
    agree(warm(first), first + second)
    agree(warm(first, second), second + first)


def test_every_bit_is_either_compared_or_a_value() -> None:
    """Whatever bit of a tag is flipped: another layout, or the same tag as the general decoder's."""
    tags = [plain_tag(RNG), rich_tag(RNG), *(any_tag(RNG) for _ in range(20))]
    for tag in tags:
        learnt, taken = learn(tag), 0
        for bit in range(8 * len(tag)):
            flipped = (int.from_bytes(tag) ^ 1 << bit).to_bytes(len(tag))
            batch = learnt.take(flipped)
            taken += batch is not None
            assert batch is None or batch.entries() == decode_report(flipped)
        assert taken < 8 * len(tag)


# ---------------------------------------------------------------- bounds


def test_a_reader_that_never_repeats_itself_is_remembered_in_part() -> None:
    decoder, rng = ReportDecoder(), random.Random(3)
    for _ in range(20 * MAX_LAYOUTS * LEARN_EVERY):
        agree(decoder, any_tag(rng))
    assert len(decoder._kept) == MAX_LAYOUTS
    assert sum(map(len, decoder._layouts.values())) == MAX_LAYOUTS
    tag = plain_tag(rng)
    agree(warm(tag), tag)


def test_sizes_that_went_out_of_use_are_forgotten() -> None:
    decoder = ReportDecoder()
    for size in range(3 * MAX_LAYOUTS):
        for _ in range(LEARN_EVERY):
            decoder.decode(tlv(240, tlv(999, bytes(size))))
    assert len(decoder._layouts) <= MAX_LAYOUTS


def test_what_is_larger_than_any_tag_is_not_learnt() -> None:
    decoder = ReportDecoder()
    huge = tlv(240, b"\x8d" + b"E" * 12 + tlv(999, bytes(MAX_TAG_BYTES)))
    for _ in range(2 * LEARN_EVERY):
        agree(decoder, huge)
    assert not decoder._kept


# ---------------------------------------------------------------- faults that were found


def test_a_parameter_with_a_length_and_the_number_of_one_without() -> None:
    """`0001 0004`, an AntennaID that is a TLV and empty, once ended the link: it was read over the end."""
    body = bytes.fromhex("00f0 0008 0001 0004")
    with pytest.raises(Malformed, match="has a length"):
        decode_report(body)
    agree(warm(plain_tag(RNG)), body)


def test_a_truncated_tag_of_a_known_layout_is_refused() -> None:
    tag = plain_tag(RNG)
    decoder = warm(tag)
    for end in range(1, len(tag)):
        agree(decoder, tag[:end])
        agree(decoder, tag + tag[:end])


def test_real_reports_are_there() -> None:
    assert len(captures()) == 9
    assert Path(__file__).parents[2].name == "tests"


def test_mutations_change_something() -> None:
    """Or the fuzz above would compare what is always equal."""
    rng = random.Random(1)
    body = rich_tag(rng) * 3
    outcomes = {str(outcome(decode_report, mutated(body, rng))) for _ in range(500)}
    assert len(outcomes) > 300


def test_the_example_in_the_layouts_docstring() -> None:
    assert doctest.testmod(layout).failed == 0
    assert doctest.testmod(layout).attempted == 5
