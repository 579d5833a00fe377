"""What a gateway would have decided on a recording, which holds reads alone: doors decide as without photo-eyes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edgegw.cli.replay import replayed
from edgegw.config import Config
from edgegw.core.counters import Counters
from edgegw.core.model import Decision, TagRead


def rehearse(config: Config, reads: Iterable[TagRead]) -> Iterator[Decision]:
    """The decisions in the order in which they would have been made."""
    blind = tuple(door.model_copy(update={"photo_eye": None}) for door in config.doors)
    return replayed(config.model_copy(update={"doors": blind}), reads, Counters())
