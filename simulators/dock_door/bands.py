"""The channels a reader may use, and how long it may stay on one."""

from __future__ import annotations

from typing import NamedTuple


class Band(NamedTuple):
    """dwell_s: shortest and longest stay on a channel."""

    name: str
    channels_mhz: tuple[float, ...]
    dwell_s: tuple[float, float]


ETSI = Band("ETSI", (865.7, 866.3, 866.9, 867.5), (3.0, 4.0))
"""Four high-power channels, at most 4 s without a break (ETSI EN 302 208)."""
FCC = Band("FCC", tuple(902.75 + 0.5 * n for n in range(50)), (0.2, 0.4))
"""Fifty channels, at most 0.4 s in 20 s on each (47 CFR 15.247)."""
