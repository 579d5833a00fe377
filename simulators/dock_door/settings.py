"""The configuration of a gateway at a simulated dock, as a technician would write it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from simulators.dock_door.scenario import Dock, DoorSpec

SITE, GATEWAY = "demo", "dock-edge-1"

Address = tuple[str, int]


def gateway_yaml(
    dock: Dock, readers: Mapping[str, Address], scanners: Mapping[str, str], broker: Address, journal: Path
) -> str:
    """By name: where each reader listens, and the device of each scanner."""
    config: dict[str, Any] = {
        "site": SITE,
        "gateway": GATEWAY,
        "readers": [{"name": name, "host": host, "port": port} for name, (host, port) in readers.items()],
        "scanners": [
            {"name": spec.name, "port": scanners[spec.name], "station": spec.station} for spec in dock.scanners
        ],
        "doors": [_door(door) for door in dock.doors],
        "stations": [{"name": name} for name in dict.fromkeys(spec.station for spec in dock.scanners)],
        "mqtt": {"host": broker[0], "port": broker[1]},
        "journal": {"path": str(journal)},
    }
    return yaml.safe_dump(config, sort_keys=False, default_flow_style=None)


def _door(door: DoorSpec) -> dict[str, Any]:
    sides = {"inside": list(door.inside), "outside": list(door.outside)}
    return {"name": door.name, "sides": sides, **door.model_dump(include={"quiet_s", "max_open_s"}, exclude_unset=True)}
