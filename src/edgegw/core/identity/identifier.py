"""The front door of the pipeline: identities with a cache, site rules for serials, and the raw policy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from edgegw.core.identity.digits import is_digits
from edgegw.core.identity.epc import identify_epc
from edgegw.core.identity.gs1_identity import canonical_link
from edgegw.core.identity.scan import DEFAULT_RULES, ScanRules, identify_scan
from edgegw.core.identity.value import Identity

RawPolicy = Literal["drop", "count", "forward"]
_REMEMBERED = 16_384


class Identifier:
    """Tags and scans to identities; a tag that stands before an antenna costs one look into a cache.

    strip_leading_zeros  GTIN-14 prefixes whose all-digit serials lose leading zeros, so that a label
                         printed 0000012345 meets a 96-bit tag, which cannot hold the zeros (TDS 14.6.1.1)
    raw                  the site's word on tags that no rule names: drop, count, or forward under their bits
    near_miss            called for each unit that differs from another one only by leading zeros of its serial
    """

    def __init__(
        self,
        *,
        strip_leading_zeros: tuple[str, ...] = (),
        raw: RawPolicy = "count",
        cache_size: int = 65_536,
        near_miss: Callable[[], None] = lambda: None,
    ) -> None:
        self._prefixes = strip_leading_zeros
        self.raw = raw
        self.epc = lru_cache(cache_size)(self._identify_epc)
        self._near = _NearMisses(near_miss)

    def _identify_epc(self, epc: bytes, bits: int, pc: int | None = None) -> Identity:
        return self._settle(identify_epc(epc, bits, pc))

    def scan(self, text: str, rules: ScanRules = DEFAULT_RULES) -> Identity:
        return self._settle(identify_scan(text, rules))

    def _settle(self, identity: Identity) -> Identity:
        if identity.kind != "unit" or tuple(code for code, _ in identity.ai) != ("01", "21"):
            return identity
        (_, gtin), (_, serial) = identity.ai
        if not is_digits(serial):
            return identity
        if gtin.startswith(self._prefixes):
            ai = (("01", gtin), ("21", serial.lstrip("0") or "0"))
            return identity._replace(unit=canonical_link(ai), ai=ai)
        self._near.note(gtin, serial)
        return identity


class _NearMisses:
    """Remembers how serials were spelled, up to a limit, and tells of the other spellings once each."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._first: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._others: OrderedDict[tuple[str, str], None] = OrderedDict()

    def note(self, gtin: str, serial: str) -> None:
        first = self._first.setdefault((gtin, serial.lstrip("0")), serial)
        if first != serial and (gtin, serial) not in self._others:
            self._tell()
            self._others[gtin, serial] = None
        for remembered in (self._first, self._others):
            if len(remembered) > _REMEMBERED:
                remembered.popitem(last=False)
