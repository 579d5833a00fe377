"""A small MQTT 5 and 3.1.1 broker for the demo, and for tests that need a broker to fail in a chosen way.

A frame goes: bytes -> `wire.take_frames` -> `packets.decode` -> `link` -> `client` -> `router` and `session` (pure) ->
`packets.encode` -> bytes. `faults` says where `client` and `link` misbehave, `server` holds it all together.
"""

from __future__ import annotations

from simulators.mqtt_broker.faults import Faults
from simulators.mqtt_broker.server import Broker
from simulators.mqtt_broker.session import Limits

__all__ = ["Broker", "Faults", "Limits"]
