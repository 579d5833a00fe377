"""GS1 Digital Link URIs, uncompressed (GS1 Digital Link Standard: URI Syntax 1.4).

>>> parse_digital_link("https://shop.example/a/01/09506000134352/21/a%2Fb?17=271231").message.as_bracketed()
'(01)09506000134352(21)a/b(17)271231'
"""

from __future__ import annotations

import re
from typing import NamedTuple

from edgegw.core.identity.alphabets import unescape
from edgegw.core.identity.gs1_message import Message, build_message
from edgegw.core.identity.gs1_syntax import ENTRIES
from edgegw.core.identity.value import Refusal

_URI = re.compile(
    r"(?:https?|HTTPS?)://[A-Za-z0-9.\-]+(?::\d{0,5})?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/\-]*)"
    r"(?:\?(?P<query>[A-Za-z0-9._~!$&'()*+,;=:@%/?\[\]\-]*))?(?:#.*)?"
)


class DigitalLink(NamedTuple):
    """Key AI, then its elements: path first, then the data attributes of the query."""

    key: str
    message: Message


def looks_like_link(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://"))


def parse_digital_link(text: str) -> DigitalLink | Refusal:
    """Any host and stem; the key is the right-most one in the path, as `/ai/value` pairs up to its end."""
    match = _URI.fullmatch(text)
    if match is None:
        return Refusal(f"{text[:60]!r} is not an http or https URI")
    pairs = _path_pairs(match["path"])
    if isinstance(pairs, Refusal):
        return pairs
    key = pairs[0][0]
    attributes = _query_pairs(match["query"] or "", key)
    if isinstance(attributes, Refusal):
        return attributes
    message = build_message([(ai, unescape(value)) for ai, value in pairs + attributes])
    return message if isinstance(message, Refusal) else DigitalLink(key, message)


def has_key(text: str) -> bool:
    """Whether a path of `text` names a GS1 key, so that the link was meant as a Digital Link."""
    return any(segment in ENTRIES and ENTRIES[segment].qualifiers is not None for segment in text.split("/")[3:-1])


def _path_pairs(path: str) -> list[tuple[str, str]] | Refusal:
    segments = path.split("/")[1:]
    for start in range(len(segments) - 2, -1, -2):
        entry = ENTRIES.get(segments[start])
        if entry is None:
            break
        if entry.qualifiers is not None:
            tail = segments[start:]
            pairs = list(zip(tail[::2], tail[1::2], strict=True))
            return _check_qualifiers(pairs, entry.qualifiers)
    return Refusal("no GS1 key ends the path of this URI")


def _check_qualifiers(
    pairs: list[tuple[str, str]], sequences: tuple[tuple[str, ...], ...]
) -> list[tuple[str, str]] | Refusal:
    qualifiers = [ai for ai, _ in pairs[1:]]
    if any(_in_order(qualifiers, sequence) for sequence in sequences):
        return pairs
    return Refusal(f"{'/'.join(qualifiers)} cannot follow /{pairs[0][0]}/ in a path")


def _in_order(qualifiers: list[str], sequence: tuple[str, ...]) -> bool:
    remaining = iter(sequence)
    return all(qualifier in remaining for qualifier in qualifiers)


def _query_pairs(query: str, key: str) -> list[tuple[str, str]] | Refusal:
    """Data attributes; words that are no number are somebody else's (link types, tracking)."""
    pairs = []
    qualifiers = {ai for sequence in ENTRIES[key].qualifiers or () for ai in sequence}
    for part in query.split("&"):
        ai, equals, value = part.partition("=")
        if not (equals and ai.isdigit()):
            continue
        entry = ENTRIES.get(ai)
        if entry is None or not entry.link or ai in qualifiers or ai == key:
            return Refusal(f"({ai}) cannot be a query parameter of /{key}/")
        pairs.append((ai, value.replace("+", " ")))
    return pairs
