"""What the simulated radio reads and what of it is reported, when, with which content."""

from __future__ import annotations

import asyncio
import binascii
import socket
import time
from typing import Any

import pytest
from llrpkit.protocol import enums, messages, params

from simulators.llrp_reader import Faults, SimReader
from simulators.llrp_reader import outbox as outbox_module
from simulators.llrp_reader.codec import Message, decode, encode, parameter
from simulators.llrp_reader.load import epc_of
from simulators.llrp_reader.tags import pc_of
from tests.simulators.llrp_client import (
    EPC,
    RawClient,
    configure,
    connected,
    enable_gpi,
    extensions,
    hold,
    keepalive,
    notify,
    rospec,
)

NULL = enums.ROSpecStartTriggerType.Null
GPI_EVENT, ROSPEC_EVENT, EXCEPTION_EVENT, AISPEC_EVENT, DETAILS_EVENT, ANTENNA_EVENT = 1, 2, 4, 6, 7, 8


def trigger(spec: Any, kind: int, n: int) -> Any:
    spec.ro_report_spec.ro_report_trigger = kind
    spec.ro_report_spec.n = n
    return spec


async def event(client: RawClient, name: str) -> Any:
    """The next event of that name."""
    while True:
        data = (await client.until(messages.READER_EVENT_NOTIFICATION)).reader_event_notification_data
        found = getattr(data, name)
        if found is not None:
            return found


# -- content --------------------------------------------------------------------------------------------------

EVERYTHING: dict[str, Any] = {
    "enable_ro_spec_id": True,
    "enable_spec_index": True,
    "enable_inventory_parameter_spec_id": True,
    "enable_antenna_id": True,
    "enable_channel_index": True,
    "enable_peak_rssi": True,
    "enable_first_seen_timestamp": True,
    "enable_last_seen_timestamp": True,
    "enable_tag_seen_count": True,
    "enable_access_spec_id": True,
    "air_protocol_epc_memory_selectors": [params.C1G2EPCMemorySelector(enable_crc=True, enable_pc_bits=True)],
}
NOTHING: dict[str, Any] = dict.fromkeys(EVERYTHING, False) | {"air_protocol_epc_memory_selectors": []}


async def test_everything_that_can_be_asked_for() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(extensions())
        options = {"enable_impinj_reports": True, "include_phase": True, "include_doppler": True}
        await client.run(rospec(id=9, content=EVERYTHING, **options))
        assert reader.see(EPC, 3, -52.75, at=1_700_000_000.25, channel=7, phase=4095, doppler_hz=-2.0)
        (tag,) = await client.tags(1)
        assert tag.epc_parameter.epc == EPC
        assert (tag.ro_spec_id.ro_spec_id, tag.spec_index.spec_index) == (9, 1)
        assert tag.inventory_parameter_spec_id.inventory_parameter_spec_id == 1
        assert (tag.antenna_id.antenna_id, tag.channel_index.channel_index) == (3, 7)
        assert tag.peak_rssi.peak_rssi == -53
        assert tag.first_seen_timestamp_utc.microseconds == 1_700_000_000_250_000
        assert tag.last_seen_timestamp_utc.microseconds == 1_700_000_000_250_000
        assert tag.tag_seen_count.tag_count == 1
        pc, crc = tag.air_protocol_tag_datas
        assert pc.pc_bits == 0x3000
        stored = pc.pc_bits.to_bytes(2, "big") + EPC + crc.crc.to_bytes(2, "big")
        assert binascii.crc_hqx(stored, 0xFFFF) == 0x1D0F  # the residue of the Gen2 air interface
        phase, rssi, doppler = tag.custom
        assert (phase.phase_angle, rssi.rssi, doppler.doppler_frequency) == (4095, -5275, -32)


async def test_nothing_but_the_epc() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.run(rospec(content=NOTHING))
        reader.see(EPC, 1, -50.0)
        assert (await client.frame())[10:].hex() == "00f000118d" + EPC.hex()


@pytest.mark.parametrize("bits", [1, 16, 95, 97, 128, 496, 512])
async def test_epcs_of_other_lengths(bits: int) -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.run(rospec())
        size = (bits + 7) // 8
        reader.see(bytes(range(1, size + 1)), 1, -50.0, bits=bits)
        epc = (await client.tags(1))[0].epc_parameter.epc
        assert (epc.bit_len, epc.data) == (bits, bytes(range(1, size + 1)))


def test_the_pc_word_tells_the_length() -> None:
    assert [pc_of(bits) for bits in (96, 128, 20)] == [0x3000, 0x4000, 0x1000]


# -- who is read ----------------------------------------------------------------------------------------------


async def test_only_the_antennas_of_the_rospec_read() -> None:
    async with SimReader() as reader, connected(reader) as client:
        assert not reader.see(EPC, 1, -50.0)
        await client.run(rospec(antennas=[2, 3]))
        assert [reader.see(EPC, antenna, -50.0) for antenna in (1, 2, 3, 4)] == [False, True, True, False]
        reader.set_antenna(2, connected=False)
        assert not reader.see(EPC, 2, -50.0)
        await client.grant(messages.STOP_ROSPEC(ro_spec_id=1))
        assert not reader.see(EPC, 3, -50.0)
        assert (reader.reads_seen, reader.reads_reported) == (2, 2)


async def test_reads_of_one_tag_become_one_entry() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.run(trigger(rospec(), kind=2, n=2))
        for at, rssi in ((10.0, -60.0), (11.0, -50.0), (12.0, -55.0)):
            reader.see(EPC, 1, rssi, at=at)
        reader.see(EPC, 2, -40.0, at=13.0)
        one, two = await client.tags(2)
        assert (one.first_seen_timestamp_utc.microseconds, one.last_seen_timestamp_utc.microseconds) == (
            10**7,
            12 * 10**6,
        )
        assert (one.tag_seen_count.tag_count, one.peak_rssi.peak_rssi) == (3, -50)
        assert (two.antenna_id.antenna_id, two.tag_seen_count.tag_count) == (2, 1)
        assert (reader.reads_seen, reader.reads_reported, reader.reads_in_reports, reader.reports_sent) == (4, 2, 4, 1)


async def test_antennas_that_are_not_reported_are_not_told_apart() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.run(trigger(rospec(content={"enable_antenna_id": False}), kind=2, n=0))
        reader.see(EPC, 1, -60.0)
        reader.see(EPC, 2, -50.0)
        await client.grant(messages.STOP_ROSPEC(ro_spec_id=1))
        (tag,) = (await client.until(messages.RO_ACCESS_REPORT)).tag_report_datas
        assert (tag.tag_seen_count.tag_count, tag.antenna_id) == (2, None)


# -- when a report is due -------------------------------------------------------------------------------------


async def test_a_report_every_n_tags_and_the_rest_at_the_end() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.run(trigger(rospec(), kind=1, n=3))
        for number in range(7):
            reader.see(epc_of(number), 1, -50.0)
        await client.grant(messages.STOP_ROSPEC(ro_spec_id=1))
        sizes = [len((await client.until(messages.RO_ACCESS_REPORT)).tag_report_datas) for _ in range(3)]
        assert sizes == [3, 3, 1]


async def test_without_a_trigger_reports_come_when_they_are_asked_for() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.run(trigger(rospec(), kind=0, n=1))
        reader.see(EPC, 1, -50.0)
        report = await client.ask(messages.GET_REPORT())
        assert len(report.tag_report_datas) == 1
        assert (await client.ask(messages.GET_REPORT())).tag_report_datas == []
        reader.see(EPC, 1, -50.0)
        await client.grant(messages.DELETE_ROSPEC(ro_spec_id=1))
        assert (reader.reads_seen, reader.reads_reported, reader.reads_discarded) == (2, 1, 1)


async def test_the_end_of_an_aispec_is_a_report_and_an_immediate_rospec_starts_again() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(configure(reader_event_notification_spec=notify(ROSPEC_EVENT, DETAILS_EVENT)))
        await client.run(trigger(rospec(duration_ms=30), kind=1, n=0))
        for _ in range(2):
            await reader.wait_until(lambda: reader.see(EPC, 1, -50.0))
            assert len(await client.tags(1)) == 1
            await reader.wait_until(lambda: reader.active)
        assert reader.rospecs[1].state == 2


async def test_the_events_of_a_run_in_their_order() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(configure(reader_event_notification_spec=notify(ROSPEC_EVENT, AISPEC_EVENT)))
        spec = rospec(start=NULL, duration_ms=20)
        await client.run(spec)
        await client.grant(messages.START_ROSPEC(ro_spec_id=1))
        assert (await event(client, "ro_spec_event")).event_type == enums.ROSpecEventType.Start_Of_ROSpec
        ended = await event(client, "ai_spec_event")
        assert (ended.ro_spec_id, ended.spec_index, ended.air_protocol_singulation_details) == (1, 1, None)
        assert (await event(client, "ro_spec_event")).event_type == enums.ROSpecEventType.End_Of_ROSpec
        assert not reader.active


async def test_aispecs_run_one_after_the_other() -> None:
    spec = rospec(start=NULL, duration_ms=30, antennas=[1], content=EVERYTHING)
    second = rospec(duration_ms=30, antennas=[2]).spec_parameters[0]
    spec.spec_parameters.append(second)
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(configure(reader_event_notification_spec=notify(AISPEC_EVENT)))
        await client.run(spec)
        await client.grant(messages.START_ROSPEC(ro_spec_id=1))
        assert reader.see(EPC, 1, -50.0)
        assert not reader.see(EPC, 2, -50.0)
        assert (await client.tags(1))[0].spec_index.spec_index == 1
        await event(client, "ai_spec_event")
        assert reader.see(EPC, 2, -50.0)
        assert (await client.tags(1))[0].spec_index.spec_index == 2
        await reader.wait_until(lambda: not reader.active)


@pytest.mark.parametrize(("observation", "reads"), [(0, 3), (1, 1)])
async def test_an_aispec_stops_when_it_has_seen_enough(observation: int, reads: int) -> None:
    spec = rospec(start=NULL)
    stop = spec.spec_parameters[0].ai_spec_stop_trigger
    stop.ai_spec_stop_trigger_type = enums.AISpecStopTriggerType.Tag_Observation
    stop.tag_observation_trigger = params.TagObservationTrigger(
        trigger_type=observation, number_of_tags=3, number_of_attempts=0, t=20, timeout=5000
    )
    async with SimReader() as reader, connected(reader) as client:
        await client.run(spec)
        await client.grant(messages.START_ROSPEC(ro_spec_id=1))
        for _ in range(reads):
            assert reader.see(EPC, 1, -50.0)
        await reader.wait_until(lambda: not reader.active)


async def version_2(client: RawClient) -> None:
    client.send(encode(Message("SET_PROTOCOL_VERSION", {"ProtocolVersion": 2}, id=1, version=2)))
    assert decode(await client.frame()).one("LLRPStatus").number("StatusCode") == 0


async def test_timed_reports_and_loops_of_llrp_1_1() -> None:
    body = decode(messages.ADD_ROSPEC(ro_spec=trigger(rospec(duration_ms=40), 6, 25)).to_bytes(message_id=2))
    spec = body.one("ROSpec")
    spec.children.insert(2, parameter("LoopSpec", LoopCount=2))
    async with SimReader() as reader, connected(reader) as client:
        await version_2(client)
        for request in (Message("ADD_ROSPEC", {}, [spec]), Message("ENABLE_ROSPEC", {"ROSpecID": 1})):
            request.version = 2
            client.send(encode(request))
            assert decode(await client.frame()).one("LLRPStatus").number("StatusCode") == 0
        began = time.monotonic()
        reader.see(EPC, 1, -50.0)
        report = decode(await client.frame())
        assert (report.name, report.version, len(report.children)) == ("RO_ACCESS_REPORT", 2, 1)
        assert 0.02 < time.monotonic() - began < 1.0


async def test_a_periodic_rospec_starts_again_and_again() -> None:
    spec = rospec(start=enums.ROSpecStartTriggerType.Periodic, duration_ms=10)
    spec.ro_boundary_spec.ro_spec_start_trigger.periodic_trigger_value = params.PeriodicTriggerValue(
        offset=10, period=30
    )
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(configure(reader_event_notification_spec=notify(ROSPEC_EVENT)))
        await client.run(spec)
        kinds = [(await event(client, "ro_spec_event")).event_type for _ in range(4)]
        assert kinds == [0, 1, 0, 1]


async def test_a_gpi_starts_and_stops_a_rospec_once_its_port_is_enabled() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(configure(reader_event_notification_spec=notify(GPI_EVENT, ROSPEC_EVENT)))
        await client.run(rospec(gpi_trigger_port=2))
        reader.set_gpi(2, high=True)
        assert not reader.active
        reader.set_gpi(2, high=False)
        await client.grant(configure(gpi_port_current_states=[enable_gpi(2)]))
        reader.set_gpi(2, high=True)
        assert reader.active
        reader.set_gpi(2, high=False)
        assert not reader.active
        first = (await client.message()).reader_event_notification_data
        assert (first.gpi_event.gpi_port_number, first.gpi_event.gpi_event) == (2, True)
        assert (await event(client, "ro_spec_event")).event_type == 0
        assert (await event(client, "gpi_event")).gpi_event is False
        assert (await event(client, "ro_spec_event")).event_type == 1


async def test_a_gpi_stop_times_out() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(configure(gpi_port_current_states=[enable_gpi(1)]))
        await client.run(rospec(gpi_trigger_port=1, gpi_stop_timeout_ms=20))
        reader.set_gpi(1, high=True)
        assert reader.active
        await reader.wait_until(lambda: not reader.active)


async def test_a_rospec_of_higher_priority_takes_over() -> None:
    low = rospec(id=1)
    low.priority = 3
    async with SimReader(personality="plain") as reader, connected(reader) as client:
        await client.grant(configure(reader_event_notification_spec=notify(ROSPEC_EVENT)))
        await client.run(low)
        await client.run(rospec(id=2, antennas=[4]))
        started, preempted = await event(client, "ro_spec_event"), await event(client, "ro_spec_event")
        assert (started.event_type, preempted.event_type) == (0, 2)
        assert (preempted.ro_spec_id, preempted.preempting_ro_spec_id) == (1, 2)
        assert reader.see(EPC, 4, -50.0)
        assert not reader.see(EPC, 1, -50.0)


# -- events ---------------------------------------------------------------------------------------------------


async def test_antennas_and_exceptions_are_told_unless_switched_off() -> None:
    async with SimReader() as reader, connected(reader) as client:
        reader.set_antenna(2, connected=False)
        gone = await event(client, "antenna_event")
        assert (gone.event_type, gone.antenna_id) == (enums.AntennaEventType.Antenna_Disconnected, 2)
        reader.raise_exception("too hot")
        assert (await event(client, "reader_exception_event")).message == "too hot"
        off = params.EventNotificationState(event_type=ANTENNA_EVENT, notification_state=False)
        spec = params.ReaderEventNotificationSpec(event_notification_states=[off])
        await client.grant(configure(reader_event_notification_spec=spec))
        reader.set_antenna(2, connected=True)
        reader.raise_exception("cool again")
        told = (await client.message()).reader_event_notification_data
        assert (told.antenna_event, told.reader_exception_event.message) == (None, "cool again")


async def test_keepalives() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(configure(keepalive_spec=keepalive(20)))
        for _ in range(3):
            beat = await client.until(messages.KEEPALIVE)
            client.send(messages.KEEPALIVE_ACK().to_bytes(message_id=beat.message_id))
        await reader.wait_for("KEEPALIVE_ACK", times=3)
        await client.grant(configure(keepalive_spec=keepalive(0)))
        sent = reader.keepalives_sent
        await asyncio.sleep(0.05)
        assert reader.keepalives_sent == sent


# -- held reports ---------------------------------------------------------------------------------------------


async def test_reads_without_a_client_are_held_and_keep_their_time() -> None:
    async with SimReader() as reader:
        async with connected(reader) as client:
            await client.run(rospec())
        await reader.wait_until(lambda: not reader.has_client)
        for second in range(3):
            reader.see(EPC, 1, -50.0, at=1000.0 + second)
        assert (reader.held, reader.reads_reported) == (3, 0)
        async with connected(reader) as client:
            stamps = [tag.first_seen_timestamp_utc.microseconds for tag in await client.tags(3)]
            assert stamps == [1_000_000_000, 1_001_000_000, 1_002_000_000]
            assert (reader.held, reader.reads_reported) == (0, 3)


async def test_on_request_they_wait_for_enable_events_and_reports() -> None:
    async with SimReader() as reader:
        async with connected(reader) as client:
            await client.grant(configure(events_and_reports=hold(True)))
            await client.run(rospec())
            reader.see(EPC, 1, -50.0)
            assert len(await client.tags(1)) == 1  # this connection began before it was asked for
        await reader.wait_until(lambda: not reader.has_client)
        reader.see(EPC, 2, -50.0)
        async with connected(reader) as client:
            reader.see(EPC, 3, -50.0)
            await client.grant(messages.DELETE_ROSPEC(ro_spec_id=0))
            assert (reader.held, client.passed) == (2, [])
            client.send(messages.ENABLE_EVENTS_AND_REPORTS().to_bytes(message_id=1))
            assert [tag.antenna_id.antenna_id for tag in await client.tags(2)] == [2, 3]


async def test_what_is_held_is_bounded_and_the_loss_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "HOLD_LIMIT", 10)
    async with SimReader() as reader:
        async with connected(reader) as client:
            await client.run(rospec())
        await reader.wait_until(lambda: not reader.has_client)
        for number in range(30):
            reader.see(epc_of(number), 1, -50.0)
        assert len(reader.outbox) == 10
        async with connected(reader) as client:
            await event(client, "report_buffer_overflow_error_event")
            await client.tags(10)
        assert (reader.reads_seen, reader.reads_reported, reader.reads_lost) == (30, 10, 20)


async def test_a_client_that_does_not_read_holds_the_reports_back() -> None:
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setblocking(False)
    reads = 12_000
    async with SimReader() as reader:
        await asyncio.get_running_loop().sock_connect(small, (reader.host, reader.port))
        client = RawClient(*await asyncio.open_connection(sock=small))
        await client.until(messages.READER_EVENT_NOTIFICATION)
        await client.run(rospec())
        for number in range(reads):
            reader.see(number.to_bytes(512, "big"), 1, -50.0)
            if number % 1000 == 0:
                await asyncio.sleep(0)
        assert reader.held > 0
        assert reader.reads_reported + reader.held == reads
        numbers = [int.from_bytes(tag.epc_parameter.epc.data, "big") for tag in await client.tags(reads)]
        assert numbers == list(range(reads))
        assert reader.reads_reported == reads
        await client.close()
        await reader.wait_until(lambda: not reader.has_client)


# -- clock ----------------------------------------------------------------------------------------------------


async def first_stamp(faults: Faults) -> tuple[Any, Any]:
    """The timestamp of the greeting, and a tag seen 2 s ago."""
    async with SimReader(faults=faults) as reader, connected(reader, greeted=False) as client:
        greeting = (await client.message()).reader_event_notification_data.timestamp
        await client.run(rospec())
        reader.see(EPC, 1, -50.0, at=time.time() - 2)
        return greeting, (await client.tags(1))[0]


@pytest.mark.parametrize("offset_s", [0.0, 14.0, -3600.0])
async def test_a_clock_that_is_off(offset_s: float) -> None:
    greeting, tag = await first_stamp(Faults(clock_offset_s=offset_s))
    assert greeting.microseconds / 1e6 - offset_s == pytest.approx(time.time(), abs=2)
    assert tag.first_seen_timestamp_utc.microseconds / 1e6 - offset_s == pytest.approx(time.time() - 2, abs=2)


@pytest.mark.parametrize(("year", "seconds"), [(1970, 0), (2004, 1_072_915_200)])
async def test_a_clock_that_was_never_set(year: int, seconds: int) -> None:
    greeting, _ = await first_stamp(Faults(clock_year=year))
    assert greeting.microseconds / 1e6 == pytest.approx(seconds, abs=2)


async def test_a_reader_without_a_clock_stamps_its_uptime() -> None:
    greeting, tag = await first_stamp(Faults(uptime_only=True))
    assert isinstance(greeting, params.Uptime)
    assert tag.first_seen_timestamp_utc is None
    assert tag.first_seen_timestamp_uptime.microseconds == 0  # before it was switched on
    async with SimReader(faults=Faults(uptime_only=True)) as reader, connected(reader) as client:
        general = (await client.grant(messages.GET_READER_CAPABILITIES(requested_data=1))).general_device_capabilities
        assert not general.has_utc_clock_capability


# -- made-up traffic and waiting ------------------------------------------------------------------------------


async def test_twenty_readers_at_200_reads_a_second_lose_nothing() -> None:
    readers = [SimReader(f"reader-{number}", rate_hz=200) for number in range(20)]

    async def inventory(reader: SimReader) -> None:
        async with reader, connected(reader) as client:
            await client.run(rospec())
            tags = await client.tags(100)
            reader.faults.silence = True  # stop here, to compare
            assert len(tags) <= reader.reads_reported <= reader.reads_seen

    began = time.process_time()
    await asyncio.gather(*map(inventory, readers))
    assert time.process_time() - began < 5.0


async def test_waiting_says_what_was_heard_instead() -> None:
    async with SimReader("dock-1") as reader, connected(reader) as client:
        await client.grant(messages.GET_ROSPECS())
        with pytest.raises(TimeoutError, match=r"dock-1: not within 0.02 s; heard {'GET_ROSPECS': 1}"):
            await reader.wait_reading(0.02)
        with pytest.raises(TimeoutError):
            await reader.wait_for("ADD_ROSPEC", timeout_s=0.02)
        message = await reader.wait_for("GET_ROSPECS")
        assert message.name == "GET_ROSPECS"
