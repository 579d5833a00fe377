"""A message of Application Identifiers, in the two written forms of element strings.

Machine form: `0109506000134352` `21ABC` GS `10LOT`; human form: `(01)09506000134352(21)ABC(10)LOT`.

>>> parse_element_string("010950600013435221A1\\x1d10LOT")
Message(elements=(('01', '09506000134352'), ('21', 'A1'), ('10', 'LOT')))
>>> parse_bracketed("(01)09506000134353")
Refusal(reason='(01): check digit 3 should be 2')
"""

from __future__ import annotations

import re
from typing import NamedTuple

from edgegw.core.identity.gs1_syntax import AI_LENGTHS, ENTRIES
from edgegw.core.identity.value import Pairs, Refusal

GS = "\x1d"
_BRACKETED = re.compile(r"\((\d{2,4})\)((?:(?!\(\d{2,4}\)).)*)", re.DOTALL)


class Message(NamedTuple):
    """Elements in the order of the symbol, each legal by itself, no AI twice with different values."""

    elements: Pairs

    def as_bracketed(self) -> str:
        return "".join(f"({ai}){value}" for ai, value in self.elements)


def element_string(elements: Pairs) -> str:
    """With GS after every AI that needs one and is not the last (General Specifications 7.8.5)."""
    last = len(elements) - 1
    return "".join(
        ai + value + ("" if place == last or ENTRIES[ai].predefined else GS)
        for place, (ai, value) in enumerate(elements)
    )


def build_message(elements: list[tuple[str, str]]) -> Message | Refusal:
    """Checks every element, and that the same AI does not come with two values (General Specifications 4.14)."""
    seen: dict[str, str] = {}
    for ai, value in elements:
        entry = ENTRIES.get(ai)
        if entry is None:
            return Refusal(f"({ai}) is no Application Identifier")
        if fault := entry.fault(value):
            return Refusal(fault)
        if seen.setdefault(ai, value) != value:
            return Refusal(f"({ai}) comes twice, as {seen[ai]!r} and {value!r}")
    return Message(tuple(seen.items()))


def parse_element_string(text: str) -> Message | Refusal:
    """`text` without AIM identifier, GS between elements. One superfluous GS after each is accepted.

    A missing GS cannot be noticed unless a length or check fails; nothing is split by guessing.
    """
    if not text:
        return Refusal("the symbol holds no data")
    elements = []
    position, size = 0, len(text)
    while position < size:
        length = AI_LENGTHS.get(text[position : position + 2], 2)
        ai = text[position : position + length]
        entry = ENTRIES.get(ai)
        if entry is None:
            return Refusal(f"{ai!r} at character {position + 1} is no Application Identifier")
        start = position + length
        end = start + entry.longest if entry.predefined else text.find(GS, start)
        if end < 0:
            end = size
        elements.append((ai, text[start:end]))
        position = end + 1 if text[end : end + 1] == GS else end
    return build_message(elements)


def parse_bracketed(text: str) -> Message | Refusal:
    """The form printed under a symbol. A value that itself holds `(nn)` cannot be told from an AI."""
    elements = []
    position = 0
    for match in _BRACKETED.finditer(text):
        if match.start() != position:
            break
        elements.append((match[1], match[2]))
        position = match.end()
    if position != len(text) or not elements:
        return Refusal(f"{text[position : position + 8]!r} is not (AI) and a value")
    return build_message(elements)
