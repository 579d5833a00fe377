"""The frozen values that travel from a device to the broker.

Named tuples where thousands a second are made, frozen dataclasses elsewhere.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from edgegw.core.identity.value import Identity


class TagRead(NamedTuple):
    """One tag report entry of an RFID reader.

    t            seconds since 1970, gateway timeline: the reader's stamp corrected by its measured offset
    antenna      LLRP AntennaID from 1; 0 = the reader did not say
    epc          EPC bits, left-aligned, padded to whole bytes
    epc_bits     how many of them count
    rssi_dbm     peak RSSI; None = not reported
    pc           Gen2 protocol-control word; None = not reported
    reader_t     the reader's own, uncorrected stamp in seconds (UTC or uptime); None = it gave none
    late         reported long after it happened (a backlog): `t` says when it was
    """

    reader: str
    antenna: int
    epc: bytes
    epc_bits: int
    t: float
    rssi_dbm: float | None = None
    pc: int | None = None
    reader_t: float | None = None
    late: bool = False


class Scan(NamedTuple):
    """One barcode as a scanner sent it: `text` without terminator and configured prefix/suffix.

    Control characters that belong to the symbol (GS, RS, EOT) are kept. `t` as in TagRead.
    """

    scanner: str
    text: str
    t: float


Side = Literal["inside", "outside"]
Direction = Literal["in", "out"]


class DoorSide(NamedTuple):
    """An antenna's read point at a door."""

    door: str
    side: Side


class AtStation(NamedTuple):
    """An antenna's or scanner's read point at a station."""

    station: str


ReadPoint = DoorSide | AtStation


class Evidence(NamedTuple):
    """What a decision rests on. Times on the gateway's timeline, seconds.

    antennas     `reader/antenna`, in order of first read
    reads        tag report entries
    peak_rssi_dbm None = no reader reported it
    reader_t     the reader's own, uncorrected stamp of the last read; None = it gave none
    late         some of the reads came long after they happened
    tag          EPC in hex, or the text of the scan
    """

    tag: str
    reads: int
    antennas: tuple[str, ...]
    first_t: float
    last_t: float
    peak_rssi_dbm: float | None = None
    reader_t: float | None = None
    late: bool = False


class SideSight(NamedTuple):
    """What one side of a door saw of a unit. `centre_t`: power-weighted mean time of its reads."""

    reads: int
    centre_t: float
    peak_rssi_dbm: float | None = None


class Heard(NamedTuple):
    """Reads of one side of a door in one moment: what a picture of the pass shows."""

    t: float
    side: Side
    reads: int
    peak_rssi_dbm: float | None


class LoadVote(NamedTuple):
    """Units that move together decide together: `agreed` of `of` crossed around `t`."""

    t: float
    agreed: int
    of: int


class Why(NamedTuple):
    """The reason of a door's decision and the numbers behind it.

    code        one of the codes of `edgegw.core.door`
    order_s     from the centre of the inside's reads to that of the outside's; None = one side only
    clarity     |order_s| over the spread of the reads in time: 1 = the sides follow each other as far as they spread
    spread_db   how much the signal of a tag wandered, antenna by antenna; None = too few reads
    load        the vote it was part of
    steady_db   what lies still at this door wanders less, as far as the door knew then
    faint_dbm   what crosses here is heard louder; None = not known yet
    known_t     since when it was known to be on one side; None = it was not known
    heard       everything that was weighed, in order of time
    """

    code: str
    inside: SideSight | None = None
    outside: SideSight | None = None
    order_s: float | None = None
    clarity: float | None = None
    spread_db: float | None = None
    load: LoadVote | None = None
    steady_db: float | None = None
    faint_dbm: float | None = None
    known_t: float | None = None
    heard: tuple[Heard, ...] = ()


class Movement(NamedTuple):
    """A unit went from one place to another. `origin` None = not known. `door` or `station` names the read point.

    t is the moment of the movement, decided_t when it was decided; both on the gateway's timeline. `location` is
    the read point's GLN.
    """

    unit: Identity
    t: float
    decided_t: float
    origin: str | None
    place: str
    evidence: Evidence
    door: str = ""
    direction: Direction | None = None
    station: str = ""
    location: str | None = None
    why: Why | None = None


class Observation(NamedTuple):
    """A unit was read at the station where it was known to be already."""

    unit: Identity
    t: float
    place: str
    station: str
    evidence: Evidence
    location: str | None = None


class Unidentified(NamedTuple):
    """A scan that names no unit: shown as it is, with the reason."""

    identity: Identity
    t: float
    station: str
    evidence: Evidence


class Passed(NamedTuple):
    """A door weighed a tag and saw no movement; `reason` is one of the codes of `edgegw.core.door`."""

    unit: Identity
    t: float
    decided_t: float
    door: str
    reason: str
    evidence: Evidence
    why: Why | None = None


class Crossing(NamedTuple):
    """A door's movement as its passage lists it. number: that of its event."""

    unit: str
    t: float
    number: int


class Passage(NamedTuple):
    """Units that crossed a door together, or a part of their list.

    number      of the first movement: with the door, what the passage is called
    first_t     the first crossing, last_t the last one, of all parts
    total       units of all parts
    pallet      the unit with an SSCC, where exactly one of all has one
    ssccs       of this part
    """

    door: str
    number: int
    direction: Direction
    origin: str
    place: str
    location: str | None
    first_t: float
    last_t: float
    decided_t: float
    total: int
    pallet: str | None
    crossings: tuple[Crossing, ...]
    ssccs: tuple[str, ...]
    part: int = 1
    parts: int = 1


Cause = Literal["gateway", "link", "antenna", "photo-eye"]


class Port(NamedTuple):
    """What can fail: a device as a whole, one antenna or one input of a reader. 0 = it is not this that is meant."""

    device: str
    antenna: int = 0
    input: int = 0

    def __str__(self) -> str:
        """As in the configuration: `dock-1`, `dock-1/3`, `dock-1/gpi1`."""
        last = f"gpi{self.input}" if self.input else str(self.antenna or "")
        return f"{self.device}/{last}" if last else self.device


class Outage(NamedTuple):
    """A time in which nothing could be heard there: what happened meanwhile may be missing.

    since_t        None = it has not been heard yet, since it was first asked
    until_t        None = it lasts
    interruptions  it came back in between, but not for long
    recovered      nothing was missed: what was read meanwhile has been reported since
    doors, stations  where it counts
    """

    port: Port
    cause: Cause
    reason: str
    since_t: float | None
    until_t: float | None = None
    interruptions: int = 1
    recovered: bool = False
    doors: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()


Decision = Movement | Observation | Unidentified | Passed | Passage | Outage
