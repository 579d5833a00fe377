"""Resend, retry, drop: on a journal, through a running gateway, without one, and over MQTT."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edgegw import commands as commands_module
from edgegw.commands import Commands
from edgegw.core.counters import Counters
from edgegw.remote import Remote
from edgegw.store.journal import Journal
from tests.mosquitto import Mosquitto
from tests.publish.link import linked, make_link, mqtt
from tests.publish.listener import Heard, Listener
from tests.publish.test_gateway import scan, until_status, write_scanner_config
from tests.security.person import NOBODY, Person
from tests.store.support import opened, pending_seqs
from tests.test_app import gateway, stopped

BASE = "edgegw/v1/dc-1/gw-1"
WHO = "a test"


def add(journal: Journal) -> int:
    def encode(seq: int) -> tuple[str, bytes]:
        event = {"id": f"gw:{journal.epoch}:{seq}", "gateway": "gw", "epoch": journal.epoch, "seq": seq}
        return f"{BASE}/evt/movement", json.dumps(event).encode()

    return journal.add_event(encode)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with opened(tmp_path / "journal.db") as journal:
        yield journal


async def deliver(journal: Journal, count: int) -> None:
    for _ in range(count):
        journal.mark_published(add(journal))
    await journal.flush()


async def test_resend_puts_a_range_back_and_says_what_is_kept(journal: Journal) -> None:
    asked: list[tuple[int, int]] = []
    commands = Commands(journal, lambda first, last: asked.append((first, last)))
    await deliver(journal, 10)
    add(journal)
    await journal._connection.write(("DELETE FROM event WHERE seq <= ?", [(4,)]))
    await journal.flush()
    assert await commands.do({"do": "resend", "from": 3, "to": 11}, WHO) == {"events": 6, "oldest": 5}
    assert await pending_seqs(journal) == [5, 6, 7, 8, 9, 10, 11]
    assert [row.again for row in await journal.pending(0, 10)] == [True] * 6 + [False]
    assert asked[-1] == (3, 11)
    journal.confirm(11)  # what is wanted once more is not taken for delivered
    assert await pending_seqs(journal) == [5, 6, 7, 8, 9, 10]
    await journal.flush()
    assert await pending_seqs(journal) == [5, 6, 7, 8, 9, 10]


async def test_a_resend_waits_for_the_one_before(journal: Journal) -> None:
    """Or whoever asks and asks would keep fresh events back for ever: what comes again goes first."""
    commands = Commands(journal)
    await deliver(journal, 10)
    assert (await commands.do({"do": "resend", "from": 1, "to": 4}, WHO))["events"] == 4
    add(journal)
    journal.mark_published(1)
    for first, last in ((1, 4), (7, 8)):
        answer = await commands.do({"do": "resend", "from": first, "to": last}, WHO)
        assert answer == {"error": "the last resend is not done yet (3 events to go): ask again then"}
    journal.mark_published(2, 3, 4)
    assert (await commands.do({"do": "resend", "from": 7, "to": 8}, WHO))["events"] == 2
    assert await pending_seqs(journal) == [7, 8, 11]


async def test_a_request_with_an_id_is_done_once_in_all_lives(tmp_path: Path) -> None:
    requests = [{"do": "parked-drop", "all": True, "id": name} for name in ("r-1", "\ud800", "x" * 9000)]
    for life in range(3):
        async with opened(tmp_path / "journal.db") as journal:
            commands = Commands(journal)
            for request in requests:
                answer = await commands.do(request, WHO)
                assert ("error" in answer) == (life > 0), answer
            assert "error" in await commands.do(requests[0], WHO)
            for _ in range(2):
                assert "error" not in await commands.do({"do": "parked-drop", "all": True}, WHO)


async def test_only_the_last_ids_are_remembered(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands_module, "REMEMBERED", 3)
    commands = Commands(journal, wall=iter(range(100)).__next__)
    for name in "ABCDE":
        assert "error" not in await commands.do({"do": "parked-drop", "all": True, "id": name}, WHO)
    await journal.flush()
    assert len(await journal.states("command")) == 3
    again = Commands(journal)
    answers = {name: await again.do({"do": "parked-drop", "all": True, "id": name}, WHO) for name in "ECBA"}
    assert ["error" in answer for answer in answers.values()] == [True, True, False, False]


async def test_what_was_marked_a_moment_ago_can_be_resent(journal: Journal) -> None:
    seq = add(journal)
    await journal.flush()
    journal.mark_published(seq)
    assert await Commands(journal).do({"do": "resend", "from": 1, "to": 1}, WHO) == {"events": 1, "oldest": 1}
    assert await pending_seqs(journal) == [1]


async def park_two(journal: Journal) -> None:
    for _ in range(3):
        add(journal)
    await journal.flush()
    for seq in (1, 3):
        journal.park(seq, "packet too large", (f"{BASE}/evt/skipped", b"{}"))
    await journal.flush()
    for seq in (1, 2, 3):
        journal.mark_published(seq)


async def test_retry_sends_what_was_parked_under_a_new_number(journal: Journal) -> None:
    await park_two(journal)
    assert await Commands(journal).do({"do": "parked-retry", "seqs": [3, 99]}, WHO) == {"events": 1, "unreadable": 0}
    (row,) = await journal.pending(0, 10)
    event = json.loads(row.payload)
    assert (row.seq, event["seq"], event["id"]) == (4, 4, f"gw:{journal.epoch}:4")
    assert row.topic == f"{BASE}/evt/movement"
    assert [parked.seq for parked in await journal.parked(0, 10)] == [1]


async def test_drop_gives_up_all(journal: Journal) -> None:
    await park_two(journal)
    assert await Commands(journal).do({"do": "parked-drop", "all": True}, WHO) == {"events": 2, "unreadable": 0}
    assert await journal.parked(0, 10) == []
    assert await pending_seqs(journal) == []


async def test_what_edgegw_did_not_write_stays_parked(journal: Journal) -> None:
    journal.add_event(lambda seq: ("x", b"\xff"))
    await journal.flush()
    journal.park(1, "x")
    assert await Commands(journal).do({"do": "parked-retry", "all": True}, WHO) == {"events": 0, "unreadable": 1}
    assert len(await journal.parked(0, 10)) == 1


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        "not JSON",
        {},
        {"do": "rm"},
        {"do": ["resend"]},
        {"do": {"resend": 1}},
        {"do": "resend"},
        {"do": "resend", "from": 1, "to": "2"},
        {"do": "resend", "from": True, "to": 1},
        {"do": "resend", "from": 0, "to": 1},
        {"do": "resend", "from": 2, "to": 1},
        {"do": "resend", "from": 1, "to": 99},
        {"do": "resend", "from": 1, "to": 2**70},
        {"do": "resend", "from": 1, "to": 1, "epoch": "another"},
        {"do": "resend", "from": 1, "to": 1, "epoch": ["x"]},
        {"do": "resend", "from": 1, "to": 1, "epoch": "x" * 100_000},
        {"do": "parked-retry"},
        {"do": "parked-retry", "seqs": "all"},
        {"do": "parked-retry", "seqs": [1.5]},
        {"do": "parked-drop", "all": 1},
    ],
)
async def test_hostile_requests_are_refused_in_words(journal: Journal, request_: object) -> None:
    await deliver(journal, 3)
    answer = await Commands(journal).do(request_, WHO)
    assert list(answer) == ["error"]
    assert await pending_seqs(journal) == []


@pytest.mark.parametrize("depth", [100, 900, 950, 990, 2000, 100_000])
async def test_a_request_nested_deep_ends_nothing(journal: Journal, depth: int) -> None:
    nested: object = "x"
    for _ in range(depth):
        nested = [nested]
    for request in (nested, {"do": nested}, {"do": "resend", "from": nested, "to": 1, "epoch": nested}):
        assert list(await Commands(journal).do(request, WHO)) == ["error"]


# --- through a gateway ---


async def edgegw(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edgegw", *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


def numbers(heard: list[Heard], kind: str = "") -> list[int]:
    return [json.loads(message.payload)["seq"] for message in heard if f"/evt/{kind}" in message.topic]


async def test_an_operator_sends_again_with_and_without_a_gateway(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(tmp_path, broker.port)
        async with Listener(broker.port) as listener:
            async with gateway(config) as process:
                await scan(port, *"ABCDE")
                await listener.until(lambda heard: numbers(heard) == [1, 2, 3, 4, 5])
                await until_status(tmp_path, backlog__pending=0)
                assert await edgegw("resend", "2", "3", "-c", str(config)) == (0, "2 events sent again.\n")
                await listener.until(lambda heard: numbers(heard) == [1, 2, 3, 4, 5, 2, 3])
                code, output = await edgegw("resend", "2", "9", "-c", str(config))
                assert (code, "has no events 2 to 9: its last is 5" in output) == (69, True)
                process.terminate()
                await process.wait()
            code, output = await edgegw("resend", "5", "5", "-c", str(config))
            assert (code, "does not run" in output, "1 event sent again" in output) == (0, True, True)
            async with gateway(config):
                await listener.until(lambda heard: numbers(heard) == [1, 2, 3, 4, 5, 2, 3, 5])


async def test_an_operator_retries_what_was_parked(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    with Mosquitto(small, "max_packet_size 5000\n") as broker:
        config, port = write_scanner_config(tmp_path, broker.port, max_length=20_000)
        async with Listener(broker.port) as listener, gateway(config):
            await scan(port, "A", "B" * 9000, "C")
            await listener.until(lambda heard: len(numbers(heard)) == 3)
            assert numbers(listener.heard, "skipped") == [2]
            document = await until_status(tmp_path, backlog__parked=1)
            assert document["troubles"] == {
                "parked": "1 event is parked, because the broker would not take it: see edgegw parked list"
            }
            code, output = await edgegw("parked", "list", "-c", str(config))
            assert (code, output.split()[0], "packet too large" in output) == (0, "2", True)
    with Mosquitto(large) as broker:
        config, _ = write_scanner_config(tmp_path, broker.port, max_length=20_000)
        async with Listener(broker.port) as listener, gateway(config):
            await until_status(tmp_path, backlog__parked=1)
            assert await edgegw("parked", "retry", "--all", "-c", str(config)) == (
                0,
                "1 event sent under new numbers.\n",
            )
            await listener.until(lambda heard: numbers(heard) == [4])
            event = json.loads(next(message.payload for message in listener.heard if "/evt/" in message.topic))
            assert event["subject"] == "B" * 9000
            await until_status(tmp_path, backlog__parked=0)
            assert await edgegw("parked", "list", "-c", str(config)) == (0, "No event is parked.\n")


def now(offset_s: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=offset_s)).isoformat()


async def test_a_central_system_asks_over_mqtt_and_is_answered(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        config, port = write_scanner_config(
            tmp_path, broker.port, delivery={"confirm": "central", "commands": ["resend"]}
        )
        async with Listener(broker.port) as listener:
            request: dict[str, Any] = {"id": "r-1", "time": now(), "from": 1, "to": 2, "do": "parked-drop", "all": True}
            listener.publish(f"{BASE}/cmd/resend", json.dumps(request).encode(), retain=True)  # never done
            async with gateway(config) as process:
                await scan(port, *"ABC")
                await listener.until(lambda heard: numbers(heard) == [1, 2, 3])
                epoch = json.loads(listener.heard[-1].payload)["epoch"]
                listener.publish(f"{BASE}/ack", json.dumps({"epoch": epoch, "seq": 3}).encode(), retain=True)
                await until_status(tmp_path, backlog__pending=0, counters__mqtt__commands_retained=1)
                listener.publish(f"{BASE}/cmd/resend", json.dumps(request).encode())
                await listener.until(lambda heard: numbers(heard) == [1, 2, 3, 1, 2])
                await listener.until(lambda heard: any(message.topic.endswith("/reply") for message in heard))
                for hostile in (b"", b"[" * 4000, b"{}", b'{"from": "x", "to": 1}', b"1", b"\xff"):
                    listener.publish(f"{BASE}/cmd/resend", hostile)
                listener.publish(f"{BASE}/cmd/parked-drop", b'{"all": true}')
                for _ in range(20):
                    listener.publish(f"{BASE}/cmd/resend", b"{}")
                await until_status(tmp_path, counters__mqtt__commands_too_fast=...)
                _, log = await stopped(process)
                await listener.until(lambda heard: b'"online":false' in heard[-1].payload)
    replies = [json.loads(message.payload) for message in listener.heard if message.topic.endswith("/reply")]
    assert replies[0] == {"id": "r-1", "events": 2, "oldest": 1}
    assert all(list(reply) == ["error"] for reply in replies[1:])
    assert len(replies) <= 1 + 10 + 5
    audit = [line for line in map(json.loads, log.splitlines()) if line["event"] == "command"]
    assert len(audit) == len(replies)
    assert audit[0]["who"] == f"mqtt {BASE}/cmd/resend"
    assert json.loads(audit[0]["request"])["id"] == "r-1"
    assert audit[0]["answer"] == {"events": 2, "oldest": 1}


ASKED = {"from": 1, "to": 1}
NAMED = {"id": "r-1", **ASKED}


@pytest.mark.parametrize(
    ("command", "expires_s", "error"),
    [
        ({**NAMED, "time": timedelta(seconds=0)}, None, None),
        (NAMED, 30, None),
        ({**NAMED, "time": timedelta(seconds=50)}, None, None),
        (NAMED, None, "time must say when it was asked"),
        ({**NAMED, "time": timedelta(seconds=-70)}, None, "s old: at most 60 s are taken"),
        ({**NAMED, "time": timedelta(seconds=-70)}, 30, "s old: at most 60 s are taken"),
        ({**NAMED, "time": timedelta(seconds=3600)}, None, "s ahead of this gateway's clock"),
        ({**NAMED, "time": "0001-01-01T00:00:00+23:59"}, None, "s old"),
        ({**NAMED, "time": "9999-12-31T23:59:59-23:59"}, None, "s ahead"),
        ({**NAMED, "time": "2026-11-21T10:00:00"}, None, "time must say"),
        ({**NAMED, "time": 1_800_000_000}, None, "time must say"),
        ({**NAMED, "time": None}, 30, "time must say"),
        ({**ASKED, "time": timedelta(seconds=0)}, None, "id must be a text"),
        ({**NAMED, "id": "x" * 201, "time": timedelta(seconds=0)}, None, "id must be a text"),
        ({**NAMED, "id": ["r-1"], "time": timedelta(seconds=0)}, None, "id must be a text"),
        ({**NAMED, "id": "\ud800", "time": timedelta(seconds=0)}, None, None),
        ({**NAMED, "time": timedelta(seconds=0), "x": "y" * 4096}, None, "of at most 4096 bytes"),
    ],
)
async def test_only_a_command_of_this_minute_is_done(
    mosquitto: Mosquitto, command: dict[str, Any], expires_s: int | None, error: str | None
) -> None:
    """A timedelta: so far from now."""
    if isinstance(command.get("time"), timedelta):
        command["time"] = now(command["time"].total_seconds())
    async with remote(mosquitto) as (person, done):
        await person.publish(f"{BASE}/cmd/resend", json.dumps(command).encode(), expires_s=expires_s)
        (reply,) = await replies(person, 1)
    if error is None:
        assert reply == {"id": command["id"], "events": 1}
        assert done == [({**command, "do": "resend"}, f"mqtt {BASE}/cmd/resend")]
    else:
        assert error in reply["error"]
        assert done == []


async def test_a_command_is_done_once_though_the_gateway_starts_anew(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """What is said again within its minute, by whoever has heard it, finds another process."""
    command = json.dumps({**NAMED, "time": now()}).encode()
    said = []
    for life in range(2):
        counters = Counters()
        async with opened(tmp_path / "journal.db") as journal:
            if not life:
                await deliver(journal, 3)
            async with remote(mosquitto, Commands(journal).do, counters) as (person, _):
                for _ in range(2):
                    await person.publish(f"{BASE}/cmd/resend", command, expires_s=30)
                said += await replies(person, 2)
            assert await pending_seqs(journal) == [1]
            assert counters.get("mqtt", "commands_refused") == 1 + 1 + life  # somebody's empty one is among them
    assert said[0] == {"id": "r-1", "events": 1, "oldest": 1}
    once = {"id": "r-1", "error": "a command with this id has been here before: it is done once"}
    assert said[1:] == [once] * 3


Do = Callable[[Any, str], Awaitable[dict[str, Any]]]


@asynccontextmanager
async def remote(
    broker: Mosquitto, do: Do | None = None, counters: Counters | None = None
) -> AsyncIterator[tuple[Person, list[tuple[Any, str]]]]:
    """A gateway's ear for commands on a real link, somebody who sends some, and what was done where `do` is None."""
    done: list[tuple[Any, str]] = []

    async def note(request: Any, who: str) -> dict[str, Any]:
        done.append((request, who))
        return {"events": 1}

    ear = Remote(BASE, ["resend"], do or note, counters or Counters())
    async with linked(make_link(mqtt(broker.port), [ear.serve])):
        async with Person(broker.port) as person:
            await person.subscribe(f"{BASE}/cmd/resend/reply")
            await until_somebody_listens(person)
            yield person, done


async def until_somebody_listens(person: Person) -> None:
    """The broker says when nobody has subscribed; an ear that has not may not be tried with a real command."""
    async with asyncio.timeout(10):
        while await person.publish(f"{BASE}/cmd/resend", b"") == NOBODY:
            await asyncio.sleep(0.01)
    await person.until(lambda heard: len(heard) == 1)
    person.heard.clear()


async def replies(person: Person, count: int) -> list[dict[str, Any]]:
    return [json.loads(said.payload) for said in await person.until(lambda heard: len(heard) == count)]
