"""The reader itself, without its network: specs, settings, radio, GPIs, clock, and what it has to tell.

Nothing here ends with a connection: ROSpecs, settings and held reports outlive it, as on real readers. The client
under way is a `Client`; requests come in as method calls and are refused with `Refusal`.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from simulators.llrp_reader import settings as configuration
from simulators.llrp_reader.capabilities import PERSONALITIES, Personality
from simulators.llrp_reader.codec import Element, Value, encode_parameter, parameter
from simulators.llrp_reader.execution import Hooks, Run, Timers
from simulators.llrp_reader.faults import Faults
from simulators.llrp_reader.layouts import IMPINJ, MESSAGES
from simulators.llrp_reader.outbox import HOLD_LIMIT, Item, Outbox
from simulators.llrp_reader.rospec import AISpec, ROSpec, Start, State, read_rospec
from simulators.llrp_reader.settings import Air, Event, Settings, factory_settings
from simulators.llrp_reader.status import Refusal, Status, bad_field, bad_parameter
from simulators.llrp_reader.tags import FOREIGN, Entry, Read, encode_tags, pc_of, without

REPORT = MESSAGES["RO_ACCESS_REPORT"].number
EVENT = MESSAGES["READER_EVENT_NOTIFICATION"].number
WARNING_LEVEL = HOLD_LIMIT * 8 // 10


class Client(Protocol):
    """Whoever is connected."""

    @property
    def wants_reports(self) -> bool:
        """Reports and events may go out now."""

    def deliver(self, item: Item) -> None: ...

    def keepalive(self) -> None: ...


class Reader:
    """One reader. Public counters only grow; a read is counted once, where its fate is decided."""

    def __init__(self, name: str, antennas: int, personality: str, faults: Faults) -> None:
        self.name = name
        self.antennas = antennas
        self.faults = faults
        self.settings: Settings = factory_settings(PERSONALITIES[personality], antennas)
        self.rospecs: dict[int, ROSpec] = {}
        self.access_specs: dict[int, Element] = {}
        self.gpi_high: set[int] = set()
        self.antennas_down: set[int] = set()
        self.client: Client | None = None
        self.reads_seen = 0  # the radio read a tag for an active ROSpec
        self.reads_reported = 0  # tag report entries put on the socket
        self.reads_in_reports = 0  # reads that these entries stand for
        self.reads_discarded = 0  # reads of a ROSpec that was deleted before it reported
        self.reads_lost = 0  # reads for which there was no room
        self.reports_sent = 0
        self.keepalives_sent = 0
        self.outbox = Outbox()
        self._overflowed = False
        self._make = PERSONALITIES[personality]
        self._run: Run | None = None
        self._keepalive = Timers()
        self._start_timers: dict[int, Timers] = {}
        self._booted_at = time.time()
        self._hooks = Hooks(self._report, self._aispec_ended, self._looped, self._run_ended)

    # -- what tests ask ---------------------------------------------------------------------------------------

    @property
    def make(self) -> Personality:
        """What the reader says it is."""
        return replace(self._make, manufacturer=IMPINJ) if self.faults.claims_impinj else self._make

    @property
    def active(self) -> bool:
        """A ROSpec is active."""
        return self._run is not None

    @property
    def reading_antennas(self) -> tuple[int, ...]:
        """The antennas that read now."""
        return () if self._run is None else tuple(sorted(self._run.antennas - self.antennas_down))

    @property
    def held(self) -> int:
        """Tag entries that wait for a client."""
        return self.outbox.entries

    @property
    def reads_waiting(self) -> int:
        """Reads not reported yet. reads_seen = reads_in_reports + reads_waiting + reads_discarded + reads_lost."""
        return self.outbox.reads + sum(rospec.pile.reads for rospec in self.rospecs.values())

    @property
    def air(self) -> dict[int, Air]:
        """The settings of each antenna in use: of the newest ROSpec's antennas, of all without a ROSpec."""
        rospec = next(reversed(self.rospecs.values()), None)
        if rospec is None:
            return dict(self.settings.air)
        return {antenna: air for spec in rospec.aispecs for antenna, air in self._air(spec).items()}

    @property
    def power_dbm_by_antenna(self) -> dict[int, float]:
        """The power that each antenna in use was told, dBm."""
        return {a: self.make.powers[air.power_index] / 100 for a, air in self.air.items() if self.make.powers}

    @property
    def session(self) -> int | None:
        """The Gen2 session that all antennas in use were told; None if they differ."""
        sessions = {air.session for air in self.air.values()}
        return sessions.pop() if len(sessions) == 1 else None

    def _air(self, spec: AISpec) -> dict[int, Air]:
        air = configuration.apply_antennas(self.settings.air, spec.configurations, self.make)
        return {antenna: air[antenna] for antenna in sorted(spec.antennas)}

    # -- radio ------------------------------------------------------------------------------------------------

    def see(
        self,
        epc: bytes | str,
        antenna: int,
        rssi_dbm: float,
        at: float | None = None,
        *,
        bits: int | None = None,
        channel: int = 1,
        phase: int = 0,
        doppler_hz: float = 0.0,
        pc: int | None = None,
    ) -> bool:
        """The radio read a tag. False: no ROSpec is active on that antenna, nobody will ever know.

        epc as bytes or hex, of which `bits` count (default all); at = true time in seconds since 1970 (default
        now); phase in 1/4096 turn; pc = protocol-control word (default: from the length).
        """
        run = self._run
        if run is None or antenna not in run.antennas or antenna in self.antennas_down:
            return False
        raw = bytes.fromhex(epc) if isinstance(epc, str) else epc
        count = 8 * len(raw) if bits is None else bits
        word = pc_of(count) if pc is None else pc
        read = Read(raw, count, antenna, rssi_dbm, self.stamp_us(at), channel, phase, doppler_hz, word)
        self.reads_seen += 1
        if not run.add(read, self.faults.cumulative_seen_count):
            self.reads_lost += 1
        return True

    def set_antenna(self, antenna: int, connected: bool) -> None:
        """Plug an antenna in or pull it."""
        if connected is (antenna not in self.antennas_down):
            return
        self.antennas_down ^= {antenna}
        self.notify(Event.ANTENNA, "AntennaEvent", EventType=int(connected), AntennaID=antenna)

    def set_gpi(self, port: int, high: bool) -> None:
        """Put a level on an input. It is noticed if the client enabled that port, and if it is a change."""
        if high is (port in self.gpi_high):
            return
        self.gpi_high ^= {port}
        if port not in self.settings.gpi_enabled:
            return
        self.notify(Event.GPI, "GPIEvent", GPIPortNumber=port, GPIEvent=int(high))
        if self._run is not None:
            self._run.gpi(port, high)
        for rospec in list(self.rospecs.values()):
            edge = rospec.start.edge
            if rospec.state == State.INACTIVE and edge is not None and (edge.port, edge.high) == (port, high):
                self._start(rospec)

    # -- clock ------------------------------------------------------------------------------------------------

    def stamp_us(self, at: float | None = None) -> int:
        """The true time `at` (default now) on the reader's clock: microseconds of UTC, or since switch-on."""
        true_s = time.time() if at is None else at
        if self.faults.uptime_only:
            return max(0, round(1e6 * (true_s - self._booted_at)))
        offset_s = self.faults.clock_offset_s
        if self.faults.clock_year is not None:
            offset_s += calendar.timegm((self.faults.clock_year, 1, 1, 0, 0, 0)) - self._booted_at
        return max(0, round(1e6 * (true_s + offset_s)))

    def timestamp(self) -> Element:
        """UTCTimestamp or Uptime, now."""
        return parameter("Uptime" if self.faults.uptime_only else "UTCTimestamp", Microseconds=self.stamp_us())

    # -- reports and events -----------------------------------------------------------------------------------

    def notify(self, kind: int, name: str, *children: Element, **fields: Value) -> None:
        """Tell the client of an event, if it asked for that kind; held while it cannot be told."""
        if kind in self.settings.events:
            self._put(Item(EVENT, encode_parameter(self.stamped(parameter(name, *children, **fields)))))

    def stamped(self, event: Element) -> Element:
        """ReaderEventNotificationData with the event, as of now."""
        return parameter("ReaderEventNotificationData", self.timestamp(), event)

    def raise_exception(self, text: str) -> None:
        """Something broke inside the reader: ReaderExceptionEvent."""
        self.notify(Event.EXCEPTION, "ReaderExceptionEvent", Message=text)

    def flush(self) -> None:
        """Hand over what is held, as far as the client takes it."""
        client = self.client
        while self.outbox and client is not None and client.wants_reports:
            if self._overflowed:
                self._overflowed = False
                overflow = self.stamped(parameter("ReportBufferOverflowErrorEvent"))
                client.deliver(Item(EVENT, encode_parameter(overflow)))
            client.deliver(self.outbox.take())

    def take_reports(self) -> list[Item]:
        """Everything read and not reported yet, as reports (GET_REPORT); without a read, one empty report."""
        items = [item for rospec in self.rospecs.values() if rospec.pile for item in self._collect(rospec)]
        return items or [Item(REPORT, b"")]

    def _report(self, rospec: ROSpec) -> None:
        if rospec.pile:
            for item in self._collect(rospec):
                self._put(item)

    def _collect(self, rospec: ROSpec) -> Iterator[Item]:
        faults = self.faults
        content = without(rospec.report.content, faults.without_antenna, faults.without_rssi)
        entries = rospec.pile.take()
        extra = FOREIGN if faults.foreign_parameters else b""
        if faults.empty_reports:
            yield Item(REPORT, b"")
        yield Item(REPORT, encode_tags(entries, content, faults.uptime_only, extra), len(entries), _reads(entries))

    def _put(self, item: Item) -> None:
        lost = self.outbox.put(item)
        if lost is not None:
            self.reads_lost += lost.reads
            self._overflowed = True
        self.flush()
        if len(self.outbox) == WARNING_LEVEL and item.number == REPORT:
            self.notify(Event.BUFFER_WARNING, "ReportBufferLevelWarningEvent", ReportBufferPercentageFull=80)

    # -- settings ---------------------------------------------------------------------------------------------

    def configure(self, request: Element, version: int, extensions: bool) -> None:
        """SET_READER_CONFIG. Refusal: nothing of it was taken."""
        self._check(request, extensions)
        self.settings = configuration.apply_settings(self.settings, request, self.make, version)
        self._keepalive.cancel()
        self._arm_keepalive()

    def _check(self, element: Element, extensions: bool) -> None:
        if self.faults.refuse_parameter is not None:
            configuration.refuse_type(element, self.faults.refuse_parameter)
        configuration.refuse_vendors(element, extensions)

    def _arm_keepalive(self) -> None:
        if self.settings.keepalive_s:
            self._keepalive.after(self.settings.keepalive_s, self._send_keepalive)

    def _send_keepalive(self) -> None:
        self._arm_keepalive()
        if self.client is not None and not self.faults.no_keepalive:
            self.keepalives_sent += 1
            self.client.keepalive()

    # -- ROSpecs ----------------------------------------------------------------------------------------------

    def add_rospec(self, request: Element, version: int, extensions: bool) -> None:
        """ADD_ROSPEC with its ROSpec. Refusal: it is not stored."""
        self._check(request, extensions)
        rospec = read_rospec(request.one("ROSpec"), self.settings, self.make, version, extensions)
        if rospec.id in self.rospecs:
            raise bad_field("ROSpec", "ROSpecID", rospec.id, "the reader has a ROSpec of that number")
        if len(self.rospecs) >= self.make.max_rospecs:
            raise bad_parameter("ROSpec", Status.P_OVERFLOW_PARAMETER, f"is one more than {self.make.max_rospecs}")
        self.rospecs[rospec.id] = rospec

    def enable_rospec(self, rospec_id: int) -> None:
        """ENABLE_ROSPEC; 0 = all."""
        for rospec in self._chosen(rospec_id):
            if rospec.state == State.DISABLED:
                rospec.state = State.INACTIVE
                self._arm_start(rospec)

    def disable_rospec(self, rospec_id: int) -> None:
        """DISABLE_ROSPEC; 0 = all."""
        for rospec in self._chosen(rospec_id):
            self._stop(rospec)
            self._start_timers.pop(rospec.id, Timers()).cancel()
            rospec.state = State.DISABLED

    def delete_rospec(self, rospec_id: int) -> None:
        """DELETE_ROSPEC; 0 = all. What they did not report is gone."""
        self._refuse_delete_all(rospec_id)
        for rospec in self._chosen(rospec_id):
            self.disable_rospec(rospec.id)
            self.reads_discarded += rospec.pile.reads
            del self.rospecs[rospec.id]

    def start_rospec(self, rospec_id: int) -> None:
        """START_ROSPEC: one that is enabled. Starting an active one is no error."""
        rospec = self._one(rospec_id)
        if rospec.state == State.DISABLED:
            raise Refusal(Status.A_INVALID, f"ROSpecID {rospec_id}: the ROSpec is disabled", field=0)
        self._start(rospec)

    def stop_rospec(self, rospec_id: int) -> None:
        """STOP_ROSPEC. Stopping an inactive one is no error."""
        if self.faults.error_on_stop:
            raise Refusal(Status.A_INVALID, f"ROSpecID {rospec_id}: the ROSpec cannot be stopped", field=0)
        self._stop(self._one(rospec_id))

    def _refuse_delete_all(self, number: int) -> None:
        if self.faults.error_on_delete_all and number == 0:
            raise Refusal(Status.M_PARAMETER_ERROR, "there is nothing to delete")

    def _chosen(self, rospec_id: int) -> list[ROSpec]:
        return list(self.rospecs.values()) if rospec_id == 0 else [self._one(rospec_id)]

    def _one(self, rospec_id: int) -> ROSpec:
        rospec = self.rospecs.get(rospec_id)
        if rospec is None:
            raise Refusal(Status.A_OUT_OF_RANGE, f"ROSpecID {rospec_id}: the reader has no such ROSpec", field=0)
        return rospec

    def _arm_start(self, rospec: ROSpec) -> None:
        """Let the start trigger of an inactive ROSpec work. A GPI needs no arming."""
        if rospec.start.kind == Start.IMMEDIATE and not self.faults.no_immediate:
            self._start(rospec)
        elif rospec.start.period is not None:
            utc_s, offset_s = rospec.start.period.utc_s, rospec.start.period.offset_s
            wait_s = 0.0 if utc_s is None else max(0.0, utc_s - self.stamp_us() / 1e6)
            self._start_later(rospec, wait_s + offset_s)

    def _start_later(self, rospec: ROSpec, delay_s: float) -> None:
        timers = self._start_timers.setdefault(rospec.id, Timers())
        timers.after(delay_s, lambda: self._start_periodic(rospec))

    def _start_periodic(self, rospec: ROSpec) -> None:
        if rospec.start.period is not None and rospec.start.period.period_s:
            self._start_later(rospec, rospec.start.period.period_s)
        self._start(rospec)

    def _start(self, rospec: ROSpec) -> None:
        """Inactive -> Active, unless a ROSpec of the same or a higher priority (a lower number) is active."""
        if rospec.state != State.INACTIVE:
            return
        if self._run is not None:
            if self._run.rospec.priority <= rospec.priority:
                return
            self._preempt(self._run, rospec)
        rospec.state = State.ACTIVE
        self._run = Run(rospec, self._hooks)
        self._tell_rospec(0, rospec.id)
        self._run.begin()
        self.changed()

    def _preempt(self, run: Run, by: ROSpec) -> None:
        run.abandon()
        run.rospec.state = State.INACTIVE
        self._report(run.rospec)
        self._tell_rospec(2, run.rospec.id, by.id)

    def _stop(self, rospec: ROSpec) -> None:
        """Active -> Inactive at the client's word."""
        if self._run is not None and self._run.rospec is rospec:
            self._run.abandon()
            self._end(rospec)

    def _run_ended(self, rospec: ROSpec) -> None:
        """Active -> Inactive by itself; an Immediate start trigger starts it again."""
        self._end(rospec)
        if rospec.start.kind == Start.IMMEDIATE and not self.faults.no_immediate:
            self._start_later(rospec, 0.0)

    def _end(self, rospec: ROSpec) -> None:
        self._run = None
        rospec.state = State.INACTIVE
        if rospec.report.trigger:
            self._report(rospec)
        self._tell_rospec(1, rospec.id)
        self.changed()

    def _aispec_ended(self, rospec: ROSpec, spec: AISpec) -> None:
        details = []
        if Event.AISPEC_WITH_DETAILS in self.settings.events:
            details.append(parameter("C1G2SingulationDetails", NumCollisionSlots=0, NumEmptySlots=0))
        kind = Event.AISPEC_WITH_DETAILS if details else Event.AISPEC
        self.notify(kind, "AISpecEvent", *details, EventType=0, ROSpecID=rospec.id, SpecIndex=spec.index)

    def _looped(self, rospec: ROSpec, loops: int) -> None:
        self.notify(Event.SPEC_LOOP, "SpecLoopEvent", ROSpecID=rospec.id, LoopCount=loops)

    def _tell_rospec(self, event: int, rospec_id: int, preempting: int = 0) -> None:
        fields: dict[str, Value] = {"ROSpecID": rospec_id, "PreemptingROSpecID": preempting}
        self.notify(Event.ROSPEC, "ROSpecEvent", EventType=event, **fields)

    # -- AccessSpecs: kept and listed, not executed ------------------------------------------------------------

    def add_access_spec(self, request: Element, extensions: bool) -> None:
        """ADD_ACCESSSPEC. Refusal: its number is taken or 0, or there are too many."""
        self._check(request, extensions)
        spec = request.one("AccessSpec")
        number = spec.number("AccessSpecID")
        if number == 0 or number in self.access_specs:
            raise bad_field("AccessSpec", "AccessSpecID", number, "0 means all, and each number is used once")
        if len(self.access_specs) >= self.make.max_access_specs:
            raise bad_parameter("AccessSpec", Status.P_OVERFLOW_PARAMETER, "is one too many")
        self.access_specs[number] = spec

    def set_access_spec(self, number: int, enabled: bool) -> None:
        """ENABLE_ACCESSSPEC, DISABLE_ACCESSSPEC; 0 = all."""
        for one in self._access_specs(number):
            self.access_specs[one].fields["CurrentState"] = int(enabled)

    def delete_access_spec(self, number: int) -> None:
        """DELETE_ACCESSSPEC; 0 = all."""
        self._refuse_delete_all(number)
        for one in self._access_specs(number):
            del self.access_specs[one]

    def _access_specs(self, number: int) -> list[int]:
        if number and number not in self.access_specs:
            raise Refusal(Status.A_OUT_OF_RANGE, f"AccessSpecID {number}: the reader has no such spec", field=0)
        return [number] if number else list(self.access_specs)

    # -- life -------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Hook: a state that somebody may wait for has changed."""

    def forget(self) -> None:
        """As after a power cut: factory settings, no specs, nothing held, the clock starts anew."""
        self.sleep()
        self.rospecs.clear()
        self.access_specs.clear()
        self.outbox.clear()
        self.settings = factory_settings(self.make, self.antennas)
        self._booted_at = time.time()

    def sleep(self) -> None:
        """Cancel every timer; an active ROSpec is abandoned."""
        for timers in (self._keepalive, *self._start_timers.values()):
            timers.cancel()
        if self._run is not None:
            self._run.abandon()
            self._run.rospec.state = State.INACTIVE
            self._run = None


def _reads(entries: list[Entry]) -> int:
    return sum(entry.seen for entry in entries)
