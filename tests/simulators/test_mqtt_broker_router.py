"""The broker's pure half, in virtual time: what a running broker would take minutes or gigabytes to show."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from simulators.mqtt_broker.packets import Ack, Publish, Subscribe, Subscription, Will
from simulators.mqtt_broker.properties import Property
from simulators.mqtt_broker.reasons import Reason
from simulators.mqtt_broker.router import Router
from simulators.mqtt_broker.session import Limits, Message, Outgoing, Session
from simulators.mqtt_broker.wire import MAX_U16, Kind


def connected(router: Router, client_id: str, *filters: str, expiry_s: float = inf, now: float = 0) -> Session:
    """A session whose client is there and subscribes at QoS 2."""
    session = router.open(client_id, clean_start=False, receive_maximum=MAX_U16, now=now).session
    session.expiry_s = expiry_s
    for topic_filter in filters:
        router.subscribe(session, Subscribe(1, (Subscription(topic_filter, 2),)), now)
    return session


def pulled(session: Session, now: float = 0) -> list[Publish]:
    """Everything that may be sent now."""
    found = []
    while isinstance(packet := session.pull(now), Publish):
        found.append(packet)
    return found


def payloads(session: Session, now: float = 0) -> list[bytes]:
    return [packet.payload for packet in pulled(session, now)]


def test_delayed_will_comes_when_due() -> None:
    router = Router(Limits())
    watcher, dying = connected(router, "watcher", "w"), connected(router, "dying")
    router.close(dying, Will("w", b"gone", 1, properties=((Property.WILL_DELAY, 10),)), now=100)
    assert router.due_at() == 110
    assert router.tick(109.9) == set()
    assert router.tick(110) == {watcher}
    assert payloads(watcher) == [b"gone"]
    assert router.due_at() == inf


def test_delayed_will_is_cancelled_by_the_return() -> None:
    router = Router(Limits())
    watcher, dying = connected(router, "watcher", "w"), connected(router, "dying")
    router.close(dying, Will("w", b"gone", 1, properties=((Property.WILL_DELAY, 10),)), now=100)
    assert connected(router, "dying", now=105) is dying
    router.tick(200)
    assert payloads(watcher) == []


def test_end_of_the_session_does_not_wait_for_the_will_delay() -> None:
    router = Router(Limits())
    watcher, dying = connected(router, "watcher", "w"), connected(router, "dying", expiry_s=3)
    router.close(dying, Will("w", b"gone", 1, properties=((Property.WILL_DELAY, 10),)), now=100)
    router.tick(103)
    assert payloads(watcher) == [b"gone"]
    assert "dying" not in router.sessions


def test_clean_start_ends_the_old_session_and_sends_its_will() -> None:
    router = Router(Limits())
    watcher, dying = connected(router, "watcher", "w"), connected(router, "dying", "x")
    router.close(dying, Will("w", b"gone", 1, properties=((Property.WILL_DELAY, 10),)), now=100)
    opened = router.open("dying", clean_start=True, receive_maximum=1, now=101)
    assert (opened.present, opened.touched) == (False, {watcher})
    assert opened.session.subscribers == {}
    assert router.publish(Message("x", b""), 101).reason is Reason.NO_MATCHING_SUBSCRIBERS


def test_session_expires_with_its_subscriptions() -> None:
    router = Router(Limits())
    session = connected(router, "a", "x", "$share/g/x", expiry_s=60)
    router.close(session, None, now=0)
    router.tick(59)
    assert router.publish(Message("x", b"1", 1), 59).touched == {session}
    router.tick(60)
    assert router.publish(Message("x", b"2", 1), 60).reason is Reason.NO_MATCHING_SUBSCRIBERS
    assert router.sessions == {}


def test_client_gets_one_copy_however_many_subscriptions_match() -> None:
    router = Router(Limits())
    session = connected(router, "a")
    for identifier, (topic_filter, qos) in enumerate([("a/#", 0), ("a/b", 2), ("+/b", 1)], start=1):
        properties = ((Property.SUBSCRIPTION_IDENTIFIER, identifier),)
        router.subscribe(session, Subscribe(1, (Subscription(topic_filter, qos),), properties), 0)
    router.publish(Message("a/b", b"x", 2), 0)
    [packet] = pulled(session)
    assert packet.qos == 2
    assert {value for _, value in packet.properties} == {1, 2, 3}


def test_share_passes_over_members_that_are_away() -> None:
    router = Router(Limits())
    here, away = connected(router, "here", "$share/g/x"), connected(router, "away", "$share/g/x")
    router.close(away, None, 0)
    for number in range(4):
        router.publish(Message("x", b"%d" % number, 1), 0)
    assert payloads(here) == [b"0", b"1", b"2", b"3"]
    router.close(here, None, 0)
    for number in range(4, 8):
        router.publish(Message("x", b"%d" % number, 1), 0)
    assert (here.held, away.held) == (4 + 2, 2)  # four in flight; nobody there: kept for all in turn


def test_groups_and_plain_subscribers_each_get_their_copy() -> None:
    router = Router(Limits())
    sessions = [connected(router, f, f) for f in ("x", "$share/g/x", "$share/h/x", "$share/g/+")]
    assert router.publish(Message("x", b"1", 1), 0).touched == set(sessions)


def test_shared_subscription_gets_no_retained_message() -> None:
    # MQTT 5.0 §4.8.2; Mosquitto 2.0.11 sends them all the same
    router = Router(Limits())
    router.publish(Message("x", b"kept", 1, retain=True), 0)
    assert payloads(connected(router, "a", "$share/g/x")) == []


def test_invalid_shared_filters_are_refused() -> None:
    router = Router(Limits())
    session = connected(router, "a")
    for topic_filter in ("$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#/a"):
        wanted = Subscribe(1, (Subscription(topic_filter),))
        assert router.subscribe(session, wanted, 0) == (Reason.TOPIC_FILTER_INVALID,)


def test_retained_message_expires() -> None:
    router = Router(Limits())
    router.publish(Message("x", b"kept", 1, retain=True, expires_at=10), 0)
    early = connected(router, "early", "x", now=4.5)
    [packet] = pulled(early, 4.5)
    assert packet.properties == ((Property.MESSAGE_EXPIRY, 6),)
    assert payloads(connected(router, "late", "x", now=10), 10) == []
    assert router.retained == {}


def test_bounds_refuse_and_count() -> None:
    router = Router(Limits(sessions=1, subscriptions=2, retained=1, queued_messages=3))
    session = connected(router, "a", "x")
    assert router.is_full("b")
    assert not router.is_full("a")
    wanted = Subscribe(1, (Subscription("x"), Subscription("y"), Subscription("z")))
    assert router.subscribe(session, wanted, 0) == (0, 0, Reason.QUOTA_EXCEEDED)
    assert router.publish(Message("r/1", b"1", retain=True), 0).reason is Reason.NO_MATCHING_SUBSCRIBERS
    assert router.publish(Message("r/1", b"2", retain=True), 0).reason is Reason.NO_MATCHING_SUBSCRIBERS
    assert router.publish(Message("r/2", b"3", retain=True), 0).reason is Reason.QUOTA_EXCEEDED
    assert set(router.retained) == {"r/1"}


def test_full_queue_drops_the_newest() -> None:
    session = Session("a", Limits(queued_messages=3, queued_bytes=10))
    for payload in (b"1", b"22", b"8 is much", b"4", b"5"):
        session.offer(Outgoing(Message("x", payload, 1), qos=1))
    assert (session.held, session.dropped) == (3, 2)
    session.attach(MAX_U16)
    sent = pulled(session)
    assert [p.payload for p in sent] == [b"1", b"22", b"4"]
    for packet in sent:
        session.on_ack(Ack(Kind.PUBACK, packet.packet_id))
    session.offer(Outgoing(Message("x", b"10 is fine", 1), qos=1))
    assert payloads(session) == [b"10 is fine"]


def test_qos_0_is_not_kept_for_the_absent() -> None:
    session = Session("a", Limits())
    session.offer(Outgoing(Message("x", b"1"), qos=0))
    session.attach(1)
    session.offer(Outgoing(Message("x", b"2"), qos=0))
    session.detach()
    session.attach(1)
    assert payloads(session) == []
    assert (session.held, session.dropped) == (0, 1)


def test_message_that_was_sent_once_does_not_expire() -> None:
    session = Session("a", Limits())
    session.attach(1)
    for payload in (b"1", b"2"):
        session.offer(Outgoing(Message("x", payload, 1, expires_at=10), qos=1))
    assert payloads(session, 9) == [b"1"]
    session.detach()
    session.attach(5)
    [packet] = pulled(session, 20)
    assert (packet.payload, packet.dup) == (b"1", True)


def test_packet_ids_wrap_and_avoid_those_in_use() -> None:
    session = Session("a", Limits())
    session.attach(MAX_U16)
    session.offer(Outgoing(Message("x", b"stays", 1), qos=1))
    [first] = pulled(session)
    for _ in range(MAX_U16 + 10):
        session.offer(Outgoing(Message("x", b"", 1), qos=1))
        [packet] = pulled(session)
        assert packet.packet_id not in (0, first.packet_id)
        session.on_ack(Ack(Kind.PUBACK, packet.packet_id))


def test_unknown_pubrec_is_answered() -> None:
    session = Session("a", Limits())
    session.attach(5)
    assert session.on_ack(Ack(Kind.PUBREC, 9)) == Ack(Kind.PUBREL, 9, Reason.PACKET_IDENTIFIER_NOT_FOUND)


def test_refusing_pubrec_ends_the_message() -> None:
    session = Session("a", Limits())
    session.attach(5)
    session.offer(Outgoing(Message("x", b"", 2), qos=2))
    [packet] = pulled(session)
    assert session.on_ack(Ack(Kind.PUBREC, packet.packet_id, Reason.QUOTA_EXCEEDED)) is None
    assert session.held == 0


steps = st.lists(st.sampled_from(["publish", "publish", "pull", "ack", "reconnect"]), max_size=80)


@given(steps, st.integers(1, 5), st.sampled_from([1, 2]))
def test_every_message_arrives_in_order_within_the_window(todo: list[str], window: int, qos: int) -> None:
    """A client that acknowledges at will and vanishes at will: QoS 1 at least once, QoS 2 once, never reordered."""
    session = Session("a", Limits())
    session.attach(window)
    published = 0
    unanswered: list[Publish | Ack] = []
    arrived: list[Publish] = []

    def step(name: str) -> None:
        nonlocal published, unanswered
        if name == "publish":
            session.offer(Outgoing(Message("x", b"%d" % published, qos), qos=qos))
            published += 1
        elif name == "pull" and (packet := session.pull(0)) is not None:
            unanswered.append(packet)
            if isinstance(packet, Publish):
                arrived.append(packet)
        elif name == "ack" and unanswered:
            answer_to(unanswered.pop(0))
        elif name == "reconnect":
            session.detach()
            session.attach(window)
            unanswered = []

    def answer_to(packet: Publish | Ack) -> None:
        kind = Kind.PUBCOMP if isinstance(packet, Ack) else Kind.PUBACK if qos == 1 else Kind.PUBREC
        released = session.on_ack(Ack(kind, packet.packet_id))
        if released is not None:
            unanswered.append(released)

    for name in todo:
        step(name)
        assert len(unanswered) <= window
    while session.held:
        step("pull")
        step("ack")

    firsts = [int(p.payload) for p in arrived if not p.dup]
    assert firsts == list(range(published))
    repeats = [replace(p, dup=False) for p in arrived if p.dup]
    assert all(p in arrived for p in repeats)
