"""What the parts of a configuration say about each other: names, references, things used twice.

Works on the tree, so that it also speaks when some part is faulty in itself; what was dropped as faulty
takes no part, and nothing is called unknown while a name is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from edgegw.config import lookalikes
from edgegw.config.antennas import ALL, Antenna, antenna_map, parse_antenna
from edgegw.config.model import Config, Door, Station, Tls, is_loopback, split_host_port
from edgegw.config.suggest import did_you_mean
from edgegw.config.tree import Finding, Mapping, Node, Path, Place, Scalar, Sequence, locate
from edgegw.core.model import DoorSide

DEVICES = ("readers", "scanners")
READ_POINTS = ("doors", "stations")
SIDES = ("inside", "outside")


class _Use(NamedTuple):
    """A text somewhere in the file."""

    text: str
    label: str
    place: Place


def faults(root: Mapping) -> Iterator[Finding]:
    """Contradictions between parts, which keep edgegw from starting."""
    checks: tuple[Callable[[Mapping], Iterator[Finding]], ...] = (
        _nothing_reads,
        _names_taken,
        _scanners_at_no_station,
        _stations_nowhere,
        _unknown_readers,
        _shared_antennas,
        _shared_inputs,
        _shared_devices,
    )
    return chain.from_iterable(check(root) for check in checks)


def warnings(config: Config, root: Mapping) -> Iterator[Finding]:
    """What is allowed in a faultless configuration but looks like a mistake."""
    checks: tuple[Callable[[Config, Mapping], Iterator[Finding]], ...] = (
        _idle_readers,
        _idle_stations,
        _few_reads_at_doors,
        _ports_against_tls,
        _unverified,
        _readable_password,
        _open_ports,
        _nowhere,
        _useless_keys,
        _disturbing_characters,
    )
    return chain.from_iterable(check(config, root) for check in checks)


def _use(root: Mapping, path: Path) -> _Use | None:
    """The text at a path, if there is one."""
    spot = locate(root, path)
    if spot.path == path and isinstance(spot.node, Scalar):
        return _Use(spot.node.text, spot.label, spot.place)
    return None


def _items(root: Mapping, path: Path) -> list[Path]:
    """The paths of the items of a list."""
    spot = locate(root, path)
    if spot.path == path and isinstance(spot.node, Sequence):
        return [(*path, at) for at in range(len(spot.node.items))]
    return []


def _uses(root: Mapping, section: str, key: str) -> list[_Use]:
    """The texts under one key in every item of a section."""
    found = [_use(root, (*item, key)) for item in _items(root, (section,))]
    return [use for use in found if use]


def _antennas(root: Mapping) -> list[_Use]:
    """Every antenna named anywhere."""
    lists: list[Path] = [(*door, "sides", side) for door in _items(root, ("doors",)) for side in SIDES]
    lists += [(*station, "antennas") for station in _items(root, ("stations",))]
    found = [_use(root, item) for path in lists for item in _items(root, path)]
    return [use for use in found if use]


def _inputs(root: Mapping) -> list[_Use]:
    """Every input that a photo-eye is wired to."""
    found = [_use(root, (*door, "photo_eye", side)) for door in _items(root, ("doors",)) for side in SIDES]
    return [use for use in found if use]


def _known(root: Mapping, section: str) -> dict[str, None] | None:
    """The names in a section; None if some may be missing because a fault took them out."""
    spot = locate(root, (section,))
    if section in root.dropped or (isinstance(spot.node, Sequence) and spot.node.is_thinned):
        return None
    uses = _uses(root, section, "name")
    is_complete = len(uses) == len(_items(root, (section,)))
    return dict.fromkeys(use.text for use in uses) if is_complete else None


def _nothing_reads(root: Mapping) -> Iterator[Finding]:
    devices = [_known(root, section) for section in DEVICES]
    if devices == [{}, {}]:
        yield Finding(root.place, "", "there is nothing to read with", "add readers or scanners")


def _names_taken(root: Mapping) -> Iterator[Finding]:
    """Devices share the names of links, doors and stations those of topics."""
    for sections in (DEVICES, READ_POINTS):
        first: dict[str, tuple[str, Place]] = {}
        for section in sections:
            for use in _uses(root, section, "name"):
                if use.text in first:
                    owner, place = first[use.text]
                    problem = f"'{use.text}' is already the name of a {owner} (line {place.line})"
                    yield Finding(use.place, use.label, problem, f"names are unique over {' and '.join(sections)}")
                else:
                    first[use.text] = (section.removesuffix("s"), use.place)


def _scanners_at_no_station(root: Mapping) -> Iterator[Finding]:
    stations = _known(root, "stations")
    if stations is None:
        return
    doors = _known(root, "doors") or {}
    for use in _uses(root, "scanners", "station"):
        if use.text in stations:
            continue
        hint = did_you_mean(use.text, stations) or f"add it to stations, with name: {use.text}"
        if use.text in doors:
            hint = f"{use.text} is a door; a scan happens at a station"
        yield Finding(use.place, use.label, f"there is no station '{use.text}'", hint)


def _unknown_readers(root: Mapping) -> Iterator[Finding]:
    readers = _known(root, "readers")
    if readers is None:
        return
    scanners = _known(root, "scanners") or {}
    for use in [*_antennas(root), *_inputs(root)]:
        name, _, _ = use.text.partition("/")
        if name in readers:
            continue
        hint = _as_antenna(use.text, readers) or did_you_mean(name, readers)
        hint = hint or f"add it to readers, with name: {name}"
        if name in scanners:
            hint = f"{name} is a scanner; scanners name their station themselves"
        yield Finding(use.place, use.label, f"there is no reader '{name}' (found '{use.text}')", hint)


def _as_antenna(text: str, readers: dict[str, None]) -> str:
    """A hint for `1` and for `dock-1-1`, which should be `dock-1/1`."""
    if text.isdecimal() and readers:
        owner = next(iter(readers))
        others = "" if len(readers) == 1 else ", or the reader's that has it"
        return f"write the reader's name before it: {owner}/{text}{others}"
    parts = re.fullmatch(r"(.+?)[-_.:]+([1-9][0-9]*)", text)
    return f"did you mean '{parts[1]}/{parts[2]}'?" if parts and parts[1] in readers else ""


def _shared_antennas(root: Mapping) -> Iterator[Finding]:
    """An antenna looks at one read point; a reader named as a whole has no antenna left for another."""
    taken: dict[Antenna, _Use] = {}
    of_reader: dict[str, _Use] = {}
    for use in _antennas(root):
        antenna = parse_antenna(use.text)
        whole = taken.get(Antenna(antenna.reader, ALL))
        other = taken.get(antenna) or (of_reader.get(antenna.reader) if antenna.number == ALL else whole)
        if other:
            problem = f"{use.text} is already used in {other.label} as {other.text} (line {other.place.line})"
            yield Finding(
                use.place, use.label, problem, "an antenna belongs to one side of one door, or to one station"
            )
        taken.setdefault(antenna, use)
        of_reader.setdefault(antenna.reader, use)


def _shared_inputs(root: Mapping) -> Iterator[Finding]:
    first: dict[str, _Use] = {}
    for use in _inputs(root):
        other = first.setdefault(use.text, use)
        if other is not use:
            problem = f"{use.text} is already used by {other.label} (line {other.place.line})"
            yield Finding(use.place, use.label, problem, "each beam has its own input")


def _stations_nowhere(root: Mapping) -> Iterator[Finding]:
    """A station within a place that no door leads to tells no door anything."""
    if _known(root, "doors") is None:
        return
    places = dict.fromkeys(
        use.text if (use := _use(root, (*door, "places", side))) else side
        for door in _items(root, ("doors",))
        for side in SIDES
    )
    for use in _uses(root, "stations", "within"):
        if use.text not in places:
            hint = f"sides are called {' and '.join(places) or 'nothing: add doors'}"
            yield Finding(use.place, use.label, f"no door has a side called '{use.text}'", hint)


def _shared_devices(root: Mapping) -> Iterator[Finding]:
    """A reader accepts one client, a serial port one owner."""
    first: dict[tuple[str, str], _Use] = {}
    for kind, address, use in chain(_reader_addresses(root), _scanner_addresses(root)):
        other = first.setdefault((kind, address), use)
        if other is not use:
            problem = f"{address} is already used by {other.label} (line {other.place.line})"
            yield Finding(use.place, use.label, problem, "each device has its own")


def _reader_addresses(root: Mapping) -> Iterator[tuple[str, str, _Use]]:
    for item in _items(root, ("readers",)):
        host, port, tls = (_use(root, (*item, key)) for key in ("host", "port", "tls"))
        if host:
            has_tls = locate(root, (*item, "tls")).path != item and not (tls and tls.text == "false")
            number = port.text if port else ("5085" if has_tls else "5084")
            yield "reader", f"{host.text.casefold()}:{number}", host


def _scanner_addresses(root: Mapping) -> Iterator[tuple[str, str, _Use]]:
    for way in ("port", "usb", "connect", "listen"):
        for use in _uses(root, "scanners", way):
            yield way, use.text if way == "port" else use.text.casefold(), use


def _idle_readers(config: Config, root: Mapping) -> Iterator[Finding]:
    used = {reader for reader, _ in antenna_map(config)}
    for at, reader in enumerate(config.readers):
        if reader.name not in used:
            spot = locate(root, ("readers", at, "name"))
            hint = f"add {reader.name}/1 to a side of a door or to a station"
            yield Finding(spot.place, spot.label, f"no door or station uses {reader.name}", hint)


def _idle_stations(config: Config, root: Mapping) -> Iterator[Finding]:
    fed = {scanner.station for scanner in config.scanners}
    for at, station in enumerate(config.stations):
        if not station.antennas and station.name not in fed:
            spot = locate(root, ("stations", at, "name"))
            hint = f"give it antennas, or a scanner with station: {station.name}"
            yield Finding(spot.place, spot.label, f"nothing reads at {station.name}", hint)


def _few_reads_at_doors(config: Config, root: Mapping) -> Iterator[Finding]:
    """Session 1 single target gives a moving tag a median of 3 to 4 reads a pass, session 0 twenty and more."""
    at_doors = {reader for (reader, _), point in antenna_map(config).items() if isinstance(point, DoorSide)}
    for at, reader in enumerate(config.readers):
        if reader.session and reader.name in at_doors:
            spot = locate(root, ("readers", at, "session"))
            problem = f"session {reader.session} gives a door only 3 to 4 reads a pass, too few to see the direction"
            yield Finding(spot.place, spot.label, problem, "write session: 0")


def _ports_against_tls(config: Config, root: Mapping) -> Iterator[Finding]:
    """The registered ports say whether TLS is spoken there."""
    paths: list[tuple[Path, int | None, bool]] = [(("mqtt",), config.mqtt.port, bool(config.mqtt.tls))]
    paths += [(("readers", at), reader.port, bool(reader.tls)) for at, reader in enumerate(config.readers)]
    for path, port, has_tls in paths:
        if port in (_TLS_PORTS if not has_tls else _PLAIN_PORTS):
            spot = locate(root, (*path, "port"))
            usual, cure = ("without", "remove tls, or the port") if has_tls else ("with", "write tls: true")
            yield Finding(spot.place, spot.label, f"port {port} is usually {usual} TLS", cure)


_TLS_PORTS = (8883, 5085)
_PLAIN_PORTS = (1883, 5084)


def _unverified(config: Config, root: Mapping) -> Iterator[Finding]:
    ends: list[tuple[Path, bool | Tls]] = [(("mqtt", "tls"), config.mqtt.tls)]
    ends += [(("readers", at, "tls"), reader.tls) for at, reader in enumerate(config.readers)]
    for path, tls in ends:
        if isinstance(tls, Tls) and not tls.verify:
            spot = locate(root, (*path, "verify"))
            problem = "whoever answers is believed: TLS protects from nobody"
            yield Finding(spot.place, spot.label, problem, "name the CA in ca_file and delete verify")


def _readable_password(config: Config, root: Mapping) -> Iterator[Finding]:
    mqtt = config.mqtt
    if mqtt.tls or not (mqtt.password_file or mqtt.password_credential) or is_loopback(mqtt.host):
        return
    spot = locate(root, ("mqtt", "password_file" if mqtt.password_file else "password_credential"))
    problem = f"whoever listens on the way to {mqtt.host} can read the password"
    yield Finding(spot.place, spot.label, problem, "write tls: true, or tls: {ca_file: ...}, under mqtt")


def _open_ports(config: Config, root: Mapping) -> Iterator[Finding]:
    for at, scanner in enumerate(config.scanners):
        if scanner.listen and not scanner.from_ and not is_loopback(split_host_port(scanner.listen)[0]):
            spot = locate(root, ("scanners", at, "listen"))
            problem = "whoever reaches this port can say what was scanned"
            yield Finding(spot.place, spot.label, problem, "add from: with the scanner's address, such as [10.0.0.31]")


def _nowhere(config: Config, root: Mapping) -> Iterator[Finding]:
    """An EPCIS event without a place is legal, and says little."""
    if "epcis" not in config.delivery.formats:
        return
    paths: list[tuple[Path, Door | Station]] = [(("doors", at), door) for at, door in enumerate(config.doors)]
    paths += [(("stations", at), station) for at, station in enumerate(config.stations)]
    for path, point in paths:
        if not (point.location or point.epcis.read_point):
            spot = locate(root, (*path, "name"))
            problem = f"EPCIS events of {point.name} will not say where they happened"
            yield Finding(spot.place, spot.label, problem, "give it a location (GLN), or epcis.read_point")


def _useless_keys(config: Config, root: Mapping) -> Iterator[Finding]:
    """Keys that say something about a thing which is not there."""
    for at, scanner in enumerate(config.scanners):
        for key in ("baud", "frame") if scanner.connect or scanner.listen else ():
            yield from _useless(root, ("scanners", at, key), "a network scanner has no serial line")
        if not scanner.listen:
            yield from _useless(root, ("scanners", at, "from"), "from belongs to listen, which is not given")
    for at, reader in enumerate(config.readers):
        if reader.stop and reader.stop.gpi is None:
            yield from _useless(root, ("readers", at, "stop", "level"), "level belongs to gpi, which is not given")
    if config.delivery.loads and "epcis" not in config.delivery.formats:
        yield from _useless(root, ("delivery", "loads"), "loads are EPCIS events, which delivery.format does not want")


def _useless(root: Mapping, path: Path, why: str) -> Iterator[Finding]:
    spot = locate(root, path)
    if spot.path == path and isinstance(spot.holder, Mapping):
        yield Finding(spot.holder.entries[str(spot.step)].place, spot.label, "has no effect", why)


def _disturbing_characters(config: Config, root: Mapping) -> Iterator[Finding]:
    """Texts may hold any character, but nobody means a typographic quote around them or an invisible space in them."""
    for path, scalar in _scalars(root, ()):
        if strange := lookalikes.DISTURBING.search(scalar.text):
            spot = locate(root, path)
            problem = f"the text holds {lookalikes.named(strange.group())}"
            yield Finding(spot.place, spot.label, problem, lookalikes.cure(strange.group()))


def _scalars(node: Node, path: Path) -> Iterator[tuple[Path, Scalar]]:
    if isinstance(node, Scalar):
        yield path, node
    elif isinstance(node, Sequence):
        for at, item in enumerate(node.items):
            yield from _scalars(item.value, (*path, at))
    else:
        for key, entry in node.entries.items():
            yield from _scalars(entry.value, (*path, key))
