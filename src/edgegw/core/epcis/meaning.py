"""What an event at a read point means: the business context of EPCIS, which no tag tells (CBV 2.0, 7.1, 7.2, 8.5).

It is configuration, decided with the event and kept in it, so that the event never changes afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from edgegw.core.documents import Business
from edgegw.core.event import OutgoingEvent
from edgegw.core.model import Direction


class Meaning(NamedTuple):
    """None leaves a field out.

    biz_step, disposition  a word of CBV or a URI
    read_point             where it was seen, a URI
    biz_location           where the unit is from then on, a URI
    """

    biz_step: str | None = None
    disposition: str | None = None
    read_point: str | None = None
    biz_location: str | None = None


class Meanings(NamedTuple):
    """points: of each door and direction, and of each station (direction None). loads: passages mean something too."""

    points: Mapping[tuple[str, Direction | None], Meaning]
    loads: bool = False


NOTHING = Meanings({})


def add_meaning(event: OutgoingEvent, meanings: Meanings) -> OutgoingEvent:
    """The event with its business context, where its read point has one."""
    place = event.data.get("door") or event.data.get("station")
    meaning = meanings.points.get((place, event.data.get("direction"))) if place else None
    if meaning is None or not (
        event.type in ("movement", "observation") or (event.type == "passage" and meanings.loads)
    ):
        return event
    return event._replace(data={**event.data, "epcis": _business(meaning)})


def _business(meaning: Meaning) -> Business:
    business: Business = {}
    if meaning.biz_step:
        business["bizStep"] = meaning.biz_step
    if meaning.disposition:
        business["disposition"] = meaning.disposition
    if meaning.read_point:
        business["readPoint"] = meaning.read_point
    if meaning.biz_location:
        business["bizLocation"] = meaning.biz_location
    return business
