"""The makes of reader to pretend to be, and the capabilities each of them tells.

impinj   like a Speedway R420: 10 to 32.5 dBm in quarter dB from index 1, hopping, vendor extensions, one ROSpec
plain    no extensions: 10 to 30 dBm in whole dB from index 0, four fixed channels, eight ROSpecs
bare     says nothing about radio: no UHF band, no air protocol
zeros    every table is there, every number in it is 0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.llrp_reader.codec import Element, parameter
from simulators.llrp_reader.layouts import IMPINJ

DOCUMENTATION_PEN = 32473  # the enterprise number that RFC 5612 keeps for examples
MAXIMUM_SENSITIVITY_DBM = -84
C1G2 = 1


@dataclass(frozen=True)
class Mode:
    """One row of the C1G2 RF mode table; rates in bit/s, times in ns, PIE x 1000."""

    identifier: int
    m: int = 0
    forward: int = 0
    mask: int = 0
    dr: int = 0
    bdr_bps: int = 40_000
    pie: int = 1500
    tari_ns: int = 6250

    def parameter(self) -> Element:
        return parameter(
            "UHFC1G2RFModeTableEntry",
            ModeIdentifier=self.identifier,
            DRValue=self.dr,
            EPCHAGTCConformance=0,
            MValue=self.m,
            ForwardLinkModulation=self.forward,
            SpectralMaskIndicator=self.mask,
            BDRValue=self.bdr_bps,
            PIEValue=self.pie,
            MinTariValue=self.tari_ns,
            MaxTariValue=self.tari_ns,
            StepTariValue=0,
        )


@dataclass(frozen=True)
class Personality:
    """What a make of reader is and has. Powers in 1/100 dBm, frequencies in kHz, both by their LLRP index."""

    name: str
    manufacturer: int
    model: int
    firmware: str
    powers: Mapping[int, int]
    sensitivities: Mapping[int, int] = field(default_factory=lambda: {0: 0})
    hop_tables: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    channels_khz: tuple[int, ...] = ()
    modes: tuple[Mode, ...] = ()
    gpis: int = 4
    gpos: int = 4
    max_rospecs: int = 8
    max_access_specs: int = 16
    priorities: int = 8
    country: int = 840
    standard: int = 1
    uhf_band: bool = True

    @property
    def impinj(self) -> bool:
        return self.manufacturer == IMPINJ

    @property
    def power_index(self) -> int:
        """The reader's factory setting: its highest power."""
        return max(self.powers, key=lambda index: (self.powers[index], index), default=0)


def _hops() -> tuple[int, ...]:
    """The 50 channels of FCC part 15 in an order that visits each once."""
    return tuple(902_750 + 500 * (channel * 17 % 50) for channel in range(50))


_R420_MODES = (
    Mode(0, m=0, forward=2, mask=2, dr=1, bdr_bps=640_000),
    Mode(1, m=1, forward=2, mask=2, dr=1, bdr_bps=640_000),
    Mode(2, m=2, mask=3, dr=1, bdr_bps=274_000, pie=2000, tari_ns=20_000),
    Mode(3, m=3, mask=3, dr=1, bdr_bps=170_600, pie=2000, tari_ns=20_000),
    Mode(4, m=2, mask=2, dr=1, bdr_bps=640_000, tari_ns=7140),
    *(Mode(identifier) for identifier in (1000, 1002, 1003, 1004, 1005)),
)

PERSONALITIES: Mapping[str, Personality] = {
    make.name: make
    for make in (
        Personality(
            "impinj",
            manufacturer=IMPINJ,
            model=2_001_002,
            firmware="5.14.0.240",
            powers={index: 975 + 25 * index for index in range(1, 92)},
            sensitivities={1: 0} | {index: index + 8 for index in range(2, 43)},
            hop_tables={1: _hops()},
            modes=_R420_MODES,
            max_rospecs=1,
            priorities=1,
        ),
        Personality(
            "plain",
            manufacturer=DOCUMENTATION_PEN,
            model=1,
            firmware="1.0",
            powers={index: 1000 + 100 * index for index in range(21)},
            channels_khz=(865_700, 866_300, 866_900, 867_500),
            modes=(Mode(1, m=1, bdr_bps=320_000), Mode(2, m=2, bdr_bps=250_000, tari_ns=25_000)),
            country=276,
            standard=2,
        ),
        Personality(
            "bare",
            manufacturer=DOCUMENTATION_PEN,
            model=2,
            firmware="1.0",
            powers={},
            gpis=0,
            gpos=0,
            uhf_band=False,
        ),
        Personality(
            "zeros",
            manufacturer=0,
            model=0,
            firmware="",
            powers={0: 0},
            modes=(Mode(0, bdr_bps=0, pie=0, tari_ns=0),),
            country=0,
            standard=0,
        ),
    )
}


def general(make: Personality, antennas: int, has_clock: bool, version: int) -> Element:
    """GeneralDeviceCapabilities; the sensitivity limit came with LLRP 1.1."""
    limit = [parameter("MaximumReceiveSensitivity", MaximumSensitivityValue=MAXIMUM_SENSITIVITY_DBM)]
    return parameter(
        "GeneralDeviceCapabilities",
        *(
            parameter("ReceiveSensitivityTableEntry", Index=index, ReceiveSensitivityValue=value)
            for index, value in make.sensitivities.items()
        ),
        parameter("GPIOCapabilities", NumGPIs=make.gpis, NumGPOs=make.gpos),
        *(
            parameter("PerAntennaAirProtocol", AntennaID=antenna, ProtocolID=bytes((C1G2,)))
            for antenna in range(1, antennas + 1)
        ),
        *(limit if version > 1 else []),
        MaxNumberOfAntennaSupported=antennas,
        CanSetAntennaProperties=0,
        HasUTCClockCapability=int(has_clock),
        DeviceManufacturerName=make.manufacturer,
        ModelName=make.model,
        ReaderFirmwareVersion=make.firmware,
    )


def llrp(make: Personality) -> Element:
    """LLRPCapabilities."""
    return parameter(
        "LLRPCapabilities",
        CanDoRFSurvey=0,
        CanReportBufferFillWarning=1,
        SupportsClientRequestOpSpec=0,
        CanDoTagInventoryStateAwareSingulation=0,
        SupportsEventAndReportHolding=1,
        MaxPriorityLevelSupported=make.priorities,
        ClientRequestOpSpecTimeout=0,
        MaxNumROSpecs=make.max_rospecs,
        MaxNumSpecsPerROSpec=32,
        MaxNumInventoryParameterSpecsPerAISpec=1,
        MaxNumAccessSpecs=make.max_access_specs,
        MaxNumOpSpecsPerAccessSpec=8,
    )


def regulatory(make: Personality) -> Element:
    """RegulatoryCapabilities, with or without a UHF band."""
    bands = [_uhf_band(make)] if make.uhf_band else []
    return parameter("RegulatoryCapabilities", *bands, CountryCode=make.country, CommunicationsStandard=make.standard)


def _uhf_band(make: Personality) -> Element:
    return parameter(
        "UHFBandCapabilities",
        *(
            parameter("TransmitPowerLevelTableEntry", Index=index, TransmitPowerValue=value)
            for index, value in make.powers.items()
        ),
        _frequencies(make),
        parameter("UHFC1G2RFModeTable", *(mode.parameter() for mode in make.modes)),
    )


def _frequencies(make: Personality) -> Element:
    hops = [
        parameter("FrequencyHopTable", HopTableID=number, Frequency=table) for number, table in make.hop_tables.items()
    ]
    fixed = [] if hops else [parameter("FixedFrequencyTable", Frequency=make.channels_khz)]
    return parameter("FrequencyInformation", *hops, *fixed, Hopping=int(bool(hops)))


def air_protocol(make: Personality) -> list[Element]:
    """C1G2LLRPCapabilities, unless the reader says nothing about radio."""
    if not make.uhf_band:
        return []
    bits = ("BlockErase", "BlockWrite", "BlockPermalock", "TagRecommissioning", "UMIMethod2", "XPC")
    can = {f"CanSupport{what}": int(what == "BlockWrite") for what in bits}
    return [parameter("C1G2LLRPCapabilities", **can, MaxNumSelectFiltersPerQuery=2)]
