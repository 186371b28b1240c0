"""When a device may sync by itself: what the app's policy asks for, and what the app says holds now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from quietkeys.updates.gate import MINIMUM_EVENTS

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
        """Raises ValueError for hours that are none, and for a period or a trial too short to mean much."""
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
