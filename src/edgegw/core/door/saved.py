"""What is weighed and known of a unit, as text: one line of JSON, and one more for each read that came after it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from edgegw.core.door.episode import Episode, Seen
from edgegw.core.door.glimpse import Glimpse
from edgegw.core.model import Side, TagRead

_line = json.JSONEncoder(separators=(",", ":")).encode
"""JSON without a line break in it."""
_quoted = lru_cache(maxsize=1024)(_line)
"""Names of readers, which are few."""


class Saved(NamedTuple):
    """What was saved: the episode, what was known, and the reads that both have not seen."""

    episode: Episode | None
    known: Any
    seen: list[Seen]


def to_json(episode: Episode | None, known: object) -> str:
    """One line: what is being weighed of a unit, None = nothing, and what is `known` of it, in terms of JSON."""
    return _line({"known": known} | (_fields(episode) if episode else {}))


def _fields(episode: Episode) -> dict[str, Any]:
    read = episode.read
    return {
        "glimpses": episode.glimpses,
        "span": [episode.first_t, episode.last_t],
        "antennas": list(episode.antennas),
        "peak": episode.peak_rssi_dbm,
        "late": episode.late,
        "reads": episode.reads,
        "follows": episode.follows,
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
    }


def growth(seen: Iterable[Seen]) -> str:
    """A line for each, to be appended to `to_json`. All reads of a gateway are written so, hence by hand.

    >>> growth([(TagRead("dock-1", 2, b"", 96, 7.25, None, None, 9.5), "inside")])
    '\\n[7.25,"inside","dock-1",2,null,9.5,false]'
    """
    lines = ""
    for (reader, antenna, _, _, t, dbm, _, reader_t, late), side in seen:
        signal = f"{'null' if dbm is None else dbm},{'null' if reader_t is None else reader_t}"
        lines += f'\n[{t},"{side}",{_quoted(reader)},{antenna},{signal},{"true" if late else "false"}]'
    return lines


def from_json(state: str) -> Episode:
    """With all its reads. Raises ValueError for what is no state, and where nothing is being weighed."""
    episode, _, unseen = parse(state)
    if episode is None:
        raise ValueError("nothing is being weighed")
    for one in unseen:
        episode.add(*one)
    return episode


def parse(state: str) -> Saved:
    """Raises ValueError for anything that `to_json` and `growth` did not make."""
    first, *lines = state.split("\n")
    try:
        saved = json.loads(first)
        known = saved["known"]
        if "read" not in saved:
            return Saved(None, known, [])
        episode = _episode(saved)
        return Saved(episode, known, [_seen(episode.read, *json.loads(one)) for one in lines])
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a saved episode: {error!r}") from None


def _episode(saved: dict[str, Any]) -> Episode:
    reader, antenna, epc, epc_bits, t, rssi_dbm, pc, reader_t = saved["read"]
    signal = (number_or_none(rssi_dbm), None if pc is None else int(pc), number_or_none(reader_t))
    read = TagRead(str(reader), int(antenna), bytes.fromhex(epc), int(epc_bits), number(t), *signal)
    episode = Episode(read, bool(saved["follows"]))
    episode.glimpses = [_glimpse(*numbers) for numbers in saved["glimpses"]]
    episode.sides = {one.side for one in episode.glimpses}
    episode.first_t, episode.last_t = map(number, saved["span"])
    episode.antennas = dict.fromkeys((str(reader), int(antenna)) for reader, antenna in saved["antennas"])
    episode.peak_rssi_dbm = number_or_none(saved["peak"])
    episode.late = bool(saved["late"])
    episode.reads = int(saved["reads"])
    if not episode.glimpses:
        raise ValueError("not a saved episode: it has no reads")
    return episode


def _seen(
    tag: TagRead, t: object, side: str, reader: str, antenna: int, rssi_dbm: object, reader_t: object, late: bool
) -> Seen:
    read = tag._replace(
        reader=str(reader),
        antenna=int(antenna),
        t=number(t),
        rssi_dbm=number_or_none(rssi_dbm),
        reader_t=number_or_none(reader_t),
        late=bool(late),
    )
    return read, side_of(side)


def _glimpse(t: float, side: str, weight: float, reads: int, peak_dbm: float | None) -> Glimpse:
    if not weight > 0 or not reads > 0:
        raise ValueError(f"not a saved episode: weight {weight!r}, reads {reads!r}")
    return Glimpse(number(t), side_of(side), number(weight), int(reads), number_or_none(peak_dbm))


def side_of(saved: object) -> Side:
    """Raises ValueError for what names no side."""
    if saved not in ("inside", "outside"):
        raise ValueError(f"not a saved episode: side {saved!r}")
    return "inside" if saved == "inside" else "outside"


def number(saved: object) -> float:
    """JSON knows Infinity and NaN in Python's hand: no time is that."""
    read = float(saved)  # type: ignore[arg-type]  # whatever is no number is a TypeError here
    if not math.isfinite(read):
        raise ValueError(f"not a saved episode: {read}")
    return read


def number_or_none(saved: object) -> float | None:
    return None if saved is None else number(saved)
