"""Any bytes at all: a tree, or the line and column of what is wrong with them."""

from __future__ import annotations

import doctest
import time
from typing import Any

import pytest
import yaml

from edgegw.config import antennas, explain, lookalikes, model, suggest, tree, yaml_text
from edgegw.config.tree import plain
from edgegw.config.yaml_text import MAX_BYTES, decode, read
from tests.config.support import HEAD, READER, faults_of, told

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]


def tree_of(text: str) -> Any:
    reading = read(text)
    assert reading.root is not None, reading.findings
    assert not reading.findings
    return plain(reading.root)


@pytest.mark.parametrize("module", [antennas, explain, lookalikes, model, suggest, tree, yaml_text])
def test_documented_examples(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def test_scalars_stay_text() -> None:
    text = 'gln: 0614141000005\nno: NO\nepc: 3034E12\nhex: 0x1f\ntime: 12:30:45\nday: 2026-11-21\nq: "~"\n'
    assert tree_of(text) == {
        "gln": "0614141000005",
        "no": "NO",
        "epc": "3034E12",
        "hex": "0x1f",
        "time": "12:30:45",
        "day": "2026-11-21",
        "q": "~",
    }


def test_nothing_written_is_none() -> None:
    assert tree_of("a:\nb: ~\nc: null\nd: ''\n") == {"a": None, "b": None, "c": None, "d": ""}


def test_byte_order_mark_does_not_move_columns() -> None:
    assert told(b"\xef\xbb\xbfsitee: a\n" + (HEAD + READER).encode())[0].startswith("f:1:1: sitee: unknown key")


def test_aliases_and_merge_keys() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 9}, *a]}\nd: *a\n"
    assert tree_of(text) == {
        "a": {"x": "1", "y": "2"},
        "b": {"x": "1", "y": "3"},
        "c": {"x": "9", "y": "2"},
        "d": {"x": "1", "y": "2"},
    }


SYNTAX = [
    ("a:\n\tb: 1\n", "2:1: a tab in the indentation"),
    ("a: 1\n \tb: 1\n", "2:2: a tab in the indentation"),
    ("a: @x\n", "1:4: no text begins with '@'"),
    ("a: `x\n", "1:4: no text begins with '`'"),
    ("a: %x\n", "1:4: no text begins with '%'"),
    ('a: "foo\nb: 1\n', "1:4: a quote is never closed"),
    ("a: 'foo\nb: 1\n", "1:4: a quote is never closed"),
    ('a: "C:\\dev"\n', "a backslash in double quotes begins an escape"),
    ("a: [1, 2\nb: 1\n", "1:4: a '[' is never closed"),
    ("a: {b: 1\nc: 1\n", "1:4: a '{' is never closed"),
    ("a: [\n", "1:4: a '[' is never closed - add the ']'"),
    ("a: [1, 2,\n", "1:4: a '[' is never closed - add the ']'"),
    ("a: {b: [\n\n", "1:8: a '[' is never closed - add the ']'"),
    ("a: ]\n", "1:4: a value is missing here"),
    ("a: [1,,2]\n", "1:7: a value is missing here"),
    (
        "a:\n  b: 1\n c: 2\n",
        "3:2: this line begins at column 2, which fits none above - line 2 begins at column 3: indent both alike",
    ),
    ("a:\n  - b: 1\n   c: 2\n", "3:4: this line begins at column 4, which fits none above - line 2 begins at column 5"),
    ('a: 1\n"b" c: 2\n', "2:5: this does not fit the lines above"),
    ("a: 1\n  b: 2\n", "2:3: this line begins at column 3, which fits none above - line 1 begins at column 1"),
    ("a:1\nb: 2\n", "1:2: a space is missing after the ':' - write a: 1"),
    ("a: 1\nb:2\n", "2:2: a space is missing after the ':' - write b: 2"),
    ("a: b: c\n", "1:5: a second ':' on this line - put what follows 'a:' in quotes, or on a line of its own"),
    ("a: 1\nb = 2\nc: 3\n", "2:1: this line is no 'key: value' - write b: 2"),
    ("a:\n  -b: 1\n   c: 2\n", "2:3: a space is missing after the '-' - write - b: 1"),
    ('a: "1\nb: "2"\n', "1:4: a quote is never closed"),
    ("a: '1\nb: '2'\n", "1:4: a quote is never closed"),
    ("a:\u00a01\nb: 2\n", "1:3: an unusual character (U+00A0 NO-BREAK SPACE) - type a plain space instead"),
    (
        "a:\n  b: x\n\u00a0\u00a0c: 2\n  d: 3\n",
        "3:1: an unusual character (U+00A0 NO-BREAK SPACE) - type a plain space",
    ),
    ("a： 1\nb: 2\n", "1:2: an unusual character (U+FF1A FULLWIDTH COLON) - type a plain : instead"),
    ("a:\n  - b: 1\n  – b: 2\n", "3:3: an unusual character (U+2013 EN DASH) - type a plain - instead"),
    ("a: [\u200b1\nb: 2\n", "1:5: an unusual character (U+200B ZERO WIDTH SPACE) - delete this invisible character"),
    ("a: 1\nb\nc: 2\n", "2:1: this line is no 'key: value'"),
    ("a: 1\n---\nb: 2\n", "2:1: a second document begins"),
    ("a: 1\n...\nb: 2\n", "3:1: something stands between two documents"),
    ("a: * b\n", "1:5: '&' and '*' begin an anchor or alias"),
    ("a: !foo!bar x\n", "1:4: tags are not used here"),
    (
        "a: !!python/object/apply:os.system [x]\n",
        "1:4: tags are not used here (found '!!python/object/apply:os.system')",
    ),
    ("a: !credential x\n", "1:4: tags are not used here (found '!credential')"),
    ("a: *x\n", "1:4: *x names no anchor above"),
    ("a: &x [*x]\n", "1:8: *x has no value that could be repeated here"),
    ("a: {<<: 1}\n", "1:9: '<<' takes the keys of another part of the file"),
    ("? [a, b]\n: 1\n", "1:3: a key must be a word"),
    ("{a: 1}: 2\n", "1:1: a key must be a word"),
    ('a: "\\0"\n', "1:4: holds a character that is no text"),
    ("a: \x01\n", "1:4: there is an invisible control character (U+0001)"),
    ("a: 1\n\x1b[31m: 2\n", "2:1: there is an invisible control character (U+001B)"),
    ("a: x\ufeffy\n", "1:5: there is an invisible control character (U+FEFF)"),
    ("- a\n- b\n", "1:1: the file has no keys"),
    ("just text\n", "1:1: the file has no keys"),
    ("", "is empty"),
    ("# only a comment\n", "is empty"),
]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(("text", "expected"), SYNTAX)
def test_bad_yaml_is_explained_at_its_place(text: str, expected: str, loader: Any) -> None:
    findings = read(text, loader).findings
    words = [f"{finding.place.line}:{finding.place.col}: {finding.problem} - {finding.hint}" for finding in findings]
    assert any(expected in word for word in words), words


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"site: caf\xe9\n", "f:1:10: the file is not UTF-8 (found byte 0xe9) - save it as UTF-8"),
        (b"a: 1\r\nb: \xc3\xbc\xff\n", "f:2:5: the file is not UTF-8 (found byte 0xff) - save it as UTF-8"),
        ("site: x\n".encode("utf-16"), "f:1:1: the file is UTF-16 - save it as UTF-8"),
        (b"\0" * 40, "f:1:1: there is an invisible control character (U+0000) - delete it"),
        (b"#" * (MAX_BYTES + 1), "f: is larger than 256 KiB - no configuration is so large"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, expected: str) -> None:
    assert told(data) == [expected]


def test_decode_takes_utf_8() -> None:
    assert decode("tür".encode()) == "tür"


def bomb(step: str) -> str:
    """Every level repeats the one before ten times."""
    return "a: &a {x: 1}\n" + "".join(
        f"{chr(98 + level)}: &{chr(98 + level)} {step.format(', '.join(['*' + chr(97 + level)] * 10))}\n"
        for level in range(20)
    )


HOSTILE = {
    "flow lists": "[" * MAX_BYTES,
    "flow mappings": "{a: " * (MAX_BYTES // 4),
    "block lists": "- " * (MAX_BYTES // 2),
    "complex keys": "? " * (MAX_BYTES // 2),
    "aliases": bomb("[{0}]"),
    "merges": bomb("{{<<: [{0}]}}"),
    "alias chain": "a: &a0 [x]\n" + "".join(f"k{i}: &a{i + 1} [*a{i}]\n" for i in range(3000)),
    "duplicates": "site: 1\n" * 9000,
    "unknown keys": "".join(f"gatewa{i}: 1\n" for i in range(9000)),
    "empty items": HEAD + "readers:\n" + "-\n" * 18_000,
    "wrong items": HEAD + "readers:\n" + "- x\n" * 18_000,
    "tags": HEAD + "x: [" + "!x 1," * 15_000 + "]\n",
    "names alike": HEAD
    + "readers:\n"
    + "".join(f"- {{name: reader-{i}, host: h{i}}}\n" for i in range(2000))
    + "doors: [{name: d, sides: {outside: [x], inside: ["
    + ",".join(f"raeder-{i}" for i in range(2000))
    + "]}}]\n",
    "long key": "a" * (MAX_BYTES - 10) + ": 1",
    "long number": HEAD + "readers: [{name: a, host: b, port: " + "9" * 100_000 + "}]",
    "open quote": 'site: "' + "a\n" * (MAX_BYTES // 2 - 10),
    "line breaks": "\u2028" * (MAX_BYTES // 3),
    "colons": ":" * MAX_BYTES,
    "long value without a colon": "a = " + "b" * (MAX_BYTES - 20) + "\nc: d\n",
    "documents": "---\n" * (MAX_BYTES // 4),
    "deep regular expression": HEAD
    + "scanners: [{name: a, station: b, port: /x, serials: [{match: '"
    + "(" * 490
    + "', unit: 'a:{x}'}]}]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_a_second(name: str) -> None:
    start = time.process_time()
    faults = faults_of(HOSTILE[name])
    assert time.process_time() - start < 1
    assert 0 < len(faults) <= 201
    assert all(len(str(fault)) < 2000 for fault in faults)
