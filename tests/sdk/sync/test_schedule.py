"""Syncs by themselves: one slot in each period, drawn by chance, skipped when it is missed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import Conditions, Outcome, Policy, TryAgain
from quietkeys.environment import Environment
from quietkeys.profile.settings import SLOT_SECRET
from quietkeys.profile.store import Store
from quietkeys.sync.result import SyncResult
from quietkeys.sync.schedule import POLL_S, SLOT_S, Scheduler
from quietkeys_protocol.errors import ErrorCode, error_of
from tests.sdk.conftest import Rig
from tests.sdk.transports import Unreachable

DAY: Final = 86_400.0
START: Final = 20_000 * DAY
RESULT: Final = SyncResult(Outcome.DUMMY, "", 0, {}, {}, {})


@dataclass(slots=True)
class Desk:
    """A scheduler with a clock to turn and nothing behind it. `synced`: when it did."""

    policy: Policy = field(default_factory=Policy)
    store: Store = field(default_factory=Store.in_memory)
    offset_s: float = 0.0
    now: float = START
    synced: list[float] = field(default_factory=list)

    def scheduler(self) -> Scheduler:
        """As the profile is opened."""
        return Scheduler(
            self.policy, self.store, self.sync, lambda: None, lambda: self.now, lambda _: self.offset_s
        )

    def sync(self) -> SyncResult:
        """Note the time."""
        self.synced.append(self.now)
        return RESULT

    def live(self, until: float, step_s: float = 600.0, open_at: Callable[[float], bool] = bool) -> None:
        """Look again and again, at times when the app runs."""
        while self.now < until:
            if open_at(self.now):
                self.scheduler().sync_if_due()
            self.now += step_s


periods = st.integers(2, 24 * 14).map(lambda hours: timedelta(hours=hours))
hours = st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda pair: pair[0] != pair[1])
offsets = st.integers(-14 * 4, 14 * 4).map(lambda quarters: quarters * 900.0)


@given(periods, offsets)
def test_one_slot_in_each_period(period: timedelta, offset_s: float) -> None:
    """Whoever looks often enough syncs once in every period, at the time that was told before."""
    period_s = period.total_seconds()
    desk = Desk(Policy(period=period), offset_s=offset_s)
    desk.now = (START // period_s) * period_s - offset_s
    first = desk.now
    for number in range(5):
        told = desk.scheduler().next_slot().timestamp()
        assert first + number * period_s <= told < first + (number + 1) * period_s
        desk.now = told - 1.0
        assert desk.scheduler().sync_if_due() is None
        desk.now = told
        assert desk.scheduler().next_slot().timestamp() == told
        assert desk.scheduler().sync_if_due() is RESULT
        assert desk.scheduler().sync_if_due() is None
    assert len(desk.synced) == 5


@given(hours, st.integers(1, 9), offsets)
def test_slots_keep_to_the_hours(hours: tuple[int, int], days: int, offset_s: float) -> None:
    """Between the given hours of local time, over midnight as well, until the slot ends."""
    desk = Desk(Policy(hours=hours, period=timedelta(days=days)), offset_s=offset_s)
    first, last = hours
    for _ in range(4):
        desk.now = desk.scheduler().next_slot().timestamp()
        since = (desk.now + offset_s - first * 3600.0) % DAY
        assert 0.0 <= since <= (last - first) % 24 * 3600.0 - SLOT_S + 1.0
        assert desk.scheduler().sync_if_due() is RESULT


def test_a_missed_slot_is_skipped() -> None:
    """After a month without the app nothing is made up for."""
    desk = Desk()
    desk.live(START + 10 * DAY)
    assert len(desk.synced) == 10
    desk.now += 30 * DAY
    desk.live(START + 50 * DAY)
    assert len(desk.synced) == 20


def test_slots_depend_on_the_profile_and_not_on_its_use() -> None:
    """Other profiles have other slots; the same profile has the same, whatever was synced before."""
    idle, busy, other = Desk(), Desk(), Desk()
    idle.scheduler().next_slot()
    secret = idle.store.setting(SLOT_SECRET)
    assert secret is not None
    busy.store.set_setting(SLOT_SECRET, secret)
    busy.live(START + 20 * DAY)
    idle.now = busy.now
    assert busy.scheduler().next_slot() == idle.scheduler().next_slot()
    other.live(START + 20 * DAY)
    assert other.synced != busy.synced
    places = [moment % DAY for moment in busy.synced + other.synced]
    assert max(places) - min(places) > DAY / 2  # all over the day


@pytest.mark.parametrize("name", ["charging", "unmetered", "idle"])
def test_conditions_are_the_policys(name: str) -> None:
    """A condition that does not hold costs the slot, unless it comes to hold while the slot is open."""
    now = {"charging": True, "unmetered": True, "idle": True, name: False}
    desk = Desk(Policy(conditions=lambda: Conditions(**now)))
    desk.now = desk.scheduler().next_slot().timestamp()
    assert desk.scheduler().sync_if_due() is None
    desk.now += SLOT_S - 1.0
    now[name] = True
    assert desk.scheduler().sync_if_due() is RESULT
    desk.now = desk.scheduler().next_slot().timestamp() + SLOT_S
    assert desk.scheduler().sync_if_due() is None
    now[name] = False
    without: dict[str, Any] = {name: False}
    desk.policy = replace(desk.policy, **without)
    desk.now = desk.scheduler().next_slot().timestamp()
    assert desk.scheduler().sync_if_due() is RESULT


def test_a_failed_sync_uses_the_slot_up(rig: Rig) -> None:
    """There is one try in a period, also when the trainer cannot be reached, also over a restart."""
    now = START
    environment = Environment(clock=lambda: now, sleep=rig.waited.append)
    rig.trainer.clock = lambda: now
    with rig.open_learned(transport=Unreachable(), environment=environment) as keyboard:
        now = keyboard.schedule.next_slot().timestamp()
        with pytest.raises(TryAgain):
            keyboard.schedule.sync_if_due()
    with rig.open(environment=environment) as keyboard:
        assert keyboard.schedule.sync_if_due() is None
        now = keyboard.schedule.next_slot().timestamp()
        result = keyboard.schedule.sync_if_due()
        assert result is not None
        assert result.outcome is Outcome.APPLIED


def test_a_wrong_clock_does_not_end_it() -> None:
    """A clock that once was years ahead does not keep later slots from being used."""
    desk = Desk(now=START + 10_000 * DAY)
    desk.now = desk.scheduler().next_slot().timestamp()
    assert desk.scheduler().sync_if_due() is RESULT
    desk.now = START
    desk.live(START + 3 * DAY)
    assert len(desk.synced) == 4


def test_another_period_begins_at_once() -> None:
    """When the policy's period changes, the numbers of the old periods mean nothing."""
    desk = Desk()
    desk.live(START + 3 * DAY)
    desk.policy = Policy(period=timedelta(days=7))
    desk.live(START + 31 * DAY)
    assert 5 <= len(desk.synced) <= 8  # two to three days, then three to five weeks


def schedules_since(others: set[threading.Thread]) -> list[threading.Thread]:
    """Threads of a schedule besides these; what other tests left behind may end at any time."""
    return [
        each for each in threading.enumerate() if each not in others and each.name == "quietkeys-schedule"
    ]


def test_the_thread_syncs_when_a_slot_opens(rig: Rig) -> None:
    """Started in a slot it syncs, keeps what failed for the app to see, and is gone after `stop`."""
    now, synced = START, threading.Event()
    environment = Environment(clock=lambda: now, sleep=rig.waited.append)
    rig.trainer.clock = lambda: now

    def conditions() -> Conditions:
        synced.set()
        return Conditions()

    with rig.open_learned(environment=environment, policy=Policy(conditions=conditions)) as keyboard:
        others = set(threading.enumerate())
        now = keyboard.schedule.next_slot().timestamp()
        keyboard.schedule.start()
        keyboard.schedule.start()
        assert len(schedules_since(others)) == 1
        assert synced.wait(900)
        keyboard.schedule.stop()
        keyboard.schedule.stop()
        assert not schedules_since(others)
        assert keyboard.schedule.last_error is None
        assert keyboard.schedule.sync_if_due() is None
        assert keyboard.sync().outcome in (Outcome.APPLIED, Outcome.KEPT_OLD)


def test_closing_ends_the_thread(rig: Rig) -> None:
    """No thread outlives its profile, also while it waits for the trainer."""
    now = START
    rig.trainer.clock, rig.trainer.polls = (lambda: now), 10**6
    waits, ends = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        waits.set()
        ends.wait(seconds)

    environment = Environment(clock=lambda: now, sleep=sleep)
    others = set(threading.enumerate())
    keyboard = rig.open_learned(environment=environment)
    now = keyboard.schedule.next_slot().timestamp()
    keyboard.schedule.start()
    assert waits.wait(900)
    assert schedules_since(others)
    keyboard.close()
    assert not set(threading.enumerate()) - others


def test_what_fails_in_the_thread_is_kept() -> None:
    """The thread goes on, and the app can see what happened."""
    desk, failed = Desk(), threading.Event()

    def failing() -> SyncResult:
        failed.set()
        raise error_of(ErrorCode.TRAINER_UNREACHABLE)

    scheduler = Scheduler(desk.policy, desk.store, failing, lambda: None, lambda: desk.now)
    desk.now = scheduler.next_slot().timestamp()
    scheduler.start()
    assert failed.wait(900)
    scheduler.stop()
    assert scheduler.last_error is not None
    assert scheduler.last_error.code is ErrorCode.TRAINER_UNREACHABLE


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": (3, 3)},
        {"hours": (-1, 5)},
        {"hours": (1, 24)},
        {"hours": (1, 5), "period": timedelta(hours=36)},
        {"period": timedelta(hours=1)},
        {"trial_events": 1},
    ],
)
def test_policies_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    """A mistake in a policy is told when it is made."""
    with pytest.raises(ValueError, match=next(iter(wrong)) if len(wrong) == 1 else "period"):
        Policy(**wrong)  # type: ignore[arg-type]


def test_slots_are_spread_evenly() -> None:
    """Over many profiles no time of the period is preferred."""
    policy = Policy()
    places = np.array([policy.offset_s(chance) for chance in np.linspace(0.0, 1.0, 1000, endpoint=False)])
    assert places.min() == 0.0
    assert DAY - 2 * SLOT_S < places.max() < DAY - SLOT_S
    assert np.ptp(np.diff(places)) < 1e-6


def test_looks_are_at_instants_that_the_slot_fixes() -> None:
    """The thread syncs at the opening of a slot or whole minutes after it, however long the last sync took.

    A wait that ends late, as when the machine slept, does not move them either.
    """
    charging, looked = [True, False, True], list[float]()

    def conditions() -> Conditions:
        looked.append(desk.now)
        return Conditions(charging=charging[len(looked) - 1])

    def sync() -> SyncResult:
        desk.synced.append(desk.now)
        desk.now += 17.3 * len(desk.synced)  # and judging
        return RESULT

    def wait(seconds: float) -> bool:
        desk.now += seconds
        if len(looked) == 2 and desk.now == looked[1] + POLL_S:
            desk.now += 500.5
        return len(desk.synced) == 2

    desk = Desk(Policy(conditions=conditions))
    slots = desk.scheduler()
    first = slots.next_slot().timestamp()
    second = slots._slot(slots._period_at(first) + 1)
    scheduler = Scheduler(
        desk.policy, desk.store, sync, lambda: None, lambda: desk.now, lambda _: 0.0, wait=wait
    )
    scheduler.start()
    thread = scheduler._thread
    assert thread is not None
    thread.join(900)
    assert looked == [first, second, second + 10 * POLL_S]
    assert desk.synced == [first, looked[2]]
