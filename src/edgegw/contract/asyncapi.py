"""The AsyncAPI 3.0 document: topics, who sends, QoS, retained, and which schema each message keeps."""

from __future__ import annotations

import re
from typing import Any, Final

from edgegw.config.model import Mqtt
from edgegw.contract.channels import (
    CHANNELS,
    CLOUDEVENT,
    CLOUDEVENTS,
    DOCUMENTS,
    EVENT_DOCUMENTS,
    Channel,
    Document,
    summary_of,
)
from edgegw.core.documents import CloudEvent
from edgegw.core.event import SCHEMA_VERSION, data_schema, event_type

Part = dict[str, Any]

ENVELOPE: Final = "cloudevent.schema.json"
_BINDING: Final = {"bindingVersion": "0.2.0"}
_PARAMETERS: Final = {
    "site": "the warehouse, `site` in the gateway's configuration",
    "gateway": "the gateway, `gateway` in its configuration",
    "reader": "the reader's name in the configuration",
    "place": "name of the door or station in the configuration",
}
_DESCRIPTION: Final = (
    "What an edgegw gateway publishes on an MQTT broker, and what it hears there. QoS is 1 everywhere. "
    "docs/contract.md says what is guaranteed and how to receive each event once. The first levels of the topics are "
    "mqtt.prefix in the gateway's configuration."
)


def asyncapi_document() -> Part:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edgegw",
            "version": f"{SCHEMA_VERSION}.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "GPL-3.0-only"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "broker.example:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "5",
                "description": "The broker of the site. MQTT 3.1.1 will do: it has no content types and no reasons.",
            }
        },
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {f"{channel.action}_{channel.name}": _operation(channel) for channel in CHANNELS},
        "components": {
            "parameters": {name: {"description": text} for name, text in _PARAMETERS.items()},
            "messages": {name: message for document in DOCUMENTS.values() for name, message in _messages(document)},
        },
    }


def _channel(channel: Channel) -> Part:
    address = f"{Mqtt.model_fields['prefix'].default}/{{site}}/{{gateway}}/{channel.topic}"
    names = [name for document in channel.documents for name, _ in _messages(document)]
    return {
        "address": address,
        "description": channel.summary,
        "parameters": {name: _ref("components/parameters", name) for name in re.findall(r"{(\w+)}", address)},
        "messages": {name: _ref("components/messages", name) for name in names},
    }


def _operation(channel: Channel) -> Part:
    names = [name for document in channel.documents for name, _ in _messages(document)]
    return {
        "action": channel.action,
        "channel": _ref("channels", channel.name),
        "summary": channel.summary,
        "messages": [_ref(f"channels/{channel.name}/messages", name) for name in names],
        "bindings": {"mqtt": {"qos": 1, "retain": channel.retain, **_BINDING}},
    }


def _messages(document: Document) -> list[tuple[str, Part]]:
    """A document; of an event also the batch of several."""
    summary = summary_of(document.model)
    if document.name not in EVENT_DOCUMENTS:
        return [(document.name, _message(document.name, summary, document.content_type, {"$ref": document.schema}))]
    payload = _event_schema(document)
    several = {"type": "array", "minItems": 1, "items": payload}
    return [
        (document.name, _message(document.name, summary, CLOUDEVENT, payload)),
        (f"{document.name}-batch", _message(f"{document.name}-batch", f"Several: {summary}", CLOUDEVENTS, several)),
    ]


def _message(name: str, summary: str, content_type: str, payload: Part) -> Part:
    return {
        "name": name,
        "summary": summary,
        "contentType": content_type,
        "payload": payload,
        "bindings": {"mqtt": {"contentType": content_type, **_BINDING}},
    }


def _event_schema(document: Document) -> Part:
    """The envelope, with what this type puts into it."""
    own = {
        "type": {"const": event_type(document.name)},
        "dataschema": {"const": data_schema(document.name)},
        "data": {"$ref": document.schema},
    }
    return {"allOf": [{"$ref": ENVELOPE}, {"type": "object", "properties": own}]}


def schema_files() -> dict[str, tuple[type, str]]:
    """Name of each schema file: what it describes, and its `$id`."""
    named = {document.schema: (document.model, data_schema(name)) for name, document in DOCUMENTS.items()}
    return {ENVELOPE: (CloudEvent, data_schema("cloudevent")), **named}


def _ref(folder: str, name: str) -> Part:
    return {"$ref": f"#/{folder}/{name}"}
