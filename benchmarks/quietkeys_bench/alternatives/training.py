"""Trains reports of quietkeys for this bench: under real keys, with what the server spends, or with noise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quietkeys.arrays import Int64
from quietkeys.bundle.bundle import Bundle
from quietkeys_bench.common.circles import (
    CircleTraining,
    EncryptedTraining,
    Report,
    SimulatedTraining,
    encrypted_circle,
)
from quietkeys_bench.common.subject import Mode
from quietkeys_protocol.plan import Plan

DEVICES = 2


@dataclass(frozen=True, slots=True)
class Trained:
    """A step, how it was trained, and the server's processor seconds, None where none were spent."""

    step: Mapping[str, Int64]
    mode: Mode
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Training:
    """Trains under real keys where there is a trainer, else with modelled noise."""

    noisy: CircleTraining
    real: EncryptedTraining | None
    log: Path

    def alone(self, report: Report, *, execute: bool) -> Trained:
        """Return the step of one device's report."""
        return self._trained([report], execute)

    def joined(self, parts: Sequence[Report], *, execute: bool) -> Trained:
        """Return the step of what devices send, each its part."""
        return self._trained(parts, execute)

    def _trained(self, parts: Sequence[Report], execute: bool) -> Trained:
        real = self.real if execute else None
        training: CircleTraining = self.noisy if real is None else real
        before = _spent(self.log)
        step = training.alone(parts[0]) if len(parts) == 1 else training.joined(parts)
        if real is None:
            return Trained(step, Mode.SIMULATE, None)
        return Trained(step, Mode.EXECUTE, _spent(self.log) - before)


@contextmanager
def training(bundle: Bundle, plan: Plan, folder: Path, *, real: bool) -> Iterator[Training]:
    """Yield what trains; real: with a trainer that is started for it. Keys lie in `folder`."""
    log = folder / "trainer" / "log"
    if not real:
        yield Training(SimulatedTraining(plan), None, log)
        return
    with encrypted_circle(bundle, folder, DEVICES) as made:
        yield Training(SimulatedTraining(plan), made, log)


def _spent(log: Path) -> float:
    # Processor seconds of all circuits so far, as the trainer says.
    if not log.exists():
        return 0.0
    total = 0.0
    for line in log.read_text(errors="replace").splitlines():
        if '"circuit_done"' in line:
            said = json.loads(line)
            total += float(said["cpu_seconds"])
    return total
