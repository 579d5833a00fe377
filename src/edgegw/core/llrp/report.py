"""RO_ACCESS_REPORT -> tag entries, parameter by parameter: the general decoder, which takes any layout.

LLRP 1.1, 17.2.7.3 (TagReportData) and 17.3.1.5 (C1G2); Impinj LLRP extensions, vendor 25882. The hot path is
`edgegw.core.llrp.decoder`; this is what it must agree with, and where it turns when a tag looks like no other.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, NamedTuple

from edgegw.core.identity.epc import MOST_EPC_BITS
from edgegw.core.llrp.parameters import CUSTOM, Malformed, walk

IMPINJ = 25882
TAG_REPORT_DATA = 240
EPC_DATA = 241
EPC_96 = 13
SERIALIZED_TID = 55
"""Impinj's; as EPCData, it says first how much follows."""
COUNT = Struct(">H")


class TagEntry(NamedTuple):
    """One TagReportData. None = the reader did not report it; of a parameter that is given twice, the last counts.

    An EPC of more than MOST_EPC_BITS is none: epc is empty, and epc_bits says what the reader claimed.
    Timestamps in microseconds, UTC since 1970 or uptime since the reader's boot. rssi_dbm from Impinj's 1/100 dB
    value where present. phase 0..4095 = 0..2 pi; doppler in 1/16 Hz. seen = TagSeenCount. gps: latitude and
    longitude as Impinj reports them. results: OpSpecResults in order, parameter type and content.
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
    crc: int | None = None
    xpc_w1: int | None = None
    xpc_w2: int | None = None
    rospec: int | None = None
    spec_index: int | None = None
    inventory_spec: int | None = None
    access_spec: int | None = None
    tid: bytes | None = None
    gps: tuple[int, int] | None = None
    results: tuple[tuple[int, bytes], ...] = ()


NO_TAG = TagEntry(b"", 0)


class Value(NamedTuple):
    """What a parameter of fixed size says. meant: what is made of the value on the wire; None = it is meant itself."""

    field: str
    wire: Struct
    meant: Callable[[Any], Any] | None = None


def hundredths(value: int) -> float:
    return value / 100


FINE_RSSI = "fine_rssi_dbm"
"""No field of a TagEntry: it goes before the other."""
_S8, _U16, _S16, _U32, _U64 = map(Struct, (">b", ">H", ">h", ">I", ">Q"))
STANDARD = {
    1: Value("antenna", _U16),
    2: Value("first_utc_us", _U64),
    3: Value("first_uptime_us", _U64),
    4: Value("last_utc_us", _U64),
    5: Value("last_uptime_us", _U64),
    6: Value("rssi_dbm", _S8, float),
    7: Value("channel", _U16),
    8: Value("seen", _U16),
    9: Value("rospec", _U32),
    10: Value("inventory_spec", _U16),
    11: Value("crc", _U16),
    12: Value("pc", _U16),
    14: Value("spec_index", _U16),
    16: Value("access_spec", _U32),
    19: Value("xpc_w1", _U16),
    20: Value("xpc_w2", _U16),
}
IMPINJ_VALUES = {
    56: Value("phase", _U16),
    57: Value(FINE_RSSI, _S16, hundredths),
    58: Value("gps", Struct(">8s"), Struct(">ii").unpack),
    68: Value("doppler", _S16),
}
RESULTS = frozenset([15, *range(349, 355), 360, 361, 362])
"""OpSpecResults: ClientRequestOpSpecResult, then C1G2's."""


def value_of(kind: int, vendor: int, subtype: int) -> Value | None:
    """What a parameter says; None: one that is passed over, or not of fixed size."""
    if kind == CUSTOM:
        return IMPINJ_VALUES.get(subtype) if vendor == IMPINJ else None
    return STANDARD.get(kind)


def decode_report(body: bytes) -> list[TagEntry]:
    """Body of an RO_ACCESS_REPORT -> its tags; an empty report gives none.

    Raises Malformed when any parameter does not fit. Unknown parameters (other makers') are skipped.
    """
    return [
        decode_tag(body, start, end)
        for kind, _, _, start, end in walk(body, 0, len(body))
        if kind == TAG_REPORT_DATA
    ]  # fmt: skip


def decode_tag(data: bytes, start: int, end: int) -> TagEntry:
    """The content of one TagReportData, data[start:end]. Raises Malformed."""
    if start == end:
        return NO_TAG
    epc, epc_bits = b"", 0
    found: dict[str, Any] = {}
    results: list[tuple[int, bytes]] = []
    for kind, vendor, subtype, at, stop in walk(data, start, end):
        if kind == EPC_96:
            epc, epc_bits = data[at:stop], 96
        elif kind == EPC_DATA:
            epc, epc_bits = _epc_data(data, at, stop)
        elif kind in RESULTS:
            results.append((kind, data[at:stop]))
        elif (value := value_of(kind, vendor, subtype)) is not None:
            if stop - at >= value.wire.size:
                (raw,) = value.wire.unpack_from(data, at)
                found[value.field] = raw if value.meant is None else value.meant(raw)
        elif (vendor, subtype) == (IMPINJ, SERIALIZED_TID) and (tid := _tid(data, at, stop)) is not None:
            found["tid"] = tid
    if FINE_RSSI in found:
        found["rssi_dbm"] = found.pop(FINE_RSSI)
    return TagEntry(epc, epc_bits, results=tuple(results), **found)


def _epc_data(data: bytes, at: int, stop: int) -> tuple[bytes, int]:
    """EPCData (LLRP 1.0.1, 13.2.3.1): a bit count, then the bits padded to bytes. The count is what is trusted."""
    if stop - at < COUNT.size:
        raise Malformed("EPCData without a bit count", at)
    (bits,) = COUNT.unpack_from(data, at)
    size = (bits + 7) // 8
    if at + 2 + size > stop:
        raise Malformed(f"EPCData says {bits} bits and holds {(stop - at - 2) * 8}", at)
    if bits > MOST_EPC_BITS:
        return b"", bits
    return data[at + 2 : at + 2 + size], bits


def _tid(data: bytes, at: int, stop: int) -> bytes | None:
    """ImpinjSerializedTID: how many words, then the words; None when they are not there."""
    if stop - at < COUNT.size:
        return None
    begin = at + COUNT.size
    end = begin + 2 * COUNT.unpack_from(data, at)[0]
    return data[begin:end] if end <= stop else None
