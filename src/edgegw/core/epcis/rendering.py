"""An event as an EPCIS 2.0 event: bare, in JSON/JSON-LD, with its event hash id.

Made of the CloudEvent alone, as it stands in the journal: sent again after a year it is the same, id included.

| event                 | becomes                                                                             |
|-----------------------|-------------------------------------------------------------------------------------|
| movement, observation | ObjectEvent, OBSERVE (EPCIS 2.0, 7.4.2): the unit was seen, and why                 |
| passage of a pallet,  | AggregationEvent, OBSERVE (7.4.3): the other units are on the pallet with that SSCC |
| where that is wanted  |                                                                                     |
| anything else         | nothing: EPCIS has no words for it, and none for a tag that no rule names           |

`edgegw:id` is the id of the CloudEvent, and with it gateway, epoch and number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from edgegw.core.documents import Business, EpcisDocument, EpcisEvent
from edgegw.core.epcis.event_hash import event_hash

EPCIS_CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
NAMESPACE: Final = "urn:edgegw:"
CONTEXT: Final[list[str | dict[str, str]]] = [EPCIS_CONTEXT, {"edgegw": NAMESPACE}]

Data = Mapping[str, Any]

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+", re.ASCII)
_RAW: Final = "urn:epc:raw:"  # bits, no identity


def epcis_event(event: Mapping[str, Any]) -> EpcisEvent | None:
    """The EPCIS event of a CloudEvent of ours; None where there is none."""
    data: Data = event["data"]
    match event["type"].split(".")[1]:
        case "movement" | "observation" if _is_named(data["unit"]):
            rendered = _observed(event, "ObjectEvent", data)
            rendered["epcList"] = [data["unit"]]
        case "passage" if "epcis" in data and (children := _children(data)):
            rendered = _observed(event, "AggregationEvent", data)
            rendered["parentID"], rendered["childEPCs"] = data["pallet"], children
        case _:
            return None
    rendered["eventID"] = event_hash(rendered)
    return rendered


def epcis_document(events: Sequence[EpcisEvent]) -> EpcisDocument:
    """Events as one message (EPCIS 2.0, 9.5). Its date is that of the last event, so that it never changes either."""
    for event in events:
        event.pop("@context", None)
    return {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": events[-1]["eventTime"],
        "epcisBody": {"eventList": list(events)},
    }


def _observed(event: Mapping[str, Any], kind: Literal["ObjectEvent", "AggregationEvent"], data: Data) -> EpcisEvent:
    """When, where and why (EPCIS 2.0, 7.3): the what is to be added."""
    rendered: EpcisEvent = {
        "@context": CONTEXT,
        "type": kind,
        "eventTime": event["time"],
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "edgegw:id": event["id"],
    }
    business: Business = data.get("epcis", {})
    if "bizStep" in business:
        rendered["bizStep"] = business["bizStep"]
    if "disposition" in business:
        rendered["disposition"] = business["disposition"]
    if "readPoint" in business:
        rendered["readPoint"] = {"id": business["readPoint"]}
    if "bizLocation" in business:
        rendered["bizLocation"] = {"id": business["bizLocation"]}
    return rendered


def _children(passage: Data) -> list[str]:
    """What is on the pallet; nothing without one."""
    if not passage["pallet"]:
        return []
    units = (one["unit"] for one in passage["units"])
    return [unit for unit in units if unit != passage["pallet"] and _is_named(unit)]


def _is_named(unit: str) -> bool:
    return _URI.fullmatch(unit) is not None and not unit.startswith(_RAW)
