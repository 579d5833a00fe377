"""Capabilities + settings -> the ROSpec to ask a reader for, or the reason why it cannot be.

The power asked for is the power the reader gets: it must stand in the reader's own table. Nothing that the
technician asked for is dropped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from edgegw.core.llrp.messages import Capabilities, RoSpec, StartTrigger, StopTrigger
from edgegw.core.llrp.report import IMPINJ

ROSPEC_ID = 1
"""Always the same, so that the one left by a crash is found and deleted by its number."""

IMMEDIATELY = StartTrigger()
NEVER = StopTrigger()
SEARCH_MODES = {"reader": 0, "single": 1, "dual": 2}


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """What the configuration asks of one reader. antennas empty = all; power None = as set on the reader."""

    name: str
    antennas: tuple[int, ...] = ()
    power_dbm: float | None = None
    session: int | None = 0
    population: int = 32
    mode: int | None = None
    search: Literal["dual", "single", "reader"] | None = None
    start: StartTrigger = IMMEDIATELY
    stop: StopTrigger = NEVER
    report_every: int = 1
    keepalive_s: float = 10.0
    late_after_s: float = 5.0
    version: Literal["auto", "1.0.1", "1.1"] = "auto"
    inputs: tuple[int, ...] = ()

    @property
    def gpi_ports(self) -> tuple[int, ...]:
        """GPI ports whose changes the reader must notice: those of triggers and photo-eyes."""
        triggers = {gpi.port for gpi in (self.start.gpi, self.stop.gpi) if gpi is not None}
        return tuple(sorted(triggers.union(self.inputs)))


class Refusal(ValueError):
    """The reader cannot do what the configuration asks; the message names its range and the cure."""


def plan_rospec(settings: ReaderSettings, capabilities: Capabilities, impinj: bool) -> RoSpec:
    """The ROSpec for these settings. Raises Refusal. `impinj`: its extensions are switched on."""
    _check_antennas(settings.antennas, capabilities)
    _check_gpi(settings, capabilities)
    _check_mode(settings.mode, capabilities)
    if settings.search is not None and not impinj:
        raise Refusal(f"search: {settings.search} needs an Impinj reader with its extensions: remove `search`")
    return RoSpec(
        id=ROSPEC_ID,
        start=settings.start,
        stop=settings.stop,
        antennas=settings.antennas or (0,),
        power_index=power_index(settings.power_dbm, capabilities.powers_dbm),
        hop_table_id=capabilities.hop_table_id,
        mode=settings.mode,
        session=settings.session,
        population=settings.population,
        search_mode=SEARCH_MODES[settings.search] if settings.search else None,
        report_every=settings.report_every,
        impinj=impinj,
    )


def power_index(power_dbm: float | None, powers_dbm: dict[int, float]) -> int | None:
    """Index of `power_dbm` in the reader's table; None when no power is asked or the reader names no table.

    Raises Refusal when the table does not contain it. A table whose entries are all the same zero is none.
    """
    if power_dbm is None or not any(powers_dbm.values()):
        return None
    for index, level in powers_dbm.items():
        if abs(level - power_dbm) < 0.005:
            return index
    levels = sorted(set(powers_dbm.values()))
    nearest = sorted(levels, key=lambda level: abs(level - power_dbm))[:2]
    choice = " or ".join(f"{level:g}" for level in sorted(nearest))
    raise Refusal(
        f"power_dbm: {power_dbm:g} is not in the reader's table ({levels[0]:g} to {levels[-1]:g} dBm): write {choice}"
    )


def reductions(rospec: RoSpec, settings: ReaderSettings) -> list[tuple[RoSpec, str]]:
    """What to ask for next, in order, when the reader refuses; each with what was left out.

    Only our own extras are given up. Power, antennas, mode and triggers are what the technician wrote.
    """
    steps: list[tuple[RoSpec, str]] = []
    if rospec.impinj:
        rospec = replace(rospec, impinj=False)
        steps.append((rospec, "fine RSSI, phase and Doppler"))
    if rospec.pc_bits:
        rospec = replace(rospec, pc_bits=False)
        steps.append((rospec, "PC bits"))
    if rospec.session is not None and rospec.mode is None and rospec.search_mode is None:
        rospec = replace(rospec, session=None)
        steps.append((rospec, f"session {settings.session} and population"))
    return steps


def speaks_impinj(capabilities: Capabilities) -> bool:
    """Whether to try Impinj's extensions. Others use its vendor number too: the reader's answer decides."""
    return capabilities.manufacturer == IMPINJ


def _check_antennas(antennas: tuple[int, ...], capabilities: Capabilities) -> None:
    beyond = [antenna for antenna in antennas if capabilities.antennas and antenna > capabilities.antennas]
    if beyond:
        raise Refusal(
            f"antenna {beyond[0]} is configured and the reader has {capabilities.antennas}: "
            f"write antennas 1 to {capabilities.antennas} in doors and stations"
        )


def _check_gpi(settings: ReaderSettings, capabilities: Capabilities) -> None:
    beyond = [port for port in settings.gpi_ports if capabilities.gpis and port > capabilities.gpis]
    if beyond:
        raise Refusal(f"gpi {beyond[0]} is configured and the reader has {capabilities.gpis} input ports")


def _check_mode(mode: int | None, capabilities: Capabilities) -> None:
    if mode is not None and capabilities.rf_modes and mode not in capabilities.rf_modes:
        offered = ", ".join(map(str, capabilities.rf_modes))
        raise Refusal(f"mode: {mode} is not in the reader's table: write one of {offered}")
