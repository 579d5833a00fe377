"""YAML text -> the tree of what it says, or the findings that keep it from saying anything.

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

from edgegw.config.syntax import LINE_BREAK, explain_syntax_error, mark_place
from edgegw.config.tree import Duplicate, Entry, Finding, Item, Mapping, Node, Place, Scalar, Sequence

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_VALUES = 20_000
"""Keys and values; an alias counts with all it stands for (which also keeps copies of copies shallow)."""

WHOLE_FILE = Place(0, 0)

_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser where there is one; both give the same events and marks."""


class Reading(NamedTuple):
    """`root` is None when nothing useful could be read; the findings say why."""

    root: Mapping | None
    findings: list[Finding]


class _BadText(Exception):
    """The text cannot be read to its end."""

    def __init__(self, place: Place, problem: str, hint: str) -> None:
        self.finding = Finding(place, "", problem, hint)
        super().__init__(problem)


def decode(data: bytes) -> str | Finding:
    """UTF-8 with or without byte order mark, or what is wrong with the bytes."""
    if len(data) > MAX_BYTES:
        return Finding(WHOLE_FILE, "", f"is larger than {MAX_BYTES // 1024} KiB", "no configuration is so large")
    if data.startswith(_UTF_16):
        return Finding(Place(1, 1), "", "the file is UTF-16", "save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        problem = f"the file is not UTF-8 (found byte 0x{data[error.start]:02x})"
        return Finding(_place_of(before, len(before)), "", problem, "save it as UTF-8")


def read(text: str, loader: Any = _LOADER) -> Reading:
    """The tree of a whole file. Never raises for anything that `text` holds."""
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        problem = f"there is an invisible control character (U+{ord(unreadable.group()):04X})"
        return Reading(None, [Finding(_place_of(text, unreadable.start()), "", problem, "delete it")])
    builder = _Builder(yaml.parse(text, Loader=loader))
    try:
        return Reading(builder.document(), builder.findings)
    except _BadText as bad:
        builder.findings.append(bad.finding)
    except yaml.MarkedYAMLError as error:
        builder.findings.append(explain_syntax_error(error, text))
    except yaml.YAMLError as error:
        builder.findings.append(Finding(WHOLE_FILE, "", f"is not valid YAML ({error})"))
    return Reading(None, builder.findings)


def _place_of(text: str, offset: int) -> Place:
    breaks = list(LINE_BREAK.finditer(text[:offset]))
    start = breaks[-1].end() if breaks else 0
    return Place(len(breaks) + 1, offset - start + 1)


class _Builder:
    """Builds the tree from the events of the parser, counting what it builds."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._values = 0
        self.findings: list[Finding] = []

    def document(self) -> Mapping | None:
        """The mapping that the file consists of."""
        next(self._events)  # start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise _BadText(WHOLE_FILE, "is empty", "it needs at least site, gateway, mqtt and journal")
        event = next(self._events)
        root = self._node(event, 1)
        next(self._events)  # end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _BadText(_place(after), "a second document begins", "keep one, and no '---' after it")
        if root is not None and not isinstance(root, Mapping):
            raise _BadText(_place(event), "the file has no keys", "write 'key: value' lines, such as 'site: dc-1'")
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node | None:
        """The node that begins with this event; None after a finding that leaves nothing of it."""
        self._count(_place(event))
        if depth > MAX_DEPTH:
            problem = f"nested deeper than {MAX_DEPTH} levels"
            raise _BadText(_place(event), problem, "nothing in edgegw's file is so deep")
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        assert isinstance(event, yaml.NodeEvent)  # the grammar of events
        self._refuse_tag(event)
        if event.anchor is None:
            return self._content(event, depth)
        self._anchors[event.anchor] = None  # an alias inside would never end
        node = self._content(event, depth)
        self._anchors[event.anchor] = node
        return node

    def _count(self, place: Place) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            problem = f"the file holds more than {MAX_VALUES} values up to here"
            raise _BadText(place, problem, "no dock is so large; an alias (*) counts with all it stands for")

    def _content(self, event: yaml.Event, depth: int) -> Node | None:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _refuse_tag(self, event: yaml.Event) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            written = str(tag).replace("tag:yaml.org,2002:", "!!")[:40]
            self._find(_place(event), f"tags are not used here (found '{written}')", "delete the tag, keep the value")

    def _aliased(self, event: yaml.AliasEvent) -> Node | None:
        """A copy of what the alias stands for: each use is examined and mended for itself."""
        name = str(event.anchor)
        node = self._anchors.get(name)
        if node is not None:
            return self._copy(node, _place(event))
        if name in self._anchors:
            self._find(_place(event), f"*{name} has no value that could be repeated here", "write the value out")
        else:
            self._find(_place(event), f"*{name} names no anchor above", f"write &{name} where the value is given first")
        return None

    def _copy(self, node: Node, place: Place) -> Node:
        self._count(place)
        if isinstance(node, Scalar):
            return Scalar(node.place, node.text, node.quoted)
        if isinstance(node, Sequence):
            items = [Item(item.number, self._copy(item.value, place)) for item in node.items]
            return Sequence(node.place, items, node.length)
        entries = {key: Entry(entry.place, self._copy(entry.value, place)) for key, entry in node.entries.items()}
        return Mapping(node.place, entries, dropped=set(node.dropped))

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar | None:
        if _UNUSABLE.search(event.value):
            self._find(_place(event), "holds a character that is no text (U+0000 or half a pair)", "delete it")
            return None
        return Scalar(_place(event), event.value, quoted=bool(event.style))

    def _sequence(self, event: yaml.Event, depth: int) -> Sequence:
        sequence = Sequence(_place(event))
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            sequence.length += 1
            node = self._node(event, depth + 1)
            if node is not None:
                sequence.items.append(Item(sequence.length, node))
        return sequence

    def _mapping(self, event: yaml.Event, depth: int) -> Mapping:
        mapping = Mapping(_place(event))
        merged: list[Mapping] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value_event = next(self._events)
            value = self._node(value_event, depth + 1)
            if isinstance(key, Scalar) and key.text == "<<" and not key.quoted:
                merged += self._mergeable(value, value_event)
            elif isinstance(key, Scalar) and key.text:
                _enter(mapping, key.text, _place(event), value)
            else:
                self._find(_place(event), "a key must be a word", "quote a text that begins with '{', '[' or '?'")
        for source in merged:
            _merge(mapping, source)
        return mapping

    def _mergeable(self, value: Node | None, event: yaml.Event) -> list[Mapping]:
        """What `<<` brings in: one mapping or several."""
        sources = [item.value for item in value.items] if isinstance(value, Sequence) else [value]
        mappings = [source for source in sources if isinstance(source, Mapping)]
        if value is not None and len(mappings) < len(sources):
            self._find(_place(event), "'<<' takes the keys of another part of the file", "such as <<: *name")
        return mappings

    def _find(self, place: Place, problem: str, hint: str) -> None:
        self.findings.append(Finding(place, "", problem, hint))


def _enter(mapping: Mapping, key: str, place: Place, value: Node | None) -> None:
    """The first of two equal keys stays."""
    if key in mapping.entries:
        mapping.duplicates.append(Duplicate(key, place, mapping.entries[key].place))
    elif value is None:
        mapping.dropped.add(key)
    else:
        mapping.entries[key] = Entry(place, value)


def _merge(mapping: Mapping, source: Mapping) -> None:
    """Own keys win over merged ones, earlier sources over later ones."""
    for key, entry in source.entries.items():
        mapping.entries.setdefault(key, entry)
    mapping.dropped |= source.dropped - mapping.entries.keys()


def _place(event: yaml.Event) -> Place:
    return mark_place(event.start_mark)
