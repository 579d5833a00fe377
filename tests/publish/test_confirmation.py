"""Which events an acknowledgement is about, however it is written."""

from __future__ import annotations

import random
from itertools import pairwise

from edgegw.publish.confirmation import Ack, Unconfirmed, apart


def test_ranges_set_apart_hold_the_same_numbers() -> None:
    rng = random.Random(1)
    for _ in range(300):
        above = rng.randrange(20)
        ranges = [(rng.randrange(60), rng.randrange(60)) for _ in range(rng.randrange(12))]
        wanted = {seq for seq in range(80) if seq <= above or any(first <= seq <= last for first, last in ranges)}
        ack = Ack("E", above, apart(ranges, above))
        assert {seq for seq in range(80) if ack.covers(seq)} == wanted
        some = rng.sample(range(80), 30)
        assert ack.among(some) == wanted & set(some)
        assert ack.highest == max(wanted)
        assert list(ack.beyond) == sorted(ack.beyond)
        assert all(last + 1 < first for (_, last), (first, _) in pairwise(ack.beyond))


def test_what_was_sent_is_known_by_its_highest() -> None:
    unconfirmed = Unconfirmed(7)
    unconfirmed.sending([5])
    assert unconfirmed.sent_to == 7
    unconfirmed.sending([9, 8])
    assert unconfirmed.sent_to == 9
