"""What edgegw decides on a track: its defaults, told nothing but the sides of the doors.

The pipeline is that of `edgegw replay`, and on a track where every read came at once so are the decisions. Here it is
told as well when each read arrived, and when a reader was away.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from bench.doors.score import Event
from bench.doors.track import BadTrack, Track
from edgegw import plan
from edgegw.config import Config
from edgegw.config.load import parse
from edgegw.core.counters import Counters
from edgegw.core.model import Decision, Movement, Passage, TagRead
from edgegw.core.pipeline import Pipeline
from edgegw.core.watermark import SETTLE_S
from edgegw.errors import ConfigError
from simulators.dock_door.tracks import replay_yaml

LINK_LOST = "the network failed"


class _Link(NamedTuple):
    reader: str
    is_up: bool


def edgegw(track: Track) -> list[Event]:
    """With its defaults."""
    return _events(configuration(track), track)


def each_alone(track: Track) -> list[Event]:
    """Without votes of loads."""
    config = configuration(track)
    doors = (door.model_copy(update={"load": door.load.model_copy(update={"min_tags": 0})}) for door in config.doors)
    return _events(config.model_copy(update={"doors": tuple(doors)}), track)


def configuration(track: Track) -> Config:
    """As a technician would write it. Raises BadTrack where a reader's name cannot stand in a configuration."""
    try:
        return parse(replay_yaml(track.dock), track.name).config
    except ConfigError as error:
        raise BadTrack(str(error)) from None


def _events(config: Config, track: Track) -> list[Event]:
    pipeline = Pipeline(plan.dock(config), Counters())
    events: dict[int, Event] = {}
    for decision in _decisions(pipeline, track):
        match decision:
            case Movement(direction=str(direction), evidence=evidence, door=door):
                number = len(events)
                events[number] = Event(decision.t, decision.decided_t, evidence.tag, direction, door)
                pipeline.reported(decision, number)
            case Passage(number=passage, crossings=crossings):
                for one in crossings:
                    events[one.number] = events[one.number]._replace(passage=passage)
    return list(events.values())


def _decisions(pipeline: Pipeline, track: Track) -> Iterator[Decision]:
    for reader in track.dock.readers:
        pipeline.link_up(reader.name, -math.inf)
    now = -math.inf
    for t, what in _moments(track):
        yield from _until(t, now, pipeline)
        now = max(now, t)
        if isinstance(what, TagRead):
            yield from pipeline.tags((what,), now)
        elif what.is_up:
            pipeline.link_up(what.reader, now)
        else:
            pipeline.link_down(what.reader, "link", LINK_LOST, now)
    yield from _until(now + SETTLE_S, now, pipeline)
    yield from _until(math.inf, now + SETTLE_S, pipeline)


def _moments(track: Track) -> list[tuple[float, _Link | TagRead]]:
    """Everything that happens to the gateway, in order of time."""
    links = [(one.from_t, _Link(one.reader, False)) for one in track.outages]
    links += [(one.to_t, _Link(one.reader, True)) for one in track.outages]
    return sorted([*links, *track.arrivals], key=lambda moment: moment[0])


def _until(t: float, now: float, pipeline: Pipeline) -> Iterator[Decision]:
    """What silence decides before `t`, each at its own moment; what has to wait for a reader, as soon as it can."""
    while (due_t := pipeline.due_t) is not None and due_t <= t:
        yield from pipeline.advance(due_t)
        if pipeline.due_t == due_t:
            yield from pipeline.advance(max(due_t, now))
            if pipeline.due_t == due_t:
                return
