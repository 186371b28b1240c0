"""How benches train what a circle adds up: in clear, with modelled noise, or encrypted."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Int64
from quietkeys.bundle.bundle import Bundle, shipped_bundle
from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.evaluation.ladder import reference_weights
from quietkeys.evaluation.messages import Word
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import upload_keys
from quietkeys.updates.report import Encoded, share_among
from quietkeys_bench.common.subject import Mode
from quietkeys_bench.common.training import Reports, simulated
from quietkeys_protocol.plan import Plan

Report = Mapping[str, Encoded]


class CircleTraining(Protocol):
    """Trains reports of one device, and of several that add up."""

    def alone(self, report: Report) -> Mapping[str, Int64]:
        """Return the weights of one device's report."""
        ...

    def joined(self, parts: Sequence[Report]) -> Mapping[str, Int64]:
        """Return the weights of what devices send, each its part."""
        ...


@dataclass(frozen=True, slots=True)
class ClearTraining:
    """The integer program in the clear."""

    plan: Plan

    def alone(self, report: Report) -> Mapping[str, Int64]:
        """See `CircleTraining`."""
        return reference_weights(self.plan, report)

    def joined(self, parts: Sequence[Report]) -> Mapping[str, Int64]:
        """See `CircleTraining`."""
        return reference_weights(self.plan, added(self.plan, parts))


@dataclass(slots=True)
class SimulatedTraining:
    """The integer program with the noise of an encrypted run, another each time."""

    plan: Plan
    run: int = 0

    def alone(self, report: Report) -> Mapping[str, Int64]:
        """See `CircleTraining`."""
        self.run += 1
        return simulated(self.plan, report, self.run)

    def joined(self, parts: Sequence[Report]) -> Mapping[str, Int64]:
        """See `CircleTraining`."""
        return self.alone(added(self.plan, parts))


@dataclass(frozen=True, slots=True)
class EncryptedTraining:
    """Devices of a circle at a trainer: identities and encryption processes of their own, one key set."""

    devices: Sequence[Reports]

    def alone(self, report: Report) -> Mapping[str, Int64]:
        """See `CircleTraining`."""
        return self.devices[0].train(report)

    def joined(self, parts: Sequence[Report]) -> Mapping[str, Int64]:
        """See `CircleTraining`. The last device's job trains on the latest reports of all."""
        *others, last = range(len(parts))
        for source in others:
            self.devices[source].send(parts[source], source=source, sources=len(parts))
        return self.devices[last].train(parts[last], source=last, sources=len(parts))


def in_turn(words: Sequence[Word], devices: int) -> list[list[Word]]:
    """Return the words that are typed on each device, session by session in turn."""
    return [[word for word in words if word.session % devices == place] for place in range(devices)]


def shares(report: Report, devices: int, rng: Generator) -> dict[str, Encoded]:
    """Return one device's part of a report that devices add up."""
    return {name: share_among(block, devices, rng) for name, block in report.items()}


def added(plan: Plan, parts: Sequence[Report]) -> dict[str, Encoded]:
    """Return the sum of what devices send, as the trainer makes it of ciphertexts."""
    return {block.name: _sum(parts, block.name) for block in plan.blocks}


@contextmanager
def circle_training(mode: Mode, devices: int = 2) -> Iterator[CircleTraining]:
    """Yield what trains reports of the shipped plan in a mode: in execute mode a trainer started for it."""
    bundle = shipped_bundle()
    if mode is Mode.EXECUTE:
        with (
            tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as folder,
            encrypted_circle(bundle, Path(folder), devices) as training,
        ):
            yield training
        return
    plan = Plan.parse(bundle["plan.json"])
    yield ClearTraining(plan) if mode is Mode.CLEAR else SimulatedTraining(plan)


@contextmanager
def encrypted_circle(bundle: Bundle, folder: Path, devices: int = 2) -> Iterator[EncryptedTraining]:
    """Yield what trains a bundle's plan for devices under shared keys, for as long as the block lasts.

    Everything it needs lies in `folder`, keys included, which the caller removes.
    """
    parameters = Parameters.of(Plan.parse(bundle["plan.json"]), bundle["client_specification.json"])
    pinned = bundle.manifest.client_specification
    with ExitStack() as stack:
        trainer = stack.enter_context(trainer_process(folder / "trainer", parameters.plan, pinned))
        url = trainer.wait_until_ready()
        ciphers = [
            stack.enter_context(ProcessCipher(folder / f"device-{number}", parameters))
            for number in range(devices)
        ]
        clients = [TrainerClient(Identity.generate(), RequestsTransport(url)) for _ in ciphers]
        for client in clients:
            client.enrol()
        ciphers[0].generate_keys()
        keys = folder / "evaluation-keys"
        key_id = ciphers[0].write_evaluation_keys(keys)
        upload_keys(clients[0], keys, key_id)
        for cipher, client in zip(ciphers[1:], clients[1:], strict=True):
            claim, sealing_key = secrets.token_bytes(32), secrets.token_bytes(32)
            invitation = secrets.token_hex(16)
            clients[0].invite(invitation, hashlib.sha256(claim).hexdigest(), ciphers[0].share(sealing_key))
            cipher.adopt(sealing_key, client.claim(invitation, claim).package)
        yield EncryptedTraining(
            [
                Reports(parameters.plan, cipher, client, key_id)
                for cipher, client in zip(ciphers, clients, strict=True)
            ]
        )


def _sum(parts: Sequence[Report], block: str) -> Encoded:
    own = [part[block] for part in parts]
    return Encoded(
        np.sum([one.strength for one in own], axis=0),
        np.sum([one.gradient for one in own], axis=0),
    )
