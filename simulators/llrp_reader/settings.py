"""What a client can set on a reader with SET_READER_CONFIG, checked against what the reader is."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from simulators.llrp_reader.capabilities import Personality
from simulators.llrp_reader.codec import Element, encode_parameter, parameter
from simulators.llrp_reader.layouts import CUSTOM, PARAMETERS
from simulators.llrp_reader.status import Refusal, Status, bad_field, bad_parameter
from simulators.llrp_reader.tags import ReportSpec, default_report_spec, read_report_spec


class Event:
    """EventType of EventNotificationState: what a client may ask to be told."""

    HOPPING = 0
    GPI = 1
    ROSPEC = 2
    BUFFER_WARNING = 3
    EXCEPTION = 4
    RF_SURVEY = 5
    AISPEC = 6
    AISPEC_WITH_DETAILS = 7
    ANTENNA = 8
    SPEC_LOOP = 9  # LLRP 1.1


@contextmanager
def within(name: str) -> Iterator[None]:
    """Refusals of the block happened inside the parameter `name`."""
    try:
        yield
    except Refusal as refusal:
        raise refusal.inside(PARAMETERS[name].number) from None


@dataclass(frozen=True)
class Air:
    """How one antenna inventories; indices into the reader's own tables."""

    power_index: int
    sensitivity_index: int
    hop_table: int = 0
    channel: int = 0
    mode: int = 0
    tari_ns: int = 0
    session: int = 1
    population: int = 32
    transit_ms: int = 0
    search_mode: int | None = None


def factory_air(make: Personality) -> Air:
    """An antenna's settings out of the box: full power, first hop table, last mode."""
    return Air(
        power_index=make.power_index,
        sensitivity_index=min(make.sensitivities),
        hop_table=min(make.hop_tables, default=0),
        channel=0 if make.hop_tables else min(1, len(make.channels_khz)),
        mode=make.modes[-1].identifier if make.modes else 0,
    )


def apply_antennas(air: Mapping[int, Air], configurations: Iterable[Element], make: Personality) -> dict[int, Air]:
    """The settings after AntennaConfiguration parameters, in their order; AntennaID 0 is every antenna. Refusal."""
    result = dict(air)
    for configuration in configurations:
        antenna = configuration.number("AntennaID")
        if antenna and antenna not in result:
            raise bad_field("AntennaConfiguration", "AntennaID", antenna, f"this reader has 1 to {len(result)}")
        for one in [antenna] if antenna else list(result):
            with within("AntennaConfiguration"):
                result[one] = _apply(result[one], configuration, make)
    return result


def _apply(air: Air, configuration: Element, make: Personality) -> Air:
    receiver, transmitter = configuration.first("RFReceiver"), configuration.first("RFTransmitter")
    if receiver is not None:
        air = replace(air, sensitivity_index=_sensitivity(receiver, make))
    if transmitter is not None:
        air = _transmit(air, transmitter, make)
    for command in configuration.all("C1G2InventoryCommand"):
        with within("C1G2InventoryCommand"):
            air = _inventory(air, command, make)
    return air


def _sensitivity(receiver: Element, make: Personality) -> int:
    index = receiver.number("ReceiverSensitivity")
    if index not in make.sensitivities:
        raise bad_field("RFReceiver", "ReceiverSensitivity", index, "not in the reader's table")
    return index


def _transmit(air: Air, transmitter: Element, make: Personality) -> Air:
    hop, channel = transmitter.number("HopTableID"), transmitter.number("ChannelIndex")
    power = transmitter.number("TransmitPower")
    if not make.uhf_band:
        raise bad_parameter("RFTransmitter", Status.P_UNSUPPORTED_PARAMETER, "cannot be set on this reader")
    if make.hop_tables and hop not in make.hop_tables:
        raise bad_field("RFTransmitter", "HopTableID", hop, f"the reader has {sorted(make.hop_tables)}")
    if make.channels_khz and not 1 <= channel <= len(make.channels_khz):
        raise bad_field("RFTransmitter", "ChannelIndex", channel, f"the reader has 1 to {len(make.channels_khz)}")
    if power not in make.powers:
        why = f"the reader's table goes from {min(make.powers)} to {max(make.powers)}"
        raise bad_field("RFTransmitter", "TransmitPower", power, why)
    return replace(air, hop_table=hop, channel=channel, power_index=power)


def _inventory(air: Air, command: Element, make: Personality) -> Air:
    if command.number("TagInventoryStateAware"):
        why = "the reader cannot do state-aware singulation"
        field_number = PARAMETERS[command.name].field_number("TagInventoryStateAware")
        raise Refusal(Status.A_INVALID, f"C1G2InventoryCommand: {why}", field=field_number)
    control, singulation = command.first("C1G2RFControl"), command.first("C1G2SingulationControl")
    if control is not None:
        air = _rf_mode(air, control, make)
    if singulation is not None:
        air = replace(
            air,
            session=singulation.number("Session"),
            population=singulation.number("TagPopulation"),
            transit_ms=singulation.number("TagTransitTime"),
        )
    search = command.first("ImpinjInventorySearchMode")
    return air if search is None else replace(air, search_mode=search.number("InventorySearchMode"))


def _rf_mode(air: Air, control: Element, make: Personality) -> Air:
    identifier, tari = control.number("ModeIndex"), control.number("Tari")
    mode = next((mode for mode in make.modes if mode.identifier == identifier), None)
    if mode is None:
        known = [mode.identifier for mode in make.modes]
        raise bad_field("C1G2RFControl", "ModeIndex", identifier, f"the reader has {known}")
    if tari not in (0, mode.tari_ns):
        raise bad_field("C1G2RFControl", "Tari", tari, f"mode {identifier} has {mode.tari_ns}")
    return replace(air, mode=identifier, tari_ns=tari)


def refuse_vendors(element: Element, extensions: bool) -> None:
    """Refuse Custom parameters: of unknown vendors always, of the reader's own until its extensions are enabled."""
    for child in element.children:
        layout = PARAMETERS[child.name]
        if layout.number == CUSTOM and not (extensions and layout.vendor):
            raise bad_parameter(child.name, Status.P_UNSUPPORTED_PARAMETER, "is of a vendor this reader does not know")
        with within(child.name):
            refuse_vendors(child, extensions)


def refuse_type(element: Element, number: int) -> None:
    """Refuse the parameter type `number` wherever it stands."""
    for child in element.children:
        if PARAMETERS[child.name].number == number:
            raise bad_parameter(child.name, Status.P_UNSUPPORTED_PARAMETER, "is not supported by this reader")
        with within(child.name):
            refuse_type(child, number)


@dataclass(frozen=True)
class Settings:
    """A reader's configuration. keepalive_s 0 = none; hold = HoldEventsAndReportsUponReconnect."""

    air: Mapping[int, Air]
    events: frozenset[int]
    report: ReportSpec
    gpi_enabled: frozenset[int] = frozenset()
    gpo_high: frozenset[int] = frozenset()
    access_report_trigger: int = 1
    keepalive_s: float = 0.0
    hold: bool = False
    vendor: tuple[Element, ...] = field(default_factory=tuple)


def factory_settings(make: Personality, antennas: int) -> Settings:
    """Out of the box: full power everywhere, exceptions and antenna events notified, no keepalive."""
    air = factory_air(make)
    return Settings(
        air=dict.fromkeys(range(1, antennas + 1), air),
        events=frozenset({Event.EXCEPTION, Event.ANTENNA}),
        report=default_report_spec(),
    )


def apply_settings(settings: Settings, request: Element, make: Personality, version: int) -> Settings:
    """The settings after a SET_READER_CONFIG, all of it or (Refusal) nothing."""
    antennas = len(settings.air)
    if request.number("ResetToFactoryDefault"):
        settings = factory_settings(make, antennas)
    for properties in request.all("AntennaProperties"):
        _refuse_properties(properties)
    report, access = request.first("ROReportSpec"), request.first("AccessReportSpec")
    return replace(
        settings,
        air=apply_antennas(settings.air, request.all("AntennaConfiguration"), make),
        events=_events(settings.events, request, version),
        report=settings.report if report is None else read_report_spec(report, version),
        access_report_trigger=_access_trigger(access, settings.access_report_trigger),
        keepalive_s=_keepalive(request, settings.keepalive_s),
        gpi_enabled=_gpi_ports(settings.gpi_enabled, request, make),
        gpo_high=_gpo_ports(settings.gpo_high, request, make),
        hold=_hold(request, settings.hold),
        vendor=_vendor(settings.vendor, request),
    )


def _refuse_properties(properties: Element) -> None:
    raise bad_parameter(properties.name, Status.P_UNSUPPORTED_PARAMETER, "cannot be set on this reader")


def _events(events: frozenset[int], request: Element, version: int) -> frozenset[int]:
    spec = request.first("ReaderEventNotificationSpec")
    if spec is None:
        return events
    last = Event.SPEC_LOOP if version > 1 else Event.ANTENNA
    with within(spec.name):
        for state in spec.children:
            kind = state.number("EventType")
            if kind > last:
                raise bad_field(state.name, "EventType", kind, f"0 to {last} in this version of LLRP")
            events = events | {kind} if state.number("NotificationState") else events - {kind}
    return events


def _access_trigger(spec: Element | None, before: int) -> int:
    trigger = before if spec is None else spec.number("AccessReportTrigger")
    if trigger > 1:
        raise bad_field("AccessReportSpec", "AccessReportTrigger", trigger, "0 or 1")
    return trigger


def _keepalive(request: Element, before_s: float) -> float:
    spec = request.first("KeepaliveSpec")
    if spec is None:
        return before_s
    kind, period_ms = spec.number("KeepaliveTriggerType"), spec.number("PeriodicTriggerValue")
    if kind > 1:
        raise bad_field(spec.name, "KeepaliveTriggerType", kind, "0 or 1")
    if kind == 1 and period_ms == 0:
        raise bad_field(spec.name, "PeriodicTriggerValue", period_ms, "a period must be longer")
    return period_ms / 1000 if kind == 1 else 0.0


def _gpi_ports(enabled: frozenset[int], request: Element, make: Personality) -> frozenset[int]:
    for state in request.all("GPIPortCurrentState"):
        port = state.number("GPIPortNum")
        if not 0 <= port <= make.gpis or not make.gpis:
            raise bad_field(state.name, "GPIPortNum", port, f"the reader has {make.gpis}")
        ports = {port} if port else set(range(1, make.gpis + 1))
        enabled = enabled | ports if state.number("Config") else enabled - ports
    return enabled


def _gpo_ports(high: frozenset[int], request: Element, make: Personality) -> frozenset[int]:
    for write in request.all("GPOWriteData"):
        port = write.number("GPOPortNumber")
        if not 1 <= port <= make.gpos:
            raise bad_field(write.name, "GPOPortNumber", port, f"the reader has {make.gpos}")
        high = high | {port} if write.number("GPOData") else high - {port}
    return high


def _hold(request: Element, before: bool) -> bool:
    spec = request.first("EventsAndReports")
    return before if spec is None else bool(spec.number("HoldEventsAndReportsUponReconnect"))


def _vendor(before: tuple[Element, ...], request: Element) -> tuple[Element, ...]:
    given = [child for child in request.children if PARAMETERS[child.name].number == CUSTOM]
    names = {child.name for child in given}
    return (*(child for child in before if child.name not in names), *given)


# -- GET_READER_CONFIG ----------------------------------------------------------------------------------------


def render_air(antenna: int, air: Air, make: Personality) -> Element:
    """AntennaConfiguration of one antenna."""
    radio = [parameter("RFReceiver", ReceiverSensitivity=air.sensitivity_index)]
    if make.uhf_band:
        radio.append(
            parameter(
                "RFTransmitter", HopTableID=air.hop_table, ChannelIndex=air.channel, TransmitPower=air.power_index
            )
        )
        radio.append(_render_inventory(air))
    return parameter("AntennaConfiguration", *radio, AntennaID=antenna)


def _render_inventory(air: Air) -> Element:
    return parameter(
        "C1G2InventoryCommand",
        parameter("C1G2RFControl", ModeIndex=air.mode, Tari=air.tari_ns),
        parameter(
            "C1G2SingulationControl",
            Session=air.session,
            TagPopulation=air.population,
            TagTransitTime=air.transit_ms,
        ),
        TagInventoryStateAware=0,
    )


def render_events(settings: Settings, version: int) -> Element:
    """ReaderEventNotificationSpec with every event type of this version."""
    last = Event.SPEC_LOOP if version > 1 else Event.ANTENNA
    return parameter(
        "ReaderEventNotificationSpec",
        *(
            parameter("EventNotificationState", EventType=kind, NotificationState=int(kind in settings.events))
            for kind in range(last + 1)
        ),
    )


def render_keepalive(settings: Settings) -> Element:
    """KeepaliveSpec."""
    return parameter(
        "KeepaliveSpec",
        KeepaliveTriggerType=int(settings.keepalive_s > 0),
        PeriodicTriggerValue=round(1000 * settings.keepalive_s),
    )


def state_value(parts: Iterable[Element]) -> Element:
    """LLRPConfigurationStateValue: a number that changes whenever one of `parts` does."""
    value = zlib.crc32(b"".join(map(encode_parameter, parts)))
    return parameter("LLRPConfigurationStateValue", LLRPConfigurationStateValue=value)
