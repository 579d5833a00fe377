"""Command line of the broker: `python -m simulators.mqtt_broker --port 0` prints where it listens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import Any

import click

from simulators.mqtt_broker import Broker, Faults


def read_reason(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """A reason code of MQTT 5, decimal or hexadecimal, 0 to 255."""
    try:
        code = int(value, 0)
    except ValueError:
        code = -1
    if not 0 <= code <= 0xFF:
        raise click.BadParameter(f"{value} is not a reason code - give one such as 0x87 (MQTT 5.0, table 2-6)")
    return code


def read_users(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Mapping[str, str] | None:
    """`NAME:PASSWORD` options as a mapping; None = everybody may connect."""
    pairs = [value.partition(":") for value in values]
    if not all(name and colon for name, colon, _ in pairs):
        raise click.BadParameter("a user is NAME:PASSWORD")
    return {name: password for name, _, password in pairs} or None


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=1883, show_default=True, help="TCP port; 0 = any free one.")
@click.option("--user", "users", multiple=True, callback=read_users, help="NAME:PASSWORD of one who may connect.")
@click.option("--receive-maximum", default=20, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--refuse-connect", metavar="CODE", callback=read_reason, default="0", help="Refuse every CONNECT with this reason."
)
@click.option("--only-3-1-1", is_flag=True, help="Answer MQTT 5 as an old broker does.")
@click.option(
    "--publish-reason", metavar="CODE", callback=read_reason, default="0", help="Answer every PUBLISH with this reason."
)
@click.option("--deny", multiple=True, help="Topic filter that nobody may publish to.")
@click.option("--drop-puback-every", default=0, type=click.IntRange(0), help="Drop each n-th PUBACK; 1 = all.")
@click.option("--delay-puback-s", default=0.0, type=click.FloatRange(0), help="Delay every PUBACK.")
@click.option("--cut-after-packets", default=0, type=click.IntRange(0), help="Cut a connection at packet n.")
@click.option("--freeze-after-packets", default=0, type=click.IntRange(0), help="Fall silent at packet n.")
def main(host: str, port: int, users: Mapping[str, str] | None, **faults: Any) -> None:
    """Run a small MQTT broker, healthy unless told otherwise, until SIGINT or SIGTERM."""
    try:
        asyncio.run(serve(Broker(host, port, Faults(**faults), users=users)))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror} - choose another --port"
        ) from None


async def serve(broker: Broker) -> None:
    """Run the broker until a signal asks for its end."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    async with broker:
        click.echo(f"listening on {broker.host}:{broker.port}")
        await done.wait()


if __name__ == "__main__":
    main()
