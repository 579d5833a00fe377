"""What LLRP looks like on the wire: one row per message and parameter of LLRP 1.0.1 and 1.1, chapter 17.

A row is `number name field:kind ... | child ...`, in wire order.
    number    the type; below 128 a parameter is TV-encoded; `1023/vendor/subtype` is a vendor's own
    kind      u8 u16 u32 u64 s8 s16; a bare number = that many bits; u96 = 12 bytes; utf8 = text, u8v = bytes,
              u16v u32v = list, each behind a 16-bit count; bits = bit string behind a 16-bit count of bits;
              rest = everything left. A field called `-` is reserved
    child     exactly one; `?` none or one, `*` any number, `+` one or more; `A/B` either
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CUSTOM = 1023
IMPINJ = 25882

_MESSAGES = """
1    GET_READER_CAPABILITIES            RequestedData:u8 | Custom*
11   GET_READER_CAPABILITIES_RESPONSE   | LLRPStatus GeneralDeviceCapabilities? LLRPCapabilities? \
RegulatoryCapabilities? C1G2LLRPCapabilities? Custom*
2    GET_READER_CONFIG                  AntennaID:u16 RequestedData:u8 GPIPortNum:u16 GPOPortNum:u16 | Custom*
12   GET_READER_CONFIG_RESPONSE         | LLRPStatus Identification? AntennaProperties* AntennaConfiguration* \
ReaderEventNotificationSpec? ROReportSpec? AccessReportSpec? LLRPConfigurationStateValue? KeepaliveSpec? \
GPIPortCurrentState* GPOWriteData* EventsAndReports? Custom*
3    SET_READER_CONFIG                  ResetToFactoryDefault:1 -:7 | ReaderEventNotificationSpec? \
AntennaProperties* AntennaConfiguration* ROReportSpec? AccessReportSpec? KeepaliveSpec? GPOWriteData* \
GPIPortCurrentState* EventsAndReports? Custom*
13   SET_READER_CONFIG_RESPONSE         | LLRPStatus
14   CLOSE_CONNECTION
4    CLOSE_CONNECTION_RESPONSE          | LLRPStatus
20   ADD_ROSPEC                         | ROSpec
30   ADD_ROSPEC_RESPONSE                | LLRPStatus
21   DELETE_ROSPEC                      ROSpecID:u32
31   DELETE_ROSPEC_RESPONSE             | LLRPStatus
22   START_ROSPEC                       ROSpecID:u32
32   START_ROSPEC_RESPONSE              | LLRPStatus
23   STOP_ROSPEC                        ROSpecID:u32
33   STOP_ROSPEC_RESPONSE               | LLRPStatus
24   ENABLE_ROSPEC                      ROSpecID:u32
34   ENABLE_ROSPEC_RESPONSE             | LLRPStatus
25   DISABLE_ROSPEC                     ROSpecID:u32
35   DISABLE_ROSPEC_RESPONSE            | LLRPStatus
26   GET_ROSPECS
36   GET_ROSPECS_RESPONSE               | LLRPStatus ROSpec*
40   ADD_ACCESSSPEC                     | AccessSpec
50   ADD_ACCESSSPEC_RESPONSE            | LLRPStatus
41   DELETE_ACCESSSPEC                  AccessSpecID:u32
51   DELETE_ACCESSSPEC_RESPONSE         | LLRPStatus
42   ENABLE_ACCESSSPEC                  AccessSpecID:u32
52   ENABLE_ACCESSSPEC_RESPONSE         | LLRPStatus
43   DISABLE_ACCESSSPEC                 AccessSpecID:u32
53   DISABLE_ACCESSSPEC_RESPONSE        | LLRPStatus
44   GET_ACCESSSPECS
54   GET_ACCESSSPECS_RESPONSE           | LLRPStatus AccessSpec*
46   GET_SUPPORTED_VERSION
56   GET_SUPPORTED_VERSION_RESPONSE     CurrentVersion:u8 SupportedVersion:u8 | LLRPStatus
47   SET_PROTOCOL_VERSION               ProtocolVersion:u8
57   SET_PROTOCOL_VERSION_RESPONSE      | LLRPStatus
60   GET_REPORT
61   RO_ACCESS_REPORT                   | TagReportData* RFSurveyReportData* Custom*
62   KEEPALIVE
72   KEEPALIVE_ACK
63   READER_EVENT_NOTIFICATION          | ReaderEventNotificationData
64   ENABLE_EVENTS_AND_REPORTS
100  ERROR_MESSAGE                      | LLRPStatus
1023 CUSTOM_MESSAGE                     VendorID:u32 Subtype:u8 Data:rest
1023/25882/21 IMPINJ_ENABLE_EXTENSIONS          Reserved:u32 | Custom*
1023/25882/22 IMPINJ_ENABLE_EXTENSIONS_RESPONSE | LLRPStatus Custom*
"""

_PARAMETERS = """
128 UTCTimestamp                 Microseconds:u64
129 Uptime                       Microseconds:u64

137 GeneralDeviceCapabilities    MaxNumberOfAntennaSupported:u16 CanSetAntennaProperties:1 HasUTCClockCapability:1 \
-:14 DeviceManufacturerName:u32 ModelName:u32 ReaderFirmwareVersion:utf8 | ReceiveSensitivityTableEntry+ \
PerAntennaReceiveSensitivityRange* GPIOCapabilities PerAntennaAirProtocol+ MaximumReceiveSensitivity?
363 MaximumReceiveSensitivity    MaximumSensitivityValue:s16
139 ReceiveSensitivityTableEntry Index:u16 ReceiveSensitivityValue:s16
149 PerAntennaReceiveSensitivityRange AntennaID:u16 ReceiveSensitivityIndexMin:u16 ReceiveSensitivityIndexMax:u16
140 PerAntennaAirProtocol        AntennaID:u16 ProtocolID:u8v
141 GPIOCapabilities             NumGPIs:u16 NumGPOs:u16
142 LLRPCapabilities             CanDoRFSurvey:1 CanReportBufferFillWarning:1 SupportsClientRequestOpSpec:1 \
CanDoTagInventoryStateAwareSingulation:1 SupportsEventAndReportHolding:1 -:3 MaxPriorityLevelSupported:u8 \
ClientRequestOpSpecTimeout:u16 MaxNumROSpecs:u32 MaxNumSpecsPerROSpec:u32 MaxNumInventoryParameterSpecsPerAISpec:u32 \
MaxNumAccessSpecs:u32 MaxNumOpSpecsPerAccessSpec:u32
143 RegulatoryCapabilities       CountryCode:u16 CommunicationsStandard:u16 | UHFBandCapabilities? Custom*
144 UHFBandCapabilities          | TransmitPowerLevelTableEntry+ FrequencyInformation UHFC1G2RFModeTable+ \
RFSurveyFrequencyCapabilities?
145 TransmitPowerLevelTableEntry Index:u16 TransmitPowerValue:s16
146 FrequencyInformation         Hopping:1 -:7 | FrequencyHopTable* FixedFrequencyTable?
147 FrequencyHopTable            HopTableID:u8 -:8 Frequency:u32v
148 FixedFrequencyTable          Frequency:u32v
365 RFSurveyFrequencyCapabilities MinimumFrequency:u32 MaximumFrequency:u32
327 C1G2LLRPCapabilities         CanSupportBlockErase:1 CanSupportBlockWrite:1 CanSupportBlockPermalock:1 \
CanSupportTagRecommissioning:1 CanSupportUMIMethod2:1 CanSupportXPC:1 -:2 MaxNumSelectFiltersPerQuery:u16
328 UHFC1G2RFModeTable           | UHFC1G2RFModeTableEntry+
329 UHFC1G2RFModeTableEntry      ModeIdentifier:u32 DRValue:1 EPCHAGTCConformance:1 -:6 MValue:u8 \
ForwardLinkModulation:u8 SpectralMaskIndicator:u8 BDRValue:u32 PIEValue:u32 MinTariValue:u32 MaxTariValue:u32 \
StepTariValue:u32

177 ROSpec                       ROSpecID:u32 Priority:u8 CurrentState:u8 | ROBoundarySpec AISpec/RFSurveySpec/Custom+ \
LoopSpec? ROReportSpec?
178 ROBoundarySpec               | ROSpecStartTrigger ROSpecStopTrigger
179 ROSpecStartTrigger           ROSpecStartTriggerType:u8 | PeriodicTriggerValue? GPITriggerValue?
180 PeriodicTriggerValue         Offset:u32 Period:u32 | UTCTimestamp?
181 GPITriggerValue              GPIPortNum:u16 GPIEvent:1 -:7 Timeout:u32
182 ROSpecStopTrigger            ROSpecStopTriggerType:u8 DurationTriggerValue:u32 | GPITriggerValue?
183 AISpec                       AntennaIDs:u16v | AISpecStopTrigger InventoryParameterSpec+ Custom*
184 AISpecStopTrigger            AISpecStopTriggerType:u8 DurationTrigger:u32 | GPITriggerValue? TagObservationTrigger?
185 TagObservationTrigger        TriggerType:u8 -:8 NumberOfTags:u16 NumberOfAttempts:u16 T:u16 Timeout:u32
186 InventoryParameterSpec       InventoryParameterSpecID:u16 ProtocolID:u8 | AntennaConfiguration* Custom*
187 RFSurveySpec                 AntennaID:u16 StartFrequency:u32 EndFrequency:u32 | RFSurveySpecStopTrigger Custom*
188 RFSurveySpecStopTrigger      StopTriggerType:u8 DurationPeriod:u32 N:u32
355 LoopSpec                     LoopCount:u32

207 AccessSpec                   AccessSpecID:u32 AntennaID:u16 ProtocolID:u8 CurrentState:1 -:7 ROSpecID:u32 | \
AccessSpecStopTrigger AccessCommand AccessReportSpec? Custom*
208 AccessSpecStopTrigger        AccessSpecStopTriggerType:u8 OperationCountValue:u16
209 AccessCommand                | C1G2TagSpec \
C1G2Read/C1G2Write/C1G2Kill/C1G2Lock/C1G2BlockErase/C1G2BlockWrite/Custom+
338 C1G2TagSpec                  | C1G2TargetTag+
339 C1G2TargetTag                MB:2 Match:1 -:5 Pointer:u16 TagMask:bits TagData:bits
341 C1G2Read                     OpSpecID:u16 AccessPassword:u32 MB:2 -:6 WordPointer:u16 WordCount:u16
342 C1G2Write                    OpSpecID:u16 AccessPassword:u32 MB:2 -:6 WordPointer:u16 WriteData:u16v
343 C1G2Kill                     OpSpecID:u16 KillPassword:u32
344 C1G2Lock                     OpSpecID:u16 AccessPassword:u32 | C1G2LockPayload+
345 C1G2LockPayload              Privilege:u8 DataField:u8
346 C1G2BlockErase               OpSpecID:u16 AccessPassword:u32 MB:2 -:6 WordPointer:u16 WordCount:u16
347 C1G2BlockWrite               OpSpecID:u16 AccessPassword:u32 MB:2 -:6 WordPointer:u16 WriteData:u16v

217 LLRPConfigurationStateValue  LLRPConfigurationStateValue:u32
218 Identification               IDType:u8 ReaderID:u8v
219 GPOWriteData                 GPOPortNumber:u16 GPOData:1 -:7
220 KeepaliveSpec                KeepaliveTriggerType:u8 PeriodicTriggerValue:u32
221 AntennaProperties            AntennaConnected:1 -:7 AntennaID:u16 AntennaGain:s16
222 AntennaConfiguration         AntennaID:u16 | RFReceiver? RFTransmitter? C1G2InventoryCommand* Custom*
223 RFReceiver                   ReceiverSensitivity:u16
224 RFTransmitter                HopTableID:u16 ChannelIndex:u16 TransmitPower:u16
225 GPIPortCurrentState          GPIPortNum:u16 Config:1 -:7 State:u8
226 EventsAndReports             HoldEventsAndReportsUponReconnect:1 -:7
330 C1G2InventoryCommand         TagInventoryStateAware:1 -:7 | C1G2Filter* C1G2RFControl? \
C1G2SingulationControl? Custom*
331 C1G2Filter                   T:2 -:6 | C1G2TagInventoryMask C1G2TagInventoryStateAwareFilterAction? \
C1G2TagInventoryStateUnawareFilterAction?
332 C1G2TagInventoryMask         MB:2 -:6 Pointer:u16 TagMask:bits
333 C1G2TagInventoryStateAwareFilterAction   Target:u8 Action:u8
334 C1G2TagInventoryStateUnawareFilterAction Action:u8
335 C1G2RFControl                ModeIndex:u16 Tari:u16
336 C1G2SingulationControl       Session:2 -:6 TagPopulation:u16 TagTransitTime:u32 | \
C1G2TagInventoryStateAwareSingulationAction?
337 C1G2TagInventoryStateAwareSingulationAction I:1 S:1 SAll:1 -:5

237 ROReportSpec                 ROReportTrigger:u8 N:u16 | TagReportContentSelector Custom*
238 TagReportContentSelector     EnableROSpecID:1 EnableSpecIndex:1 EnableInventoryParameterSpecID:1 EnableAntennaID:1 \
EnableChannelIndex:1 EnablePeakRSSI:1 EnableFirstSeenTimestamp:1 EnableLastSeenTimestamp:1 EnableTagSeenCount:1 \
EnableAccessSpecID:1 -:6 | C1G2EPCMemorySelector* Custom*
348 C1G2EPCMemorySelector        EnableCRC:1 EnablePCBits:1 EnableXPCBits:1 -:5
239 AccessReportSpec             AccessReportTrigger:u8

240 TagReportData                | EPCData/EPC-96 ROSpecID? SpecIndex? InventoryParameterSpecID? AntennaID? PeakRSSI? \
ChannelIndex? FirstSeenTimestampUTC? FirstSeenTimestampUptime? LastSeenTimestampUTC? LastSeenTimestampUptime? \
TagSeenCount? C1G2PC/C1G2XPCW1/C1G2XPCW2/C1G2CRC* AccessSpecID? \
C1G2ReadOpSpecResult/C1G2WriteOpSpecResult/C1G2KillOpSpecResult/C1G2LockOpSpecResult/C1G2BlockEraseOpSpecResult/\
C1G2BlockWriteOpSpecResult* Custom*
241 EPCData                      EPC:bits
13  EPC-96                       EPC:u96
9   ROSpecID                     ROSpecID:u32
14  SpecIndex                    SpecIndex:u16
10  InventoryParameterSpecID     InventoryParameterSpecID:u16
1   AntennaID                    AntennaID:u16
6   PeakRSSI                     PeakRSSI:s8
7   ChannelIndex                 ChannelIndex:u16
2   FirstSeenTimestampUTC        Microseconds:u64
3   FirstSeenTimestampUptime     Microseconds:u64
4   LastSeenTimestampUTC         Microseconds:u64
5   LastSeenTimestampUptime      Microseconds:u64
8   TagSeenCount                 TagCount:u16
12  C1G2PC                       PCBits:u16
19  C1G2XPCW1                    XPCW1:u16
20  C1G2XPCW2                    XPCW2:u16
11  C1G2CRC                      CRC:u16
16  AccessSpecID                 AccessSpecID:u32
17  OpSpecID                     OpSpecID:u16
18  C1G2SingulationDetails       NumCollisionSlots:u16 NumEmptySlots:u16
349 C1G2ReadOpSpecResult         Result:u8 OpSpecID:u16 ReadData:u16v
350 C1G2WriteOpSpecResult        Result:u8 OpSpecID:u16 NumWordsWritten:u16
351 C1G2KillOpSpecResult         Result:u8 OpSpecID:u16
352 C1G2LockOpSpecResult         Result:u8 OpSpecID:u16
353 C1G2BlockEraseOpSpecResult   Result:u8 OpSpecID:u16
354 C1G2BlockWriteOpSpecResult   Result:u8 OpSpecID:u16 NumWordsWritten:u16
242 RFSurveyReportData           | ROSpecID? SpecIndex? FrequencyRSSILevelEntry+ Custom*
243 FrequencyRSSILevelEntry      Frequency:u32 Bandwidth:u32 AverageRSSI:s8 PeakRSSI:s8 | UTCTimestamp/Uptime

244 ReaderEventNotificationSpec  | EventNotificationState+
245 EventNotificationState       EventType:u16 NotificationState:1 -:7
246 ReaderEventNotificationData  | UTCTimestamp/Uptime HoppingEvent? GPIEvent? ROSpecEvent? \
ReportBufferLevelWarningEvent? ReportBufferOverflowErrorEvent? ReaderExceptionEvent? RFSurveyEvent? AISpecEvent? \
AntennaEvent? ConnectionAttemptEvent? ConnectionCloseEvent? SpecLoopEvent? Custom*
247 HoppingEvent                 HopTableID:u16 NextChannelIndex:u16
248 GPIEvent                     GPIPortNumber:u16 GPIEvent:1 -:7
249 ROSpecEvent                  EventType:u8 ROSpecID:u32 PreemptingROSpecID:u32
250 ReportBufferLevelWarningEvent ReportBufferPercentageFull:u8
251 ReportBufferOverflowErrorEvent
252 ReaderExceptionEvent         Message:utf8 | ROSpecID? SpecIndex? InventoryParameterSpecID? AntennaID? \
AccessSpecID? OpSpecID? Custom*
253 RFSurveyEvent                EventType:u8 ROSpecID:u32 SpecIndex:u16
254 AISpecEvent                  EventType:u8 ROSpecID:u32 SpecIndex:u16 | C1G2SingulationDetails?
255 AntennaEvent                 EventType:u8 AntennaID:u16
256 ConnectionAttemptEvent       Status:u16
257 ConnectionCloseEvent
356 SpecLoopEvent                ROSpecID:u32 LoopCount:u32

287 LLRPStatus                   StatusCode:u16 ErrorDescription:utf8 | FieldError? ParameterError?
288 FieldError                   FieldNum:u16 ErrorCode:u16
289 ParameterError               ParameterType:u16 ErrorCode:u16 | FieldError? ParameterError?

1023 Custom                      VendorID:u32 Subtype:u32 Data:rest
1023/25882/21 ImpinjRequestedData             RequestedData:u32 | Custom*
1023/25882/23 ImpinjInventorySearchMode       InventorySearchMode:u16 | Custom*
1023/25882/26 ImpinjFixedFrequencyList        FixedFrequencyMode:u16 -:16 ChannelList:u16v | Custom*
1023/25882/28 ImpinjLowDutyCycle              LowDutyCycleMode:u16 EmptyFieldTimeout:u16 FieldPingInterval:u16 | Custom*
1023/25882/36 ImpinjGPIDebounceConfiguration  GPIPortNum:u16 GPIDebounceTimerMSec:u32 | Custom*
1023/25882/38 ImpinjLinkMonitorConfiguration  LinkMonitorMode:u16 LinkDownThreshold:u16 | Custom*
1023/25882/39 ImpinjReportBufferConfiguration ReportBufferMode:u16 | Custom*
1023/25882/50 ImpinjTagReportContentSelector  | ImpinjEnableSerializedTID? ImpinjEnableRFPhaseAngle? \
ImpinjEnablePeakRSSI? ImpinjEnableRFDopplerFrequency? Custom*
1023/25882/51 ImpinjEnableSerializedTID       SerializedTIDMode:u16 | Custom*
1023/25882/52 ImpinjEnableRFPhaseAngle        RFPhaseAngleMode:u16 | Custom*
1023/25882/53 ImpinjEnablePeakRSSI            PeakRSSIMode:u16 | Custom*
1023/25882/56 ImpinjRFPhaseAngle              PhaseAngle:u16 | Custom*
1023/25882/57 ImpinjPeakRSSI                  RSSI:s16 | Custom*
1023/25882/67 ImpinjEnableRFDopplerFrequency  RFDopplerFrequencyMode:u16 | Custom*
1023/25882/68 ImpinjRFDopplerFrequency        DopplerFrequency:s16 | Custom*
"""

#: Parameters that LLRP 1.0.1 does not know.
SINCE_1_1 = frozenset({19, 20, 355, 356, 363, 365})


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    bits: int  # width of a bit field, otherwise 0


@dataclass(frozen=True)
class Slot:
    """Which children may stand at one place, and how many (most = None: any number)."""

    names: tuple[str, ...]
    least: int
    most: int | None


@dataclass(frozen=True)
class Layout:
    name: str
    number: int
    vendor: int  # 0 for the standard's own
    subtype: int
    fields: tuple[Field, ...]
    slots: tuple[Slot, ...]

    def field_number(self, name: str) -> int:
        """FieldNum of a FieldError: fields in wire order, counted from 0, reserved ones left out."""
        return [field.name for field in self.fields if field.name != "-"].index(name)


_TIMES: Mapping[str, tuple[int, int | None]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}


def _field(token: str) -> Field:
    name, kind = token.split(":")
    return Field(name, kind, int(kind)) if kind.isdigit() else Field(name, kind, 0)


def _slot(token: str) -> Slot:
    least, most = _TIMES.get(token[-1], (1, 1))
    return Slot(tuple(token.rstrip("?*+").split("/")), least, most)


def _layout(row: str) -> Layout:
    head, _, children = row.partition("|")
    number, name, *fields = head.split()
    type_, vendor, subtype = (*map(int, number.split("/")), 0, 0)[:3]
    slots = tuple(map(_slot, children.split()))
    return Layout(name, type_, vendor, subtype, tuple(map(_field, fields)), slots)


def _table(rows: str) -> dict[str, Layout]:
    return {layout.name: layout for layout in map(_layout, filter(None, rows.splitlines()))}


MESSAGES: Mapping[str, Layout] = _table(_MESSAGES)
PARAMETERS: Mapping[str, Layout] = _table(_PARAMETERS)
