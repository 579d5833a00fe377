"""Decisions in the words of a person at the dock: what was decided, why, and what would help.

The codes are those of `edgegw.core.door`; docs/doors.md has them as a table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from edgegw.core.door.order import CLEAR
from edgegw.core.model import Evidence, LoadVote, Movement, Observation, Passed, SideSight, Why
from edgegw.core.packed import Logged

FEW_READS = 3
"""So few reads of one pass leave much to chance."""

MORE_READS = "`session: 0` and `search: dual` on the reader give more reads a pass"
_APART = "turn the antennas of the two sides further apart, or their power down, so that each side hears its own side"
_AWAY = "keep goods out of sight of the antennas: some metres from the door, or with less power"

VERDICTS = {
    "one-side": "only one side heard it",
    "turned-back": "it came to the door and went back",
    "no-order": "both sides heard it at the same time",
    "steady": "it lies still",
    "parked": "it stays in view of the door",
    "weak": "it is fainter than what crosses here",
    "vetoed-by-load": "the units around it did not cross",
    "crossed": "its load crossed the other way",
    "other-door": "another door has this pass",
    "no-beam": "nothing went through the photo-eyes",
    "blind": "only one side heard it, and the other one was out",
}
"""Why a door saw no movement, in short."""

CURES = {
    "one-side": "no antenna of the other side has heard it. If it did go through, see what `edgegw tune` says about "
    "that side: an antenna without a cable, in the wrong list of `sides`, or too weak",
    "turned-back": "a unit that goes through must get out of sight of the side that it came from; "
    "goods that are put down right behind the door look like this",
    "no-order": _APART,
    "steady": f"{_AWAY}. A unit that has lain there for long and is then taken through needs some seconds of movement "
    "in view",
    "parked": f"{_AWAY}. If it does move in view all the time, `max_open_s` is too short for it",
    "weak": "more power, an antenna nearer to the way, or the tag on a side of the goods that the antennas see",
    "vetoed-by-load": "if it crossed alone while the others stayed, keep it some seconds apart from them, or set "
    "`load: {min_tags: 0}`",
    "crossed": "if it did go against its load, keep it some seconds apart from it",
    "other-door": "if it went through this door, the other one hears too far: less power there",
    "no-beam": "see in `edgegw status` whether the input changes when something goes through: cable, power, alignment, "
    "and `level` in `photo_eye`",
    "blind": "the outage stands in `edgegw status`; what crossed meanwhile must be booked by hand",
}
"""What would help, if it did move."""


def clock(t: float, decimals: int = 0) -> str:
    """The time of day here."""
    local = datetime.fromtimestamp(t).astimezone()
    return local.strftime("%H:%M:%S") + (f".{local.microsecond // 100_000}" if decimals else "")


def moment(t: float) -> str:
    """The same, with the date when it is not of the last 12 hours."""
    local = datetime.fromtimestamp(t).astimezone()
    is_today = abs(datetime.now().astimezone() - local) < timedelta(hours=12)
    return clock(t) if is_today else f"{local:%Y-%m-%d} {clock(t)}"


def verdict(decision: Logged) -> str:
    """What was decided, in a few words."""
    match decision:
        case Movement(origin=origin, place=place, direction=direction):
            if direction:
                return f"MOVED {direction}, from {origin} to {place}"
            return f"ARRIVED at {place}" + (f", from {origin}" if origin else "")
        case Passed(reason=reason):
            return f"no movement: {VERDICTS.get(reason, reason)}"
        case Observation():
            return "seen again, it was here already"
        case _:
            return "no unit"


def because(decision: Logged) -> str:
    """The reason and its numbers, in one or two sentences."""
    match decision:
        case Movement(why=Why() as why) | Passed(why=Why() as why):
            explain = _BECAUSE.get(why.code if isinstance(decision, Movement) else decision.reason, _by_order)
            return f"{explain(why, decision.evidence)}{_backlog(decision.evidence)}"
        case Movement(evidence=evidence) | Observation(evidence=evidence):
            return f"Read by {' and '.join(evidence.antennas)}.{_backlog(evidence)}"
        case Passed():
            return ""
        case _:
            return f"Read by {' and '.join(decision.evidence.antennas)}: {decision.identity.reason}."


def cure(decision: Logged) -> str:
    """What would help if it is wrong; empty when there is nothing to say."""
    if not isinstance(decision, Passed):
        return ""
    cures = [CURES.get(decision.reason, "")]
    if decision.evidence.reads <= FEW_READS and decision.reason in ("one-side", "no-order", "turned-back"):
        cures.append(f"{counted(decision.evidence.reads, 'read')} are few: {MORE_READS}")
    return ". ".join(text[:1].upper() + text[1:] for text in cures if text)


# ------------------------------------------------------------ the sentences


def _by_order(why: Why, evidence: Evidence) -> str:
    return f"{_both(why)}{_vote(why.load)}."


def _went_with_load(why: Why, evidence: Evidence) -> str:
    return f"{_both(why)}. That alone decides nothing, but its reads fit those of its load{_vote(why.load)}."


def _was_there_before(why: Why, evidence: Evidence) -> str:
    since = f" since {clock(why.known_t)}" if why.known_t is not None else ""
    return f"{_only(why)}, and it was known to be on the other side{since}: so it has crossed."


def _had_visited(why: Why, evidence: Evidence) -> str:
    return (
        f"{_both(why)}. Before, it had come to the door on the other side and vanished there: that was when it crossed."
    )


def _one_side(why: Why, evidence: Evidence) -> str:
    return f"{_only(why)}: it passed by or stands there."


def _turned_back(why: Why, evidence: Evidence) -> str:
    return f"{_both(why)}, and it was last heard where it was heard first: it came to the door and went back."


def _no_order(why: Why, evidence: Evidence) -> str:
    if why.clarity is not None and why.clarity < CLEAR:
        return f"{_both(why)}: the reads of the two sides lie over each other (clarity {why.clarity:.1f} of {CLEAR})."
    return f"{_both(why)}: that is too close, or no other than what this tag gives when it just lies there."


def _steady(why: Why, evidence: Evidence) -> str:
    limit = f"; what lies still at this door wanders by less than {why.steady_db:.1f} dB" if why.steady_db else ""
    return f"Its signal wanders by only {why.spread_db or 0:.1f} dB from second to second{limit}."


def _parked(why: Why, evidence: Evidence) -> str:
    return f"It is in view without a break and has not crossed. {_both(why)}."


def _weak(why: Why, evidence: Evidence) -> str:
    faint = f": what crosses here comes with {why.faint_dbm:.0f} dBm or more" if why.faint_dbm is not None else ""
    return f"{_both(why)}{faint}."


def _vetoed(why: Why, evidence: Evidence) -> str:
    return f"{_both(why)}{_veto(why.load)}: the load came to the door and went back."


def _veto(load: LoadVote | None) -> str:
    if load is None:
        return ""
    if 2 * load.agreed < load.of:
        return f", but only {load.agreed} of the {load.of} units around it crossed"
    return f", and so did {load.agreed} of the {load.of} units around it, but all their reads together are no crossing"


def _other_door(why: Why, evidence: Evidence) -> str:
    return f"{_both(why)}, but another door heard the same pass better."


def _blind(why: Why, evidence: Evidence) -> str:
    return f"{_only(why)}. The other side's antennas could hear nothing at that time, so their silence means nothing."


def _no_beam(why: Why, evidence: Evidence) -> str:
    return f"{_both(why)}{_vote(why.load)}: it seems to have crossed, but the photo-eyes saw nothing go through."


def _by_beam(why: Why, evidence: Evidence) -> str:
    return f"{_both(why)}. Which way it went is what the photo-eyes saw."


_BECAUSE: dict[str, Callable[[Why, Evidence], str]] = {
    "load": _went_with_load,
    "memory": _was_there_before,
    "visit": _had_visited,
    "one-side": _one_side,
    "turned-back": _turned_back,
    "no-order": _no_order,
    "steady": _steady,
    "parked": _parked,
    "weak": _weak,
    "vetoed-by-load": _vetoed,
    "other-door": _other_door,
    "no-beam": _no_beam,
    "blind": _blind,
    "beam": _by_beam,
}


# ------------------------------------------------------------ their parts


def _both(why: Why) -> str:
    """Who heard it when, in the order in which it happened; also when that was one side only."""
    if why.inside is None or why.outside is None:
        return _only(why)
    sides = sorted([(why.inside.centre_t, "inside", why.inside), (why.outside.centre_t, "outside", why.outside)])
    (first_t, first, seen_first), (then_t, then, seen_then) = sides
    return (
        f"The {first} antennas heard it best around {clock(first_t, 1)} ({_how_well(seen_first)}), "
        f"the {then} ones around {clock(then_t, 1)} ({_how_well(seen_then)}), {then_t - first_t:.1f} s later"
    )


def _only(why: Why) -> str:
    sight = why.inside or why.outside
    if sight is None:
        return "Nothing is known of its reads"
    side = "inside" if why.inside else "outside"
    return f"Only the {side} antennas heard it, best around {clock(sight.centre_t, 1)} ({_how_well(sight)})"


def _how_well(sight: SideSight) -> str:
    dbm = f"{sight.peak_rssi_dbm:.0f} dBm, " if sight.peak_rssi_dbm is not None else ""
    return f"{dbm}{counted(sight.reads, 'read')}"


def _vote(load: LoadVote | None) -> str:
    return f"; {load.agreed} of {load.of} units of its load agree" if load else ""


def _backlog(evidence: Evidence) -> str:
    return " Some of the reads came long after they were made: the reader had been away." if evidence.late else ""


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "read"), counted(2, "read")
    ('1 read', '2 reads')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
