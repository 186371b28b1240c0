"""Getting into a circle and out of it, in steps that a kill may fall between.

A wish is written down before the trainer hears of it, and struck off with what it led to; a sync finishes
what a kill, or a broken connection, left undone.
"""

from __future__ import annotations

import base64
from dataclasses import replace

from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.settings import JOINING, LEAVING
from quietkeys.profile.trainers import Trainers
from quietkeys.remote.client import TrainerClient
from quietkeys.sync.circle.invitation import Secret
from quietkeys.sync.circle.letters import Letter, open_package, seal_card, seal_package
from quietkeys.sync.circle.membership import (
    LONGEST_NAME,
    Membership,
    drop_circle,
    keep_membership,
    membership_in,
)
from quietkeys.sync.context import Parts
from quietkeys.sync.keys.age import KeyLife
from quietkeys.vault.sealing import new_key
from quietkeys_protocol.containers import MAX_SOURCES
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused, StartOver, Untrusted


def letter_for(parts: Parts, membership: Membership, to: str) -> Letter:
    """Return a letter with the keys in use. to: the device id of a member, "" for who is invited."""
    sealing_key, key_id = new_key(), membership.key_id
    created = KeyLife(parts.store).created(key_id)
    return Letter(
        to=to,
        epoch=membership.epoch,
        key=membership.key,
        members=membership.members,
        key_id=key_id,
        created=parts.around.clock() if created is None else created,
        plan_hash=parts.cipher.plan_hash(),
        sealing_key=sealing_key.hex(),
        keys=base64.b64encode(parts.cipher.share(sealing_key)).decode(),
    )


def invite(parts: Parts, client: TrainerClient, name: str) -> Secret:
    """Return the secret of a new invitation to this device's circle, which is made if there is none.

    Raises Refused: KEYS_STALE, CIRCLE_FULL, and as `TrainerClient.invite`.
    """
    key_id = _settled_key(parts)
    membership = membership_in(parts.store) or Membership.alone(client.device_id, name[:LONGEST_NAME], key_id)
    if membership.count >= min(parts.plan.sources, MAX_SOURCES):
        raise Refused(ErrorCode.CIRCLE_FULL)
    if membership.key_id != key_id:
        raise Refused(ErrorCode.KEYS_STALE)
    keep_membership(parts.store, membership)
    show_card(parts, client)
    secret = Secret.fresh()
    package = seal_package(secret, letter_for(parts, membership, ""))
    client.invite(secret.invitation_id, secret.claim_sha256, package)
    text = "You invited another device to share this one's keys."
    parts.store.write_ledger(parts.around.clock(), LedgerKind.CIRCLE_INVITED, text)
    return secret


def remove(parts: Parts, client: TrainerClient, device_id: str) -> None:
    """Put another device out of the circle, and have this one make new keys.

    Raises Refused (MEMBER_UNKNOWN), and as `TrainerClient.remove_member`.
    """
    membership = membership_in(parts.store)
    if (
        membership is None
        or device_id == membership.device_id
        or device_id not in {member.device_id for member in client.circle().members}
    ):
        raise Refused(ErrorCode.MEMBER_UNKNOWN)
    present = replace(
        membership,
        members={name: known for name, known in membership.members.items() if name != device_id},
        told=tuple(name for name in membership.told if name != device_id),
        removed=(*(name for name in membership.removed if name != device_id), device_id),
        renew=True,
        waiting_since=0.0,
    )
    with parts.store.transaction():
        keep_membership(parts.store, present)
        KeyLife(parts.store).retire(membership.key_id)
        text = "You removed a device from the circle. New keys take the place of these."
        parts.store.write_ledger(parts.around.clock(), LedgerKind.MEMBER_REMOVED, text)
    client.remove_member(device_id)


def begin_joining(parts: Parts, secret: Secret, name: str) -> None:
    """Write down that this device is to join."""
    parts.store.set_setting(JOINING, (secret.text, name[:LONGEST_NAME]))


def finish_joining(parts: Parts, client: TrainerClient) -> None:
    """Join, if that is written down; what was under way in this device's own account is dropped.

    An invitation that is over is struck off. Raises as `TrainerClient.claim`, Untrusted (LETTER_UNTRUSTED),
    Outdated (CIRCLE_MISMATCH).
    """
    stored = parts.store.setting(JOINING)
    if stored is None:
        return
    invited, name = stored
    secret = Secret.parse(invited)
    try:
        claimed = client.claim(secret.invitation_id, secret.claim)
        letter = open_package(secret, claimed.package)
        if letter.plan_hash != parts.cipher.plan_hash():
            raise Outdated(ErrorCode.CIRCLE_MISMATCH)
        alone = Membership.alone(client.device_id, name, letter.key_id)
        members = {**letter.members, client.device_id: alone.own}
        joined = replace(alone, key=letter.key, members=members, told=tuple(members))
        adopt(
            parts, letter, joined, LedgerKind.CIRCLE_JOINED, "This device joined a circle, and has its keys."
        )
    except (Refused, Outdated, Untrusted):
        _give_up(parts, client)
        raise
    show_card(parts, client)


def show_card(parts: Parts, client: TrainerClient) -> None:
    """Leave this device's card at the trainer, unless the present one is there."""
    membership = membership_in(parts.store)
    if membership is not None and not membership.has_card:
        client.put_card(seal_card(membership))
        keep_membership(parts.store, replace(membership, has_card=True))


def adopt(parts: Parts, letter: Letter, membership: Membership, kind: LedgerKind, text: str) -> None:
    """Use the keys in a letter from now on; the ones before them are to be deleted at the trainer.

    membership: as it is then. Raises as `Cipher.adopt`.
    """
    life, trainers = KeyLife(parts.store), Trainers(parts.store.database)
    earlier = trainers.key_id(parts.trainer)
    key_id = parts.cipher.adopt(bytes.fromhex(letter.sealing_key), letter.sealed_keys)
    with parts.store.transaction():
        if earlier not in ("", key_id):
            life.retire(earlier)
        life.deleted(key_id)
        life.use(key_id, letter.created)
        trainers.has_keys(parts.trainer, key_id)
        keep_membership(parts.store, replace(membership, epoch=letter.epoch, key_id=key_id))
        parts.store.drop_setting(JOINING)
        parts.store.write_ledger(parts.around.clock(), kind, text)


def begin_leaving(parts: Parts) -> None:
    """Write down that this device is to leave."""
    parts.store.set_setting(LEAVING, True)


def finish_leaving(parts: Parts, client: TrainerClient) -> None:
    """Leave, if that is written down. Raises as `TrainerClient.leave_circle`."""
    if parts.store.setting(LEAVING) is not None:
        client.leave_circle()
        part_ways(parts, "This device left its circle. New keys take the place of the ones it shared.")


def part_ways(parts: Parts, text: str) -> None:
    """Forget the circle, and have its keys replaced by this device's own."""
    key_id = _key_in_use(parts)
    with parts.store.transaction():
        if key_id:
            KeyLife(parts.store).retire(key_id)
        Trainers(parts.store.database).has_keys(parts.trainer, "")
        drop_circle(parts.store)
        parts.store.write_ledger(parts.around.clock(), LedgerKind.CIRCLE_LEFT, text)


def _settled_key(parts: Parts) -> str:
    """Return the id of keys that the trainer holds and that stay for a while."""
    key_id = _key_in_use(parts)
    held = Trainers(parts.store.database).key_id(parts.trainer)
    if not key_id or held != key_id or KeyLife(parts.store).is_due(key_id, parts.around.clock()):
        raise Refused(ErrorCode.KEYS_STALE)
    return key_id


def _give_up(parts: Parts, client: TrainerClient) -> None:
    # A kill may have fallen between the claim and here: then this device is in, and may use the keys already.
    client.leave_circle()
    key_id = _key_in_use(parts)
    with parts.store.transaction():
        if key_id != Trainers(parts.store.database).key_id(parts.trainer) and key_id:
            KeyLife(parts.store).retire(key_id)
        parts.store.drop_setting(JOINING)


def _key_in_use(parts: Parts) -> str:
    try:
        return parts.cipher.fingerprint()
    except (StartOver, Untrusted):
        return ""
