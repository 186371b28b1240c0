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
from quietkeys.sync.context import SyncContext
from quietkeys.sync.keys.life import KeyLife
from quietkeys.vault.sealing import new_key
from quietkeys_protocol.containers import MAX_SOURCES
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused, StartOver, Untrusted


def letter_for(context: SyncContext, membership: Membership, to: str) -> Letter:
    """Return a letter with the keys in use. to: the device id of a member, "" for who is invited."""
    sealing_key, key_id = new_key(), membership.key_id
    created = KeyLife(context.store).created(key_id)
    return Letter(
        to=to,
        epoch=membership.epoch,
        key=membership.key,
        members=membership.members,
        key_id=key_id,
        created=context.environment.clock() if created is None else created,
        plan_hash=context.cipher.plan_hash(),
        sealing_key=sealing_key.hex(),
        keys=base64.b64encode(context.cipher.share(sealing_key)).decode(),
    )


def invite(context: SyncContext, client: TrainerClient, name: str) -> Secret:
    """Leave an invitation to this device's circle, which is made if there is none; return its secret.

    Raises Refused: KEYS_STALE, CIRCLE_FULL, and as `TrainerClient.invite`.
    """
    key_id = _settled_key(context)
    membership = membership_in(context.store) or Membership.alone(
        client.device_id, name[:LONGEST_NAME], key_id
    )
    if membership.count >= min(context.plan.sources, MAX_SOURCES):
        raise Refused(ErrorCode.CIRCLE_FULL)
    if membership.key_id != key_id:
        raise Refused(ErrorCode.KEYS_STALE)
    keep_membership(context.store, membership)
    show_card(context, client)
    secret = Secret.fresh()
    package = seal_package(secret, letter_for(context, membership, ""))
    client.invite(secret.invitation_id, secret.claim_sha256, package)
    text = "You invited another device to share this one's keys."
    context.store.write_ledger(context.environment.clock(), LedgerKind.CIRCLE_INVITED, text)
    return secret


def remove(context: SyncContext, client: TrainerClient, device_id: str) -> None:
    """Put another device out of the circle, and have this one make new keys.

    Raises Refused (MEMBER_UNKNOWN), and as `TrainerClient.remove_member`.
    """
    membership = membership_in(context.store)
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
    with context.store.transaction():
        keep_membership(context.store, present)
        KeyLife(context.store).retire(membership.key_id)
        text = "You removed a device from the circle. New keys take the place of these."
        context.store.write_ledger(context.environment.clock(), LedgerKind.MEMBER_REMOVED, text)
    client.remove_member(device_id)


def begin_joining(context: SyncContext, secret: Secret, name: str) -> None:
    """Write down that this device is to join."""
    context.store.set_setting(JOINING, (secret.text, name[:LONGEST_NAME]))


def finish_joining(context: SyncContext, client: TrainerClient) -> None:
    """Join, if that is written down; what was under way in this device's own account is dropped.

    An invitation that is over is struck off. Raises as `TrainerClient.claim`, Untrusted (LETTER_UNTRUSTED),
    Outdated (CIRCLE_MISMATCH).
    """
    stored = context.store.setting(JOINING)
    if stored is None:
        return
    invited, name = stored
    secret = Secret.parse(invited)
    try:
        claimed = client.claim(secret.invitation_id, secret.claim)
        letter = open_package(secret, claimed.package)
        if letter.plan_hash != context.cipher.plan_hash():
            raise Outdated(ErrorCode.CIRCLE_MISMATCH)
        alone = Membership.alone(client.device_id, name, letter.key_id)
        members = {**letter.members, client.device_id: alone.own}
        joined = replace(alone, key=letter.key, members=members, told=tuple(members))
        adopt(
            context,
            letter,
            joined,
            LedgerKind.CIRCLE_JOINED,
            "This device joined a circle, and has its keys.",
        )
    except (Refused, Outdated, Untrusted):
        _give_up(context, client)
        raise
    show_card(context, client)


def show_card(context: SyncContext, client: TrainerClient) -> None:
    """Leave this device's card at the trainer, unless the present one is there."""
    membership = membership_in(context.store)
    if membership is not None and not membership.has_card:
        client.put_card(seal_card(membership))
        keep_membership(context.store, replace(membership, has_card=True))


def adopt(context: SyncContext, letter: Letter, membership: Membership, kind: LedgerKind, text: str) -> None:
    """Use the keys in a letter from now on; the ones before them are to be deleted at the trainer.

    membership: as it is then. Raises as `Cipher.adopt`.
    """
    life, trainers = KeyLife(context.store), Trainers(context.store.database)
    earlier = trainers.key_id(context.trainer)
    key_id = context.cipher.adopt(bytes.fromhex(letter.sealing_key), letter.sealed_keys)
    with context.store.transaction():
        if earlier not in ("", key_id):
            life.retire(earlier)
        life.deleted(key_id)
        life.use(key_id, letter.created)
        trainers.has_keys(context.trainer, key_id)
        keep_membership(context.store, replace(membership, epoch=letter.epoch, key_id=key_id))
        context.store.drop_setting(JOINING)
        context.store.write_ledger(context.environment.clock(), kind, text)


def begin_leaving(context: SyncContext) -> None:
    """Write down that this device is to leave."""
    context.store.set_setting(LEAVING, True)


def finish_leaving(context: SyncContext, client: TrainerClient) -> None:
    """Leave, if that is written down. Raises as `TrainerClient.leave_circle`."""
    if context.store.setting(LEAVING) is not None:
        client.leave_circle()
        part_ways(context, "This device left its circle. New keys take the place of the ones it shared.")


def part_ways(context: SyncContext, text: str) -> None:
    """Forget the circle, and have its keys replaced by this device's own."""
    key_id = _key_in_use(context)
    with context.store.transaction():
        if key_id:
            KeyLife(context.store).retire(key_id)
        Trainers(context.store.database).has_keys(context.trainer, "")
        drop_circle(context.store)
        context.store.write_ledger(context.environment.clock(), LedgerKind.CIRCLE_LEFT, text)


def _settled_key(context: SyncContext) -> str:
    """Return the id of keys that the trainer holds and that stay for a while."""
    key_id = _key_in_use(context)
    held = Trainers(context.store.database).key_id(context.trainer)
    if not key_id or held != key_id or KeyLife(context.store).is_due(key_id, context.environment.clock()):
        raise Refused(ErrorCode.KEYS_STALE)
    return key_id


def _give_up(context: SyncContext, client: TrainerClient) -> None:
    # A kill may have fallen between the claim and here: then this device is in, and may use the keys already.
    client.leave_circle()
    key_id = _key_in_use(context)
    with context.store.transaction():
        if key_id != Trainers(context.store.database).key_id(context.trainer) and key_id:
            KeyLife(context.store).retire(key_id)
        context.store.drop_setting(JOINING)


def _key_in_use(context: SyncContext) -> str:
    try:
        return context.cipher.fingerprint()
    except (StartOver, Untrusted):
        return ""
