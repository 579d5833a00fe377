"""The one reconnect loop of the program.

A link connects, serves and raises `LinkDown`; it never retries by itself. `keep` runs it again, for ever,
after a delay drawn with full jitter (uniform between nothing and a doubling ceiling), so that fifty readers
and three hundred gateways do not come back in step.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from edgegw.errors import LinkDown, LinkRefused

Status = Literal["connecting", "up", "down", "refused", "stopped"]


class LinkState(NamedTuple):
    """What a link is doing. `reason` is a sentence for a technician, empty while all is well."""

    link: str
    status: Status
    reason: str = ""


class Link(Protocol):
    """One connection to a device or a broker."""

    @property
    def name(self) -> str: ...

    async def run(self, up: Callable[[], None]) -> None:
        """Connect, call `up()` when the link serves, serve until it ends.

        Raises LinkDown (or LinkRefused) when it ends by itself; cancellation closes it cleanly.
        """


@dataclass(frozen=True, slots=True)
class Backoff:
    """first_s: ceiling of the first delay; cap_s: of all later ones; stable_s: up this long = healthy again."""

    first_s: float
    cap_s: float
    stable_s: float = 10.0

    floor_s: float = 0.05

    def delay_s(self, failures: int, rng: random.Random) -> float:
        """Delay before the next try after `failures` >= 1 failures in a row."""
        ceiling = min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return max(self.floor_s, rng.uniform(0.0, ceiling))


READER = Backoff(first_s=0.5, cap_s=30.0)
SCANNER = Backoff(first_s=0.5, cap_s=1.0)  # an operator stands there and waits for it
BROKER = Backoff(first_s=1.0, cap_s=30.0)


async def keep(
    link: Link,
    backoff: Backoff,
    report: Callable[[LinkState], None],
    rng: random.Random | None = None,
) -> None:
    """Run `link` for ever. Returns only by cancellation; `report` hears every change of state."""
    rng = rng or random.Random()
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        report(LinkState(link.name, "connecting"))
        up_at: float | None = None

        def up() -> None:
            nonlocal up_at
            up_at = loop.time()
            report(LinkState(link.name, "up"))

        try:
            await link.run(up)
            reason, refused = "closed by the other side", False
        except LinkRefused as refusal:
            reason, refused = refusal.reason, True
        except LinkDown as down:
            reason, refused = down.reason, False
        except asyncio.CancelledError:
            report(LinkState(link.name, "stopped"))
            raise
        if up_at is not None and loop.time() - up_at >= backoff.stable_s:
            failures = 0
        failures += 1
        report(LinkState(link.name, "refused" if refused else "down", reason))
        await asyncio.sleep(backoff.cap_s if refused else backoff.delay_s(failures, rng))
