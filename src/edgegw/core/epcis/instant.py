"""Timestamps of EPCIS events in their one canonical form: UTC, milliseconds, `Z` (CBV 2.0, 8.9.2).

>>> canonical_instant("2020-03-04T11:00:30+01:00")
'2020-03-04T10:00:30.000Z'
>>> canonical_instant("1999-12-31T23:59:59.9996-00:30")
'2000-01-01T00:30:00.000Z'
"""

from __future__ import annotations

import calendar
import re
from typing import Final

_STAMP: Final = re.compile(
    r"((?!0000)\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)"
    r"(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_DAY_MS: Final = 86_400_000


def canonical_instant(text: str) -> str:
    """A fourth digit of 5 or more rounds up. What is no date-time with a zone stays as it is."""
    match = _STAMP.fullmatch(text)
    return text if match is None else _written(_milliseconds(match))


def _milliseconds(match: re.Match[str]) -> int:
    """Since 1970, UTC."""
    *civil, fraction, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, civil)
    offset_s = int(hours or 0) * 3600 + int(minutes or 0) * 60
    seconds = calendar.timegm((year, month, day, hour, minute, second)) - (-offset_s if sign == "-" else offset_s)
    tenths = int((fraction or "").ljust(4, "0")[:4])
    return seconds * 1000 + (tenths + 5) // 10


def _written(ms: int) -> str:
    days, rest = divmod(ms, _DAY_MS)
    seconds, ms = divmod(rest, 1000)
    return f"{_civil(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}Z"


def _civil(days: int) -> str:
    """Days since 1970 as a date. Years begin in March here, so that the leap day ends them."""
    era, day = divmod(days + 719_468, 146_097)  # 400 years each, from 1 March of the year 0
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    month, day = (month + 3 if month < 10 else month - 9), day - (153 * month + 2) // 5 + 1
    return f"{year + 400 * era + (month <= 2):04}-{month:02}-{day:02}"
