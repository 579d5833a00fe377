"""The one reconnect loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from edgegw.errors import LinkDown, LinkRefused
from edgegw.supervise import READER, Backoff, LinkState, keep

QUICK = Backoff(first_s=0.01, cap_s=0.04, stable_s=0.05, floor_s=0.001)


class Flaky:
    """A link that follows a script: how each run ends."""

    name = "dock-1"

    def __init__(self, script: list[Exception | None]) -> None:
        self.script = script
        self.runs = 0

    async def run(self, up: Callable[[], None]) -> None:
        self.runs += 1
        if not self.script:
            up()
            await asyncio.Event().wait()
        ending = self.script.pop(0)
        if ending is not None:
            raise ending
        up()


async def kept(link: Flaky, until: int) -> list[LinkState]:
    states: list[LinkState] = []
    done = asyncio.Event()

    def report(state: LinkState) -> None:
        states.append(state)
        if link.runs >= until and state.status == "up":
            done.set()

    task = asyncio.create_task(keep(link, QUICK, report))
    async with asyncio.timeout(5):
        await done.wait()
    task.cancel()
    await asyncio.wait([task])
    return states


async def test_a_link_is_kept_through_every_ending() -> None:
    link = Flaky([LinkDown("dock-1", "cable"), None, LinkRefused("dock-1", "power"), LinkDown("dock-1", "again")])
    states = await kept(link, until=5)
    assert [(state.status, state.reason) for state in states] == [
        ("connecting", ""),
        ("down", "cable"),
        ("connecting", ""),
        ("up", ""),
        ("down", "closed by the other side"),
        ("connecting", ""),
        ("refused", "power"),
        ("connecting", ""),
        ("down", "again"),
        ("connecting", ""),
        ("up", ""),
        ("stopped", ""),
    ]


async def test_a_bug_is_not_a_lost_link() -> None:
    with pytest.raises(ZeroDivisionError):
        await keep(Flaky([ZeroDivisionError()]), QUICK, lambda _: None)


def test_delays_are_jittered_up_to_the_cap() -> None:
    rng = random.Random(1)
    for failures in (1, 2, 5, 10, 1000):
        ceiling = min(30.0, 0.5 * 2 ** min(failures - 1, 32))
        delays = [READER.delay_s(failures, rng) for _ in range(300)]
        assert READER.floor_s <= min(delays) <= 0.2 * ceiling
        assert 0.8 * ceiling <= max(delays) <= ceiling


def test_many_gateways_do_not_come_back_in_step() -> None:
    """300 of them after a long outage: spread over the cap, no second sees more than a few."""
    delays = sorted(READER.delay_s(20, random.Random(seed)) for seed in range(300))
    assert delays[-1] - delays[0] > 28
    assert max(sum(1 for delay in delays if second <= delay < second + 1) for second in range(30)) < 30
