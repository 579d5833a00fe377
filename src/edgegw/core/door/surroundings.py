"""What a door may ask of the dock around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from edgegw.core.model import Side


class Told(NamedTuple):
    """Where the rest of the dock saw a unit: the side of this door on which that place lies, and when."""

    side: Side
    t: float


Eyes = Literal["antennas", "photo-eye"]


class Surroundings(NamedTuple):
    """
    told           a unit -> where it is; None = nothing that concerns this door
    were_blind     eyes, side, from_t, to_t -> whether that side could see nothing at some time of it
    hears_it_better  a unit, t -> whether another door is weighing it too, and heard it better around then
    """

    told: Callable[[str], Told | None]
    were_blind: Callable[[Eyes, Side, float, float], bool]
    hears_it_better: Callable[[str, float], bool]


ALONE = Surroundings(lambda _: None, lambda *_: False, lambda *_: False)
"""Of a door that is all there is."""
