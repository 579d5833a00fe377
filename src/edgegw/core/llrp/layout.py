"""One layout of TagReportData: which bytes decide what a tag says, and where its values stand between them.

All tags of one ROSpec have the same parameters in the same order. The bytes that say so (every type, length and bit
count, vendor and subtype of every Custom parameter) are compared at once, as one long number under a mask; then one
precompiled `struct` takes the values, of up to 64 tags in a row. A tag that differs in one of these bytes is none of
this layout; one that does not is read by `decode_tag` in exactly the same way.

>>> tag = bytes.fromhex("00f0 001c 8d 3066c4409047e140075bcd15 81 0003 86 c4 820005f5e100000000".replace(" ", ""))
>>> layout = learn(tag)
>>> batch = layout.take(tag * 100)
>>> batch.tags, batch.column("antenna")[:3], batch.column("rssi_dbm")[:3]
(100, (3, 3, 3), [-60.0, -60.0, -60.0])
>>> layout.take(tag[:-1] + b"!") is None, layout.take(tag.replace(b"\\x81", b"\\x87")) is None
(False, True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from struct import Struct
from typing import Any, Literal, NamedTuple

from edgegw.core.identity.epc import MOST_EPC_BITS
from edgegw.core.llrp.parameters import walk
from edgegw.core.llrp.report import (
    COUNT,
    EPC_96,
    EPC_DATA,
    FINE_RSSI,
    IMPINJ,
    RESULTS,
    SERIALIZED_TID,
    TagEntry,
    value_of,
)

HEADER_BYTES = 4
_RUN_TAGS = (64, 32, 16, 8, 4, 2, 1)
Clock = Literal["utc", "uptime"]
_STAMPS: dict[str, Clock] = {
    "last_utc_us": "utc", "first_utc_us": "utc", "last_uptime_us": "uptime", "first_uptime_us": "uptime",
}  # fmt: skip
"""What says when a tag was read, the best first: FirstSeen stands still on readers that accumulate over reports."""
_ANY_STAMP = "last_utc_us"
_ROW = ("antenna", "epc", "epc_bits", "rssi_dbm", "pc")
Row = tuple[int, bytes, int, float | None, int | None, Any]
"""Antenna, EPC, how many of its bits count, RSSI in dBm, PC, and the stamp: microseconds on the layout's clock, if it
has one."""


class _Spot(NamedTuple):
    """Where a value stands in a tag; the rest as in `report.Value`."""

    at: int
    code: str
    meant: Callable[[Any], Any] | None = None


_Result = tuple[int, _Spot]


class _Run(NamedTuple):
    """So many tags in a row: the bytes that decide, and what takes the values."""

    size: int
    mask: int
    fixed: int
    unpack: Callable[[bytes], tuple[Any, ...]]


class Layout:
    """What all tags of a layout have in common. `learn` makes one.

    constants  the fields that they do not report, and the length of their EPC
    columns    field -> where in the values of many tags it is, and what is made of it
    results    OpSpecResults: type -> the same
    row        the fields of a `Row`
    clock      which clock of the reader says when a tag was read; None = it does not say
    """

    __slots__ = (
        "_constants", "_fixed", "_format", "_mask", "_pick", "_rssi", "_runs", "clock", "columns", "constants",
        "results", "row", "size",
    )  # fmt: skip

    def __init__(
        self, tag: bytes, mask: bytes, constants: TagEntry, spots: Mapping[str, _Spot], results: Sequence[_Result]
    ) -> None:
        self.size = len(tag)
        self.constants = constants
        order = sorted([*spots.values(), *(spot for _, spot in results)])
        places = {spot: slice(order.index(spot), None, len(order)) for spot in order}
        self.columns = {field: (places[spot], spot.meant) for field, spot in spots.items()}
        self.results = tuple((kind, places[spot]) for kind, spot in results)
        stamp = next((field for field in _STAMPS if field in spots or getattr(constants, field) is not None), None)
        self.clock = _STAMPS[stamp] if stamp else None
        self.row = (*_ROW, stamp or _ANY_STAMP)
        self._constants = tuple(getattr(constants, field) for field in self.row)
        self._pick = itemgetter(
            *(order.index(spots[field]) if field in spots else len(order) + n for n, field in enumerate(self.row))
        )
        self._rssi = spots["rssi_dbm"].meant if "rssi_dbm" in spots else None
        self._mask = mask
        self._fixed = bytes(byte & care for byte, care in zip(tag, mask, strict=True))
        self._format = _format(order, len(tag))
        self._runs: dict[int, _Run] = {}

    def take(self, data: bytes) -> TagBatch | None:
        """The tags of `data`, which is as long as a number of them; None: not all of them have this layout."""
        values: tuple[Any, ...] = ()
        at, end = 0, len(data)
        for tags in _RUN_TAGS:
            while end - at >= tags * self.size:
                run = self._runs.get(tags) or self._make_run(tags)
                part = data[at : at + run.size]
                if int.from_bytes(part) & run.mask != run.fixed:
                    return None
                values += run.unpack(part)
                at += run.size
        return TagBatch(self, values, end // self.size)

    def take_one(self, tag: bytes) -> tuple[Any, ...] | None:
        """The values of one tag of this layout's size; None: it has another."""
        run = self._runs.get(1) or self._make_run(1)
        return run.unpack(tag) if int.from_bytes(tag) & run.mask == run.fixed else None

    def pick(self, values: tuple[Any, ...]) -> Row:
        """The row of one tag, by its values."""
        antenna, epc, epc_bits, rssi, pc, stamp_us = self._pick(values + self._constants)
        return antenna, epc, epc_bits, self._rssi(rssi) if self._rssi else rssi, pc, stamp_us

    def _make_run(self, tags: int) -> _Run:
        mask, fixed = int.from_bytes(self._mask * tags), int.from_bytes(self._fixed * tags)
        run = self._runs[tags] = _Run(self.size * tags, mask, fixed, Struct(">" + self._format * tags).unpack)
        return run


class TagBatch:
    """Tags of one layout, so many, in the reader's order: a column for each field of `TagEntry`."""

    __slots__ = ("_chunks", "layout", "tags")

    def __init__(self, layout: Layout, values: tuple[Any, ...], tags: int = 1) -> None:
        self.layout = layout
        self._chunks = [values]
        self.tags = tags

    def extend(self, other: TagBatch) -> None:
        """Tags of the same layout that follow."""
        self._chunks += other._chunks
        self.tags += other.tags

    @property
    def _values(self) -> tuple[Any, ...]:
        """Of all tags, one behind the other."""
        if len(self._chunks) > 1:
            self._chunks = [tuple(chain.from_iterable(self._chunks))]
        return self._chunks[0]

    def column(self, field: str) -> Sequence[Any]:
        """What every tag says of it."""
        spot = self.layout.columns.get(field)
        if spot is None:
            return (getattr(self.layout.constants, field),) * self.tags
        place, meant = spot
        column = self._values[place]
        return column if meant is None else list(map(meant, column))

    def rows(self) -> Iterable[Row]:
        """What makes a read of each tag."""
        if self.tags == 1:
            return (self.layout.pick(self._values),)
        return zip(*map(self.column, self.layout.row), strict=True)

    def entries(self) -> list[TagEntry]:
        """Every field of every tag."""
        columns = [self.column(field) for field in TagEntry._fields if field != "results"]
        return list(map(TagEntry._make, zip(*columns, self._results(), strict=True)))

    def _results(self) -> list[tuple[tuple[int, bytes], ...]]:
        if not self.layout.results:
            return [self.layout.constants.results] * self.tags
        types = [kind for kind, _ in self.layout.results]
        columns = [self._values[place] for _, place in self.layout.results]
        return [tuple(zip(types, contents, strict=True)) for contents in zip(*columns, strict=True)]


def learn(tag: bytes) -> Layout:
    """The layout of one TagReportData, header included, that `decode_tag` has taken."""
    spots: dict[str, _Spot] = {}
    results: list[_Result] = []
    decides = [range(HEADER_BYTES)]
    epc_bits, start = 0, HEADER_BYTES
    for kind, vendor, subtype, at, stop in walk(tag, HEADER_BYTES, len(tag)):
        decides.append(range(start, at))
        start = stop
        if kind == EPC_96:
            spots["epc"], epc_bits = _Spot(at, f"{stop - at}s"), 96
        elif kind == EPC_DATA:
            decides.append(range(at, at + COUNT.size))
            (epc_bits,) = COUNT.unpack_from(tag, at)
            spots["epc"] = _Spot(at + COUNT.size, f"{(epc_bits + 7) // 8}s")
            if epc_bits > MOST_EPC_BITS:
                del spots["epc"]
        elif kind in RESULTS:
            results.append((kind, _Spot(at, f"{stop - at}s")))
        elif (value := value_of(kind, vendor, subtype)) is not None:
            if stop - at >= value.wire.size:
                spots[value.field] = _Spot(at, value.wire.format[1:], value.meant)
        elif (vendor, subtype) == (IMPINJ, SERIALIZED_TID) and stop - at >= COUNT.size:
            decides.append(range(at, at + COUNT.size))
            size = 2 * COUNT.unpack_from(tag, at)[0]
            if at + COUNT.size + size <= stop:
                spots["tid"] = _Spot(at + COUNT.size, f"{size}s")
    if FINE_RSSI in spots:
        spots["rssi_dbm"] = spots.pop(FINE_RSSI)
    return Layout(tag, _mask(decides, len(tag)), TagEntry(b"", epc_bits), spots, results)


def only(entry: TagEntry) -> TagBatch:
    """A tag whose layout was not learnt."""
    return TagBatch(Layout(b"", b"", entry, {}, ()), ())


def _mask(decides: Sequence[range], size: int) -> bytes:
    mask = bytearray(size)
    for part in decides:
        mask[part.start : part.stop] = b"\xff" * len(part)
    return bytes(mask)


def _format(spots: Sequence[_Spot], size: int) -> str:
    """The values in order, and padding between them."""
    parts, at = [], 0
    for spot in spots:
        parts.append(f"{spot.at - at}x{spot.code}")
        at = spot.at + Struct(">" + spot.code).size
    return "".join([*parts, f"{size - at}x"])
