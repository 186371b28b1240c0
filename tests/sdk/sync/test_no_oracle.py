"""A trainer learns nothing from a device about what became of an update: real keys, a real trainer process.

Whatever a trainer makes of its update, what the device sends next is the same to the byte, but for what is
fresh in every request: payload, nonce, time stamp, signature (and the ids that the two sides draw). The syncs
are those of two slots, by the scheduler; judging an update takes a time of its own for each outcome.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from quietkeys import Outcome, Personalizer, Policy, Step
from quietkeys import Trainer as ItsTrainer
from quietkeys.profile.outbox import OpenReport
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.identity import identity_for
from quietkeys.sync.context import SyncContext
from quietkeys.sync.result import SyncResult
from quietkeys.sync.schedule import POLL_S, Scheduler
from quietkeys.sync.settle import Settled, settle
from quietkeys.testing import open_profile
from quietkeys_bench.common.processes import children
from quietkeys_protocol.containers import decode_update, encode_update
from quietkeys_protocol.cut_values import VALUE_MAGIC
from quietkeys_protocol.plan import Plan
from quietkeys_trainer.engine.local import load_engine
from tests.sdk import small, tiny
from tests.sdk.conftest import STATEMENT
from tests.sdk.wire_tap import Change, Noted, Tap, renamed
from tests.trainer.running import Trainer, wait_until

pytestmark = pytest.mark.fhe
PAUSE_S = 5.0  # between two syncs; the trainer's clock is a real one, and must not be left far behind
PERIOD = timedelta(hours=2)
BEGAN = 1_700_000_000.0  # what the scheduler's clock says when a case begins
JUDGING_S = {Outcome.APPLIED: 7.3, Outcome.KEPT_OLD: 41.9}  # what settling takes; others are sooner done
HONEST = ("accepted", "rejected")  # the cases in which the update is what the trainer trained for this report


@dataclass(slots=True)
class Wire:
    """A device that has learned, enrolled and uploaded its keys; and the tap between it and its trainer."""

    folder: Path
    bundle: Path
    plan: Plan
    tap: Tap
    url: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    honest: list[Noted] = field(default_factory=list)  # of a device that refused an update and did not leak
    others: int = 0  # processes with secret keys of other tests, which are none of this device's
    encrypting: dict[Step, int] = field(default_factory=dict)

    def open(self, name: str) -> Personalizer:
        """Open a profile of the one device."""
        return open_profile(
            self.folder / name,
            trainer=ItsTrainer(self.url),
            bundle=self.bundle,
            trusted_keys=small.TRUSTED,
            environment=replace(self.tap.environment(), rng=np.random.default_rng(0)),
        )

    def seen(self, name: str, change: Change, prepare: Callable[[Personalizer], None]) -> list[Noted]:
        """Return what the trainer sees of two syncs, the first of them with this update."""
        shutil.copytree(self.folder / "device", self.folder / name)
        with self.open(name) as keyboard:
            prepare(keyboard)
            self.tap.begin(PAUSE_S)
            self.tap.change = change
            results = self.slots(keyboard)
        self.outcomes[name] = results[0].outcome
        return list(self.tap.noted)

    def slots(self, keyboard: Personalizer) -> list[SyncResult]:
        """Have a scheduler sync in the next two slots; only its own waiting is skipped, not its syncs."""
        results: list[SyncResult] = []

        def sync() -> SyncResult:
            results.append(keyboard.sync())
            self.tap.change = bytes
            self.tap.rest(PAUSE_S)
            return results[-1]

        def wait(seconds: float) -> bool:
            self.tap.skipped_s += seconds
            return len(results) == 2

        scheduler = Scheduler(
            Policy(period=PERIOD),
            keyboard._profile.store,
            sync,
            keyboard.cancel,
            clock=lambda: BEGAN + self.tap.since(),
            utc_offset_s=lambda _: 0.0,
            wait=wait,
        )
        scheduler.start()
        wait_until(lambda: len(results) == 2 or scheduler.last_error is not None)
        scheduler.stop()
        assert scheduler.last_error is None
        return results

    def stale(self, container: bytes) -> bytes:
        """The update of an earlier job."""
        return self.tap.updates[0]

    def stale_but_renamed(self, container: bytes) -> bytes:
        """The update of an earlier job under the name of this one."""
        return renamed(self.tap.updates[0], decode_update(container).job_id.hex())


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One key set and one trainer for all cases."""
    folder = tmp_path_factory.mktemp("oracle")
    engine = load_engine(tiny.planned().plan, folder / "circuits")
    bundle = small.write(folder / "en", tiny.files(engine.specification.canonical))
    trainer = Trainer(
        folder,
        module="quietkeys_trainer",
        plan=engine.plan,
        pin=engine.client_specification_sha256,
    )
    trainer.has_circuits(engine.folder)
    trainer.start("--workers", "0")
    try:
        tap = Tap(trainer)
        with tap.listening() as url:
            wire = Wire(folder, bundle, engine.plan, tap, url, others=encryption_processes())
            with wire.open("device") as keyboard:
                keyboard.consent.give(STATEMENT)
                teach(keyboard)
                with tap.training():
                    result = keyboard.sync(
                        lambda now: wire.encrypting.update({now.step: encryption_processes()})
                    )
                assert result.outcome is Outcome.APPLIED
                assert keyboard.rollback() == 0
                keyboard.schedule.next_slot()  # which draws what all slots of the device are drawn from
            yield wire
    finally:
        trainer.stop()


def encryption_processes() -> int:
    """How many processes of this one hold a secret key."""
    commands = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children(os.getpid())]
    return sum(b"quietkeys.cipher.process" in command for command in commands)


def teach(keyboard: Personalizer) -> None:
    """Type with hands that slip to the right."""
    rng = np.random.default_rng(5)
    for context, word in small.tokens(7, 220):
        keyboard.record(context, small.slipped(word, rng), word)


def keep_slips(keyboard: Personalizer) -> None:
    """Type what slips make of words, and keep it: to put it right would be wrong."""
    rng = np.random.default_rng(5)
    for context, word in small.tokens(7, 220):
        strange = small.slipped(word, rng)
        keyboard.record(context, strange, strange)


def as_it_is(keyboard: Personalizer) -> None:
    """Change nothing."""


def filled(container: bytes, word: int) -> bytes:
    """An update whose ciphertexts hold one number throughout: no key is needed to make it, nor to read it."""
    kept = (word >> 48).to_bytes(2, "little")

    def fill(value: bytes) -> bytes:
        return VALUE_MAGIC + kept * ((len(value) - len(VALUE_MAGIC)) // len(kept))

    return with_values(container, lambda values: tuple(map(fill, values)))


def zeros(container: bytes) -> bytes:
    """An update of ciphertexts of zeros."""
    return filled(container, 0)


def under_another_key(container: bytes) -> bytes:
    """An update with the ciphertexts of another device: to this one they are noise."""
    rng = np.random.default_rng(1)

    def redrawn(value: bytes) -> bytes:
        return VALUE_MAGIC + rng.bytes(len(value) - len(VALUE_MAGIC))

    return with_values(container, lambda values: tuple(map(redrawn, values)))


def with_values(container: bytes, change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> bytes:
    """An update with other ciphertexts under the same names."""
    update = decode_update(container)
    return encode_update(replace(update, ciphertexts=change(update.ciphertexts)))


def cases(wire: Wire) -> dict[str, tuple[Change, Outcome]]:
    """What a trainer may make of an update, and what becomes of it on the device."""
    return {
        "accepted": (bytes, Outcome.APPLIED),
        "rejected": (bytes, Outcome.KEPT_OLD),
        "undecryptable": (lambda c: with_values(c, lambda v: (v[0][:-8], *v[1:])), Outcome.UNDECRYPTABLE),
        "stale": (wire.stale, Outcome.UNTRUSTED),
        "stale, renamed": (wire.stale_but_renamed, Outcome.APPLIED),
        "zeros": (zeros, Outcome.UNTRUSTED),
        "extreme": (lambda c: filled(c, (1 << 62) - 1), Outcome.UNTRUSTED),
        "swapped blocks": (lambda c: with_values(c, lambda v: (v[0], v[2], v[1], *v[3:])), Outcome.UNTRUSTED),
        "another device's": (under_another_key, Outcome.UNTRUSTED),
        "no update at all": (lambda _: b"", Outcome.UNTRUSTED),
    }


@pytest.fixture(autouse=True)
def judging_takes_time(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long an update is judged depends on what is decrypted of it, and on typing."""

    def judging(
        context: SyncContext, report: OpenReport, container: bytes, begin: Callable[[Step], None]
    ) -> Settled:
        settled = settle(context, report, container, begin)
        wire.tap.skipped_s += JUDGING_S.get(settled.outcome, 0.2)  # none of it on the trainer's clock
        return settled

    monkeypatch.setattr("quietkeys.sync.run.settle", judging)


def test_the_trainer_cannot_tell_what_became_of_an_update(wire: Wire) -> None:
    """Equal routes, order, headers, body lengths and times, up to and with the report after the update."""
    with wire.open("coins words") as other:
        keep_slips(other)
        judges = other._profile.store.held_out()

    def judged_by_another(keyboard: Personalizer) -> None:
        for content in judges:
            keyboard._profile.store.add_held_out(content, len(judges))

    every = cases(wire)

    def seen_of(names: Container[str]) -> dict[str, list[Noted]]:
        return {
            name: wire.seen(name, change, judged_by_another if outcome is Outcome.KEPT_OLD else as_it_is)
            for name, (change, outcome) in every.items()
            if name in names
        }

    with wire.tap.training():
        seen = seen_of(HONEST)
    seen |= seen_of(every.keys() - HONEST)
    assert wire.outcomes == {name: outcome for name, (_, outcome) in every.items()}
    routes = [(one.method, one.path) for one in seen["accepted"]]
    assert routes == 2 * [
        ("POST", "/v1/reports"),
        ("GET", "/v1/jobs/JOB"),
        ("GET", "/v1/jobs/JOB"),
        ("GET", "/v1/jobs/JOB/update"),
    ]
    for name, requests in seen.items():
        assert requests == seen["accepted"], name
    wire.honest = seen["zeros"]


def test_the_encryption_process_is_there_for_a_sync_and_gone_after_it(wire: Wire) -> None:
    """One process from the first use of the secret key to the last."""
    assert wire.encrypting[Step.SEND] == wire.encrypting[Step.JUDGE] == wire.others + 1
    assert encryption_processes() == wire.others


def asks_again(context: SyncContext, report: OpenReport) -> None:
    """Leak by one request more."""
    client_of(context).job(report.job)


def fetches_again(context: SyncContext, report: OpenReport) -> None:
    """Leak by a retry."""
    client_of(context).fetch_update(report.job)


def client_of(context: SyncContext) -> TrainerClient:
    """A conversation with the device's trainer."""
    return TrainerClient(
        identity_for(context.profile, context.trainer, context.store.database.key),
        context.transport,
        context.environment,
    )


@pytest.mark.parametrize("leak", [asks_again, fetches_again])
def test_a_planted_leak_shows(
    wire: Wire,
    leak: Callable[[SyncContext, OpenReport], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device that does anything else after it refused an update is told apart by the transcript."""

    def leaking(
        context: SyncContext, report: OpenReport, container: bytes, begin: Callable[[Step], None]
    ) -> Settled:
        settled = settle(context, report, container, begin)
        if settled.outcome is Outcome.UNTRUSTED:
            leak(context, report)
        return settled

    wire.honest = wire.honest or wire.seen("honest", zeros, as_it_is)
    monkeypatch.setattr("quietkeys.sync.run.settle", leaking)
    assert wire.seen(leak.__name__, zeros, as_it_is) != wire.honest


def test_a_schedule_that_counts_from_the_end_of_a_sync_shows(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that looks again so long after a sync has ended tells how long it judged."""

    def from_now(scheduler: Scheduler, last: float) -> float:
        return scheduler._clock() + (POLL_S if last > 0.0 else 0.0)

    monkeypatch.setattr(Scheduler, "_next_instant", from_now)
    accepted, refused = wire.seen("kept", bytes, as_it_is), wire.seen("refused", zeros, as_it_is)
    assert [one.path for one in accepted] == [one.path for one in refused]
    assert accepted != refused
