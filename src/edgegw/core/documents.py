"""Everything that goes over the broker, as types: what central systems may rely on.

`python -m edgegw.contract` makes the JSON Schemas and the AsyncAPI document of docs/contract/ from these types: a text
in `Annotated` describes a field, `keywords` adds what JSON Schema can say. mypy checks the code that makes a document
against them, and the tests check every document that is published against the schemas.

A field may be added at any time, so consumers ignore what they do not know. A field is never removed or given another
meaning under the same version.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from edgegw.core.epcis.vocabulary import BIZ_STEPS, DISPOSITIONS


def keywords(**known: object) -> tuple[tuple[str, object], ...]:
    """Keywords of JSON Schema in a form that `Annotated` can compare."""
    return tuple(known.items())


Time = Annotated[
    str,
    "UTC, milliseconds (RFC 3339)",
    keywords(
        format="date-time", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples=("2026-11-21T10:00:03.120Z",)
    ),
]
Unit = Annotated[
    str,
    "key of a unit: a canonical GS1 Digital Link, or as docs/identity.md says",
    keywords(minLength=1, examples=("https://id.gs1.org/01/09506000134352/21/123456789",)),
]
Gln = Annotated[str, keywords(pattern=r"^\d{13}$")]
Epoch = Annotated[
    str,
    "born with the gateway's journal (a ULID); a new journal has a new epoch",
    keywords(minLength=1, examples=("01M7Y4KHFY5BXSJNRQHJ3YJYWQ",)),
]
Seq = Annotated[int, "number within the epoch: from 1, without gaps, in the order of decisions", keywords(minimum=1)]
Count = Annotated[int, keywords(minimum=0)]
EventId = Annotated[
    str,
    "{gateway}:{epoch}:{seq}; never changes",
    keywords(pattern=r"^[A-Za-z0-9_.-]+:[^:]+:[1-9]\d*$", examples=("dock-edge-1:01M7Y4KHFY5BXSJNRQHJ3YJYWQ:42",)),
]

# ---------------------------------------------------------------------------------------------------- events


class Numbering(TypedDict):
    """Which event it is."""

    id: EventId
    gateway: Annotated[str, "which gateway, unique on its site"]
    epoch: Epoch
    seq: Seq
    sequence: Annotated[
        str, "seq as 20 digits, which sort as texts do (CloudEvents sequence extension)", keywords(pattern=r"^\d{20}$")
    ]


class CloudEvent(Numbering):
    """CloudEvents 1.0.2 in the JSON event format, structured mode, with the extension attributes gateway, epoch, seq
    and sequence."""

    specversion: Literal["1.0"]
    source: Annotated[
        str,
        "/ and the gateway's first topic levels",
        keywords(format="uri-reference", examples=("/edgegw/v1/dc-1/dock-edge-1",)),
    ]
    type: Annotated[str, "edgegw.{type}.v{version}", keywords(pattern=r"^edgegw\.[a-z]+\.v\d+$")]
    subject: NotRequired[Annotated[str, "the unit, or what else it is about", keywords(minLength=1)]]
    time: Annotated[Time, "when it happened, UTC, by the reader's corrected clock"]
    datacontenttype: Literal["application/json"]
    dataschema: Annotated[
        str, "name of the schema of data", keywords(format="uri", pattern=r"^urn:edgegw:schema:[a-z]+:v\d+$")
    ]
    data: Annotated[dict[str, Any], "by type, see dataschema"]


class IdentityShape(TypedDict):
    """How the unit was known."""

    kind: Annotated[
        Literal["unit", "class", "location", "raw", "invalid"],
        "unit: one thing; class: a kind of thing; location: a place; raw: no rule names it; invalid: breaks a rule",
    ]
    scheme: Annotated[
        str,
        "how it was read",
        keywords(
            examples=(
                "sgtin-96",
                "gs1",
                "digital-link",
                "vendor",
            )
        ),
    ]
    attributes: Annotated[dict[str, str], "what travels with the unit and is not identity: lot, expiry, filter ..."]


class EvidenceShape(TypedDict):
    """What a decision rests on."""

    tag: Annotated[str, "EPC in hex, or the text of the scan"]
    reads: Annotated[int, "tag reports", keywords(minimum=1)]
    antennas: Annotated[list[str], "reader/antenna in order of first read; for a scan the scanner"]
    peak_rssi_dbm: Annotated[float | None, "strongest read; null: no reader reported it"]
    first: Time
    last: Time
    span_s: Annotated[float, "from first to last", keywords(minimum=0)]
    reader_clock_s: Annotated[
        float | None, "the reader's own stamp of the last read, uncorrected, in seconds (UTC or uptime); null: none"
    ]
    late: Annotated[bool, "some reads were reported long after they happened (a reader's backlog)"]


class Business(TypedDict):
    """Business context, with EPCIS switched on (CBV 2.0): configured at the read point."""

    bizStep: NotRequired[Annotated[str, "word of CBV, or a URI"]]
    disposition: NotRequired[Annotated[str, "word of CBV, or a URI"]]
    readPoint: NotRequired[Annotated[str, "URI of the place where it was seen"]]
    bizLocation: NotRequired[Annotated[str, "URI of the place where the unit is from then on"]]


class _Common(TypedDict):
    identity: IdentityShape
    evidence: EvidenceShape


_Way = TypedDict(
    "_Way",
    {
        "from": Annotated[str | None, "name of the place where the unit was; null: not known"],
        "to": Annotated[str, "name of the place where it is now: a side of the door, or the station"],
    },
)


class MovementData(_Common, _Way):
    """A unit went from one place to another."""

    unit: Unit
    direction: Annotated[Literal["in", "out"] | None, "at a door; null at a station"]
    door: NotRequired[Annotated[str, "where it crossed: this or station"]]
    station: NotRequired[Annotated[str, "where it was read: this or door"]]
    location: Annotated[Gln | None, "GLN of the door or station"]
    time: Annotated[Time, "when it happened"]
    decided: Annotated[Time, "when the gateway was sure"]
    epcis: NotRequired[Business]


class ObservationData(_Common):
    """A unit was read at the station where it was known to be already."""

    unit: Unit
    place: Annotated[str, "name of the place"]
    station: str
    location: Annotated[Gln | None, "GLN of the station"]
    time: Annotated[Time, "when it was read"]
    epcis: NotRequired[Business]


class UnidentifiedData(_Common):
    """A scan that names no unit, as it is."""

    station: str
    time: Annotated[Time, "when it was scanned"]
    reason: Annotated[str, "a sentence why it names no unit"]


class PassageUnit(TypedDict):
    """One unit of a passage."""

    unit: Unit
    time: Annotated[Time, "when it crossed"]
    movement: Annotated[EventId, "id of the movement event"]


_Crossing = TypedDict(
    "_Crossing",
    {
        "from": Annotated[str, "the side of the door that they came from"],
        "to": Annotated[str, "the side that they went to"],
    },
)


class PassageData(_Crossing):
    """Units that crossed a door together: a load with its list. Every door movement is in exactly one passage."""

    passage: Annotated[str, "door/number: its name, unique within gateway and epoch; the same in all parts"]
    part: Annotated[int, "more than 500 units come in parts", keywords(minimum=1)]
    parts: Annotated[int, "how many there are", keywords(minimum=1)]
    direction: Literal["in", "out"]
    door: str
    location: Annotated[Gln | None, "GLN of the door"]
    first: Annotated[Time, "first crossing"]
    last: Annotated[Time, "last crossing"]
    decided: Annotated[Time, "when it was complete"]
    count: Annotated[int, "units in all parts", keywords(minimum=1)]
    pallet: Annotated[Unit | None, "the unit with an SSCC, if there is exactly one"]
    ssccs: Annotated[list[Unit], "all units with an SSCC, of this part"]
    units: list[PassageUnit]
    epcis: NotRequired[Business]


class OutagePlaces(TypedDict):
    """What cannot or could not be heard, why, and where that counts."""

    device: Annotated[str, "reader or scanner"]
    antenna: Annotated[int | None, "null: all of it"]
    input: Annotated[int | None, "of a photo-eye"]
    cause: Literal["gateway", "link", "antenna", "photo-eye"]
    reason: Annotated[str, "a sentence"]
    doors: Annotated[list[str], "concerned"]
    stations: Annotated[list[str], "concerned"]


class OutageData(OutagePlaces):
    """A time in which nothing could be heard somewhere, told when it is over: silence of that time is no evidence."""

    since: Time
    until: Time
    duration_s: Annotated[float, keywords(minimum=0)]
    interruptions: Annotated[int, keywords(minimum=1)]
    recovered: Annotated[bool, "the reader delivered later what it had seen meanwhile"]


class SkippedData(TypedDict):
    """The broker did not take the event with this number: it is parked, and this goes out in its place."""

    reason: Annotated[str, "the broker's, in words"]
    type: Annotated[str | None, "type of the event that is parked"]


EVENTS: dict[str, type] = {
    "movement": MovementData,
    "observation": ObservationData,
    "unidentified": UnidentifiedData,
    "passage": PassageData,
    "outage": OutageData,
    "skipped": SkippedData,
}
"""The last level of the topics under evt/, and what `data` is there."""

# ---------------------------------------------------------------------------------------------------- state


class LinkShape(TypedDict):
    """What a connection to a device or to the broker is doing."""

    status: Literal["connecting", "up", "down", "refused", "stopped"]
    reason: Annotated[str, "a sentence for a technician; empty while all is well"]


class ReaderShape(TypedDict):
    """What a reader says about itself."""

    model: Annotated[str, "manufacturer/model firmware; empty: not heard yet"]
    troubles: Annotated[dict[str, str], "sentences by cause"]
    gpi: Annotated[dict[str, bool], "inputs by number: is the level high"]
    clock_offset_s: Annotated[float | None, "gateway time minus reader time"]


class ReaderDocument(ReaderShape):
    """One reader, retained."""

    status: NotRequired[Literal["connecting", "up", "down", "refused", "stopped"]]
    reason: NotRequired[Annotated[str, "why it is not up"]]


class PlaceDocument(_Way):
    """The last unit that was seen at a door or station, retained; at most some seconds old."""

    unit: Unit
    direction: Annotated[Literal["in", "out"] | None, "at a door; null at a station"]
    location: Annotated[Gln | None, "GLN of the door or station"]
    time: Annotated[Time, "when it was seen"]
    event: Annotated[EventId, "id of the movement or observation"]


class BacklogShape(TypedDict):
    """Events that are not delivered yet."""

    pending: Count
    parked: Annotated[Count, "the broker did not take them"]
    oldest_age_s: Annotated[float, "of the oldest pending one", keywords(minimum=0)]
    first: Annotated[
        int,
        "first number of this epoch not delivered yet; last_seq + 1: none. What is sent again does not count",
        keywords(minimum=1),
    ]


class OngoingOutage(OutagePlaces):
    """An outage that lasts."""

    since: Annotated[Time | None, "null: nothing has been heard there yet"]


class CertificateShape(TypedDict):
    """What is left of a certificate."""

    until: Annotated[Time, "its end"]
    days_left: Annotated[int, "whole days; below 0 when it has expired"]


class StatusDocument(TypedDict):
    """How the gateway feels, retained. After a loss the broker sets the short form (Last Will): online, gateway and
    epoch."""

    online: Annotated[bool, "false after a clean stop (with the last figures) and after a loss"]
    gateway: str
    epoch: Epoch
    site: NotRequired[str]
    version: NotRequired[Annotated[str, "of edgegw"]]
    last_seq: NotRequired[Annotated[Count, "number of the last event; 0: none yet"]]
    uptime_s: NotRequired[Count]
    movements: NotRequired[Annotated[Count, "since the start"]]
    ignored: NotRequired[Annotated[dict[str, Count], "what doors weighed and did not report, by reason"]]
    links: NotRequired[Annotated[dict[str, LinkShape], "every reader, scanner and the broker (mqtt)"]]
    readers: NotRequired[dict[str, ReaderShape]]
    backlog: NotRequired[BacklogShape]
    journal: NotRequired[Annotated[str, "ok, or why nothing can be written now"]]
    troubles: NotRequired[Annotated[dict[str, str], "sentences by cause: what a person should look at"]]
    outages: NotRequired[Annotated[list[OngoingOutage], "what cannot be heard now"]]
    certificates: NotRequired[
        Annotated[
            dict[str, CertificateShape],
            "by key of the configuration (mqtt.tls.cert_file ...); broker: its own, as the last connection saw it",
        ]
    ]
    counters: NotRequired[Annotated[dict[str, dict[str, Count]], "everything counted, by scope and reason"]]


# ---------------------------------------------------------------------------------------------------- from central


class Acknowledgement(TypedDict):
    """Everything of this epoch up to `seq` is stored (with `delivery.confirm: central`)."""

    epoch: Epoch
    seq: Annotated[Count, "the last of all that are stored without a gap"]
    beyond: NotRequired[
        Annotated[
            list[Annotated[list[int], keywords(minItems=2, maxItems=2)]],
            "what is stored above seq: first and last number of each run",
            keywords(maxItems=256),
        ]
    ]


_Range = TypedDict(
    "_Range",
    {
        "from": Annotated[int, "first number", keywords(minimum=1)],
        "to": Annotated[int, "last number", keywords(minimum=1)],
    },
)


class ResendCommand(_Range):
    """Send these events again (with `delivery.commands: [resend]`). Not retained."""

    id: Annotated[str, "a text for this command alone, which the reply repeats", keywords(minLength=1, maxLength=200)]
    time: NotRequired[
        Annotated[
            str,
            "when it was asked, at most a minute ago; only a message with a Message Expiry Interval may do without",
            keywords(format="date-time", examples=("2026-11-21T10:00:00Z",)),
        ]
    ]
    epoch: NotRequired[Annotated[str, "default: the present one"]]


class CommandReply(TypedDict):
    """What was done, or why not."""

    id: NotRequired[Annotated[str, "of the command"]]
    events: NotRequired[Annotated[Count, "that are sent again"]]
    oldest: NotRequired[Annotated[int, "number of the oldest event that is still kept", keywords(minimum=1)]]
    error: NotRequired[Annotated[str, "a sentence: nothing was done"]]


# ---------------------------------------------------------------------------------------------------- EPCIS


def _word_or_uri(words: tuple[str, ...]) -> str:
    return rf"^({'|'.join(words)}|[A-Za-z][A-Za-z0-9+.-]*:\S+)$"


Uri = Annotated[str, keywords(format="uri", minLength=1)]


class PlaceReference(TypedDict):
    """A place."""

    id: Uri


_Prefixed = TypedDict(
    "_Prefixed",
    {
        "@context": NotRequired[
            Annotated[list[str | dict[str, str]], "that of EPCIS, and our prefix; in a document it stands outside"]
        ],
        "edgegw:id": Annotated[EventId, "id of the same event as a CloudEvent"],
    },
)


class _EpcisFields(TypedDict):
    type: Literal["ObjectEvent", "AggregationEvent"]
    eventID: NotRequired[
        Annotated[
            str, "event hash id of CBV 2.0, 8.9.2", keywords(pattern=r"^ni:///sha-256;[0-9a-f]{64}\?ver=CBV2\.0$")
        ]
    ]
    eventTime: Time
    eventTimeZoneOffset: Literal["+00:00"]
    epcList: NotRequired[Annotated[list[Uri], "of an ObjectEvent: the unit", keywords(minItems=1, maxItems=1)]]
    parentID: NotRequired[Annotated[Uri, "of an AggregationEvent: the pallet"]]
    childEPCs: NotRequired[Annotated[list[Uri], "of an AggregationEvent: what is on it", keywords(minItems=1)]]
    action: Literal["OBSERVE"]
    bizStep: NotRequired[Annotated[str, "word of CBV 2.0, 7.1, or a URI", keywords(pattern=_word_or_uri(BIZ_STEPS))]]
    disposition: NotRequired[
        Annotated[str, "word of CBV 2.0, 7.2, or a URI", keywords(pattern=_word_or_uri(DISPOSITIONS))]
    ]
    readPoint: NotRequired[PlaceReference]
    bizLocation: NotRequired[PlaceReference]


class EpcisEvent(_EpcisFields, _Prefixed):
    """An EPCIS 2.0 event as edgegw writes them, which is also one by GS1's schema
    (https://ref.gs1.org/standards/epcis/epcis-json-schema.json)."""


class EpcisBody(TypedDict):
    """Of an EpcisDocument."""

    eventList: Annotated[list[EpcisEvent], keywords(minItems=1)]


_WithContext = TypedDict("_WithContext", {"@context": list[str | dict[str, str]]})


class _DocumentFields(TypedDict):
    type: Literal["EPCISDocument"]
    schemaVersion: Literal["2.0"]
    creationDate: Annotated[Time, "of the last event"]
    epcisBody: EpcisBody


class EpcisDocument(_DocumentFields, _WithContext):
    """Several EPCIS events in one message."""
