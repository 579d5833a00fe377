"""Documents that the broker keeps for late listeners (status, reader states): the latest of each counts.

They are published at each connect, birth included, and at each change. They need no journal: what is lost
with a link is sent again with the next.
"""

from __future__ import annotations

import asyncio
from functools import partial

from edgegw.core.counters import Counters
from edgegw.publish.answers import LINK_LOST, Answer, Outcome
from edgegw.publish.mqtt import Connection

RETRY_S = 1.0


class Retained:
    """One per gateway. The topics are few: they come from the configuration."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._documents: dict[str, bytes] = {}
        self._unsent: dict[str, None] = {}  # a set that keeps the order of the changes
        self._flying = 0
        self._denied: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    def set(self, topic: str, payload: bytes) -> None:
        """Publish now, or with the next link. An empty payload removes the document from the broker."""
        if self._documents.get(topic) == payload:
            return
        self._documents[topic] = payload
        self._mark(topic)

    def troubles(self) -> dict[str, str]:
        """A sentence when the broker does not let us say how we feel."""
        if not self._denied:
            return {}
        cure = "is mqtt.username this gateway's? If so, allow it in the broker's access list"
        return {"denied": f"the broker does not let us publish to '{next(iter(self._denied))}': {cure}"}

    async def settled(self) -> None:
        """Wait until the broker has answered for every change; for ever without a link. The caller's deadline."""
        await self._settled.wait()

    async def serve(self, connection: Connection) -> None:
        """Publish on this connection, everything first and then what changes. Ends by cancellation."""
        for topic in self._documents:
            self._mark(topic)
        while True:
            await self._changed.wait()
            await connection.room()
            self._send_next(connection)

    def _mark(self, topic: str) -> None:
        self._unsent.setdefault(topic)
        self._changed.set()
        self._settled.clear()

    def _send_next(self, connection: Connection) -> None:
        topic = next(iter(self._unsent))
        del self._unsent[topic]
        if not self._unsent:
            self._changed.clear()
        self._flying += 1
        connection.publish(topic, self._documents[topic], partial(self._hear, topic), retain=True)

    def _hear(self, topic: str, answer: Answer) -> None:
        """A denied or rejected document waits for its next change or link; what is kept is tried again."""
        self._flying -= 1
        if answer.outcome is Outcome.DENIED:
            self._denied.setdefault(topic)
        if answer.outcome is Outcome.ACCEPTED:
            self._denied.pop(topic, None)
            self._counters.add("mqtt", "retained_published")
        else:
            self._counters.add("mqtt", f"retained_failed_{answer.reason.replace(' ', '_')}")
        if answer.outcome in (Outcome.KEEP, Outcome.FAILED) and answer is not LINK_LOST:
            asyncio.get_running_loop().call_later(RETRY_S, self._mark, topic)
        if not self._unsent and not self._flying and answer is not LINK_LOST:
            self._settled.set()
