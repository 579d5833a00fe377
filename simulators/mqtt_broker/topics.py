"""Topic names and topic filters (OASIS MQTT 5.0 §4.7, §4.8.2)."""

from __future__ import annotations

from typing import NamedTuple

SHARE_PREFIX = "$share/"
MAX_LEVELS = 200  # as Mosquitto; bounds the work of one match


class SharedFilter(NamedTuple):
    """`$share/{group}/{filter}` taken apart; a plain filter has the group ""."""

    group: str
    filter: str


def split_share(topic_filter: str) -> SharedFilter:
    """Take a shared subscription's filter apart."""
    if not topic_filter.startswith(SHARE_PREFIX):
        return SharedFilter("", topic_filter)
    group, _, inner = topic_filter.removeprefix(SHARE_PREFIX).partition("/")
    return SharedFilter(group, inner)


def is_valid_name(topic: str) -> bool:
    """Whether a message may be published to `topic`."""
    return bool(topic) and "+" not in topic and "#" not in topic and topic.count("/") < MAX_LEVELS


def is_valid_filter(topic_filter: str) -> bool:
    """Whether a client may subscribe to `topic_filter`, shared or not."""
    group, inner = split_share(topic_filter)
    if topic_filter.startswith(SHARE_PREFIX) and (not group or "+" in group or "#" in group):
        return False
    levels = inner.split("/")
    wildcards_stand_alone = all(level in ("+", "#") or not set("+#") & set(level) for level in levels)
    return bool(inner) and len(levels) <= MAX_LEVELS and wildcards_stand_alone and "#" not in levels[:-1]


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a plain filter selects the topic.

    >>> matches("dock/+/evt/#", "dock/7/evt"), matches("+/x", "$SYS/x"), matches("dock/+", "dock/7/evt")
    (True, False, False)
    """
    if topic_filter == topic:
        return True
    if topic[:1] == "$" and topic_filter[:1] in ("+", "#"):
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
