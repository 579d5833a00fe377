"""The broker's mind: sessions, subscriptions, retained messages and wills. No sockets, no clock.

Whatever puts messages into sessions says which sessions have something to `pull` now. Sections are those of
OASIS MQTT 5.0.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import NamedTuple

from simulators.mqtt_broker.packets import Subscribe, Subscription, Will
from simulators.mqtt_broker.properties import Property, number, without
from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.session import Limits, Message, Outgoing, Session, Subscriber, expires_at
from simulators.mqtt_broker.topics import is_valid_filter, matches, split_share


class Opened(NamedTuple):
    """A session for a new connection. `touched` = sessions that got a will of the session it replaced."""

    session: Session
    present: bool
    touched: set[Session]


class Routed(NamedTuple):
    """Answer to a publish and the sessions that got a copy."""

    reason: Reason
    touched: set[Session]


class Router:
    """All state of the broker that outlives a connection."""

    def __init__(self, limits: Limits) -> None:
        self.sessions: dict[str, Session] = {}
        self.retained: dict[str, Message] = {}
        self._limits = limits
        self._plain: dict[str, dict[str, Subscriber]] = {}  # filter -> client id -> subscription
        self._shared: dict[str, deque[str]] = {}  # $share/group/filter -> client ids, next in turn first

    def is_full(self, client_id: str) -> bool:
        """Whether a session for this client would be one too many."""
        return client_id not in self.sessions and len(self.sessions) >= self._limits.sessions

    def open(self, client_id: str, clean_start: bool, receive_maximum: int, now: float) -> Opened:
        """A client connects: continue its session or start a new one (§3.1.2.4)."""
        touched = self.tick(now)
        old = self.sessions.get(client_id)
        if old is not None and clean_start:
            touched |= self._end(old, now)
            old = None
        session = old or Session(client_id, self._limits)
        self.sessions[client_id] = session
        session.attach(receive_maximum)
        return Opened(session, old is not None, touched)

    def close(self, session: Session, will: Will | None, now: float) -> set[Session]:
        """The client's connection is gone. Its will is due after its delay or when the session ends (§3.1.3.2.2)."""
        session.detach()
        session.ends_at = now + session.expiry_s
        if will is not None:
            delay_s = number(will.properties, Property.WILL_DELAY, 0)
            session.will, session.will_at = will, min(now + delay_s, session.ends_at)
        return self.tick(now)

    def due_at(self) -> float:
        """When `tick` has to be called next; `inf` = nothing is due."""
        return min((min(s.will_at, s.ends_at) for s in self.sessions.values()), default=inf)

    def tick(self, now: float) -> set[Session]:
        """Publish the wills that are due and end the sessions that expired."""
        touched: set[Session] = set()
        for session in [s for s in self.sessions.values() if s.will_at <= now]:
            touched |= self._publish_will(session, now)
        for session in [s for s in self.sessions.values() if s.ends_at <= now]:
            touched |= self._end(session, now)
        return touched

    def publish(self, message: Message, now: float) -> Routed:
        """Give every matching client its copy; keep the message if it is to be retained."""
        if message.retain and not self._retain(message):
            return Routed(Reason.QUOTA_EXCEEDED, set())
        touched = self._to_plain(message) | self._to_shared(message)
        return Routed(Reason.SUCCESS if touched else Reason.NO_MATCHING_SUBSCRIBERS, touched)

    def subscribe(self, session: Session, packet: Subscribe, now: float) -> tuple[int, ...]:
        """Grant or refuse each filter; retained messages that it selects are offered at once (§3.8.4)."""
        identifier = number(packet.properties, Property.SUBSCRIPTION_IDENTIFIER, 0)
        return tuple(self._subscribe(session, Subscriber(wanted, identifier), now) for wanted in packet.subscriptions)

    def unsubscribe(self, session: Session, topic_filter: str) -> Reason:
        """Take one subscription away."""
        if session.subscribers.pop(topic_filter, None) is None:
            return Reason.NO_SUBSCRIPTION_EXISTED
        if topic_filter in self._shared:
            _discard(self._shared, topic_filter, session.client_id)
        else:
            _discard(self._plain, topic_filter, session.client_id)
        return Reason.SUCCESS

    def _retain(self, message: Message) -> bool:
        if not message.payload:
            self.retained.pop(message.topic, None)
            return True
        if message.topic not in self.retained and len(self.retained) >= self._limits.retained:
            return False
        self.retained[message.topic] = message
        return True

    def _to_plain(self, message: Message) -> set[Session]:
        copies: dict[str, Outgoing] = {}  # one per client, however many of its subscriptions match (§3.3.4)
        for topic_filter, subscribers in self._plain.items():
            if matches(topic_filter, message.topic):
                _collect_copies(copies, subscribers, message)
        for client_id, outgoing in copies.items():
            self.sessions[client_id].offer(outgoing)
        return {self.sessions[client_id] for client_id in copies}

    def _to_shared(self, message: Message) -> set[Session]:
        touched = set()
        for shared_filter, members in self._shared.items():
            if matches(split_share(shared_filter).filter, message.topic):
                session = self._next_member(members)
                session.offer(_outgoing(message, session.subscribers[shared_filter]))
                touched.add(session)
        return touched

    def _next_member(self, members: deque[str]) -> Session:
        """Members take turns; one that is away is passed over as long as another is there (§4.8.2)."""
        sessions = [self.sessions[client_id] for client_id in members]
        chosen = next((s for s in sessions if s.attached), sessions[0])
        members.remove(chosen.client_id)
        members.append(chosen.client_id)
        return chosen

    def _subscribe(self, session: Session, subscriber: Subscriber, now: float) -> int:
        options = subscriber.options
        is_new = options.filter not in session.subscribers
        group = split_share(options.filter).group
        if not is_valid_filter(options.filter):
            return Reason.TOPIC_FILTER_INVALID
        if is_new and len(session.subscribers) >= self._limits.subscriptions:
            return Reason.QUOTA_EXCEEDED
        session.subscribers[options.filter] = subscriber
        if not group:
            self._plain.setdefault(options.filter, {})[session.client_id] = subscriber
            self._offer_retained(session, subscriber, is_new, now)
        elif is_new:
            self._shared.setdefault(options.filter, deque()).append(session.client_id)
        return options.qos

    def _offer_retained(self, session: Session, subscriber: Subscriber, is_new: bool, now: float) -> None:
        if not _wants_retained(subscriber.options, is_new):
            return
        for message in [m for m in self.retained.values() if matches(subscriber.options.filter, m.topic)]:
            if message.expires_at <= now:
                del self.retained[message.topic]
                continue
            outgoing = _outgoing(message, subscriber)
            outgoing.retain = True
            session.offer(outgoing)

    def _publish_will(self, session: Session, now: float) -> set[Session]:
        will, session.will, session.will_at = session.will, None, inf
        if will is None:
            return set()
        message = Message(
            topic=will.topic,
            payload=will.payload,
            qos=will.qos,
            retain=will.retain,
            properties=without(will.properties, Property.WILL_DELAY),
            publisher=session.client_id,
            expires_at=expires_at(will.properties, now),
        )
        return self.publish(message, now).touched

    def _end(self, session: Session, now: float) -> set[Session]:
        touched = self._publish_will(session, now)
        for topic_filter in list(session.subscribers):
            self.unsubscribe(session, topic_filter)
        del self.sessions[session.client_id]
        return touched - {session}


def _wants_retained(options: Subscription, is_new: bool) -> bool:
    return options.retain_handling == 0 or (options.retain_handling == 1 and is_new)


def _outgoing(message: Message, subscriber: Subscriber) -> Outgoing:
    options = subscriber.options
    identifiers = (subscriber.identifier,) if subscriber.identifier else ()
    retain = message.retain and options.retain_as_published
    return Outgoing(message, min(message.qos, options.qos), retain, identifiers)


def _collect_copies(copies: dict[str, Outgoing], subscribers: dict[str, Subscriber], message: Message) -> None:
    for client_id, subscriber in subscribers.items():
        if subscriber.options.no_local and client_id == message.publisher:
            continue
        new, old = _outgoing(message, subscriber), copies.get(client_id)
        if old is None:
            copies[client_id] = new
        else:
            old.qos = max(old.qos, new.qos)
            old.retain = old.retain or new.retain
            old.identifiers += new.identifiers


def _discard(index: dict[str, deque[str]] | dict[str, dict[str, Subscriber]], key: str, client_id: str) -> None:
    members = index[key]
    if isinstance(members, dict):
        del members[client_id]
    else:
        members.remove(client_id)
    if not members:
        del index[key]
