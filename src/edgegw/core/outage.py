"""When could nothing be heard where? Silence of that time is no evidence, and whoever counts goods must know of it.

    what happened                          outage
    the link to a device went down         begins: link
    the gateway stopped, or was killed     begins, for every device: gateway. After a kill, when it last said on disk
                                           that it lives
    the reader lost an antenna             begins, for that antenna: antenna
    a photo-eye contradicts the goods      begins, for that input: photo-eye
    it is back                             ends, if it stays for STABLE_S; else it goes on with one interruption more
    an antenna that is out reads a tag     ends: it is back, and nobody said so
    reads of that time come later          recovered: the reader was listening, only the way to it was cut

A device that has never been heard since the journal began has no past to be missing: its first outage is not
reported. What has ended stays known for as long as a door may ask (`ENDED` per port).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import astuple, dataclass
from typing import get_args

from edgegw.core.model import Cause, Outage, Port

STABLE_S = 5.0
MARGIN_S = 0.5
"""Of the corrected times of reads."""
ENDED = 16
MOST_INTERRUPTIONS = 10**9
GATEWAY_DOWN = "the gateway was not running"
NOT_YET = "it has not been heard yet"


@dataclass(slots=True)
class _Open:
    """As in `Outage`. until_t set: it is back, and may still go away again."""

    cause: Cause
    reason: str
    since_t: float | None
    until_t: float | None = None
    interruptions: int = 1
    recovered: bool = False

    def overlaps(self, from_t: float, to_t: float) -> bool:
        """Whether it kept from hearing anything then."""
        if self.recovered:
            return False
        return (self.since_t is None or self.since_t <= to_t) and (self.until_t is None or self.until_t >= from_t)


class Outages:
    """Of all ports of one gateway. Times on the gateway's timeline. devices: those of which something is out."""

    def __init__(self) -> None:
        self._open: dict[Port, _Open] = {}
        self.devices: set[str] = set()  # of these ports
        self._ended: dict[Port, deque[_Open]] = {}
        self._changed: set[Port] = set()

    def begin(self, port: Port, cause: Cause, reason: str, t: float | None) -> None:
        """Nothing is heard there from `t` on; None: nothing ever was. What is out already stays out, and says more."""
        one = self._open.get(port)
        if one is None:
            self._put(port, _Open(cause, reason, t))
        elif one.until_t is not None and one.since_t is None:
            self._forget(port)
            self._put(port, _Open(cause, reason, t))
        elif one.until_t is not None:
            one.until_t, one.recovered = None, False
            one.interruptions += 1
            one.cause, one.reason = cause, reason
        elif one.cause == "gateway" != cause:
            one.cause, one.reason = cause, reason if one.since_t is None else f"{one.reason}, then: {reason}"
        else:
            return
        self._changed.add(port)

    def end(self, port: Port, t: float) -> None:
        """It is heard again."""
        one = self._open.get(port)
        if one is not None and one.until_t is None:
            one.until_t = t if one.since_t is None else max(t, one.since_t)
            self._changed.add(port)

    def read(self, reader: str, antenna: int, t: float) -> None:
        """A tag was read at `t`. Needed only while something of this reader is out: when it is one of `devices`."""
        link = self._open.get(Port(reader))
        if link is not None and link.until_t is not None and (link.since_t or t) < t < link.until_t - MARGIN_S:
            link.recovered = True
            self._changed.add(Port(reader))
        port = Port(reader, antenna)
        lost = self._open.get(port) if antenna else None
        if lost is not None and t > (lost.since_t or t) + MARGIN_S:
            self.end(port, t)

    def advance(self, now: float) -> list[Outage]:
        """What has ended."""
        told: list[Outage] = []
        over = [port for port, one in self._open.items() if one.until_t is not None and one.until_t + STABLE_S <= now]
        for port in over:
            if self._open[port].since_t is not None:
                told.append(self._outage(port))
            self._forget(port)
        return told

    @property
    def ongoing(self) -> list[Outage]:
        """What is out now."""
        return [self._outage(port) for port, one in self._open.items() if one.until_t is None]

    def were_out(self, ports: Collection[Port], from_t: float, to_t: float) -> bool:
        """Whether each of these was out at some time from `from_t` to `to_t`, by itself or with its device."""
        return bool(ports) and all(self._was_out(port, from_t, to_t) for port in ports)

    def take_changed(self) -> dict[str, str | None]:
        """Port -> what is out there, as JSON, None = over, since the last call: for the journal."""
        changed = {_name(port): self._saved(port) for port in self._changed}
        self._changed.clear()
        return changed

    def restore(self, name: str, state: str, now: float, exists: Callable[[Port], bool]) -> None:
        """Take back what `take_changed` gave, unless the port exists no more. Raises ValueError for anything else."""
        try:
            port, one = Port(*json.loads(name)), _Open(*json.loads(state))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"not an outage: {error!r}") from None
        if not (_is_port(port) and _is_outage(one)):
            raise ValueError(f"not an outage: {state[:100]} at {name[:100]}")
        one.since_t = None if one.since_t is None else min(one.since_t, now)
        one.until_t = None if one.until_t is None else min(one.until_t, now)
        if exists(port):
            self._put(port, one)
        else:
            self._changed.add(port)

    # ------------------------------------------------------------

    def _outage(self, port: Port) -> Outage:
        one = self._open[port]
        return Outage(port, one.cause, one.reason, one.since_t, one.until_t, one.interruptions, one.recovered)

    def _was_out(self, port: Port, from_t: float, to_t: float) -> bool:
        ports = {port, Port(port.device)}
        known = [one for port in ports if (one := self._open.get(port))]
        known += [one for port in ports for one in self._ended.get(port, ())]
        return any(one.overlaps(from_t, to_t) for one in known)

    def _put(self, port: Port, one: _Open) -> None:
        self._open[port] = one
        self.devices.add(port.device)

    def _forget(self, port: Port) -> None:
        """It is over; what doors may still ask is kept."""
        self._ended.setdefault(port, deque(maxlen=ENDED)).append(self._open.pop(port))
        self.devices = {other.device for other in self._open}
        self._changed.add(port)

    def _saved(self, port: Port) -> str | None:
        one = self._open.get(port)
        return json.dumps(astuple(one), separators=(",", ":")) if one else None


def _is_port(port: Port) -> bool:
    return isinstance(port.device, str) and type(port.antenna) is type(port.input) is int


def _is_outage(one: _Open) -> bool:
    """Anything may stand in a file that another program has written."""
    has_words = one.cause in get_args(Cause) and isinstance(one.reason, str)
    has_times = all(t is None or (type(t) in (int, float) and t >= 0.0) for t in (one.since_t, one.until_t))
    is_counted = type(one.interruptions) is int and 1 <= one.interruptions <= MOST_INTERRUPTIONS
    return has_words and has_times and is_counted and isinstance(one.recovered, bool)


def _name(port: Port) -> str:
    return json.dumps(port, separators=(",", ":"))
