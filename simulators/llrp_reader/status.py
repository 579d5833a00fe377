"""What a reader answers: LLRP status codes, and the refusal that names the parameter and the field at fault."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from simulators.llrp_reader.layouts import PARAMETERS


class Status(IntEnum):
    """StatusCode of LLRP 1.1. 1xx speak of the message, 2xx of a parameter in it, 3xx of a field's value."""

    SUCCESS = 0
    M_PARAMETER_ERROR = 100
    M_FIELD_ERROR = 101
    M_UNEXPECTED_PARAMETER = 102
    M_MISSING_PARAMETER = 103
    M_DUPLICATE_PARAMETER = 104
    M_OVERFLOW_PARAMETER = 105
    M_UNKNOWN_PARAMETER = 107
    M_UNSUPPORTED_MESSAGE = 109
    M_UNSUPPORTED_VERSION = 110
    M_UNSUPPORTED_PARAMETER = 111
    M_UNEXPECTED_MESSAGE = 112
    P_PARAMETER_ERROR = 200
    P_FIELD_ERROR = 201
    P_UNEXPECTED_PARAMETER = 202
    P_MISSING_PARAMETER = 203
    P_DUPLICATE_PARAMETER = 204
    P_OVERFLOW_PARAMETER = 205
    P_UNKNOWN_PARAMETER = 207
    P_UNSUPPORTED_PARAMETER = 209
    A_INVALID = 300
    A_OUT_OF_RANGE = 301
    R_DEVICE_ERROR = 401


_OF_MESSAGE = {
    Status.P_PARAMETER_ERROR: Status.M_PARAMETER_ERROR,
    Status.P_FIELD_ERROR: Status.M_FIELD_ERROR,
    Status.P_UNEXPECTED_PARAMETER: Status.M_UNEXPECTED_PARAMETER,
    Status.P_MISSING_PARAMETER: Status.M_MISSING_PARAMETER,
    Status.P_DUPLICATE_PARAMETER: Status.M_DUPLICATE_PARAMETER,
    Status.P_OVERFLOW_PARAMETER: Status.M_OVERFLOW_PARAMETER,
    Status.P_UNKNOWN_PARAMETER: Status.M_UNKNOWN_PARAMETER,
    Status.P_UNSUPPORTED_PARAMETER: Status.M_UNSUPPORTED_PARAMETER,
}


class Refusal(Exception):
    """Why the reader does not do it.

    path    parameter types from the message inwards, the one at fault last; empty = the message itself
    field   number of the field at fault; None = not one field
    code    with a field: what is wrong with its value (3xx); otherwise what is wrong with the last of `path`
            (2xx), or with the message (1xx)
    """

    def __init__(self, code: Status, text: str, path: Sequence[int] = (), field: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.path = tuple(path)
        self.field = field

    def inside(self, number: int) -> Refusal:
        """The same refusal, one level further out."""
        return Refusal(self.code, self.text, (number, *self.path), self.field)

    @property
    def status_code(self) -> Status:
        """StatusCode of the LLRPStatus as a whole."""
        if not self.path:
            return _OF_MESSAGE.get(self.code, self.code) if self.field is None else Status.M_FIELD_ERROR
        if len(self.path) == 1 and self.field is None:
            return _OF_MESSAGE.get(self.code, Status.M_PARAMETER_ERROR)
        return Status.M_PARAMETER_ERROR


def bad_field(parameter: str, field: str, value: object, why: str, code: Status = Status.A_OUT_OF_RANGE) -> Refusal:
    """A field of a parameter has a value this reader cannot take."""
    layout = PARAMETERS[parameter]
    text = f"{parameter} parameter, invalid {field} ({value}): {why}"
    return Refusal(code, text, (layout.number,), layout.field_number(field))


def bad_parameter(parameter: str, code: Status, why: str) -> Refusal:
    """A parameter is missing, not expected here, too many, or not supported."""
    return Refusal(code, f"{parameter} parameter {why}", (PARAMETERS[parameter].number,))
