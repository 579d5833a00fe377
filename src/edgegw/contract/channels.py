"""Which document goes over which topic: the table that both the AsyncAPI document and the tests are made from."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from edgegw.core.documents import (
    EVENTS,
    Acknowledgement,
    CommandReply,
    EpcisDocument,
    EpcisEvent,
    PlaceDocument,
    ReaderDocument,
    ResendCommand,
    StatusDocument,
)

CLOUDEVENT: Final = "application/cloudevents+json"
CLOUDEVENTS: Final = "application/cloudevents-batch+json"
JSON: Final = "application/json"


class Document(NamedTuple):
    """A kind of message. schema: the file that describes it; for events, their `data`."""

    name: str
    model: type
    content_type: str

    @property
    def schema(self) -> str:
        return f"{self.name}.schema.json"


class Channel(NamedTuple):
    """A topic below `{prefix}/{site}/{gateway}/`. action: what the gateway does there. documents: what may come."""

    name: str
    topic: str
    summary: str
    documents: tuple[Document, ...]
    retain: bool = False
    action: Literal["send", "receive"] = "send"


def summary_of(model: type) -> str:
    """The first sentence of a document's description."""
    return " ".join((model.__doc__ or "").split()).split(". ")[0].removesuffix(".")


EVENT_DOCUMENTS: Final = {name: Document(name, model, CLOUDEVENT) for name, model in EVENTS.items()}
_EPCIS = (
    Document("epcis", EpcisEvent, JSON),
    Document("epcis-document", EpcisDocument, JSON),
)
_STATUS = Document("status", StatusDocument, JSON)
_PLACE = Document("loc", PlaceDocument, JSON)
_READER = Document("reader", ReaderDocument, JSON)
_ACK = Document("ack", Acknowledgement, JSON)
_RESEND = Document("resend", ResendCommand, JSON)
_REPLY = Document("reply", CommandReply, JSON)

CHANNELS: Final = (
    *(
        Channel(name, f"evt/{name}", summary_of(document.model), (document,))
        for name, document in EVENT_DOCUMENTS.items()
    ),
    Channel("epcisObject", "epcis/ObjectEvent", "Movements and observations, as EPCIS 2.0 has them", _EPCIS),
    Channel("epcisAggregation", "epcis/AggregationEvent", "Loads with an SSCC, as EPCIS 2.0 has them", _EPCIS),
    Channel("status", "status", summary_of(StatusDocument), (_STATUS,), retain=True),
    Channel("reader", "reader/{reader}", summary_of(ReaderDocument), (_READER,), retain=True),
    Channel("loc", "loc/{place}", summary_of(PlaceDocument), (_PLACE,), retain=True),
    Channel("ack", "ack", "What a central system has stored", (_ACK,), retain=True, action="receive"),
    Channel("resend", "cmd/resend", summary_of(ResendCommand), (_RESEND,), action="receive"),
    Channel("resendReply", "cmd/resend/reply", summary_of(CommandReply), (_REPLY,)),
)

DOCUMENTS: Final = {document.name: document for channel in CHANNELS for document in channel.documents}
