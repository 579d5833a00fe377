"""Decisions -> what central systems receive: topic, CloudEvents envelope, an id that never changes.

Topic    {prefix}/{site}/{gateway}/evt/{type}
Envelope CloudEvents 1.0.2, JSON event format, structured mode
Id       {gateway}:{epoch}:{seq}: the epoch is born with the journal, seq counts without gaps from 1

The shapes of the documents are those of `core.documents`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from edgegw.core.documents import (
    EVENTS,
    EvidenceShape,
    IdentityShape,
    MovementData,
    Numbering,
    ObservationData,
    OutageData,
    OutagePlaces,
    PassageData,
    PlaceDocument,
    UnidentifiedData,
)
from edgegw.core.identity import Identity
from edgegw.core.model import Decision, Evidence, Movement, Observation, Outage, Passage, Passed, Unidentified

SCHEMA_VERSION = 1
TYPES = tuple(EVENTS)
"""The last level of the topics under evt/."""

# What a CloudEvents String must not hold (1.0.2, "Type System"): control characters, and noncharacters.
_INVISIBLE = {
    **{code: 0x2400 + code for code in range(0x20)},
    0x7F: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), *range(0xFDD0, 0xFDF0)], 0xFFFD),
    **dict.fromkeys([plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)], 0xFFFD),
}

Stamp = Callable[[float], str]
"""A time of the gateway's timeline -> UTC as RFC 3339."""

EventId = Callable[[int], str]
"""The number of an event -> its id."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who speaks. Goes into topic, source and id."""

    prefix: str
    site: str
    gateway: str

    @property
    def base(self) -> str:
        """First levels of every topic of this gateway."""
        return f"{self.prefix}/{self.site}/{self.gateway}"


class OutgoingEvent(NamedTuple):
    """An event that is decided and has no number yet. `time` and all stamps are final: RFC 3339, UTC."""

    type: str
    subject: str
    time: str
    data: Mapping[str, Any]


def describe(decision: Decision, stamp: Stamp, event_id: EventId) -> OutgoingEvent | None:
    """The event of a decision; None for one that no central system asked about: no movement, an outage that lasts."""
    match decision:
        case Movement():
            return _movement(decision, stamp)
        case Observation(unit, t, place, station, evidence, location):
            seen: ObservationData = {
                "unit": unit.unit,
                "place": place,
                "station": station,
                "location": location,
                "time": stamp(t),
                "identity": _identity(unit),
                "evidence": _evidence(evidence, stamp),
            }
            return OutgoingEvent("observation", unit.unit, stamp(t), seen)
        case Unidentified(identity, t, station, evidence):
            scanned: UnidentifiedData = {
                "station": station,
                "time": stamp(t),
                "reason": identity.reason,
                "identity": _identity(identity),
                "evidence": _evidence(evidence, stamp),
            }
            return OutgoingEvent("unidentified", evidence.tag, stamp(t), scanned)
        case Passage():
            return _passage(decision, stamp, event_id)
        case Outage():
            return _outage(decision, stamp)
        case Passed():
            return None


def _movement(movement: Movement, stamp: Stamp) -> OutgoingEvent:
    unit = unit_key(movement.unit)
    data: MovementData = {
        "unit": unit,
        "from": movement.origin,
        "to": movement.place,
        "direction": movement.direction,
        "location": movement.location,
        "time": stamp(movement.t),
        "decided": stamp(movement.decided_t),
        "identity": _identity(movement.unit),
        "evidence": _evidence(movement.evidence, stamp),
    }
    if movement.door:
        data["door"] = movement.door
    else:
        data["station"] = movement.station
    return OutgoingEvent("movement", unit, stamp(movement.t), data)


def _passage(passage: Passage, stamp: Stamp, event_id: EventId) -> OutgoingEvent:
    name = f"{passage.door}/{passage.number}"
    data: PassageData = {
        "passage": name,
        "part": passage.part,
        "parts": passage.parts,
        "from": passage.origin,
        "to": passage.place,
        "direction": passage.direction,
        "door": passage.door,
        "location": passage.location,
        "first": stamp(passage.first_t),
        "last": stamp(passage.last_t),
        "decided": stamp(passage.decided_t),
        "count": passage.total,
        "pallet": passage.pallet,
        "ssccs": list(passage.ssccs),
        "units": [
            {"unit": one.unit, "time": stamp(one.t), "movement": event_id(one.number)} for one in passage.crossings
        ],
    }
    return OutgoingEvent("passage", passage.pallet or name, stamp(passage.last_t), data)


def _outage(outage: Outage, stamp: Stamp) -> OutgoingEvent | None:
    if outage.since_t is None or outage.until_t is None:
        return None
    data: OutageData = {
        **outage_places(outage),
        "since": stamp(outage.since_t),
        "until": stamp(outage.until_t),
        "duration_s": round(outage.until_t - outage.since_t, 3),
        "interruptions": outage.interruptions,
        "recovered": outage.recovered,
    }
    return OutgoingEvent("outage", str(outage.port), stamp(outage.until_t), data)


def outage_places(outage: Outage) -> OutagePlaces:
    """What is out, why, and where that counts: also for the status, while it lasts."""
    return {
        "device": outage.port.device,
        "antenna": outage.port.antenna or None,
        "input": outage.port.input or None,
        "cause": outage.cause,
        "reason": outage.reason,
        "doors": list(outage.doors),
        "stations": list(outage.stations),
    }


def last_seen(event: OutgoingEvent, event_id: str) -> tuple[str, PlaceDocument] | None:
    """Door or station of a movement or observation, and what was seen there last; None for other events."""
    data = event.data
    if event.type not in ("movement", "observation"):
        return None
    return data.get("door") or data["station"], {
        "unit": data["unit"],
        "from": data.get("from", data.get("place")),
        "to": data.get("to", data.get("place")),
        "direction": data.get("direction"),
        "location": data["location"],
        "time": event.time,
        "event": event_id,
    }


def unit_key(identity: Identity) -> str:
    """The key of a unit; for a tag that no rule names, its raw URI (TDS 2.3, 12.2.1)."""
    return identity.unit or identity.epc_uri


def _identity(identity: Identity) -> IdentityShape:
    return {"kind": identity.kind, "scheme": identity.scheme, "attributes": dict(identity.attributes)}


def _evidence(evidence: Evidence, stamp: Stamp) -> EvidenceShape:
    return {
        "tag": evidence.tag,
        "reads": evidence.reads,
        "antennas": list(evidence.antennas),
        "peak_rssi_dbm": evidence.peak_rssi_dbm,
        "first": stamp(evidence.first_t),
        "last": stamp(evidence.last_t),
        "span_s": round(evidence.last_t - evidence.first_t, 3),
        "reader_clock_s": evidence.reader_t,
        "late": evidence.late,
    }


def event_type(name: str) -> str:
    return f"edgegw.{name}.v{SCHEMA_VERSION}"


def data_schema(name: str) -> str:
    """Name of the JSON Schema of such a document: its `$id` in docs/contract/."""
    return f"urn:edgegw:schema:{name}:v{SCHEMA_VERSION}"


def event_id(gateway: str, epoch: str, seq: int) -> str:
    return f"{gateway}:{epoch}:{seq}"


def numbering(gateway: str, epoch: str, seq: int) -> Numbering:
    """The attributes that say which event it is. `sequence` sorts as texts do (CloudEvents sequence extension)."""
    return {
        "id": event_id(gateway, epoch, seq),
        "gateway": gateway,
        "epoch": epoch,
        "seq": seq,
        "sequence": f"{seq:020}",
    }


def encode(event: OutgoingEvent, origin: Origin, epoch: str, seq: int) -> tuple[str, bytes]:
    """Topic and payload of the event with its number."""
    envelope = {
        "specversion": "1.0",
        "source": "/" + quote(origin.base, safe="/-._~!$&'()*,;=:@"),
        "type": event_type(event.type),
        "subject": _visible(event.subject),
        "time": event.time,
        "datacontenttype": "application/json",
        "dataschema": data_schema(event.type),
        **numbering(origin.gateway, epoch, seq),
        "data": event.data,
    }
    payload = json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return f"{origin.base}/evt/{event.type}", payload


def _visible(text: str) -> str:
    """As a CloudEvents String: control characters by their pictures, what is no character by U+FFFD."""
    return text.translate(_INVISIBLE)
