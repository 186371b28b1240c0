"""When a device syncs by itself: the app's policy, and one slot in each period that no typing decides.

A slot is drawn from the profile's secret and the number of the period alone, so a trainer that sees a report
learns that the device was online then, and not that anything was typed. Before the sync of a slot begins, the
slot is noted as used: whatever happens to it, the next one is in the next period. A missed slot is skipped.

Within a slot a sync begins at instants that are fixed by the slot: its opening, and every minute after it.
How long the last sync took does not move them, for that depends on how an update was judged.
"""

from __future__ import annotations

import hmac
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from quietkeys.profile.settings import SLOT_SECRET, SLOT_USED
from quietkeys.profile.store import Store
from quietkeys.sync.result import SyncResult
from quietkeys.updates.gate import MINIMUM_EVENTS
from quietkeys_protocol.errors import QuietkeysError

POLL_S: Final = 60.0  # between two instants of a slot at which a sync may begin
LATE_S: Final = 1.0  # past an instant, such as after a sleep of the machine, the next one is waited for
_LOG: Final = logging.getLogger(__name__)
SLOT_S: Final = 1800.0  # how long a slot stays open for its conditions to hold
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds on the device now, as the app knows it; what it cannot know counts as holding."""

    charging: bool = True
    unmetered: bool = True
    idle: bool = True


def _unknown() -> Conditions:
    return Conditions()


@dataclass(frozen=True, slots=True)
class Policy:
    """When `schedule` syncs: once in a period, in a slot drawn by chance, if the conditions hold then.

    charging, unmetered, idle: whether each must hold. hours: (first, last) hours of local time between which
    slots lie, such as (1, 5), or (22, 6) over midnight; None for any time. period: one slot in each; whole
    days where hours are given. minimum_events: held-out events before the first report that is no dummy; with
    fewer than the default an update cannot be judged. trial_events: held-out events by which an update that
    passed the gate is judged again before it is used; 0 uses it at once. conditions: asked whenever a slot is
    open.
    """

    charging: bool = True
    unmetered: bool = True
    idle: bool = True
    hours: tuple[int, int] | None = None
    period: timedelta = timedelta(days=1)
    minimum_events: int = MINIMUM_EVENTS
    trial_events: int = 0
    conditions: Callable[[], Conditions] = _unknown

    def __post_init__(self) -> None:
        """Raise ValueError for hours that are none, and for a period or a trial too short to mean much."""
        period_s = self.period.total_seconds()
        if period_s < 4.0 * SLOT_S:
            raise ValueError("period: at least two hours")
        if self.hours is not None:
            first, last = self.hours
            if not (0 <= first < 24 and 0 <= last < 24 and first != last):
                raise ValueError("hours: two different hours, 0 to 23")
            if period_s % _DAY_S:
                raise ValueError("period: whole days where hours are given")
        if self.trial_events and self.trial_events < MINIMUM_EVENTS:
            raise ValueError(f"trial_events: 0, or at least {MINIMUM_EVENTS}")

    def allows(self, now: Conditions) -> bool:
        """Return whether what must hold does."""
        return (
            (now.charging or not self.charging)
            and (now.unmetered or not self.unmetered)
            and (now.idle or not self.idle)
        )

    def offset_s(self, chance: float) -> float:
        """Return where in its period a slot begins, in seconds. chance: drawn from 0 to 1, 1 excluded."""
        period_s = self.period.total_seconds()
        if self.hours is None:
            return chance * (period_s - SLOT_S)
        days, place = divmod(chance * (period_s / _DAY_S), 1.0)
        first, last = self.hours
        width_s = (last - first) % 24 * 3600.0 - SLOT_S
        return days * _DAY_S + first * 3600.0 + place * width_s


class Scheduler:
    """The slots of one profile. Reached by `Personalizer.schedule`."""

    last_error: QuietkeysError | None
    """What the last sync of the thread failed with, None if it did not."""

    def __init__(
        self,
        policy: Policy,
        store: Store,
        sync: Callable[[], SyncResult],
        cancel: Callable[[], None],
        clock: Callable[[], float] = time.time,
        utc_offset_s: Callable[[float], float] | None = None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """sync, cancel: the profile's. clock: Unix seconds. utc_offset_s: of local time at a moment.

        wait: lets so many seconds pass, fewer where it returns True, which ends the thread.
        """
        self._policy = policy
        self._period_s = policy.period.total_seconds()
        self._store = store
        self._sync = sync
        self._cancel = cancel
        self._clock = clock
        self._utc_offset_s = _local_offset_s if utc_offset_s is None else utc_offset_s
        self._one = threading.Lock()  # who starts and stops
        self._stop = threading.Event()
        self._wait = self._stop.wait if wait is None else wait
        self._thread: threading.Thread | None = None
        self._syncing = False
        self.last_error = None

    @property
    def policy(self) -> Policy:
        """The app's policy."""
        return self._policy

    def next_slot(self) -> datetime:
        """Return when the next slot opens, or has opened if it is open and unused.

        Raises TryAgain (DISK_FULL, STORAGE_FAILED).
        """
        now = self._clock()
        number = self._period_at(now) - 1  # whose slot may lie behind midnight
        while number <= self._used(now) or self._slot(number) + SLOT_S <= now:
            number += 1
        return datetime.fromtimestamp(self._slot(number), UTC)

    def sync_if_due(self) -> SyncResult | None:
        """Sync if a slot is open, unused, and the policy's conditions hold; None if not.

        For apps that are woken by the system's own scheduler. Uses the slot up, also where the sync fails.
        Raises as `Personalizer.sync`.
        """
        now = self._clock()
        latest = self._period_at(now)
        for number in (latest - 1, latest):
            is_open = 0.0 <= now - self._slot(number) < SLOT_S and number > self._used(now)
            if is_open and self._policy.allows(self._policy.conditions()):
                self._store.set_setting(SLOT_USED, (f"{self._period_s:.0f}", str(number)))
                return self._sync()
        return None

    def start(self) -> None:
        """Sync in the slots to come, in a thread of its own, until `stop` or the profile is closed.

        Starting again changes nothing. What a sync fails with is in `last_error`; the next slot tries again.
        """
        with self._one:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stop.clear()
            self._thread = threading.Thread(target=self._work, name="quietkeys-schedule", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; a sync that it has under way is cancelled, and goes on in a later slot."""
        with self._one:
            thread, self._thread = self._thread, None
            self._stop.set()
            if self._syncing:
                self._cancel()
            if thread is not None and thread is not threading.current_thread():
                thread.join()

    def _work(self) -> None:
        last = -math.inf
        while not self._stop.is_set():
            try:
                instant = self._next_instant(last)
                if not self._reaches(instant):
                    return
                if instant <= self._clock() <= instant + LATE_S:
                    last = instant
                    self._look()
            except QuietkeysError as error:
                _LOG.warning("sync in a slot failed: %s", error.code.value)
                self.last_error = error
                if self._wait(POLL_S):
                    return

    def _look(self) -> None:
        self._syncing = True
        try:
            if self.sync_if_due() is not None:
                self.last_error = None
        finally:
            self._syncing = False

    def _next_instant(self, last: float) -> float:
        """Return when a sync may begin next, not before now and after the last instant."""
        now, slot = self._clock(), self.next_slot().timestamp()
        count = max(0, math.ceil((now - slot) / POLL_S))
        instant = slot + count * POLL_S
        return instant + POLL_S if instant == last else instant

    def _reaches(self, instant: float) -> bool:
        """Wait until an instant; return False where the thread is to end. A clock may be set meanwhile."""
        before = math.inf
        while 0.0 < (left_s := instant - self._clock()) <= before:
            if self._wait(min(left_s, POLL_S)):
                return False
            before = left_s
        return True

    def _period_at(self, now: float) -> int:
        return math.floor((now + self._utc_offset_s(now)) / self._period_s)

    def _slot(self, number: int) -> float:
        """Return when the slot of a period opens, in whole Unix seconds."""
        digest = hmac.digest(self._secret(), f"slot {number}".encode(), "sha256")
        chance = int.from_bytes(digest[:6], "big") / 2.0**48
        local = number * self._period_s + self._policy.offset_s(chance)
        return float(math.ceil(local - self._utc_offset_s(local)))

    def _secret(self) -> bytes:
        secret = self._store.setting(SLOT_SECRET)
        if secret is None:
            secret = secrets.token_bytes(32)
            self._store.set_setting(SLOT_SECRET, secret)
        return secret

    def _used(self, now: float) -> int:
        """Return the last period whose slot was used; 0 if periods were others, or the clock went back."""
        words = self._store.setting(SLOT_USED) or ()
        if len(words) != 2 or not all(map(str.isdecimal, words)) or int(words[0]) != int(self._period_s):
            return 0
        return int(words[1]) if int(words[1]) <= self._period_at(now) else 0


def _local_offset_s(moment: float) -> float:
    return float(time.localtime(moment).tm_gmtoff)
