"""What a person types to name a unit -> the keys under which the gateway may know it.

A Digital Link, an EPC as hex or URI, an element string with or without brackets, an SSCC's 18 digits, or whatever a
scanner of this site would read: a text is understood as each of them, and as a key itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgegw import plan
from edgegw.config import Config
from edgegw.core.event import unit_key
from edgegw.core.identity import Identifier, Identity, ScanRules
from edgegw.core.packed import MAX_TEXT

_EPC_HEX = re.compile(r"(?:0[xX])?((?:[0-9A-Fa-f]{4}){4,})")
"""Whole words of 16 bits, at least 64 bits: a shorter text is rather a serial number."""
_SSCC = re.compile(r"\d{18}")


def keys_of(text: str, config: Config) -> list[str]:
    """The keys, the likeliest first."""
    readings = sorted(_readings(text, config), key=lambda identity: identity.kind != "unit")
    found = dict.fromkeys([*map(unit_key, readings), text])
    return [key[:MAX_TEXT] for key in found if key]


def doubt_about(text: str, config: Config) -> str:
    """Why the text names no unit by itself; empty when it does."""
    readings = list(_readings(text, config))
    return "" if any(identity.kind == "unit" for identity in readings) else readings[0].reason


def _readings(text: str, config: Config) -> Iterator[Identity]:
    identifier = Identifier(raw="forward", strip_leading_zeros=config.identity.strip_leading_zeros)
    if epc := _EPC_HEX.fullmatch("".join(text.split())):
        yield identifier.epc(bytes.fromhex(epc[1]), len(epc[1]) * 4)
    if _SSCC.fullmatch(text):
        yield identifier.scan(f"00{text}")
    for rules in (ScanRules(), *map(plan.scan_rules, config.scanners)):
        yield identifier.scan(text, rules)
