"""What a YAML parser stumbled over, in words for a technician.

PyYAML's two parsers (C and Python) differ in words, hence the pieces of text by which a complaint is known.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

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
        "the line is indented too far, or the line above has no space after its ':', or the text needs quotes",
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
    line = lines[place.line - 1]
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        at = Place(place.line, indentation.index("\t") + 1)
        return Finding(at, "", "a tab in the indentation", "YAML takes only spaces there")
    if "cannot start any token" in problem:
        found = line[place.col - 1 : place.col]
        return Finding(place, "", f"no text begins with {found!r}", "put the whole text in quotes")
    for complaint in _COMPLAINTS:
        if any(piece in problem for piece in complaint.says):
            at = mark_place(error.context_mark) if complaint.at_start and error.context_mark else place
            return Finding(at, "", complaint.problem, complaint.hint)
    return Finding(place, "", f"is not valid YAML ({problem})")


def mark_place(mark: Any) -> Place:
    """The parser counts from 0; it gives no mark where the whole text is meant."""
    return Place(mark.line + 1, mark.column + 1) if mark else Place(0, 0)
