"""Vendors' serial numbers: which rules are taken, and that none of them can hang the gateway."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegw.core.identity import VendorRule
from edgegw.core.identity.vendor import LONGEST, MOST_STEPS, count_steps

PATIENCE_S = 1.0
"""A tenth of this was measured; a busy machine may need more."""

HOSTILE = [
    character * length + end for character in "a-0 A" for length in (LONGEST - 1, 4096) for end in ("", "b", "!", "\n")
]


@pytest.mark.parametrize(
    ("match", "unit", "why"),
    [
        ("(", "https://a/{n}", "no regular expression"),
        ("(?P<m>.)", "https://a/{n}", "does not name"),
        ("(?P<n>(a+)+)", "https://a/{n}", "for ever"),
        ("(?P<n>(a|aa)+)", "https://a/{n}", "for ever"),
        ("(?P<n>.*.*.*.*)x", "https://a/{n}", "for ever"),
        ("(?P<n>(?:(?:a+)+){})", "https://a/{n}", "for ever"),
        ("(?x)(?P<n>(?:a+) +b)", "https://a/{n}", "for ever"),
        ("(?P<n>(?:a+)(?#c)+b)", "https://a/{n}", "for ever"),
        ("(?P<n>(?:(?:){65535}){65535})", "https://a/{n}", "for ever"),
        ("(?P<n>(?:(?=a){65535}){65535})", "https://a/{n}", "for ever"),
        ("(?P<n>(?:a|a){21}(?:a[^x]){53}b)", "https://a/{n}", "for ever"),
        ("(?P<n>a)(?(n)(?:a+)+|b)", "https://a/{n}", "for ever"),
    ],
)
def test_rules_that_are_refused(match: str, unit: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        VendorRule.parse(match, unit)


@pytest.mark.parametrize(
    "match",
    [
        r"SN(?P<n>[0-9]{8})",
        r"(?P<n>\w*)-(?P<m>\w*)-(?P<k>\w*)",
        r"(?P<n>(?>\d+)[A-Z]{1,3})",
        r"(?P<n>\d++\w++.++)",
        r"(?P<n>[0-9A-F]{2}(?::[0-9A-F]{2}){5})",
        r"(?i)(?P<n>[A-Z]{2}(?:-[0-9]{1,8}){1,3}|box[0-9]+)",
        r"(?P<n>(?P<m>[0-9]+)-(?P=m))(?(m)x|y)",
    ],
)
def test_rules_that_are_taken_are_quick(match: str) -> None:
    assert count_steps(match) <= MOST_STEPS
    assert slowest_s(VendorRule.parse(match, "https://a/{n}")) < PATIENCE_S


def slowest_s(rule: VendorRule) -> float:
    """CPU seconds for the worst of the hostile texts."""
    took_s = 0.0
    for text in HOSTILE:
        start = time.process_time()
        rule.identify(text)
        took_s = max(took_s, time.process_time() - start)
    return took_s


PIECES = ["a", "b", ".", "[ab]", r"\w", "\\", "^", "$", "(?=a)", "(?!b)", "(?P=n)", "(?#c)", "(?x)", "(?i:a)", " ", "#"]
OPENINGS = ["(", "(?:", "(?>", "(?x:", "(?=", "(?<=", "(?(serial)", "(?:a|", "(?:.*"]
REPEATS = ["", "*", "+", "?", "*?", "+?", "*+", "++", "{}", "{,}", "{2}", "{1,}", "{,9}", "{3,40}", "{60000}", "{ 2}"]
PATTERNS = st.recursive(
    st.builds("{}{}".format, st.sampled_from(PIECES), st.sampled_from(REPEATS)),
    lambda inner: st.builds("{}{}){}{}".format, st.sampled_from(OPENINGS), inner, st.sampled_from(REPEATS), inner),
    max_leaves=8,
)


@settings(max_examples=500)
@given(PATTERNS)
def test_no_rule_that_is_taken_can_hang(pattern: str) -> None:
    """What regular expressions are made of, nested at random, laid over texts made to hurt."""
    match = f"(?P<serial>{pattern})"
    try:
        rule = VendorRule.parse(match, "https://a/{serial}")
    except ValueError:
        return
    assert slowest_s(rule) < PATIENCE_S, match


@given(PATTERNS)
def test_counting_is_quick_itself(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError):
        return
    start = time.process_time()
    count_steps(pattern)
    assert time.process_time() - start < PATIENCE_S
