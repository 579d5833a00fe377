"""What can be wrong with a reader. Every field is off by default and may be changed while the reader runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Garbage(StrEnum):
    """What to put into the stream between two frames."""

    BYTES = "bytes"  # 64 random bytes
    BAD_LENGTH = "bad-length"  # a header that says 5 bytes
    OVERSIZE = "oversize"  # a header that says 4 GB
    UNKNOWN_MESSAGE = "unknown-message"  # a well-formed frame of a type that does not exist
    UNDECODABLE = "undecodable"  # a report whose last parameter is cut off, in a frame of the right length
    TRUNCATED = "truncated"  # the first half of a frame, and the next one right behind it


@dataclass
class Faults:
    """Options, by the layer that they break."""

    # bytes: what the transport does to good frames
    fragment_bytes: int = 0  # write in pieces of this size
    coalesce_s: float = 0.0  # collect output for so long, then write it at once
    slow_s: float = 0.0  # every frame leaves so much later
    garbage: Garbage | None = None  # this ...
    garbage_every: int = 0  # ... after every so many frames

    # connection
    no_greeting: bool = False  # accept, and say nothing
    silence: bool = False  # answer nothing any more, not even keepalives; the connection stays open
    cut_after_messages: int = 0  # reset after so many frames of a connection ...
    cut_after_s: float = 0.0  # ... or so long after it began
    stuck_s: float = 0.0  # after an unclean drop, refuse clients for so long: "a client is connected"
    eof_after_close: bool = False  # the first connection after CLOSE_CONNECTION is closed without a word

    # conversation
    version_1_1: bool = True  # False: a reader that knows LLRP 1.0.1 only
    refuse_parameter: int | None = None  # this parameter type is refused wherever it is set
    error_on_delete_all: bool = False  # DELETE_ROSPEC 0 and DELETE_ACCESSSPEC 0 get a ParameterError
    error_on_stop: bool = False  # STOP_ROSPEC gets a FieldError
    error_on_enable_events: bool = False  # ENABLE_EVENTS_AND_REPORTS gets an ERROR_MESSAGE
    no_immediate: bool = False  # an Immediate start trigger does not start: START_ROSPEC is needed
    no_keepalive: bool = False  # accept the KeepaliveSpec, never send one
    claims_impinj: bool = False  # Impinj's vendor number, none of its extensions

    # reports
    empty_reports: bool = False  # before each report, one without a tag
    without_antenna: bool = False  # never say the antenna ...
    without_rssi: bool = False  # ... nor the RSSI, whatever was asked for
    cumulative_seen_count: bool = False  # TagSeenCount since the ROSpec started, not since the last report
    foreign_parameters: bool = False  # a custom parameter of an unknown vendor and an unknown type behind each tag

    # clock
    clock_offset_s: float = 0.0  # the reader's clock minus the true one
    clock_year: int | None = None  # the reader's clock began 1 January of that year when it was switched on
    uptime_only: bool = False  # no UTC clock: Uptime stamps everywhere
