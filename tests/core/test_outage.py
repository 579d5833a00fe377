"""Who could not be heard, from when to when, and what that does to silence."""

from __future__ import annotations

import json

import pytest

from edgegw.core.model import Outage, Port
from edgegw.core.outage import ENDED, GATEWAY_DOWN, STABLE_S, Outages

T = 1_800_000_000.0
READER, ANTENNA = Port("dock-1"), Port("dock-1", 3)


def restored(before: Outages, now: float = T + 1000) -> Outages:
    after = Outages()
    for name, state in before.take_changed().items():
        assert state is not None
        after.restore(name, state, now, lambda _: True)
    return after


def test_an_outage_is_told_when_it_is_over_for_good() -> None:
    made = Outages()
    made.begin(READER, "link", "no answer", T)
    assert made.ongoing == [Outage(READER, "link", "no answer", T)]
    made.end(READER, T + 10)
    assert made.ongoing == []
    assert made.advance(T + 10 + STABLE_S - 0.1) == []
    assert made.advance(T + 10 + STABLE_S) == [Outage(READER, "link", "no answer", T, T + 10)]
    assert made.advance(T + 99) == []


def test_what_comes_back_for_a_moment_only_is_one_outage() -> None:
    """A loose plug says so many times a second; that is one event, and not a thousand."""
    made = Outages()
    for n in range(100):
        made.begin(ANTENNA, "antenna", "disconnected", T + n)
        made.end(ANTENNA, T + n + 0.5)
        assert made.advance(T + n + 0.9) == []
    (told,) = made.advance(T + 200)
    assert (told.since_t, told.until_t, told.interruptions) == (T, T + 99.5, 100)


def test_what_was_never_heard_has_missed_nothing_but_is_blind() -> None:
    made = Outages()
    made.begin(READER, "gateway", "not heard yet", None)
    assert made.were_out([READER], T - 1000, T)
    made.end(READER, T)
    assert made.advance(T + 99) == []
    assert made.were_out([READER], T - 10, T + 1)
    assert not made.were_out([READER], T + 1, T + 2)


def test_what_was_heard_for_a_moment_has_something_to_miss() -> None:
    made = Outages()
    made.begin(READER, "gateway", "not heard yet", None)
    made.end(READER, T)
    made.begin(READER, "link", "no answer", T + 1)
    assert made.were_out([READER], T - 9, T - 8)
    assert not made.were_out([READER], T + 0.2, T + 0.8)
    made.end(READER, T + 2)
    assert [(one.since_t, one.until_t) for one in made.advance(T + 99)] == [(T + 1, T + 2)]


@pytest.mark.parametrize(
    ("from_t", "to_t", "expected"), [(0, 9, False), (0, 10, True), (12, 13, True), (20, 30, True), (21, 30, False)]
)
def test_silence_of_an_outage_means_nothing(from_t: float, to_t: float, expected: bool) -> None:
    made = Outages()
    made.begin(ANTENNA, "antenna", "disconnected", T + 10)
    made.end(ANTENNA, T + 20)
    for _ in range(2):
        assert made.were_out([ANTENNA], T + from_t, T + to_t) is expected
        made.advance(T + 60)


def test_a_side_is_blind_only_when_all_of_its_antennas_are_and_a_reader_takes_its_antennas_along() -> None:
    made, other = Outages(), Port("dock-1", 4)
    made.begin(ANTENNA, "antenna", "disconnected", T)
    assert not made.were_out([ANTENNA, other], T, T + 1)
    made.begin(READER, "link", "no answer", T)
    assert made.were_out([ANTENNA, other], T, T + 1)
    assert not made.were_out([Port("dock-2", 3)], T, T + 1)
    assert not made.were_out([], T, T + 1)


def test_reads_of_that_time_that_come_later_fill_the_gap() -> None:
    """The reader was listening, only the way to it was cut."""
    made = Outages()
    made.begin(READER, "link", "no answer", T)
    made.read("dock-1", 3, T + 5)
    assert made.were_out([ANTENNA], T + 1, T + 2)
    made.end(READER, T + 10)
    made.read("dock-1", 3, T + 10.2)
    assert made.were_out([ANTENNA], T + 1, T + 2)
    made.read("dock-1", 3, T + 5)
    assert not made.were_out([ANTENNA], T + 1, T + 2)
    (told,) = made.advance(T + 99)
    assert told.recovered


def test_an_antenna_that_reads_is_not_out_whatever_the_reader_said() -> None:
    made = Outages()
    made.begin(ANTENNA, "antenna", "disconnected", T)
    made.read("dock-1", 3, T - 1)
    made.read("dock-1", 4, T + 5)
    assert made.ongoing
    made.read("dock-1", 3, T + 5)
    assert made.ongoing == []


def test_a_downtime_of_the_gateway_ends_for_each_device_when_it_is_heard() -> None:
    before = Outages()
    before.begin(READER, "link", "no answer", T)
    after = restored(before)
    after.begin(READER, "gateway", GATEWAY_DOWN, T + 100)
    after.begin(Port("dock-2"), "gateway", GATEWAY_DOWN, T + 100)
    after.begin(Port("dock-2"), "link", "refused", T + 300)
    after.end(READER, T + 200)
    after.end(Port("dock-2"), T + 400)
    told = {str(one.port): (one.cause, one.reason, one.since_t, one.until_t) for one in after.advance(T + 500)}
    assert told == {
        "dock-1": ("link", "no answer", T, T + 200),
        "dock-2": ("link", "the gateway was not running, then: refused", T + 100, T + 400),
    }


def test_what_is_out_survives_a_crash_and_what_is_over_does_not_come_back() -> None:
    before = Outages()
    before.begin(ANTENNA, "antenna", "disconnected", T)
    after = restored(before)
    assert after.ongoing == [Outage(ANTENNA, "antenna", "disconnected", T)]
    after.end(ANTENNA, T + 5)
    after.advance(T + 60)
    assert after.take_changed() == {json.dumps(ANTENNA, separators=(",", ":")): None}


def test_a_port_that_is_no_longer_configured_is_forgotten() -> None:
    before = Outages()
    before.begin(ANTENNA, "antenna", "disconnected", T)
    ((name, state),) = before.take_changed().items()
    assert state is not None
    after = Outages()
    after.restore(name, state, T, lambda _: False)
    assert after.ongoing == []
    assert after.take_changed() == {name: None}


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("x", "[]"),
        ('["dock-1"]', "{}"),
        ('["dock-1"]', "1"),
        ("[]", "[]"),
        ('["dock-1"]', '["link","",1,"x"]'),
        ('["dock-1",0,0]', '["link","",-1e300,null,1,false]'),
        ('["dock-1",0,0]', '["link","",NaN,null,1,false]'),
        ('["dock-1",0,0]', '["link","",1,-2,1,false]'),
        ('["dock-1",0,0]', '["link","",true,null,1,false]'),
        ('["dock-1",0,0]', '["luck","",1,null,1,false]'),
        ('["dock-1",0,0]', '[["link"],"",1,null,1,false]'),
        ('["dock-1",0,0]', '["link",7,1,null,1,false]'),
        ('["dock-1",0,0]', '["link","",1,null,"1",false]'),
        ('["dock-1",0,0]', '["link","",1,null,1' + 9 * "0" + "0,false]"),
        ('["dock-1",0,0]', '["link","",1,null,1,{}]'),
        ('[["dock-1"],0,0]', '["link","",1,null,1,false]'),
        ('["dock-1",[],0]', '["link","",1,null,1,false]'),
        ("[" * 100_000, '["link","",1,null,1,false]'),
        ('["dock-1",0,0]', "[" * 100_000),
    ],
)
def test_a_state_that_is_none_is_refused(name: str, state: str) -> None:
    with pytest.raises(ValueError):
        Outages().restore(name, state, T, lambda _: True)


def test_what_has_ended_is_forgotten_in_the_end() -> None:
    made = Outages()
    for n in range(ENDED + 1):
        made.begin(READER, "link", "no answer", T + 100 * n)
        made.end(READER, T + 100 * n + 1)
        made.advance(T + 100 * n + 50)
    assert not made.were_out([READER], T, T + 1)
    assert made.were_out([READER], T + 100, T + 101)
