"""What may be asked of a journal with a gateway around it, or without: send again, retry and drop what is parked.

A request is a JSON object `{"do": NAME, ...}`; so is the answer: what was done, or `{"error": SENTENCE}`. It comes
over the control socket from `edgegw`, and over MQTT from a central system where the configuration allows that.

| do             | with                            | answer                                                           |
|----------------|---------------------------------|------------------------------------------------------------------|
| `resend`       | `from`, `to`, `epoch` (or ours) | `events` that are sent again, `oldest` number that is still kept |
| `parked-retry` | `seqs`, or `all`: true          | `events` that are sent under new numbers, `unreadable` ones      |
| `parked-drop`  | `seqs`, or `all`: true          | `events` that are given up                                       |

A range is sent again when nothing of the one before waits any more: whoever asks and asks cannot keep fresh events
back. A request with an `id`, a text, is done once, also when the gateway was started anew in between: the journal keeps
the last REMEMBERED of them.

Whoever asks is not trusted with more than that: anything else is an error in words. Every request is in the log once,
with who asked and what came of it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import structlog

from edgegw.core.reissue import renumbered
from edgegw.errors import StoreFailed
from edgegw.store.journal import Journal, Parked

RESEND_STEP: Final = 5000
"""Rows put back in one transaction: a commit may be waiting."""
PARKED_STEP: Final = 100
EPOCH_CHARACTERS: Final = 64
LOGGED_CHARACTERS: Final = 500
REMEMBERED: Final = 1000
_SCOPE: Final = "command"

Request = dict[str, Any]
Answer = dict[str, Any]

log = structlog.get_logger("edgegw")


class Refused(Exception):
    """The request cannot be understood or done; a sentence for whoever asked."""


class Commands:
    """`sent_again` hears which rows have come back into the outbox; `wall` is the wall clock."""

    def __init__(
        self,
        journal: Journal,
        sent_again: Callable[[int, int], None] = lambda first, last: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._sent_again = sent_again
        self._wall = wall
        self._done: dict[str, str] | None = None  # when those with an id came, by the key of the id
        self._known: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "resend": self._resend,
            "parked-retry": partial(self._unpark, self._retry),
            "parked-drop": partial(self._unpark, self._drop),
        }

    async def do(self, request: object, who: str) -> Answer:
        """Never raises for what a request says. `who` asks, for the log."""
        answer: Answer = {"error": "it was broken off: the gateway or the link ended meanwhile"}
        try:
            answer = await self._do(request)
        except (Refused, StoreFailed) as refused:
            answer = {"error": str(refused)}
        finally:
            log.info("command", who=who, request=shortened(request), answer=answer)
        return answer

    async def _do(self, request: object) -> Answer:
        name = request.get("do") if isinstance(request, dict) else None
        if not isinstance(request, dict) or not isinstance(name, str) or name not in self._known:
            raise Refused(f"a request is an object with do: {', '.join(self._known)}")
        if isinstance(request.get("id"), str):
            await self._remember(request["id"])
        return await self._known[name](request)

    async def _remember(self, name: str) -> None:
        """Raises Refused for an id that was here before."""
        if self._done is None:
            kept = dict(await self._journal.states(_SCOPE))
            self._done = self._done or kept  # whoever asked at the same moment was first
        key = hashlib.sha256(json.dumps(name).encode()).hexdigest()
        if key in self._done:
            raise Refused("a command with this id has been here before: it is done once")
        self._done[key] = f"{self._wall():.3f}"
        self._journal.put_state(_SCOPE, key, self._done[key])
        if len(self._done) > REMEMBERED:
            oldest = min(self._done, key=self._done.__getitem__)
            del self._done[oldest]
            self._journal.put_state(_SCOPE, oldest, None)

    async def _resend(self, request: Request) -> Answer:
        epoch = request.get("epoch", self._journal.epoch)
        if not isinstance(epoch, str) or len(epoch) > EPOCH_CHARACTERS:
            raise Refused("epoch must be the epoch of an event, a text")
        if self._journal.row_of(epoch, 0) is None:
            raise Refused(f"this journal has no epoch {epoch}: the present one is {self._journal.epoch}")
        first, last = _number(request, "from"), _number(request, "to")
        if last < first:
            raise Refused(f"from {first} to {last} is no range")
        rows = [self._journal.row_of(epoch, seq) for seq in (first, last)]
        if rows[0] is None or rows[1] is None:
            raise Refused(f"epoch {epoch} has no events {first} to {last}: its last is {self._journal.last_number}")
        if waiting := await self._journal.coming_again():
            raise Refused(f"the last resend is not done yet ({waiting} events to go): ask again then")
        events = 0
        for start in range(rows[0], rows[1] + 1, RESEND_STEP):
            events += await self._journal.put_back(start, min(rows[1], start + RESEND_STEP - 1))
        self._sent_again(rows[0], rows[1])
        return {"events": events, "oldest": await self._journal.oldest(epoch)}

    async def _unpark(self, release: Callable[[Parked], bool], request: Request) -> Answer:
        """A step, then a commit, so that memory stays bounded. What cannot be released stays parked."""
        wanted = None if request.get("all") is True else _numbers(request, "seqs")
        released: list[bool] = []
        after_seq = 0
        await self._journal.flush()
        while rows := await self._journal.parked(after_seq, PARKED_STEP):
            released += [release(row) for row in rows if wanted is None or row.seq in wanted]
            await self._journal.flush()
            after_seq = rows[-1].seq
        return {"events": sum(released), "unreadable": len(released) - sum(released)}

    def _retry(self, parked: Parked) -> bool:
        """Under a new number: the old one is spent for the note that went out in its place."""
        try:
            renumbered(parked.payload, "", 0)
        except ValueError:
            return False
        self._journal.add_event(lambda seq: (parked.topic, renumbered(parked.payload, self._journal.epoch, seq)))
        self._journal.unpark(parked.seq)
        return True

    def _drop(self, parked: Parked) -> bool:
        self._journal.unpark(parked.seq)
        return True


def shortened(request: object) -> str:
    """For the log: what was asked, as JSON, but not a megabyte of it.

    >>> shortened({"do": "resend", "from": 1})
    '{"do": "resend", "from": 1}'
    """
    try:
        text = json.dumps(request)
    except RecursionError:  # what could just be read, nested as deep as that goes
        return "nested too deep"
    return text if len(text) <= LOGGED_CHARACTERS else f"{text[:LOGGED_CHARACTERS]}..."


def _number(request: Request, key: str) -> int:
    number = request.get(key)
    if type(number) is not int or not 0 < number < 2**63:
        raise Refused(f"{key} must be the number of an event, from 1 on")
    return number


def _numbers(request: Request, key: str) -> set[int]:
    numbers = request.get(key)
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise Refused(f"{key} must be a list of numbers; or say all: true")
    return set(numbers)
