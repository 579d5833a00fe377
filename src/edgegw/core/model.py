"""The frozen values that travel from a device to the broker.

Named tuples where thousands a second are made, frozen dataclasses elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple


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
