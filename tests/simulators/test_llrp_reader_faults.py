"""Each fault of the reader simulator does what it says, and only that."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from llrpkit.protocol import enums, messages

from simulators.llrp_reader import Faults, Garbage, SimReader
from simulators.llrp_reader.__main__ import parse_fault
from simulators.llrp_reader.codec import read_header
from simulators.llrp_reader.load import epc_of
from tests.simulators.llrp_client import EPC, RawClient, configure, connected, hold, keepalive, rospec

SUCCESS = enums.ConnectionAttemptStatusType.Success
CLIENT_EXISTS = enums.ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists


async def greeting(reader: SimReader) -> Any:
    """Status of the ConnectionAttemptEvent of a new connection; None: it was closed without one."""
    client = RawClient(*await asyncio.open_connection(reader.host, reader.port))
    try:
        return (await client.message()).reader_event_notification_data.connection_attempt_event.status
    except asyncio.IncompleteReadError:
        return None
    finally:
        await client.close()


# -- bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("faults", [Faults(fragment_bytes=7), Faults(coalesce_s=0.05), Faults(slow_s=0.02)])
async def test_whatever_the_transport_does_every_frame_arrives_in_order(faults: Faults) -> None:
    async with SimReader(faults=faults) as reader, connected(reader) as client:
        await client.run(rospec())
        for number in range(50):
            reader.see(epc_of(number), 1, -50.0)
        assert [tag.epc_parameter.epc for tag in await client.tags(50)] == [epc_of(number) for number in range(50)]
        assert reader.reads_reported == 50
        await client.grant(messages.CLOSE_CONNECTION())
        assert await client.at_end()


class Pieces(asyncio.Protocol):
    """The sizes in which bytes arrive, until `enough` of them are there."""

    def __init__(self, enough: int) -> None:
        self.sizes: list[int] = []
        self.done = asyncio.Event()
        self._enough = enough

    def data_received(self, data: bytes) -> None:
        self.sizes.append(len(data))
        if sum(self.sizes) >= self._enough:
            self.done.set()


async def test_fragments_are_pieces_of_that_size() -> None:
    async with SimReader(faults=Faults(fragment_bytes=3)) as reader:
        pieces = Pieces(enough=32)  # the greeting
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: pieces, reader.host, reader.port)
        async with asyncio.timeout(5):
            await pieces.done.wait()
        assert len(pieces.sizes) > 3
        assert all(size % 3 == 0 for size in pieces.sizes[:-1])
        transport.close()
        await reader.wait_until(lambda: not reader.has_client)


async def test_slow_answers_come_late() -> None:
    async with SimReader(faults=Faults(slow_s=0.1)) as reader, connected(reader) as client:
        began = time.monotonic()
        await client.grant(messages.GET_ROSPECS())
        assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize(
    ("kind", "number", "length"),
    [
        (Garbage.BAD_LENGTH, 62, 5),
        (Garbage.OVERSIZE, 61, 0xFFFFFFFF),
        (Garbage.UNKNOWN_MESSAGE, 999, 17),
        (Garbage.UNDECODABLE, 61, 29),
        (Garbage.TRUNCATED, 61, 50),
    ],
)
async def test_garbage_is_put_between_frames(kind: Garbage, number: int, length: int) -> None:
    async with SimReader() as reader, connected(reader) as client:
        reader.inject(kind)
        head = await client._reader.readexactly(10)
        assert read_header(head)[1:3] == (number, length)


async def test_garbage_comes_after_every_so_many_frames() -> None:
    faults = Faults(garbage=Garbage.UNKNOWN_MESSAGE, garbage_every=3)
    async with SimReader(faults=faults) as reader, connected(reader) as client:
        await client.run(rospec())
        for number in range(6):
            reader.see(epc_of(number), 1, -50.0)
        numbers = [read_header(await client.frame()).number for _ in range(9)]
        assert numbers == [999, 61, 61, 61, 999, 61, 61, 61, 999]  # the greeting and two answers came before


async def test_random_bytes_and_bytes_of_ones_own() -> None:
    async with SimReader() as reader, connected(reader) as client:
        reader.inject(Garbage.BYTES)
        reader.inject(b"abc")
        assert (await client._reader.readexactly(67)).endswith(b"abc")


# -- connection -----------------------------------------------------------------------------------------------


async def test_no_greeting() -> None:
    async with SimReader(faults=Faults(no_greeting=True)) as reader, connected(reader, greeted=False) as client:
        await client.grant(messages.GET_ROSPECS())
        assert client.passed == []


async def test_silence_answers_nothing_and_ends() -> None:
    async with SimReader() as reader, connected(reader) as client:
        await client.grant(configure(keepalive_spec=keepalive(10)))
        await client.run(rospec())
        await client.until(messages.KEEPALIVE)
        reader.faults.silence = True
        reader.see(EPC, 1, -50.0)
        client.send(messages.GET_ROSPECS().to_bytes(message_id=1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.until(messages.GET_ROSPECS_RESPONSE), 0.1)
        assert (reader.has_client, reader.reads_reported, reader.held) == (True, 0, 1)
        reader.faults.silence = False
        reader.flush()
        assert len(await client.tags(1)) == 1


async def test_cut_after_so_many_messages() -> None:
    async with SimReader(faults=Faults(cut_after_messages=3)) as reader, connected(reader) as client:
        await client.grant(messages.GET_ROSPECS())
        await client.grant(messages.GET_ROSPECS())
        assert await client.at_end()
        await reader.wait_until(lambda: not reader.has_client)


async def test_cut_after_some_time_and_on_demand() -> None:
    async with SimReader(faults=Faults(cut_after_s=0.03)) as reader:
        async with connected(reader) as client:
            assert await client.at_end()
        reader.faults.cut_after_s = 0.0
        async with connected(reader) as client:
            reader.drop_link()
            with pytest.raises(ConnectionResetError):
                await client.frame()


async def test_a_stuck_session_refuses_for_a_while_after_an_unclean_drop_only() -> None:
    async with SimReader(faults=Faults(stuck_s=0.15)) as reader:
        async with connected(reader) as client:
            await client.grant(messages.CLOSE_CONNECTION())
            assert await client.at_end()
        assert await greeting(reader) == SUCCESS
        await reader.wait_until(lambda: not reader.has_client)
        assert await greeting(reader) == CLIENT_EXISTS
        await asyncio.sleep(0.2)
        assert await greeting(reader) == SUCCESS


async def test_the_connection_after_a_close_is_closed_without_a_word() -> None:
    async with SimReader(faults=Faults(eof_after_close=True)) as reader:
        async with connected(reader) as client:
            await client.grant(messages.CLOSE_CONNECTION())
            assert await client.at_end()
        assert await greeting(reader) is None
        assert await greeting(reader) == SUCCESS


async def test_what_a_cut_kept_from_the_socket_is_sent_to_the_next_client() -> None:
    async with SimReader(faults=Faults(cut_after_messages=6)) as reader:
        async with connected(reader) as client:
            await client.run(rospec())
            for number in range(10):
                reader.see(epc_of(number), 1, -50.0)
            assert len(await client.tags(3)) == 3
            assert await client.at_end()
        await reader.wait_until(lambda: not reader.has_client)
        assert (reader.reads_in_reports, reader.reads_waiting) == (3, 7)
        reader.faults.cut_after_messages = 0
        async with connected(reader) as client:
            assert [tag.epc_parameter.epc for tag in await client.tags(7)] == [
                epc_of(number) for number in range(3, 10)
            ]
        assert (reader.reads_seen, reader.reads_in_reports, reader.reads_waiting) == (10, 10, 0)


# -- conversation ---------------------------------------------------------------------------------------------


async def test_a_parameter_that_is_refused_wherever_it_stands() -> None:
    async with SimReader(faults=Faults(refuse_parameter=226)) as reader, connected(reader) as client:
        status = await client.refused(configure(events_and_reports=hold(True)))
        assert (status.status_code, status.parameter_error.parameter_type) == (111, 226)
        reader.faults.refuse_parameter = 336
        status = await client.refused(messages.ADD_ROSPEC(ro_spec=rospec()))
        assert status.status_code == 100
        assert status.parameter_error.parameter_type == 177
        assert reader.rospecs == {}
        await client.grant(configure(events_and_reports=hold(True)))


async def test_delete_all_is_refused() -> None:
    async with SimReader(faults=Faults(error_on_delete_all=True)) as reader, connected(reader) as client:
        for request in (messages.DELETE_ROSPEC(ro_spec_id=0), messages.DELETE_ACCESSSPEC(access_spec_id=0)):
            assert (await client.refused(request)).status_code == enums.StatusCode.M_ParameterError
        await client.run(rospec())
        await client.grant(messages.DELETE_ROSPEC(ro_spec_id=1))


async def test_stop_is_refused() -> None:
    async with SimReader(faults=Faults(error_on_stop=True)) as reader, connected(reader) as client:
        await client.run(rospec())
        assert (await client.refused(messages.STOP_ROSPEC(ro_spec_id=1))).status_code == enums.StatusCode.M_FieldError
        await client.grant(messages.DELETE_ROSPEC(ro_spec_id=1))


async def test_no_immediate_start() -> None:
    async with SimReader(faults=Faults(no_immediate=True)) as reader, connected(reader) as client:
        await client.run(rospec())
        assert not reader.active
        await client.grant(messages.START_ROSPEC(ro_spec_id=1))
        assert reader.active


async def test_enable_events_and_reports_gets_an_error_message() -> None:
    async with SimReader(faults=Faults(error_on_enable_events=True)) as reader, connected(reader) as client:
        answer = await client.ask(messages.ENABLE_EVENTS_AND_REPORTS())
        assert isinstance(answer, messages.ERROR_MESSAGE)
        assert answer.llrp_status.status_code == enums.StatusCode.M_UnsupportedMessage


async def test_no_keepalive_comes_though_it_was_granted() -> None:
    async with SimReader(faults=Faults(no_keepalive=True)) as reader, connected(reader) as client:
        await client.grant(configure(keepalive_spec=keepalive(5)))
        await asyncio.sleep(0.05)
        await client.grant(messages.GET_ROSPECS())
        assert (client.passed, reader.keepalives_sent) == ([], 0)


@pytest.mark.parametrize("personality", ["impinj", "plain"])
async def test_impinj_by_number_only(personality: str) -> None:
    from llrpkit.protocol import impinj

    reader = SimReader(personality=personality, faults=Faults(claims_impinj=True))
    async with reader, connected(reader) as client:
        general = (await client.grant(messages.GET_READER_CAPABILITIES(requested_data=1))).general_device_capabilities
        assert general.device_manufacturer_name == 25882
        assert isinstance(await client.ask(impinj.IMPINJ_ENABLE_EXTENSIONS()), messages.ERROR_MESSAGE)


# -- reports --------------------------------------------------------------------------------------------------


async def test_empty_reports() -> None:
    async with SimReader(faults=Faults(empty_reports=True)) as reader, connected(reader) as client:
        await client.run(rospec())
        reader.see(EPC, 1, -50.0)
        assert (await client.message()).tag_report_datas == []
        assert len((await client.message()).tag_report_datas) == 1
        assert (reader.reports_sent, reader.reads_reported) == (2, 1)


async def test_reports_without_antenna_and_rssi() -> None:
    async with SimReader(faults=Faults(without_antenna=True, without_rssi=True)) as reader, connected(reader) as client:
        await client.run(rospec())
        reader.see(EPC, 1, -50.0)
        (tag,) = await client.tags(1)
        assert (tag.antenna_id, tag.peak_rssi) == (None, None)
        assert tag.first_seen_timestamp_utc is not None


async def test_a_seen_count_that_only_grows() -> None:
    async with SimReader(faults=Faults(cumulative_seen_count=True)) as reader, connected(reader) as client:
        await client.run(rospec())
        for antenna in (1, 2, 1):
            reader.see(EPC, antenna, -50.0)
        assert [tag.tag_seen_count.tag_count for tag in await client.tags(3)] == [1, 2, 3]
        assert reader.reads_in_reports == 3


async def test_parameters_that_nobody_knows() -> None:
    async with SimReader(faults=Faults(foreign_parameters=True)) as reader, connected(reader) as client:
        await client.run(rospec(content={"enable_antenna_id": False}))
        reader.see(EPC, 1, -50.0)
        body = (await client.frame())[10:]
        assert body.hex().endswith("03ff000e0001869f00000007beef" + "038300060001")
        assert int.from_bytes(body[2:4], "big") == len(body)


# -- the command line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("silence", ("silence", True)),
        ("slow_s=0.5", ("slow_s", 0.5)),
        ("fragment_bytes=1", ("fragment_bytes", 1)),
        ("refuse_parameter=224", ("refuse_parameter", 224)),
        ("clock_year=1970", ("clock_year", 1970)),
        ("garbage=undecodable", ("garbage", Garbage.UNDECODABLE)),
    ],
)
def test_faults_on_the_command_line(text: str, expected: tuple[str, object]) -> None:
    assert parse_fault(text) == expected


@pytest.mark.parametrize(("text", "words"), [("slow_s=x", "'x' is no float"), ("nope", "no fault 'nope'")])
def test_a_wrong_fault_on_the_command_line_is_named(text: str, words: str) -> None:
    with pytest.raises(click.BadParameter, match=words):
        parse_fault(text)


async def test_the_command_serves_and_counts() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "simulators.llrp_reader", "--port", "0", "--readers", "2", "--rate", "100"]
    process = await asyncio.create_subprocess_exec(
        *command, "--fault", "without_rssi", cwd=root, stdout=subprocess.PIPE, env=os.environ
    )
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode() for _ in range(2)]
    hosts = [line.removeprefix("listening on ").strip().rpartition(":") for line in lines]
    assert all(host == "127.0.0.1" for host, _, _ in hosts)
    client = RawClient(*await asyncio.open_connection("127.0.0.1", int(hosts[0][2])))
    await client.message()
    await client.run(rospec())
    tags = await client.tags(5)
    assert all(tag.peak_rssi is None for tag in tags)
    process.send_signal(signal.SIGTERM)
    counters = [json.loads(line) for line in (await process.stdout.read()).splitlines()]
    assert await process.wait() == 0
    await client.close()
    assert [counter["name"] for counter in counters] == ["reader-1", "reader-2"]
    assert counters[0]["reads_reported"] >= 5
    assert counters[1]["reads_seen"] == 0
