"""Rules for every test: no asyncio task outlives its test; every event keeps the contract; hypothesis runs the same
examples everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import settings

from edgegw import ingest
from edgegw.core.event import Origin, OutgoingEvent, encode
from tests.contract.published import check_message

EVENTS_CHECKED = 50
"""Of each test: some make thousands."""

settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("ci")


@pytest_asyncio.fixture
async def tasks_end_with_test() -> AsyncIterator[None]:
    """Fail the test that leaves a task behind: in a daemon, such a task is a leak or a swallowed error."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)  # tasks cancelled by the last teardown end here
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    if left:
        pytest.fail("tasks left behind: " + ", ".join(sorted(map(repr, left))))


@pytest.fixture(autouse=True)
def guard_tasks(request: pytest.FixtureRequest) -> None:
    """Put `tasks_end_with_test` around every async test. It is set up first, hence torn down last."""
    if pytest_asyncio.is_async_test(request.node):
        request.getfixturevalue("tasks_end_with_test")


@pytest.fixture(autouse=True)
def events_keep_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold what gateways in this process make against docs/contract, whatever their prefix, site and name."""
    left = EVENTS_CHECKED

    def checked(event: OutgoingEvent, origin: Origin, epoch: str, seq: int) -> tuple[str, bytes]:
        nonlocal left
        topic, payload = encode(event, origin, epoch, seq)
        if left > 0:
            left -= 1
            check_message(f"edgegw/v1/site/gateway/evt/{event.type}", payload)
        return topic, payload

    monkeypatch.setattr(ingest, "encode", checked)
