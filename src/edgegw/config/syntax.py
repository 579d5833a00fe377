"""What a YAML parser stumbled over, in words for a technician.

First the usual slips are looked for at the place and just above it (a tab, a missing space after `:`, a quote that
is never closed ...); else the parser's own complaint is told in our words. PyYAML's two parsers (C and Python)
differ in words, hence the pieces of text by which a complaint is known.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from edgegw.config import lookalikes
from edgegw.config.tree import Finding, Place

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""YAML 1.1, 5.4: the parser counts lines by these."""


class _Complaint(NamedTuple):
    """`says`: pieces of the parser's words. `at_start`: point at the beginning of the construct that went wrong."""

    says: tuple[str, ...]
    problem: str
    hint: str
    at_start: bool = False


_COMPLAINTS = (
    _Complaint(
        ("unexpected end of stream", "unexpected document separator"),
        "a quote is never closed",
        "add the same quote at the end of the text",
        at_start=True,
    ),
    _Complaint(
        ("escape char", "hexdecimal", "hexadecimal", "Unicode character escape"),
        "a backslash in double quotes begins an escape",
        "use 'single quotes' around such a text",
    ),
    _Complaint(("find expected ':'",), "this line is no 'key: value'", "add ':' and a space after it", at_start=True),
    _Complaint(
        ("mapping values are not allowed",),
        "a ':' does not fit here",
        "the line is indented too far, or the text needs quotes",
    ),
    _Complaint(("',' or ']'",), "a '[' is never closed", "add the ']', and ',' between the items", at_start=True),
    _Complaint(("',' or '}'",), "a '{' is never closed", "add the '}', and ',' between the keys", at_start=True),
    _Complaint(("node content",), "a value is missing here", "quote a text that begins with one of ] } ,"),
    _Complaint(("document start",), "something stands between two documents", "keep one, without '...' and '---'"),
    _Complaint(
        ("alphabetic or numeric",), "'&' and '*' begin an anchor or alias", "quote a text that begins with them"
    ),
    _Complaint(("tag handle",), "tags are not used here", "quote a text that begins with '!'"),
    _Complaint(
        ("expected key", "block end", "block mapping start", "'-' indicator"),
        "this does not fit the lines above",
        "indent it like its neighbours, or quote the text",
    ),
    _Complaint(("sequence entries",), "a '-' does not fit here", "begin a list on a line of its own"),
    _Complaint(("block scalar", "tab character"), "the text after '|' or '>' is not well indented", "use spaces"),
)


def explain_syntax_error(error: yaml.MarkedYAMLError, text: str) -> Finding:
    """The place and cause of an error in `text`."""
    problem = str(error.problem or error)
    lines = LINE_BREAK.split(text)
    place = mark_place(error.problem_mark or error.context_mark)
    if place.line > len(lines):
        place = Place(len(lines), len(lines[-1]) + 1)  # the C parser adds a line break at the end
    slip = _slip(lines, place, problem) or _open_to_the_end(lines, place, problem)
    if slip:
        return slip
    if "cannot start any token" in problem:
        found = lines[place.line - 1][place.col - 1 : place.col]
        return Finding(place, "", f"no text begins with {found!r}", "put the whole text in quotes")
    for complaint in _COMPLAINTS:
        if any(piece in problem for piece in complaint.says):
            at = mark_place(error.context_mark) if complaint.at_start and error.context_mark else place
            return Finding(at, "", complaint.problem, complaint.hint)
    return Finding(place, "", f"is not valid YAML ({problem})")


def mark_place(mark: Any) -> Place:
    """The parser counts from 0; it gives no mark where the whole text is meant."""
    return Place(mark.line + 1, mark.column + 1) if mark else Place(0, 0)


def _open_to_the_end(lines: list[str], place: Place, problem: str) -> Finding | None:
    """A bracket after which nothing comes any more."""
    if "node content" not in problem or place.line < len(lines) or lines[-1][place.col - 1 :].strip():
        return None
    for number in (len(lines), *_above(lines, len(lines))):
        bracket = max(lines[number - 1].rfind("["), lines[number - 1].rfind("{"))
        if bracket >= 0:
            opened = lines[number - 1][bracket]
            closing = "]" if opened == "[" else "}"
            return Finding(Place(number, bracket + 1), "", f"a '{opened}' is never closed", f"add the '{closing}'")
    return None


# The usual slips

_STRUCTURE = (
    "mapping values are not allowed", "find expected ':'", "expected key", "block end", "block mapping start",
    "'-' indicator",
)  # fmt: skip
"""Complaints about the shape of the file. What causes them may stand on the line before."""

_NO_SPACE_AFTER_COLON = re.compile(r"(\s*(?:- +)*)([A-Za-z_]\w*):(?=[^\s:/\\])(?!.*: )(.*)")
_NO_SPACE_AFTER_DASH = re.compile(r"(\s*)-([A-Za-z_]\w*:(?: .*)?)")
_NO_COLON = re.compile(r"(\s*(?:- +)?)([A-Za-z_]\w*)\s*=\s*(\S.*)|(\s*)[A-Za-z_][^:#'\"\[\]{},]*")
_TWO_COLONS = re.compile(r"\s*(?:- +)?([\w-]+): .*")


def _slip(lines: list[str], place: Place, problem: str) -> Finding | None:
    """What the author probably did. Looks at the line of the complaint and, for some, at the one above it."""
    numbers = [place.line, *_above(lines, place.line)[:1]]
    line = lines[place.line - 1]
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        at = Place(place.line, indentation.index("\t") + 1)
        return Finding(at, "", "a tab in the indentation", "YAML takes only spaces there")
    for number in numbers:
        if strange := lookalikes.find(lines[number - 1]):
            at, char = Place(number, strange.start() + 1), strange.group()
            return Finding(at, "", f"an unusual character ({lookalikes.named(char)})", lookalikes.cure(char))
    if not any(piece in problem for piece in _STRUCTURE):
        return None
    for look in (_open_quote, _missing_space, _missing_colon):
        for number in reversed(numbers):
            if slip := look(lines[number - 1], number):
                return slip
    return _two_colons(line, place, problem) or _indentation(lines, place)


def _above(lines: list[str], number: int) -> list[int]:
    """The numbers of the lines above that say something, nearest first."""
    said = [at for at in range(1, number) if lines[at - 1].strip() and not lines[at - 1].lstrip().startswith("#")]
    return said[::-1]


def _open_quote(line: str, number: int) -> Finding | None:
    """A quote that begins a value and has no partner on its line."""
    opened = re.search(r"""(?:^|[:,\[{-])\s*(["'])""", line)
    if opened is None or line.count(opened[1]) % 2 == 0:
        return None
    at = Place(number, opened.start(1) + 1)
    return Finding(at, "", "a quote is never closed", "add the same quote at the end of the text")


def _missing_space(line: str, number: int) -> Finding | None:
    if found := _NO_SPACE_AFTER_COLON.fullmatch(line):
        at = Place(number, found.end(2) + 1)
        return Finding(at, "", "a space is missing after the ':'", f"write {found[2]}: {found[3].rstrip()}")
    if found := _NO_SPACE_AFTER_DASH.fullmatch(line):
        return Finding(
            Place(number, found.end(1) + 1), "", "a space is missing after the '-'", f"write - {found[2].rstrip()}"
        )
    return None


def _missing_colon(line: str, number: int) -> Finding | None:
    found = _NO_COLON.fullmatch(line.rstrip())
    if found is None:
        return None
    hint = f"write {found[2]}: {found[3]}" if found[2] else "add ':' and a space after it"
    return Finding(Place(number, len(found[1] or found[4] or "") + 1), "", "this line is no 'key: value'", hint)


def _two_colons(line: str, place: Place, problem: str) -> Finding | None:
    key = _TWO_COLONS.fullmatch(line[: place.col])
    if key is None or "mapping values" not in problem:
        return None
    hint = f"put what follows '{key[1]}:' in quotes, or on a line of its own, indented"
    return Finding(place, "", "a second ':' on this line", hint)


def _indentation(lines: list[str], place: Place) -> Finding | None:
    """Keys that belong together begin at one column."""
    here = _key_column(lines[place.line - 1])
    columns = {number: _key_column(lines[number - 1]) for number in _above(lines, place.line)}
    nearest = min(columns, key=lambda number: (abs(columns[number] - here), -number), default=0)
    if not nearest or columns[nearest] == here or place.col < here:
        return None
    problem = f"this line begins at column {here}, which fits none above"
    return Finding(
        Place(place.line, here), "", problem, f"line {nearest} begins at column {columns[nearest]}: indent both alike"
    )


def _key_column(line: str) -> int:
    """Where the key of a line begins, after the dash of a list."""
    found = re.match(r"\s*(?:- +)*", line)
    assert found is not None  # it matches anything
    return found.end() + 1
