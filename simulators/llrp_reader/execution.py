"""An active ROSpec: its AISpecs one after the other, their stop triggers, and the reports they make due.

Times are the event loop's. What happens is told through `Hooks`; nothing here knows of messages or sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from simulators.llrp_reader.rospec import AISpec, Edge, Observation, ROSpec, Stop, StopTrigger
from simulators.llrp_reader.tags import Read

ATTEMPT_S = 0.1  # one inventory round over all antennas, for "stop after N attempts"


class Timers:
    """Calls due later, all of which can be forgotten at once."""

    def __init__(self) -> None:
        self._handles: set[asyncio.TimerHandle] = set()

    def after(self, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call once, delay_s from now."""

        def due() -> None:
            self._handles.discard(handle)
            call()

        handle = asyncio.get_running_loop().call_later(max(delay_s, 0.001), due)
        self._handles.add(handle)
        return handle

    def cancel(self) -> None:
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()


@dataclass(frozen=True)
class Hooks:
    """What the reader does when a run comes to it."""

    report: Callable[[ROSpec], None]
    aispec_ended: Callable[[ROSpec, AISpec], None]
    looped: Callable[[ROSpec, int], None]
    ended: Callable[[ROSpec], None]


class Run:
    """One activation of a ROSpec, from its start to its end."""

    def __init__(self, rospec: ROSpec, hooks: Hooks) -> None:
        self.rospec = rospec
        self.antennas: frozenset[int] = frozenset()
        self._hooks = hooks
        self._timers = Timers()  # of the whole run
        self._spec_timers = Timers()  # of the AISpec under way
        self._position = 0
        self._loops = 0
        self._tags = 0
        self._unique: set[bytes] = set()
        self._quiet: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Arm the ROSpec's stop trigger and its timed reports, start the first AISpec."""
        self._arm(self.rospec.stop, self._timers, self.stop)
        if self.rospec.report.period_s:
            self._timers.after(self.rospec.report.period_s, self._report_by_time)
        self._begin_aispec()

    def stop(self) -> None:
        """End now, whatever is under way."""
        self.abandon()
        self._hooks.ended(self.rospec)

    def abandon(self) -> None:
        """Forget everything; nobody is told."""
        self._timers.cancel()
        self._spec_timers.cancel()
        self.antennas = frozenset()

    def add(self, read: Read, cumulative: bool) -> bool:
        """A tag was read on one of `antennas`. False: there was no room for it."""
        spec, rospec = self.rospec.aispecs[self._position], self.rospec
        kept = rospec.pile.add(read, spec.index, spec.inventory_id, cumulative)
        if rospec.report.tags and len(rospec.pile) >= rospec.report.tags:
            self._hooks.report(rospec)
        if spec.stop.seen is not None:
            self._observe(spec, read)
        return kept

    def gpi(self, port: int, high: bool) -> None:
        """A GPI port changed: it may stop the AISpec or all of it."""
        if _matches(self.rospec.stop.edge, port, high):
            self.stop()
        elif _matches(self.rospec.aispecs[self._position].stop.edge, port, high):
            self._end_aispec()

    def _arm(self, trigger: StopTrigger, timers: Timers, end: Callable[[], None]) -> None:
        if trigger.kind == Stop.DURATION:
            timers.after(trigger.duration_s, end)
        for timed in (trigger.edge, trigger.seen):
            if timed is not None and timed.timeout_s:
                timers.after(timed.timeout_s, end)

    def _begin_aispec(self) -> None:
        spec = self.rospec.aispecs[self._position]
        self.antennas = spec.antennas
        self._tags, self._unique, self._quiet = 0, set(), None
        self._arm(spec.stop, self._spec_timers, self._end_aispec)
        if spec.stop.seen is not None and spec.stop.seen.kind == Observation.N_ATTEMPTS:
            self._spec_timers.after(spec.stop.seen.attempts * ATTEMPT_S, self._end_aispec)

    def _observe(self, spec: AISpec, read: Read) -> None:
        """Stop the AISpec when enough tags were seen, or no more come."""
        seen = spec.stop.seen
        if seen is None:
            return
        new = read.epc not in self._unique
        self._unique.add(read.epc)
        self._tags += 1
        if seen.kind in (Observation.NO_MORE_TAGS, Observation.NO_MORE_UNIQUE_TAGS) and new:
            if self._quiet is not None:
                self._quiet.cancel()
            self._quiet = self._spec_timers.after(seen.quiet_s, self._end_aispec)
        enough = {Observation.N_TAGS: self._tags, Observation.N_UNIQUE_TAGS: len(self._unique)}.get(seen.kind, -1)
        if enough >= seen.tags:
            self._end_aispec()

    def _end_aispec(self) -> None:
        spec = self.rospec.aispecs[self._position]
        self._spec_timers.cancel()
        self._hooks.aispec_ended(self.rospec, spec)
        if self.rospec.report.ends_with_aispec:
            self._hooks.report(self.rospec)
        self._position = (self._position + 1) % len(self.rospec.aispecs)
        if self._position or self._again():
            self._begin_aispec()
        else:
            self.stop()

    def _again(self) -> bool:
        """Whether a LoopSpec asks for another round."""
        if self.rospec.loops is None:
            return False
        self._loops += 1
        more = self.rospec.loops == 0 or self._loops < self.rospec.loops
        if more:
            self._hooks.looped(self.rospec, self._loops)
        return more

    def _report_by_time(self) -> None:
        self._hooks.report(self.rospec)
        self._timers.after(self.rospec.report.period_s, self._report_by_time)


def _matches(edge: Edge | None, port: int, high: bool) -> bool:
    return edge is not None and edge.port == port and edge.high == high
