"""A foreign LLRP client for the reader simulator: sockets of ours, encoding and decoding by llrpkit (MIT)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from llrpkit.inventory import build_rospec
from llrpkit.protocol import LLRPMessage, decode_message, enums, impinj, messages, params

from simulators.llrp_reader import SimReader

TIMEOUT_S = 5.0
EPC = bytes.fromhex("3074257bf7194e4000001a85")


class RawClient:
    """Sends what it is told, keeps every frame that comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._next_id = 100
        self.passed: list[LLRPMessage] = []  # what came while an answer was awaited

    async def frame(self) -> bytes:
        """The next frame, whole. IncompleteReadError: the reader closed."""
        async with asyncio.timeout(TIMEOUT_S):
            header = await self._reader.readexactly(10)
            return header + await self._reader.readexactly(int.from_bytes(header[2:6], "big") - 10)

    async def message(self) -> Any:
        """The next message, one that was passed over first."""
        return self.passed.pop(0) if self.passed else decode_message(await self.frame())

    async def until(self, kind: type[LLRPMessage]) -> Any:
        """The next message of that type; others are dropped."""
        while True:
            message = await self.message()
            if isinstance(message, kind):
                return message

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def ask(self, request: LLRPMessage) -> Any:
        """The answer with the request's message id, as llrpkit reads it."""
        self._next_id += 1
        self.send(request.to_bytes(message_id=self._next_id))
        while True:
            message = decode_message(await self.frame())
            if message.message_id == self._next_id:
                return message
            self.passed.append(message)

    async def grant(self, request: LLRPMessage) -> Any:
        """As `ask`; the reader must say success."""
        answer = await self.ask(request)
        assert answer.llrp_status.status_code == enums.StatusCode.M_Success, answer.llrp_status
        return answer

    async def refused(self, request: LLRPMessage) -> Any:
        """As `ask`; the LLRPStatus, which must not be success."""
        answer = await self.ask(request)
        assert answer.llrp_status.status_code != enums.StatusCode.M_Success
        return answer.llrp_status

    async def tags(self, count: int) -> list[Any]:
        """So many TagReportData, or more if they come in one report."""
        found: list[Any] = []
        while len(found) < count:
            found += (await self.until(messages.RO_ACCESS_REPORT)).tag_report_datas
        return found

    async def run(self, spec: Any) -> None:
        """Add a ROSpec and enable it."""
        await self.grant(messages.ADD_ROSPEC(ro_spec=spec))
        await self.grant(messages.ENABLE_ROSPEC(ro_spec_id=spec.ro_spec_id))

    async def at_end(self) -> bool:
        """The reader closed or reset the connection, after whatever is left to read."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while await self._reader.read(1 << 16):
                    pass
        except ConnectionError:
            return True
        return True

    async def close(self) -> None:
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def connected(reader: SimReader, *, greeted: bool = True) -> AsyncIterator[RawClient]:
    """A client with its greeting behind it."""
    client = RawClient(*await asyncio.open_connection(reader.host, reader.port))
    try:
        if greeted:
            greeting = (await client.message()).reader_event_notification_data
            assert greeting.connection_attempt_event.status == enums.ConnectionAttemptStatusType.Success
        yield client
    finally:
        await client.close()


def rospec(**options: Any) -> Any:
    """A ROSpec that starts by itself and reports every tag at once, unless told otherwise."""
    trigger = options.pop("start", enums.ROSpecStartTriggerType.Immediate)
    content = options.pop("content", {})
    spec: Any = build_rospec(ro_spec_id=options.pop("id", 1), **options)
    if options.get("gpi_trigger_port") is None:
        spec.ro_boundary_spec.ro_spec_start_trigger.ro_spec_start_trigger_type = trigger
    for name, value in content.items():
        setattr(spec.ro_report_spec.tag_report_content_selector, name, value)
    return spec


def configure(**parts: Any) -> messages.SET_READER_CONFIG:
    return messages.SET_READER_CONFIG(reset_to_factory_default=False, **parts)


def keepalive(period_ms: int) -> params.KeepaliveSpec:
    return params.KeepaliveSpec(keepalive_trigger_type=int(period_ms > 0), periodic_trigger_value=period_ms)


def hold(on: bool) -> params.EventsAndReports:
    return params.EventsAndReports(hold_events_and_reports_upon_reconnect=on)


def notify(*kinds: int) -> params.ReaderEventNotificationSpec:
    states = [params.EventNotificationState(event_type=kind, notification_state=True) for kind in kinds]
    return params.ReaderEventNotificationSpec(event_notification_states=states)


def enable_gpi(port: int) -> params.GPIPortCurrentState:
    return params.GPIPortCurrentState(gpi_port_num=port, config=True, state=enums.GPIPortState.Unknown)


def extensions() -> impinj.IMPINJ_ENABLE_EXTENSIONS:
    return impinj.IMPINJ_ENABLE_EXTENSIONS()
