"""How loud is what crosses here? What passes behind the neighbouring door, or far from this one, is fainter.

Each door learns it from the loads that crossed it, so no level in dBm has to be set.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median

from edgegw.core.door.episode import Episode

MIN_KNOWN = 20
MAX_KNOWN = 256
FAINT = 0.05
"""A unit fainter than this share of what crossed is not taken at its own word."""
MIN_LOADS, MAX_LOADS = 4, 32
USUAL = 0.6
"""Of the loads that crossed, from the faintest to the loudest: those of the next door are not the louder ones."""
FAR_DB = 5.5
"""A load whose middle is so much below that of a usual load passed elsewhere: the loss of 1.8 times the distance
(21.7 dB a decade). Goods that swallow so much more than others are taken for distant as well."""


class Level:
    def __init__(self) -> None:
        self._peaks_dbm: deque[float] = deque(maxlen=MAX_KNOWN)
        self._loads_dbm: deque[float] = deque(maxlen=MAX_LOADS)
        self.faint_dbm: float | None = None

    def learn(self, load: Sequence[Episode]) -> None:
        """These crossed together."""
        peaks = _peaks(load)
        self._peaks_dbm.extend(peaks)
        if peaks:
            self._loads_dbm.append(median(peaks))
        if len(self._peaks_dbm) >= MIN_KNOWN:
            self.faint_dbm = sorted(self._peaks_dbm)[int(len(self._peaks_dbm) * FAINT)]

    def is_faint(self, one: Episode) -> bool:
        """Fainter than what crosses here. False as long as too little has crossed to tell."""
        peak_dbm = one.peak_rssi_dbm
        return self.faint_dbm is not None and peak_dbm is not None and peak_dbm < self.faint_dbm

    def is_far(self, load: Sequence[Episode]) -> bool:
        """As a whole too faint for a load that crosses here."""
        peaks = _peaks(load)
        if not peaks or self.faint_dbm is None:
            return False
        loads_dbm = sorted(self._loads_dbm)
        return len(loads_dbm) >= MIN_LOADS and median(peaks) < loads_dbm[int(len(loads_dbm) * USUAL)] - FAR_DB


def _peaks(load: Sequence[Episode]) -> list[float]:
    return [one.peak_rssi_dbm for one in load if one.peak_rssi_dbm is not None]
