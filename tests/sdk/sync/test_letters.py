"""Invitations, cards and letters: what is sealed opens for whom it is meant, and anything else is refused."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import ErrorCode, QuietkeysError, Refused, Untrusted
from quietkeys.profile.settings import MEMBERSHIP
from quietkeys.profile.store import Store
from quietkeys.sync.circle.invitation import Secret
from quietkeys.sync.circle.letters import (
    Letter,
    open_card,
    open_mail,
    open_package,
    seal_card,
    seal_mail,
    seal_package,
)
from quietkeys.sync.circle.membership import Membership, keep_membership, membership_in
from quietkeys.vault.sealing import seal, unseal

PHONE, TABLET = "a" * 32, "b" * 32
LETTER = Letter(
    to=TABLET,
    epoch=3,
    key="c" * 64,
    members={},
    key_id="d" * 64,
    created=1.0,
    plan_hash="e" * 64,
    sealing_key="f" * 64,
    keys="AAAA",
)


def two() -> tuple[Membership, Membership]:
    """Two devices that know each other."""
    phone, tablet = (Membership.alone(name, name[0], "d" * 64) for name in (PHONE, TABLET))
    members = {PHONE: phone.own, TABLET: tablet.own}
    return replace(phone, members=members), replace(tablet, members=members, key=phone.key)


@given(st.binary(min_size=16, max_size=16))
def test_the_text_of_an_invitation_brings_its_secret_over(content: bytes) -> None:
    """Whatever the case, blanks and hyphens; and what looks alike is taken for what was meant."""
    secret = Secret(content)
    text = secret.text
    assert len(text) == 4 + 8 * 5
    for spelled in (
        text,
        text.lower(),
        text.replace("-", ""),
        f" {text}\n",
        text.replace("0", "O").replace("1", "l"),
    ):
        assert Secret.parse(spelled).content == content
    names = {secret.invitation_id, secret.claim.hex()[:32], secret.package_key.hex()[:32], content.hex()[:32]}
    assert len(names) == 4


@given(
    st.binary(min_size=16, max_size=16),
    st.integers(0, 43),
    st.sampled_from("ABCDEFGHJKMNPQRSTVWXYZ23456789"),
)
def test_a_misread_letter_is_found_out(content: bytes, place: int, letter: str) -> None:
    """One wrong character anywhere is refused on the device."""
    text = Secret(content).text
    if text[place] in ("-", letter):
        return
    with pytest.raises(Refused) as refused:
        Secret.parse(text[:place] + letter + text[place + 1 :])
    assert refused.value.code is ErrorCode.INVITATION_MALFORMED


@given(st.text(max_size=60))
def test_any_text_is_an_invitation_or_refused(text: str) -> None:
    """Nothing else comes out of reading one."""
    with pytest.raises(Refused):
        Secret.parse(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_letter_or_untrusted(content: bytes) -> None:
    """Whatever arrives is refused by type."""
    phone, tablet = two()
    with pytest.raises(Untrusted):
        Letter.decode(content)
    with pytest.raises(Untrusted):
        open_mail(tablet, PHONE, content)
    with pytest.raises(Untrusted):
        open_package(Secret(bytes(20)), content)
    assert open_card(phone, TABLET, content) is None


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1},
        {"epoch": "1"},
        {"epoch": 2**40},
        {"key": "00"},
        {"sealing_key": "x" * 64},
        {"keys": "not base64!"},
        {"key_id": ""},
        {"created": -1.0},
        {"members": {"x": {"public": "0" * 64, "name": ""}}},
        {"members": {PHONE: {"public": "0", "name": ""}}},
        {"members": {PHONE: {"public": "0" * 64, "name": "n" * 65}}},
        {"members": []},
        {"more": 1},
    ],
)
def test_a_letter_out_of_form_is_untrusted(change: dict[str, object]) -> None:
    """Also from a member: every field has its form."""
    with pytest.raises(Untrusted):
        Letter.decode(json.dumps(asdict(LETTER) | change).encode())


def test_mail_is_from_one_member_to_another() -> None:
    """It opens for its reader alone, says who wrote it, and cannot be sent back or passed on."""
    phone, tablet = two()
    letter = replace(LETTER, members=phone.members)
    mail = seal_mail(phone, letter)
    assert open_mail(tablet, PHONE, mail) == letter
    stranger = Membership.alone("9" * 32, "", "d" * 64)
    for reader, sender in (
        (phone, TABLET),
        (phone, PHONE),
        (tablet, TABLET),
        (tablet, "9" * 32),
        (stranger, PHONE),
    ):
        with pytest.raises(Untrusted):
            open_mail(reader, sender, mail)
    other = replace(letter, to=PHONE)
    with pytest.raises(Untrusted):
        open_mail(tablet, PHONE, seal_mail(replace(phone, members={PHONE: tablet.own}), other))


def test_a_card_is_of_one_device_under_one_key() -> None:
    """Shown by another device, or after the card key was replaced, it says nothing."""
    phone, tablet = two()
    card = seal_card(tablet)
    assert open_card(phone, TABLET, card) == tablet.own
    assert open_card(phone, PHONE, card) is None
    assert open_card(replace(phone, key="0" * 64), TABLET, card) is None


def test_a_package_opens_with_the_secret_alone() -> None:
    """Another secret, or what the trainer knows of it, does not open it."""
    secret = Secret.fresh()
    package = seal_package(secret, LETTER)
    assert open_package(secret, package) == LETTER
    with pytest.raises(Untrusted):
        open_package(Secret.fresh(), package)
    for known in (secret.claim, bytes.fromhex(secret.claim_sha256)):
        with pytest.raises(Untrusted):
            unseal(known, package, "package")
    with pytest.raises(Untrusted):
        unseal(secret.package_key, seal(secret.package_key, b"x", "card"), "package")


def test_secrets_are_not_shown() -> None:
    """No repr has them, nothing pickles them."""
    phone, _ = two()
    secret = Secret.fresh()
    for shown in (secret, phone, LETTER):
        for planted in (secret.text, phone.key, phone.private, LETTER.sealing_key):
            assert planted not in repr(shown)
        with pytest.raises(TypeError):
            pickle.dumps(shown)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "00"},
        {"private": "x"},
        {"members": {}},
        {"rank": 5},
        {"epoch": -1},
        {"told": ["x"]},
        {"more": 1},
    ],
)
def test_a_damaged_membership_is_found_out(change: dict[str, object]) -> None:
    """It is damage, not a circle of nobody; what is whole comes back as it was."""
    store, (phone, _) = Store.in_memory(), two()
    keep_membership(store, phone)
    assert membership_in(store) == phone
    store.set_setting(MEMBERSHIP, asdict(phone) | change)
    with pytest.raises(QuietkeysError) as damaged:
        membership_in(store)
    assert damaged.value.code is ErrorCode.PROFILE_DAMAGED


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("[" * 4000, id="deep"),
        "[]",
        "{}",
        "x",
        json.dumps({"public": 1}),
        pytest.param(json.dumps({"public": "a" * 64, "name": ["a"]}), id="a list"),
        pytest.param(json.dumps({"public": "a" * 64, "name": "\ud800"}), id="half a pair"),
        pytest.param(json.dumps({"public": "a" * 64, "more": ""}), id="more"),
    ],
)
def test_a_card_of_a_member_that_says_nonsense_is_none(said: str) -> None:
    """A device that knows the card key can write what it likes; nobody's sync ends of it."""
    phone, _ = two()
    assert open_card(phone, TABLET, seal(phone.card_key, said.encode(), f"card {TABLET}")) is None
