"""Dates as GS1 writes them: whether they exist. Each check says what is wrong, or "".

>>> check_date("230229")
'day 29 does not exist in month 02 of 2023'
"""

from __future__ import annotations

import calendar


def check_date(value: str) -> str:
    """YYMMDD. Only 29 February needs the century, and 2000 is as good as any: it had one."""
    return _check(2000 + int(value[:2]), int(value[2:4]), int(value[4:]), first_day=1)


def check_date_or_month(value: str) -> str:
    """YYMMDD, where day 00 means the end of the month (General Specifications 3.4.2)."""
    return _check(2000 + int(value[:2]), int(value[2:4]), int(value[4:]), first_day=0)


def check_long_date(value: str) -> str:
    """YYYYMMDD."""
    year = int(value[:4])
    return _check(year, int(value[4:6]), int(value[6:]), first_day=1) if year else "year 0000 does not exist"


def _check(year: int, month: int, day: int, *, first_day: int) -> str:
    if not 1 <= month <= 12:
        return f"month {month:02} does not exist"
    if first_day <= day <= calendar.monthrange(year, month)[1]:
        return ""
    return f"day {day:02} does not exist in month {month:02} of {year}"
