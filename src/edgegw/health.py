"""How the gateway feels: link states, readers' troubles and counters, told to the broker, systemd and the CLI."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import structlog

from edgegw import __version__
from edgegw.clock import Clock
from edgegw.core.counters import Counters
from edgegw.core.documents import CertificateShape, PlaceDocument
from edgegw.core.event import Origin
from edgegw.core.llrp.messages import Capabilities, ReaderEvent
from edgegw.core.model import Decision, Movement, Passed
from edgegw.errors import StoreFailed
from edgegw.store.journal import Backlog, Journal
from edgegw.supervise import LinkState

BEAT_S = 5.0
"""Between two looks at everything: watchdog, backlog, the line for `systemctl status`."""
REPEAT_S = 30.0
"""The status document is published at each change, and this often for its counters."""
ANSWER_S = 20.0
"""The journal's thread answers within this, or the watchdog goes hungry."""
SETTLE_S = 0.2
"""A burst of changes becomes one document."""
APART_S = 1.0
"""Documents, and the log lines about readers' troubles, come no faster, however fast a reader changes its mind."""
REMIND_S = 86_400.0
"""A trouble that lasts is in the log again this often: nobody reads the line of last month."""
MAX_PORTS = 64
"""Antennas and inputs are kept up to this number. The field has 16 bits; the largest portal has 52 antennas."""

log = structlog.get_logger("edgegw")


class Documents(Protocol):
    """Where retained documents go."""

    def set(self, topic: str, payload: bytes) -> None: ...


@dataclass(slots=True)
class ReaderHealth:
    """What one reader told about itself. troubles: what a technician should look at, by its cause."""

    model: str = ""
    troubles: dict[str, str] = field(default_factory=dict)
    gpi: dict[int, bool] = field(default_factory=dict)

    def hear(self, event: ReaderEvent) -> bool:
        """Whether it changed anything."""
        before = dict(self.troubles), dict(self.gpi)
        match event.kind:
            case "antenna":
                self.troubles.pop(f"antenna {event.number}", None)
                if not event.on:
                    self.troubles[f"antenna {event.number}"] = f"antenna {event.number} is disconnected"
            case "gpi":
                self.gpi[event.number] = event.on
            case "exception":
                self.troubles["exception"] = event.text
            case "buffer-warning":
                self.troubles["buffer"] = f"the reader's report buffer is {event.number} % full"
            case "buffer-overflow":
                self.troubles["buffer"] = "the reader's report buffer overflowed: reads were lost in the reader"
            case "connection":
                self.troubles["rival"] = "another client tried to connect to this reader"
        return before != (self.troubles, self.gpi)


class Health:
    """Listens to everybody, asks the journal, and speaks."""

    def __init__(
        self,
        origin: Origin,
        clock: Clock,
        counters: Counters,
        journal: Journal,
        documents: Documents,
        readers: tuple[str, ...],
        rounds: Callable[[], int],
        clock_offsets: Callable[[], dict[str, float | None]],
        causes: Callable[[], dict[str, str]] = dict,
        outages: Callable[[], list[dict[str, Any]]] = list,
        places: Callable[[], Mapping[str, PlaceDocument]] = dict,
        certificates: Callable[[], dict[str, CertificateShape]] = dict,
    ) -> None:
        self._origin = origin
        self._clock = clock
        self._counters = counters
        self._journal = journal
        self._documents = documents
        self._readers = {name: ReaderHealth() for name in readers}
        self._rounds = rounds
        self._clock_offsets = clock_offsets
        self._causes = causes  # of troubles that others know about, in sentences
        self._outages = outages
        self._places = places  # what was seen last, by door or station
        self._certificates = certificates
        self._troubles: dict[str, str] = {}
        self._told_t: dict[str, float] = {}  # when each trouble was last in the log
        self._links: dict[str, LinkState] = {}
        self._movements = 0
        self._ignored: dict[str, int] = {}
        self._backlog = Backlog(0, 0, 0.0, 1)
        self._started_t = clock.now()
        self._changed = asyncio.Event()
        self._logged: dict[str, dict[str, str]] = {name: {} for name in readers}

    # ------------------------------------------------------------ listening

    def link(self, state: LinkState) -> None:
        """A link changed. One log line per change that a person may have to act on."""
        before = self._links.get(state.link)
        if state.status == "connecting" and before is not None:
            return  # between two tries the reason why it is down is what a person wants to see
        self._links[state.link] = state
        if before is None or (before.status, before.reason) != (state.status, state.reason):
            level = log.warning if state.status in ("down", "refused") else log.info
            level("link", link=state.link, status=state.status, **({"reason": state.reason} if state.reason else {}))
        self._changed.set()

    def reading(self, reader: str, capabilities: Capabilities, missing: tuple[str, ...]) -> None:
        health = self._readers[reader]
        health.model = f"{capabilities.manufacturer}/{capabilities.model} {capabilities.firmware}".strip()
        health.troubles = {what.split(":")[0]: what for what in missing}
        self._changed.set()

    def reader_event(self, reader: str, event: ReaderEvent) -> None:
        """Reader events become health, not noise: states are kept, what repeats is counted."""
        self._counters.add(reader, f"event_{event.kind}")
        if event.kind in ("antenna", "gpi") and not 1 <= event.number <= MAX_PORTS:
            self._counters.add(reader, "unlikely_port")
        elif self._readers[reader].hear(event):
            self._changed.set()

    def decided(self, decision: Decision) -> None:
        if isinstance(decision, Movement):
            self._movements += 1
        elif isinstance(decision, Passed):
            self._ignored[decision.reason] = self._ignored.get(decision.reason, 0) + 1

    # ------------------------------------------------------------ speaking

    def status(self, online: bool = True) -> dict[str, Any]:
        """The status document: also what `edgegw status` shows."""
        return {
            "online": online,
            "gateway": self._origin.gateway,
            "site": self._origin.site,
            "version": __version__,
            "epoch": self._journal.epoch,
            "last_seq": self._journal.last_number,
            "uptime_s": round(self._clock.now() - self._started_t),
            "movements": self._movements,
            "ignored": self._ignored,
            "links": {name: _without_name(state) for name, state in self._links.items()},
            "readers": {name: self._reader(name) for name in self._readers},
            "backlog": self._backlog._asdict(),
            "journal": self._journal.failing or "ok",
            "troubles": self._troubles,
            "outages": self._outages(),
            "certificates": self._certificates(),
            "counters": self._counters.snapshot(),
        }

    def offline(self) -> tuple[str, bytes]:
        """Topic and payload of the Last Will."""
        document = {"online": False, "gateway": self._origin.gateway, "epoch": self._journal.epoch}
        return self._topic, _json(document)

    def farewell(self) -> tuple[str, bytes]:
        """Topic and payload of the last status before a clean stop."""
        return self._topic, _json(self.status(online=False))

    @property
    def _topic(self) -> str:
        return f"{self._origin.base}/status"

    def publish(self) -> None:
        """Hand the present state to the broker's retained documents."""
        self._documents.set(self._topic, _json(self.status()))
        for name in self._readers:
            state = self._links.get(name)
            document = {**(_without_name(state) if state else {}), **self._reader(name)}
            self._documents.set(f"{self._origin.base}/reader/{name}", _json(document))
        self._publish_places()

    def _publish_places(self) -> None:
        for name, place in self._places().items():
            self._documents.set(f"{self._origin.base}/loc/{name}", _json(place))

    async def run(self) -> None:
        """Tell systemd and the broker, for ever."""
        failing: str | None = None
        published_t = 0.0
        while True:
            await self.look()
            before, failing = failing, self._complain(failing)
            if self._changed.is_set() or failing != before or self._clock.now() >= published_t + REPEAT_S:
                self._changed.clear()
                published_t = self._clock.now()
                self._log_troubles()
                self.publish()
            else:
                self._publish_places()
            notify(f"STATUS={self.sentence()}")
            await self._change_or_beat(published_t + APART_S)

    async def _change_or_beat(self, not_before_t: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEAT_S):
                await self._changed.wait()
        if self._changed.is_set():
            await asyncio.sleep(max(SETTLE_S, not_before_t - self._clock.now()))

    def _log_troubles(self) -> None:
        """One line for a reader whose troubles are others than before."""
        for name, health in self._readers.items():
            if health.troubles != self._logged[name]:
                self._logged[name] = dict(health.troubles)
                level = log.warning if health.troubles else log.info
                level("reader", reader=name, troubles=list(health.troubles.values()))

    async def watch(self) -> None:
        """Feed systemd's watchdog, but only while the pipeline turns and the journal's thread answers."""
        rounds = -1
        while True:
            if await self._journal_answers() and self._rounds() != rounds:
                rounds = self._rounds()
                notify("WATCHDOG=1")
            await asyncio.sleep(BEAT_S)

    async def _journal_answers(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._journal.backlog()
        except (TimeoutError, StoreFailed) as error:
            log.error("the journal does not answer", reason=str(error) or f"nothing for {ANSWER_S:g} s")
            return False
        return True

    def sentence(self) -> str:
        """One line for `systemctl status`."""
        up = sum(1 for name in self._readers if self._is_up(name))
        mqtt = self._links.get("mqtt")
        parts = [
            f"{up}/{len(self._readers)} readers",
            f"mqtt {mqtt.status if mqtt else 'starting'}",
            f"backlog {self._backlog.pending}",
        ]
        if self._journal.failing:
            parts.append(f"JOURNAL FAILS: {self._journal.failing}")
        parts += [f"TROUBLE: {what}" for what in self._troubles.values()]
        return ", ".join(parts)

    def summary(self) -> dict[str, object]:
        """For the last log line."""
        return {"movements": self._movements, "ignored": self._ignored, "backlog": self._backlog.pending}

    # ------------------------------------------------------------

    def _is_up(self, link: str) -> bool:
        state = self._links.get(link)
        return state is not None and state.status == "up"

    def _reader(self, name: str) -> dict[str, Any]:
        health = asdict(self._readers[name])
        offset_s = self._clock_offsets().get(name)
        return {**health, "clock_offset_s": None if offset_s is None else round(offset_s, 3)}

    async def look(self) -> None:
        """Ask the journal what waits, and everybody for troubles. One that cannot be read now says so elsewhere."""
        with contextlib.suppress(StoreFailed):
            self._backlog = await self._journal.backlog()
        self._note(self._causes() | _parked(self._backlog.parked))

    def _note(self, troubles: dict[str, str]) -> None:
        """One line for each trouble that comes or goes, and one a day for what lasts."""
        now = self._clock.now()
        for cause, what in troubles.items():
            if now >= self._told_t.get(cause, float("-inf")) + REMIND_S:
                self._told_t[cause] = now
                log.warning("trouble", cause=cause, what=what)
        for cause in self._told_t.keys() - troubles.keys():
            del self._told_t[cause]
            log.info("trouble is over", cause=cause)
        if troubles != self._troubles:
            self._troubles = troubles
            self._changed.set()

    def _complain(self, before: str | None) -> str | None:
        failing = self._journal.failing
        if failing != before:
            if failing:
                log.error("the journal cannot write: reading is held back", reason=failing)
            else:
                log.info("the journal writes again")
        return failing


def _parked(count: int) -> dict[str, str]:
    events = f"{count} event{'s are' if count > 1 else ' is'} parked, because the broker would not take"
    return {"parked": f"{events} {'them' if count > 1 else 'it'}: see edgegw parked list"} if count else {}


def _without_name(state: LinkState) -> dict[str, str]:
    return {"status": state.status, "reason": state.reason}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def notify(state: str) -> None:
    """Tell systemd, if it listens (sd_notify(3)): a datagram to $NOTIFY_SOCKET, path or abstract."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)  # who does not read it must not hold up the gateway
        try:
            sock.connect("\0" + address[1:] if address.startswith("@") else address)
            sock.sendall(state.encode())
        except OSError as error:
            log.debug("systemd does not listen", error=str(error))
