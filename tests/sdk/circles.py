"""One person's devices, each with a profile of its own, at one trainer."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from quietkeys import ErrorCode, Outcome, Personalizer, QuietkeysError
from quietkeys.environment import Environment
from tests.sdk.conftest import Rig
from tests.sdk.sync.test_keys import Days

USED = (Outcome.APPLIED, Outcome.KEPT_OLD)


@dataclass(slots=True)
class Devices:
    """Devices of one person at one trainer, opened by name."""

    rig: Rig
    days: Days
    stack: ExitStack
    opened: dict[str, Personalizer] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Personalizer:
        """The device of this name, which has learned and synced once."""
        if name not in self.opened:
            environment = Environment(clock=self.days, sleep=self.rig.waited.append)
            self.opened[name] = self.stack.enter_context(self.rig.open_learned(name, environment=environment))
            assert self.opened[name].sync().outcome in USED
        return self.opened[name]

    def circle(self, *names: str) -> list[Personalizer]:
        """A circle of these devices; the first one invites, and all have synced since."""
        devices = [self[name] for name in names]
        for name, device in zip(names[1:], devices[1:], strict=True):
            device.circle.join(devices[0].circle.invite(names[0]).text, name)
        for _ in range(2):
            for device in devices:
                assert device.sync().outcome in USED
        return devices


def fingerprint(keyboard: Personalizer) -> str:
    """The keys of a device."""
    status = keyboard.keys.status()
    assert status is not None
    return status.fingerprint


def names(keyboard: Personalizer) -> list[str]:
    """The circle as a device sees it."""
    return [member.name for member in keyboard.circle.members()]


def code_of(call: object, *arguments: object) -> ErrorCode:
    """The code of the error that a call raises."""
    with pytest.raises(QuietkeysError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code
