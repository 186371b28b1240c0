"""A circle of devices: getting in, sharing keys, learning from each other, getting out."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import pytest

from quietkeys import ErrorCode, Invitation, Outcome, Personalizer, QuietkeysError, Refused
from quietkeys.circle.membership import membership_in
from quietkeys.key_life import DAY_S
from quietkeys.surroundings import Surroundings
from quietkeys.testing import NoopCipher
from quietkeys.testing.trainer import Integers, train
from quietkeys.transport import Answer, Request
from quietkeys_protocol.errors import TryAgain
from quietkeys_protocol.plan import Plan
from tests.sdk.conftest import Rig
from tests.sdk.test_keys import Days, held, kinds, used

USED = (Outcome.APPLIED, Outcome.KEPT_OLD)


@dataclass(slots=True)
class Devices:
    """Devices of one person at one trainer, opened by name."""

    rig: Rig
    days: Days
    stack: ExitStack
    opened: dict[str, Personalizer] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Personalizer:
        """The device of this name, which has learned and synced once."""
        if name not in self.opened:
            around = Surroundings(clock=self.days, sleep=self.rig.waited.append)
            self.opened[name] = self.stack.enter_context(self.rig.open_learned(name, around=around))
            assert self.opened[name].sync().outcome in USED
        return self.opened[name]

    def circle(self, *names: str) -> list[Personalizer]:
        """A circle of these devices; the first one invites, and all have synced since."""
        devices = [self[name] for name in names]
        for name, device in zip(names[1:], devices[1:], strict=True):
            device.circle.join(devices[0].circle.invite(names[0]).text, name)
        for _ in range(2):
            for device in devices:
                assert device.sync().outcome in USED
        return devices


@pytest.fixture
def devices(any_rig: Rig) -> Iterator[Devices]:
    """Devices at every kind of trainer."""
    days = Days()
    any_rig.trainer.clock = days
    with ExitStack() as stack:
        yield Devices(any_rig, days, stack)


def fingerprint(keyboard: Personalizer) -> str:
    """The keys of a device."""
    status = keyboard.keys.status()
    assert status is not None
    return status.fingerprint


def names(keyboard: Personalizer) -> list[str]:
    """The circle as a device sees it."""
    return [member.name for member in keyboard.circle.members()]


def code_of(call: object, *arguments: object) -> ErrorCode:
    """The code of the error that a call raises."""
    with pytest.raises(QuietkeysError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


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

    def training(plan: Plan, arrays: Sequence[Integers]) -> list[Integers]:
        seen.append(int(arrays[0].sum()))
        return train(plan, arrays)

    phone, tablet = devices["phone"], devices["tablet"]
    devices.rig.trainer.training = training
    phone.sync()
    tablet.circle.join(phone.circle.invite().text)
    tablet.sync()
    phone.sync()
    whole, half, both = seen
    assert half == pytest.approx(whole / 2, rel=0.2)
    assert both == pytest.approx(whole, rel=0.1)
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
        secret = invitation.text.replace("-", "").removeprefix("QK1")
        for planted in (b"Kelpie", secret.encode(), membership.key.encode(), bytes.fromhex(membership.key)):
            assert planted not in wire


def test_an_invitation_is_not_printed_or_pickled(devices: Devices) -> None:
    """Its secret shows in `text` alone; neither do the circle's secrets in theirs."""
    phone = devices["phone"]
    invitation = phone.circle.invite()
    membership = membership_in(phone._profile.store)
    assert membership is not None
    assert isinstance(invitation, Invitation)
    assert invitation.text[4:] not in repr(invitation)
    assert membership.key not in repr(membership)
    for secret in (invitation, membership):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
    assert not [line for line in phone.ledger() if invitation.text[4:8] in line.text]


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
    for wrong in (text[:8] + other + text[9:], text[:-1], "", "QK1-" + "A" * 36, text + "A"):
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
    around = Surroundings(clock=devices.days)
    with any_rig.open("fresh", around=around) as fresh:
        assert code_of(fresh.circle.invite) is ErrorCode.KEYS_STALE
    with any_rig.open("silent", consent=False) as silent:
        assert code_of(silent.circle.join, text) is ErrorCode.CONSENT_MISSING
    with pytest.raises(Refused):
        phone.circle.remove("0" * 32)


def test_leaving_replaces_the_keys_on_both_sides(devices: Devices) -> None:
    """Who left has keys and an account of its own; who stayed has new ones that the other does not know."""
    phone, tablet = devices.circle("phone", "tablet")
    shared = fingerprint(phone)
    tablet.circle.leave()
    assert tablet.circle.members() == ()
    assert tablet.sync().outcome in USED
    assert phone.sync().outcome in USED
    assert len({shared, fingerprint(phone), fingerprint(tablet)}) == 3
    assert len(held(devices.rig.trainer)) == 2
    assert names(phone) == ["phone"]
    assert "member_left" in kinds(phone)
    assert phone.circle.members()[0].is_this_device
    membership = membership_in(phone._profile.store)
    assert membership is not None
    assert not membership.renew


def test_removing_replaces_the_keys_of_those_that_stay(devices: Devices) -> None:
    """New keys reach the devices that stay, sealed, and not the one that was put out."""
    phone, tablet, laptop = devices.circle("phone", "tablet", "laptop")
    shared = fingerprint(phone)
    assert fingerprint(laptop) == fingerprint(tablet) == shared
    before = membership_in(laptop._profile.store)
    (out,) = [member for member in tablet.circle.members() if member.name == "laptop"]
    tablet.circle.remove(out.device_id)
    assert names(tablet) == ["phone", "tablet"]
    assert tablet.sync().outcome in USED
    assert fingerprint(tablet) != shared
    assert fingerprint(phone) == shared
    assert phone.sync().outcome in USED
    for device in (tablet, phone, tablet, phone):
        assert device.sync().outcome in USED
    assert fingerprint(phone) == fingerprint(tablet) != shared
    after = membership_in(phone._profile.store)
    assert before is not None
    assert after is not None
    assert after.key != before.key  # what cards are sealed under
    assert laptop.sync().outcome in USED
    assert len({shared, fingerprint(phone), fingerprint(laptop)}) == 3
    assert names(laptop) == ["laptop"]
    assert shared not in held(devices.rig.trainer)


def test_a_removal_reaches_the_trainer_later(rig: Rig) -> None:
    """Where the trainer does not answer, the next sync asks again before anything is sent."""
    with ExitStack() as stack:
        devices = Devices(rig, Days(), stack)
        rig.trainer.clock = devices.days
        phone, tablet = devices.circle("phone", "tablet")
        (_, out) = phone.circle.members()
        send = rig.trainer.send

        class Deaf:
            """Does not take removals."""

            def send(self, request: Request) -> Answer:
                """Deliver all else."""
                if request.method == "DELETE":
                    raise TryAgain(ErrorCode.TRAINER_UNREACHABLE)
                return send(request)

        phone._exchange._transport = Deaf()
        with pytest.raises(TryAgain):
            phone.circle.remove(out.device_id)
        phone._exchange._transport = rig.trainer
        assert phone.sync().outcome in USED
        assert names(phone) == ["phone"]
        assert fingerprint(phone) != fingerprint(tablet)


def test_yearly_keys_of_a_circle_come_from_one_device(devices: Devices) -> None:
    """The first device makes them, the second gets them by mail and sends its report under them."""
    phone, tablet = devices.circle("phone", "tablet")
    shared = fingerprint(phone)
    devices.days.day += 366.0
    assert tablet.sync().outcome in USED
    assert fingerprint(tablet) == shared  # it leaves it to the first for a fortnight
    assert phone.sync().outcome in USED
    assert tablet.sync().outcome in USED
    assert fingerprint(phone) == fingerprint(tablet) != shared
    status = tablet.keys.status()
    assert status is not None
    assert status.created == devices.days()
    assert "keys_received" in kinds(tablet)
    (key_id,) = used(devices.rig.trainer)
    assert held(devices.rig.trainer) == [key_id]


def test_keys_that_two_devices_made_at_once_become_one_set(devices: Devices) -> None:
    """Both were asked for new keys; after a few syncs both use the same, and the trainer holds no other."""
    phone, tablet = devices.circle("phone", "tablet")
    shared = fingerprint(phone)
    for device in (phone, tablet):
        device.keys.rotate()
    for _ in range(3):
        for device in (phone, tablet):
            device.sync()
    assert fingerprint(phone) == fingerprint(tablet) != shared
    assert len(held(devices.rig.trainer)) == 1


def test_a_device_waits_for_the_new_keys_after_somebody_left(devices: Devices) -> None:
    """Those that stay send nothing under keys that somebody took along; one of them makes new ones."""
    phone, tablet, laptop = devices.circle("phone", "tablet", "laptop")
    laptop.circle.leave()
    result = tablet.sync()
    assert result.outcome is Outcome.DEFERRED
    assert "report" not in result.bytes_sent
    assert phone.sync().outcome in USED
    assert tablet.sync().outcome in USED
    assert fingerprint(tablet) == fingerprint(phone)


def test_a_device_does_not_wait_for_ever(devices: Devices) -> None:
    """If the first device is never seen again, the second makes the keys after a fortnight."""
    phone, tablet, laptop = devices.circle("phone", "tablet", "laptop")
    laptop.circle.leave()
    assert tablet.sync().outcome is Outcome.DEFERRED
    devices.days.day += 15.0
    assert tablet.sync().outcome in USED
    for device in (phone, tablet):
        assert device.sync().outcome in USED
    assert fingerprint(tablet) == fingerprint(phone)


def test_mail_from_outside_the_circle_changes_nothing(devices: Devices) -> None:
    """A trainer that writes mail itself, or returns a device's own, is not believed."""
    phone, tablet = devices.circle("phone", "tablet")
    shared = fingerprint(tablet)
    phone.keys.rotate()
    by_name = {member.name: member.device_id for member in tablet.circle.members()}
    trainer = devices.rig.trainer
    phone.sync()
    letter = trainer.devices[by_name["tablet"]].mail.pop(by_name["phone"])
    forged = [bytes(100), letter[:-1] + bytes([letter[-1] ^ 1])]
    for mail in forged:
        trainer.devices[by_name["tablet"]].mail[by_name["phone"]] = mail
        tablet.circle.members()
        assert fingerprint(tablet) == shared
    trainer.devices[by_name["tablet"]].mail["0" * 32] = letter  # under another name
    tablet.circle.members()
    assert fingerprint(tablet) == shared
    trainer.devices[by_name["phone"]].mail[by_name["tablet"]] = letter  # back to whom it is from
    phone.circle.members()
    assert kinds(tablet).count("letter_dropped") == 3
    assert kinds(phone).count("letter_dropped") == 1
    trainer.devices[by_name["tablet"]].mail[by_name["phone"]] = letter
    tablet.circle.members()
    assert fingerprint(tablet) == fingerprint(phone)


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
        tablet._exchange._transport = Lossy()
        with pytest.raises(TryAgain):
            tablet.circle.join(text, "tablet")
        tablet._exchange._transport = rig.trainer
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
        with tablet._exchange.talk() as (parts, client):
            from quietkeys.circle.invitation import Secret
            from quietkeys.circle.moving import begin_joining

            secret = Secret.parse(text)
            begin_joining(parts, secret, "tablet")
            client.claim(secret.invitation_id, secret.claim)
        devices.days.day += 1.0
        assert tablet.sync().outcome in USED
        assert "circle_missed" in kinds(tablet)
        assert tablet.circle.members() == ()
        assert phone.sync().outcome in USED
        assert len({device.account for device in rig.trainer.devices.values()}) == 2


def test_forgetting_forgets_the_circle(devices: Devices) -> None:
    """Its secrets go with the keys; the other device gets new keys when it next syncs."""
    phone, tablet = devices.circle("phone", "tablet")
    shared = fingerprint(phone)
    tablet.consent.withdraw(keep_learned=True)
    assert membership_in(tablet._profile.store) is None
    assert phone.sync().outcome in USED
    assert fingerprint(phone) != shared


def test_a_trainer_that_lost_the_keys_gets_new_ones_from_a_device_that_joined(devices: Devices) -> None:
    """It has no evaluation keys to send again, so it makes a key set and hands it to the others."""
    phone, tablet = devices.circle("phone", "tablet")
    shared = fingerprint(phone)
    for account in devices.rig.trainer.accounts.values():
        account.keys.clear()
    assert tablet.sync().outcome in USED
    assert phone.sync().outcome in USED
    assert fingerprint(tablet) == fingerprint(phone) != shared


def test_joint_updates_are_bounded_not_compared(devices: Devices) -> None:
    """With two sources the device cannot run the reference; weights out of range are refused all the same."""

    def extreme(plan: Plan, arrays: Sequence[Integers]) -> list[Integers]:
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
    around = Surroundings(clock=devices.days)
    with any_rig.open("laptop", cipher=OfAnotherBundle, around=around) as laptop:
        assert code_of(laptop.circle.join, phone.circle.invite("phone").text) is ErrorCode.CIRCLE_MISMATCH
        assert membership_in(laptop._profile.store) is None
        assert laptop.keys.status() is None
    assert names(phone) == ["phone"]
    assert phone.sync().outcome in USED
    assert len({device.account for device in any_rig.trainer.devices.values()}) == 2
