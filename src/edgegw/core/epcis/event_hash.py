"""The event hash id of CBV 2.0, 8.9.2: an id that anybody can compute from the event itself, however it is written.

Keys and canonical values of the event are written one after the other, in an order of their own, into the pre-hash
string; its SHA-256 is the id. Lists are sorted by what is written of their items. Not part of it: eventID, recordTime,
errorDeclaration, comments.

Where the text of the standard leaves a choice, the published vectors decide (RalphTro/epcis-event-hash-generator
1.9.3, tests/examples): a type stands before what it is the type of, and the lists of transactions, sources and
destinations stand with the extensions after the sensors, all of them sorted.

>>> event = {"type": "ObjectEvent", "eventTime": "2020-03-04T11:00:30+01:00", "action": "OBSERVE",
...          "epcList": ["urn:epc:id:sscc:4012345.0000000333"]}
>>> pre_hash(event).removeprefix("eventType=ObjectEvent")
'eventTime=2020-03-04T10:00:30.000ZepcListepc=https://id.gs1.org/00/040123450000003338action=OBSERVE'
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from edgegw.core.epcis.canonical import CBV, GS1, canonical_value
from edgegw.core.epcis.instant import canonical_instant

Event = Mapping[str, Any]
"""An EPCIS event in JSON/JSON-LD, parsed."""

Shape = Mapping[str, "Shape | str"]
"""Fields in their order. Of a leaf: the URI in front of a bare word there, `_TIME` for a timestamp, "" for nothing."""

_TIME: Final = "a timestamp"
_STEP, _DISPOSITION = CBV + "BizStep-", CBV + "Disp-"
_EPC: Final[Shape] = {}
_QUANTITY: Final[Shape] = {"epcClass": "", "quantity": "", "uom": ""}
_PLACE: Final[Shape] = {"id": ""}
_DEVICE: Final[Shape] = {"deviceID": "", "deviceMetadata": "", "rawData": "", "dataProcessingMethod": ""}
_VALUES: Final = ("stringValue", "booleanValue", "hexBinaryValue", "uriValue", "minValue", "maxValue", "meanValue")
_STATISTICS: Final = ("sDev", "percRank", "percValue", "uom", "coordinateReferenceSystem")
_SENSOR: Final[Shape] = {
    "sensorMetadata": {"time": _TIME, "startTime": _TIME, "endTime": _TIME, **_DEVICE, "bizRules": ""},
    "sensorReport": {
        "type": GS1,
        "exception": GS1,
        **_DEVICE,
        "time": _TIME,
        "microorganism": "",
        "chemicalSubstance": "",
        "value": "",
        "component": CBV + "Comp-",
        **dict.fromkeys((*_VALUES, *_STATISTICS), ""),
    },
}
_FIELDS: Final[Shape] = {
    "eventTime": _TIME,
    "eventTimeZoneOffset": "",
    "certificationInfo": "",
    "parentID": "",
    "epcList": _EPC,
    "inputEPCList": _EPC,
    "childEPCs": _EPC,
    "quantityList": _QUANTITY,
    "childQuantityList": _QUANTITY,
    "inputQuantityList": _QUANTITY,
    "outputEPCList": _EPC,
    "outputQuantityList": _QUANTITY,
    "action": "",
    "transformationID": "",
    "bizStep": _STEP,
    "disposition": _DISPOSITION,
    "persistentDisposition": {"set": _DISPOSITION, "unset": _DISPOSITION},
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "sensorElementList": _SENSOR,
}
_TYPED_LISTS: Final[Mapping[str, Shape]] = {
    "bizTransactionList": {"type": CBV + "BTT-", "bizTransaction": ""},
    "sourceList": {"type": CBV + "SDT-", "source": ""},
    "destinationList": {"type": CBV + "SDT-", "destination": ""},
}
_ITEMS: Final = {  # what the items of a list are called; other lists repeat the name of the field
    **dict.fromkeys(("epcList", "inputEPCList", "childEPCs", "outputEPCList"), "epc"),
    **dict.fromkeys(
        ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"), "quantityElement"
    ),
    "sensorElementList": "sensorElement",
    **dict.fromkeys(_TYPED_LISTS, ""),
}
_LEFT_OUT: Final = frozenset({"type", "eventID", "recordTime", "errorDeclaration"})
_COMMENTS: Final = frozenset({"@context", "comment", "rdfs:comment"})
_PREFIXES: Final = {  # of the EPCIS JSON-LD context
    "gs1": GS1,
    "cbv": CBV,
    "epcis": "https://ref.gs1.org/epcis/",
    "cbvmda": "urn:epcglobal:cbv:mda:",
}


def event_hash(event: Event, context: object = (), ignored: Iterable[str] = ()) -> str:
    """`ni:///sha-256;...?ver=CBV2.0`.

    context  the `@context` of the document that the event stands in; the event's own is seen by itself
    ignored  further keys of the event that are no part of it, such as a repository's own
    """
    digest = hashlib.sha256(pre_hash(event, context, ignored).encode("utf-8", "surrogatepass")).hexdigest()
    return f"ni:///sha-256;{digest}?ver=CBV2.0"


def pre_hash(event: Event, context: object = (), ignored: Iterable[str] = ()) -> str:
    """The string that is hashed. Parameters as in `event_hash`."""
    writer = _Writer({**_PREFIXES, **_prefixes(context), **_prefixes(event.get("@context", ()))})
    known = {name: value for name, value in event.items() if name not in _LEFT_OUT.union(ignored)}
    return f"eventType={event['type']}" + writer.event(known)


def _prefixes(context: object) -> dict[str, str]:
    """What a JSON-LD context calls prefixes; other contexts, known by their URI, are not opened."""
    parts = context if isinstance(context, list | tuple) else [context]
    entries = [entry for part in parts if isinstance(part, Mapping) for entry in part.items()]
    return {prefix: uri for prefix, uri in entries if isinstance(uri, str)}


class _Writer:
    """Writes keys and values, with the namespaces of one event."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._namespaces = namespaces

    def event(self, event: Event) -> str:
        others = (self._other(name, value) for name, value in event.items() if name not in _FIELDS)
        return self._regular(event, _FIELDS) + "".join(sorted(others))

    def _regular(self, parent: Event, shape: Shape) -> str:
        return "".join(self._field(name, parent[name], inner) for name, inner in shape.items() if name in parent)

    def _other(self, name: str, value: object) -> str:
        """A field after the regular ones."""
        return self._field(name, value, _TYPED_LISTS[name]) if name in _TYPED_LISTS else self._extension(name, value)

    def _field(self, name: str, value: object, shape: Shape | str) -> str:
        if isinstance(value, list):
            item = _ITEMS.get(name, name)
            inner = "".join(sorted(self._field(item, one, shape) for one in value))
            return name + inner if inner and item != name else inner
        if isinstance(value, Mapping):
            inner = self._object(value, shape if isinstance(shape, Mapping) else {})
            return name + inner if inner else ""
        text = self._value(value, shape if isinstance(shape, str) else "")
        return f"{name}={text}" if text else ""

    def _object(self, value: Event, shape: Shape) -> str:
        extensions = (self._extension(name, inner) for name, inner in value.items() if name not in shape)
        return self._regular(value, shape) + "".join(sorted(extensions))

    def _extension(self, name: str, value: object) -> str:
        """A field that the standard does not know: its name with the namespace in braces, its parts sorted."""
        if name in _COMMENTS or value is None:
            return ""
        if isinstance(value, list):
            return "".join(sorted(self._extension(name, one) for one in value))
        if isinstance(value, Mapping):
            return self._key(name) + "".join(sorted(self._extension(key, inner) for key, inner in value.items()))
        text = self._value(value, "")
        return self._key(name) + (f"={text}" if text else "")

    def _key(self, name: str) -> str:
        prefix, colon, local = name.partition(":")
        return f"{{{self._namespaces[prefix]}}}{local}" if colon and prefix in self._namespaces else name

    def _value(self, value: object, vocabulary: str) -> str:
        """`vocabulary` as a leaf of a `Shape`."""
        if value is None or isinstance(value, bool):
            return "" if value is None else str(value).lower()
        text = str(value).strip()
        if vocabulary == _TIME:
            return canonical_instant(text)
        prefix, colon, local = text.partition(":")
        if colon and prefix in self._namespaces:
            text = self._namespaces[prefix] + local
        elif vocabulary and text and not colon:
            return vocabulary + text
        return canonical_value(text)
