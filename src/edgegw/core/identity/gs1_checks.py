"""The content checks that the GS1 syntax dictionary names: each says what is wrong with a value, or "".

The names are those of the dictionary; what they demand is in the GS1 General Specifications, chapter 3
and 7.9 to 7.12. Values have the right length and characters already (`gs1_syntax.Entry.fault`).
"""

from __future__ import annotations

import string
from collections.abc import Callable

from edgegw.core.identity.alphabets import CSET_82
from edgegw.core.identity.dates import check_date, check_date_or_month, check_long_date
from edgegw.core.identity.digits import check_digit, is_digits
from edgegw.core.identity.gs1_codes import COUNTRIES, COUNTRIES_ALPHA_2, CURRENCIES, PACKAGES
from edgegw.core.identity.gs1_coupons import check_coupon, check_positive_offer

_PREFIX_DIGITS = 4  # the shortest company prefix
_CSET_32 = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CSET_82_ORDER = "!\"%&'()*+,-./" + string.digits + ":;<=>?" + string.ascii_uppercase + "_" + string.ascii_lowercase
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)


def _csum(value: str) -> str:
    expected = check_digit(value[:-1])
    return "" if value[-1] == expected else f"check digit {value[-1]} should be {expected}"


def _csum_alpha(value: str) -> str:
    """The pair of check characters of a GMN (General Specifications 7.9.5)."""
    body, pair = value[:-2], value[-2:]
    if len(pair) < 2:
        return f"{value!r} is too short for a pair of check characters"
    total = sum(_CSET_82_ORDER.index(char) * prime for char, prime in zip(reversed(body), _PRIMES, strict=False))
    expected = _CSET_32[total % 1021 >> 5] + _CSET_32[total % 1021 & 31]
    return "" if pair == expected else f"check characters {pair} should be {expected}"


def _gcp_at(start: int) -> Callable[[str], str]:
    """A company prefix, of which four digits are all that is known without a register."""

    def check(value: str) -> str:
        prefix = value[start : start + _PREFIX_DIGITS]
        fits = len(prefix) == _PREFIX_DIGITS and is_digits(prefix)
        return "" if fits else f"{value!r} does not start with a company prefix"

    return check


def _below(limit: int, what: str) -> Callable[[str], str]:
    return lambda value: "" if int(value) < limit else f"{what} {value} does not exist"


def _hhmi(value: str) -> str:
    return CHECKS["hh"](value[:2]) or CHECKS["mi"](value[2:])


def _one_of(codes: frozenset[str] | str, what: str) -> Callable[[str], str]:
    return lambda value: "" if value in codes else f"{value!r} is no {what}"


def _nonzero(value: str) -> str:
    return "" if value.strip("0") else f"{value} must not be zero"


def _no_zero_prefix(value: str) -> str:
    return f"{value} must not start with 0" if value[0] == "0" and len(value) > 1 else ""


def _piece_of_total(value: str) -> str:
    half = len(value) // 2
    piece, total = int(value[:half]), int(value[half:])
    if not piece or not total:
        return f"piece {piece} of {total}: pieces count from 1"
    return "" if piece <= total else f"piece {piece} of {total}: there are not that many"


def _position_in_sequence(value: str) -> str:
    """`1/3`: the first of three births (AI 7258)."""
    position, slash, total = value.partition("/")
    if slash and len(position) == len(total) and is_digits(position + total):
        return _piece_of_total(position + total)
    return f"{value!r} is not position/total"


def _percent_encoding(value: str) -> str:
    for escape in value.split("%")[1:]:
        if len(escape) < 2 or not set(escape[:2]) <= set(string.hexdigits):
            return f"{value!r} has a % that is not followed by two hexadecimal digits"
    return ""


def _base64_padding(value: str) -> str:
    """At most two `=`, at the end, and then the whole is a multiple of three."""
    padding = len(value) - len(value.rstrip("="))
    fits = padding <= 2 and "=" not in value.rstrip("=") and not (padding and len(value) % 3)
    return "" if fits else f"{value!r} has wrong base64 padding"


def _iban(value: str) -> str:
    """ISO 13616: the check digits make the rearranged number 1 modulo 97."""
    if len(value) < 5 or not set(value) <= set(string.digits + string.ascii_uppercase):
        return f"{value!r} is no IBAN"
    if value[:2] not in COUNTRIES_ALPHA_2:
        return f"{value[:2]} is no ISO 3166 country code"
    number = int("".join(str(int(char, 36)) for char in value[4:] + value[:4]))
    return "" if number % 97 == 1 else f"check digits of the IBAN {value} are wrong"


def _media_type(value: str) -> str:
    return "" if 1 <= int(value) <= 10 or 80 <= int(value) <= 99 else f"{value} is no AIDC media type"


def _has_non_digit(value: str) -> str:
    return f"{value} must not be a number" if is_digits(value) else ""


def _at_most(limit: int, what: str) -> Callable[[str], str]:
    return lambda value: "" if int(value) <= limit else f"{value} is no {what}"


_IMPORTER_INDEX = frozenset(CSET_82) - set("!\"%&'()*+,./:;<=>?")

CHECKS: dict[str, Callable[[str], str]] = {
    "couponcode": check_coupon,
    "couponposoffer": check_positive_offer,
    "cset64": _base64_padding,
    "csum": _csum,
    "csumalpha": _csum_alpha,
    "gcppos1": _gcp_at(0),
    "gcppos2": _gcp_at(1),
    "hasnondigit": _has_non_digit,
    "hh": _below(24, "hour"),
    "hhmi": _hhmi,
    "hyphen": _one_of("-", "hyphen"),
    "iban": _iban,
    "importeridx": _one_of(_IMPORTER_INDEX, "importer index"),
    "iso3166": _one_of(COUNTRIES, "ISO 3166 country code"),
    "iso3166999": _one_of(COUNTRIES | {"999"}, "ISO 3166 country code and not 999"),
    "iso3166alpha2": _one_of(COUNTRIES_ALPHA_2, "ISO 3166 country code"),
    "iso4217": _one_of(CURRENCIES, "ISO 4217 currency code"),
    "iso5218": _one_of(frozenset("0129"), "ISO 5218 code"),
    "latitude": _at_most(180_000_0000, "latitude"),
    "longitude": _at_most(360_000_0000, "longitude"),
    "mediatype": _media_type,
    "mi": _below(60, "minute"),
    "nonzero": _nonzero,
    "nozeroprefix": _no_zero_prefix,
    "packagetype": _one_of(PACKAGES, "package type"),
    "pcenc": _percent_encoding,
    "pieceoftotal": _piece_of_total,
    "posinseqslash": _position_in_sequence,
    "ss": _below(60, "second"),
    "winding": _one_of(frozenset("019"), "winding direction"),
    "yesno": _one_of(frozenset("01"), "yes (1) or no (0)"),
    "yymmd0": check_date_or_month,
    "yymmdd": check_date,
    "yyyymmdd": check_long_date,
    "zero": _one_of("0", "zero"),
}
