"""Check digits and the one way this program percent-encodes.

>>> check_digit("0950600013435")
'2'
>>> percent_encode("32a/b")
'32a%2Fb'
"""

from __future__ import annotations

from urllib.parse import quote

_CHECK_DIGITS = tuple(str(-total % 10) for total in range(10))


def check_digit(digits: str) -> str:
    """The mod-10 digit that completes `digits` (GS1 General Specifications 7.9.1). ASCII digits only."""
    data = digits.encode()
    heavy, light = data[-1::-2], data[-2::-2]
    total = 3 * (sum(heavy) - 48 * len(heavy)) + sum(light) - 48 * len(light)
    return _CHECK_DIGITS[total % 10]


def with_check_digit(digits: str) -> str:
    return digits + check_digit(digits)


def check_digit_fits(digits: str) -> bool:
    return check_digit(digits[:-1]) == digits[-1]


def percent_encode(text: str) -> str:
    """Everything outside `A-Z a-z 0-9 - . _ ~` becomes %XX (RFC 3986, 2.3), so that keys compare as text."""
    return text if text.isalnum() and text.isascii() else quote(text, safe="", errors="surrogatepass")


def is_digits(text: str) -> bool:
    """Whether `text` is one or more ASCII digits (`str.isdigit` alone lets other scripts in)."""
    return text.isdigit() and text.isascii()
