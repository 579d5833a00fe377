"""The configuration in the core's terms: which antenna means what, what to ask of each reader and scanner."""

from __future__ import annotations

from edgegw.config import Config
from edgegw.config.antennas import ALL, antenna_map, parse_input
from edgegw.config.model import Door, GpiStart, Inbound, Outbound, PeriodicStart, Reader, Scanner, Station
from edgegw.core.dock import Dock, PhotoEye, ScannerSettings, StationSettings
from edgegw.core.door import DoorSettings
from edgegw.core.epcis.meaning import NOTHING, Meaning, Meanings
from edgegw.core.epcis.places import place_uri
from edgegw.core.identity import ScanRules, VendorRule
from edgegw.core.llrp.messages import GpiTrigger, StartTrigger, StopTrigger
from edgegw.core.llrp.rospec import IMMEDIATELY, NEVER, ReaderSettings
from edgegw.core.model import Direction, Side
from edgegw.core.scan import ScanSettings


def dock(config: Config) -> Dock:
    """Everything the pipeline must know."""
    return Dock(
        doors=tuple(map(_door, config.doors)),
        stations=tuple(map(_station, config.stations)),
        scanners=tuple(
            ScannerSettings(scanner.name, scanner.station, scan_rules(scanner)) for scanner in config.scanners
        ),
        antennas=antenna_map(config),
        photo_eyes=_photo_eyes(config),
        raw=config.identity.raw,
        strip_leading_zeros=config.identity.strip_leading_zeros,
    )


def meanings(config: Config) -> Meanings:
    """What an event at each read point means to EPCIS; nothing, where nobody wants EPCIS."""
    if "epcis" not in config.delivery.formats:
        return NOTHING
    points: dict[tuple[str, Direction | None], Meaning] = {}
    for door in config.doors:
        for direction, way in _ways(door):
            where = door.epcis.read_point or _place(door.location)
            points[door.name, direction] = Meaning(way.biz_step, way.disposition, where, way.biz_location)
    for station in config.stations:
        says, here = station.epcis, _place(station.location)
        points[station.name, None] = Meaning(
            says.biz_step, says.disposition, says.read_point or here, says.biz_location or here
        )
    return Meanings(points, config.delivery.loads)


def _ways(door: Door) -> tuple[tuple[Direction, Outbound | Inbound], ...]:
    return ("out", door.epcis.outbound), ("in", door.epcis.inbound)


def _place(gln: str | None) -> str | None:
    return place_uri(gln) if gln else None


def reader_settings(reader: Reader, config: Config) -> ReaderSettings:
    """What to ask of a reader. Only antennas that belong to a door or a station are switched on."""
    return ReaderSettings(
        name=reader.name,
        antennas=_antennas_of(reader.name, config),
        power_dbm=reader.power_dbm,
        session=reader.session,
        population=reader.population,
        mode=reader.mode,
        search=reader.search,
        start=_start(reader),
        stop=_stop(reader),
        report_every=reader.report_every,
        keepalive_s=reader.keepalive_s,
        late_after_s=reader.late_after_s,
        version=reader.llrp_version,
        inputs=tuple(sorted(number for name, number in _photo_eyes(config) if name == reader.name)),
    )


def scan_settings(scanner: Scanner) -> ScanSettings:
    """How a scanner frames its scans."""
    return ScanSettings(
        scanner=scanner.name,
        terminator=scanner.terminator,
        prefix=scanner.prefix,
        suffix=scanner.suffix,
        max_length=scanner.max_length,
        encoding=scanner.encoding,
    )


def scan_rules(scanner: Scanner) -> ScanRules:
    """How a scan of this scanner is understood."""
    rules = tuple(VendorRule.parse(rule.match, rule.unit) for rule in scanner.serials)
    return ScanRules(assume=scanner.assume, gs=scanner.gs, serials=rules)


def _antennas_of(reader: str, config: Config) -> tuple[int, ...]:
    """Empty = all of them."""
    used = [number for name, number in antenna_map(config) if name == reader]
    return () if ALL in used else tuple(sorted(used))


def _door(door: Door) -> DoorSettings:
    return DoorSettings(
        name=door.name,
        inside=door.places.inside,
        outside=door.places.outside,
        location=door.location,
        quiet_s=door.quiet_s,
        max_open_s=door.max_open_s,
        min_order_s=door.min_order_s,
        steady_db=None if door.steady_db == "auto" else door.steady_db,
        memory_s=door.memory_s,
        load_min_tags=door.load.min_tags,
        load_quorum=door.load.quorum,
        photo_eyes=tuple(side for side, _ in _beams(door)),
        early=door.early,
    )


def _photo_eyes(config: Config) -> dict[tuple[str, int], PhotoEye]:
    return {
        parse_input(text): PhotoEye(door.name, side, door.photo_eye.level == "high")
        for door in config.doors
        if door.photo_eye
        for side, text in _beams(door)
    }


def _beams(door: Door) -> list[tuple[Side, str]]:
    """The sides that have a photo-eye, and its input."""
    if door.photo_eye is None:
        return []
    beams: tuple[tuple[Side, str | None], ...] = (
        ("inside", door.photo_eye.inside),
        ("outside", door.photo_eye.outside),
    )
    return [(side, text) for side, text in beams if text]


def _station(station: Station) -> StationSettings:
    return StationSettings(station.name, station.location, station.repeat_s, station.within)


def _start(reader: Reader) -> StartTrigger:
    match reader.start:
        case GpiStart(gpi=port, level=level):
            return StartTrigger(gpi=GpiTrigger(port, level == "high"))
        case PeriodicStart(every_s=every_s):
            return StartTrigger(period_ms=round(every_s * 1000))
        case _:
            return IMMEDIATELY


def _stop(reader: Reader) -> StopTrigger:
    stop = reader.stop
    if stop is None:
        return NEVER
    after_ms = round((stop.after_s or 0) * 1000)
    if stop.gpi is None:
        return StopTrigger(duration_ms=after_ms)
    return StopTrigger(gpi=GpiTrigger(stop.gpi, stop.level == "high", timeout_ms=after_ms))
