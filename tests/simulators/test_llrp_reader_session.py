"""Conversations with the reader simulator over a real socket: requests encoded by llrpkit and by sllurp."""

from __future__ import annotations

import asyncio
import random
import ssl
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from llrpkit.client import LLRPClient
from llrpkit.exceptions import LLRPConnectionError
from llrpkit.protocol import enums, messages, params
from llrpkit.reader import Reader as LlrpkitReader
from sllurp.llrp import LLRPMessage
from sllurp.llrp_proto import LLRPROSpec, Param_struct

from simulators.llrp_reader import Faults, SimReader
from simulators.llrp_reader.codec import Message, decode, encode, frame
from simulators.llrp_reader.rospec import State
from tests.simulators.llrp_client import EPC, RawClient, configure, connected, enable_gpi, extensions, hold, rospec

CODE = enums.StatusCode


def parameter_path(status: Any) -> list[int]:
    """Types of the ParameterErrors of an LLRPStatus, outermost first."""
    path, error = [], status.parameter_error
    while error is not None:
        path.append(int(error.parameter_type))
        error = error.parameter_error
    return path


def innermost(status: Any) -> Any:
    error = status.parameter_error
    while error.parameter_error is not None:
        error = error.parameter_error
    return error


# -- connection -----------------------------------------------------------------------------------------------


async def test_llrpkit_inventories_against_it() -> None:
    async with SimReader(rate_hz=500, tags=30) as reader:
        async with LlrpkitReader(reader.host, reader.port) as client:
            assert client.model_number == 2001002
            tags: list[Any] = []
            async for tag in client.inventory(
                antennas=[1, 2], session=0, tx_power_dbm=20, max_tags=60, include_phase=True
            ):
                if not tags:
                    assert reader.power_dbm_by_antenna == {1: 20.0, 2: 20.0}
                    assert reader.session == 0
                tags.append(tag)
        assert {tag.antenna for tag in tags} == {1, 2}
        assert len({tag.epc for tag in tags}) == 30
        await reader.wait_until(lambda: not reader.has_client)
        assert reader.reads_seen == reader.reads_reported >= 60
        assert reader.heard["CLOSE_CONNECTION"] == 1


async def test_a_second_client_is_turned_away_and_the_first_is_told() -> None:
    async with SimReader() as reader, connected(reader) as first:
        with pytest.raises(LLRPConnectionError, match="Client_Initiated_Connection_Already_Exists"):
            await LLRPClient(reader.host, reader.port).connect()
        told = (await first.message()).reader_event_notification_data.connection_attempt_event
        assert told.status == enums.ConnectionAttemptStatusType.Another_Connection_Attempted
        await first.grant(messages.GET_ROSPECS())
        assert (reader.connections, reader.refused_connections) == (1, 1)


async def test_close_is_answered_and_then_the_connection_ends() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(messages.CLOSE_CONNECTION())
        assert await client.at_end()


async def test_the_reader_can_end_the_connection_itself() -> None:
    async with SimReader() as reader, connected(reader) as client:
        reader.close_link()
        assert (await client.message()).reader_event_notification_data.connection_close_event is not None
        assert await client.at_end()


async def test_specs_and_settings_survive_a_link_loss_but_not_a_reboot() -> None:
    async with SimReader() as reader:
        async with connected(reader) as client:
            await client.grant(configure(events_and_reports=hold(True)))
            await client.run(rospec())
        port = reader.port
        await reader.stop_listening()
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(reader.host, port)
        await reader.listen()
        assert reader.port == port
        async with connected(reader) as client:
            assert [spec.ro_spec_id for spec in (await client.grant(messages.GET_ROSPECS())).ro_specs] == [1]
            assert reader.rospecs[1].state == State.ACTIVE
            await reader.reboot()
        async with connected(reader) as client:
            assert (await client.grant(messages.GET_ROSPECS())).ro_specs == []
            assert not reader.settings.hold


async def test_an_impossible_length_from_the_client_ends_the_connection() -> None:
    async with SimReader() as reader, connected(reader) as client:
        client.send(b"\x04\x3e\xff\xff\xff\xff\x00\x00\x00\x01")
        assert await client.at_end()


async def test_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    how = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=reader"
    san = ("-addext", "subjectAltName=IP:127.0.0.1")
    command = [*how.split(), *san, "-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    trust = ssl.create_default_context(cafile=str(certificate))
    async with SimReader(tls=server) as reader:
        client = RawClient(*await asyncio.open_connection(reader.host, reader.port, ssl=trust))
        assert (await client.message()).reader_event_notification_data.connection_attempt_event.status == 0
        await client.run(rospec())
        reader.see(EPC, 1, -50.0)
        assert (await client.tags(1))[0].epc_parameter.epc == EPC
        await client.close()
        await reader.wait_until(lambda: not reader.has_client)


# -- version --------------------------------------------------------------------------------------------------


async def negotiate(client: RawClient, wanted: int) -> Message:
    client.send(encode(Message("GET_SUPPORTED_VERSION", id=1, version=2)))
    answer = decode(await client.frame())
    assert (answer.name, answer.version, answer.id) == ("GET_SUPPORTED_VERSION_RESPONSE", 2, 1)
    assert answer.fields == {"CurrentVersion": 1, "SupportedVersion": 2}
    client.send(encode(Message("SET_PROTOCOL_VERSION", {"ProtocolVersion": wanted}, id=2, version=2)))
    return decode(await client.frame())


async def test_llrp_1_1_is_negotiated_and_then_required() -> None:
    async with SimReader() as reader, connected(reader) as client:
        answer = await negotiate(client, wanted=2)
        assert (answer.name, answer.one("LLRPStatus").number("StatusCode")) == ("SET_PROTOCOL_VERSION_RESPONSE", 0)
        client.send(encode(Message("GET_ROSPECS", id=3, version=2)))
        assert (await client.frame())[:2].hex() == "0824"
        client.send(encode(Message("GET_ROSPECS", id=4, version=1)))
        refused = decode(await client.frame())
        assert (refused.name, refused.id, refused.version) == ("ERROR_MESSAGE", 4, 2)
        assert refused.one("LLRPStatus").number("StatusCode") == 110
        reader.keepalives_sent = 0
        client.send(encode(Message("SET_PROTOCOL_VERSION", {"ProtocolVersion": 2}, id=5, version=2)))
        assert decode(await client.frame()).one("LLRPStatus").number("StatusCode") == 112


async def test_a_version_that_does_not_exist_is_refused() -> None:
    async with SimReader() as reader, connected(reader) as client:
        answer = await negotiate(client, wanted=3)
        assert answer.name == "SET_PROTOCOL_VERSION_RESPONSE"
        assert answer.one("LLRPStatus").number("StatusCode") == 110


@pytest.mark.parametrize(("version", "code"), [(2, 110), (1, 109)])
async def test_a_reader_of_1_0_1_answers_the_negotiation_with_an_error(version: int, code: int) -> None:
    async with SimReader(faults=Faults(version_1_1=False)) as reader, connected(reader) as client:
        client.send(encode(Message("GET_SUPPORTED_VERSION", id=1, version=version)))
        answer = decode(await client.frame())
        assert (answer.name, answer.version, answer.id) == ("ERROR_MESSAGE", 1, 1)
        assert answer.one("LLRPStatus").number("StatusCode") == code
        await client.grant(messages.GET_ROSPECS())


async def test_unknown_and_unexpected_messages_get_an_error_message() -> None:
    async with SimReader() as reader, connected(reader) as client:
        for number in (187, 62, 61):
            client.send(frame(number, b"", id=number))
            answer = await client.message()
            assert isinstance(answer, messages.ERROR_MESSAGE)
            assert (answer.message_id, answer.llrp_status.status_code) == (number, 109)


# -- requests -------------------------------------------------------------------------------------------------


async def test_capabilities_as_asked_for() -> None:
    async with SimReader(personality="plain", antennas=2) as reader, connected(reader) as client:
        whole = await client.grant(messages.GET_READER_CAPABILITIES(requested_data=0))
        assert whole.general_device_capabilities.max_number_of_antenna_supported == 2
        powers = whole.regulatory_capabilities.uhf_band_capabilities.transmit_power_level_table_entrys
        assert [(power.index, power.transmit_power_value) for power in powers][:2] == [(0, 1000), (1, 1100)]
        part = await client.grant(messages.GET_READER_CAPABILITIES(requested_data=2))
        assert part.llrp_capabilities.supports_event_and_report_holding
        assert part.general_device_capabilities is None


async def test_a_bare_reader_has_no_uhf_band_and_takes_no_power() -> None:
    async with SimReader(personality="bare") as reader, connected(reader) as client:
        whole = await client.grant(messages.GET_READER_CAPABILITIES(requested_data=0))
        assert whole.regulatory_capabilities.uhf_band_capabilities is None
        status = await client.refused(messages.ADD_ROSPEC(ro_spec=rospec(transmit_power_index=1)))
        assert parameter_path(status) == [177, 183, 186, 222, 224]
        await client.run(rospec())


async def test_settings_are_kept_and_told() -> None:
    async with SimReader() as reader, connected(reader) as client:
        before = await client.grant(messages.GET_READER_CONFIG(requested_data=0))
        air = params.AntennaConfiguration(
            antenna_id=2,
            rf_transmitter=params.RFTransmitter(hop_table_id=1, channel_index=0, transmit_power=41),
        )
        await client.grant(
            configure(
                antenna_configurations=[air], gpi_port_current_states=[enable_gpi(3)], events_and_reports=hold(True)
            )
        )
        after = await client.grant(messages.GET_READER_CONFIG(requested_data=0))
        assert [one.rf_transmitter.transmit_power for one in after.antenna_configurations] == [91, 41, 91, 91]
        assert [state.config for state in after.gpi_port_current_states] == [False, False, True, False]
        assert after.events_and_reports.hold_events_and_reports_upon_reconnect
        assert after.llrp_configuration_state_value != before.llrp_configuration_state_value
        assert reader.power_dbm_by_antenna == {1: 32.5, 2: 20.0, 3: 32.5, 4: 32.5}


async def test_a_refused_configuration_changes_nothing() -> None:
    async with SimReader() as reader, connected(reader) as client:
        before = reader.settings
        air = params.AntennaConfiguration(
            antenna_id=1, rf_transmitter=params.RFTransmitter(hop_table_id=1, channel_index=0, transmit_power=92)
        )
        status = await client.refused(configure(events_and_reports=hold(True), antenna_configurations=[air]))
        assert parameter_path(status) == [222, 224]
        assert reader.settings == before


@pytest.mark.parametrize("rospec_id", [0, 1])
async def test_a_rospec_goes_through_its_states(rospec_id: int) -> None:
    async with SimReader() as reader, connected(reader) as client:
        spec = rospec(start=enums.ROSpecStartTriggerType.Null)
        await client.grant(messages.ADD_ROSPEC(ro_spec=spec))
        stored = (await client.grant(messages.GET_ROSPECS())).ro_specs[0]
        assert stored == spec
        assert (await client.refused(messages.START_ROSPEC(ro_spec_id=1))).status_code == CODE.M_FieldError
        for request, state in (
            (messages.ENABLE_ROSPEC(ro_spec_id=rospec_id), 1),
            (messages.START_ROSPEC(ro_spec_id=1), 2),
            (messages.STOP_ROSPEC(ro_spec_id=1), 1),
            (messages.DISABLE_ROSPEC(ro_spec_id=rospec_id), 0),
        ):
            await client.grant(request)
            (stored,) = (await client.grant(messages.GET_ROSPECS())).ro_specs
            assert stored.current_state == state
        await client.grant(messages.DELETE_ROSPEC(ro_spec_id=rospec_id))
        assert reader.rospecs == {}
        await client.grant(messages.DELETE_ROSPEC(ro_spec_id=0))
        assert (await client.refused(messages.DELETE_ROSPEC(ro_spec_id=7))).field_error.field_num == 0


async def test_access_specs_are_kept_and_listed() -> None:
    target = params.C1G2TargetTag(mb=1, match=True, pointer=32)
    spec = params.AccessSpec(
        access_spec_id=3,
        protocol_id=enums.AirProtocols.EPCGlobalClass1Gen2,
        access_spec_stop_trigger=params.AccessSpecStopTrigger(),
        access_command=params.AccessCommand(
            air_protocol_tag_spec=params.C1G2TagSpec(c1_g2_target_tags=[target]),
            access_command_op_specs=[params.C1G2Read(op_spec_id=1, mb=2, word_count=6)],
        ),
    )
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(messages.ADD_ACCESSSPEC(access_spec=spec))
        await client.refused(messages.ADD_ACCESSSPEC(access_spec=spec))
        await client.grant(messages.ENABLE_ACCESSSPEC(access_spec_id=3))
        (stored,) = (await client.grant(messages.GET_ACCESSSPECS())).access_specs
        assert (stored.access_spec_id, int(stored.current_state)) == (3, 1)
        await client.grant(messages.DELETE_ACCESSSPEC(access_spec_id=0))
        assert (await client.grant(messages.GET_ACCESSSPECS())).access_specs == []


# -- what is refused, and how ---------------------------------------------------------------------------------


def bad_stop(spec: Any) -> None:
    spec.ro_boundary_spec.ro_spec_stop_trigger.ro_spec_stop_trigger_type = 2


def bad_start(spec: Any) -> None:
    spec.ro_boundary_spec.ro_spec_start_trigger.ro_spec_start_trigger_type = 3


def bad_report_trigger(spec: Any) -> None:
    spec.ro_report_spec.ro_report_trigger = 4


def bad_protocol(spec: Any) -> None:
    spec.spec_parameters[0].inventory_parameter_specs[0].protocol_id = 2


def bad_state(spec: Any) -> None:
    spec.current_state = 1


@pytest.mark.parametrize(
    ("options", "change", "path", "code", "field"),
    [
        ({"transmit_power_index": 92}, None, [177, 183, 186, 222, 224], CODE.A_OutOfRange, 2),
        ({"transmit_power_index": 0}, None, [177, 183, 186, 222, 224], CODE.A_OutOfRange, 2),
        ({"transmit_power_index": 1, "hop_table_id": 2}, None, [177, 183, 186, 222, 224], CODE.A_OutOfRange, 0),
        ({"mode_index": 5}, None, [177, 183, 186, 222, 330, 335], CODE.A_OutOfRange, 0),
        ({"antennas": [1, 5]}, None, [177, 183], CODE.A_OutOfRange, 0),
        ({"gpi_trigger_port": 5}, None, [177, 178, 179, 181], CODE.A_OutOfRange, 0),
        ({"id": 0}, None, [177], CODE.A_OutOfRange, 0),
        ({}, bad_start, [177, 178, 179, 181], CODE.P_MissingParameter, None),
        ({}, bad_stop, [177, 178, 182, 181], CODE.P_MissingParameter, None),
        ({}, bad_report_trigger, [177, 237], CODE.A_OutOfRange, 0),
        ({}, bad_protocol, [177, 183, 186], CODE.A_Invalid, 1),
        ({}, bad_state, [177], CODE.A_OutOfRange, 2),
        ({"search_mode": 1}, None, [177, 183, 186, 222, 330, 1023], CODE.P_UnsupportedParameter, None),
        ({"enable_impinj_reports": True}, None, [177, 237, 1023], CODE.P_UnsupportedParameter, None),
    ],
)
async def test_a_rospec_that_cannot_run_is_refused_by_parameter_and_field(
    options: dict[str, Any], change: Any, path: list[int], code: int, field: int | None
) -> None:
    spec = rospec(**options)
    if change is not None:
        change(spec)
    async with SimReader() as reader, connected(reader) as client:
        status = await client.refused(messages.ADD_ROSPEC(ro_spec=spec))
        assert parameter_path(status) == path
        assert reader.rospecs == {}
        error = innermost(status)
        if field is None:
            assert (error.field_error, error.error_code) == (None, code)
        else:
            assert (error.field_error.field_num, error.field_error.error_code) == (field, code)


async def test_vendor_parameters_are_taken_once_the_extensions_are_enabled() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(extensions())
        await client.run(rospec(search_mode=2, enable_impinj_reports=True))
        assert {air.search_mode for air in reader.air.values()} == {2}


async def test_more_rospecs_than_the_reader_has_room_for() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(messages.ADD_ROSPEC(ro_spec=rospec(id=1)))
        for number in (1, 2):
            status = await client.refused(messages.ADD_ROSPEC(ro_spec=rospec(id=number)))
            assert parameter_path(status) == [177]


# -- sllurp's encodings ---------------------------------------------------------------------------------------


def sllurp(name: str, number: int, **fields: Any) -> bytes:
    data: bytes = LLRPMessage(msgdict={name: {"Ver": 1, "Type": number, "ID": 7, **fields}}).msgbytes
    return data


async def answer_to(client: RawClient, request: bytes) -> Any:
    client.send(request)
    return await client.message()


async def test_sllurps_rospec_is_taken_as_it_is() -> None:
    spec = LLRPROSpec(
        {"ModeIdentifier": 1000, "MaxTari": 6250},
        1,
        antennas=(1, 2),
        tx_power={1: 41, 2: 81},
        session=0,
        tag_population=16,
        report_every_n_tags=1,
    )
    async with SimReader() as reader, connected(reader) as client:
        answer = await answer_to(client, sllurp("ADD_ROSPEC", 20, ROSpec=spec))
        assert answer.llrp_status.status_code == 0, answer.llrp_status
        assert reader.power_dbm_by_antenna == {1: 20.0, 2: 30.0}
        assert reader.session == 0
        assert {(air.mode, air.population) for air in reader.air.values()} == {(1000, 16)}
        answer = await answer_to(client, sllurp("ENABLE_ROSPEC", 24, ROSpecID=1))
        assert answer.llrp_status.status_code == 0
        reader.see(EPC, 2, -61.4)
        report = LLRPMessage(msgbytes=await client.frame()).msgdict["RO_ACCESS_REPORT"]["TagReportData"][0]
        assert (report["EPC-96"], report["AntennaID"], report["PeakRSSI"]) == (EPC.hex().encode(), 2, -61)


async def test_sllurps_gpi_trigger_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Param_struct["GPITriggerValue"], "type", 180)  # as released, whoever corrected it here
    spec = LLRPROSpec({"ModeIdentifier": 1000, "MaxTari": 6250}, 1)
    spec["ROBoundarySpec"]["ROSpecStartTrigger"] = {
        "ROSpecStartTriggerType": "GPI",
        "GPITriggerValue": {"GPIPortNum": 1, "GPIEvent": True, "Timeout": 0},
    }
    async with SimReader() as reader, connected(reader) as client:
        answer = await answer_to(client, sllurp("ADD_ROSPEC", 20, ROSpec=spec))
        assert parameter_path(answer.llrp_status) == [177, 178, 179, 180]
        assert reader.rospecs == {}


async def test_sllurps_configuration_is_taken() -> None:
    request = sllurp(
        "SET_READER_CONFIG",
        3,
        ResetToFactoryDefaults=False,
        ReaderEventNotificationSpec={"EventNotificationState": {"GPIEvent": True, "AntennaEvent": False}},
        KeepaliveSpec={"KeepaliveTriggerType": 1, "TimeInterval": 10_000},
    )
    async with SimReader() as reader, connected(reader) as client:
        assert (await answer_to(client, request)).llrp_status.status_code == 0
        assert reader.settings.keepalive_s == 10.0
        assert reader.settings.events == {1, 4}


# -- anything -------------------------------------------------------------------------------------------------


def mutate(body: bytes, dice: random.Random) -> bytes:
    """A few bytes changed, cut out or put in."""
    changed = bytearray(body)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(changed))
        match dice.randrange(3):
            case 0:
                changed[at] = dice.randrange(256)
            case 1:
                del changed[at : at + dice.randint(1, 4)]
            case 2:
                changed[at:at] = dice.randbytes(dice.randint(1, 4))
        changed = changed or bytearray(1)
    return bytes(changed)


async def test_every_mutation_of_a_request_is_answered_once_with_its_id() -> None:
    dice = random.Random(20)
    spec = rospec(search_mode=2, enable_impinj_reports=True, gpi_trigger_port=1, epc_filter="3074", antennas=[1, 2])
    settings = configure(gpi_port_current_states=[enable_gpi(1)], events_and_reports=hold(True))
    requests = [messages.ADD_ROSPEC(ro_spec=spec).to_bytes(), settings.to_bytes()]
    statuses: Counter[int] = Counter()
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(extensions())
        for number in range(1000, 4000):
            request = requests[number % 2]
            client.send(frame(int.from_bytes(request[:2], "big") & 0x3FF, mutate(request[10:], dice), id=number))
            answer = decode(await client.frame())
            assert answer.id == number
            statuses[answer.one("LLRPStatus").number("StatusCode")] += 1
            reader.rospecs.clear()
    assert statuses[0] > 100
    assert statuses[100] > 1000
    assert {101, 102, 107} < statuses.keys()
