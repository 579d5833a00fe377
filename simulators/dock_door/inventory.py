"""Readers at work: antenna after antenna, round after round, tags take turns to answer.

Session 0 tags answer in every round. Session 1 tags (single target) fall silent for all antennas and all readers.
"""

from __future__ import annotations

import cmath
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heapreplace
from typing import Literal, NamedTuple

from simulators.dock_door.antennas import Antenna, Vector
from simulators.dock_door.bands import ETSI, Band
from simulators.dock_door.radio import View, received_dbm, rssi_dbm
from simulators.dock_door.tags import Tag
from simulators.dock_door.walks import Walk

ANSWERS_PER_S = 160.0
"""Of an antenna before many tags: nominal dense reader mode manages 200 (Zebra), the EMSE reader 170 (measured)."""
ROUND_S, SWITCH_S = 0.007, 0.023
"""What a round and a change of antenna take without any answer. Measured: both together 20 ms (EMSE, many tags) to 37
(R420, one tag)."""
S1_SILENT_S = (1.4, 1.8)
"""How long a tag that was read keeps still: time between two reads of tags that lie in the EMSE data (0.5 to 5 s are
allowed)."""
S1_SHORT, S1_SHORT_S = 0.35, (0.0, 1.2)
"""In that share of reads it was less: the tag had not heard that it was heard."""
NOISE_DB = 0.8
"""RSSI of a tag that lies, on one channel (measured 0.84)."""
SHADOW_DB = 1.5
"""Spread of what stands for good between an antenna and a tag, one way."""
BODIES_S, BODIES_MOVING_S = 5.0, 0.7
"""How long what stands between an antenna and a tag stays there: for a tag that lies, and for one under way."""
PHASE_STEPS = 4096
"""To a turn: 12 bits (Impinj low-level user data)."""
PHASE_NOISE_TURNS = 0.01
HOPELESS_DB = 6.0
"""A tag that gets so much too little on average is not asked: noise will not lift it."""


class Trip(NamedTuple):
    """A tag on a walk. `kind` says what it does; `counts`: when it goes through a door, that is a movement."""

    tag: Tag
    walk: Walk
    kind: str
    counts: bool = False


class Air(NamedTuple):
    """How the readers are set. quantum_db: steps of the RSSI (Impinj 0.5, LLRP PeakRSSI 1)."""

    session: Literal[0, 1] = 1
    band: Band = ETSI
    quantum_db: float = 0.5


class Answer(NamedTuple):
    """One read. channel: from 1; phase: PHASE_STEPS to the turn."""

    at_s: float
    antenna: Antenna
    trip: Trip
    rssi_dbm: float
    channel: int
    phase: int


class _Answering:
    """A tag on a trip, within reach of the readers or not."""

    def __init__(self, trip: Trip, rng: random.Random) -> None:
        self.trip = trip
        self.silent_until_s = -math.inf
        self._rng = rng
        self._shadow: dict[Antenna, float] = {}
        self._bodies: dict[Antenna, tuple[float, float]] = {}
        self._waves: dict[tuple[Antenna, float], tuple[Vector, complex, float]] = {}

    def hears(self, view: View, frequency_mhz: float, now_s: float) -> bool:
        """Whether it gets enough of an antenna now to answer."""
        return self.received(view, frequency_mhz, now_s)[1] >= self.trip.tag.sensitivity_dbm

    def received(self, view: View, frequency_mhz: float, now_s: float) -> tuple[complex, float]:
        """What it gets of an antenna now: the wave, and its power in dBm."""
        place = self._place(now_s)
        known = self._waves.get((view.antenna, frequency_mhz))
        memory_s = BODIES_S
        if known is None or known[0] != place:
            memory_s = BODIES_MOVING_S
            known = self._waves[view.antenna, frequency_mhz] = place, *self._received_at(place, view, frequency_mhz)
        _, wave, mean_dbm = known
        if mean_dbm < self.trip.tag.sensitivity_dbm - HOPELESS_DB:
            return wave, mean_dbm
        return wave, mean_dbm + self._bodies_db(view, now_s, memory_s) / 2

    def _received_at(self, place: Vector, view: View, frequency_mhz: float) -> tuple[complex, float]:
        """The same without what comes and goes."""
        wave = view.one_way(place, self.trip.tag.axis, frequency_mhz)
        return wave, received_dbm(wave, self.trip.tag.loss_db) - self._shadow_db(view.antenna)

    def _place(self, now_s: float) -> Vector:
        x, y = self.trip.walk.at(now_s)
        dx, dy, z = self.trip.tag.place
        return x + dx, y + dy, z

    def _shadow_db(self, antenna: Antenna) -> float:
        if antenna not in self._shadow:
            self._shadow[antenna] = self._rng.gauss(0, SHADOW_DB)
        return self._shadow[antenna]

    def _bodies_db(self, view: View, now_s: float, memory_s: float) -> float:
        """A first-order autoregressive wander, round trip."""
        then_s, was_db = self._bodies.get(view.antenna, (-math.inf, 0.0))
        kept = math.exp((then_s - now_s) / memory_s)
        is_db = kept * was_db + math.sqrt(1 - kept * kept) * self._rng.gauss(0, view.room.bodies_db)
        self._bodies[view.antenna] = now_s, is_db
        return is_db


class _Reader:
    """One reader; `now_s` is where it has got to."""

    def __init__(self, views: Sequence[View], air: Air, rng: random.Random) -> None:
        self.now_s = rng.uniform(0, SWITCH_S)
        self._views = views
        self._air = air
        self._rng = rng
        self._turn = 0
        self._channel = 0
        self._hop_s = 0.0

    def __lt__(self, other: _Reader) -> bool:
        return self.now_s < other.now_s

    def round(self, tags: Iterable[_Answering]) -> Iterator[Answer]:
        """One inventory round on the next antenna."""
        view = self._views[self._turn]
        self._turn = (self._turn + 1) % len(self._views)
        channel_mhz = self._tuned()
        ready = [tag for tag in tags if tag.silent_until_s <= self.now_s and tag.hears(view, channel_mhz, self.now_s)]
        self._rng.shuffle(ready)
        self.now_s += ROUND_S
        for tag in ready:
            self.now_s += self._rng.expovariate(ANSWERS_PER_S)
            wave, power_dbm = tag.received(view, channel_mhz, self.now_s)
            if power_dbm >= tag.trip.tag.sensitivity_dbm and self.now_s <= tag.trip.walk.ends_s:
                yield self._answer(tag, view, wave, power_dbm)
        self.now_s += SWITCH_S

    def _tuned(self) -> float:
        """The channel of this round, in MHz."""
        band = self._air.band
        if self.now_s >= self._hop_s:
            self._channel = self._rng.randrange(len(band.channels_mhz))
            self._hop_s = self.now_s + self._rng.uniform(*band.dwell_s)
        return band.channels_mhz[self._channel]

    def _answer(self, tag: _Answering, view: View, wave: complex, power_dbm: float) -> Answer:
        if self._air.session == 1:
            silent_s = S1_SHORT_S if self._rng.random() < S1_SHORT else S1_SILENT_S
            tag.silent_until_s = self.now_s + self._rng.uniform(*silent_s)
        quantum_db = self._air.quantum_db
        rssi = round((rssi_dbm(power_dbm) + self._rng.gauss(0, NOISE_DB)) / quantum_db) * quantum_db
        return Answer(self.now_s, view.antenna, tag.trip, rssi, self._channel + 1, self._phase(wave))

    def _phase(self, wave: complex) -> int:
        """Of the round trip, growing with distance; readers cannot tell half a turn."""
        turns = -2 * cmath.phase(wave) / math.tau + self._rng.choice((0.0, 0.5)) + self._rng.gauss(0, PHASE_NOISE_TURNS)
        return int(turns * PHASE_STEPS) % PHASE_STEPS


def inventory(views: Mapping[str, Sequence[View]], trips: Iterable[Trip], air: Air, rng: random.Random) -> list[Answer]:
    """Everything that the readers, each with its views, read of tags on these trips, in order of time."""
    coming = sorted(trips, key=lambda trip: trip.walk.begins_s, reverse=True)
    ends_s = max(trip.walk.ends_s for trip in coming)
    readers = [_Reader(own, air, random.Random(rng.random())) for own in views.values()]
    heapify(readers)
    here: dict[str, _Answering] = {}
    answers: list[Answer] = []
    while (reader := readers[0]).now_s <= ends_s:
        _come_and_go(here, coming, reader.now_s, rng)
        answers.extend(reader.round(here.values()))
        heapreplace(readers, reader)
    return sorted(answers)


def _come_and_go(here: dict[str, _Answering], coming: list[Trip], now_s: float, rng: random.Random) -> None:
    while coming and coming[-1].walk.begins_s <= now_s:
        trip = coming.pop()
        here[trip.tag.epc] = _Answering(trip, random.Random(rng.random()))
    for epc in [epc for epc, tag in here.items() if tag.trip.walk.ends_s < now_s]:
        del here[epc]
