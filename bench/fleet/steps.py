"""One pace at a time: what was offered, what arrived, and what of a core everybody took for it."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.broker import mosquitto
from bench.delivery import a_load_moves
from bench.fleet import consumers, gateways
from bench.fleet.meters import Meters, percentile_ms
from edgegw.core.event import Origin, encode

GATEWAYS, PROCESSES = 100, 2
CONNECT_S, RAMP_S = 3.0, 1.0
KEEPS_UP = 0.95
"""A fleet keeps up with a pace when so much of it arrives while it is offered."""
FULL = 0.85
"""Of a core, or of all cores: whoever takes more is at its limit."""
BROKER = ("max_inflight_messages 1000", "max_queued_messages 0")
"""By default Mosquitto has 20 messages under way to a consumer, and drops what waits for it beyond 1,000."""


Work = tuple[Callable[..., None], tuple[Any, ...]]
"""What a process does, and with what."""


class Fleet(NamedTuple):
    """batch: events a message; consumers: how many share one subscription; one alone has it for itself."""

    batch: int
    consumers: int


class Step(NamedTuple):
    """Events a second, a delay from making to central system, shares of a core by who took them, and the share of all
    cores that anybody took, others on this machine too.
    """

    fleet: Fleet
    offered_hz: float
    published_hz: float
    arrived_hz: float
    p99_ms: float
    cores: Mapping[str, float]
    machine: float

    @property
    def limit(self) -> str:
        """Who is at the end of what it can; empty: nobody, all arrives."""
        if self.arrived_hz >= KEEPS_UP * self.offered_hz:
            return ""
        full = [name for name, share in self.cores.items() if share >= FULL]
        return " and ".join(full) or ("all cores" if self.machine >= FULL else "the way from broker to consumers")


def steps(fleet: Fleet, paces_hz: Sequence[float], seconds: float, folder: Path) -> Iterator[Step]:
    """A step for each pace of the whole fleet, so many seconds each, until it does not keep up."""
    context = multiprocessing.get_context("spawn")
    meters = Meters(context, PROCESSES, fleet.consumers)
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(folder, *BROKER))
        shared = fleet.consumers > 1
        central = [(consumers.run, (n, broker.port, shared, meters)) for n in range(fleet.consumers)]
        centrals = stack.enter_context(_running(context, central))
        load = (GATEWAYS // PROCESSES, broker.port, payload(), fleet.batch, meters)
        loads = stack.enter_context(_running(context, [(gateways.run, (n, *load)) for n in range(PROCESSES)]))
        who = {"gateways": loads, "broker": [psutil.Process(broker.pid)], "consumers": centrals}
        time.sleep(CONNECT_S)
        for pace_hz in paces_hz:
            meters.pace_hz.value = pace_hz / GATEWAYS
            time.sleep(RAMP_S)
            step = _step(fleet, pace_hz, seconds, meters, who)
            yield step
            if step.limit:
                return


def _step(
    fleet: Fleet, pace_hz: float, seconds: float, meters: Meters, who: Mapping[str, Sequence[psutil.Process]]
) -> Step:
    began_s, cpu_s = time.monotonic(), _cpu_s(who)
    published, arrived, delays = sum(meters.published), sum(meters.arrived), meters.all_delays()
    psutil.cpu_percent()
    time.sleep(seconds)
    machine = psutil.cpu_percent() / 100
    took_s = time.monotonic() - began_s
    if not all(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for ones in who.values() for one in ones):
        raise RuntimeError("a process of the fleet ended, see above")
    return Step(
        fleet,
        pace_hz,
        (sum(meters.published) - published) / took_s,
        (sum(meters.arrived) - arrived) / took_s,
        percentile_ms([after - before for before, after in zip(delays, meters.all_delays(), strict=True)], 0.99),
        {name: (cpu - cpu_s[name]) / took_s / len(who[name]) for name, cpu in _cpu_s(who).items()},
        machine,
    )


def _cpu_s(who: Mapping[str, Sequence[psutil.Process]]) -> dict[str, float]:
    return {name: sum(sum(one.cpu_times()[:2]) for one in processes) for name, processes in who.items()}


def payload() -> bytes:
    """An event as gateways make it, with the place for its time marked."""
    _, content = encode(a_load_moves()[0], Origin("edgegw", "fleet", "gw"), "0" * 26, 1)
    stamped = {**json.loads(content), "sequence": gateways.STAMP.decode()}
    return json.dumps(stamped, separators=(",", ":"), ensure_ascii=False).encode()


@contextmanager
def _running(context: SpawnContext, work: Sequence[Work]) -> Iterator[list[psutil.Process]]:
    """Each call in a process of its own, until the block ends."""
    processes = [context.Process(target=call, args=arguments, daemon=True) for call, arguments in work]
    for process in processes:
        process.start()
    try:
        yield [psutil.Process(process.pid) for process in processes]
    finally:
        for process in processes:
            process.terminate()
            process.join()
