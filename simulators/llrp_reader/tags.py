"""From reads to RO_ACCESS_REPORT: what a report contains, how reads of one tag become one entry, its bytes.

Reads agree in an entry when the tag is the same and so is every reported number that tells reads apart (antenna,
channel, spec). An entry then has the first and the last time, the highest RSSI and the count (LLRP 1.1, TagReportData).
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from simulators.llrp_reader.codec import Element, parameter
from simulators.llrp_reader.layouts import IMPINJ, PARAMETERS
from simulators.llrp_reader.status import bad_field

PILE_LIMIT = 66_000
MAX_SEEN_COUNT = 0xFFFF


class Trigger:
    """ROReportTrigger: when a report is due. N tags, or the end of a spec, or (LLRP 1.1) N seconds or milliseconds."""

    NONE = 0
    N_TAGS_OR_END_OF_AISPEC = 1
    N_TAGS_OR_END_OF_ROSPEC = 2
    N_SECONDS_OR_END_OF_AISPEC = 3
    N_SECONDS_OR_END_OF_ROSPEC = 4
    N_MILLISECONDS_OR_END_OF_AISPEC = 5
    N_MILLISECONDS_OR_END_OF_ROSPEC = 6


@dataclass(frozen=True)
class Content:
    """What a report says of each tag besides its EPC."""

    rospec_id: bool = False
    spec_index: bool = False
    inventory_id: bool = False
    antenna: bool = False
    channel: bool = False
    rssi: bool = False
    first_seen: bool = False
    last_seen: bool = False
    seen_count: bool = False
    access_id: bool = False
    crc: bool = False
    pc: bool = False
    phase: bool = False  # Impinj from here on
    fine_rssi: bool = False
    doppler: bool = False


@dataclass(frozen=True)
class ReportSpec:
    """ROReportSpec: when and what. `source` is the parameter as it was sent."""

    trigger: int
    n: int
    content: Content
    source: Element

    @property
    def tags(self) -> int:
        """Entries that make a report due; 0 = never by number."""
        return self.n if self.trigger in (1, 2) else 0

    @property
    def period_s(self) -> float:
        """Seconds that make a report due; 0 = never by time."""
        return {3: 1.0, 4: 1.0, 5: 0.001, 6: 0.001}.get(self.trigger, 0.0) * self.n

    @property
    def ends_with_aispec(self) -> bool:
        return self.trigger in (1, 3, 5)


def read_report_spec(element: Element, version: int) -> ReportSpec:
    """ROReportSpec parameter -> value. Refusal: a trigger that this version does not know."""
    trigger = element.number("ROReportTrigger")
    last = Trigger.N_MILLISECONDS_OR_END_OF_ROSPEC if version > 1 else Trigger.N_TAGS_OR_END_OF_ROSPEC
    if trigger > last:
        raise bad_field("ROReportSpec", "ROReportTrigger", trigger, f"0 to {last} in this version of LLRP")
    return ReportSpec(trigger, element.number("N"), _content(element), element)


def _content(report_spec: Element) -> Content:
    selector = report_spec.one("TagReportContentSelector")
    memory = selector.all("C1G2EPCMemorySelector")
    vendor = report_spec.first("ImpinjTagReportContentSelector")
    return Content(
        rospec_id=_on(selector, "EnableROSpecID"),
        spec_index=_on(selector, "EnableSpecIndex"),
        inventory_id=_on(selector, "EnableInventoryParameterSpecID"),
        antenna=_on(selector, "EnableAntennaID"),
        channel=_on(selector, "EnableChannelIndex"),
        rssi=_on(selector, "EnablePeakRSSI"),
        first_seen=_on(selector, "EnableFirstSeenTimestamp"),
        last_seen=_on(selector, "EnableLastSeenTimestamp"),
        seen_count=_on(selector, "EnableTagSeenCount"),
        access_id=_on(selector, "EnableAccessSpecID"),
        crc=any(_on(one, "EnableCRC") for one in memory),
        pc=any(_on(one, "EnablePCBits") for one in memory),
        phase=_vendor_on(vendor, "ImpinjEnableRFPhaseAngle", "RFPhaseAngleMode"),
        fine_rssi=_vendor_on(vendor, "ImpinjEnablePeakRSSI", "PeakRSSIMode"),
        doppler=_vendor_on(vendor, "ImpinjEnableRFDopplerFrequency", "RFDopplerFrequencyMode"),
    )


def _on(element: Element, name: str) -> bool:
    return element.number(name) == 1


def _vendor_on(vendor: Element | None, name: str, mode: str) -> bool:
    switch = vendor.first(name) if vendor is not None else None
    return switch is not None and _on(switch, mode)


def default_report_spec() -> ReportSpec:
    """What a reader reports when nobody told it: each tag at once, with antenna, RSSI and first time."""
    selected = {"EnableAntennaID", "EnablePeakRSSI", "EnableFirstSeenTimestamp"}
    names = [field.name for field in PARAMETERS["TagReportContentSelector"].fields if field.name != "-"]
    memory = parameter("C1G2EPCMemorySelector", EnableCRC=0, EnablePCBits=0, EnableXPCBits=0)
    selector = parameter("TagReportContentSelector", memory, **{name: int(name in selected) for name in names})
    return read_report_spec(parameter("ROReportSpec", selector, ROReportTrigger=2, N=1), version=1)


class Read(NamedTuple):
    """The radio read a tag. `stamp_us` on the reader's own clock; phase in 1/4096 turn, Doppler in Hz."""

    epc: bytes
    bits: int
    antenna: int
    rssi_dbm: float
    stamp_us: int
    channel: int
    phase: int
    doppler_hz: float
    pc: int


class Entry:
    """One TagReportData in the making."""

    __slots__ = ("count", "first_us", "inventory_id", "last_us", "read", "rospec_id", "rssi_dbm", "seen", "spec_index")

    def __init__(self, read: Read, rospec_id: int, spec_index: int, inventory_id: int) -> None:
        self.read = read
        self.rospec_id = rospec_id
        self.spec_index = spec_index
        self.inventory_id = inventory_id
        self.first_us = self.last_us = read.stamp_us
        self.rssi_dbm = read.rssi_dbm
        self.seen = 1  # reads in this entry
        self.count = 1  # what TagSeenCount says

    def add(self, read: Read) -> None:
        self.first_us = min(self.first_us, read.stamp_us)
        self.last_us = max(self.last_us, read.stamp_us)
        self.rssi_dbm = max(self.rssi_dbm, read.rssi_dbm)
        self.seen += 1
        self.count += 1
        self.read = read


class Pile:
    """The entries of one ROSpec that wait for a report, at most PILE_LIMIT of them."""

    def __init__(self, rospec_id: int, content: Content) -> None:
        self.content = content
        self._rospec_id = rospec_id
        self._entries: dict[tuple[bytes, int, int, int, int], Entry] = {}
        self._totals: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def reads(self) -> int:
        """Reads that the entries stand for."""
        return sum(entry.seen for entry in self._entries.values())

    def add(self, read: Read, spec_index: int, inventory_id: int, cumulative: bool) -> bool:
        """Put a read where it belongs. False: the pile is full, the read is lost."""
        content = self.content
        key = (
            read.epc,
            read.bits,
            read.antenna if content.antenna else 0,
            read.channel if content.channel else 0,
            spec_index if content.spec_index else 0,
        )
        entry = self._entries.get(key)
        if entry is not None:
            entry.add(read)
        elif len(self._entries) < PILE_LIMIT:
            self._entries[key] = entry = Entry(read, self._rospec_id, spec_index, inventory_id)
        else:
            return False
        if cumulative:
            entry.count = self._totals[read.epc] = self._totals.get(read.epc, 0) + 1
        return True

    def take(self) -> list[Entry]:
        """All entries, oldest first; the pile is empty afterwards."""
        entries = list(self._entries.values())
        self._entries.clear()
        return entries


# -- bytes ----------------------------------------------------------------------------------------------------

_TLV = struct.Struct(">HH")
_U16 = struct.Struct(">BH")
_U32 = struct.Struct(">BI")
_U64 = struct.Struct(">BQ")
_S8 = struct.Struct(">Bb")
_VENDOR_U16 = struct.Struct(">HHIIH")
_VENDOR_S16 = struct.Struct(">HHIIh")

#: Behind a tag: a vendor nobody knows, and a parameter type that LLRP keeps free.
FOREIGN = _VENDOR_U16.pack(1023, 14, 99_999, 7, 0xBEEF) + _TLV.pack(899, 6) + b"\x00\x01"


@lru_cache
def without(content: Content, antenna: bool, rssi: bool) -> Content:
    """The content with antenna or RSSI struck out."""
    return replace(content, antenna=content.antenna and not antenna, rssi=content.rssi and not rssi)


def encode_tags(entries: Iterable[Entry], content: Content, uptime: bool, extra: bytes = b"") -> bytes:
    """Body of an RO_ACCESS_REPORT. uptime: stamps are microseconds since switch-on, not UTC."""
    return b"".join(encode_tag(entry, content, uptime, extra) for entry in entries)


def encode_tag(entry: Entry, content: Content, uptime: bool, extra: bytes = b"") -> bytes:
    """One TagReportData, parameters in the order of the standard."""
    out = [encode_epc(entry.read.epc, entry.read.bits)]
    if content.rospec_id:
        out.append(_U32.pack(0x80 | 9, entry.rospec_id))
    if content.spec_index:
        out.append(_U16.pack(0x80 | 14, entry.spec_index))
    if content.inventory_id:
        out.append(_U16.pack(0x80 | 10, entry.inventory_id))
    if content.antenna:
        out.append(_U16.pack(0x80 | 1, entry.read.antenna))
    if content.rssi:
        out.append(_S8.pack(0x80 | 6, max(-128, min(127, round(entry.rssi_dbm)))))
    if content.channel:
        out.append(_U16.pack(0x80 | 7, entry.read.channel))
    if content.first_seen:
        out.append(_U64.pack(0x80 | (3 if uptime else 2), entry.first_us))
    if content.last_seen:
        out.append(_U64.pack(0x80 | (5 if uptime else 4), entry.last_us))
    if content.seen_count:
        out.append(_U16.pack(0x80 | 8, min(entry.count, MAX_SEEN_COUNT)))
    if content.pc:
        out.append(_U16.pack(0x80 | 12, entry.read.pc))
    if content.crc:
        out.append(_U16.pack(0x80 | 11, gen2_crc(entry.read)))
    if content.access_id:
        out.append(_U32.pack(0x80 | 16, 0))
    out.append(_vendor_part(entry, content) + extra)
    body = b"".join(out)
    return _TLV.pack(240, 4 + len(body)) + body


def encode_epc(epc: bytes, bits: int) -> bytes:
    """EPC-96 for 96 bits, EPCData with its bit count for every other length."""
    if bits == 96:
        return b"\x8d" + epc
    return struct.pack(">HHH", 241, 6 + len(epc), bits) + epc


def _vendor_part(entry: Entry, content: Content) -> bytes:
    out = b""
    if content.phase:
        out += _VENDOR_U16.pack(1023, 14, IMPINJ, 56, entry.read.phase)
    if content.fine_rssi:
        out += _VENDOR_S16.pack(1023, 14, IMPINJ, 57, round(100 * entry.rssi_dbm))
    if content.doppler:
        out += _VENDOR_S16.pack(1023, 14, IMPINJ, 68, round(16 * entry.read.doppler_hz))
    return out


def pc_of(bits: int) -> int:
    """The Gen2 protocol-control word of an EPC that long: its length in words, in the top five bits."""
    return (bits + 15) // 16 << 11 & 0xFFFF


def gen2_crc(read: Read) -> int:
    """StoredCRC of a tag: CRC-16/CCITT over PC and EPC, inverted (Gen2 air interface, annex F)."""
    return binascii.crc_hqx(read.pc.to_bytes(2, "big") + read.epc, 0xFFFF) ^ 0xFFFF
