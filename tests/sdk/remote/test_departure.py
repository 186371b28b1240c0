"""Leaving a trainer: whose word is taken for it, and what there is to show afterwards."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass

import pytest

from quietkeys import Deletion, ErrorCode, Outcome, Personalizer, Refused, Trainer, TryAgain, Untrusted
from quietkeys.profile.settings import TRAINER_RECEIPTS
from quietkeys.remote.http import Answer, Request, Transport
from quietkeys.remote.trust import _key_of, trusted_key
from quietkeys.testing import InMemoryTrainer
from quietkeys_protocol.plan import Plan
from tests.sdk.conftest import NOWHERE, STATEMENT, Rig
from tests.sdk.transports import AnswersLost, Unreachable
from tests.sdk.unsealing import change_setting


@dataclass(slots=True)
class Lying:
    """Answers to a method on the device's own path with something else."""

    trainer: InMemoryTrainer
    method: str
    lie: Answer | None = None

    def send(self, request: Request) -> Answer:
        """Deliver, and lie."""
        answer = self.trainer.send(request)
        if request.method != self.method or not request.path.startswith("/v1/devices/"):
            return answer
        if self.lie is not None:
            return self.lie
        if self.method == "GET":
            told = {"device_id": request.path.rpartition("/")[2]}
        elif answer.status == 200:
            told = json.loads(answer.content) | {"signature": "A" * 86 + "=="}
        else:
            return answer
        return Answer(200, answer.headers, json.dumps(told).encode())


def distrusted(keyboard: Personalizer) -> bool:
    """Whether a sync is refused because of the trainer's key."""
    with pytest.raises(Untrusted) as caught:
        keyboard.sync()
    return caught.value.code is ErrorCode.TRAINER_KEY_CHANGED


def test_there_is_a_receipt_to_show(any_rig: Rig) -> None:
    """It names the device and the trainer, is signed with the trainer's key, and outlives the next wipe."""
    with any_rig.open_learned() as keyboard:
        keyboard.sync()
        (device,) = any_rig.trainer.devices
        assert keyboard.receipts() == ()
        assert keyboard.forget() is Deletion.CONFIRMED
        (receipt,) = keyboard.receipts()
        assert receipt.device_id == device
        assert receipt.trainer == any_rig.url
        assert receipt.trainer_key == any_rig.trainer.trainer_key
        assert receipt.is_signed_by(receipt.trainer_key)
        assert keyboard.forget() is Deletion.NOTHING_THERE
        keyboard.consent.give(STATEMENT)
        keyboard.sync()
        assert keyboard.forget() is Deletion.CONFIRMED
        assert keyboard.receipts()[0] == receipt
    with any_rig.open() as keyboard:
        assert len({kept.device_id for kept in keyboard.receipts()}) == 2


def test_the_ledger_says_what_the_user_controls(rig: Rig) -> None:
    """After forgetting it tells that the secret key was destroyed, and what the trainer has signed."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
        keyboard.forget()
        destroyed, deleted = keyboard.ledger()
    assert (destroyed.kind, deleted.kind) == ("key_destroyed", "deleted_at_trainer")
    assert "nobody can decrypt" in destroyed.text
    assert "signed" in deleted.text


@pytest.mark.parametrize("method", ["DELETE", "GET"])
def test_a_deletion_that_is_not_proven_is_not_confirmed(rig: Rig, method: str) -> None:
    """A wrong signature, or a device that is still known, gives no receipt; an honest trainer gives one."""
    with rig.open_learned(transport=Lying(rig.trainer, method)) as keyboard:
        keyboard.sync()
        assert keyboard.forget() is Deletion.UNPROVEN
        assert keyboard.receipts() == ()
        assert "not confirmed" in keyboard.status().problems[0].message
        assert "does not prove" in keyboard.ledger()[-1].text
        keyboard.consent.give(STATEMENT)
        with pytest.raises(Untrusted) as caught:
            keyboard.sync()
        assert caught.value.code is ErrorCode.DELETION_UNPROVEN
    with rig.open() as keyboard:
        assert keyboard.forget() is Deletion.CONFIRMED
        assert len(keyboard.receipts()) == 1
        assert keyboard.status().problems == ()


def test_what_makes_no_sense_is_asked_again(rig: Rig) -> None:
    """An answer that is no receipt is as good as none."""
    with rig.open_learned(transport=Lying(rig.trainer, "DELETE", Answer(200, {}, b"{}"))) as keyboard:
        keyboard.sync()
        assert keyboard.forget() is Deletion.PENDING
    with rig.open() as keyboard:
        assert keyboard.forget() is Deletion.CONFIRMED


def test_a_lost_receipt_is_asked_for_again(rig: Rig) -> None:
    """When the answer to a deletion is lost, the next attempt ends with a receipt for the same device."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
    (device,) = rig.trainer.devices
    with rig.open(transport=AnswersLost(rig.trainer, f"/v1/devices/{device}")) as keyboard:
        assert keyboard.forget() is Deletion.PENDING
        assert rig.trainer.devices == {}
    with rig.open() as keyboard:
        assert keyboard.forget() is Deletion.CONFIRMED
        assert [receipt.device_id for receipt in keyboard.receipts()] == [device]
    assert rig.trainer.devices == {}


def test_leaving_needs_no_invite(rig: Rig, plan: Plan) -> None:
    """An invited device whose answer to the deletion was lost leaves at the next attempt, invite used."""
    rig.trainer = InMemoryTrainer(plan, invites={"1" * 32: 1})
    invited = Trainer(NOWHERE, enrolment_token="1" * 32)
    with rig.open_learned(transport=rig.trainer, trainer=invited) as keyboard:
        keyboard.sync()
    (device,) = rig.trainer.devices
    lost = AnswersLost(rig.trainer, f"/v1/devices/{device}")
    with rig.open(transport=lost, trainer=invited) as keyboard:
        assert keyboard.forget() is Deletion.PENDING
    assert rig.trainer.devices == {}
    with rig.open(transport=rig.trainer, trainer=invited) as keyboard:
        assert keyboard.forget() is Deletion.CONFIRMED
        assert [receipt.device_id for receipt in keyboard.receipts()] == [device]


def test_a_profile_that_was_copied_back_does_not_revive_a_consent(any_rig: Rig) -> None:
    """The trainer says that this device had itself deleted: nothing is sent until consent is given anew."""
    profile, copy = any_rig.folder / "profile", any_rig.folder / "copy"
    with any_rig.open_learned() as keyboard:
        keyboard.sync()
    shutil.copytree(profile, copy)
    with any_rig.open() as keyboard:
        assert keyboard.consent.withdraw() is Deletion.CONFIRMED
    shutil.rmtree(profile)
    copy.rename(profile)
    with any_rig.open(consent=False) as keyboard:
        copied = keyboard.consent.given
        assert copied is not None
        for expected in (ErrorCode.DEVICE_DELETED, ErrorCode.CONSENT_MISSING):
            with pytest.raises(Refused) as caught:
                keyboard.sync()
            assert caught.value.code is expected
        assert keyboard.consent.given is None
        assert "older copy" in keyboard.ledger()[-1].text
        assert any_rig.trainer.devices == {}
    with any_rig.open() as keyboard:
        keyboard.sync()
    assert len(any_rig.trainer.devices) == 1


def test_a_device_whose_enrolment_was_not_answered_is_deleted_too(rig: Rig) -> None:
    """The trainer may know it, so it is asked."""
    with rig.open_learned(transport=AnswersLost(rig.trainer, "/v1/devices")) as keyboard:
        with pytest.raises(TryAgain):
            keyboard.sync()
        assert len(rig.trainer.devices) == 1
    with rig.open() as keyboard:
        assert keyboard.forget() is Deletion.CONFIRMED
    assert rig.trainer.devices == {}


def test_a_changed_key_is_not_trusted(rig: Rig, plan: Plan) -> None:
    """Where a device has to enrol again, a trainer with another key gets no keys, also not after a wipe."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
    other = InMemoryTrainer(plan)
    with rig.open(transport=other) as keyboard:
        assert distrusted(keyboard)
        assert other.requests == [("POST", "/v1/reports"), ("POST", "/v1/devices")]
        assert other.jobs == {}
        assert keyboard.forget() is Deletion.UNPROVEN
    with rig.open(transport=other) as keyboard:
        assert distrusted(keyboard)
    with rig.open(transport=other, trainer=Trainer(NOWHERE, key=other.trainer_key)) as keyboard:
        keyboard.sync()
        assert len(keyboard.receipts()) == 1
    assert len(other.devices) == 1


def test_a_given_key_is_the_only_one_trusted(rig: Rig) -> None:
    """Another is refused at the first enrolment, before keys or counts are sent; it is remembered."""
    with rig.open_learned(trainer=Trainer(NOWHERE, key=bytes(32))) as keyboard:
        assert distrusted(keyboard)
    assert rig.trainer.requests == [("POST", "/v1/devices")]
    with rig.open() as keyboard:
        assert distrusted(keyboard)
    with rig.open(trainer=Trainer(NOWHERE, key=rig.trainer.trainer_key)) as keyboard:
        assert keyboard.sync().outcome is Outcome.APPLIED
    with rig.open() as keyboard:
        keyboard.sync()


def test_a_given_key_is_checked_though_the_device_is_enrolled(rig: Rig) -> None:
    """A trainer that was trusted at first sight is not, once the app says which key it should have."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
        jobs = len(rig.trainer.jobs)
    with rig.open(trainer=Trainer(NOWHERE, key=bytes(32))) as keyboard:
        assert distrusted(keyboard)
        assert len(rig.trainer.jobs) == jobs
    uploads = [method for method, _ in rig.trainer.requests].count("PUT")
    with rig.open(trainer=Trainer(NOWHERE, key=rig.trainer.trainer_key)) as keyboard:
        keyboard.sync()
    assert [method for method, _ in rig.trainer.requests].count("PUT") == uploads


@pytest.mark.parametrize("then", ["sync", "forget"])
def test_a_device_of_an_earlier_version_learns_the_key(rig: Rig, then: str) -> None:
    """One that enrolled before keys were trusted asks for it, and goes on."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
        keyboard._profile.store.drop_setting(_key_of(NOWHERE))
    with rig.open() as keyboard:
        if then == "sync":
            keyboard.sync()
            assert trusted_key(keyboard._profile.store, NOWHERE) == rig.trainer.trainer_key
        assert keyboard.forget() is Deletion.CONFIRMED
    assert rig.trainer.devices == {}


def test_the_worst_answer_counts(rig: Rig, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """With several trainers to leave, each is asked; all must have confirmed."""
    transports: dict[str, Transport] = {NOWHERE: rig.trainer, "https://b.test": InMemoryTrainer(plan)}
    for url, transport in transports.items():
        opened = rig.open if (rig.folder / "profile").exists() else rig.open_learned
        with opened(trainer=Trainer(url), transport=transport) as keyboard:
            keyboard.sync()
    with rig.open(transport=Unreachable()) as keyboard:
        reached = {**transports, "https://b.test": Unreachable()}
        monkeypatch.setattr(keyboard._link, "_transport_to", reached.__getitem__)
        assert keyboard.forget() is Deletion.PENDING
        assert [receipt.trainer for receipt in keyboard.receipts()] == [NOWHERE]
        monkeypatch.setattr(keyboard._link, "_transport_to", transports.__getitem__)
        assert keyboard.forget() is Deletion.CONFIRMED
        assert [receipt.trainer for receipt in keyboard.receipts()] == [NOWHERE, "https://b.test"]


@pytest.mark.parametrize("stored", ["{", "[1]", "[{}]", '[{"device_id": 1}]'])
def test_damaged_receipts_are_noticed(keyboard: Personalizer, stored: str) -> None:
    """They are not shown as something else."""
    change_setting(keyboard._profile.store, TRAINER_RECEIPTS, stored)
    with pytest.raises(Untrusted) as caught:
        keyboard.receipts()
    assert caught.value.code is ErrorCode.PROFILE_DAMAGED
