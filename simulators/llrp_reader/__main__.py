"""`python -m simulators.llrp_reader`: readers to connect to, until SIGINT or SIGTERM; then their counters as JSON."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import click

from simulators.llrp_reader.capabilities import PERSONALITIES
from simulators.llrp_reader.faults import Faults, Garbage
from simulators.llrp_reader.server import SimReader

_TYPES = {field.name: field.type for field in dataclasses.fields(Faults)}


def parse_fault(text: str) -> tuple[str, object]:
    """`silence`, `slow_s=0.5`, `garbage=undecodable` -> field of Faults and its value. BadParameter."""
    name, _, value = text.partition("=")
    kind = str(_TYPES.get(name, "")).partition(" | ")[0]
    try:
        match kind:
            case "bool":
                return name, value in ("", "true", "yes", "1")
            case "int":
                return name, int(value)
            case "float":
                return name, float(value)
            case "Garbage":
                return name, Garbage(value)
    except ValueError:
        raise click.BadParameter(f"{name}: {value!r} is no {kind}") from None
    raise click.BadParameter(f"no fault {name!r}; there are: {', '.join(_TYPES)}")


def _faults(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> Faults:
    faults = Faults()
    for name, value in map(parse_fault, values):
        setattr(faults, name, value)
    return faults


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5084, show_default=True, help="Of the first reader; 0 = free ones.")
@click.option("--readers", default=1, show_default=True, help="So many, on consecutive ports.")
@click.option("--name", default="reader-{n}", show_default=True)
@click.option("--antennas", default=4, show_default=True)
@click.option("--personality", type=click.Choice(list(PERSONALITIES)), default="impinj", show_default=True)
@click.option("--rate", default=0.0, show_default=True, help="Reads a second and reader.")
@click.option("--tags", default=50, show_default=True, help="Over so many different tags.")
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True), help="LLRP over TLS: certificate and key.")
@click.option("--fault", "faults", multiple=True, callback=_faults, help="NAME or NAME=VALUE; see faults.py.")
def main(
    host: str,
    port: int,
    readers: int,
    name: str,
    antennas: int,
    personality: str,
    rate: float,
    tags: int,
    tls_cert: Path | None,
    faults: Faults,
) -> None:
    """Stand in for LLRP readers. Prints `listening on HOST:PORT` for each, and its counters at the end."""
    tls = None
    if tls_cert is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(tls_cert)
    made = [
        SimReader(
            name.format(n=n + 1),
            antennas,
            personality,
            dataclasses.replace(faults),
            host,
            port + n if port else 0,
            tls=tls,
            rate_hz=rate,
            tags=tags,
        )
        for n in range(readers)
    ]
    asyncio.run(_serve(made))


async def _serve(readers: list[SimReader]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        for reader in readers:
            await stack.enter_async_context(reader)
            click.echo(f"listening on {reader.host}:{reader.port}")
        await stop.wait()
    for reader in readers:
        click.echo(json.dumps(reader.counters()))


if __name__ == "__main__":
    main()
