"""An event that the broker does not take: the note that goes out in its place, and the event under a new number.

Its number must be accounted for, or consumers would take it for lost and wait for it. So a note with the same
number says that it is skipped. When the event is sent after all, it gets a number of its own: the old one is
spent, and a consumer would take it for a repeat.

>>> event = b'{"id":"gw:E:7","type":"edgegw.movement.v1","time":"T","gateway":"gw","epoch":"E","seq":7,"data":{}}'
>>> topic, note = skipped("edgegw/v1/dc/gw/evt/movement", event, "packet too large")
>>> topic, json.loads(note)["data"]
('edgegw/v1/dc/gw/evt/skipped', {'reason': 'packet too large', 'type': 'edgegw.movement.v1'})
>>> json.loads(renumbered(event, "E", 12))["id"]
'gw:E:12'
"""

from __future__ import annotations

import json
from typing import Any

from edgegw.core.documents import SkippedData
from edgegw.core.event import data_schema, event_type, numbering

SKIPPED = "skipped"
"""The last level of the topic of a note."""
_KEPT = ("specversion", "source", "time", "datacontenttype")
"""Not the subject: a text that the broker chokes on may stand there."""


def skipped(topic: str, payload: bytes, reason: str) -> tuple[str, bytes] | None:
    """Topic and payload of the note. None for a note, and for what is no event of ours: nothing can stand for it."""
    base, _, last = topic.rpartition("/")
    event = _envelope(payload)
    if event is None or last == SKIPPED:
        return None
    data: SkippedData = {"reason": reason, "type": event.get("type")}
    note = {key: event[key] for key in _KEPT if key in event}
    note |= {"type": event_type(SKIPPED), "dataschema": data_schema(SKIPPED)}
    note |= numbering(event["gateway"], event["epoch"], event["seq"])
    return f"{base}/{SKIPPED}", _dump({**note, "data": data})


def renumbered(payload: bytes, epoch: str, seq: int) -> bytes:
    """The same event with another number. Raises ValueError for what is no event of ours."""
    event = _envelope(payload)
    if event is None:
        raise ValueError("not an event of edgegw")
    return _dump({**event, **numbering(event["gateway"], epoch, seq)})


def _envelope(payload: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    match event:
        case {"gateway": str(), "epoch": str(), "seq": int()}:
            return dict(event)
    return None


def _dump(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
