"""kill -9 of the gateway at random moments: nothing is lost, nothing comes under two ids."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from simulators.dock_door import DockDoor, acts, load_scenario
from simulators.subscriber import Event
from tests.torture.goods import COMMIT_S, Balance, Goods, Wire, astray, balance
from tests.torture.kills import kill_often


async def test_every_movement_survives_kills_of_gateway_and_broker(tmp_path: Path) -> None:
    outcome = await kill_often(tmp_path / "dock", "flapping", 6, random.Random(1))
    found = outcome.balance
    assert list(found._replace(redelivered=0).faults(0.0)) == []
    assert outcome.crashes == 0
    assert found.expected >= 9
    assert outcome.broker_ends >= 1


BALANCE = Balance(1, 100, [], [], [], [], [], [], 1, 0, 0)


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (BALANCE, ""),
        (BALANCE._replace(redelivered=2), "2.00% of the events came again"),
        (BALANCE._replace(gaps=["A:3"]), "gaps: A:3"),
        (BALANCE._replace(reused=["A:3"]), "one number for two events: A:3"),
        (BALANCE._replace(astray=["A:3"]), "not in exactly one passage: A:3"),
    ],
)
def test_what_breaks_the_contract_is_said(found: Balance, fault: str) -> None:
    assert "".join(found.faults(0.01)) == fault


def test_what_never_came_is_lost() -> None:
    goods = Goods(DockDoor(load_scenario("crash")))
    goods.ledger.promise(acts(load_scenario("crash")), 0.0)
    found = balance(goods, [], [])
    assert len(found.lost) == found.expected == 9


def moved(seq: int) -> Event:
    return {"type": "edgegw.movement.v1", "id": f"A:{seq}", "data": {"door": "door-1"}}


def passed(*seqs: int) -> Event:
    return {"type": "edgegw.passage.v1", "data": {"units": [{"movement": f"A:{seq}"} for seq in seqs]}}


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([moved(1), moved(2), passed(1, 2)], []),
        ([moved(1), moved(2), passed(2)], ["A:1"]),
        ([moved(1), passed(1), passed(1)], ["A:1"]),
        ([passed(1)], ["A:1"]),
    ],
)
def test_a_movement_is_in_one_passage(events: list[Event], found: list[str]) -> None:
    assert list(astray(events)) == found


async def test_what_was_on_the_wire_before_a_kill_is_known() -> None:
    async with Wire(load_scenario("crash")) as dock:
        watching = asyncio.create_task(dock.watch())
        await asyncio.sleep(2 * COMMIT_S)
        sent = {"dock-1": (b"\x01", b"\x02"), "dock-2": (b"\x03",)}
        for name, epcs in sent.items():
            dock.readers[name].reads_in_reports += len(epcs)
            dock._epcs[name] += epcs
        await asyncio.sleep(COMMIT_S / 2)
        dock.killed()
        assert dock.in_window == {"01", "02", "03"}
        dock.in_window.clear()
        await asyncio.sleep(2 * COMMIT_S)
        dock.killed()
        assert dock.in_window == set()
        watching.cancel()
        await asyncio.wait([watching])
