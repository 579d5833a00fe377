"""What brokers answer, in words: reason codes of MQTT 5 (OASIS, 2019, 2.4), to which 3.1.1's are mapped."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

from edgegw.errors import LinkDown, LinkRefused

UNSUPPORTED_VERSION: Final = 0x84
NO_SUBSCRIBER: Final = 0x10


class Outcome(Enum):
    """What to do with a message after the broker's answer to it."""

    ACCEPTED = auto()  # the broker has it
    KEEP = auto()  # not now: try the same again later
    FAILED = auto()  # the broker blames the message, or cannot say: time and other messages tell who is at fault
    DENIED = auto()  # an access list says no: nothing is wrong with the message, a person must act
    REJECTED = auto()  # we know ourselves that it cannot be sent to this broker


class Answer(NamedTuple):
    """`reason` is a few words, for counters and for the list of parked events; empty when accepted."""

    outcome: Outcome
    reason: str


ACCEPTED: Final = Answer(Outcome.ACCEPTED, "")
LINK_LOST: Final = Answer(Outcome.KEEP, "link lost")
TOO_LARGE: Final = Answer(Outcome.REJECTED, "packet too large")
IMPOSSIBLE: Final = Answer(Outcome.REJECTED, "topic or size impossible in MQTT")
NOBODY: Final = Answer(Outcome.KEEP, "no subscriber")  # taken and thrown away: a delivery to nobody

_PUBLISH: Final = {
    NO_SUBSCRIBER: NOBODY,
    0x80: Answer(Outcome.FAILED, "unspecified error"),
    0x83: Answer(Outcome.FAILED, "implementation specific error"),
    0x87: Answer(Outcome.DENIED, "not authorised"),
    0x90: Answer(Outcome.FAILED, "topic name invalid"),
    0x91: Answer(Outcome.KEEP, "packet identifier in use"),
    0x95: Answer(Outcome.FAILED, "packet too large"),
    0x97: Answer(Outcome.KEEP, "quota exceeded"),
    0x99: Answer(Outcome.FAILED, "payload format invalid"),
}


def answer_to_publish(code: int, *, retain: bool) -> Answer:
    """The meaning of a PUBACK. A retained message without a subscriber is kept by the broker: accepted.

    >>> answer_to_publish(0x97, retain=False)
    Answer(outcome=<Outcome.KEEP: 2>, reason='quota exceeded')
    """
    if code == NO_SUBSCRIBER and retain:
        return ACCEPTED
    known = _PUBLISH.get(code)
    if known is not None:
        return known
    return ACCEPTED if code < 0x80 else Answer(Outcome.FAILED, f"reason code 0x{code:02x}")


# Reasons of CONNACK and DISCONNECT that end when the broker or the network recovers by itself ...
_PASSING: Final = {
    0x00: "the broker closed the connection without a reason",
    0x80: "the broker ended it with an unspecified error: see the broker's log",
    0x81: "the broker could not read a packet of ours: see the broker's log",
    0x82: "the broker objects to our use of the protocol: see the broker's log",
    0x83: "the broker ended it for a reason of its own: see the broker's log",
    0x88: "the broker is not available for now",
    0x89: "the broker is busy",
    0x8B: "the broker is shutting down",
    0x8D: "the broker heard nothing from us within the keepalive time",
    0x93: "the broker says that it got more at once than it can take: set mqtt.window lower",
    0x96: "the broker says that messages come too fast",
    0x97: "the broker's quota for this client is used up: raise it there",
    0x98: "the broker's administrator closed the connection",
    0x9F: "the broker says that connections come too fast",
    0xA0: "the broker limits how long a connection may last",
}
# ... and those that a person must cure.
_CURABLE: Final = {
    UNSUPPORTED_VERSION: "the broker does not speak MQTT {protocol}: set mqtt.protocol to auto",
    0x85: "the broker does not accept the client id '{client_id}': set mqtt.client_id to one that it allows",
    0x86: "the broker says bad user name or password: check mqtt.username and the password file or credential",
    0x87: "the broker says not authorised: check mqtt.username and the password (a wrong one is this for Mosquitto),"
    " then allow the client id '{client_id}' there",
    0x8A: "the broker has banned this client: lift the ban there",
    0x8C: "the broker wants another way of authentication than user name and password",
    0x8E: "another client with the client id '{client_id}' took the connection over:"
    " give each gateway its own mqtt.client_id",
    0x90: "the broker does not allow the topic of the last will: check mqtt.prefix and the broker's access list",
    0x95: "the broker says that a packet was too large: raise its limit",
    0x99: "the broker does not take the format of the last will",
    0x9A: "the broker does not keep retained messages, which the status needs: allow them there",
    0x9B: "the broker does not do QoS 1, without which events would be lost: allow it there",
    0x9C: "the broker sends its clients to another server for now: set mqtt.host to that one",
    0x9D: "the broker has moved: set mqtt.host to the new one",
}


def end_of_link(link: str, code: int, *, client_id: str, protocol: str) -> LinkDown:
    """The error for a CONNACK or DISCONNECT with this reason: LinkRefused if a person must act.

    >>> str(end_of_link("mqtt", 0x8B, client_id="edgegw-dc-1", protocol="5"))
    'mqtt: the broker is shutting down'
    """
    if code in _CURABLE:
        return LinkRefused(link, _CURABLE[code].format(client_id=client_id, protocol=protocol))
    return LinkDown(link, _PASSING.get(code, f"the broker closed the connection with reason code 0x{code:02x}"))


PACKET_FLOOR: Final = 4096
"""A broker that takes less at once could not take a status document, nor a movement with long names."""


def shortfall(*, qos_max: int, retain: bool, packet_max: int | None) -> str | None:
    """What a broker that accepted us cannot do and must (CONNACK: MQTT 5, 3.2.2.3.4 to 6), with the cure; None = fit.

    >>> shortfall(qos_max=0, retain=True, packet_max=None)
    'the broker does not do QoS 1, without which events would be lost: allow it there'
    """
    if qos_max < 1:
        return _CURABLE[0x9B]
    if not retain:
        return _CURABLE[0x9A]
    if packet_max is not None and packet_max < PACKET_FLOOR:
        return f"the broker takes packets of at most {packet_max} bytes: allow at least {PACKET_FLOOR} there"
    return None
