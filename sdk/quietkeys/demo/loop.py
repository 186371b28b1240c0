"""The loop, once: type, count, encrypt, train, decrypt, judge, apply; and the ladder of what it was worth.

While the trainer works, the rungs that need no encryption are measured in a thread that yields to it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys.api.trainer import Trainer
from quietkeys.bundle.bundle import SHIPPED, Bundle, open_bundle
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.figures import Cost, Figures, ladder_of
from quietkeys.demo.person import RATE, Desk, demo_writer, type_into
from quietkeys.demo.screen import Screen
from quietkeys.demo.trainer_process import TrainerProcess, trainer_process
from quietkeys.demo.watching import WatchedCipher
from quietkeys.evaluation.ladder import Learner, Tested, split, try_person, yardsticks
from quietkeys.evaluation.machine import this_machine
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.rounds import evidence_of, round_adapters, rounds
from quietkeys.evaluation.writer import Writer
from quietkeys.personalizer import Personalizer
from quietkeys.prediction.model import load_model
from quietkeys.remote.client import TrafficKind
from quietkeys.sync.result import Outcome, Step, SyncResult
from quietkeys.sync.result import Progress as SyncProgress
from quietkeys.sync.schedule import Policy
from quietkeys.testing.profiles import open_profile
from quietkeys.updates.versions import Weights, adapter_of
from quietkeys_protocol.plan import Plan

TRAINS_WITHIN_S: Final = 900.0  # a minute on 2 idle cores
_STATEMENT: Final = "Encrypted counts of this typing go to the demo's own trainer on this machine."
_POLITE: Final = 15  # the niceness of measuring beside the trainer
_SENTENCES: Final = {
    Step.ENROL: "enrolling the device",
    Step.GENERATE_KEYS: "making keys; the secret ones stay here",
    Step.UPLOAD_KEYS: "sending the evaluation keys",
    Step.ENCRYPT: "encrypting the counts",
    Step.SEND: "sending the report",
    Step.QUEUE: "waiting for its turn at the trainer",
    Step.TRAIN: "the trainer trains on ciphertexts",
    Step.FETCH: "fetching the encrypted update",
    Step.DECRYPT: "decrypting it here",
    Step.JUDGE: "judging it on held-out typing",
}


@dataclass(frozen=True, slots=True)
class Given:
    """What the demo works on; the bundle folder and who may sign it are tests' to change."""

    words: Sequence[Word]
    seed: int
    bundle: Path = SHIPPED / "en"
    trusted_keys: Sequence[bytes] = TRUSTED_KEYS


def run_loop(given: Given, folder: Path, screen: Screen) -> Figures:
    """Return what one round of the loop was worth and cost.

    folder: for everything that is made on the way, keys included; the caller removes it. Raises
    QuietkeysError, OSError, DemoFailed.
    """
    bundle = open_bundle(given.bundle, trusted_keys=given.trusted_keys)
    parameters = _parameters(bundle)
    pinned = bundle.manifest.client_specification
    with trainer_process(folder / "trainer", parameters.plan, pinned) as trainer:
        learnt, tested = split(given.words)
        writer = demo_writer(given.seed)
        desk = Desk(folder / "profile", given.bundle, given.trusted_keys)
        sentence = f"typing and counting {len(learnt)} words, {RATE:.0%} of letters wrong"
        with screen.step("type", sentence) as step:
            model = load_model(bundle)
            learner = type_into(desk, model, learnt, writer, step.progress)
        with screen.step("trainer", "waiting for the trainer to compile the plan"):
            url = trainer.wait_until_ready()
        with closing(learner.store):
            round_ = _Round(screen, learner, tested, writer)
            cipher = WatchedCipher(ProcessCipher(desk.profile / "keys", parameters))
            with open_profile(
                desk.profile,
                trainer=Trainer(url),
                bundle=desk.bundle,
                trusted_keys=desk.trusted_keys,
                cipher=lambda _folder, _plan: cipher,
                policy=Policy(minimum_events=0),  # a round of a few words shows what a round is
            ) as keyboard:
                keyboard.consent.give(_STATEMENT)
                result = round_.sync(keyboard)
            ladder = round_.ladder(parameters.plan, cipher)
        cost = _cost(parameters, result, trainer)
    return Figures(
        cost=cost,
        ladder=ladder_of(ladder, RATE),
        applied=result.outcome is Outcome.APPLIED,
        reason=result.reason,
        machine=this_machine(),
        seed=given.seed,
        words=len(given.words),
        seconds={**screen.seconds, "all": screen.total_seconds()},
    )


class _Round:
    """One sync, with the clear rungs measured while the trainer trains."""

    def __init__(self, screen: Screen, learner: Learner, words: Sequence[Word], writer: Writer) -> None:
        self._screen = screen
        self._learner = learner
        self._words = words
        self._writer = writer
        self._clear: Future[Tested] | None = None
        self._worker = ThreadPoolExecutor(1, "measuring")
        self._training = threading.Event()

    def sync(self, keyboard: Personalizer) -> SyncResult:
        """Sync, measuring the clear rungs as well; return how the sync ended."""
        self._clear = self._worker.submit(self._measure)
        shown = _Shown(self._screen)
        try:
            with self._screen.step("sync", "one sync with the trainer") as live:

                def progress(now: SyncProgress) -> None:
                    live.rename(_SENTENCES[now.step])
                    shown.begin(now)
                    if now.step is Step.QUEUE:
                        self._training.set()

                result = keyboard.sync(progress, TRAINS_WITHIN_S)
                shown.end()
        finally:
            self._training.set()
            self._worker.shutdown(wait=True, cancel_futures=True)
        if result.verdict is None:
            raise DemoFailed(
                result.reason, "Run the demo again; if it repeats, report it with this sentence."
            )
        return result

    def ladder(self, plan: Plan, cipher: WatchedCipher) -> Tested:
        """Return how every rung did on the text kept back."""
        if self._clear is None:
            raise AssertionError("sync comes first")
        tested = self._clear.result()
        weights = {block.name: u for block, u in zip(plan.blocks, cipher.decrypted, strict=True)}
        with self._screen.step("test", f"trying the update on {len(self._words)} words kept back") as step:
            adapters = {"encrypted": adapter_of(plan, Weights(1, weights))}
            encrypted = try_person(self._learner, self._words, self._writer, adapters, progress=step.progress)
        tested.right["encrypted"] = encrypted.right["encrypted"]
        return tested

    def _measure(self) -> Tested:
        self._training.wait()
        if sys.platform == "linux":  # where a priority may be that of a thread alone
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _POLITE)
        learner, total = self._learner, len(self._words)
        with self._screen.step(
            "measure", f"meanwhile, trying the clear rungs on {total} words kept back"
        ) as step:
            made = list(rounds(learner.model, evidence_of(learner), 1, gated=False))
            adapters = yardsticks(learner) | round_adapters(learner.model.plan, made, encrypted=False)
            return try_person(learner, self._words, self._writer, adapters, progress=step.progress)


class _Shown:
    """Prints a line for every step of the sync when it ends, with the bytes that left in it."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._now: SyncProgress | None = None
        self._began = 0.0

    def begin(self, now: SyncProgress) -> None:
        """End the step before and begin this one."""
        if self._now is None or self._now.step is not now.step:
            self.end(now)
            self._now, self._began = now, time.monotonic()

    def end(self, then: SyncProgress | None = None) -> None:
        """Print the line of the step under way; then: what follows."""
        before = self._now
        if before is not None:
            sent = then.bytes_sent - before.bytes_sent if then else 0
            received = then.bytes_received - before.bytes_received if then else 0
            remark = ", ".join(
                f"{size:,} bytes {way}" for size, way in ((sent, "sent"), (received, "received")) if size
            )
            self._screen.ended(
                before.step.value, _SENTENCES[before.step], time.monotonic() - self._began, remark
            )


def _parameters(bundle: Bundle) -> Parameters:
    return Parameters.of(Plan.parse(bundle["plan.json"]), bundle["client_specification.json"])


def _cost(parameters: Parameters, result: SyncResult, trainer: TrainerProcess) -> Cost:
    job = trainer.job_figures()
    return Cost(
        p_error=parameters.plan.p_error,
        security_bits=parameters.security_bits,
        bootstraps=parameters.plan.look_ups,
        server_seconds=job.seconds,
        worker_peak_rss_bytes=job.peak_rss_bytes,
        evaluation_key_bytes=result.bytes_sent[TrafficKind.KEYS.value],
        upload_bytes=result.bytes_sent[TrafficKind.REPORT.value],
        download_bytes=result.bytes_received[TrafficKind.UPDATE.value],
    )
