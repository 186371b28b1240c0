"""The behaviour suite of a sync, over every kind of trainer and cipher."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietkeys import Deletion, ErrorCode, Outcome, Outdated, Personalizer, Progress, Refused, Step, TryAgain
from quietkeys.api.trainer import Trainer
from quietkeys.arrays import Int64
from quietkeys.environment import Environment
from quietkeys.sync.context import Place
from quietkeys.sync.run import run_sync
from quietkeys.testing import InMemoryTrainer, NoopCipher
from quietkeys.testing.trainer import train
from quietkeys_protocol.containers import decode_report
from quietkeys_protocol.messages import JobState
from quietkeys_protocol.plan import Plan
from tests.sdk import small
from tests.sdk.conftest import NOWHERE, STATEMENT, Rig
from tests.sdk.transports import AnswersLost, Unreachable


def right(keyboard: Personalizer) -> int:
    """How many words of a fresh text come out as meant, typed by the hands that the profile has learned."""
    rng = np.random.default_rng(11)
    outputs = []
    for context, word in small.tokens(7, 60):
        typed = small.slipped(word.strip("."), rng)
        outputs.append((keyboard.suggest(context, typed).correction or typed) == word.strip("."))
    return sum(outputs)


def sequences(rig: Rig) -> list[int]:
    """The sequence numbers of all reports that the trainer took."""
    return [job.report.sequence for job in rig.trainer.jobs.values()]


def test_a_sync_makes_suggestions_better(any_rig: Rig) -> None:
    """Counts go out encrypted, the update is judged on held-out typing and used by the next suggestion."""
    with any_rig.open_learned() as keyboard:
        before = right(keyboard)
        result = keyboard.sync()
        assert result.outcome is Outcome.APPLIED
        assert result.adapter_version == keyboard.status().adapter_version == 1
        assert result.verdict is not None
        assert result.verdict.gain > 0.0
        assert right(keyboard) > before


def test_what_was_done_is_told(any_rig: Rig) -> None:
    """Steps in order, bytes by kind, a ledger in words, a fingerprint, and the bytes of all syncs so far."""
    steps: list[Progress] = []
    with any_rig.open_learned() as keyboard:
        result = keyboard.sync(steps.append)
        assert [progress.step for progress in steps] == list(Step)
        assert list(result.seconds) == list(Step)
        assert steps[-1].bytes_sent == sum(result.bytes_sent.values()) == keyboard.status().bytes_sent
        assert result.bytes_sent["report"] == keyboard.sync().bytes_sent["report"] > 1000
        assert result.bytes_received["update"] > 100
        kinds = [line.kind for line in keyboard.ledger()]
        assert kinds[:6] == [
            "consent_given",
            "keys_announced",
            "keys_uploaded",
            "report_sent",
            "update_fetched",
            "update_applied",
        ]
        assert all(line.text.endswith(".") for line in keyboard.ledger())
        assert keyboard.status().key_fingerprint in keyboard.ledger()[1].text
        assert keyboard.status().problems == ()
        (size,) = {progress.upload_bytes for progress in steps} - {0}
        assert size == result.bytes_sent["evaluation_keys"] == any_rig.trainer.key_bytes


def test_keys_go_once_and_reports_grow(any_rig: Rig) -> None:
    """Enrolment and evaluation keys are sent once, also over a restart; sequence numbers grow."""
    with any_rig.open_learned() as keyboard:
        keyboard.sync()
    with any_rig.open() as keyboard:
        keyboard.sync()
        keyboard.sync()
    sent = [method for method, _ in any_rig.trainer.requests]
    assert (sent.count("PUT"), len(any_rig.trainer.devices)) == (1, 1)
    assert len(sequences(any_rig)) == 3
    assert sequences(any_rig) == sorted(set(sequences(any_rig)))


def test_a_trainer_that_takes_its_time_is_asked_again(any_rig: Rig) -> None:
    """With no time to wait the outcome is pending; the next sync goes on with the same report."""
    any_rig.trainer.polls = 2
    with any_rig.open_learned() as keyboard:
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.PENDING
        assert keyboard.status().open_report == "sent"
    with any_rig.open() as keyboard:
        assert keyboard.sync(wait_seconds=60).outcome is Outcome.APPLIED
        assert keyboard.status().open_report == ""
    assert len(any_rig.trainer.jobs) == 1


def test_the_block_under_way_is_told(any_rig: Rig) -> None:
    """Queued, then each block of the plan as the trainer says that it has begun."""
    blocks = len(any_rig.trainer.plan.blocks)
    any_rig.trainer.polls = blocks + 1
    steps: list[Progress] = []
    with any_rig.open_learned() as keyboard:
        assert keyboard.sync(steps.append, 60).outcome is Outcome.APPLIED
    waits = [(told.step, told.blocks_done) for told in steps if told.step in (Step.QUEUE, Step.TRAIN)]
    assert waits == [(Step.QUEUE, 0), *((Step.TRAIN, done) for done in range(blocks + 1))]
    assert {told.blocks for told in steps} == {blocks}


def test_a_profile_is_private(any_rig: Rig) -> None:
    """Every file of a profile can be read by its owner only."""
    with any_rig.open_learned() as keyboard:
        keyboard.sync(wait_seconds=0)
        for path in (any_rig.folder / "profile").rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode in ((0o700,) if path.is_dir() else (0o600,)), path.name


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.SUPERSEDED])
def test_a_report_without_an_update_is_given_up(any_rig: Rig, state: JobState) -> None:
    """When the trainer has no update for a report the next sync sends another."""
    any_rig.trainer.polls = 1000
    with any_rig.open_learned() as keyboard:
        keyboard.sync(wait_seconds=0)
        for job in any_rig.trainer.jobs.values():
            job.state = state
        any_rig.trainer.polls = 0
        assert keyboard.sync().outcome is Outcome.LOST
        assert keyboard.status().open_report == ""
        assert keyboard.sync().outcome is Outcome.APPLIED


def test_a_report_is_not_waited_for_for_ever(rig: Rig) -> None:
    """A job that does not end is given up after a week, and another report is sent; one that has is used."""
    rig.trainer.polls = 1000
    now = time.time()
    environment = Environment(clock=lambda: now, sleep=rig.waited.append)
    rig.trainer.clock = lambda: now
    with rig.open_learned(environment=environment) as keyboard:
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.PENDING
        now += 7 * 86_400.0 - 1.0
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.PENDING
        now += 2.0
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.LOST
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.PENDING
        now += 8 * 86_400.0
        rig.trainer.polls = 0
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.APPLIED
    assert len(sequences(rig)) == 2


class Mismatched(NoopCipher):
    """Says that it wrote other evaluation keys than it was asked for."""

    def write_evaluation_keys(self, path: Path) -> str:
        """Write."""
        super().write_evaluation_keys(path)
        return "0" * 64


def test_other_evaluation_keys_than_those_of_the_profile_are_not_sent(rig: Rig) -> None:
    """What the cipher wrote is compared with the key's name before anything is uploaded."""
    with rig.open_learned(cipher=Mismatched) as keyboard:
        with pytest.raises(TryAgain) as caught:
            keyboard.sync()
        assert caught.value.code is ErrorCode.CIPHER_FAILED
    assert "PUT" not in [method for method, _ in rig.trainer.requests]


def test_a_trainer_that_lost_everything_gets_it_again(any_rig: Rig) -> None:
    """The device enrols and uploads again, within the same sync, and its keys are the same."""
    any_rig.trainer.polls = 1000
    with any_rig.open_learned() as keyboard:
        keyboard.sync(wait_seconds=0)
        fingerprint = keyboard.status().key_fingerprint
        any_rig.trainer.devices.clear()
        any_rig.trainer.jobs.clear()
        any_rig.trainer.polls = 0
        assert keyboard.sync().outcome is Outcome.APPLIED
        assert keyboard.status().key_fingerprint == fingerprint


def test_a_trainer_that_lost_the_keys_gets_them_again(any_rig: Rig) -> None:
    """The same report is sent again after the keys: one report, one job."""
    with any_rig.open_learned() as keyboard:
        keyboard.sync()
        for account in any_rig.trainer.accounts.values():
            account.keys.clear()
        assert keyboard.sync().outcome in (Outcome.APPLIED, Outcome.KEPT_OLD)
    assert [method for method, _ in any_rig.trainer.requests].count("PUT") == 2
    assert len(any_rig.trainer.jobs) == 2


def test_forgetting_ends_everything(any_rig: Rig) -> None:
    """Counts, keys, adapter and ledger are gone here, the device is gone there, and all can begin anew."""
    with any_rig.open_learned() as keyboard:
        keyboard.sync()
        assert keyboard.forget() is Deletion.CONFIRMED
        assert any_rig.trainer.devices == {}
        status = keyboard.status()
        assert (status.words_recorded, status.words_known, status.adapter_version) == (0, 0, 0)
        assert (status.key_fingerprint, status.bytes_sent) == ("", 0)
        names = {path.name for path in (any_rig.folder / "profile").rglob("*") if path.is_file()}
        database = {"profile.sqlite", "profile.sqlite-shm", "profile.sqlite-wal"}
        assert names <= {"lock", "vault.header", "vault.header.copy", "last-good.sqlite", *database}
        keyboard.consent.give(STATEMENT)
        assert keyboard.sync().outcome is Outcome.DUMMY
        assert len(any_rig.trainer.devices) == 1


def test_forgetting_reaches_the_trainer_later(rig: Rig) -> None:
    """Without the trainer all that is here goes at once; the deletion there is made up for first."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
        (device,) = rig.trainer.devices
    with rig.open(transport=Unreachable()) as keyboard:
        assert keyboard.forget() is Deletion.PENDING
        assert keyboard.status().words_known == 0
        assert "not confirmed" in keyboard.status().problems[0].message
    rig.trainer.requests.clear()
    with rig.open() as keyboard:
        keyboard.sync()
        assert keyboard.status().problems == ()
    assert rig.trainer.requests[0] == ("DELETE", f"/v1/devices/{device}")
    assert device not in rig.trainer.devices


def test_a_device_that_never_enrolled_has_nothing_to_delete(rig: Rig) -> None:
    """Forgetting then asks nobody."""
    with rig.open_learned() as keyboard:
        assert keyboard.forget() is Deletion.NOTHING_THERE
    assert rig.trainer.requests == []


def test_a_trainer_with_another_plan_is_of_no_use(rig: Rig) -> None:
    """The report waits, and the error says to upgrade."""
    other = InMemoryTrainer(replace(rig.trainer.plan, bundle="another"))
    with rig.open_learned(transport=other) as keyboard:
        with pytest.raises(Outdated) as caught:
            keyboard.sync()
        assert caught.value.code is ErrorCode.PLAN_UNKNOWN
        assert keyboard.status().open_report == "written"


def test_a_retry_sends_the_stored_bytes(rig: Rig) -> None:
    """When the answer to a report is lost, the same bytes go again under the same key, and it is one job."""
    deaf = AnswersLost(rig.trainer, "/v1/reports")
    with rig.open_learned(transport=deaf) as keyboard:
        with pytest.raises(TryAgain):
            keyboard.sync()
        stored = next((rig.folder / "profile" / "outbox").glob("*.report")).read_bytes()
        keyboard.record("see", "you", "you")
    with rig.open() as keyboard:
        assert keyboard.sync().outcome is Outcome.APPLIED
    (job,) = rig.trainer.jobs.values()
    assert job.report == decode_report(stored)
    assert list((rig.folder / "profile" / "outbox").iterdir()) == []


@pytest.mark.parametrize("step", list(Step))
def test_a_sync_that_is_cancelled_goes_on_later(any_rig: Rig, step: Step) -> None:
    """Cancelled in any step, it ends there; the next one finishes: one device, one report, applied once."""
    with any_rig.open_learned() as keyboard:
        keyboard.cancel()  # nothing runs: nothing happens
        told: list[Step] = []

        def cancel(progress: Progress) -> None:
            told.append(progress.step)
            if progress.step is step:
                keyboard.cancel()

        result = keyboard.sync(cancel)
        assert (result.outcome, result.adapter_version) == (Outcome.CANCELLED, 0)
        assert told[-1] is step
        assert keyboard.sync().outcome is Outcome.APPLIED
        assert [line.kind for line in keyboard.ledger()] == [
            "consent_given",
            "keys_announced",
            "keys_uploaded",
            "report_sent",
            "update_fetched",
            "update_applied",
        ]
    assert len(any_rig.trainer.devices) == len(any_rig.trainer.jobs) == 1


@pytest.mark.parametrize("how", ["applied", "unreachable", "cancelled"])
def test_the_cipher_is_closed_however_a_sync_ends(rig: Rig, how: str) -> None:
    """What holds the secret key is ended in every case."""
    closed: list[str] = []

    class Noting(NoopCipher):
        """Notes that it was closed."""

        def close(self) -> None:
            """Note."""
            closed.append(how)

    deaf = AnswersLost(rig.trainer, "/v1/reports")
    with rig.open_learned(
        cipher=Noting, transport=deaf if how == "unreachable" else rig.transport
    ) as keyboard:
        try:
            keyboard.sync(lambda _: keyboard.cancel() if how == "cancelled" else None)
        except TryAgain:
            assert how == "unreachable"
    assert closed == [how]


def test_an_update_whose_decryption_was_cancelled_is_not_lost(rig: Rig) -> None:
    """An encryption process that ends because it was told to says nothing about the update."""
    once: list[str] = []

    class Ended(NoopCipher):
        """Is cancelled while it decrypts for the first time."""

        def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
            """Decrypt, but for the first time."""
            if not once:
                once.append("ended")
                keyboard.cancel()
                raise TryAgain(ErrorCode.CIPHER_FAILED)
            return super().decrypt(values)

    with rig.open_learned(cipher=Ended) as keyboard:
        assert keyboard.sync().outcome is Outcome.CANCELLED
        assert keyboard.status().open_report == "fetched"
        assert keyboard.sync().outcome is Outcome.APPLIED
    assert len(rig.trainer.jobs) == 1


def test_cancelling_ends_a_wait(any_rig: Rig) -> None:
    """A sync that waits for the trainer ends when another thread cancels it; the report waits."""
    any_rig.trainer.polls = 10**6
    waits = threading.Event()
    with any_rig.open_learned(environment=None) as keyboard:

        def cancel() -> None:
            waits.wait()
            keyboard.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        result = keyboard.sync(lambda progress: waits.set() if progress.step is Step.TRAIN else None)
        thread.join()
        assert result.outcome is Outcome.CANCELLED
        assert keyboard.status().open_report == "sent"


def test_two_sources_add_up(rig: Rig) -> None:
    """The trainer trains on the sum of the latest reports under one key."""
    seen: list[int] = []

    def training(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
        seen.append(int(np.abs(arrays[1]).sum()))  # gradients; strengths are rounded up to their codes
        return train(plan, arrays)

    rig.trainer.training = training
    with rig.open_learned() as keyboard:
        context = keyboard._link.context()
        for source in (0, 1):
            run_sync(replace(context, place=Place(source, 2)), None, 60.0)
        keyboard.sync()
    half, both, whole = seen
    assert half == pytest.approx(whole / 2, rel=0.25)
    assert both == pytest.approx(whole, rel=0.2)


def test_a_trainer_may_ask_for_an_invite(rig: Rig) -> None:
    """Without one nothing but the enrolment is tried; with one the device is let in, once and for all."""
    rig.trainer.invites = {"1" * 32: 1}
    with rig.open_learned() as keyboard, pytest.raises(Refused) as caught:
        keyboard.sync()
    assert caught.value.code is ErrorCode.ENROLMENT_REFUSED
    assert {path for _, path in rig.trainer.requests} == {"/v1/devices"}
    with rig.open(consent=False) as keyboard:
        assert keyboard.forget() is Deletion.NOTHING_THERE
    with rig.open_learned("another", trainer=Trainer(NOWHERE, enrolment_token="1" * 32)) as keyboard:
        keyboard.sync()
    assert rig.trainer.invites == {"1" * 32: 0}
    with rig.open("another") as keyboard:
        keyboard.sync()
    assert len(rig.trainer.devices) == 1
