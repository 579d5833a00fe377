"""The ROSpec from capabilities and settings."""

from __future__ import annotations

import pytest

from edgegw.core.llrp.messages import Capabilities, GpiTrigger, StartTrigger
from edgegw.core.llrp.rospec import ReaderSettings, Refusal, plan_rospec, power_index, reductions

R420 = Capabilities(
    manufacturer=25882,
    antennas=4,
    gpis=4,
    powers_dbm={index: 10 + (index - 1) * 0.25 for index in range(1, 82)},
    rf_modes=(0, 1, 1002),
    hop_table_id=1,
)


def test_every_level_of_the_table_is_reached_exactly() -> None:
    for index, level in R420.powers_dbm.items():
        assert power_index(level, R420.powers_dbm) == index


@pytest.mark.parametrize("power_dbm", [5, 9.99, 30.01, 30.25, 20.1])
def test_nothing_else_is_taken_for_it(power_dbm: float) -> None:
    with pytest.raises(Refusal, match=r"\(10 to 30 dBm\)"):
        power_index(power_dbm, R420.powers_dbm)


def test_the_cure_names_the_nearest_levels() -> None:
    with pytest.raises(Refusal, match=r"write 20 or 20\.25$"):
        power_index(20.1, R420.powers_dbm)


def test_a_table_may_start_at_index_zero() -> None:
    """Index 0 is a level like any other there, not "maximum"."""
    assert power_index(0.0, {0: 0.0, 1: 1.0, 2: 2.0}) == 0


def test_no_power_asked_no_power_sent() -> None:
    assert power_index(None, R420.powers_dbm) is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ReaderSettings("r", antennas=(5,)), "antenna 5 is configured and the reader has 4"),
        (ReaderSettings("r", mode=7), "mode: 7 is not in the reader's table: write one of 0, 1, 1002"),
        (ReaderSettings("r", start=StartTrigger(gpi=GpiTrigger(9, True))), "gpi 9 is configured and the reader has 4"),
        (ReaderSettings("r", search="dual"), "search: dual needs an Impinj reader"),
    ],
)
def test_what_the_reader_cannot_do_is_refused(settings: ReaderSettings, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        plan_rospec(settings, R420, impinj=False)


def test_an_unknown_reader_is_asked_for_what_is_configured() -> None:
    rospec = plan_rospec(ReaderSettings("r", antennas=(9,), mode=3), Capabilities(), impinj=False)
    assert (rospec.antennas, rospec.mode) == ((9,), 3)


def test_nothing_that_was_asked_for_is_given_up() -> None:
    settings = ReaderSettings("r", antennas=(1,), power_dbm=20.0, mode=1002)
    for less, _ in reductions(plan_rospec(settings, R420, impinj=True), settings):
        assert (less.power_index, less.mode, less.antennas, less.session) == (41, 1002, (1,), 0)
