"""What a sync does about the circle: who is in it, what they sent, who makes new keys, who gets them.

Who is in the circle is for the trainer to say; whom this device writes to is not. It trusts the devices that
it was told of in a letter from one it trusts, and those that show a card sealed under the circle's card key,
which only an invitation hands out and which is replaced after somebody has left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from quietkeys.profile.ledger import LedgerKind
from quietkeys.remote.client import TrainerClient
from quietkeys.sync.circle.letters import Letter, open_card, open_mail, seal_mail
from quietkeys.sync.circle.membership import Membership, keep_membership, membership_in
from quietkeys.sync.circle.moving import (
    adopt,
    finish_joining,
    finish_leaving,
    letter_for,
    part_ways,
    show_card,
)
from quietkeys.sync.context import Place, SyncContext
from quietkeys.sync.keys.life import DAY_S, KeyLife
from quietkeys.vault.sealing import new_key
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused, Untrusted
from quietkeys_protocol.messages import Circle

PATIENCE_S: Final = 14 * DAY_S  # that each device gives every one before it to make new keys
_MAX_LETTERS: Final = 16  # of one sync; there are no more senders than members


class Attendance:
    """The circle, in one sync of one device."""

    def __init__(self, context: SyncContext, client: TrainerClient) -> None:
        self._context = context
        self._client = client
        self._life = KeyLife(context.store)

    def attend(self) -> Place:
        """Catch up with the circle; return this device's place among those that report.

        Raises as `TrainerClient`, Outdated (CIRCLE_MISMATCH) if new keys came that are for another bundle.
        """
        context, client = self._context, self._client
        was_in_one = membership_in(context.store) is not None
        try:
            finish_joining(context, client)
        except (Refused, Outdated, Untrusted):
            self._ledger(
                LedgerKind.CIRCLE_MISSED, "The invitation to a circle is over. This device did not join."
            )
        finish_leaving(context, client)
        membership = membership_in(context.store)
        if membership is not None and membership.device_id != client.device_id:
            part_ways(context, "The circle is at another trainer. This device is on its own.")
            membership = None
        if membership is None:
            return Place() if was_in_one else context.place
        state = client.circle()
        self._remove(membership, state)
        self._greet(membership, state)
        self._read_mail()
        return self._present.place

    def patience_s(self) -> float:
        """Return for how long this device leaves it to others to replace old keys."""
        membership = membership_in(self._context.store)
        return 0.0 if membership is None else PATIENCE_S * membership.rank

    def awaits_keys(self) -> bool:
        """Return whether it is still for another device to make new keys, after somebody has left."""
        membership = membership_in(self._context.store)
        if membership is None or not membership.waiting_since:
            return False
        waited_s = self._context.environment.clock() - membership.waiting_since
        return waited_s < PATIENCE_S * membership.rank

    def tell(self, key_id: str) -> None:
        """See that every member has this key set, which the trainer holds."""
        if membership_in(self._context.store) is None:
            return
        if self._present.key_id != key_id:
            self._new_epoch(key_id)
        show_card(self._context, self._client)
        for member in sorted(set(self._present.members) - set(self._present.told)):
            letter = letter_for(self._context, self._present, member)
            try:
                self._client.put_mail(member, seal_mail(self._present, letter))
            except Refused as error:
                if error.code is not ErrorCode.MEMBER_UNKNOWN:
                    raise
                continue  # gone since the roster was read; the next sync sees it
            self._keep(replace(self._present, told=(*self._present.told, member)))

    @property
    def _present(self) -> Membership:
        membership = membership_in(self._context.store)
        if membership is None:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the circle")
        return membership

    def _keep(self, membership: Membership) -> None:
        keep_membership(self._context.store, membership)

    def _remove(self, membership: Membership, state: Circle) -> None:
        """Have the trainer let go of whom the user removed, if that has not worked yet."""
        for member in state.members:
            if member.device_id in membership.removed:
                self._client.remove_member(member.device_id)

    def _greet(self, membership: Membership, state: Circle) -> None:
        """Note who is there: new devices that know the card key, and those that are there no longer."""
        there = [member for member in state.members if member.device_id not in membership.removed]
        names = [member.device_id for member in there]
        known = {name: one for name, one in membership.members.items() if name in names}
        known[membership.device_id] = membership.own
        gone = len(membership.members) - len(known)
        for member in there:
            if member.device_id not in known:
                card = open_card(membership, member.device_id, member.card)
                if card is not None:
                    known[member.device_id] = card
        come = len(known) + gone - len(membership.members)
        rank = names.index(membership.device_id) if membership.device_id in names else 0
        present = replace(
            membership,
            members=known,
            told=tuple(name for name in membership.told if name in known),
            rank=rank,
            count=max(len(names), rank + 1),
        )
        with self._context.store.transaction():
            if gone:
                present = self._departed(present, gone)
            self._keep(present)
            if come:
                self._ledger(LedgerKind.MEMBER_JOINED, f"{_devices(come)} joined the circle.")

    def _departed(self, present: Membership, gone: int) -> Membership:
        self._ledger(
            LedgerKind.MEMBER_LEFT, f"{_devices(gone)} left the circle. New keys take the place of these."
        )
        if present.key_id and present.key_id not in self._life.retired():
            self._life.retire(present.key_id)
            present = replace(present, waiting_since=self._context.environment.clock())
        return replace(present, renew=True)

    def _read_mail(self) -> None:
        for _ in range(_MAX_LETTERS):
            mail = self._client.mail()
            if mail is None:
                return
            try:
                letter = open_mail(self._present, mail.sender, mail.package)
            except Untrusted:
                self._ledger(LedgerKind.LETTER_DROPPED, "What came for this device was not from its circle.")
            else:
                self._follow(letter)
            self._client.drop_mail(mail)

    def _follow(self, letter: Letter) -> None:
        """Take over the keys in a letter, if they are newer; of two that were made at once, one wins."""
        present = self._present
        if (letter.epoch, letter.key_id) <= (present.epoch, present.key_id):
            return
        if letter.plan_hash != self._context.cipher.plan_hash():
            raise Outdated(ErrorCode.CIRCLE_MISMATCH)
        same_card_key = letter.key == present.key
        members = {**letter.members, present.device_id: present.own}
        follower = replace(
            present,
            key=letter.key,
            members=members,
            told=tuple(members),
            removed=present.removed if same_card_key else (),
            renew=False,
            waiting_since=0.0,
            has_card=present.has_card and same_card_key,
        )
        text = "New keys came from another device of the circle."
        adopt(self._context, letter, follower, LedgerKind.KEYS_RECEIVED, text)

    def _new_epoch(self, key_id: str) -> None:
        """Note that this device has made new keys, and that nobody else has them yet."""
        present = self._present
        self._keep(
            replace(
                present,
                key=new_key().hex() if present.renew else present.key,
                epoch=present.epoch + 1,
                key_id=key_id,
                told=(present.device_id,),
                removed=() if present.renew else present.removed,
                renew=False,
                waiting_since=0.0,
                has_card=present.has_card and not present.renew,
            )
        )

    def _ledger(self, kind: LedgerKind, text: str) -> None:
        self._context.store.write_ledger(self._context.environment.clock(), kind, text)


def _devices(number: int) -> str:
    return "A device" if number == 1 else f"{number} devices"
