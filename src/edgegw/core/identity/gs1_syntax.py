"""Application Identifiers: how long, of which characters, with which partners (GS1 syntax dictionary).

>>> ENTRIES["01"].fault("09506000134353")
'(01): check digit 3 should be 2'
>>> check_associations({"01": "09506000134352", "250": "A"})
'(250) needs (21) in the same symbol'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from edgegw.core.identity.gs1_checks import CHECKS
from edgegw.core.identity.gs1_dictionary import LINES

_CHARACTERS = {
    "N": "[0-9]",
    "X": "[!\"%&'()*+,\\-./0-9:;<=>?A-Z_a-z]",
    "Y": "[#\\-/0-9A-Z]",
    "Z": "[A-Za-z0-9_\\-=]",
}
_CHECKS_OF_CHARSETS = {"Z": ("cset64",)}
_SHOWN = 100  # characters of a wrong value in a reason: longer than any legal one
Check = Callable[[str], str]
_COMPONENT = re.compile(r"(\[?)([NXYZ])(\.\.)?(\d+)\]?((?:,\w+)*)")
_WORDS = {"N": "digits", "X": "characters of GS1 set 82", "Y": "characters of GS1 set 39", "Z": "base64 characters"}


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a value: character set, lengths, whether it may be absent, names of the checks it must pass."""

    charset: str
    shortest: int
    longest: int
    optional: bool
    checks: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Component:
        match = _COMPONENT.fullmatch(text)
        if match is None:
            raise ValueError(f"no component of the syntax dictionary: {text}")
        optional, charset, variable, length, checks = match.groups()
        size = int(length)
        names = (*checks.split(",")[1:], *_CHECKS_OF_CHARSETS.get(charset, ()))
        return cls(charset, 1 if variable else size, size, bool(optional), names)

    @property
    def pattern(self) -> str:
        return f"({_CHARACTERS[self.charset]}{{{self.shortest},{self.longest}}})"


@dataclass(frozen=True, slots=True)
class Entry:
    """One Application Identifier.

    predefined  its length is known from its first digits: no separator follows (General Specifications 7.8.5)
    link        it may be a data attribute of a Digital Link
    required    groups, one alternative of each must be in the same message; an alternative is a set of AIs
    excluded    AIs that must not be in the same message
    qualifiers  of a Digital Link key: the allowed sequences of qualifiers; None = not a key
    pattern     the whole value, a group for each component
    checks      which group must pass which check
    """

    ai: str
    title: str
    components: tuple[Component, ...]
    predefined: bool
    link: bool
    required: tuple[tuple[tuple[str, ...], ...], ...]
    excluded: frozenset[str]
    qualifiers: tuple[tuple[str, ...], ...] | None
    pattern: re.Pattern[str]
    checks: tuple[tuple[int, Check], ...]
    longest: int

    def fault(self, value: str) -> str:
        """A sentence why `value` is illegal for this AI; "" if it is legal."""
        match = self.pattern.fullmatch(value)
        if match is None:
            return f"({self.ai}): {value[:_SHOWN]!r} is not {self.describe()}"
        for group, check in self.checks:
            part = match[group]
            if part is not None and (fault := check(part)):
                return f"({self.ai}): {fault}"
        return ""

    def describe(self) -> str:
        """Such as `13 digits, then up to 17 characters of GS1 set 82 or nothing`."""
        return ", then ".join(
            f"{'up to ' if c.shortest < c.longest else ''}{c.longest} {_WORDS[c.charset]}"
            + (" or nothing" if c.optional else "")
            for c in self.components
        )


def _entries(line: str) -> Iterator[Entry]:
    specification, _, title = line.partition(" # ")
    ais, *words = specification.split()
    flags = words.pop(0) if not _COMPONENT.fullmatch(words[0]) else ""
    components = tuple(Component.parse(word) for word in words if _COMPONENT.fullmatch(word))
    attributes = [word.partition("=") for word in words if not _COMPONENT.fullmatch(word)]
    first, _, last = ais.partition("-")
    for number in range(int(first), int(last or first) + 1):
        yield Entry(
            ai=str(number).zfill(len(first)),
            title=title,
            components=components,
            predefined="*" in flags,
            link="?" in flags,
            required=tuple(_alternatives(value) for key, _, value in attributes if key == "req"),
            excluded=frozenset(ai for key, _, value in attributes if key == "ex" for ai in value.split(",")),
            qualifiers=next((_sequences(value) for key, _, value in attributes if key == "dlpkey"), None),
            pattern=_pattern(components),
            checks=tuple((group, CHECKS[name]) for group, part in enumerate(components, 1) for name in part.checks),
            longest=sum(component.longest for component in components),
        )


def _alternatives(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(alternative.split("+")) for alternative in text.split(","))


def _sequences(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(sequence.split(",")) for sequence in text.split("|")) if text else ((),)


def _pattern(components: tuple[Component, ...]) -> re.Pattern[str]:
    """Optional components come last, and each needs the one before it."""
    optional = ""
    for component in reversed([c for c in components if c.optional]):
        optional = f"(?:{component.pattern}{optional})?"
    return re.compile("".join(c.pattern for c in components if not c.optional) + optional)


def _read_dictionary() -> dict[str, Entry]:
    lines = LINES.replace("\n    ", " ").splitlines()
    entries = {entry.ai: entry for line in lines for entry in _entries(line)}
    return {ai: replace(entry, excluded=_expand(entry, entries)) for ai, entry in entries.items()}


def _expand(entry: Entry, entries: dict[str, Entry]) -> frozenset[str]:
    """The AIs that the patterns stand for; an AI does not exclude itself."""
    named = {ai for pattern in entry.excluded for ai in _spell_out(pattern)}
    return frozenset(named & entries.keys() - {entry.ai})


def _spell_out(pattern: str) -> list[str]:
    """`310n`: 3100 to 3109."""
    stem = pattern.rstrip("n")
    missing = len(pattern) - len(stem)
    return [stem + str(number).zfill(missing) for number in range(10**missing)] if missing else [pattern]


def _matches(ai: str, pattern: str) -> bool:
    """Whether `ai` is one of those that a pattern such as `310n` or `35nn` stands for."""
    return len(ai) == len(pattern) and ai.startswith(pattern.rstrip("n"))


ENTRIES = _read_dictionary()
AI_LENGTHS: dict[str, int] = {ai[:2]: len(ai) for ai in ENTRIES}  # TDS table K


def check_associations(message: Mapping[str, str]) -> str:
    """A sentence about the first AI that clashes with another or lacks a partner; "" if there is none."""
    return find_clash(message) or find_gap(message)


def find_clash(message: Mapping[str, str]) -> str:
    """A sentence about two AIs of the message that exclude each other."""
    for ai in message:
        excluded = ENTRIES[ai].excluded
        if not excluded.isdisjoint(message):
            other = next(other for other in message if other in excluded)
            return f"({ai}) and ({other}) exclude each other"
    return ""


def find_gap(message: Mapping[str, str]) -> str:
    """A sentence about an AI of the message whose mandatory partner is missing."""
    for ai in message:
        for group in ENTRIES[ai].required:
            if not any(_covered(alternative, message) for alternative in group):
                partners = " or ".join("+".join(f"({a})" for a in alternative) for alternative in group)
                return f"({ai}) needs {partners} in the same symbol"
    if "8030" in message:
        return _signed_without_serial(message)
    return ""


_SERIAL_AFTER = {"253": 13, "255": 13, "8003": 14}


def _signed_without_serial(message: Mapping[str, str]) -> str:
    """A digital signature (8030) signs one thing, so the key must be serialised (General Specifications 3.9.13)."""
    for ai, length in _SERIAL_AFTER.items():
        if len(message.get(ai, "")) == length:
            return f"(8030) signs one thing, but ({ai}) has no serial"
    return ""


def _covered(alternative: tuple[str, ...], message: Mapping[str, str]) -> bool:
    return all(any(_matches(ai, pattern) for ai in message) for pattern in alternative)
