"""How the bench of a circle trains: in the clear, or by a trainer with two devices that share keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.bundle.bundle import Bundle
from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.evaluation.ladder import reference_weights
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import upload_keys
from quietkeys.updates.report import Encoded
from quietkeys_bench.common.training import Reports
from quietkeys_protocol.plan import Plan

Report = Mapping[str, Encoded]


class CircleTraining(Protocol):
    """Trains reports of one device, and of two that add up."""

    def alone(self, report: Report) -> Mapping[str, Int64]:
        """Return the weights of one device's report."""
        ...

    def joined(self, parts: Sequence[Report]) -> Mapping[str, Int64]:
        """Return the weights of what two devices send, each its part."""
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
        return reference_weights(
            self.plan, {block.name: _sum(parts, block.name) for block in self.plan.blocks}
        )


@dataclass(frozen=True, slots=True)
class EncryptedTraining:
    """Two devices of a circle at a trainer: two identities, two encryption processes, one key set."""

    first: Reports
    second: Reports

    def alone(self, report: Report) -> Mapping[str, Int64]:
        """See `CircleTraining`."""
        return self.first.train(report)

    def joined(self, parts: Sequence[Report]) -> Mapping[str, Int64]:
        """See `CircleTraining`. The second device's job trains on the latest reports of both."""
        self.first.send(parts[0], source=0, sources=len(parts))
        return self.second.train(parts[1], source=1, sources=len(parts))


@contextmanager
def encrypted_circle(bundle: Bundle, folder: Path) -> Iterator[EncryptedTraining]:
    """Yield what trains a bundle's plan for two devices under shared keys, for as long as the block lasts.

    Everything it needs lies in `folder`, keys included, which the caller removes.
    """
    parameters = Parameters.of(Plan.parse(bundle["plan.json"]), bundle["client_specification.json"])
    pinned = bundle.manifest.client_specification
    with ExitStack() as stack:
        trainer = stack.enter_context(trainer_process(folder / "trainer", parameters.plan, pinned))
        url = trainer.wait_until_ready()
        ciphers = [stack.enter_context(ProcessCipher(folder / name, parameters)) for name in ("one", "two")]
        clients = [TrainerClient(Identity.generate(), RequestsTransport(url)) for _ in ciphers]
        for client in clients:
            client.enrol()
        ciphers[0].generate_keys()
        keys = folder / "evaluation-keys"
        key_id = ciphers[0].write_evaluation_keys(keys)
        upload_keys(clients[0], keys, key_id)
        claim, sealing_key = secrets.token_bytes(32), secrets.token_bytes(32)
        invitation = secrets.token_hex(16)
        clients[0].invite(invitation, hashlib.sha256(claim).hexdigest(), ciphers[0].share(sealing_key))
        ciphers[1].adopt(sealing_key, clients[1].claim(invitation, claim).package)
        first, second = (
            Reports(parameters.plan, cipher, client, key_id)
            for cipher, client in zip(ciphers, clients, strict=True)
        )
        yield EncryptedTraining(first, second)


def _sum(parts: Sequence[Report], block: str) -> Encoded:
    own = [part[block] for part in parts]
    return Encoded(
        np.sum([one.strength for one in own], axis=0),
        np.sum([one.gradient for one in own], axis=0),
        np.sum([one.weights for one in own], axis=0),
    )
