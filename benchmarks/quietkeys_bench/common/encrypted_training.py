"""Training of many people's reports by a trainer that is started for it: one key set, one process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.bundle.bundle import Bundle
from quietkeys.cipher import Cipher, Parameters, ProcessCipher
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys.remote.parse import JobState
from quietkeys.sync.keys.upload import upload_keys
from quietkeys.updates.report import Encoded
from quietkeys_bench.personalization.one_person import Train
from quietkeys_protocol.containers import Report, decode_update, encode_report
from quietkeys_protocol.errors import ErrorCode, StartOver, TryAgain
from quietkeys_protocol.plan import Plan

POLL_S: Final = 0.5
LONGEST_S: Final = 900.0  # for one job; a minute on 2 idle cores

Integers = NDArray[np.int64]


@dataclass(slots=True)
class Reports:
    """Sends one person's report after the other under the same key, and waits for each update."""

    plan: Plan
    cipher: Cipher
    client: TrainerClient
    key_id: str
    sequence: int = field(default=0)

    def train(
        self, report: Mapping[str, Encoded], source: int = 0, sources: int = 1
    ) -> Mapping[str, Integers]:
        """Return the new weights of a report, through encryption and back; source: of those that add up."""
        job = self.send(report, source, sources)
        self._wait(job)
        decrypted = self.cipher.decrypt(decode_update(self.client.fetch_update(job)).ciphertexts)
        return {block.name: weights for block, weights in zip(self.plan.blocks, decrypted, strict=True)}

    def send(self, report: Mapping[str, Encoded], source: int = 0, sources: int = 1) -> str:
        """Return the job of a report."""
        arrays = []
        for block in self.plan.blocks:
            encoded = report[block.name]
            arrays += [encoded.strength, encoded.gradient, encoded.weights]
        self.sequence += 1
        container = encode_report(
            Report(
                plan_hash=bytes.fromhex(self.cipher.plan_hash()),
                key_id=bytes.fromhex(self.key_id),
                source=source,
                sources=sources,
                sequence=self.sequence,
                ciphertexts=tuple(self.cipher.encrypt(arrays)),
            )
        )
        return self.client.post_report(container, secrets.token_hex(16))

    def _wait(self, job: str) -> None:
        deadline = time.monotonic() + LONGEST_S
        while (state := self.client.job(job).state) in (JobState.QUEUED, JobState.RUNNING):
            if time.monotonic() > deadline:
                raise TryAgain(ErrorCode.TRAINER_BUSY, f"no update after {LONGEST_S:.0f} s")
            time.sleep(POLL_S)
        if state is not JobState.DONE:
            raise StartOver(ErrorCode.JOB_FAILED)


@contextmanager
def encrypted_training(bundle: Bundle, folder: Path) -> Iterator[Train]:
    """What trains a bundle's plan under real keys, for as long as the block lasts.

    Everything it needs lies in `folder`, keys included, which the caller removes.
    """
    parameters = Parameters.of(Plan.parse(bundle["plan.json"]), bundle["client_specification.json"])
    pinned = bundle.manifest.client_specification
    with trainer_process(folder / "trainer", parameters.plan, pinned) as trainer:
        cipher = ProcessCipher(folder / "keys", parameters)
        try:
            cipher.generate_keys()
            client = TrainerClient(Identity.generate(), RequestsTransport(trainer.wait_until_ready()))
            client.enrol()
            keys = folder / "evaluation-keys"
            key_id = cipher.write_evaluation_keys(keys)
            upload_keys(client, keys, key_id)
            yield Reports(parameters.plan, cipher, client, key_id).train
        finally:
            cipher.close()
