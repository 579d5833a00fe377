"""The scan framer: every line is a scan or a counted refusal, however its bytes arrive."""

from __future__ import annotations

import doctest
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.core import scan
from edgegw.core.counters import Counters
from edgegw.core.model import Scan
from edgegw.core.scan import STALLED_S, ScanFramer, ScanSettings, Terminator

TERMINATORS: dict[Terminator, bytes] = {
    "auto": b"\r\n",
    "cr": b"\r",
    "lf": b"\n",
    "crlf": b"\r\n",
    "etx": b"\x03",
    "nul": b"\x00",
    "tab": b"\t",
}
ISO_15434 = b"[)>\x1e06\x1d25SUN123456789A\x1dQ1\x1e\x04"


class Line:
    """A framer with its counters, fed in one go or in pieces."""

    def __init__(
        self,
        terminator: Terminator = "auto",
        prefix: str = "",
        suffix: str = "",
        max_length: int = 4096,
        encoding: str = "utf-8",
    ) -> None:
        self.counters = Counters()
        settings = ScanSettings("s", terminator, prefix, suffix, max_length, encoding)
        self.framer = ScanFramer(settings, self.counters)

    def texts(self, *pieces: bytes) -> list[str]:
        return [found.text for piece in pieces for found in self.framer.feed(piece, 1.0)]

    def counts(self) -> dict[str, int]:
        return self.counters.snapshot().get("s", {})


def test_the_examples_in_the_module() -> None:
    assert doctest.testmod(scan) == (0, doctest.testmod(scan).attempted)
    assert doctest.testmod(scan).attempted > 0


@pytest.mark.parametrize(("terminator", "end"), TERMINATORS.items())
def test_each_terminator_ends_a_scan(terminator: Terminator, end: bytes) -> None:
    line = Line(terminator)
    assert line.texts(b"A1" + end + b"B2" + end) == ["A1", "B2"]
    assert line.counts() == {"scans": 2}


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\x03", b"\x03\r\n"])
def test_auto_takes_every_usual_end(end: bytes) -> None:
    assert Line("auto").texts(b"A1" + end + b"B2" + end) == ["A1", "B2"]


def test_crlf_split_over_two_reads_gives_no_empty_scan() -> None:
    line = Line("auto")
    assert line.texts(b"A1\r", b"\nB2\r", b"\n") == ["A1", "B2"]
    assert line.counts() == {"scans": 2}


@pytest.mark.parametrize("terminator", ["cr", "lf"])
def test_a_scanner_that_sends_crlf_is_understood_with_cr_or_lf(terminator: Terminator) -> None:
    assert Line(terminator).texts(b"A1\r\nB2\r\nC3\r\n") == ["A1", "B2", "C3"]


def test_crlf_keeps_lone_cr_and_lf_inside_the_symbol() -> None:
    assert Line("crlf").texts(b"a\rb\nc\n\r", b"d\r\n", b"e\r", b"\n") == ["a\rb\nc\n\rd", "e"]


def test_a_symbol_of_several_lines_splits_with_auto_and_stays_whole_with_etx() -> None:
    assert Line("auto").texts(b"\x02one\ntwo\x03") == ["one", "two"]
    assert Line("etx").texts(b"\x02one\ntwo\x03") == ["one\ntwo"]


@pytest.mark.parametrize(("terminator", "end"), TERMINATORS.items())
def test_stx_etx_framing_is_stripped_under_every_terminator(terminator: Terminator, end: bytes) -> None:
    line = Line(terminator)
    assert line.texts(b"\x02A1\x03" + end + b"\x02B2\x03" + end) == ["A1", "B2"]
    assert line.counts() == {"scans": 2}


def test_stx_drops_what_was_cut_off_before_it() -> None:
    line = Line("etx")
    assert line.texts(b"0123\x02A1\x03\x07\x02B2\x03") == ["A1", "B2"]  # \x07: a block check after ETX
    assert line.counts() == {"scans": 2, "unterminated": 2}


def test_separators_of_gs1_and_iso_15434_are_kept() -> None:
    gs1 = b"]d201095060001343521021A\x1d10LOT"
    assert Line().texts(gs1 + b"\r", ISO_15434 + b"\r") == [gs1.decode(), ISO_15434.decode()]


def test_line_noise_is_removed_wherever_it_is() -> None:
    assert Line("crlf").texts(b"\x00\x11A\x131\r\x11\n\x00") == ["A1"]
    assert Line("nul").texts(b"A\x111\x00\x00B2\x00") == ["A1", "B2"]


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert Line(prefix="P").texts(b"\xef\xbb\xbfPA1\r") == ["A1"]


def test_prefix_and_suffix_are_stripped_once() -> None:
    assert Line(prefix="P:", suffix="!").texts(b"P:P:A1!!\r") == ["P:A1!"]


def test_a_line_without_its_prefix_or_suffix_is_refused_and_counted() -> None:
    line = Line(prefix="P:", suffix="!")
    assert line.texts(b":A1!\r", b"P:A1\r", b"P:!\r", b"P:B2!\r") == ["B2"]
    assert line.counts() == {"prefix_missing": 1, "suffix_missing": 1, "empty": 1, "scans": 1}


@pytest.mark.parametrize("terminator", ["auto", "cr", "etx"])
def test_framing_written_into_prefix_and_suffix_does_no_harm(terminator: Terminator) -> None:
    line = Line(terminator, prefix="\x02P:", suffix="!\x03\r\n")
    assert line.texts(b"\x02P:A1!\x03\r\n\x02P:B2!\x03\r\n") + line.texts(b"\x03") == ["A1", "B2"]


@pytest.mark.parametrize(("terminator", "end"), TERMINATORS.items())
def test_the_cap_is_exact_and_the_next_scan_is_whole(terminator: Terminator, end: bytes) -> None:
    line = Line(terminator, max_length=8)
    assert line.texts(b"12345678" + end, b"123456789" + end, b"A1" + end) == ["12345678", "A1"]
    assert line.counts() == {"scans": 2, "too_long": 1}


def test_stx_too_ends_a_line_that_is_too_long() -> None:
    line = Line("etx", max_length=8)
    assert line.texts(b"x" * 1000, b"\x02A1\x03") == ["A1"]
    assert line.counts() == {"scans": 1, "too_long": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "shift_jis"])
def test_what_is_no_text_is_refused_and_the_next_scan_is_whole(encoding: str) -> None:
    line = Line(encoding=encoding)
    assert line.texts(b"A\xff\r", b"B2\r") == ["B2"]
    assert line.counts() == {"scans": 1, "undecodable": 1}


def test_text_in_another_encoding() -> None:
    assert Line(encoding="shift_jis").texts("棚A1".encode("shift_jis") + b"\r") == ["棚A1"]
    assert Line(encoding="latin-1").texts(b"\xe91\r") == ["é1"]


def test_half_a_scan_never_glues_itself_to_the_next_one() -> None:
    line = Line()
    assert line.framer.feed(b"0123", 10.0) == []
    assert line.framer.feed(b"45\r", 10.0 + STALLED_S) == [Scan("s", "45", 10.0 + STALLED_S)]
    assert line.counts() == {"scans": 1, "unterminated": 1}


def test_a_slow_scan_is_one_scan() -> None:
    line = Line()
    found = [line.framer.feed(bytes([byte]), n * (STALLED_S - 0.1)) for n, byte in enumerate(b"A1B2\r")]
    assert found[-1] == [Scan("s", "A1B2", 4 * (STALLED_S - 0.1))]
    assert line.counts() == {"scans": 1}


def test_a_gap_in_which_nobody_listened_tears_no_scan() -> None:
    line = Line()
    assert line.framer.feed(b"h", 10.0) == []
    line.framer.resume(20.0)
    assert line.framer.feed(b"ttps\r", 20.5) == [Scan("s", "https", 20.5)]


def test_the_end_of_a_connection_counts_its_half_scan_once() -> None:
    line = Line()
    line.framer.feed(b"A1\rB", 1.0)
    line.framer.end()
    line.framer.end()
    assert line.counts() == {"scans": 1, "unterminated": 1}


def test_memory_is_bounded_by_the_cap_whatever_arrives() -> None:
    line = Line(max_length=1000)
    garbage = b"x" * 997
    line.texts(garbage)
    tracemalloc.start()
    for _ in range(20_000):  # 20 MB without a terminator
        line.framer.feed(garbage, 1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000
    assert line.texts(b"\rA1\r") == ["A1"]
    assert line.counts() == {"scans": 1, "too_long": 1}


terminators = st.sampled_from(list(TERMINATORS))
hostile = st.lists(
    st.one_of(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"\x02", b"\x03", b"\x00", b"\t", b"\x11", b"\x1d", b"P", b"S"]),
        st.binary(max_size=12),
        st.integers(6, 14).map(lambda n: b"x" * n),
    ),
    max_size=40,
).map(b"".join)


@given(terminators, hostile, st.lists(st.integers(0, 400), max_size=30))
def test_any_chunking_gives_the_same_scans_and_counts(terminator: Terminator, stream: bytes, cuts: list[int]) -> None:
    whole, chunked = (Line(terminator, prefix="P", suffix="S", max_length=8) for _ in range(2))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    texts = chunked.texts(*(stream[start:stop] for start, stop in pairwise(edges)))
    assert texts == whole.texts(stream)
    whole.framer.end()
    chunked.framer.end()
    assert chunked.counts() == whole.counts()


@given(terminators, st.lists(hostile, max_size=10))
def test_no_bytes_crash_it_or_spoil_the_scan_after_them(terminator: Terminator, chunks: list[bytes]) -> None:
    line = Line(terminator, max_length=16)
    end = TERMINATORS[terminator]
    for chunk in chunks:
        line.texts(chunk)
    line.texts(end)
    assert line.texts(b"A1" + end) == ["A1"]


@given(terminators, st.lists(st.text(st.characters(min_codepoint=0x1C), min_size=1, max_size=20)))
def test_every_scan_comes_through_as_it_was_sent(terminator: Terminator, texts: list[str]) -> None:
    sent = [text for text in texts if not text.startswith("\ufeff")]
    end = TERMINATORS[terminator]
    assert Line(terminator).texts(b"".join(text.encode() + end for text in sent)) == sent
