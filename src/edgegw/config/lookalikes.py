"""Characters that look right and are not: what word processors, chats and web pages make of plain ones.

>>> named("–"), cure("–")
('U+2013 EN DASH', 'type a plain - instead')
"""

from __future__ import annotations

import re
import unicodedata

_PLAIN = {
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′´", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("\u00a0\u1680\u2007\u2009\u200a\u202f\u3000", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    "：": ":",
    "，": ",",
    "／": "/",
}
_ANY = re.compile(f"[{re.escape(''.join(_PLAIN))}]")
_QUOTES = '"' + "'"
DISTURBING = re.compile(
    f"^[{''.join(char for char, plain in _PLAIN.items() if plain in _QUOTES and plain)}]"
    f"|[{''.join(char for char, plain in _PLAIN.items() if plain in (' ', ''))}]"
)
"""In a text that may hold anything, these are still not meant: a quote at its start, spaces that are none."""


def find(text: str) -> re.Match[str] | None:
    """The first lookalike in a text."""
    return _ANY.search(text)


def named(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, 'unnamed')}"


def cure(char: str) -> str:
    """What to type in place of a lookalike."""
    meant = _PLAIN[char]
    return f"type a plain {meant if meant.strip() else 'space'} instead" if meant else "delete this invisible character"
