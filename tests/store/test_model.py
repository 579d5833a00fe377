"""Random lives of a journal, with restarts and crashes, equal a model of a few dictionaries.

A crash is what kill -9 leaves: the file and its WAL as they were at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edgegw.store.group import UnitState
from edgegw.store.journal import Journal, Row
from edgegw.store.summary import summarise
from tests.store.support import TOPIC, Hand, opened

T = TypeVar("T")
KEYS = st.sampled_from("abc")
TEXTS = st.text(max_size=20)
KEEP_H = 1


@dataclass
class Model:
    """What a journal holds."""

    events: dict[int, tuple[float, bytes]] = field(default_factory=dict)
    last_seq: int = 0
    published: set[int] = field(default_factory=set)
    parked: set[int] = field(default_factory=set)
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    units: dict[str, UnitState] = field(default_factory=dict)

    def pending(self) -> list[int]:
        return sorted(self.events.keys() - self.published)


class JournalLife(RuleBasedStateMachine):
    """`disk` is what a crash leaves, `memory` what the next commit makes of it."""

    @initialize()
    def create(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "0.db"
        self.lives = contextlib.AsyncExitStack()
        self.clock = Hand()
        self.disk = Model()
        self.memory = Model()
        self.journal = self.open()
        self.epoch = self.journal.epoch

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def open(self) -> Journal:
        return self.wait(self.lives.enter_async_context(opened(self.path, now=self.clock, keep_h=KEEP_H)))

    @rule(text=TEXTS)
    def add_event(self, text: str) -> None:
        seq = self.memory.last_seq + 1
        assert self.journal.add_event(lambda seq: (TOPIC, f"{seq} {text}".encode())) == seq
        self.memory.last_seq = seq
        self.memory.events[seq] = (self.clock.t, f"{seq} {text}".encode())

    @rule(scope=KEYS, key=KEYS, state=st.none() | TEXTS)
    def put_state(self, scope: str, key: str, state: str | None) -> None:
        self.journal.put_state(scope, key, state)
        self.memory.states.pop((scope, key), None)
        if state is not None:
            self.memory.states[scope, key] = state

    @rule(scope=KEYS, key=KEYS, addition=TEXTS)
    def grow_state(self, scope: str, key: str, addition: str) -> None:
        if (scope, key) in self.memory.states:
            self.journal.grow_state(scope, key, addition)
            self.memory.states[scope, key] += addition

    @rule(unit=KEYS, place=TEXTS)
    def put_unit(self, unit: str, place: str) -> None:
        state = UnitState(unit, place, "door-1", self.clock.t)
        self.journal.put_unit(state)
        self.memory.units[unit] = state

    @rule(data=st.data(), parks=st.booleans())
    def settle_one(self, data: st.DataObject, parks: bool) -> None:
        rows = self.wait(self.journal.pending(0, 10))
        if rows and parks:
            seq = data.draw(st.sampled_from(rows)).seq
            note = f"{seq} skipped".encode()
            self.journal.park(seq, "denied", (TOPIC, note))
            self.memory.parked.add(seq)
            self.memory.events[seq] = (self.memory.events[seq][0], note)
        elif rows:
            seq = data.draw(st.sampled_from(rows)).seq
            self.journal.mark_published(seq)
            self.memory.published.add(seq)

    @precondition(lambda self: self.disk.events)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        upto = data.draw(st.integers(0, self.disk.last_seq))
        self.journal.confirm(upto)
        self.memory.published |= {seq for seq in self.memory.pending() if seq <= upto}

    @rule()
    def flush(self) -> None:
        self.wait(self.journal.flush())
        self.disk = copy.deepcopy(self.memory)

    @rule()
    def restart(self) -> None:
        self.wait(self.lives.aclose())
        self.disk = copy.deepcopy(self.memory)
        self.journal = self.open()

    @rule()
    def crash(self) -> None:
        """The very files are put back as they were: a copy under other inodes would begin a new epoch."""
        files = [Path(f"{self.path}{suffix}") for suffix in ("", "-wal", ".lock")]
        left = [file.read_bytes() for file in files]
        self.wait(self.lives.aclose())
        for file, content in zip(files, left, strict=True):
            file.write_bytes(content)
        self.memory = copy.deepcopy(self.disk)
        self.journal = self.open()

    @rule(hours=st.sampled_from((0.4, 1.1)))
    def time_passes(self, hours: float) -> None:
        self.clock.t += hours * 3600

    @precondition(lambda self: self.disk.events)
    @rule()
    def tidy(self) -> None:
        self.wait(self.journal.tidy())
        oldest_pending = min(self.disk.pending(), default=self.disk.last_seq + 1)
        for seq in sorted(self.disk.events.keys()):
            if seq >= oldest_pending or self.disk.events[seq][0] >= self.clock.t - KEEP_H * 3600:
                break
            for model in (self.disk, self.memory):
                del model.events[seq]
                model.published.discard(seq)

    @invariant()
    def equal(self) -> None:
        disk = self.disk
        sent = self.memory.events
        waiting = [Row(seq, TOPIC, sent[seq][1]) for seq in disk.pending() if seq not in self.memory.published]
        assert self.wait(self.journal.pending(0, 1000)) == waiting
        first = self.wait(self.journal.pending(0, 2))
        assert first == waiting[: len(first)]
        assert bool(first) == bool(waiting)
        assert self.journal.epoch == self.epoch
        assert self.journal.last_seq == disk.last_seq
        for scope in "abc":
            states = sorted((key, state) for (other, key), state in disk.states.items() if other == scope)
            assert self.wait(self.journal.states(scope)) == states
        assert set(self.wait(self.journal.recent_units(0, 100))) == set(disk.units.values())

    @invariant()
    def counted(self) -> None:
        pending = self.disk.pending()
        oldest_t = self.disk.events[pending[0]][0] if pending else None
        age_s = 0.0 if oldest_t is None else self.clock.t - oldest_t
        assert self.wait(self.journal.backlog())[:3] == (len(pending), len(self.disk.parked), age_s)
        summary = summarise(self.path)
        assert summary[3:] == (
            self.disk.last_seq,
            len(pending),
            len(self.disk.parked),
            len(self.disk.published),
            oldest_t,
        )

    def teardown(self) -> None:
        self.wait(self.lives.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)


TestJournalLife = JournalLife.TestCase
TestJournalLife.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
