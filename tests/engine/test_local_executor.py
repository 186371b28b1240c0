"""Which children a worker keeps, for whom, and when it lets go of them: with children that do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from quietkeys_protocol.errors import TryAgain
from quietkeys_trainer.engine.interface import EngineFailed, ExecutorLostError, StoredKeys, Told, nobody
from quietkeys_trainer.engine.local_executor import UNUSED_S, LocalExecutor
from quietkeys_trainer.engine.pressure import usable_cores
from tests.trainer.fake_engine import FakeEngine

SIZE = 100
REPORT = [b"strength", b"gradient"]


@dataclass
class KeyedFor:
    """A child that notes what is asked of it."""

    keys: bytes
    lasts: bool = True
    memory_bytes: int = SIZE
    fails: type[Exception] | None = None
    asked: list[int] = field(default_factory=list)
    rests: int = 0
    closed: bool = False

    def run(self, reports: Sequence[Sequence[bytes]], told: Told, threads: int) -> list[bytes]:
        """Answers with its keys."""
        assert not self.closed
        if self.fails is not None:
            raise self.fails
        self.asked.append(threads)
        return [self.keys]

    def rest(self) -> None:
        """Counts."""
        self.rests += 1

    def close(self) -> None:
        """Notes it."""
        self.closed = True


@dataclass(frozen=True, slots=True)
class Starting(FakeEngine):
    """An engine that notes which children were started."""

    started: list[KeyedFor] = field(default_factory=list)

    def keyed(self, evaluation_keys: bytes, sources: int) -> Any:
        """Starts one."""
        self.started.append(KeyedFor(evaluation_keys))
        return self.started[-1]


@dataclass
class Rig:
    """An executor on a machine with four cores, whose clock and memory tests set."""

    now: float = 0.0
    free: int = 1 << 40
    engine: Starting = field(default_factory=Starting)

    def __post_init__(self) -> None:
        self.executor = LocalExecutor(2 * SIZE, lambda: self.now, lambda: self.free, cores=4)

    def run(self, name: str, sources: int = 1, jobs: int = 1) -> list[bytes]:
        """Runs a job of an account's keys."""
        keys = StoredKeys(name, lambda: name.encode())
        return self.executor.run(self.engine, keys, [REPORT] * sources, nobody, jobs)


@pytest.fixture
def rig() -> Rig:
    """A new executor."""
    return Rig()


def test_a_child_is_asked_again_by_its_own_account_alone(rig: Rig) -> None:
    """The second job of the same keys starts nothing; other keys and another number of sources do."""
    assert rig.run("ann") == rig.run("ann") == [b"ann"]
    assert rig.run("bob") == [b"bob"]
    assert [child.keys for child in rig.engine.started] == [b"ann", b"bob"]
    rig.run("ann", sources=2)
    assert len(rig.engine.started) == 3
    assert all(child.rests == len(child.asked) for child in rig.engine.started)


def test_the_budget_gives_up_who_was_not_asked_longest(rig: Rig) -> None:
    """Two fit; a third ends the older one, and one that is larger than the budget is not kept at all."""
    for name in ("ann", "bob", "ann", "cyd"):
        rig.run(name)
    ann, bob, cyd = rig.engine.started
    assert (ann.closed, bob.closed, cyd.closed) == (False, True, False)
    rig.executor.budget_bytes = 0
    rig.run("dan")
    assert all(child.closed for child in rig.engine.started)
    assert rig.executor.keys_held() == frozenset()


def test_deleted_keys_are_forgotten_and_no_others(rig: Rig) -> None:
    """All children of these keys end, whatever they were for."""
    rig.run("ann")
    rig.run("bob")
    assert rig.executor.keys_held() == {"ann", "bob"}
    rig.executor.forget_keys({"ann", "nobody"})
    assert [child.closed for child in rig.engine.started] == [True, False]
    assert rig.executor.keys_held() == {"bob"}


def test_nobody_waits_for_ever(rig: Rig) -> None:
    """A child that was not asked for a while ends at the next look."""
    rig.run("ann")
    rig.now += UNUSED_S
    assert rig.executor.keys_held() == {"ann"}
    rig.now += 1.0
    assert rig.executor.keys_held() == frozenset()
    assert rig.engine.started[0].closed


@pytest.mark.parametrize("error", [EngineFailed, ExecutorLostError])
def test_a_kept_child_that_fails_costs_a_start_and_not_the_job(rig: Rig, error: type[Exception]) -> None:
    """Whatever an earlier job did to it: the job is run in a new one, and the old one is ended."""
    rig.run("ann")
    rig.engine.started[0].fails = error
    assert rig.run("ann") == [b"ann"]
    old, new = rig.engine.started
    assert old.closed
    assert not new.closed


def test_a_new_child_that_fails_is_ended_and_the_job_with_it(rig: Rig) -> None:
    """It is not tried twice, and nothing of it is kept."""

    @dataclass(frozen=True, slots=True)
    class Failing(Starting):
        def keyed(self, evaluation_keys: bytes, sources: int) -> Any:
            child = Starting.keyed(self, evaluation_keys, sources)
            child.fails = EngineFailed
            return child

    rig.engine = Failing()
    with pytest.raises(EngineFailed):
        rig.run("ann")
    (child,) = rig.engine.started
    assert child.closed
    assert rig.executor.keys_held() == frozenset()


def test_a_child_that_has_ended_or_is_worn_out_is_not_asked(rig: Rig) -> None:
    """Killed while it waited, or near its limit of processor time: another one is started."""
    rig.run("ann")
    rig.engine.started[0].lasts = False
    assert rig.run("ann") == [b"ann"]
    assert [child.closed for child in rig.engine.started] == [True, False]


def test_kept_children_make_room_for_a_job(rig: Rig) -> None:
    """Where memory is short they end, the oldest first; where that is not enough, the job waits."""
    rig.run("ann")
    rig.run("bob")
    rig.free = 0
    with pytest.raises(TryAgain):
        rig.executor.require_room(rig.engine)
    assert all(child.closed for child in rig.engine.started)


def test_a_lone_job_has_all_cores_and_many_have_one_each(rig: Rig) -> None:
    """One thread a job serves most where workers are busy; a job alone is done sooner on more."""
    for jobs in (1, 2, 3, 9):
        rig.run("ann", jobs=jobs)
    assert rig.engine.started[0].asked == [4, 2, 1, 1]


def test_closing_ends_all(rig: Rig) -> None:
    """A worker that ends leaves none behind."""
    rig.run("ann")
    rig.run("bob")
    rig.executor.close()
    assert all(child.closed for child in rig.engine.started)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max 100000", 99), ("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1)],
)
def test_a_container_may_have_fewer_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, expected: int
) -> None:
    """What it may use in a period counts, and never less than one."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(99)), raising=False)
    (tmp_path / "cpu.max").write_text(limit + "\n")
    assert usable_cores(tmp_path) == expected
