"""YAML text -> the tree of what it says, or the flaws that keep it from saying anything.

PyYAML's events carry exact marks and no types, and reading them one by one lets limits be kept while a hostile
file is still being parsed (PyYAML's own C composer dies of deep nesting). Anchors, aliases and `<<` are
understood; tags, complex keys and further documents are refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from edgegw.config.tree import Duplicate, Entry, Item, Mapping, Node, Place, Scalar, Sequence

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_VALUES = 10_000

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser where there is one; both give the same events and marks."""


class Flaw(NamedTuple):
    """Something wrong with the text as YAML."""

    place: Place
    problem: str
    hint: str = ""


class BadText(Exception):
    """The text cannot be read to its end. Holds the flaw; stays inside this module."""

    def __init__(self, place: Place, problem: str, hint: str = "") -> None:
        self.flaw = Flaw(place, problem, hint)
        super().__init__(problem)


class Reading(NamedTuple):
    """`root` is None when nothing useful could be read; the flaws say why."""

    root: Mapping | None
    flaws: list[Flaw]


def decode(data: bytes) -> str | Flaw:
    """UTF-8 with or without byte order mark, or what is wrong with the bytes."""
    if len(data) > MAX_BYTES:
        return Flaw(Place(0, 0), f"is larger than {MAX_BYTES // 1024} KiB", "this cannot be a configuration file")
    if data.startswith(_UTF_16):
        return Flaw(Place(1, 1), "the file is UTF-16", "save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        byte = data[error.start]
        return Flaw(
            place_of(before, len(before)), f"the file is not UTF-8 (found byte 0x{byte:02x})", "save it as UTF-8"
        )


def read(text: str, loader: Any = _LOADER) -> Reading:
    """The tree of a whole file. Never raises for anything that `text` holds."""
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        place = place_of(text, unreadable.start())
        found = f"U+{ord(unreadable.group()):04X}"
        return Reading(None, [Flaw(place, f"there is an invisible control character ({found})", "delete it")])
    builder = _Builder(yaml.parse(text, Loader=loader))
    try:
        root = builder.document()
    except BadText as bad:
        return Reading(None, [*builder.flaws, bad.flaw])
    except yaml.MarkedYAMLError as error:
        return Reading(None, [*builder.flaws, _syntax_flaw(error, text)])
    except yaml.YAMLError as error:
        return Reading(None, [*builder.flaws, Flaw(Place(0, 0), f"is not valid YAML ({error})")])
    return Reading(root, builder.flaws)


def place_of(text: str, offset: int) -> Place:
    before = text[:offset]
    breaks = list(LINE_BREAK.finditer(before))
    start = breaks[-1].end() if breaks else 0
    return Place(len(breaks) + 1, offset - start + 1)


class _Builder:
    """Builds the tree from the events of the parser, counting what it builds."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self.flaws: list[Flaw] = []

    def document(self) -> Mapping | None:
        """The mapping that the file consists of."""
        next(self._events)  # start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise BadText(Place(0, 0), "is empty", "it needs at least site, gateway, mqtt and journal")
        event = next(self._events)
        root = self._node(event, 1)
        next(self._events)  # end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise BadText(_place(after), "a second document begins", "keep one, and no '---' after it")
        if root is not None and not isinstance(root, Mapping):
            raise BadText(
                _place(event), "the file is not a list of keys", "write 'key: value' lines, such as 'site: dc-1'"
            )
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node | None:
        """The node that begins with this event; None after a flaw that leaves nothing of it."""
        if depth > MAX_DEPTH:
            raise BadText(
                _place(event), f"nested deeper than {MAX_DEPTH} levels", "nothing in edgegw's file is so deep"
            )
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        assert isinstance(event, yaml.NodeEvent)  # the grammar of events
        self._refuse_tag(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None  # not complete: an alias inside would never end
        node = self._content(event, depth)
        if node is not None and node.size > MAX_VALUES:
            raise BadText(_place(event), f"holds more than {MAX_VALUES} values", "check the aliases (*) in it")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: yaml.Event, depth: int) -> Node | None:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _refuse_tag(self, event: yaml.Event) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            written = str(tag).replace("tag:yaml.org,2002:", "!!")
            self._flaw(
                _place(event), f"tags are not used here (found {written[:40]!r})", "delete the tag, keep the value"
            )

    def _aliased(self, event: yaml.AliasEvent) -> Node | None:
        name = str(event.anchor)
        node = self._anchors.get(name)
        if name not in self._anchors:
            self._flaw(_place(event), f"*{name} names no anchor above", f"write &{name} where the value is given first")
        elif node is None:
            self._flaw(_place(event), f"*{name} has no value that could be repeated here", "write the value out")
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar | None:
        if _UNUSABLE.search(event.value):
            self._flaw(_place(event), "holds a character that is no text (U+0000 or half a pair)", "delete it")
            return None
        return Scalar(_place(event), event.value, quoted=bool(event.style))

    def _sequence(self, event: yaml.Event, depth: int) -> Sequence:
        sequence = Sequence(_place(event))
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            sequence.length += 1
            node = self._node(event, depth + 1)
            if node is not None:
                sequence.items.append(Item(sequence.length, node))
                sequence.size += node.size
        return sequence

    def _mapping(self, event: yaml.Event, depth: int) -> Mapping:
        mapping = Mapping(_place(event))
        merged: list[Mapping] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value_event = next(self._events)
            value = self._node(value_event, depth + 1)
            mapping.size += value.size if value is not None else 0
            if isinstance(key, Scalar) and key.text == "<<" and not key.quoted:
                merged += self._mergeable(value, value_event)
            elif not isinstance(key, Scalar) or not key.text:
                self._flaw(
                    _place(event), "a key must be a single word", "quote a text that begins with '{', '[' or '?'"
                )
            else:
                _add(mapping, key, _place(event), value)
        for source in merged:
            for name, entry in source.entries.items():
                mapping.entries.setdefault(name, entry)
            mapping.dropped |= source.dropped - mapping.entries.keys()
        return mapping

    def _mergeable(self, value: Node | None, event: yaml.Event) -> list[Mapping]:
        """What `<<` brings in: one mapping or several, the first of which wins."""
        sources = [item.value for item in value.items] if isinstance(value, Sequence) else [value]
        mappings = [source for source in sources if isinstance(source, Mapping)]
        if value is not None and len(mappings) < len(sources):
            self._flaw(_place(event), "'<<' takes the keys of another part of the file", "such as <<: *name")
        return mappings

    def _flaw(self, place: Place, problem: str, hint: str) -> None:
        self.flaws.append(Flaw(place, problem, hint))


def _add(mapping: Mapping, key: Scalar, place: Place, value: Node | None) -> None:
    first = mapping.entries.get(key.text)
    if first is not None:
        mapping.duplicates.append(Duplicate(key.text, place, first.place))
    elif value is None:
        mapping.dropped.add(key.text)
    else:
        mapping.entries[key.text] = Entry(place, value)


def _place(event: yaml.Event) -> Place:
    return _mark_place(event.start_mark)


def _mark_place(mark: Any) -> Place:
    """The parser counts from 0."""
    return Place(mark.line + 1, mark.column + 1) if mark else Place(0, 0)


class _Complaint(NamedTuple):
    """A problem of the parser (a piece of its words) in words for a technician."""

    says: str
    problem: str
    hint: str
    at_start: bool = False
    """Point at the beginning of the construct, not at where the parser gave up."""


_COMPLAINTS = (
    _Complaint("end of stream", "a quote is never closed", "add the same quote at the end of the text", at_start=True),
    _Complaint(
        "document separator", "a quote is never closed", "add the same quote at the end of the text", at_start=True
    ),
    _Complaint(
        "escape char", "a backslash in double quotes begins an escape", "use 'single quotes' around such a text"
    ),
    _Complaint("hexdecimal", "a backslash in double quotes begins an escape", "use 'single quotes' around such a text"),
    _Complaint(
        "Unicode char", "a backslash in double quotes begins an escape", "use 'single quotes' around such a text"
    ),
    _Complaint(
        "hexadecimal", "a backslash in double quotes begins an escape", "use 'single quotes' around such a text"
    ),
    _Complaint("find expected ':'", "this line is no 'key: value'", "add the ':' and a space after it", at_start=True),
    _Complaint(
        "mapping values are not allowed",
        "a ':' does not fit here",
        "the line is indented too far, or the line above has no space after its ':', or the text needs quotes",
    ),
    _Complaint("',' or ']'", "a '[' is never closed", "add the ']', and ',' between the items", at_start=True),
    _Complaint("',' or '}'", "a '{' is never closed", "add the '}', and ',' between the keys", at_start=True),
    _Complaint("node content", "a value is missing or out of place", "quote a text that begins with one of ] } ,"),
    _Complaint("document start", "something stands between two documents", "keep one document, without '...' or '---'"),
    _Complaint("alphabetic or numeric", "'&' and '*' begin an anchor or alias", "quote a text that begins with them"),
    _Complaint("undefined tag handle", "tags are not used here", "quote a text that begins with '!'"),
    _Complaint("block mapping start", "the indentation does not fit the lines above", "align it with its neighbours"),
    _Complaint(
        "expected key",
        "the indentation does not fit the lines above",
        "align it with its neighbours, or quote the text",
    ),
    _Complaint(
        "block end", "the indentation does not fit the lines above", "align it with its neighbours, or quote the text"
    ),
    _Complaint("'-' indicator", "the indentation does not fit the list above", "align every '-' of a list"),
    _Complaint("sequence entries", "a '-' does not fit here", "begin a list on a line of its own"),
)


def _syntax_flaw(error: yaml.MarkedYAMLError, text: str) -> Flaw:
    """What the parser stumbled over. Its two implementations differ in words, hence the pieces above."""
    problem = str(error.problem or error)
    mark = error.problem_mark or error.context_mark
    place = _mark_place(mark)
    lines = LINE_BREAK.split(text)
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    indentation = re.match(r"\s*", line)
    tab = indentation.group().find("\t") if indentation else -1
    if tab >= 0:
        return Flaw(Place(place.line, tab + 1), "a tab in the indentation", "YAML takes only spaces there")
    if "cannot start any token" in problem:
        found = line[place.col - 1 : place.col]
        return Flaw(place, f"no text begins with {found!r}", "put the whole text in quotes")
    for complaint in _COMPLAINTS:
        if complaint.says in problem:
            start = error.context_mark if complaint.at_start else None
            return Flaw(_mark_place(start) if start else place, complaint.problem, complaint.hint)
    return Flaw(place, f"is not valid YAML ({problem})")
