"""A ROSpec as the reader understands it: checked, its triggers and antennas as values.

The three states and what moves between them (LLRP, reader operations):

    | state    | event                                      | becomes  |
    |----------|--------------------------------------------|----------|
    | Disabled | ENABLE_ROSPEC                              | Inactive |
    | Inactive | start trigger, START_ROSPEC                | Active   |
    | Active   | stop trigger, last AISpec done, STOP_ROSPEC | Inactive |
    | any      | DISABLE_ROSPEC                             | Disabled |
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

from simulators.llrp_reader.capabilities import C1G2, Personality
from simulators.llrp_reader.codec import Element, parameter
from simulators.llrp_reader.settings import Settings, apply_antennas, refuse_vendors, within
from simulators.llrp_reader.status import Refusal, Status, bad_field, bad_parameter
from simulators.llrp_reader.tags import Pile, ReportSpec, read_report_spec


class State(IntEnum):
    """CurrentState of a ROSpec."""

    DISABLED = 0
    INACTIVE = 1
    ACTIVE = 2


class Start(IntEnum):
    """ROSpecStartTriggerType."""

    NULL = 0
    IMMEDIATE = 1
    PERIODIC = 2
    GPI = 3


class Stop(IntEnum):
    """ROSpecStopTriggerType and AISpecStopTriggerType; TAGS is the latter's only."""

    NULL = 0
    DURATION = 1
    GPI = 2
    TAGS = 3


class Observation(IntEnum):
    """TriggerType of TagObservationTrigger; the unique ones came with LLRP 1.1."""

    N_TAGS = 0
    NO_MORE_TAGS = 1
    N_ATTEMPTS = 2
    N_UNIQUE_TAGS = 3
    NO_MORE_UNIQUE_TAGS = 4


@dataclass(frozen=True)
class Edge:
    """A GPI port going to a level. timeout_s 0 = none."""

    port: int
    high: bool
    timeout_s: float


@dataclass(frozen=True)
class Period:
    """Start every period_s (0 = once), first at offset_s after the ROSpec came or after utc_s."""

    offset_s: float
    period_s: float
    utc_s: float | None


@dataclass(frozen=True)
class StartTrigger:
    kind: Start
    period: Period | None = None
    edge: Edge | None = None


@dataclass(frozen=True)
class TagsSeen:
    """TagObservationTrigger."""

    kind: Observation
    tags: int
    attempts: int
    quiet_s: float
    timeout_s: float


@dataclass(frozen=True)
class StopTrigger:
    kind: Stop
    duration_s: float = 0.0
    edge: Edge | None = None
    seen: TagsSeen | None = None


@dataclass(frozen=True)
class AISpec:
    """One antenna inventory: where, how, until when."""

    index: int
    antennas: frozenset[int]
    stop: StopTrigger
    inventory_id: int
    configurations: tuple[Element, ...]


@dataclass
class ROSpec:
    """One reader operation. `pile` = what it read and has not reported."""

    id: int
    priority: int
    start: StartTrigger
    stop: StopTrigger
    aispecs: tuple[AISpec, ...]
    report: ReportSpec
    loops: int | None  # LoopSpec: 0 = for ever; None = not given, once
    source: Element
    pile: Pile
    state: State = State.DISABLED

    @property
    def antennas(self) -> frozenset[int]:
        """Every antenna that one of its AISpecs uses."""
        return frozenset().union(*(spec.antennas for spec in self.aispecs))

    def render(self) -> Element:
        """The ROSpec parameter with the state as it is now."""
        return parameter("ROSpec", *self.source.children, **self.source.fields | {"CurrentState": int(self.state)})


def read_rospec(element: Element, settings: Settings, make: Personality, version: int, extensions: bool) -> ROSpec:
    """ROSpec parameter -> value. Refusal with the path to the first thing this reader cannot do."""
    with within("ROSpec"):
        refuse_vendors(element, extensions)
        aispecs = tuple(_aispecs(element, settings, make, version))
        report = element.first("ROReportSpec")
        report_spec = settings.report if report is None else read_report_spec(report, version)
        loop = element.first("LoopSpec")
        boundary = element.one("ROBoundarySpec")
        with within("ROBoundarySpec"):
            start = _start(boundary.one("ROSpecStartTrigger"), make)
            stop = _stop(boundary.one("ROSpecStopTrigger"), "ROSpecStopTriggerType", "DurationTriggerValue", make)
    _check_head(element, make)
    return ROSpec(
        id=element.number("ROSpecID"),
        priority=element.number("Priority"),
        start=start,
        stop=stop,
        aispecs=aispecs,
        report=report_spec,
        loops=None if loop is None else loop.number("LoopCount"),
        source=element,
        pile=Pile(element.number("ROSpecID"), report_spec.content),
    )


def _check_head(element: Element, make: Personality) -> None:
    rospec_id, priority = element.number("ROSpecID"), element.number("Priority")
    if rospec_id == 0:
        raise bad_field("ROSpec", "ROSpecID", 0, "0 means every ROSpec")
    if priority >= make.priorities:
        raise bad_field("ROSpec", "Priority", priority, f"the reader has 0 to {make.priorities - 1}")
    if element.number("CurrentState") != State.DISABLED:
        raise bad_field("ROSpec", "CurrentState", element.number("CurrentState"), "a new ROSpec is disabled")


def _start(trigger: Element, make: Personality) -> StartTrigger:
    kind = trigger.number("ROSpecStartTriggerType")
    if kind not in set(Start):
        raise bad_field(trigger.name, "ROSpecStartTriggerType", kind, "0 to 3")
    wanted = {Start.PERIODIC: "PeriodicTriggerValue", Start.GPI: "GPITriggerValue"}.get(Start(kind))
    with within(trigger.name):
        value = _trigger_value(trigger, [wanted] if wanted else [])
        if kind == Start.PERIODIC and value is not None:
            return StartTrigger(Start.PERIODIC, period=_period(value))
        return StartTrigger(Start(kind), edge=None if value is None else _edge(value, make))


def _trigger_value(trigger: Element, wanted: Collection[str]) -> Element | None:
    """The one value parameter that goes with the trigger's type. Refusal: it is missing, or another is there."""
    for child in trigger.children:
        if child.name not in wanted:
            why = f"does not go with this type of {trigger.name}"
            raise bad_parameter(child.name, Status.P_UNEXPECTED_PARAMETER, why)
    for name in wanted:
        if trigger.first(name) is None:
            raise bad_parameter(name, Status.P_MISSING_PARAMETER, f"is missing in {trigger.name}")
    return trigger.children[0] if trigger.children else None


def _period(value: Element) -> Period:
    utc = value.first("UTCTimestamp")
    return Period(
        offset_s=value.number("Offset") / 1000,
        period_s=value.number("Period") / 1000,
        utc_s=None if utc is None else utc.number("Microseconds") / 1e6,
    )


def _edge(value: Element, make: Personality) -> Edge:
    port = value.number("GPIPortNum")
    if not 1 <= port <= make.gpis:
        raise bad_field("GPITriggerValue", "GPIPortNum", port, f"the reader has {make.gpis}")
    return Edge(port, bool(value.number("GPIEvent")), value.number("Timeout") / 1000)


def _stop(trigger: Element, kind_field: str, duration_field: str, make: Personality) -> StopTrigger:
    kind = trigger.number(kind_field)
    last = Stop.TAGS if trigger.name == "AISpecStopTrigger" else Stop.GPI
    if kind > last:
        raise bad_field(trigger.name, kind_field, kind, f"0 to {int(last)}")
    wanted = {Stop.GPI: "GPITriggerValue", Stop.TAGS: "TagObservationTrigger"}.get(Stop(kind))
    with within(trigger.name):
        value = _trigger_value(trigger, [wanted] if wanted else [])
        return StopTrigger(
            Stop(kind),
            duration_s=trigger.number(duration_field) / 1000,
            edge=_edge(value, make) if value is not None and kind == Stop.GPI else None,
            seen=_tags_seen(value) if value is not None and kind == Stop.TAGS else None,
        )


def _tags_seen(value: Element) -> TagsSeen:
    kind = value.number("TriggerType")
    if kind not in set(Observation):
        raise bad_field(value.name, "TriggerType", kind, "0 to 4")
    return TagsSeen(
        Observation(kind),
        tags=value.number("NumberOfTags"),
        attempts=value.number("NumberOfAttempts"),
        quiet_s=value.number("T") / 1000,
        timeout_s=value.number("Timeout") / 1000,
    )


def _aispecs(element: Element, settings: Settings, make: Personality, version: int) -> list[AISpec]:
    specs: list[AISpec] = []
    for child in element.children:
        if child.name == "RFSurveySpec":
            raise bad_parameter(child.name, Status.P_UNSUPPORTED_PARAMETER, "cannot be done by this reader")
        if child.name == "AISpec":
            with within("AISpec"):
                specs.append(_aispec(len(specs) + 1, child, settings, make, version))
    return specs


def _aispec(index: int, element: Element, settings: Settings, make: Personality, version: int) -> AISpec:
    stop = _stop(element.one("AISpecStopTrigger"), "AISpecStopTriggerType", "DurationTrigger", make)
    if stop.seen is not None and version < 2 and stop.seen.kind > Observation.N_ATTEMPTS:
        with within("AISpecStopTrigger"):
            raise bad_field("TagObservationTrigger", "TriggerType", int(stop.seen.kind), "new in LLRP 1.1")
    inventories = element.all("InventoryParameterSpec")
    if len(inventories) > 1:
        raise bad_parameter("InventoryParameterSpec", Status.P_OVERFLOW_PARAMETER, "is there more than once")
    with within("InventoryParameterSpec"):
        configurations, inventory_id = _inventory(inventories[0], settings, make)
    antennas = _antennas(element, len(settings.air))
    return AISpec(index, antennas, stop, inventory_id, configurations)


def _antennas(element: Element, have: int) -> frozenset[int]:
    """AntennaIDs; a 0 among them means all (LLRP 1.1, AISpec)."""
    wanted = element.numbers("AntennaIDs")
    every = frozenset(range(1, have + 1))
    unknown = [antenna for antenna in wanted if antenna and antenna not in every]
    if unknown or not wanted:
        number = unknown[0] if unknown else "none"
        text = f"AISpec parameter, invalid AntennaIDs ({number}): the reader has 1 to {have}"
        raise Refusal(Status.A_OUT_OF_RANGE, text, field=0)
    return every if 0 in wanted else frozenset(wanted)


def _inventory(element: Element, settings: Settings, make: Personality) -> tuple[tuple[Element, ...], int]:
    protocol = element.number("ProtocolID")
    if protocol != C1G2:
        raise Refusal(Status.A_INVALID, f"InventoryParameterSpec: unknown ProtocolID {protocol}", field=1)
    configurations = tuple(element.all("AntennaConfiguration"))
    apply_antennas(settings.air, configurations, make)  # refuses here what the ROSpec could not run with
    return configurations, element.number("InventoryParameterSpecID")
