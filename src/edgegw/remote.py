"""Commands over MQTT: off unless `delivery.commands` names them, and then guarded by the broker's access list.

    {base}/cmd/resend         {"id": "any text", "from": 1200, "to": 1300}
    {base}/cmd/resend/reply   {"id": "any text", "events": 101, "oldest": 1}

A reply has the `id` of its request. A retained command is ignored: it would be done again with every connection.
A flood is refused after BURST; every command is in the log.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from edgegw.core.allowance import Allowance
from edgegw.core.counters import Counters
from edgegw.errors import LinkRefused
from edgegw.publish.mqtt import Connection, Message
from edgegw.publish.stream import LINK

PER_S: Final = 1.0
BURST: Final = 10
PAYLOAD_BYTES: Final = 4096
ID_CHARACTERS: Final = 200

Do = Callable[[Any], Awaitable[dict[str, Any]]]


class Remote:
    """`serve` is a service of the MQTT link. `do` answers a request whatever it says."""

    def __init__(self, base: str, allowed: Sequence[str], do: Do, counters: Counters) -> None:
        self._topics = {name: f"{base}/cmd/{name}" for name in allowed}
        self._do = do
        self._counters = counters
        self._allowance = Allowance(PER_S, BURST)
        self._heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def serve(self, connection: Connection) -> None:
        """Raises LinkDown or LinkRefused; ends by itself when nothing is allowed."""
        for name, topic in self._topics.items():
            if not await connection.subscribe(topic, partial(self._hear, name)):
                cure = "allow this gateway's user to read there, or leave it out of delivery.commands"
                raise LinkRefused(LINK, f"the broker does not let us subscribe to '{topic}': {cure}")
        while self._topics:
            name, payload = await self._heard.get()
            answer = await self._answer(name, payload)
            await connection.room()
            connection.publish(f"{self._topics[name]}/reply", json.dumps(answer).encode(), lambda _: None)

    def _hear(self, name: str, message: Message) -> None:
        if message.retain:
            self._counters.add(LINK, "commands_retained")
        elif not self._allowance.take(asyncio.get_running_loop().time()):
            self._counters.add(LINK, "commands_too_fast")
        else:
            self._counters.add(LINK, "commands")
            self._heard.put_nowait((name, message.payload))

    async def _answer(self, name: str, payload: bytes) -> dict[str, Any]:
        """The topic says what to do, whatever the payload says."""
        try:
            request = json.loads(payload) if len(payload) <= PAYLOAD_BYTES else None
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            return {"error": f"a command is a JSON object of at most {PAYLOAD_BYTES} bytes"}
        about = request.pop("id", None)
        answer = await self._do({**request, "do": name})
        return {"id": about, **answer} if isinstance(about, str) and len(about) <= ID_CHARACTERS else answer
