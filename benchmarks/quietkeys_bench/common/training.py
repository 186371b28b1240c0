"""How benches train: by the integer program with modelled noise, or by a trainer that is started for it.

The noise: a look-up reads the top four bits of an encrypted number. Before it is read, the noise of the key
switch and the rounding to the bootstrap's modulus move the number; where it lies that close to an edge of the
table, the neighbouring entry comes out. The compiler chooses parameters so that the move exceeds half a table
level with probability p_error: at 2^-40 that is 7.14 standard deviations, so one is 0.070 of a level. The
shipped client specification says the same: with 771 and 2048 dimensions, key switch of 5 digits to base 8,

    key switch  2048 * 5 * (8^2 + 2) / 12 * 4.8e-11  +  2048 / 2 / (12 * 8^10)  =  2.8e-6
    rounding    (771 / 2 + 1) / 12 / 4096^2                                     =  1.9e-6

in units of the torus squared, where a level of a 4-bit table is 1/32: 0.069 of a level. That the model is
right is shown by real runs, which have the same agreement figures.
"""

from __future__ import annotations

import secrets
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Int64
from quietkeys.bundle.bundle import Bundle
from quietkeys.cipher import Cipher, Parameters, ProcessCipher
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.evaluation.rounds import Train
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import upload_keys
from quietkeys.updates.report import Encoded
from quietkeys_protocol.codes import ErrorCode
from quietkeys_protocol.containers import Report, decode_update, encode_report
from quietkeys_protocol.errors import StartOver, TryAgain
from quietkeys_protocol.messages import JobState
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import Clear, reference, train

NOISE: Final = 0.07  # standard deviation before a look-up, in levels of its table
POLL_S: Final = 0.5
LONGEST_S: Final = 900.0  # for one job; a minute on 2 idle cores


class Noisy(Clear):
    """Look-ups on int64 arrays that were moved by noise first."""

    def __init__(self, rng: Generator, noise: float = NOISE) -> None:
        """noise: standard deviation, in levels of the table that is read."""
        self._rng = rng
        self._noise = noise

    def look_up(self, values: Any, drop: int, table: tuple[int, ...]) -> Any:
        """Return `table[(value + noise) >> drop]`."""
        moved = values + self._rng.normal(0.0, self._noise * (1 << drop), np.shape(values))
        return super().look_up(np.rint(moved).astype(np.int64), drop, table)


def simulated(plan: Plan, report: Mapping[str, Encoded], run: int = 0) -> dict[str, Int64]:
    """Return the new weights of a report, trained with noise; equal reports get equal noise in equal runs."""
    weights: dict[str, Int64] = {}
    for block in plan.blocks:
        given = report[block.name]
        rng = np.random.default_rng([run, zlib.crc32(given.strength.tobytes() + given.gradient.tobytes())])
        weights[block.name] = train(block, given.strength, given.gradient, Noisy(rng))
    return weights


def field_of(plan: Plan, report: Mapping[str, Encoded], step: Mapping[str, Int64]) -> tuple[list[str], float]:
    """Return (the blocks whose training left its field or its limits, the farthest |z| of any block).

    The latter in halves of the block's field: of the run in the clear all along, of what came back its end.
    """
    spilled: list[str] = []
    farthest = 0.0
    for block in plan.blocks:
        given = report[block.name]
        _, reach = reference(block, given.strength, given.gradient)
        ended = float(np.abs(block.A @ step[block.name]).max())
        far = max(-int(reach.z_low), int(reach.z_high), ended) / (1 << (block.z_bits - 1))
        farthest = max(farthest, far)
        if far > 1.0 or not reach.inside(block):
            spilled.append(block.name)
    return spilled, farthest


@dataclass(slots=True)
class Reports:
    """Sends one person's report after the other under the same key, and waits for each update."""

    plan: Plan
    cipher: Cipher
    client: TrainerClient
    key_id: str
    sequence: int = field(default=0)

    def train(self, report: Mapping[str, Encoded], source: int = 0, sources: int = 1) -> Mapping[str, Int64]:
        """Return the new weights of a report, through encryption and back; source: of those that add up."""
        job = self.send(report, source, sources)
        self._wait(job)
        decrypted = self.cipher.decrypt(decode_update(self.client.fetch_update(job)).ciphertexts)
        return {block.name: weights for block, weights in zip(self.plan.blocks, decrypted, strict=True)}

    def send(self, report: Mapping[str, Encoded], source: int = 0, sources: int = 1) -> str:
        """Send a report; return its job."""
        arrays = []
        for block in self.plan.blocks:
            encoded = report[block.name]
            arrays += [encoded.strength, encoded.gradient]
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
    """Yield what trains a bundle's plan under real keys, for as long as the block lasts.

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
