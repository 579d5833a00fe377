"""From Application Identifiers to the one key of a unit.

The key is the constrained canonical GS1 Digital Link: the identifying AIs alone, in order, on
https://id.gs1.org (CBV 2.0, 8.9; TDS 2.3, chapter 7 gives the same for tags). A company prefix is not
needed, which a barcode does not carry and an EPC URN would want.

>>> identify_elements((("01", "09506000134352"), ("10", "L7"), ("21", "a/b")), "gs1").unit
'https://id.gs1.org/01/09506000134352/21/a%2Fb'
"""

from __future__ import annotations

from typing import NamedTuple

from edgegw.core.identity.digits import percent_encode
from edgegw.core.identity.gs1_syntax import find_clash, find_gap
from edgegw.core.identity.value import Identity, Kind, Pairs, refuse

HOST = "https://id.gs1.org"


class Key(NamedTuple):
    """How a primary key becomes a unit: with `serial`, or by being longer than `bare` digits by itself."""

    ai: str
    what: str
    serials: tuple[str, ...] = ()
    bare: int = 0
    names_units: bool = True


# In this order: a logistic unit goes before its content, a serialised item before what else is on its label.
_KEYS = (
    Key("00", "SSCC"),
    Key("01", "GTIN", ("21", "235")),
    Key("8006", "ITIP", ("21",)),
    Key("8003", "GRAI", bare=14),
    Key("8004", "GIAI"),
    Key("8010", "CPID", ("8011",)),
    Key("253", "GDTI", bare=13),
    Key("255", "GCN", bare=13),
    Key("8018", "GSRN"),
    Key("8017", "GSRNP"),
    Key("8013", "GMN", names_units=False),
    Key("401", "GINC", names_units=False),
    Key("402", "GSIN", names_units=False),
)
_PLACES = ("414", "417")


def identify_elements(elements: Pairs, scheme: str, epc_uri: str = "", key_ai: str = "") -> Identity:
    """The identity in legal elements; with `key_ai` (a Digital Link names it) only that key counts.

    Two AIs that exclude each other refuse the message. A mandatory partner may be on another symbol of
    the same unit (syntax dictionary, notes), so its absence refuses only what is a class read anyway.
    """
    message = dict(elements)
    if clash := find_clash(message):
        return refuse(scheme, clash)
    keys = [key for key in _KEYS if key.ai in message and key_ai in ("", key.ai)]
    for key in keys:
        if ai := _unit_ai(key, message):
            return _answer("unit", ai, elements, scheme, epc_uri)
    gap = find_gap(message)
    if keys and gap:
        return refuse(scheme, gap)
    if keys:
        return _class(keys[0], elements, scheme, epc_uri)
    for place in _PLACES:
        if place in message:
            ai = _place_ai(place, message)
            return _answer("location", ai, elements, scheme, epc_uri)
    return Identity("class", "", scheme, attributes=elements, reason=gap or "no AI here is a key")


def _class(key: Key, elements: Pairs, scheme: str, epc_uri: str) -> Identity:
    value = dict(elements)[key.ai]
    reason = f"{key.what} {value} has no serial: it names a kind of thing, not one"
    if not key.names_units:
        reason = f"{key.what} {value} names no single thing"
    return _answer("class", ((key.ai, value),), elements, scheme, epc_uri, reason)


def canonical_link(ai: Pairs) -> str:
    return HOST + "".join(f"/{code}/{percent_encode(value)}" for code, value in ai)


def _unit_ai(key: Key, message: dict[str, str]) -> Pairs:
    value = message[key.ai]
    for serial in key.serials:
        if serial in message:
            return ((key.ai, value), (serial, message[serial]))
    complete = key.names_units and not key.serials and len(value) > key.bare
    return ((key.ai, value),) if complete else ()


def _place_ai(place: str, message: dict[str, str]) -> Pairs:
    """Extension 0 is the place itself (TDS 6.3.3)."""
    extension = message.get("254", "0") if place == "414" else "0"
    return ((place, message[place]),) + ((("254", extension),) if extension != "0" else ())


def _answer(kind: Kind, ai: Pairs, elements: Pairs, scheme: str, epc_uri: str, reason: str = "") -> Identity:
    attributes = tuple(element for element in elements if element not in ai)
    return Identity(kind, canonical_link(ai), scheme, ai, attributes, epc_uri, reason)
