"""What a read turned out to be: the frozen answer of every decoder of this package.

>>> refuse("sgtin-96", "partition 7 does not exist").kind
'invalid'
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["unit", "class", "location", "raw", "invalid"]
Pairs = tuple[tuple[str, str], ...]


class Identity(NamedTuple):
    """One read, understood as far as the standards allow.

    kind        unit: one thing; class: a kind of thing (GTIN without serial); location: a place (GLN);
                raw: well-formed but named by no rule we know; invalid: breaks the rules of its own scheme
    unit        the canonical key, equal for every carrier of the same unit; "" when invalid, and for a
                symbol that holds attributes only
    scheme      how it was read: "sgtin-96", "gs1", "digital-link", "iso15434", "vendor", "raw", ...
    ai          identity in order: Application (or data) identifier and value
    attributes  what travels with the unit and is not identity: lot, dates, filter, ...
    epc_uri     EPC Tag URI, pure identity URI or raw URI (TDS 12, 6) where one exists
    reason      a sentence why it is not a unit; "" for units and locations
    """

    kind: Kind
    unit: str
    scheme: str
    ai: Pairs = ()
    attributes: Pairs = ()
    epc_uri: str = ""
    reason: str = ""


class Refusal(NamedTuple):
    """Why a text is not the value it was parsed as."""

    reason: str


def refuse(scheme: str, reason: str, epc_uri: str = "") -> Identity:
    return Identity("invalid", "", scheme, epc_uri=epc_uri, reason=reason)
