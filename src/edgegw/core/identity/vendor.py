"""Plain serial numbers of vendors: what they look like here, and the URI that each becomes.

>>> rule = VendorRule.parse(r"CB-(?P<number>\\d+)", "https://hire.example/box/{number}")
>>> rule.unit("CB-0017")
'https://hire.example/box/0017'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgegw.core.identity.digits import percent_encode

LONGEST = 128
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class VendorRule:
    """`match` must fit the whole text; `template` is a URI in which {group} stands for a named group."""

    match: re.Pattern[str]
    template: str

    @classmethod
    def parse(cls, match: str, template: str) -> VendorRule:
        """Raises ValueError with a sentence if the two do not fit each other."""
        try:
            pattern = re.compile(match)
        except re.error as error:
            raise ValueError(f"{match!r} is no regular expression: {error}") from error
        return cls(pattern, template)

    def unit(self, text: str) -> str:
        """The key, or "" if the rule does not apply."""
        found = self.match.fullmatch(text) if len(text) <= LONGEST else None
        if found is None:
            return ""
        return _PLACEHOLDER.sub(lambda name: percent_encode(found[name[1]] or ""), self.template)
