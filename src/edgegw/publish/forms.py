"""Rows of the journal -> messages: in the formats that are wanted, one event each or several.

The journal keeps an event once, as a CloudEvent. What else is wanted is made of it when it is sent, so it has the same
number, and the row is published when the broker has taken every form of it.

| format      | one event                                             | several, of one topic                          |
|-------------|-------------------------------------------------------|------------------------------------------------|
| cloudevents | as it stands in the journal, on its topic             | a JSON array: CloudEvents' JSON batch format   |
| epcis       | EPCIS event on `{base}/epcis/{ObjectEvent or other}`  | an EPCISDocument there                         |

What EPCIS has no words for goes out as CloudEvents even if that is not wanted: no number is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

from edgegw.core.documents import EpcisEvent
from edgegw.core.epcis.rendering import epcis_document, epcis_event
from edgegw.publish.answers import Answer, Outcome

Format = Literal["cloudevents", "epcis"]

CLOUDEVENT: Final = "application/cloudevents+json"
CLOUDEVENTS: Final = "application/cloudevents-batch+json"
JSON: Final = "application/json"


class Row(Protocol):
    """One outgoing event in the journal."""

    @property
    def seq(self) -> int: ...

    @property
    def topic(self) -> str: ...

    @property
    def payload(self) -> bytes: ...

    @property
    def again(self) -> bool:
        """It was delivered before, and is wanted once more."""


class Posting(NamedTuple):
    """One message."""

    topic: str
    payload: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Forms:
    """In which formats events go out, and how many at most in one message."""

    formats: tuple[Format, ...] = ("cloudevents",)
    batch: int = 1

    def postings(self, rows: Sequence[Row]) -> list[Posting]:
        """The messages of rows of one topic, in the order in which they are to be sent."""
        if "epcis" not in self.formats:
            return [_cloud_events(rows)]
        rendered = [(row, _rendered(row)) for row in rows]
        plain = [row for row, event in rendered if event is None or "cloudevents" in self.formats]
        events = [event for _, event in rendered if event is not None]
        base = rows[0].topic.rpartition("/evt/")[0]
        return [*([_cloud_events(plain)] if plain else []), *([_epcis(base, events)] if events else [])]


class Errand:
    """Rows on their way in several forms: `done` hears when the broker has answered for the last of them.

    taken    topics of the forms that it took
    refused  the first form that it did not take, and its answer
    """

    def __init__(self, rows: Sequence[Row], forms: int, done: Callable[[Errand], None]) -> None:
        self.rows = rows
        self.taken: set[str] = set()
        self.refused: tuple[str, Answer] | None = None
        self._left = forms
        self._done = done

    def hear(self, topic: str, answer: Answer) -> None:
        self._left -= 1
        if answer.outcome is Outcome.ACCEPTED:
            self.taken.add(topic)
        elif self.refused is None:
            self.refused = topic, answer
        if not self._left:
            self._done(self)


def _cloud_events(rows: Sequence[Row]) -> Posting:
    if len(rows) == 1:
        return Posting(rows[0].topic, rows[0].payload, CLOUDEVENT)
    return Posting(rows[0].topic, b"[" + b",".join(row.payload for row in rows) + b"]", CLOUDEVENTS)


def _rendered(row: Row) -> EpcisEvent | None:
    """None also for what is no event of ours: the broker shall have it as it is."""
    try:
        return epcis_event(json.loads(row.payload))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None


def _epcis(base: str, events: Sequence[EpcisEvent]) -> Posting:
    document: Any = events[0] if len(events) == 1 else epcis_document(events)
    payload = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return Posting(f"{base}/epcis/{events[0]['type']}", payload, JSON)
