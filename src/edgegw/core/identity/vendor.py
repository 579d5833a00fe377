"""Plain serial numbers of vendors: what they look like here, and the URI that each becomes.

>>> rule = VendorRule.parse(r"CB-(?P<number>[0-9]+)", "https://hire.example/box/{number}")
>>> rule.identify("CB-0017")
'https://hire.example/box/0017'

A regular expression can try for ever on a text made for it. So the text is at most `LONGEST` characters,
and a rule is refused if it could fit that many characters in more than `MOST_WAYS` ways: the number of
ways bounds the steps, and the steps the time (a tenth of a second).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgegw.core.identity.digits import percent_encode

LONGEST = 128
MOST_WAYS = 3_000_000
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class VendorRule:
    """`match` must fit the whole text; `unit` is a URI in which {group} stands for a named group."""

    match: re.Pattern[str]
    unit: str

    @classmethod
    def parse(cls, match: str, unit: str) -> VendorRule:
        """Raises ValueError with a sentence if one is wrong or they do not fit each other."""
        try:
            pattern = re.compile(match)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{match!r} is no regular expression: {error}") from error
        if missing := set(_PLACEHOLDER.findall(unit)) - set(pattern.groupindex):
            raise ValueError(f"{unit!r} wants the group {missing.pop()!r}, which {match!r} does not name")
        if count_ways(match) > MOST_WAYS:
            raise ValueError(
                f"{match!r} could try for ever on a hostile text: give its repeats limits such as {{1,12}}, "
                "make them possessive (*+ or ++), and do not repeat a group that holds a repeat"
            )
        return cls(pattern, unit)

    def identify(self, text: str) -> str:
        """The key of a unit; "" if the rule does not apply."""
        found = self.match.fullmatch(text) if len(text) <= LONGEST else None
        if found is None:
            return ""
        return _PLACEHOLDER.sub(lambda name: percent_encode(found[name[1]] or ""), self.unit)


def count_ways(pattern: str) -> int:
    """In how many ways, at most, `pattern` can be laid over a text of `LONGEST` characters.

    >>> count_ways("CB-[0-9]{3,6}"), count_ways("(A|B|C)[0-9]*") == 3 * (LONGEST + 1)
    (4, True)
    """
    return _Counter(pattern).alternatives()


_QUANTIFIER = re.compile(r"(?:([*+?])|\{(\d*)(,?)(\d*)\})([?+]?)")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_GROUP = re.compile(r"\((?:\?(?:P<\w+>|P=\w+|<?[=!]|[aiLmsux-]*:?|>|#[^)]*|\(\w+\)))?")
_TOO_MANY = MOST_WAYS + 1


class _Counter:
    """Walks over a valid regular expression; every method starts at `position` and moves it."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0

    def alternatives(self) -> int:
        ways = self._sequence()
        while self._accept("|"):
            ways += self._sequence()
        return min(ways, _TOO_MANY)

    def _accept(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.position)
        self.position += len(text) * found
        return found

    def _sequence(self) -> int:
        ways = 1
        while self.position < len(self.pattern) and self.pattern[self.position] not in "|)":
            ways = min(ways * self._repeated(self._atom()), _TOO_MANY)
        return ways

    def _atom(self) -> int:
        if self.pattern[self.position] == "(":
            return self._group()
        in_class = _CLASS.match(self.pattern, self.position)
        if in_class:
            self.position = in_class.end()
        else:
            self.position += 2 if self.pattern[self.position] == "\\" else 1
        return 1

    def _group(self) -> int:
        opening = _GROUP.match(self.pattern, self.position)
        assert opening is not None
        self.position = opening.end()
        ways = self.alternatives()
        self._accept(")")
        return 1 if opening[0] == "(?>" and ways <= MOST_WAYS else ways

    def _repeated(self, ways: int) -> int:
        """A repeat has one way for each number of times, and each time all ways of what is repeated."""
        found = _QUANTIFIER.match(self.pattern, self.position)
        if found is None:
            return ways
        self.position = found.end()
        least, most = _limits(found)
        total = (most - least + 1) * ways ** min(most, 64)
        return 1 if found[5] == "+" and total <= MOST_WAYS else min(total, _TOO_MANY)


def _limits(quantifier: re.Match[str]) -> tuple[int, int]:
    if quantifier[1]:
        return (quantifier[1] == "+", 1 if quantifier[1] == "?" else LONGEST)
    least = int(quantifier[2] or 0)
    most = int(quantifier[4] or LONGEST) if quantifier[3] else least
    return min(least, LONGEST), max(min(most, LONGEST), min(least, LONGEST))
