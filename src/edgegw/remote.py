"""Commands over MQTT: off unless `delivery.commands` names them, and then guarded by the broker's access list.

    {base}/cmd/resend         {"id": "r-1", "time": "2026-11-21T10:00:00Z", "from": 1200, "to": 1300}
    {base}/cmd/resend/reply   {"id": "r-1", "events": 101, "oldest": 1}

What a command must be to be done:

| it is                              | otherwise                                                                    |
|------------------------------------|------------------------------------------------------------------------------|
| not retained                       | counted: it would be done again with every connection                        |
| one a second, BURST at once        | counted: whoever floods is not answered                                      |
| an object with an `id` of its own  | refused: an `id` that was here before is a replay (`commands` remembers it)  |
| of this minute                     | refused: `time` is more than VALID_S from now, or missing in a message that  |
|                                    | has no Message Expiry Interval, which the broker would count down (MQTT 5)   |

A reply has the `id` of its command; what cannot be read has none. Every command that is answered is in the log. What
a lost connection has brought and left undone is forgotten: its sender has no answer and asks again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog

from edgegw.core.allowance import Allowance
from edgegw.core.counters import Counters
from edgegw.errors import LinkRefused
from edgegw.publish.mqtt import Connection, Message
from edgegw.publish.stream import LINK

PER_S: Final = 1.0
BURST: Final = 10
VALID_S: Final = 60.0
PAYLOAD_BYTES: Final = 4096
ID_CHARACTERS: Final = 200
LOGGED_BYTES: Final = 500

Do = Callable[[Any, str], Awaitable[dict[str, Any]]]


log = structlog.get_logger("edgegw")


class Refused(Exception):
    """The command is not done; a sentence for whoever sent it."""


class Remote:
    """`serve` is a service of the MQTT link. `do` answers a request whatever it says; `wall` is the wall clock."""

    def __init__(
        self,
        base: str,
        allowed: Sequence[str],
        do: Do,
        counters: Counters,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._topics = {name: f"{base}/cmd/{name}" for name in allowed}
        self._do = do
        self._counters = counters
        self._wall = wall
        self._allowance = Allowance(PER_S, BURST)
        self._heard: asyncio.Queue[tuple[str, Message]]

    async def serve(self, connection: Connection) -> None:
        """Raises LinkDown or LinkRefused; ends by itself when nothing is allowed."""
        self._heard = asyncio.Queue(BURST)
        for name, topic in self._topics.items():
            if not await connection.subscribe(topic, partial(self._hear, name)):
                cure = "allow this gateway's user to read there, or leave it out of delivery.commands"
                raise LinkRefused(LINK, f"the broker does not let us subscribe to '{topic}': {cure}")
        while self._topics:
            name, message = await self._heard.get()
            answer = await self._answer(name, message)
            await connection.room()
            connection.publish(f"{self._topics[name]}/reply", json.dumps(answer).encode(), lambda _: None)

    def _hear(self, name: str, message: Message) -> None:
        if message.retain:
            self._counters.add(LINK, "commands_retained")
        elif self._heard.full() or not self._allowance.take(asyncio.get_running_loop().time()):
            self._counters.add(LINK, "commands_too_fast")
        else:
            self._counters.add(LINK, "commands")
            self._heard.put_nowait((name, message))

    async def _answer(self, name: str, message: Message) -> dict[str, Any]:
        """The topic says what to do, whatever the payload says."""
        request = _parse(message.payload)
        who = f"mqtt {self._topics[name]}"
        about = {"id": request["id"]} if _is_id(request.get("id")) else {}
        try:
            self._check(request, message)
        except Refused as refused:
            self._counters.add(LINK, "commands_refused")
            log.info("command", who=who, request=repr(message.payload[:LOGGED_BYTES]), answer={"error": str(refused)})
            return {**about, "error": str(refused)}
        answer = await self._do({**request, "do": name}, who)
        if "error" in answer:
            self._counters.add(LINK, "commands_refused")
        return {**about, **answer}

    def _check(self, request: dict[str, Any], message: Message) -> None:
        """Raises Refused. Only what is of this minute and has a name of its own is remembered, and done."""
        if not request:
            raise Refused(f"a command is a JSON object of at most {PAYLOAD_BYTES} bytes")
        if not _is_id(request.get("id")):
            raise Refused(f"id must be a text of 1 to {ID_CHARACTERS} characters, another one for each command")
        if "time" in request or not message.expires:
            self._check_time(request.get("time"))

    def _check_time(self, text: object) -> None:
        asked = _moment(text)
        if asked is None:
            raise Refused("time must say when it was asked, such as 2026-11-21T10:00:00Z, or the message must expire")
        age_s = self._wall() - asked
        if abs(age_s) > VALID_S:
            way = "old" if age_s > 0 else "ahead of this gateway's clock"
            raise Refused(f"this command is {abs(age_s):.0f} s {way}: at most {VALID_S:.0f} s are taken")


def _parse(payload: bytes) -> dict[str, Any]:
    """Empty for what is no object, or an empty one."""
    try:
        request = json.loads(payload) if len(payload) <= PAYLOAD_BYTES else None
    except (ValueError, RecursionError):
        request = None
    return request if isinstance(request, dict) else {}


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= ID_CHARACTERS


def _moment(text: object) -> float | None:
    """RFC 3339 -> seconds since 1970; None for anything else, or a time without its zone."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment.timestamp() if moment and moment.tzinfo else None
