"""A circle of devices: getting out, and new keys that reach those that stay."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from quietkeys import ErrorCode, Outcome
from quietkeys.remote.http import Answer, Request
from quietkeys.sync.circle.membership import membership_in
from quietkeys_protocol.errors import TryAgain
from tests.sdk.circles import USED, Devices, fingerprint, names
from tests.sdk.conftest import Rig
from tests.sdk.sync.test_keys import Days, held, kinds, used


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

        phone._link._transport = Deaf()
        with pytest.raises(TryAgain):
            phone.circle.remove(out.device_id)
        phone._link._transport = rig.trainer
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
