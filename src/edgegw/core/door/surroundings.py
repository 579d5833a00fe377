"""What a door may ask of the dock around it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, NamedTuple

from edgegw.core.model import Side


class Told(NamedTuple):
    """Where the rest of the dock saw a unit: the side of this door on which that place lies, and when."""

    side: Side
    t: float


Rival = Literal["weighing", "weighed"]
Eyes = Literal["antennas", "photo-eye"]


class Surroundings(NamedTuple):
    """
    told_until  now -> until when the door's readers have told what they saw
    told        a unit -> where it is; None = nothing that concerns this door
    were_blind  eyes, side, from_t, to_t -> whether that side could see nothing at some time of it
    rival       units, t -> whether another door heard them better around then, and is still weighing one of them
    """

    told_until: Callable[[float], float]
    told: Callable[[str], Told | None]
    were_blind: Callable[[Eyes, Side, float, float], bool]
    rival: Callable[[Collection[str], float], Rival | None]


ALONE = Surroundings(lambda now: now, lambda _: None, lambda *_: False, lambda *_: None)
"""Of a door that is all there is."""
