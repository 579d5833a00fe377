"""`edgegw demo`: the main job on a simulated dock door, with the gateway as its users run it."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from simulators.dock_door import DockDoor, Gateway, Ledger, acts, load_scenario, movement
from simulators.dock_door.script import Expected
from simulators.mqtt_broker import Broker
from simulators.subscriber import Subscriber

LATE_S = 5.0
"""What has not arrived this long after the end is missing."""
IGNORED = {
    "one-side": "only one side of the door saw it: it passed by or stood there",
    "turned-back": "both sides saw it, and it was last seen where it came from",
    "no-order": "both sides saw it at the same time: it stood beside the door",
    "parked": "it stayed in view: it was standing there",
    "repeat": "scanned again at the same station",
    "class": "a barcode that names a kind of thing, not one unit",
    "raw": "a text that no rule knows",
    "invalid": "breaks the rules of its own code",
}
"""The reasons in the gateway's status document, for people."""


class GatewayEnded(click.ClickException):
    """The gateway stopped by itself; its last words say why."""


@click.command()
@click.option("--seconds", type=click.IntRange(min=5), help="end by itself; without it the demo runs until Ctrl-C")
def demo(seconds: int | None) -> None:
    """Show the main job on a simulated dock, with nothing to install or configure.

    Two LLRP readers at a door (one with a wrong clock), a barcode scanner at a packing table, an MQTT broker
    and the gateway run on this machine, on free ports of 127.0.0.1. Each movement is one line; the summary
    says what was ignored and why. Exit 0 when every movement of the dock arrived, and nothing else.
    """
    asyncio.run(show(seconds))


async def show(seconds: int | None) -> None:
    """Set the stage, play, say what came of it. Raises ClickException when it was not what it should be."""
    ends_s = _now() + seconds if seconds else float("inf")
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(_stop_signals())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgegw-demo-")))
        broker = await stack.enter_async_context(Broker())
        dock = await stack.enter_async_context(DockDoor(load_scenario("demo")))
        subscriber = await stack.enter_async_context(Subscriber(broker.host, broker.port))
        gateway = Gateway(folder)
        gateway.config.write_text(dock.gateway_yaml((broker.host, broker.port), gateway.journal))
        click.echo("\n".join(_introduce(broker, dock, gateway, seconds)))
        await stack.enter_async_context(gateway)
        ledger = Ledger()
        await _until_first(stop.wait(), gateway.ended(), _play(dock, subscriber, ledger, ends_s), _tell(subscriber, ledger))
        if not await _closed(gateway, subscriber, ledger):
            raise click.ClickException(f"the gateway stopped by itself; its last words:\n{gateway.last_words()}")
    click.echo("\n".join(_summary(subscriber.status, ledger, dock)))
    _judge(ledger)


def _introduce(broker: Broker, dock: DockDoor, gateway: Gateway, seconds: int | None) -> Iterator[str]:
    yield f"broker    {broker.host}:{broker.port}   watch it yourself: mosquitto_sub -h {broker.host} -p {broker.port} -t 'edgegw/#' -v"
    for spec in dock.scenario.dock.readers:
        reader = dock.readers[spec.name]
        wrong = f"   its clock is {spec.clock_offset_s:g} s ahead" if spec.clock_offset_s else ""
        yield f"reader    {reader.host}:{reader.port}   {spec.name}, LLRP, {spec.antennas} antennas{wrong}"
    for scanner in dock.scenario.dock.scanners:
        yield f"scanner   {dock.scanners[scanner.name].port}   {scanner.name} at {scanner.station}"
    yield f"gateway   edgegw run -c {gateway.config}"
    yield f"{dock.scenario.title}, for {seconds} s\n" if seconds else f"{dock.scenario.title}; Ctrl-C ends it\n"
