"""`edgegw demo`: the main job on a simulated dock door, with the gateway as its users run it."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from edgegw.cli.reasons import VERDICTS
from edgegw.cli.words import counted
from simulators.dock_door import DockDoor, Expected, Gateway, Ledger, acts, load_scenario
from simulators.mqtt_broker import Broker
from simulators.subscriber import Event, Subscriber

LATE_S = 5.0
"""What has not arrived this long after it should is missing."""
GOODBYE_S = 2.0
HOST = "https://id.gs1.org/"
REASONS = (*(reason for reason in VERDICTS if reason != "crossed"), "repeat", "class", "raw", "invalid", "late")
"""Why something is no movement: counters of the gateway."""


@click.command()
@click.option("--seconds", type=click.IntRange(min=5), help="End by itself after so long; default: at Ctrl-C.")
def demo(seconds: int | None) -> None:
    """Show the main job on a simulated dock; nothing to install, nothing to configure.

    Two LLRP readers at a door, one with a wrong clock, a barcode scanner at a packing table, an MQTT broker and
    the gateway run on this machine, on free ports of 127.0.0.1. Each movement is one line. The summary says what
    was ignored and why. Exit 0 when every movement that happened arrived, and no other.
    """
    asyncio.run(_demo(float("inf") if seconds is None else seconds))


async def _demo(seconds: float) -> None:
    """Set the stage, play, judge. Raises ClickException with what went wrong."""
    ends_s = _now_s() + seconds
    async with AsyncExitStack() as stage:
        stop = stage.enter_context(_stop_signals())
        folder = Path(stage.enter_context(tempfile.TemporaryDirectory(prefix="edgegw-demo-")))
        broker = await stage.enter_async_context(Broker())
        subscriber = await stage.enter_async_context(Subscriber(broker.host, broker.port))
        dock = await stage.enter_async_context(DockDoor(load_scenario("demo")))
        gateway = Gateway(folder)
        gateway.config.write_text(dock.gateway_yaml((broker.host, broker.port), gateway.journal))
        _say(_introduction(broker, dock, gateway))
        await stage.enter_async_context(gateway)
        board = Board(subscriber)
        await _first_of(stop.wait(), gateway.ended(), board.run(), _play(dock, subscriber, board.ledger, ends_s))
        if not gateway.running:
            raise click.ClickException(f"the gateway ended by itself. Its last words:\n{gateway.last_words()}")
        await board.settle()
        await gateway.stop()
        with suppress(TimeoutError):
            await subscriber.until(lambda: subscriber.status.get("online") is False, GOODBYE_S)
    board.show()
    faults = list(_faults(board.ledger))
    verdict = "not what happened at the dock" if faults else "all that happened at the dock, and no other"
    _say([f"\n{board.ledger.arrived} movements: {verdict}", *_summary(subscriber.status)])
    if faults:
        raise click.ClickException("\n".join(faults))


async def _play(dock: DockDoor, subscriber: Subscriber, ledger: Ledger, ends_s: float) -> None:
    """Round after round; nothing begins that could not be decided before `ends_s`."""
    try:
        await subscriber.until_up(dock.links)
    except TimeoutError:
        raise click.ClickException("the gateway did not find its readers and scanners") from None
    round_number = 0
    while True:
        began_s = _now_s()
        round_acts = [act for act in acts(dock.scenario, round_number) if began_s + act.decided_s <= ends_s]
        ledger.promise(round_acts, began_s)
        await dock.play(round_acts)
        next_s = began_s + dock.scenario.seconds
        await asyncio.sleep(min(next_s, ends_s) - _now_s())
        if next_s >= ends_s:
            return
        round_number += 1


class Board:
    """Shows movements as they arrive and enters them in the ledger."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.ledger = Ledger()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        subscriber.on_event = self._events.put_nowait

    async def run(self) -> None:
        """For ever."""
        while True:
            self._take(await self._events.get())

    async def settle(self) -> None:
        """Until nothing is missing, or it will not come any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE_S):
                while self.ledger.missing(_now_s()):
                    self._take(await self._events.get())

    def show(self) -> None:
        """What has arrived and was not shown."""
        while not self._events.empty():
            self._take(self._events.get_nowait())

    def _take(self, event: Event) -> None:
        if event["type"].startswith("edgegw.movement."):
            self.ledger.enter(event)
            click.echo(_line(event))


def _line(event: Event) -> str:
    """`04:12:07  OUT  door-1   01/09506000134352/21/1001  14 reads, peak -52 dBm, inside -> outside at 04:12:03`

    Lines come in the order of the first time, when it was decided; a door is sure only some seconds later.
    """
    data: dict[str, Any] = event["data"]
    evidence = data["evidence"]
    place = data.get("door") or data["station"]
    how = f"{evidence['reads']} reads, peak {evidence['peak_rssi_dbm']:.0f} dBm" if data["direction"] else "scanned"
    way = f"{data['from']} -> {data['to']}" if data["from"] else "seen for the first time"
    when = f" at {_clock(data['time'])}" if data["direction"] else ""
    line = f"{(data['direction'] or 'at').upper():3}  {place:8} {_short(data['unit']):30} {how}, {way}{when}"
    return f"{_clock(data['decided'])}  {line}"


def _clock(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone():%H:%M:%S}"


def _short(unit: str) -> str:
    return unit.removeprefix(HOST)


def _introduction(broker: Broker, dock: DockDoor, gateway: Gateway) -> Iterator[str]:
    yield f"broker   {broker.host}:{broker.port}"
    for spec in dock.scenario.dock.readers:
        reader = dock.readers[spec.name]
        clock = f", its clock {spec.clock_offset_s:+g} s wrong" if spec.clock_offset_s else ""
        yield f"reader   {reader.host}:{reader.port}  {spec.name}, {spec.antennas} antennas{clock}"
    for scanner in dock.scenario.dock.scanners:
        yield f"scanner  {dock.scanners[scanner.name].port}  {scanner.name} at {scanner.station}"
    yield f"gateway  edgegw run -c {gateway.config}"
    yield f"watch it yourself: mosquitto_sub -h {broker.host} -p {broker.port} -t 'edgegw/#' -v"
    yield f"\n{dock.scenario.title}; Ctrl-C ends it\n"


def _summary(status: Event) -> Iterator[str]:
    """What was ignored and read, from the gateway's last status document."""
    counters: dict[str, dict[str, int]] = status.get("counters", {})
    for reason, count in _ignored(status.get("ignored", {}), counters):
        yield f"{count:4} ignored, {reason}: {counted(reason).removeprefix('no movement: ')}"
    for name, reader in status.get("readers", {}).items():
        reads = counters.get(name, {}).get("reads", 0)
        yield f"{reads:4} reads by {name}, clock corrected by {reader['clock_offset_s'] or 0:+.1f} s"


def _ignored(at_doors: dict[str, int], counters: dict[str, dict[str, int]]) -> Iterator[tuple[str, int]]:
    """Door reasons count passes, the others scans and reads."""
    for reason in REASONS:
        counted = sum(tally.get(reason, 0) for tally in counters.values())
        if count := at_doors.get(reason, counted):
            yield reason, count


def _faults(ledger: Ledger) -> Iterator[str]:
    """Nothing when all is as it should be."""
    if missing := ledger.missing(_now_s()):
        yield f"happened at the dock and did not arrive: {_list(missing)}"
    if unexpected := ledger.unexpected():
        yield f"arrived and did not happen: {_list(unexpected)}"


def _list(movements: Iterable[Expected]) -> str:
    return ", ".join(f"{_short(unit)} {direction or 'at'} {place}" for unit, place, direction in movements)


def _say(lines: Iterable[str]) -> None:
    click.echo("\n".join(lines))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _first_of(*works: Awaitable[object]) -> None:
    """Run all until the first ends; the others are cancelled. What it raises, this raises."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """Set by Ctrl-C, SIGTERM, or the end of the terminal, while the block runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
