"""Decisions in some 130 bytes each, for the log that `edgegw why` reads; complete as far as the reasons go.

JSON, deflated (RFC 1951) with a preset dictionary that looks like one. Only `t` is absolute; every other time is a
distance from it, in hundredths of a second. What is None, empty or false is left out. `heard` is flat, three numbers
for each moment: when, how many reads (negative = by the outside), peak RSSI in tenths of a dBm. Of the identity its
key, scheme and reason are kept.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from edgegw.core.event import unit_key
from edgegw.core.identity.value import Identity
from edgegw.core.model import (
    Evidence,
    Heard,
    LoadVote,
    Movement,
    Observation,
    Passed,
    Side,
    SideSight,
    Unidentified,
    Why,
)

Logged = Movement | Passed | Observation | Unidentified
"""What is decided about one unit."""

MAX_TEXT = 512
"""Longer keys and scans are cut: what somebody scans must not fill the log."""

MAX_PLAIN_BYTES = 65_536

_DICTIONARY = b"""\
{"is":"unidentified","at":"packing","scheme":"raw","reason":"no rule fits this text","evidence":{"tag":"\
{"is":"observation","scheme":"gs1","evidence":{"tag":"]d2","reads":1,"antennas":["first":0,"last":0},"to":"packing"}
"late":true},"from":"outside","to":"inside","direction":"in","why":{"code":"memory""code":"visit""code":"load"
"vetoed-by-load""other-door""no-order""turned-back""weak","inside":["faint_dbm":-7
{"is":"passed","told":0,"why":{"code":"parked","code":"one-side","code":"steady","inside":[
{"is":"movement","t":17500000.5,"unit":"https://id.gs1.org/01/0952123454321/21/1","at":"door-1","scheme":"sgtin-96",\
"evidence":{"tag":"303416433400000000000","reads":6,"antennas":["dock-1/1","dock-1/2","dock-1/3","dock-1/4"],\
"first":-386,"last":372,"peak":-61.5},"told":472,"from":"inside","to":"outside","direction":"out",\
"why":{"code":"crossed","inside":[4,-193,-61.5],"outside":[2,193,-68.0],"order_s":3.86,"clarity":2.39,\
"spread_db":2.7,"load":[-47,44,45],"steady_db":0.5,"faint_dbm":-67.5,"known":66,\
"heard":[-386,1,-735,-207,1,-615,-181,2,-640,-104,-1,-680,66,-1,-680,372,-1,-695]}}"""
"""Another one makes entries that were written with this one unreadable; they are gone after a week."""

_Fields = dict[str, Any]


def log_key(decision: Logged) -> str:
    """What the decision is found by: the unit's key, or for a scan that names none, what it said."""
    if isinstance(decision, Unidentified):
        return (decision.identity.unit or decision.evidence.tag)[:MAX_TEXT]
    return unit_key(decision.unit)[:MAX_TEXT]


def read_point(decision: Logged) -> str:
    """The door or station that decided."""
    return decision.door or decision.station if isinstance(decision, Movement) else _point(decision)


def _point(decision: Observation | Unidentified | Passed) -> str:
    return decision.door if isinstance(decision, Passed) else decision.station


def pack(decision: Logged, shift_s: float = 0.0) -> bytes:
    """`shift_s` is added to all times: from the gateway's timeline to the wall clock."""
    identity = decision.identity if isinstance(decision, Unidentified) else decision.unit
    fields: _Fields = {
        "is": type(decision).__name__.lower(),
        "t": round(decision.t + shift_s, 3),
        "unit": log_key(decision),
        "at": read_point(decision),
        "scheme": identity.scheme,
        "reason": identity.reason,
        "evidence": _evidence(decision.evidence, decision.t),
        **_of_its_kind(decision),
    }
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS, zdict=_DICTIONARY)
    return deflate.compress(json.dumps(_given(fields), separators=(",", ":")).encode()) + deflate.flush()


def _of_its_kind(decision: Logged) -> _Fields:
    match decision:
        case Movement():
            return {
                "told": _away(decision.decided_t, decision.t),
                "from": decision.origin,
                "to": decision.place,
                "direction": decision.direction,
                "why": _why(decision.why, decision.t),
            }
        case Passed():
            return {"told": _away(decision.decided_t, decision.t), "why": _why(decision.why, decision.t)}
        case Observation():
            return {"to": decision.place}
        case Unidentified():
            return {}


def _evidence(evidence: Evidence, t: float) -> _Fields:
    return _given(
        {
            "tag": evidence.tag[:MAX_TEXT],
            "reads": evidence.reads,
            "antennas": list(evidence.antennas),
            "first": _away(evidence.first_t, t),
            "last": _away(evidence.last_t, t),
            "peak": evidence.peak_rssi_dbm,
            "late": evidence.late,
        }
    )


def _why(why: Why | None, t: float) -> _Fields | None:
    if why is None:
        return None
    return _given(
        {
            "code": why.code,
            "inside": _sight(why.inside, t),
            "outside": _sight(why.outside, t),
            "order_s": _rounded(why.order_s),
            "clarity": _rounded(why.clarity),
            "spread_db": _rounded(why.spread_db),
            "load": [_away(why.load.t, t), why.load.agreed, why.load.of] if why.load else None,
            "steady_db": _rounded(why.steady_db),
            "faint_dbm": _rounded(why.faint_dbm),
            "known": None if why.known_t is None else _away(why.known_t, t),
            "heard": [number for one in why.heard for number in _heard(one, t)],
        }
    )


def _sight(sight: SideSight | None, t: float) -> list[Any] | None:
    return [sight.reads, _away(sight.centre_t, t), sight.peak_rssi_dbm] if sight else None


def _heard(one: Heard, t: float) -> tuple[int, int, int | None]:
    reads = one.reads if one.side == "inside" else -one.reads
    return _away(one.t, t), reads, None if one.peak_rssi_dbm is None else round(one.peak_rssi_dbm * 10)


def _away(t: float, from_t: float) -> int:
    return round((t - from_t) * 100)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _given(fields: _Fields) -> _Fields:
    """Without what is None, empty or false; numbers stay."""
    return {name: value for name, value in fields.items() if value or (value == 0 and value is not False)}


# ------------------------------------------------------------ and back


def unpack(packed: bytes) -> Logged:
    """The decision. Raises ValueError for anything that `pack` did not make."""
    inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS, zdict=_DICTIONARY)
    try:
        return _decision(json.loads(inflate.decompress(packed, MAX_PLAIN_BYTES)))
    except (zlib.error, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a logged decision: {error!r}") from None


def _decision(fields: _Fields) -> Logged:
    kind, t, at = fields["is"], float(fields["t"]), str(fields["at"])
    identity = Identity("unit", str(fields["unit"]), fields.get("scheme", ""), reason=fields.get("reason", ""))
    evidence = _read_evidence(fields["evidence"], t)
    told_t = t + fields.get("told", 0) / 100
    why = _read_why(fields["why"], t) if "why" in fields else None
    match kind:
        case "movement":
            direction = fields.get("direction")
            place = {"door": at, "direction": direction} if direction else {"station": at}
            return Movement(identity, t, told_t, fields.get("from"), str(fields["to"]), evidence, why=why, **place)
        case "passed":
            return Passed(identity, t, told_t, at, why.code if why else "", evidence, why)
        case "observation":
            return Observation(identity, t, str(fields["to"]), at, evidence)
        case "unidentified":
            return Unidentified(identity, t, at, evidence)
    raise ValueError(f"not a logged decision: {kind!r}")


def _read_evidence(fields: _Fields, t: float) -> Evidence:
    return Evidence(
        tag=str(fields.get("tag", "")),
        reads=int(fields["reads"]),
        antennas=tuple(map(str, fields.get("antennas", ()))),
        first_t=t + fields["first"] / 100,
        last_t=t + fields["last"] / 100,
        peak_rssi_dbm=_number(fields.get("peak")),
        late=bool(fields.get("late")),
    )


def _read_why(fields: _Fields, t: float) -> Why:
    load = fields.get("load")
    return Why(
        code=str(fields["code"]),
        inside=_read_sight(fields.get("inside"), t),
        outside=_read_sight(fields.get("outside"), t),
        order_s=_number(fields.get("order_s")),
        clarity=_number(fields.get("clarity")),
        spread_db=_number(fields.get("spread_db")),
        load=LoadVote(t + load[0] / 100, int(load[1]), int(load[2])) if load else None,
        steady_db=_number(fields.get("steady_db")),
        faint_dbm=_number(fields.get("faint_dbm")),
        known_t=t + fields["known"] / 100 if "known" in fields else None,
        heard=tuple(_read_heard(fields.get("heard", []), t)),
    )


def _read_sight(numbers: Sequence[Any] | None, t: float) -> SideSight | None:
    return SideSight(int(numbers[0]), t + numbers[1] / 100, _number(numbers[2])) if numbers else None


def _read_heard(numbers: Sequence[Any], t: float) -> Iterator[Heard]:
    for away, reads, peak in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        side: Side = "inside" if reads > 0 else "outside"
        yield Heard(t + away / 100, side, abs(int(reads)), None if peak is None else peak / 10)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
