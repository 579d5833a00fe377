"""One unit in front of one door, from its first read until it is decided: what each side saw, and when.

Reads of one side within CELL_S are one glimpse: a dense stream says no more than its signal can change. An episode
holds at most MAX_GLIMPSES of them (about 5 kB), whatever the reader sends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from edgegw.core.door.glimpse import CELL_S, Balance, Glimpse, power_of
from edgegw.core.model import Evidence, Side, TagRead

MAX_GLIMPSES = 64
MAX_GROWN = 256
"""Of an episode, what is new is saved, read by read: after a crash it decides as before. After so many reads the
whole is saved anew, which is shorter."""

Seen = tuple[TagRead, Side]
"""A read, and the side of its antenna."""


class Episode:
    """`follows`: the unit was in view before, so this is no new visit. `unsaved`: its reads since it was saved;
    None: it must be saved whole.
    """

    __slots__ = (
        "_balance", "_grown", "antennas", "first_t", "follows", "glimpses", "last_t", "late", "peak_rssi_dbm", "read",
        "reads", "sides", "unsaved",
    )  # fmt: skip

    def __init__(self, read: TagRead, follows: bool = False) -> None:
        self.glimpses: list[Glimpse] = []
        self.sides: set[Side] = set()
        self.antennas: dict[tuple[str, int], None] = {}
        self.first_t = read.t
        self.last_t = read.t
        self.peak_rssi_dbm: float | None = None
        self.late = False
        self.read = read
        self.reads = 0
        self.follows = follows
        self.unsaved: list[Seen] | None = None
        self._grown = 0  # reads since it was saved whole
        self._balance: Balance | None = None  # until it is asked for

    @property
    def balance(self) -> Balance:
        if self._balance is None:
            self._balance = Balance(self.glimpses)
        return self._balance

    def add(self, read: TagRead, side: Side) -> None:
        reader, antenna, _, _, t, dbm, _, _, late = read
        self.note(read, side)
        self._place(t, side, power_of(dbm), dbm)
        self.sides.add(side)
        self.antennas[reader, antenna] = None
        if dbm is not None and (self.peak_rssi_dbm is None or dbm > self.peak_rssi_dbm):
            self.peak_rssi_dbm = dbm
        self.reads += 1
        if late:
            self.late = True
        if t >= self.last_t:
            self.last_t, self.read = t, read
        elif t < self.first_t:
            self.first_t = t

    def note(self, read: TagRead, side: Side) -> None:
        """For the journal. A unit has one tag, as a rule; another one of the same name is saved with the whole."""
        self._grown += 1
        if self._grown > MAX_GROWN or read.epc != self.read.epc or read.pc != self.read.pc:
            self.unsaved = None
        elif self.unsaved is not None:
            self.unsaved.append((read, side))

    def take_unsaved(self) -> list[Seen] | None:
        """The reads since the last call; None: now it is saved whole."""
        unsaved, self.unsaved = self.unsaved, []
        if unsaved is None:
            self._grown = 0
        return unsaved

    def _place(self, t: float, side: Side, power: float, dbm: float | None) -> None:
        """Into its place in time; a late report may belong in the middle."""
        if self._balance is not None:
            self._balance.add(t, side, power)
        glimpses = self.glimpses
        at = len(glimpses)
        if glimpses and t < glimpses[-1].t:
            at = bisect_right(glimpses, t, key=_time)
        before = glimpses[at - 1] if at else None
        if before and t - before.t < CELL_S and before.side == side:
            glimpses[at - 1] = before.with_read(t, power, dbm)
            return
        glimpses.insert(at, Glimpse(t, side, power, 1, dbm))
        if len(glimpses) > MAX_GLIMPSES:
            del glimpses[0]
            self._balance = None
            self.sides = {one.side for one in glimpses}

    def forget_before(self, t: float) -> list[Glimpse]:
        """Let go of what is too old to belong to the same movement, and return it; the newest glimpse always stays."""
        cut = min(bisect_left(self.glimpses, t, key=_time), len(self.glimpses) - 1)
        forgotten, kept = self.glimpses[:cut], self.glimpses[cut:]
        self.glimpses = kept
        self._balance = None
        self.sides = {one.side for one in kept}
        self.first_t = min(kept[0].t, self.last_t)
        self.reads = sum(one.reads for one in kept)
        self.unsaved = None
        self.follows = True
        return forgotten

    def power_around(self, t: float, reach_s: float) -> float:
        """Summed power of what was heard from `t - reach_s` to `t + reach_s`."""
        if self.last_t < t - reach_s or self.first_t > t + reach_s:
            return 0.0
        return sum([one.weight for one in self.glimpses if -reach_s <= one.t - t <= reach_s])

    def is_around(self, t: float, reach_s: float) -> bool:
        """Whether it was in view within `reach_s` of `t`."""
        return self.first_t <= t + reach_s and self.last_t >= t - reach_s

    def evidence(self) -> Evidence:
        return Evidence(
            tag=self.read.epc.hex().upper(),
            reads=self.reads,
            antennas=tuple(f"{reader}/{antenna}" for reader, antenna in self.antennas),
            first_t=self.first_t,
            last_t=self.last_t,
            peak_rssi_dbm=self.peak_rssi_dbm,
            reader_t=self.read.reader_t,
            late=self.late,
        )


def _time(glimpse: Glimpse) -> float:
    return glimpse.t
