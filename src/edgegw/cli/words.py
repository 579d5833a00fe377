"""The gateway's counters and numbers in words: `edgegw status`, `edgegw demo` and docs/troubleshooting.md say these."""

from __future__ import annotations

import re

from edgegw.cli.reasons import VERDICTS

COUNTED = {
    # readers
    "reads": "tag reads",
    "late_reads": "reads reported long after they happened",
    "no_read_point": "reads by an antenna that no door or station has",
    "empty_epc": "reads of a tag without an EPC",
    "impossible_epc": "reads of a longer EPC than any tag can hold",
    "impossible_rssi": "reads with a signal above 0 dBm, taken as not measured",
    "dropped": "reads of tags that no rule names, dropped as configured",
    "bad_frames": "LLRP messages that could not be decoded",
    "other_messages": "LLRP messages that nobody asked for",
    "unanswered": "requests that the reader did not answer",
    "unmatched_answers": "answers to nothing that was asked",
    "unlikely_port": "events about an antenna or input with an impossible number",
    "clock_set_back": "times the reader's clock was set back",
    "clock_set_forward": "times the reader's clock was set forward",
    "left_unclean": "times the reader could not be cleaned up when leaving it",
    # scanners
    "scans": "scans",
    "too_long": "scans refused: longer than max_length",
    "unterminated": "scans refused: cut off, or the scanner sends no terminator",
    "undecodable": "scans refused: not text in the configured encoding",
    "prefix_missing": "scans refused: without the configured prefix",
    "suffix_missing": "scans refused: without the configured suffix",
    "empty": "scans refused: nothing but prefix and suffix",
    "unidentified_withheld": "scans not published: they name no unit and come too fast",
    "connections": "connections from scanners",
    "connections_broken": "connections that broke",
    "connections_refused": "connections from addresses that `from` does not name",
    "connections_evicted": "connections closed to make room for a newer one",
    # what a read or scan is, when it is no unit
    "raw": "reads or scans that no rule knows",
    "invalid": "reads or scans that break the rules of their own code",
    "class": "reads or scans that name a kind of thing and no unit",
    "location": "reads or scans that name a place and no unit",
    "leading_zeros": "units that differ from another only by leading zeros of the serial",
    # doors
    **{reason: f"no movement: {why}" for reason, why in VERDICTS.items()},
    "crossed": "movements through the door",
    "no-beam": "no movement: the photo-eyes saw nothing go through",
    "blind": "no movement: seen by one side only while the other could see nothing",
    "crowded": "decided early: more units in view than can be remembered",
    "unreadable_state": "units whose weighing could not be taken up again after a restart",
    # stations
    "arrived": "movements to the station",
    "observed": "observations: it was here already",
    "repeat": "repeats: the same unit again within repeat_s",
    "late": "reported after what it belongs to was decided",
    # broker and journal
    "published": "events that the broker has taken",
    "acks": "times a central system confirmed what it has stored",
    "acks_of_unknown_events": "confirmations of events that were never sent",
    "acks_unreadable": "messages on the topic of confirmations that are none",
    "commands": "commands that came over MQTT",
    "commands_refused": "commands refused: malformed, old, or here before; the log says which",
    "commands_retained": "commands ignored: retained, they would be done again and again",
    "commands_too_fast": "commands refused: more than one a second",
    "retained_published": "state documents that the broker has taken",
    "events": "events written",
    "commits": "times written to disk",
    "held_back": "times reading was held back because the disk could not follow",
    "failed_commits": "times writing to disk failed and was tried again",
    "failed_tidyings": "times forgetting old rows failed and was put off",
    "events_forgotten": "published events forgotten by age or size",
    "foreign_rows": "rows that another program has written into the journal",
    "units_forgotten": "units forgotten that nobody saw for 90 days",
    # log
    "lost": "log lines lost: nobody read them in time",
}
"""What a counter counts. A counter that is not here is told by its own name."""

FAMILIES = {
    "batches_": "messages of several events not taken, and sent one by one, the broker said: ",
    "event_": "reader events: ",
    "kept_": "events kept and tried again, the broker said: ",
    "parked_": "events parked, the broker does not take them: ",
    "retained_failed_": "state documents not taken, the broker said: ",
}
"""Counters whose names go on with what another machine said."""

_MAKERS = {"25882": "Impinj", "161": "Motorola"}
"""Makers of readers by their private enterprise numbers (iana.org/assignments/enterprise-numbers)."""


def counted(reason: str) -> str:
    """What the counter `reason` counts.

    >>> counted("bad_frames"), counted("kept_no_subscriber")
    ('LLRP messages that could not be decoded', 'events kept and tried again, the broker said: no subscriber')
    """
    if reason in COUNTED:
        return COUNTED[reason]
    for family, words in FAMILIES.items():
        if reason.startswith(family):
            return words + _spaced(reason.removeprefix(family))
    return _spaced(reason)


def _spaced(reason: str) -> str:
    return reason.replace("_", " ")


def maker_and_model(model: str) -> str:
    """A reader's `maker/model firmware`, with the name of the maker where it is known.

    >>> maker_and_model("25882/2001001 5.12.0"), maker_and_model("")
    ('Impinj (25882) model 2001001, firmware 5.12.0', '')
    """
    parts = re.fullmatch(r"(\d+)/(\d+)(?: (.*))?", model)
    if parts is None:
        return model
    maker, number, firmware = parts.groups()
    name = f"{_MAKERS[maker]} ({maker})" if maker in _MAKERS else f"maker {maker}"
    return f"{name} model {number}" + (f", firmware {firmware}" if firmware else "")
