"""Decisions -> what central systems receive: topic, CloudEvents envelope, an id that never changes.

Topic    {prefix}/{site}/{gateway}/evt/{type}
Envelope CloudEvents 1.0.2, JSON event format, structured mode
Id       {gateway}:{epoch}:{seq}: the epoch is born with the journal, seq counts without gaps from 1
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgegw.core.identity import Identity
from edgegw.core.model import Decision, Evidence, Movement, Observation, Passed, Unidentified

SCHEMA_VERSION = 1
TYPES = ("movement", "observation", "unidentified")
"""The last level of the topics under evt/."""

Stamp = Callable[[float], str]
"""A time of the gateway's timeline -> UTC as RFC 3339."""


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
    data: dict[str, Any]


def describe(decision: Decision, stamp: Stamp) -> OutgoingEvent | None:
    """The event of a decision; None for one that no central system asked about (no movement)."""
    match decision:
        case Movement():
            return _movement(decision, stamp)
        case Observation(unit, t, place, station, evidence, location):
            where = {"place": place, "station": station, "location": location, "time": stamp(t)}
            data = {"unit": unit.unit, **where, **_common(unit, evidence, stamp)}
            return OutgoingEvent("observation", unit.unit, stamp(t), data)
        case Unidentified(identity, t, station, evidence):
            data = {
                "station": station,
                "time": stamp(t),
                "reason": identity.reason,
                **_common(identity, evidence, stamp),
            }
            return OutgoingEvent("unidentified", evidence.tag, stamp(t), data)
        case Passed():
            return None


def _movement(movement: Movement, stamp: Stamp) -> OutgoingEvent:
    unit = unit_key(movement.unit)
    where = {"door": movement.door} if movement.door else {"station": movement.station}
    data = {
        "unit": unit,
        "from": movement.origin,
        "to": movement.place,
        "direction": movement.direction,
        **where,
        "location": movement.location,
        "time": stamp(movement.t),
        "decided": stamp(movement.decided_t),
        **_common(movement.unit, movement.evidence, stamp),
    }
    return OutgoingEvent("movement", unit, stamp(movement.t), data)


def unit_key(identity: Identity) -> str:
    """The key of a unit; for a tag that no rule names, its raw URI (TDS 2.3, 12.2.1)."""
    return identity.unit or identity.epc_uri


def _common(identity: Identity, evidence: Evidence, stamp: Stamp) -> dict[str, Any]:
    return {
        "identity": {
            "kind": identity.kind,
            "scheme": identity.scheme,
            "attributes": dict(identity.attributes),
        },
        "evidence": {
            "tag": evidence.tag,
            "reads": evidence.reads,
            "antennas": list(evidence.antennas),
            "peak_rssi_dbm": evidence.peak_rssi_dbm,
            "first": stamp(evidence.first_t),
            "last": stamp(evidence.last_t),
            "span_s": round(evidence.last_t - evidence.first_t, 3),
            "reader_clock_s": evidence.reader_t,
            "late": evidence.late,
        },
    }


def encode(event: OutgoingEvent, origin: Origin, epoch: str, seq: int) -> tuple[str, bytes]:
    """Topic and payload of the event with its number."""
    envelope = {
        "specversion": "1.0",
        "id": f"{origin.gateway}:{epoch}:{seq}",
        "source": f"/{origin.base}",
        "type": f"edgegw.{event.type}.v{SCHEMA_VERSION}",
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": "application/json",
        "gateway": origin.gateway,
        "epoch": epoch,
        "seq": seq,
        "data": event.data,
    }
    payload = json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return f"{origin.base}/evt/{event.type}", payload
