"""Running trainers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from quietkeys_protocol.plan import Plan
from tests.trainer.device import Device
from tests.trainer.running import Trainer, fake_keys, fake_values, running


@dataclass(frozen=True, slots=True)
class Rig:
    """A running trainer and what its plan takes: keys by name, and the values of a report by number."""

    trainer: Trainer
    keys: Callable[[str], bytes]
    values: Callable[[int], tuple[bytes, ...]]

    @property
    def plan(self) -> Plan:
        """The plan it serves."""
        return self.trainer.plan

    def ready_device(self) -> Device:
        """An enrolled device whose keys `one` are stored."""
        device = self.trainer.device()
        assert device.put_keys(self.keys("one")).status_code == 201
        return device


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One trainer with two workers for all tests of behaviour; each test brings its own devices."""
    with running(tmp_path_factory.mktemp("trainer"), "--workers", "2") as trainer:
        yield Rig(
            trainer,
            keys=lambda name: fake_keys(name.encode()),
            values=lambda number: fake_values(b"report %d" % number),
        )
