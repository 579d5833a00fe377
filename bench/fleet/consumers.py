"""A central system in a process of its own: paho, QoS 1, parses every event and notes how late it is."""

from __future__ import annotations

import json
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bench.fleet.gateways import PREFIX
from bench.fleet.meters import Meters, bucket

TOPIC = f"{PREFIX}/+/evt/#"


def run(number: int, port: int, shared: bool, meters: Meters) -> None:
    """Consumer `number`, until it is terminated. shared: each event goes to one of those that subscribe so."""
    arrived, delays = meters.arrived, meters.delays[number]

    def hear(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        content = json.loads(message.payload)
        now_ns = time.time_ns()
        for event in content if isinstance(content, list) else [content]:
            arrived[number] += 1
            delays[bucket((now_ns - int(event["sequence"])) / 1e6)] += 1

    client = paho.Client(CallbackAPIVersion.VERSION2, f"central-{number}", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda *_: ignore(client.subscribe(f"$share/central/{TOPIC}" if shared else TOPIC, qos=1))
    client.on_message = hear
    client.connect("127.0.0.1", port)
    client.loop_forever()


def ignore(_: object) -> None:
    """paho's callbacks return nothing."""
