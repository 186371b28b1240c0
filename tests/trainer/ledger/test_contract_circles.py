"""Circles: what the service and the trainer in memory answer alike."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import pytest

from quietkeys.remote.http import Body
from quietkeys_protocol.containers import MAX_CARD_BYTES, MAX_PACKAGE_BYTES
from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.messages import Circle, JobState, KeyState, Mail, Member, UploadState
from tests.trainer.sides import CLAIM, Side, circle_of_two, code_of, id_of, invite


def test_a_device_is_its_own_circle(side: Side) -> None:
    """Alone at first; it may set a card, and leaving changes nothing."""
    device = side.device()
    assert device.circle() == Circle((Member(id_of(device), 0, b""),), "")
    device.put_card(b"card")
    device.leave_circle()
    assert device.circle() == Circle((Member(id_of(device), 0, b"card"),), "")
    assert code_of(device.put_card, bytes(MAX_CARD_BYTES + 1)) is ErrorCode.BODY_TOO_LARGE


def test_an_invited_device_shares_keys_and_jobs(side: Side, tmp_path: Path) -> None:
    """It gets the package and the next source; keys and jobs are both devices' then; what it had is gone."""
    first, second = side.device(), side.device()
    shared_keys, old = side.put_keys(first, tmp_path), side.put_keys(second, tmp_path, b"old")
    old_job = side.report(second, old, 0)
    invitation = invite(first, b"the secret keys, sealed")
    for _ in range(2):
        claimed = second.claim(invitation, CLAIM)
        assert (claimed.package, claimed.source) == (b"the secret keys, sealed", 1)
    members = (Member(id_of(first), 0, b""), Member(id_of(second), 1, b""))
    assert first.circle() == second.circle() == Circle(members, shared_keys)
    assert second.key_state(shared_keys).state is UploadState.STORED
    assert second.key_state(old).state is UploadState.ABSENT
    assert code_of(second.job, old_job) is ErrorCode.JOB_UNKNOWN
    job = side.report(second, shared_keys, 1)
    for device in (first, second):
        assert device.job(job).state in {JobState.QUEUED, JobState.RUNNING, JobState.DONE}


def test_three_wrong_claims_end_an_invitation(side: Side) -> None:
    """Two are refused, also from different devices, and do not count against another invitation."""
    inviter, one, two = side.device(), side.device(), side.device()
    invitation, other = invite(inviter), invite(inviter)
    for device in (one, two, one):
        assert code_of(device.claim, invitation, bytes(32)) is ErrorCode.INVITATION_REFUSED
    assert code_of(one.claim, invitation, CLAIM) is ErrorCode.INVITATION_UNKNOWN
    for _ in range(2):
        assert code_of(one.claim, other, bytes(32)) is ErrorCode.INVITATION_REFUSED
    assert one.claim(other, CLAIM).source == 1


def test_an_invitation_is_for_one_device(side: Side) -> None:
    """Once it was used it is unknown to everybody else, and no member can use it."""
    first, second = circle_of_two(side)
    invitation = invite(second)
    assert code_of(first.claim, invitation, CLAIM) is ErrorCode.INVITATION_REFUSED
    third, fourth = side.device(), side.device()
    assert third.claim(invitation, CLAIM).source == 2
    assert code_of(fourth.claim, invitation, CLAIM) is ErrorCode.INVITATION_UNKNOWN
    assert len(first.circle().members) == 3


def test_an_invitation_lasts_a_quarter_of_an_hour(side: Side) -> None:
    """A second before it is over it is good, then it is unknown."""
    inviter, early, late = side.device(), side.device(), side.device()
    first, second = invite(inviter), invite(inviter)
    side.clock.now += 899
    early.claim(first, CLAIM)
    side.clock.now += 1
    side.tidy()
    assert code_of(late.claim, second, CLAIM) is ErrorCode.INVITATION_UNKNOWN


def test_a_circle_has_four_open_invitations(side: Side) -> None:
    """A fifth waits until one is over; repeating one is none; another's id is nobody else's."""
    inviter, other = side.device(), side.device()
    invitation = invite(inviter)
    inviter.invite(invitation, hashlib.sha256(CLAIM).hexdigest(), b"sealed")
    for _ in range(3):
        invite(inviter)
    assert code_of(invite, inviter) is ErrorCode.INVITATIONS_FULL
    taken = (invitation, hashlib.sha256(CLAIM).hexdigest(), b"mine")
    for device in (inviter, other):
        assert code_of(device.invite, *taken) is ErrorCode.REQUEST_MALFORMED
    invite(other)
    side.clock.now += 900
    invite(inviter)


def test_a_circle_has_eight_devices(side: Side) -> None:
    """The ninth is told so, and a free source is given again."""
    first = side.device()
    members = [side.device() for _ in range(7)]
    for number, member in enumerate(members):
        assert member.claim(invite(first), CLAIM).source == number + 1
    ninth = side.device()
    invitation = invite(first)
    assert code_of(ninth.claim, invitation, CLAIM) is ErrorCode.CIRCLE_FULL
    first.remove_member(id_of(members[2]))
    assert ninth.claim(invite(first), CLAIM).source == 3


@pytest.mark.parametrize("leaver", ["itself", "another"])
def test_who_leaves_takes_nothing_and_leaves_nothing(side: Side, tmp_path: Path, leaver: str) -> None:
    """It finds an empty account; its jobs are gone, the others' and the keys stay; invitations are over."""
    first, second = circle_of_two(side)
    key_id = side.put_keys(first, tmp_path)
    kept, gone = side.report(first, key_id, 0), side.report(second, key_id, 1)
    second.put_card(b"card")
    first.put_mail(id_of(second), b"to it")
    second.put_mail(id_of(first), b"from it")
    invitation = invite(second)
    for _ in range(2):
        if leaver == "itself":
            second.leave_circle()
        else:
            first.remove_member(id_of(second))
    assert second.circle() == Circle((Member(id_of(second), 0, b""),), "")
    assert first.circle() == Circle((Member(id_of(first), 0, b""),), key_id)
    for device in (first, second):
        assert code_of(device.job, gone) is ErrorCode.JOB_UNKNOWN
        assert device.mail() is None
    assert first.job(kept).state
    assert code_of(second.job, kept) is ErrorCode.JOB_UNKNOWN
    assert code_of(second.claim, invitation, CLAIM) is ErrorCode.INVITATION_UNKNOWN
    assert second.key_state(key_id).state is UploadState.ABSENT


def test_a_deleted_member_leaves_the_circle_standing(side: Side, tmp_path: Path) -> None:
    """What it sent is gone, the keys and the others' jobs stay until the last one is deleted."""
    first, second = circle_of_two(side)
    key_id = side.put_keys(second, tmp_path)
    gone, kept = side.report(first, key_id, 0), side.report(second, key_id, 1)
    assert first.delete_device().device_id == id_of(first)
    assert second.circle() == Circle((Member(id_of(second), 1, b""),), key_id)
    assert code_of(second.job, gone) is ErrorCode.JOB_UNKNOWN
    assert second.job(kept).state
    second.delete_device()
    assert not second.device_exists()
    third = side.device()
    assert third.circle() == Circle((Member(id_of(third), 0, b""),), "")


def test_mail_waits_until_it_is_dropped(side: Side) -> None:
    """The oldest first, the latest of each sender; dropping one leaves what came since."""
    first, second = circle_of_two(side)
    third = side.device()
    third.claim(invite(first), CLAIM)
    second.put_mail(id_of(first), b"outdated")
    side.clock.now += 1
    third.put_mail(id_of(first), b"from the third")
    side.clock.now += 1
    read = first.mail()
    assert read == Mail(id_of(second), b"outdated")
    second.put_mail(id_of(first), b"newer")
    first.drop_mail(read)
    for expected in (Mail(id_of(third), b"from the third"), Mail(id_of(second), b"newer")):
        for _ in range(2):
            assert first.mail() == expected
        first.drop_mail(expected)
    assert first.mail() is None
    too_large = bytes(MAX_PACKAGE_BYTES + 1)
    assert code_of(second.put_mail, id_of(first), too_large) is ErrorCode.BODY_TOO_LARGE


def test_the_largest_packages_arrive(side: Side) -> None:
    """Mail, invitations and cards of the size that is allowed come back whole."""
    first, second = side.device(), side.device()
    package = secrets.token_bytes(MAX_PACKAGE_BYTES)
    assert second.claim(invite(first, package), CLAIM).package == package
    second.put_mail(id_of(first), package)
    assert first.mail() == Mail(id_of(second), package)
    first.put_card(package[:MAX_CARD_BYTES])
    assert second.circle().members[0].card == package[:MAX_CARD_BYTES]


def test_another_circle_is_not_there(side: Side, tmp_path: Path) -> None:
    """A stranger to it finds no member, mail, key or job of it, as if there were none."""
    first, second = circle_of_two(side)
    key_id = side.put_keys(first, tmp_path)
    job = side.report(first, key_id, 0)
    first.put_mail(id_of(second), b"private")
    other = side.device()
    nobody = "0" * 32
    for member in (id_of(second), nobody):
        assert code_of(other.put_mail, member, b"x") is ErrorCode.MEMBER_UNKNOWN
        other.remove_member(member)
    other.drop_mail(Mail(id_of(first), b"private"))
    other.delete_keys(key_id)
    for asked in (job, nobody):
        assert code_of(other.job, asked) is ErrorCode.JOB_UNKNOWN
    assert other.key_state(key_id) == KeyState(key_id, UploadState.ABSENT, 0)
    assert code_of(side.report, other, key_id, 0) is ErrorCode.KEY_UNKNOWN
    assert code_of(other.put_key_part, key_id, 5, Body.of(b"x")) is ErrorCode.UPLOAD_OFFSET
    assert other.mail() is None
    assert second.mail() == Mail(id_of(first), b"private")
    assert first.key_state(key_id).state is UploadState.STORED
    assert len(first.circle().members) == 2
