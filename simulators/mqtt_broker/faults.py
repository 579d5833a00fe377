"""What the broker does wrong on purpose. Every field may be changed while the broker runs.

>>> faults = Faults(drop_puback_every=2)
>>> [faults.drops_puback() for _ in range(4)]
[False, True, False, True]
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.topics import matches


@dataclass(slots=True)
class Faults:
    """Deterministic faults; the defaults are those of a healthy broker. Reasons are MQTT 5 reason codes."""

    receive_maximum: int = 20
    """What CONNACK says, and what is enforced at MQTT 5. Mosquitto's default."""
    refuse_connect: int = 0
    """Reason to refuse every CONNECT with, 0x80 or above; translated for a 3.1.1 client."""
    only_3_1_1: bool = False
    """Answer MQTT 5 as a broker does that never heard of it: return code 1, connection closed."""
    publish_reason: int = 0
    """Answer every PUBLISH of QoS 1 and 2 with this reason and route none, QoS 0 included."""
    deny: tuple[str, ...] = ()
    """Topic filters nobody may publish to: 0x87 at MQTT 5, silent loss at 3.1.1, as Mosquitto's ACL."""
    drop_puback_every: int = 0
    """Send no PUBACK for each n-th PUBLISH of QoS 1, though it was routed: 1 = none at all, 0 = answer all."""
    delay_puback_s: float = 0.0
    """How long every PUBACK waits."""
    cut_after_packets: int = 0
    """Cut each connection when its n-th packet (CONNECT is the first) took effect, before any answer to it."""
    freeze_after_packets: int = 0
    """Freeze the whole broker, as SIGSTOP would, when a connection's n-th packet took effect."""
    _pubacks: int = field(default=0, init=False, repr=False)

    def verdict(self, topic: str) -> Reason | int:
        """Reason to answer a publish to `topic` with instead of routing it; 0 = route it."""
        if any(matches(topic_filter, topic) for topic_filter in self.deny):
            return Reason.NOT_AUTHORIZED
        return self.publish_reason

    def drops_puback(self) -> bool:
        """Count one PUBACK; whether it is one to drop."""
        self._pubacks += 1
        return bool(self.drop_puback_every) and self._pubacks % self.drop_puback_every == 0
