"""Reads at a dock door -> a movement, or the reason why not.

A pass is one *episode* per unit: it opens with the first read, gathers evidence of the two sides, and closes when
the unit was silent for `quiet_s`. A unit that stays in view is weighed every `max_open_s`. The order of the two
sides decides:

    reason       the evidence
    crossed      seen first on one side and last on the other, and the power-weighted centres of the two sides
                 follow each other in the same order by min_order_s and by a share of the episode
    one-side     only one side saw it: it passed by, or stood there
    turned-back  both sides saw it, and it was last seen where it was first seen
    no-order     both sides saw it at about the same time: it lies between them or beside the door
    parked       still in view when max_open_s had passed, and not crossed

A read that belongs to an episode already decided is `late`: counted, never weighed again.
Memory: a few hundred bytes per unit in view, at most MAX_OPEN units; decided ones are remembered up to MAX_DECIDED.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from edgegw.core.counters import Counters
from edgegw.core.identity.value import Identity
from edgegw.core.model import Direction, Evidence, Movement, Passed, Side, TagRead

MAX_OPEN = 20_000
MAX_DECIDED = 65_536
ORDER_SHARE = 0.12
"""Share of a pass that must lie between the centres of the two sides."""
STANDING_ORDER_SHARE = 0.5
"""The same for a unit that has been standing in view: chance alone orders its two sides now and then."""
STANDING_READS = 8
"""Fewer reads of a unit that has been standing say nothing about an order."""
SAVE_GROWTH = 1.125
"""An episode is saved again when its reads have grown by an eighth: after a crash it decides as before, and a
tag that stands there for hours costs the disk less and less."""

_SIDES: tuple[Side, Side] = ("inside", "outside")
_OTHER: dict[Side, Side] = {"inside": "outside", "outside": "inside"}
_DIRECTION: dict[Side, Direction] = {"inside": "out", "outside": "in"}


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """One door. Places are what `from` and `to` call its sides; times in seconds."""

    name: str
    inside: str = "inside"
    outside: str = "outside"
    location: str | None = None
    quiet_s: float = 4.0
    max_open_s: float = 30.0
    min_order_s: float = 0.4

    def place(self, side: Side) -> str:
        return self.inside if side == "inside" else self.outside


class SideEvidence:
    """What one side saw: number of reads, their power-weighted centre in time, first and last."""

    __slots__ = ("first_t", "last_t", "reads", "weight", "weighted_t")

    def __init__(self) -> None:
        self.reads = 0
        self.weight = 0.0
        self.weighted_t = 0.0
        self.first_t = 0.0
        self.last_t = 0.0

    def add(self, t: float, rssi_dbm: float | None, origin_t: float) -> None:
        """Times enter relative to `origin_t`: seconds since 1970 times a weight would lose milliseconds."""
        weight = 10.0 ** ((max(-120.0, min(20.0, rssi_dbm)) + 60.0) / 10.0) if rssi_dbm is not None else 1.0
        self.first_t = t if not self.reads else min(self.first_t, t)
        self.last_t = t if not self.reads else max(self.last_t, t)
        self.reads += 1
        self.weight += weight
        self.weighted_t += weight * (t - origin_t)

    def centre_t(self, origin_t: float) -> float:
        return origin_t + self.weighted_t / self.weight


class Episode:
    """One unit in front of one door, from its first read until it is decided."""

    __slots__ = (
        "antennas", "inside", "late", "new_side", "opened_t", "outside", "peak_rssi_dbm", "read", "saved_reads",
        "standing",
    )  # fmt: skip

    def __init__(self, read: TagRead, standing: bool = False) -> None:
        self.opened_t = read.t
        self.inside = SideEvidence()
        self.outside = SideEvidence()
        self.antennas: dict[str, None] = {}
        self.peak_rssi_dbm: float | None = None
        self.late = False
        self.read = read
        self.standing = standing
        self.new_side = True
        self.saved_reads = 0

    def add(self, read: TagRead, side: Side) -> None:
        evidence = self.inside if side == "inside" else self.outside
        self.new_side = self.new_side or not evidence.reads
        evidence.add(read.t, read.rssi_dbm, self.opened_t)
        self.antennas[f"{read.reader}/{read.antenna}"] = None
        if read.rssi_dbm is not None and (self.peak_rssi_dbm is None or read.rssi_dbm > self.peak_rssi_dbm):
            self.peak_rssi_dbm = read.rssi_dbm
        self.late = self.late or read.late
        if read.t >= self.read.t:
            self.read = read

    @property
    def reads(self) -> int:
        return self.inside.reads + self.outside.reads

    @property
    def first_t(self) -> float:
        return min(side.first_t for side in (self.inside, self.outside) if side.reads)

    @property
    def last_t(self) -> float:
        return max(side.last_t for side in (self.inside, self.outside) if side.reads)

    @property
    def worth_saving(self) -> bool:
        """A side seen for the first time, or enough more reads than when it was last saved."""
        return self.new_side or self.reads >= self.saved_reads * SAVE_GROWTH

    def evidence(self) -> Evidence:
        return Evidence(
            tag=self.read.epc.hex().upper(),
            reads=self.reads,
            antennas=tuple(self.antennas),
            first_t=self.first_t,
            last_t=self.last_t,
            peak_rssi_dbm=self.peak_rssi_dbm,
            reader_t=self.read.reader_t,
            late=self.late,
        )


class Crossing(NamedTuple):
    """`reason` crossed: `origin` is the side it came from and t the moment between the two sides."""

    reason: str
    t: float
    origin: Side | None = None


def weigh(episode: Episode, settings: DoorSettings) -> Crossing:
    """The rule, on the evidence alone."""
    inside, outside = episode.inside, episode.outside
    if not inside.reads or not outside.reads:
        return Crossing("one-side", episode.last_t)
    first: Side = "inside" if inside.first_t <= outside.first_t else "outside"
    last: Side = "inside" if inside.last_t >= outside.last_t else "outside"
    if first == last:
        return Crossing("turned-back", episode.last_t)
    inside_t, outside_t = inside.centre_t(episode.opened_t), outside.centre_t(episode.opened_t)
    order_s = outside_t - inside_t if first == "inside" else inside_t - outside_t
    share = STANDING_ORDER_SHARE if episode.standing else ORDER_SHARE
    if episode.standing and episode.reads < STANDING_READS:
        return Crossing("no-order", episode.last_t)
    if order_s < max(settings.min_order_s, share * (episode.last_t - episode.first_t)):
        return Crossing("no-order", episode.last_t)
    return Crossing("crossed", (inside_t + outside_t) / 2, first)


class Door:
    """All episodes of one door. `see` takes reads, `advance` decides what silence has finished."""

    def __init__(self, settings: DoorSettings, counters: Counters) -> None:
        self.settings = settings
        self._counters = counters
        self._open: OrderedDict[str, tuple[Identity, Episode]] = OrderedDict()
        self._decided: OrderedDict[str, float] = OrderedDict()
        self._changed: set[str] = set()

    def see(self, unit: str, identity: Identity, read: TagRead, side: Side, now: float) -> list[Movement | Passed]:
        """Weigh one read. Returns what it decided: an episode that this read shows to be over."""
        decided_until = self._decided.get(unit)
        if decided_until is not None and read.t <= decided_until:
            self._counters.add(self.settings.name, "late")
            return []
        decisions: list[Movement | Passed] = []
        known = self._open.get(unit)
        over = self._over(known[1], read) if known else ""
        if over:
            decisions.append(self._close(unit, now, parked=over == "parked"))
        if known is None or over:
            decisions += self._open_episode(unit, identity, Episode(read, standing=over == "parked"), now)
        self._add(unit, read, side)
        return decisions

    def advance(self, through_t: float, now: float) -> list[Movement | Passed]:
        """Decide every episode that was silent for quiet_s before `through_t`, oldest first."""
        decisions: list[Movement | Passed] = []
        while self._open:
            unit, (_, episode) = next(iter(self._open.items()))
            if episode.last_t + self.settings.quiet_s > through_t:
                break
            decisions.append(self._close(unit, now))
        return decisions

    @property
    def due_t(self) -> float | None:
        """When silence decides the next episode; None with nothing in view."""
        if not self._open:
            return None
        return next(iter(self._open.values()))[1].last_t + self.settings.quiet_s

    @property
    def units_in_view(self) -> int:
        return len(self._open)

    def take_changed(self) -> dict[str, str | None]:
        """Unit -> its undecided state as JSON, None = decided, since the last call: for the journal."""
        changed = {unit: self._saved(unit) for unit in self._changed}
        self._changed.clear()
        return changed

    def restore(self, unit: str, state: str, identify: Callable[[TagRead], Identity], now: float) -> None:
        """Take back an undecided episode as `take_changed` gave it. Raises ValueError for anything else."""
        episode = _episode_from_json(state)
        if episode.last_t > now:
            raise ValueError("the episode lies in the future: the clock has been set back since")
        self._open[unit] = (identify(episode.read), episode)

    def restore_decided(self, unit: str, until_t: float) -> None:
        self._decided[unit] = until_t

    # ------------------------------------------------------------

    def _open_episode(self, unit: str, identity: Identity, episode: Episode, now: float) -> list[Movement | Passed]:
        decisions: list[Movement | Passed] = []
        if len(self._open) >= MAX_OPEN:
            self._counters.add(self.settings.name, "crowded")
            decisions.append(self._close(next(iter(self._open)), now))
        self._open[unit] = (identity, episode)
        return decisions

    def _add(self, unit: str, read: TagRead, side: Side) -> None:
        episode = self._open[unit][1]
        if read.t >= episode.read.t:
            self._open.move_to_end(unit)
        episode.add(read, side)
        if episode.worth_saving:
            self._changed.add(unit)

    def _over(self, episode: Episode, read: TagRead) -> str:
        """Why this read begins a new episode: "quiet", "parked", or "" when it does not."""
        if read.t > episode.last_t + self.settings.quiet_s:
            return "quiet"
        return "parked" if read.t > episode.opened_t + self.settings.max_open_s else ""

    def _close(self, unit: str, now: float, parked: bool = False) -> Movement | Passed:
        identity, episode = self._open.pop(unit)
        self._changed.add(unit)
        self._remember(unit, episode.last_t)
        crossing = weigh(episode, self.settings)
        decided_t = max(now, episode.last_t)
        if crossing.origin is None:
            reason = "parked" if parked or episode.standing else crossing.reason
            self._counters.add(self.settings.name, reason)
            return Passed(identity, crossing.t, decided_t, self.settings.name, reason, episode.evidence())
        self._counters.add(self.settings.name, "crossed")
        return Movement(
            unit=identity,
            t=crossing.t,
            decided_t=decided_t,
            origin=self.settings.place(crossing.origin),
            place=self.settings.place(_OTHER[crossing.origin]),
            evidence=episode.evidence(),
            door=self.settings.name,
            direction=_DIRECTION[crossing.origin],
            location=self.settings.location,
        )

    def _remember(self, unit: str, until_t: float) -> None:
        self._decided[unit] = until_t
        self._decided.move_to_end(unit)
        if len(self._decided) > MAX_DECIDED:
            self._decided.popitem(last=False)

    def _saved(self, unit: str) -> str | None:
        known = self._open.get(unit)
        if known is None:
            return None
        known[1].saved_reads = known[1].reads
        known[1].new_side = False
        return _episode_to_json(known[1])


def _episode_to_json(episode: Episode) -> str:
    read = episode.read
    return json.dumps(
        {
            "opened_t": episode.opened_t,
            "sides": [
                [side.reads, side.weight, side.weighted_t, side.first_t, side.last_t]
                for side in (episode.inside, episode.outside)
            ],
            "antennas": list(episode.antennas),
            "peak": episode.peak_rssi_dbm,
            "late": episode.late,
            "standing": episode.standing,
            "read": [
                read.reader,
                read.antenna,
                read.epc.hex(),
                read.epc_bits,
                read.t,
                read.rssi_dbm,
                read.pc,
                read.reader_t,
            ],
        },
        separators=(",", ":"),
    )


def _episode_from_json(state: str) -> Episode:
    try:
        saved = json.loads(state)
        reader, antenna, epc, epc_bits, t, rssi_dbm, pc, reader_t = saved["read"]
        episode = Episode(TagRead(reader, antenna, bytes.fromhex(epc), epc_bits, t, rssi_dbm, pc, reader_t))
        episode.opened_t = saved["opened_t"]
        for side, numbers in zip((episode.inside, episode.outside), saved["sides"], strict=True):
            side.reads, side.weight, side.weighted_t, side.first_t, side.last_t = numbers
        episode.antennas = dict.fromkeys(saved["antennas"])
        episode.peak_rssi_dbm = saved["peak"]
        episode.late = saved["late"]
        episode.standing = saved["standing"]
        episode.saved_reads = episode.reads
        _ = episode.last_t
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a saved episode: {error!r}") from None
    return episode
