"""A circle of devices: getting in, sharing keys, learning from each other."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import pytest

from quietkeys import ErrorCode, Invitation, Outcome, Refused
from quietkeys.arrays import Int64
from quietkeys.environment import Environment
from quietkeys.remote.http import Answer, Request
from quietkeys.sync.circle.invitation import Secret
from quietkeys.sync.circle.membership import membership_in
from quietkeys.sync.circle.moving import begin_joining
from quietkeys.sync.keys.life import DAY_S
from quietkeys.testing import NoopCipher
from quietkeys.testing.trainer import train
from quietkeys_protocol.errors import TryAgain
from quietkeys_protocol.plan import Plan
from tests.sdk.circles import USED, Devices, code_of, fingerprint, names
from tests.sdk.conftest import Rig
from tests.sdk.sync.test_keys import Days, held, kinds


def test_a_second_device_joins_and_shares_the_keys(devices: Devices) -> None:
    """Both have the inviter's keys, know each other by name, and the account of the second is gone."""
    phone, tablet = devices["phone"], devices["tablet"]
    assert phone.circle.members() == ()
    assert fingerprint(phone) != fingerprint(tablet)
    invitation = phone.circle.invite("phone")
    assert invitation.expires == devices.days() + 900.0
    tablet.circle.join(invitation.text.lower().replace("-", " "), "tablet")
    assert fingerprint(phone) == fingerprint(tablet)
    assert names(phone) == names(tablet) == ["phone", "tablet"]
    assert [member.is_this_device for member in tablet.circle.members()] == [False, True]
    assert len(held(devices.rig.trainer)) == 1
    assert kinds(tablet)[-1] == "circle_joined"
    assert "circle_invited" in kinds(phone)


def test_reports_of_a_circle_add_up(devices: Devices) -> None:
    """Each sends its own half, the trainer trains on both, and each device judges the update for itself."""
    seen: list[int] = []

    def training(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
        seen.append(int(np.abs(arrays[1]).sum()))  # gradients; strengths are rounded up to their codes
        return train(plan, arrays)

    phone, tablet = devices["phone"], devices["tablet"]
    devices.rig.trainer.training = training
    phone.sync()
    tablet.circle.join(phone.circle.invite().text)
    tablet.sync()
    phone.sync()
    whole, half, both = seen
    assert half == pytest.approx(whole / 2, rel=0.2)
    assert both == pytest.approx(whole, rel=0.2)  # each counts half the prior, so rare events weigh less
    (account,) = {job.account for job in devices.rig.trainer.jobs.values() if job.report.sources == 2}
    assert {job.report.source for job in devices.rig.trainer.jobs.values() if job.account == account} == {
        0,
        1,
    }


def test_the_trainer_reads_nothing_that_devices_tell_each_other(rig: Rig) -> None:
    """Neither names nor keys nor the invitation's secret are in any request."""
    seen: list[bytes] = []

    class Noting:
        """Notes every body."""

        def send(self, request: Request) -> Answer:
            """Note and deliver."""
            with request.body.open() as stream:
                seen.append(request.path.encode() + stream.read())
            return rig.trainer.send(request)

    with (
        rig.open_learned("phone", transport=Noting()) as phone,
        rig.open_learned("tablet", transport=Noting()) as tablet,
    ):
        phone.sync()
        invitation = phone.circle.invite("Kelpie's phone")
        tablet.circle.join(invitation.text, "Kelpie's tablet")
        for device in (phone, tablet, phone):
            device.sync()
        membership = membership_in(phone._profile.store)
        assert membership is not None
        assert membership.own.name == "Kelpie's phone"
        wire = b"\n".join(seen + [device.card for device in rig.trainer.devices.values()])
        assert b"/v1/circle/card" in wire
        secret = invitation.text.replace("-", "").removeprefix("QKC1")
        for planted in (b"Kelpie", secret.encode(), membership.key.encode(), bytes.fromhex(membership.key)):
            assert planted not in wire


def test_an_invitation_is_not_printed_or_pickled(devices: Devices) -> None:
    """Its secret shows in `text` alone; neither do the circle's secrets in theirs."""
    phone = devices["phone"]
    invitation = phone.circle.invite()
    membership = membership_in(phone._profile.store)
    assert membership is not None
    assert isinstance(invitation, Invitation)
    assert invitation.text[5:] not in repr(invitation)
    assert membership.key not in repr(membership)
    for secret in (invitation, membership):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
    assert not [line for line in phone.ledger() if invitation.text[5:9] in line.text]


def test_an_invitation_is_for_one_device_and_a_quarter_of_an_hour(devices: Devices) -> None:
    """A second device, or the first one too late, is turned away and stays as it was."""
    phone, tablet, laptop = devices["phone"], devices["tablet"], devices["laptop"]
    before = fingerprint(laptop)
    text = phone.circle.invite().text
    tablet.circle.join(text)
    assert code_of(laptop.circle.join, text) is ErrorCode.INVITATION_UNKNOWN
    text = phone.circle.invite().text
    devices.days.day += 901.0 / DAY_S
    assert code_of(laptop.circle.join, text) is ErrorCode.INVITATION_UNKNOWN
    assert fingerprint(laptop) == before
    assert laptop.circle.members() == ()
    assert laptop.sync().outcome in USED


def test_three_attempts(devices: Devices) -> None:
    """A text with another secret for the same invitation cannot be made; a mistyped one is found out here."""
    phone, tablet = devices["phone"], devices["tablet"]
    text = phone.circle.invite().text
    other = "B" if text[8] != "B" else "C"
    asked = len(devices.rig.trainer.requests)
    for wrong in (text[:8] + other + text[9:], text[:-1], "", "QKC1-" + "A" * 32, text + "A"):
        assert code_of(tablet.circle.join, wrong) is ErrorCode.INVITATION_MALFORMED
    assert len(devices.rig.trainer.requests) == asked
    tablet.circle.join(text)


def test_who_cannot_invite_or_join(devices: Devices, any_rig: Rig) -> None:
    """Without consent, without keys at the trainer, in a circle already: each says what to do."""
    phone, tablet = devices.circle("phone", "tablet")
    text = phone.circle.invite().text
    assert code_of(tablet.circle.join, text) is ErrorCode.CIRCLE_JOINED
    phone.keys.rotate()
    assert code_of(phone.circle.invite) is ErrorCode.KEYS_STALE
    environment = Environment(clock=devices.days)
    with any_rig.open("fresh", environment=environment) as fresh:
        assert code_of(fresh.circle.invite) is ErrorCode.KEYS_STALE
    with any_rig.open("silent", consent=False) as silent:
        assert code_of(silent.circle.join, text) is ErrorCode.CONSENT_MISSING
    with pytest.raises(Refused):
        phone.circle.remove("0" * 32)


def test_a_device_that_the_trainer_puts_in_gets_no_keys(devices: Devices) -> None:
    """Without a card under the circle's key a device is counted, and never written to."""
    phone, _ = devices.circle("phone", "tablet")
    stranger = devices["stranger"]
    trainer = devices.rig.trainer
    (circle,) = {d.account for d in trainer.devices.values() if d.card}
    stranger_id = next(name for name, d in trainer.devices.items() if not d.card)
    trainer.devices[stranger_id].account, trainer.devices[stranger_id].source = circle, 2
    trainer.devices[stranger_id].card = bytes(200)
    phone.keys.rotate()
    phone.sync()
    assert names(phone) == ["phone", "tablet", ""]
    assert trainer.devices[stranger_id].mail == {}
    assert fingerprint(stranger) != fingerprint(phone)


def test_joining_survives_a_lost_answer(rig: Rig) -> None:
    """When the answer to the claim is lost, the next sync finishes joining."""
    with ExitStack() as stack:
        devices = Devices(rig, Days(), stack)
        rig.trainer.clock = devices.days
        phone, tablet = devices["phone"], devices["tablet"]
        send = rig.trainer.send

        class Lossy:
            """Loses the answers to claims."""

            def send(self, request: Request) -> Answer:
                """Deliver."""
                answer = send(request)
                if request.path.endswith("/claim"):
                    raise TryAgain(ErrorCode.TRAINER_UNREACHABLE)
                return answer

        text = phone.circle.invite("phone").text
        tablet._link._transport = Lossy()
        with pytest.raises(TryAgain):
            tablet.circle.join(text, "tablet")
        tablet._link._transport = rig.trainer
        assert tablet.sync().outcome in USED
        assert fingerprint(tablet) == fingerprint(phone)
        assert names(phone) == ["phone", "tablet"]


def test_joining_that_came_too_late_is_given_up(rig: Rig) -> None:
    """A device that is in but never saw the keys takes itself out again, and goes on alone."""
    with ExitStack() as stack:
        devices = Devices(rig, Days(), stack)
        rig.trainer.clock = devices.days
        phone, tablet = devices["phone"], devices["tablet"]
        text = phone.circle.invite("phone").text
        with tablet._link.talk() as (parts, client):
            secret = Secret.parse(text)
            begin_joining(parts, secret, "tablet")
            client.claim(secret.invitation_id, secret.claim)
        devices.days.day += 1.0
        assert tablet.sync().outcome in USED
        assert "circle_missed" in kinds(tablet)
        assert tablet.circle.members() == ()
        assert phone.sync().outcome in USED
        assert len({device.account for device in rig.trainer.devices.values()}) == 2


def test_joint_updates_are_bounded_not_compared(devices: Devices) -> None:
    """With two sources the device cannot run the reference; weights out of range are refused all the same."""

    def extreme(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
        del arrays
        return [np.full(field.size, field.high + 1) for field in plan.update_fields]

    phone, _ = devices.circle("phone", "tablet")
    devices.rig.trainer.training = extreme
    version = phone.status().adapter_version
    assert phone.sync().outcome is Outcome.UNTRUSTED
    assert phone.status().adapter_version == version


class OfAnotherBundle(NoopCipher):
    """Encrypts for a plan that the others do not have."""

    def plan_hash(self) -> str:
        """Another."""
        return "f" * 64


def test_devices_with_different_bundles_do_not_share_keys(devices: Devices, any_rig: Rig) -> None:
    """Joining is refused with the advice to upgrade; the device is out again, and both go on as before."""
    phone = devices["phone"]
    environment = Environment(clock=devices.days)
    with any_rig.open("laptop", cipher=OfAnotherBundle, environment=environment) as laptop:
        assert code_of(laptop.circle.join, phone.circle.invite("phone").text) is ErrorCode.CIRCLE_MISMATCH
        assert membership_in(laptop._profile.store) is None
        assert laptop.keys.status() is None
    assert names(phone) == ["phone"]
    assert phone.sync().outcome in USED
    assert len({device.account for device in any_rig.trainer.devices.values()}) == 2
