"""The front door of an app that learns from examples: consent, one round, what it predicts, forgetting.

A round sends encrypted batches of examples and the weights in use, waits, and judges what comes back. What is
sent and when depends on no decrypted value. A round that is cut short is lost, with what the trainer computed
for it; the next one begins anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from filelock import FileLock, Timeout

from quietkeys.api.trainer import Trainer
from quietkeys.arrays import Float64, Int64
from quietkeys.environment import Environment
from quietkeys.files import make_folder, translated
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport, Transport
from quietkeys.remote.identity import identity_for
from quietkeys.remote.trust import DeletionReceipt
from quietkeys.sgd.concrete_keys import ConcreteKeys
from quietkeys.sgd.judging import Examples, Verdict, arrays_of, check_against_reference, judge
from quietkeys.sgd.parameters import SgdParameters
from quietkeys.sgd.state import StateFile
from quietkeys.sync.keys.upload import upload_keys
from quietkeys.vault.header import Vault
from quietkeys.vault.protection import Protection
from quietkeys_protocol.containers import Report, decode_update, encode_report
from quietkeys_protocol.errors import (
    ErrorCode,
    QuietkeysError,
    Refused,
    StartOver,
    TryAgain,
    Untrusted,
)
from quietkeys_protocol.messages import JobState

ASIDE_SHARE: Final = 3  # one example of so many is kept aside, the same ones in every round
POLL_S: Final = 1.0
LONGEST_S: Final = 3600.0  # that a round is waited for
LOCK: Final = "lock"
KEYS: Final = "keys"


@dataclass(frozen=True, slots=True, repr=False)
class Trained:
    """How a round ended. Private: neither the outcome nor anything else of it is ever sent.

    reason: a sentence for the user. before, after: accuracy on examples that were kept aside, from 0 to 1,
    `after` also where the update was not applied; nan where there were too few. bytes_sent, bytes_received:
    bodies, by what they were for.
    """

    applied: bool
    reason: str
    before: float
    after: float
    bytes_sent: Mapping[str, int]
    bytes_received: Mapping[str, int]


class Learner:
    """One person's weights in a folder, and a trainer. Close it, or use it as a context.

    Made by `Learner.open`.
    """

    def __init__(
        self,
        folder: Path,
        parameters: SgdParameters,
        trainer: Trainer,
        vault: Vault,
        lock: FileLock,
        transport: Transport | None,
        environment: Environment,
    ) -> None:
        self._folder, self._parameters, self._trainer = folder, parameters, trainer
        self._lock, self._key = lock, vault.key
        self._transport, self._environment = transport, environment
        self._state = StateFile(folder, vault.key, parameters.plan.hash)
        self._keys = ConcreteKeys(folder / KEYS, parameters, vault.key)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        parameters: SgdParameters,
        trainer: Trainer,
        protection: Protection | None = None,
        transport: Transport | None = None,
        environment: Environment | None = None,
    ) -> Self:
        """Open a folder, which nobody else has open, or make it.

        protection: of its vault, as a profile's. transport: in place of HTTP. environment: time and chance,
        the real ones if None. Raises Refused (PROFILE_LOCKED, PROFILE_SEALED), Untrusted
        (PROFILE_DAMAGED), TryAgain (DISK_FULL, STORAGE_FAILED, KEY_STORE_FAILED).
        """
        place = Path(folder)
        make_folder(place)
        lock = FileLock(place / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise Refused(ErrorCode.PROFILE_LOCKED) from error
        try:
            known = Vault.exists(place)
            vault = Vault.open(place, protection) if known else Vault.create(place, protection)
            return cls(place, parameters, trainer, vault, lock, transport, environment or Environment())
        except BaseException:
            lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the folder go."""
        self._lock.release()

    def agree(self, statement: str) -> None:
        """Put on record, word for word, what the user agrees to; nothing is sent before."""
        at = self._environment.clock()
        self._state.write(replace(self._state.now, consent=statement, consented_at=at))

    @property
    def weights(self) -> Float64:
        """The weights in use, [d]; zeros at first."""
        return self._parameters.plan.weight_grid.reals(self._weights)

    def predict(self, values: Float64) -> Float64:
        """Return how likely the label 1 is, [N], for values [N, d]."""
        chances: Float64 = 1.0 / (1.0 + np.exp(-(self._parameters.plan.scaled(values) @ self.weights)))
        return chances

    def train(self, examples: Examples, tell: Callable[[str], None] = lambda _: None) -> Trained:
        """Run one round on all examples that there are; return how it ended. tell: hears each step.

        Raises Refused (CONSENT_MISSING) before anything is sent, Refused (VALUE_OUT_OF_RANGE) for fewer
        examples than a batch or other shapes, and as a sync of the keyboard does.
        """
        if not self._state.now.consent:
            raise Refused(ErrorCode.CONSENT_MISSING)
        around = self._environment
        learnt, aside = self._parted(examples)
        plan = self._parameters.plan
        rows = [around.rng.choice(len(learnt), plan.batch, replace=False) for _ in range(plan.batches)]
        arrays = arrays_of(plan, [learnt.at(one) for one in rows], self._weights)
        client = self._client()
        self._trust(client.enrol())
        tell("keys")
        key_id = self._keys.ensure()
        upload_keys(client, self._keys.evaluation_keys, key_id)
        tell("encrypt")
        container = self._container(key_id, arrays)
        tell("train")
        job = client.post_report(container, around.nonce())
        self._wait(client, job)
        tell("judge")
        verdict = self._settled(key_id, job, client.fetch_update(job), arrays, aside)
        what = "was applied" if verdict.applied else "was not applied"
        sent, received = client.traffic.sent, client.traffic.received
        return Trained(
            applied=verdict.applied,
            reason=f"The update {what}: {verdict.reason}.",
            before=verdict.before,
            after=verdict.after,
            bytes_sent={kind.value: size for kind, size in sent.items() if size},
            bytes_received={kind.value: size for kind, size in received.items() if size},
        )

    def forget(self) -> None:
        """Have the trainer delete this device, verify that it signed that it did, and remove the folder.

        Raises as `TrainerClient`, and Untrusted (DELETION_UNPROVEN); then nothing was removed.
        """
        if self._state.now.trainer_key:
            receipt = self._client().delete_device()
            key = bytes.fromhex(self._state.now.trainer_key)
            DeletionReceipt.of(receipt, self._trainer.url, key)
        self.close()
        with translated():
            shutil.rmtree(self._folder)

    @property
    def _weights(self) -> Int64:
        return np.array(self._state.now.weights or [0] * self._parameters.plan.width, dtype=np.int64)

    def _client(self) -> TrainerClient:
        trainer = self._trainer
        identity = identity_for(self._folder, trainer.url, self._key)
        through = self._transport or RequestsTransport(trainer.url, certificates=trainer.certificates)
        return TrainerClient(identity, through, self._environment, trainer.enrolment_token)

    def _trust(self, shown: bytes) -> None:
        """Trust the app's key of the trainer, or the first that it shows, and no other."""
        known = self._trainer.key or bytes.fromhex(self._state.now.trainer_key)
        if known and known != shown:
            raise Untrusted(ErrorCode.TRAINER_KEY_CHANGED)
        if self._state.now.trainer_key != shown.hex():
            self._state.write(replace(self._state.now, trainer_key=shown.hex()))

    def _parted(self, examples: Examples) -> tuple[Examples, Examples]:
        """Return examples to learn from, and those kept aside: which is which only this device can tell."""
        values, labels = examples.values, examples.labels
        plan = self._parameters.plan
        if values.ndim != 2 or values.shape != (len(labels), plan.width) or not np.isfinite(values).all():
            raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, "values")
        if not np.isin(labels, (0, 1)).all():
            raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, "labels")
        names = [self._key.name("sgd", row.astype("<f8").tobytes().hex()) for row in values]
        aside = np.array([int.from_bytes(name) % ASIDE_SHARE == 0 for name in names], dtype=bool)
        learnt = examples.at(np.flatnonzero(~aside))
        if len(learnt) < plan.batch:
            raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, "fewer examples than a batch")
        return learnt, examples.at(np.flatnonzero(aside))

    def _container(self, key_id: str, arrays: list[Int64]) -> bytes:
        sequence = self._state.now.sequence + 1
        values = tuple(self._keys.encrypt(arrays))
        self._state.write(replace(self._state.now, sequence=sequence))
        plan_hash = bytes.fromhex(self._parameters.plan.hash)
        return encode_report(Report(plan_hash, bytes.fromhex(key_id), 0, 1, sequence, values))

    def _wait(self, client: TrainerClient, job: str) -> None:
        around = self._environment
        deadline = around.monotonic() + LONGEST_S
        while (state := client.job(job).state) in (JobState.QUEUED, JobState.RUNNING):
            if around.monotonic() > deadline:
                raise TryAgain(ErrorCode.UPDATE_NOT_READY)
            around.sleep(POLL_S)
        if state is not JobState.DONE:
            raise StartOver(ErrorCode.JOB_FAILED)

    def _settled(
        self, key_id: str, job: str, container: bytes, arrays: list[Int64], aside: Examples
    ) -> Verdict:
        """Judge an update and use it if it helps; nothing of this is ever sent."""
        plan, old = self._parameters.plan, self._weights
        try:
            update = decode_update(container)
            names = (update.plan_hash.hex(), update.key_id.hex(), update.job_id.hex())
            if names != (plan.hash, key_id, job):
                raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "another plan, key or job")
            new = self._keys.decrypt(update.ciphertexts)
            check_against_reference(plan, arrays, new)
        except QuietkeysError:
            return Verdict(False, "it cannot be what these examples give", np.nan, np.nan)
        verdict = judge(plan, aside, old, new)
        if verdict.applied:
            self._state.write(replace(self._state.now, weights=tuple(map(int, new))))
        return verdict
