"""The cached front: standing tags, leading zeros, near misses, raw policy."""

from __future__ import annotations

from edgegw.core.identity import Identifier
from edgegw.core.identity.identifier import _REMEMBERED

TAG = bytes.fromhex("30340242201D8840009EFDF7")  # GTIN 00037000302414, serial 10419703
ZEROS = "]C101000370003024142100010419703"
PLAIN = "]C101000370003024142110419703"


def test_a_standing_tag_is_decoded_once() -> None:
    identifier = Identifier(cache_size=2)
    first = identifier.epc(TAG, 96, 0x3000)
    assert identifier.epc(TAG, 96, 0x3000) is first
    assert identifier.epc.cache_info().misses == 1


def test_the_cache_tells_an_iso_tag_from_an_epc_with_the_same_bits() -> None:
    identifier = Identifier()
    assert identifier.epc(TAG, 96, 0x3000).kind == "unit"
    assert identifier.epc(TAG, 96, 0x31A1).kind == "raw"


def test_the_cache_is_bounded() -> None:
    identifier = Identifier(cache_size=8)
    for serial in range(100):
        identifier.epc(TAG[:-1] + bytes([serial]), 96)
    assert identifier.epc.cache_info().currsize == 8


def test_leading_zeros_are_another_unit_and_a_near_miss() -> None:
    told: list[int] = []
    identifier = Identifier(near_miss=lambda: told.append(1))
    tag = identifier.epc(TAG, 96)
    for _ in range(3):
        assert identifier.scan(ZEROS).unit != tag.unit
        assert identifier.scan(PLAIN).unit == tag.unit
    assert len(told) == 1


def test_leading_zeros_go_where_the_site_says_so() -> None:
    told: list[int] = []
    identifier = Identifier(strip_leading_zeros=("0003700",), near_miss=lambda: told.append(1))
    tag = identifier.epc(TAG, 96)
    label = identifier.scan(ZEROS)
    assert label.unit == tag.unit
    assert label.ai == tag.ai
    assert identifier.scan("]C1010950600013435221007").ai[1] == ("21", "007")  # another company
    assert identifier.scan("]C1010003700030241421000").ai[1] == ("21", "0")
    assert identifier.scan("]C101000370003024142100A7").ai[1] == ("21", "00A7")  # letters: not a number
    assert not told


def test_near_misses_forget() -> None:
    told: list[int] = []
    identifier = Identifier(near_miss=lambda: told.append(1))
    for serial in range(1, _REMEMBERED + 10):
        identifier.scan(f"]C1010003700030241421{serial}")
    identifier.scan("]C10100037000302414210001")
    assert not told


def test_the_raw_policy_is_at_hand() -> None:
    assert Identifier().raw == "count"
    assert Identifier(raw="forward").raw == "forward"
