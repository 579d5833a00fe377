"""Plain serial numbers of vendors: what they look like here, and the URI that each becomes.

>>> rule = VendorRule.parse(r"CB-(?P<number>[0-9]+)", "https://hire.example/box/{number}")
>>> rule.identify("CB-0017")
'https://hire.example/box/0017'

A regular expression can try for ever on a text made for it. So the text is at most `LONGEST` characters, and a
rule is refused if trying it on so many could take more than `MOST_STEPS` steps (a tenth of a second). The steps
are counted on the tree that the engine itself reads the rule as, so that nothing in it can mean more than was
counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from re import _parser  # type: ignore[attr-defined]  # private, but no other reading of a rule is the engine's own
from typing import Any, NamedTuple

from edgegw.core.identity.digits import percent_encode

LONGEST = 128
MOST_STEPS = 5_000_000
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
            steps = count_steps(match)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{match!r} is no regular expression: {error}") from error
        if missing := set(_PLACEHOLDER.findall(unit)) - set(pattern.groupindex):
            raise ValueError(f"{unit!r} wants the group {missing.pop()!r}, which {match!r} does not name")
        if steps > MOST_STEPS:
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


def count_steps(pattern: str) -> int:
    """How many steps, at most, trying `pattern` on `LONGEST` characters takes; not counted far beyond MOST_STEPS.

    >>> count_steps("CB-[0-9]{3,6}"), count_steps("(A|B|C)[0-9]*") < 1000, count_steps("(A+)*") > MOST_STEPS
    (15, True, True)
    """
    return _sequence(_parser.parse(pattern)).steps


class _Effort(NamedTuple):
    """ways: in how many ways a part can fit, each of which the parts after it are tried with. steps: to try all."""

    ways: int
    steps: int


_ENDLESS = _Effort(MOST_STEPS + 1, MOST_STEPS + 1)
_ONE_CHARACTER = ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT")


def _sequence(parts: Iterable[tuple[object, Any]]) -> _Effort:
    ways, steps = 1, 0
    for operation, argument in parts:
        part = _part(str(operation), argument)
        steps += ways * part.steps
        ways *= part.ways
        if steps > MOST_STEPS:
            return _ENDLESS
    return _Effort(ways, steps)


def _part(operation: str, argument: Any) -> _Effort:
    """The names are those that `re.compile(..., re.DEBUG)` prints; one that is not known here is not trusted."""
    match operation:
        case "MAX_REPEAT" | "MIN_REPEAT":
            return _repeat(*argument)
        case "POSSESSIVE_REPEAT":
            return _decided(_repeat(*argument))
        case "ATOMIC_GROUP":
            return _decided(_sequence(argument))
        case "ASSERT" | "ASSERT_NOT":
            return _decided(_sequence(argument[1]))
        case "SUBPATTERN":
            return _sequence(argument[-1])
        case "BRANCH":
            return _either(argument[1])
        case "GROUPREF":
            return _Effort(1, LONGEST)
        case "GROUPREF_EXISTS":
            return _either([argument[1], argument[2] or ()])
    return _Effort(1, 1) if operation in _ONE_CHARACTER else _ENDLESS


def _decided(effort: _Effort) -> _Effort:
    """A part that is never tried in another way once it has fitted."""
    return effort._replace(ways=1)


def _either(branches: Iterable[Iterable[tuple[object, Any]]]) -> _Effort:
    efforts = [_sequence(branch) for branch in branches]
    return _Effort(sum(effort.ways for effort in efforts), sum(effort.steps + 1 for effort in efforts))


def _repeat(least: int, most: int, body: Any) -> _Effort:
    """A repeat has one way for each number of times, and each time all ways of what is repeated."""
    shortest, _ = body.getwidth()
    if shortest:
        most = min(most, LONGEST // shortest)
        least = min(least, most)
    once = _sequence(body)
    if once.ways == 1:
        return _Effort(most - least + 1, most * (once.steps + 1))
    ways, steps, before = 0, 0, 1
    for times in range(most + 1):
        ways += before if times >= least else 0
        steps += before * (once.steps + 1)
        before *= once.ways
        if steps > MOST_STEPS:
            return _ENDLESS
    return _Effort(ways, steps)
