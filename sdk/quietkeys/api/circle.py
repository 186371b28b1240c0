"""The circle of an open profile: one person's devices that share a key set and learn from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietkeys.api.open_profile import OpenProfile
from quietkeys.sync.circle.invitation import LASTS_S, Invitation, Secret
from quietkeys_protocol.errors import ErrorCode, Refused

if TYPE_CHECKING:
    from quietkeys.api.trainer_link import TrainerLink
    from quietkeys.sync.circle.membership import Membership


@dataclass(frozen=True, slots=True)
class CircleMember:
    """A device of the circle. name: what its user calls it, "" where it has none or cannot be known."""

    device_id: str
    name: str
    is_this_device: bool


class Circle:
    """The devices of one person. Reached by `Personalizer.circle`.

    They share a key set, and each sends its own counts under it; the trainer adds up the latest of all of
    them. What they tell each other goes through the trainer, which cannot read it. Everything here but a
    look at an invitation's text needs the trainer, and what `sync` needs: a consent on record first of all.
    All methods raise as `Personalizer.sync` does.
    """

    def __init__(self, opened: OpenProfile, link: TrainerLink) -> None:
        self._opened = opened
        self._link = link

    def invite(self, name: str = "") -> Invitation:
        """Make an invitation for one more device; return its text, to be shown as it is or as a QR code.

        name: what the user calls this device, if this is its first invitation. The invitation is good for one
        device and 15 minutes; whoever reads its text can join and read what is sent under the keys, so it is
        for the user's own eyes. Raises Refused: KEYS_STALE before a first sync and while keys are about to be
        replaced, INVITATIONS_FULL, CIRCLE_FULL.
        """
        from quietkeys.sync.circle.attendance import Attendance
        from quietkeys.sync.circle.moving import invite

        with self._link.talk() as (context, client):
            Attendance(context, client).attend()
            secret = invite(context, client, name)
            return Invitation(secret.text, self._opened.environment.clock() + LASTS_S)

    def join(self, invitation: str, name: str = "") -> None:
        """Join the circle of the device that shows this invitation, and use its keys from now on.

        invitation: the text. name: what the user calls this device. What was learned here stays; a report
        under way is dropped. If the trainer cannot be reached, the next `join` or `sync` goes on. Raises
        Refused: INVITATION_MALFORMED, CIRCLE_JOINED if this device shares its keys already,
        INVITATION_UNKNOWN, INVITATION_REFUSED, CIRCLE_FULL; Untrusted (LETTER_UNTRUSTED); Outdated
        (CIRCLE_MISMATCH) if the devices have different bundles.
        """
        from quietkeys.sync.circle.membership import membership_in
        from quietkeys.sync.circle.moving import begin_joining, finish_joining

        secret, store = Secret.parse(invitation), self._opened.profile.store
        with self._link.talk() as (context, client):
            membership = membership_in(store)
            if membership is not None and len(membership.members) > 1:
                raise Refused(ErrorCode.CIRCLE_JOINED)
            begin_joining(context, secret, name)
            finish_joining(context, client)

    def members(self) -> tuple[CircleMember, ...]:
        """Return the devices of the circle as the trainer knows them now; none if this device is in none."""
        from quietkeys.sync.circle.attendance import Attendance
        from quietkeys.sync.circle.membership import membership_in

        store = self._opened.profile.store
        if membership_in(store) is None:
            return ()
        with self._link.talk() as (context, client):
            Attendance(context, client).attend()
            membership = membership_in(store)
            if membership is None:
                return ()
            ids = [member.device_id for member in client.circle().members]
            return tuple(_member(membership, device_id) for device_id in ids)

    def leave(self) -> None:
        """Leave the circle: this device gets keys of its own, and so do those that stay, at their next sync.

        If the trainer cannot be reached, the next sync goes on. Does nothing if this device is in none.
        """
        from quietkeys.sync.circle.membership import membership_in
        from quietkeys.sync.circle.moving import begin_leaving, finish_leaving

        if membership_in(self._opened.profile.store) is None:
            return
        with self._link.talk() as (context, client):
            begin_leaving(context)
            finish_leaving(context, client)

    def remove(self, device_id: str) -> None:
        """Put a device out of the circle; at the next sync this device makes new keys for those that stay.

        For a device that is lost or sold, too. If the trainer cannot be reached, the next sync asks again.
        Raises Refused (MEMBER_UNKNOWN).
        """
        from quietkeys.sync.circle.moving import remove

        with self._link.talk() as (context, client):
            remove(context, client, device_id)


def _member(membership: Membership, device_id: str) -> CircleMember:
    known = membership.members.get(device_id)
    return CircleMember(device_id, "" if known is None else known.name, device_id == membership.device_id)
