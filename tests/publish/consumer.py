"""A central system written from docs/contract.md, from "How to receive each event once" on, and from nothing else."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

FILTER = "edgegw/v1/+/+/evt/#"
STATUS = "edgegw/v1/+/+/status"
WEEK_S = 7 * 86_400


def runs(numbers: set[int]) -> list[list[int]]:
    """First and last of each run.

    >>> runs({5, 3, 4, 9})
    [[3, 5], [9, 9]]
    """
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found[:256]


class Consumer:
    """Its store survives it: a new consumer of the same client id goes on with the same `stored`."""

    def __init__(self, port: int, stored: dict[tuple[str, int], Any], *, confirms: bool = False) -> None:
        self.stored = stored
        self.repeats = 0
        self.through: dict[str, int] = defaultdict(int)
        self.beyond: dict[str, set[int]] = defaultdict(set)
        self._begun: set[str] = set()  # epochs of which it is known what is history
        for epoch, seq in sorted(stored):
            self._note(epoch, seq)
        self._confirms = confirms
        self._last: dict[str, tuple[str, int]] = {}  # source -> what was confirmed
        self._unsaid: dict[str, tuple[str, int]] = {}  # ... and what is to be
        self._ended = threading.Event()
        self._port = port
        self._subscribed = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, "central", protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda *_: self._greet()
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._hear

    def start(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho annotates all but this
        properties.SessionExpiryInterval = WEEK_S
        self.client.connect("127.0.0.1", self._port, clean_start=False, properties=properties)
        self.client.loop_start()
        assert self._subscribed.wait(10)

        if self._confirms:
            threading.Thread(target=self._confirm, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        self.client.disconnect()
        self.client.loop_stop()

    def _greet(self) -> None:
        self.subscribe()
        self._unsaid = self._last | self._unsaid

    def subscribe(self) -> None:
        self.client.subscribe([(FILTER, 1), (STATUS, 1)])

    def unsubscribe(self) -> None:
        self.client.unsubscribe(FILTER)

    def _hear(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        document = json.loads(message.payload)
        if message.topic.endswith("/status"):
            if not message.retain and "backlog" in document:
                self._begin(document["epoch"], document["backlog"]["first"])
        else:
            for event in document if isinstance(document, list) else [document]:
                self._take(event)
        self.client.ack(message.mid, message.qos)

    def _take(self, event: dict[str, Any]) -> None:
        epoch, seq = event["epoch"], event["seq"]
        if seq <= self.through[epoch] or seq in self.beyond[epoch]:
            self.repeats += 1
        else:
            self.stored[epoch, seq] = event
            self._note(epoch, seq)
        self._unsaid[event["source"]] = epoch, self.through[epoch]

    def _begin(self, epoch: str, first: int) -> None:
        """What is below was delivered before this consumer came."""
        if epoch not in self._begun and not self.through[epoch]:
            self.through[epoch] = min(self.beyond[epoch] | {first}) - 1
            self._count_up(epoch)
        self._begun.add(epoch)

    def _note(self, epoch: str, seq: int) -> None:
        self.beyond[epoch].add(seq)
        self._count_up(epoch)

    def _count_up(self, epoch: str) -> None:
        beyond = self.beyond[epoch]
        while self.through[epoch] + 1 in beyond:
            self.through[epoch] += 1
            beyond.discard(self.through[epoch])

    def _confirm(self) -> None:
        """Some times a second, from a thread of its own."""
        while not self._ended.wait(0.2):
            unsaid, self._unsaid = self._unsaid, {}
            self._last |= unsaid
            for source, (epoch, seq) in unsaid.items():
                ack = json.dumps({"epoch": epoch, "seq": seq, "beyond": runs(self.beyond[epoch])})
                self.client.publish(f"{source.removeprefix('/')}/ack", ack, qos=1, retain=True)
