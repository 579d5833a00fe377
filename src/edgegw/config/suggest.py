"""Did you mean: the word of a list that somebody probably wanted to write."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

LONGEST = 64
"""No word of ours is longer; comparing costs the square of the length."""

MOST = 300
"""So many words are compared; a warehouse with more readers has to look for itself."""


_OTHER_WORDS = {
    "in": "inside",
    "out": "outside",
    "ip": "host",
    "address": "host",
    "url": "host",
    "device": "port",
    "tty": "port",
}
"""What people write who know another program."""


_SECRETS = ("password", "passwd", "passwort", "passphrase", "pass", "pwd", "secret")


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` stands for: another case, two letters swapped, or merely alike.

    >>> closest("Prot", ["host", "port"]), closest("s2", ["S1", "S2"]), closest("colour", ["host"])
    ('port', 'S2', None)
    """
    if len(word) > LONGEST:
        return None
    plain = {_plain(one): one for one in islice(known, MOST)}
    written = _plain(word)
    for word_meant in (written, _OTHER_WORDS.get(written, written)):
        if word_meant in plain:
            return plain[word_meant]
    for one in plain:
        if _is_swap(written, one):
            return plain[one]
    alike = get_close_matches(written, plain, n=1)
    return plain[alike[0]] if alike else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint, or nothing."""
    meant = closest(word, known)
    return f"did you mean '{meant}'?" if meant else ""


def way_of_secret(word: str, known: Iterable[str]) -> str:
    """A hint for a password that somebody wants to write into the configuration itself, or nothing.

    >>> way_of_secret("pasword", ["host", "password_file"]), way_of_secret("password_fil", ["password_file"])
    ('write it into a file, and name that in password_file', '')
    """
    known = list(known)
    if "password_file" not in known or closest(word, [*known, *_SECRETS]) not in _SECRETS:
        return ""
    return "write it into a file, and name that in password_file"


def _plain(word: str) -> str:
    return word.strip().casefold().replace("-", "_").replace(" ", "_")


def _is_swap(one: str, other: str) -> bool:
    """Equal but for two neighbouring letters in the wrong order."""
    if len(one) != len(other):
        return False
    differing = [at for at in range(len(one)) if one[at] != other[at]]
    if len(differing) != 2:
        return False
    first, second = differing
    return second == first + 1 and one[first] == other[second] and one[second] == other[first]
