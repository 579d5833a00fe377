"""What a technician may say about one door."""

from __future__ import annotations

from dataclasses import dataclass

from edgegw.core.model import Side


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """One door. Places are what `from` and `to` call its sides; times in seconds.

    steady_db       a tag whose signal wanders less than this lies still; None = learned from the site's own tags
    load_min_tags   so many tags that cross together are a load, and vote; 0 = each tag for itself
    load_quorum     share of a load that must have crossed
    photo_eyes      the sides on which one is wired; with one alone, its side does not matter
    early           decide as soon as a unit has come to the far side
    """

    name: str
    inside: str = "inside"
    outside: str = "outside"
    location: str | None = None
    quiet_s: float = 4.0
    max_open_s: float = 12.0
    min_order_s: float = 0.4
    steady_db: float | None = None
    memory_s: float = 900.0
    load_min_tags: int = 5
    load_quorum: float = 0.5
    photo_eyes: tuple[Side, ...] = ()
    early: bool = False

    def place(self, side: Side) -> str:
        return self.inside if side == "inside" else self.outside

    def side(self, place: str) -> Side | None:
        """The side that is called `place`; None = neither."""
        sides: dict[str, Side] = {self.inside: "inside", self.outside: "outside"}
        return sides.get(place)
