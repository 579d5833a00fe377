"""A scenario file: the dock, the units, what happens when, and what the gateway should make of it.

Everything is read as text and typed by the models here, so that a GTIN keeps its zeros. A fault is a
`ScenarioFault` whose lines say where, what, and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from simulators.dock_door.units import Unit
from simulators.dock_door.walks import Side

SCENARIOS = Path(__file__).parent / "scenarios"

Direction = Literal["out", "in"]


class ScenarioFault(ValueError):
    """The scenario file must be edited; one line for each fault."""


def _check_unit(text: str) -> str:
    Unit.parse(text)
    return text


UnitText = Annotated[str, AfterValidator(_check_unit)]
Speed = Annotated[float, Field(gt=0, le=10)]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ReaderSpec(Model):
    """An LLRP reader. `clock_offset_s`: how far its clock is ahead of the true time."""

    name: str
    antennas: int = Field(default=2, ge=1, le=32)
    clock_offset_s: float = 0.0


class DoorSpec(Model):
    """Antennas as `reader/number`; the two times as in the gateway's configuration, with its defaults."""

    name: str
    inside: tuple[str, ...] = Field(min_length=1)
    outside: tuple[str, ...] = Field(min_length=1)
    quiet_s: float = Field(default=4.0, gt=0)
    max_open_s: float = Field(default=12.0, gt=0)


class ScannerSpec(Model):
    """A serial scanner and the station where it stands."""

    name: str
    station: str


class Dock(Model):
    readers: tuple[ReaderSpec, ...] = Field(min_length=1)
    doors: tuple[DoorSpec, ...] = Field(min_length=1)
    scanners: tuple[ScannerSpec, ...] = ()

    def door(self, name: str) -> DoorSpec:
        return next(door for door in self.doors if door.name == name)

    def station_of(self, scanner: str) -> str:
        return next(spec.station for spec in self.scanners if spec.name == scanner)


class Happening(Model):
    """Something that begins `at_s` seconds after the round began."""

    at_s: float = Field(ge=0)

    @property
    def units(self) -> tuple[str, ...]:
        return ()


class DoorHappening(Happening):
    door: str
    expect: Literal["out", "in", "ignored"]


class Pass(DoorHappening):
    """A unit goes through the door."""

    unit: str = Field(alias="pass")
    direction: Direction
    speed_mps: Speed = 1.2

    @property
    def units(self) -> tuple[str, ...]:
        return (self.unit,)


class Load(DoorHappening):
    """A pallet with everything on it goes through the door."""

    load: tuple[str, ...] = Field(min_length=1)
    direction: Direction
    speed_mps: Speed = 1.2

    @property
    def units(self) -> tuple[str, ...]:
        return self.load


class TurnBack(DoorHappening):
    """A unit comes from a side, goes a metre through the door, and goes back."""

    unit: str = Field(alias="turn-back")
    side: Side
    speed_mps: Speed = 1.2

    @property
    def units(self) -> tuple[str, ...]:
        return (self.unit,)


class PassBy(DoorHappening):
    """A unit goes by in front of the door, on one side of it."""

    unit: str = Field(alias="pass-by")
    side: Side
    speed_mps: Speed = 1.2

    @property
    def units(self) -> tuple[str, ...]:
        return (self.unit,)


class LieBeside(DoorHappening):
    """A unit is put down near the door and taken away after `seconds`."""

    unit: str = Field(alias="lie-beside")
    seen_by: Side | Literal["both"]
    seconds: float = Field(gt=0)

    @property
    def units(self) -> tuple[str, ...]:
        return (self.unit,)


class ScanUnit(Happening):
    """A unit's label is scanned."""

    unit: str = Field(alias="scan")
    scanner: str
    expect: Literal["arrived", "ignored"]

    @property
    def units(self) -> tuple[str, ...]:
        return (self.unit,)


class ScanText(Happening):
    """A barcode that is no unit's label is scanned."""

    text: str = Field(alias="scan-text", min_length=1)
    scanner: str
    expect: Literal["ignored"]


_KINDS: tuple[type[Happening], ...] = (Pass, Load, TurnBack, PassBy, LieBeside, ScanUnit, ScanText)
_WORDS = ("pass", "load", "turn-back", "pass-by", "lie-beside", "scan", "scan-text")


def _word(value: object) -> str | None:
    """Which happening an entry of the timeline is: the word for it is one of its keys."""
    if not isinstance(value, dict):
        return None
    return next((word for word in _WORDS if word in value), None)


AnyHappening = Annotated[
    Annotated[Pass, Tag("pass")]
    | Annotated[Load, Tag("load")]
    | Annotated[TurnBack, Tag("turn-back")]
    | Annotated[PassBy, Tag("pass-by")]
    | Annotated[LieBeside, Tag("lie-beside")]
    | Annotated[ScanUnit, Tag("scan")]
    | Annotated[ScanText, Tag("scan-text")],
    Discriminator(
        _word,
        custom_error_type="no_happening",
        custom_error_message=f"says nothing that can happen; one key must be one of {', '.join(_WORDS)}",
    ),
]


class Scenario(Model):
    """`seconds`: length of a round; everything on the timeline has ended by then."""

    title: str
    seed: int = 1
    seconds: float = Field(gt=0)
    dock: Dock
    units: dict[str, UnitText]
    timeline: tuple[AnyHappening, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_exist(self) -> Scenario:
        unknown = list(self._unknown())
        if unknown:
            raise ValueError("; ".join(unknown))
        return self

    def _unknown(self) -> Iterator[str]:
        """Names that are used and not declared, each in a sentence."""
        readers = {f"{reader.name}/{n}" for reader in self.dock.readers for n in range(1, reader.antennas + 1)}
        doors = {door.name for door in self.dock.doors}
        scanners = {scanner.name for scanner in self.dock.scanners}
        for door in self.dock.doors:
            yield from _missing("antenna", (*door.inside, *door.outside), readers, f"door {door.name}")
        for number, happening in enumerate(self.timeline, 1):
            where = f"happening {number} of the timeline"
            yield from _missing("unit", happening.units, set(self.units), where)
            if isinstance(happening, DoorHappening):
                yield from _missing("door", (happening.door,), doors, where)
            if isinstance(happening, (ScanUnit, ScanText)):
                yield from _missing("scanner", (happening.scanner,), scanners, where)


def _missing(kind: str, names: tuple[str, ...], known: set[str], where: str) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{where} names the {kind} {name!r}, which is not among {', '.join(sorted(known)) or 'none'}"


def load_scenario(name: str | Path) -> Scenario:
    """A scenario that is shipped, by its name, or any by its path. Raises ScenarioFault."""
    path = name if isinstance(name, Path) else SCENARIOS / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioFault(f"{path}: cannot be read: {error}") from None
    return parse_scenario(text, str(path))


def parse_scenario(text: str, name: str) -> Scenario:
    """A scenario in a text; `name` stands in the faults. Raises ScenarioFault."""
    try:
        content: Any = yaml.load(text, Loader=yaml.BaseLoader)
        return Scenario.model_validate(content)
    except yaml.YAMLError as error:
        raise ScenarioFault(f"{name}: is not YAML: {error}") from None
    except ValidationError as error:
        raise ScenarioFault("\n".join(f"{name}: {_sentence(fault)}" for fault in error.errors())) from None


def _sentence(fault: Any) -> str:
    """`timeline.3.speed_mps: Input should be greater than 0 (found '-1')`"""
    where = ".".join(str(step) for step in fault["loc"] if step not in _WORDS)
    found = "" if isinstance(fault["input"], (dict, list, tuple)) else f" (found {fault['input']!r})"
    return f"{where or 'the file'}: {fault['msg']}{found}"
