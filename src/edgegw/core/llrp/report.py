"""RO_ACCESS_REPORT -> tag entries (LLRP 1.0.1, 14.1.33 and 13.2.3; Impinj LLRP extensions, vendor 25882)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from edgegw.core.llrp.parameters import CUSTOM, Malformed, walk

IMPINJ = 25882
_TAG_REPORT_DATA = 240
_EPC_DATA = 241

_U16 = Struct(">H").unpack_from
_S16 = Struct(">h").unpack_from
_U64 = Struct(">Q").unpack_from
_S8 = Struct(">b").unpack_from


class TagEntry(NamedTuple):
    """One TagReportData. None = the reader did not report it.

    Timestamps in microseconds, UTC since 1970 or uptime since the reader's boot. rssi_dbm from Impinj's 1/100 dB
    value where present. phase 0..4095 = 0..2 pi; doppler in 1/16 Hz. seen = TagSeenCount.
    """

    epc: bytes
    epc_bits: int
    antenna: int = 0
    rssi_dbm: float | None = None
    first_utc_us: int | None = None
    last_utc_us: int | None = None
    first_uptime_us: int | None = None
    last_uptime_us: int | None = None
    seen: int = 1
    pc: int | None = None
    channel: int | None = None
    phase: int | None = None
    doppler: int | None = None


_NO_TAG = TagEntry(b"", 0)


def decode_report(body: bytes) -> list[TagEntry]:
    """Body of an RO_ACCESS_REPORT -> its tags; an empty report gives none.

    Raises Malformed when any parameter does not fit. Unknown parameters (other makers') are skipped.
    """
    return [
        _tag_entry(body, start, end) if start < end else _NO_TAG
        for kind, _, _, start, end in walk(body, 0, len(body))
        if kind == _TAG_REPORT_DATA
    ]


def _tag_entry(data: bytes, start: int, end: int) -> TagEntry:
    epc, epc_bits, antenna, seen = b"", 0, 0, 1
    rssi_dbm: float | None = None
    fine_rssi_dbm: float | None = None
    first_utc = last_utc = first_uptime = last_uptime = None
    pc = channel = phase = doppler = None
    for kind, vendor, subtype, at, stop in walk(data, start, end):
        if kind == 13:
            epc, epc_bits = data[at:stop], 96
        elif kind == 1:
            antenna = _U16(data, at)[0]
        elif kind == 6:
            rssi_dbm = float(_S8(data, at)[0])
        elif kind == 2:
            first_utc = _U64(data, at)[0]
        elif kind == 4:
            last_utc = _U64(data, at)[0]
        elif kind == 8:
            seen = _U16(data, at)[0]
        elif kind == 12:
            pc = _U16(data, at)[0]
        elif kind == _EPC_DATA:
            epc, epc_bits = _epc_data(data, at, stop)
        elif kind == 3:
            first_uptime = _U64(data, at)[0]
        elif kind == 5:
            last_uptime = _U64(data, at)[0]
        elif kind == 7:
            channel = _U16(data, at)[0]
        elif kind == CUSTOM and vendor == IMPINJ and stop - at >= 2:
            if subtype == 57:
                fine_rssi_dbm = _S16(data, at)[0] / 100
            elif subtype == 56:
                phase = _U16(data, at)[0]
            elif subtype == 68:
                doppler = _S16(data, at)[0]
    if fine_rssi_dbm is not None:
        rssi_dbm = fine_rssi_dbm
    return TagEntry(
        epc, epc_bits, antenna, rssi_dbm, first_utc, last_utc, first_uptime, last_uptime,
        seen, pc, channel, phase, doppler,
    )  # fmt: skip


def _epc_data(data: bytes, at: int, stop: int) -> tuple[bytes, int]:
    """EPCData (LLRP 1.0.1, 13.2.3.1): a bit count, then the bits padded to bytes. The count is what is trusted."""
    if stop - at < 2:
        raise Malformed("EPCData without a bit count", at)
    bits = _U16(data, at)[0]
    size = (bits + 7) // 8
    if at + 2 + size > stop:
        raise Malformed(f"EPCData says {bits} bits and holds {(stop - at - 2) * 8}", at)
    return data[at + 2 : at + 2 + size], bits
