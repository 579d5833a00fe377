"""North American coupon codes, AI (8110) and (8112): fields whose first digit says how long they are.

Sources: GS1 US, North American Coupon Application Guideline; GS1 AI (8112) Coupon Data Specification.
"""

from __future__ import annotations

from edgegw.core.identity.dates import check_date
from edgegw.core.identity.digits import is_digits

_COUNT = "0123456789"


class _Coupon:
    """A cursor over the digits; `fault` keeps the first thing found wrong."""

    def __init__(self, digits: str) -> None:
        self.digits = digits
        self.fault = "" if is_digits(digits) else f"{digits!r} holds more than digits"

    def field(self, size: int, what: str) -> str:
        field, self.digits = self.digits[:size], self.digits[size:]
        if len(field) < size:
            self.fault = self.fault or f"the coupon ends inside its {what}"
        return field

    def code(self, legal: str, what: str) -> str:
        code = self.field(1, what)
        if code and code not in legal:
            self.fault = self.fault or f"the {what} of a coupon cannot be {code}"
        return code

    def counted(self, legal: str, extra: int, what: str) -> None:
        """A field of as many digits as its length digit says, and `extra` more."""
        size = self.code(legal, f"length of the {what}")
        if not self.fault:
            self.field(int(size) + extra, what)

    def date(self, what: str) -> str:
        date = self.field(6, what)
        if not self.fault and (fault := check_date(date)):
            self.fault = f"{what} of the coupon: {fault}"
        return date

    def next_is(self, option: str) -> bool:
        """Whether optional field `option` follows; steps over its digit."""
        if self.fault or not self.digits.startswith(option):
            return False
        self.digits = self.digits[1:]
        return True

    def finish(self) -> str:
        return self.fault or ("data follows the last field of the coupon" if self.digits else "")


def check_positive_offer(value: str) -> str:
    """AI (8112)."""
    coupon = _Coupon(value)
    coupon.code("01", "format code")
    coupon.counted("0123456", 6, "funder")
    coupon.field(6, "offer code")
    coupon.counted(_COUNT, 6, "serial number")
    return coupon.finish()


def check_coupon(value: str) -> str:
    """AI (8110): fixed fields, then options 1 to 6 and 9 in this order."""
    coupon = _Coupon(value)
    coupon.counted("0123456", 6, "company prefix")
    coupon.field(6, "offer code")
    coupon.counted("12345", 0, "save value")
    _purchase(coupon, "first")
    if coupon.next_is("1"):
        coupon.code("0123", "additional purchase rules code")
        _purchase(coupon, "second")
        _purchase_prefix(coupon, "second")
    if coupon.next_is("2"):
        _purchase(coupon, "third")
        _purchase_prefix(coupon, "third")
    expiry = coupon.date("expiration date") if coupon.next_is("3") else "999999"
    if coupon.next_is("4") and coupon.date("start date") > expiry:
        coupon.fault = coupon.fault or "the coupon expires before it starts"
    if coupon.next_is("5"):
        coupon.counted(_COUNT, 6, "serial number")
    if coupon.next_is("6"):
        coupon.counted("1234567", 6, "retailer prefix or GLN")
    if coupon.next_is("9"):
        _miscellaneous(coupon)
    return coupon.finish()


def _purchase(coupon: _Coupon, which: str) -> None:
    coupon.counted("12345", 0, f"{which} purchase requirement")
    coupon.code("012349", f"{which} purchase requirement code")
    coupon.field(3, f"{which} purchase family code")


def _purchase_prefix(coupon: _Coupon, which: str) -> None:
    """A company prefix, or 9 for none."""
    if not coupon.next_is("9"):
        coupon.counted("0123456", 6, f"{which} purchase company prefix")


def _miscellaneous(coupon: _Coupon) -> None:
    coupon.code("01256", "save value code")
    coupon.code("012", "item that the save value applies to")
    coupon.field(1, "store coupon flag")
    coupon.code("01", "flag not to multiply")
