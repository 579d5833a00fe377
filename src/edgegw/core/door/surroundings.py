"""What a door may ask of the dock around it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, NamedTuple

from edgegw.core.model import Side


class Told(NamedTuple):
    """Where the rest of the dock saw a unit: the side of this door on which that place lies, and when."""

    side: Side
    t: float


Eyes = Literal["antennas", "photo-eye"]


class Surroundings(NamedTuple):
    """
    told_until    now -> until when the door's readers have told what they saw
    told          a unit -> where it is; None = nothing that concerns this door
    were_blind    eyes, side, from_t, to_t -> whether that side could see nothing at some time of it
    hears_better  units, t -> whether another door is weighing one of them too, and heard them better around then
    """

    told_until: Callable[[float], float]
    told: Callable[[str], Told | None]
    were_blind: Callable[[Eyes, Side, float, float], bool]
    hears_better: Callable[[Collection[str], float], bool]


ALONE = Surroundings(lambda now: now, lambda _: None, lambda *_: False, lambda *_: False)
"""Of a door that is all there is."""
